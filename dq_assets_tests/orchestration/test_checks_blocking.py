"""Groups that block: a fatal failure holds back what comes after the tables, and nothing milder does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dq_assets.orchestration.check_results import NO_FATAL_TEST

from .learned_sales import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_assets.records.tests import TestRun

    from .learned_sales import Published, Sales

GATE = "dq_fatal"


@dg.asset(deps=[ORDERS])
def revenue() -> None:
    """What somebody makes of the orders."""


def everything(project: Sales) -> dg.AssetSelection:
    """Return what validation selects, and what comes after the orders."""
    own = dg.AssetSelection.assets(*(dg.AssetKey(["dq", "sales", name]) for name in ("test_results", "alerts")), revenue)
    return own | (dg.AssetSelection.all_asset_checks() - dg.AssetSelection.checks(*hygiene(project)))


def hygiene(project: Sales) -> list[dg.AssetCheckKey]:
    return [key for key in project.definitions().resolve_asset_graph().asset_check_keys if key.name == "dq_hygiene"]


def validated(project: Sales, tags: dict[str, str] | None = None) -> Published:
    return project.run(project.definitions(dg.Definitions(assets=[revenue])), everything(project), tags=tags)


def whole_run(project: Sales) -> TestRun:
    run = project.store.latest_test_run(project.group_id)
    assert run is not None
    return run


def times_tested(project: Sales, published: Published) -> int:
    """Return how often the run tested the orders."""
    return sum("testing main.orders" in entry.user_message for entry in project.instance.all_logs(published.result.run_id))


@pytest.mark.parametrize(
    ("blocking", "severity", "colour", "holds_back"),
    [
        ("never", "warning", "WARN", False),
        ("never", "error", "ERROR", False),
        ("never", "fatal", "ERROR", False),
        ("fatal", "warning", "WARN", False),
        ("fatal", "error", "ERROR", False),
        ("fatal", "fatal", "ERROR", True),
    ],
)
def test_only_a_fatal_failure_of_a_group_that_blocks_holds_anything_back(
    sales: Callable[..., Sales], blocking: str, severity: str, colour: str, holds_back: bool
) -> None:
    project = sales(blocking=blocking)
    lov = project.bound_with(severity)
    project.land(broken=True)
    published = validated(project)
    assert published.success is not holds_back
    assert ("revenue" in published.materialized) is not holds_back
    assert ("dq/sales/test_results" in published.materialized) is not holds_back
    assert published.of("dq_validity").severity.value == colour
    assert published.failed == {("orders", "dq_validity"), *([("orders", GATE)] if holds_back else [])}
    assert published.of("dq_volume").passed, "the other checks are recorded too"
    assert ((("orders", GATE) in published.checks), published.of("dq_validity").metadata["severity"].value) == (blocking == "fatal", severity)
    assert [alert.severity.value for alert in project.store.alerts("default")] == [severity], "held back or not, it is told once"
    assert project.alarms(whole_run(project).test_run_id) == {lov.test_id}
    assert times_tested(project, published) == 1, "what the checks judged is read back"


def test_a_run_that_was_held_back_judges_again_when_it_runs_again(sales: Callable[..., Sales]) -> None:
    project = sales(blocking="fatal")
    project.bound_with("fatal")
    project.land(broken=True)
    assert not validated(project, tags={"dq/run_token": "once"}).success
    first = whole_run(project)
    project.land(broken=False)
    again = validated(project, tags={"dq/run_token": "once"})
    assert again.success
    assert {"revenue", "dq/sales/alerts"} <= again.materialized
    assert whole_run(project).test_run_id == first.test_run_id
    assert not project.alarms(first.test_run_id)


def test_a_job_of_ones_own_is_held_back_by_the_checks_of_its_tables_alone(sales: Callable[..., Sales]) -> None:
    project = sales(blocking="fatal")
    lov = project.bound_with("fatal")
    project.land(broken=True)
    definitions = project.definitions(dg.Definitions(assets=[revenue]))
    published = project.run(definitions, dg.AssetSelection.assets(revenue) | dg.AssetSelection.checks(dg.AssetCheckKey(ORDERS, GATE)))
    assert not published.success
    assert not published.materialized
    assert {item.test_id for item in project.store.test_results(published.value(GATE, "test_run_id"))} == {lov.test_id}
    assert [alert.severity.value for alert in project.store.alerts("default")] == ["fatal"]
    assert project.store.latest_test_run(project.group_id) is None


def test_the_batches_of_a_run_that_was_held_back_are_written_on_it(sales: Callable[..., Sales]) -> None:
    project = sales(blocking="fatal")
    project.bound_with("fatal")
    project.land(broken=True)
    published = validated(project)
    run = project.instance.get_run_by_id(published.result.run_id)
    assert run is not None
    assert run.tags["dq/batch"] == "2024-03-31"


def test_a_batch_that_is_chosen_in_the_ui_is_what_the_checks_judge(sales: Callable[..., Sales]) -> None:
    project = sales(blocking="fatal")
    project.bound_with("fatal")
    project.land(broken=True)
    earlier = project.run(project.definitions(), partition_key="2024-03-20")
    assert earlier.success
    assert {item.batch_key for item in project.store.test_results(whole_run(project).test_run_id)} == {"2024-03-20", None}
    assert not project.run(project.definitions(), partition_key="2024-03-31").success


def test_a_muted_fatal_test_holds_nothing_back(sales: Callable[..., Sales]) -> None:
    project = sales(blocking="fatal")
    lov = project.bound_with("fatal")
    project.edit(lov, muted_until=datetime(2999, 1, 1, tzinfo=UTC))
    project.land(broken=True)
    published = validated(project)
    assert published.success
    assert "revenue" in published.materialized
    assert published.of(GATE).passed


def test_a_table_without_a_fatal_test_lets_everything_pass_and_says_why(sales: Callable[..., Sales]) -> None:
    project = sales(blocking="fatal")
    definitions = project.definitions()
    alone = project.run(definitions, dg.AssetSelection.checks(dg.AssetCheckKey(ORDERS, GATE)))
    assert alone.of(GATE).passed
    assert alone.of(GATE).description == NO_FATAL_TEST


def test_what_holds_back_comes_first_and_only_it_is_blocking(sales: Callable[..., Sales]) -> None:
    definitions = sales(blocking="fatal").definitions()
    assert definitions.resolve_implicit_global_asset_job_def(), "all of it fits one job"
    graph = definitions.resolve_asset_graph()
    specs = [graph.get(key) for key in graph.asset_check_keys if key.name != "dq_hygiene"]
    assert {node.key.name for node in specs if node.blocking} == {GATE}
    assert all(dg.AssetKey(["dq", "sales", "test_results"]) not in node.parent_entity_keys for node in specs)


def test_one_check_that_blocks_lets_the_others_of_its_step_say_error() -> None:
    """A characterization: a failed check that does not block holds nothing back, even beside one that does; all results of the step are recorded."""
    source = dg.AssetSpec("orders")

    def run(*, passes: bool) -> tuple[bool, int, set[str]]:
        @dg.multi_asset_check(specs=[dg.AssetCheckSpec("a", asset=source.key), dg.AssetCheckSpec("b", asset=source.key, blocking=True)])
        def checks():
            yield dg.AssetCheckResult(check_name="b", asset_key=source.key, passed=passes)
            yield dg.AssetCheckResult(check_name="a", asset_key=source.key, passed=False)

        @dg.asset(deps=[source])
        def after() -> None: ...

        job = dg.Definitions(assets=[source, after], asset_checks=[checks]).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(raise_on_error=False)
        return result.success, len(result.get_asset_check_evaluations()), {str(event.asset_key.path[-1]) for event in result.get_asset_materialization_events()}

    assert run(passes=True) == (True, 2, {"after"})
    assert run(passes=False) == (False, 2, set())
