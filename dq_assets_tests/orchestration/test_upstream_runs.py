"""What Dagster says of its runs' processes, which ``workers.py`` and ``upkeep.py`` read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason

if TYPE_CHECKING:
    from pathlib import Path


@dg.asset
def anything() -> None:
    pass


@pytest.fixture
def instance(tmp_path: Path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def test_the_process_of_a_run_is_named_by_its_events(instance) -> None:
    """A characterization: the run's start carries the process id, and so does the metadata of the engine event of whoever works on the whole run."""
    result = dg.materialize([anything], instance=instance)
    (begun,) = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.RUN_START)
    assert begun.get_dagster_event().pid == os.getpid()
    engine = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    named = {event.get_dagster_event().engine_event_data.metadata["pid"].value for event in engine if event.step_key is None}
    assert named == {str(os.getpid())}


def test_only_sqlite_keeps_a_file_of_events_for_each_run(instance) -> None:
    """A characterization: hence a sharded event log is SQLite, which is of one machine."""
    assert instance.event_log_storage.is_run_sharded
    with dg.DagsterInstance.ephemeral() as in_memory:
        assert not in_memory.event_log_storage.is_run_sharded


def test_why_a_run_failed_is_a_tag_and_a_run_closed_from_outside_has_none(instance) -> None:
    """A characterization: a redo depends on why a run failed, and Dagster's own code server gives no reason when its child died."""
    job = dg.define_asset_job("job", selection=[anything])
    made = dg.Definitions([anything], jobs=[job]).resolve_job_def("job")
    outside, stopped = (instance.create_run_for_job(made, status=dg.DagsterRunStatus.STARTED) for _ in range(2))
    instance.report_run_failed(outside)
    instance.report_run_failed(stopped, "It was stopped.", JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION))
    tags = [instance.get_run_by_id(run.run_id).tags.get("dagster/failure_reason") for run in (outside, stopped)]
    assert tags == [None, "UNEXPECTED_TERMINATION"]


def test_runs_changed_after_a_moment_come_in_the_order_of_their_change(instance) -> None:
    """A characterization: the upkeep sensors go through failed runs by this order, and keep the last moment as their cursor."""
    job = dg.define_asset_job("job", selection=[anything])
    made = dg.Definitions([anything], jobs=[job]).resolve_job_def("job")
    first, second, third = (instance.create_run_for_job(made, status=dg.DagsterRunStatus.STARTED) for _ in range(3))
    for run in (third, first, second):
        instance.report_run_failed(run)

    def failed(**filters):
        found = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], **filters), order_by="update_timestamp", ascending=True)
        return [(record.dagster_run.run_id, record.update_timestamp) for record in found]

    (oldest, moment), *later = failed()
    assert (oldest, [run_id for run_id, _ in later]) == (third.run_id, [first.run_id, second.run_id])
    assert failed(updated_after=moment) == later
