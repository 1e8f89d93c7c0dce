"""What a group's definitions hold, before anything runs."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dq_assets.errors import ConfigError
from dq_assets.orchestration import build_defs
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

if TYPE_CHECKING:
    from dq_assets.settings import Settings

NOW = datetime(2024, 4, 1, 6, tzinfo=UTC)
CHECKS = ["accuracy", "completeness", "consistency", "freshness", "hygiene", "schema", "timeliness", "uniqueness", "validity", "volume"]


def test_a_group_has_its_tables_its_five_assets_and_ten_checks_a_table(project: Settings) -> None:
    register(StepContext.open(project), "sales", NOW)
    definitions = build_defs(project)
    graph = definitions.resolve_asset_graph()
    assert sorted(key.to_user_string() for key in graph.get_all_asset_keys()) == [
        "dq/metadata_schema",
        "dq/sales/alerts",
        "dq/sales/profile_run",
        "dq/sales/table_group",
        "dq/sales/test_results",
        "dq/sales/test_suite",
        "landing/main/customers",
        "landing/main/orders",
    ]
    orders = dg.AssetKey(["landing", "main", "orders"])
    assert sorted(key.name for key in graph.asset_check_keys if key.asset_key == orders) == [f"dq_{name}" for name in CHECKS]
    assert len(graph.asset_check_keys) == 20


def test_the_lineage_is_one_graph_from_schema_to_alerts(project: Settings) -> None:
    register(StepContext.open(project), "sales", NOW)
    graph = build_defs(project).resolve_asset_graph()
    chain = ["metadata_schema", "sales/table_group", "sales/profile_run", "sales/test_suite", "sales/test_results", "sales/alerts"]
    for upstream, downstream in pairwise(chain):
        assert dg.AssetKey(["dq", *upstream.split("/")]) in graph.get(dg.AssetKey(["dq", *downstream.split("/")])).parent_keys


def test_the_two_jobs_select_learning_and_validation(project: Settings) -> None:
    register(StepContext.open(project), "sales", NOW)
    definitions = build_defs(project)
    learn, validate = definitions.resolve_job_def("sales_learn"), definitions.resolve_job_def("sales_validate")
    assert {key.path[-1] for key in learn.asset_layer.executable_asset_keys if key in learn.asset_layer.selected_asset_keys} == {
        "metadata_schema",
        "table_group",
        "profile_run",
        "test_suite",
    }
    assert {key.name for key in learn.asset_layer.asset_graph.asset_check_keys} == {"dq_hygiene"}
    assert "dq_hygiene" not in {key.name for key in validate.asset_layer.asset_graph.asset_check_keys}


def test_schedules_follow_the_groups_cron_and_timezone(project: Settings) -> None:
    register(StepContext.open(project), "sales", NOW)
    schedules = {schedule.name: schedule for schedule in build_defs(project).schedules or []}
    assert set(schedules) == {"sales_learn_schedule", "sales_validate_schedule"}
    assert schedules["sales_validate_schedule"].cron_schedule == "0 6 * * *"


def test_a_group_that_was_never_registered_loads_with_a_warning_and_without_tables(project: Settings) -> None:
    with pytest.warns(UserWarning, match="'sales' is not registered yet"):
        graph = build_defs(project).resolve_asset_graph()
    assert dg.AssetKey(["dq", "sales", "table_group"]) in graph.get_all_asset_keys()
    assert not graph.asset_check_keys


def test_two_groups_on_one_table_are_an_error_that_names_both(project: Settings) -> None:
    twice = project.model_copy(update={"table_groups": {**project.table_groups, "again": project.table_groups["sales"]}})
    for name in twice.table_groups:
        register(StepContext.open(twice), name, NOW)
    with pytest.raises(ConfigError, match=r"DQ-CONF-020: landing/main/customers is in two groups, 'sales' and 'again'"):
        build_defs(twice)


def test_source_tables_show_columns_and_physical_name(project: Settings) -> None:
    register(StepContext.open(project), "sales", NOW)
    graph = build_defs(project).resolve_asset_graph()
    metadata = graph.get(dg.AssetKey(["landing", "main", "orders"])).metadata
    assert [column.name for column in metadata["dagster/column_schema"].columns] == ["order_id", "customer", "amount", "status", "ordered_at"]
    assert metadata["dagster/table_name"] == "main.orders"


def test_a_check_spec_does_not_take_an_asset_spec() -> None:
    """A characterization: checks are attached by key."""
    with pytest.raises(Exception, match=r"AssetKey|asset_key|tuple"):
        dg.AssetCheckSpec("a", asset=dg.AssetSpec("t"))  # type: ignore[arg-type]
