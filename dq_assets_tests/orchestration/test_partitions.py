"""Batches as partitions: any past batch can be judged and profiled from the UI, a range of them in one run."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dq_assets.orchestration import build_defs
from dq_assets.orchestration.factory import group_graph
from dq_assets.orchestration.requests import partitions_of_batches
from dq_assets.records.batches import BatchSpec, Grain
from dq_assets.records.table_list import read_table_list
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

from .conftest import DAYS, land_day, make_project
from .test_definitions import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_assets.settings import Settings

RANGE = {"dagster/asset_partition_range_start": "2024-03-05", "dagster/asset_partition_range_end": "2024-03-08"}


class Learned:
    """A project learned as of 31 March, with a broken day after it, on an instance of its own."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.settings: Settings = make_project(folder)
        self.steps = StepContext.open(self.settings)
        register(self.steps, "sales", NOW)
        self.definitions = build_defs(self.settings)
        self.learning = self.run("sales_learn", tags={"dq/as_of": "2024-03-31T06:00:00+00:00"})
        land_day(folder, DAYS, broken=True)

    def run(self, job: str, *, partition: str | None = None, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(instance=self.instance, partition_key=partition, tags=tags)

    def judged(self, result: dg.ExecuteInProcessResult) -> set[str | None]:
        metadata = result.asset_materializations_for_node("dq__sales__test_results")[-1].metadata
        return {item.batch_key for item in self.steps.store.test_results(str(metadata["test_run_id"].value)) if item.batch_key}

    def shown(self, asset: str) -> set[str]:
        return set(self.instance.get_materialized_partitions(dg.AssetKey(["dq", "sales", asset])))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learned]:
    folder = tmp_path_factory.mktemp("partitions")
    (folder / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(folder / "instance")) as instance:
        yield Learned(folder, instance)


def test_partitions_begin_with_the_oldest_batch_in_the_groups_grain_and_zone(project: Settings) -> None:
    register(StepContext.open(project), "sales", NOW)
    graph = group_graph(project, "sales")
    assert graph.partitions is not None
    assert graph.partitions.get_first_partition_key() == "2024-03-01"
    assert str(graph.partitions.timezone) == project.table_groups["sales"].timezone
    definitions = build_defs(project)
    partitioned = {key.path[-1] for key in definitions.resolve_asset_graph().get_all_asset_keys() if definitions.resolve_asset_graph().get(key).is_partitioned}
    assert partitioned == {"profile_run", "test_results"}


def test_a_group_of_whole_tables_has_no_partitions(project: Settings) -> None:
    whole = project.table_groups["sales"].model_copy(update={"tables": {}})
    settings = project.model_copy(update={"table_groups": {"sales": whole}})
    register(StepContext.open(settings), "sales", NOW)
    assert group_graph(settings, "sales").partitions is None


def test_a_learned_group_shows_the_batches_it_profiled(learned: Learned) -> None:
    assert learned.shown("profile_run") == {f"2024-03-{day:02}" for day in range(1, DAYS + 1)}


def test_one_chosen_batch_is_judged_and_no_other(learned: Learned) -> None:
    result = learned.run("sales_validate", partition="2024-03-31")
    assert learned.judged(result) == {"2024-03-31"}
    failed = {item.check_name for item in result.get_asset_check_evaluations() if not item.passed}
    assert "dq_validity" in failed
    assert "2024-03-31" in learned.shown("test_results")


def test_a_range_is_judged_in_one_run(learned: Learned) -> None:
    before = len(learned.instance.get_runs())
    result = learned.run("sales_validate", tags=RANGE)
    assert len(learned.instance.get_runs()) == before + 1
    assert learned.judged(result) == {"2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08"}
    assert learned.shown("test_results") >= {"2024-03-05", "2024-03-08"}


def test_a_range_is_profiled_again_and_only_that_range(learned: Learned) -> None:
    def profiled_by() -> Counter[str]:
        return Counter(key for run in learned.instance.get_runs() for key in learned.steps.store.batches_of_profile(_profile_run_id(learned, run.run_id) or ""))

    before = profiled_by()
    assert learned.run("sales_learn", tags=RANGE).success
    assert profiled_by() - before == Counter(["2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08"])


def _profile_run_id(learned: Learned, run_id: str) -> str | None:
    records = learned.instance.fetch_materializations(dg.AssetKey(["dq", "sales", "profile_run"]), limit=1000).records
    found = [item.asset_materialization for item in records if item.run_id == run_id and item.asset_materialization]
    return next((str(item.metadata["profile_run_id"].value) for item in found if "profile_run_id" in item.metadata), None)


def test_a_backfill_of_a_range_is_one_run(learned: Learned) -> None:
    graph = learned.definitions.resolve_asset_graph()
    for name in ("profile_run", "test_results"):
        policy = graph.get(dg.AssetKey(["dq", "sales", name])).backfill_policy
        assert policy is not None
        assert policy.policy_type.value == "SINGLE_RUN"


def test_a_run_that_judges_what_is_due_shows_the_batches_it_judged(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as instance:
        fresh = Learned(tmp_path, instance)
        result = fresh.run("sales_validate", tags={"dq/as_of": "2024-04-01T06:00:00+00:00"})
        assert fresh.judged(result) == fresh.shown("test_results") == {"2024-03-31"}


@pytest.mark.parametrize(
    ("grain", "keys", "expected"),
    [
        (Grain.HOUR, ["2024-03-02T05", "2024-02-01T05"], ["2024-03-02-05:00"]),
        (Grain.DAY, ["2024-03-02", "2024-03-02T05"], ["2024-03-02"]),
        (Grain.WEEK, ["2024-W10", "2024-03-05"], ["2024-03-04"]),
        (Grain.MONTH, ["2024-04", "2024-W15", "2024-05-31T23"], ["2024-04-01", "2024-05-01"]),
    ],
)
def test_every_batch_lies_in_a_partition_of_the_coarsest_grain(project: Settings, grain: Grain, keys: list[str], expected: list[str]) -> None:
    register(StepContext.open(project), "sales", NOW)
    listed = read_table_list(project.metadata.folder, "sales")
    assert listed is not None
    tables = tuple(table.model_copy(update={"batch": BatchSpec(column="ordered_at", grain=grain)}) for table in listed.tables)
    graph = group_graph(project, "sales", table_list=listed.model_copy(update={"tables": tables}))
    assert graph.partitions is not None
    found = partitions_of_batches(graph, keys)
    assert found == expected
    assert set(found) <= set(graph.partitions.get_partition_keys(current_time=datetime(2024, 6, 2, tzinfo=UTC)))


def test_old_data_can_be_chosen_however_long_ago_it_came(project: Settings) -> None:
    register(StepContext.open(project), "sales", datetime(2049, 1, 1, tzinfo=UTC))
    graph = group_graph(project, "sales")
    assert graph.partitions is not None
    assert graph.partitions.get_first_partition_key() == "2024-03-01"


def test_a_placeholder_date_does_not_make_a_century_of_partitions(project: Settings, tmp_path: Path) -> None:
    import duckdb

    row = "SELECT 1 AS order_id, 1 AS customer, 1.0 AS amount, 'NEW' AS status, TIMESTAMP '1900-01-01' AS ordered_at"
    duckdb.sql(row).write_parquet(str(tmp_path / "landing" / "orders" / "placeholder.parquet"))
    register(StepContext.open(project), "sales", NOW)
    graph = group_graph(project, "sales")
    assert graph.partitions is not None
    assert len(graph.partitions.get_partition_keys(current_time=NOW)) < 3700
