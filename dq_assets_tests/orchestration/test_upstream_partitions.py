"""What the design leans on in Dagster's partitions: when one of these fails after an upgrade, the design is to be read again."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

RESULTS = dg.AssetKey(["dq", "sales", "test_results"])
DAYS = dg.TimeWindowPartitionsDefinition(start=datetime(2024, 1, 1), cron_schedule="0 0 * * *", fmt="%Y-%m-%d", timezone="America/New_York")  # noqa: DTZ001

# Backfill policies are in beta in Dagster 1.13.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def job() -> dg.JobDefinition:
    """Return a job of a partitioned asset that notes two partitions by itself when none was chosen, and of one behind it."""

    @dg.asset(key=RESULTS, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def results(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        if not context.has_partition_key and not context.has_partition_key_range:
            for key in ("2024-01-05", "2024-01-06"):
                context.log_event(dg.AssetMaterialization(RESULTS, partition=key))
        return dg.MaterializeResult(metadata={"n": 1})

    @dg.asset(deps=[results])
    def alerts() -> None: ...

    return dg.Definitions(assets=[results, alerts], jobs=[dg.define_asset_job("validate", [results, alerts])]).resolve_job_def("validate")


def test_a_partitioned_job_runs_without_a_partition_and_may_note_some_by_itself(instance: dg.DagsterInstance) -> None:
    """A characterization: therefore a sensor asks for what is due and names no batch."""
    assert job().execute_in_process(instance=instance).success
    assert set(instance.get_materialized_partitions(RESULTS)) == {"2024-01-05", "2024-01-06"}


def test_a_range_of_partitions_is_one_run_and_every_partition_of_it_is_noted(instance: dg.DagsterInstance) -> None:
    """A characterization: therefore a backfill of a month is one scan."""
    tags = {"dagster/asset_partition_range_start": "2024-02-03", "dagster/asset_partition_range_end": "2024-02-05"}
    result = job().execute_in_process(instance=instance, tags=tags)
    assert set(instance.get_materialized_partitions(RESULTS)) == {"2024-02-03", "2024-02-04", "2024-02-05"}
    assert result.asset_materializations_for_node("alerts"), "an asset without partitions runs along"


def test_a_schedule_of_a_partitioned_job_asks_for_no_partition(instance: dg.DagsterInstance) -> None:
    """A characterization: therefore the groups' schedules judge what is due."""
    schedule = dg.ScheduleDefinition(name="daily", job=job(), cron_schedule="0 6 * * *")
    tick = schedule.evaluate_tick(dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime(2024, 3, 1, 6, tzinfo=UTC)))
    assert [request.partition_key for request in tick.run_requests or ()] == [None]


def test_windows_follow_the_zone_across_summer_time() -> None:
    """A characterization: therefore a partition is a batch, of 23 hours where a day has 23."""
    window = DAYS.time_window_for_partition_key("2024-03-10")
    assert (window.end.astimezone(UTC) - window.start.astimezone(UTC)).total_seconds() == 23 * 3600
