"""The run failure sensor: one alert for each run that failed, none for what failed on purpose."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin

from dq_assets.orchestration import build_defs
from dq_assets.records.alerts import AlertSource
from dq_assets.records.enums import Severity
from dq_assets.steps.context import StepContext
from dq_assets.steps.provision import provision
from dq_assets.steps.register import register

from .conftest import DAYS, land_day, make_project
from .test_definitions import NOW
from .ticks import tick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_assets.records.alerts import Alert
    from dq_assets.settings import Settings

NAME = "dq_run_failures"
PROFILE_RUN = dg.AssetKey(["dq", "sales", "profile_run"])


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as made:
        yield made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = make_project(tmp_path, fail_run_on="error")
    register(StepContext.open(made), "sales", NOW)
    return made


def alerts(settings: Settings) -> list[Alert]:
    return StepContext.open(settings).store.alerts("default")


def fail_by_a_bad_tag(instance: dg.DagsterInstance, definitions: dg.Definitions, **tags: str) -> dg.ExecuteInProcessResult:
    job = definitions.resolve_job_def("sales_learn")
    result = job.execute_in_process(instance=instance, asset_selection=[PROFILE_RUN], tags={"dq/as_of": "yesterday", **tags}, raise_on_error=False)
    assert not result.success
    return result


def test_a_failed_run_is_told_of_once_with_its_clear_error_and_its_next_try_is_the_same_alert(instance, settings) -> None:
    definitions = build_defs(settings)
    root = fail_by_a_bad_tag(instance, definitions)
    first = tick(instance, definitions, NAME)
    (alert,) = alerts(settings)
    assert (alert.source_type, alert.severity, alert.source_ref) == (AlertSource.RUN_FAILURE, Severity.ERROR, root.run_id)
    assert alert.title == "sales: run of sales_learn failed"
    assert alert.details.startswith("DQ-TAG-001: run tag cannot be read")
    assert first.skip_message == "1 new alerts."
    fail_by_a_bad_tag(instance, definitions, **{"dq/redo_of": root.run_id})
    assert tick(instance, definitions, NAME, first.cursor).skip_message == "No run failed."
    assert alerts(settings) == [alert]


def test_a_run_that_fail_run_on_failed_is_told_of_by_its_tests_only(instance, settings, tmp_path) -> None:
    definitions = build_defs(settings)
    learned = definitions.resolve_job_def("sales_learn").execute_in_process(instance=instance, tags={"dq/as_of": "2024-03-31T06:00:00+00:00"})
    assert learned.success
    land_day(tmp_path, DAYS, broken=True)
    judged = definitions.resolve_job_def("sales_validate").execute_in_process(
        instance=instance, tags={"dq/as_of": "2024-04-01T06:00:00+00:00"}, raise_on_error=False
    )
    assert not judged.success
    tick(instance, definitions, NAME)
    assert {alert.source_type for alert in alerts(settings)} == {AlertSource.TEST_FAILURE}
    tags = instance.get_run_by_id(judged.run_id).tags
    assert (tags["dq/batch"], tags["dq/judged"]) == ("2024-03-31", "2024-03-31")


def started(instance: dg.DagsterInstance, definitions: dg.Definitions) -> dg.DagsterRun:
    job = definitions.resolve_job_def("sales_learn")
    return instance.create_run_for_job(job, tags=job.tags, status=dg.DagsterRunStatus.STARTED)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (RunFailureReason.UNEXPECTED_TERMINATION, "The process that worked on this run is gone: it was killed, or its machine was restarted. It is run again"),
        (RunFailureReason.START_TIMEOUT, "Run timed out due to taking longer than 300 seconds to start."),
    ],
)
def test_a_run_that_no_step_failed_is_told_of_by_why_it_was_closed(instance, settings, reason, said) -> None:
    definitions = build_defs(settings)
    run = started(instance, definitions)
    instance.report_run_failed(run, "Run timed out due to taking longer than 300 seconds to start.", JobFailureData(error=None, failure_reason=reason))
    tick(instance, definitions, NAME)
    assert [alert.details.startswith(said) for alert in alerts(settings)] == [True]


def test_runs_of_others_and_runs_that_succeeded_are_not_told_of(instance, settings) -> None:
    definitions = build_defs(settings)

    @dg.asset
    def theirs() -> None:
        raise ValueError

    dg.materialize([theirs], instance=instance, tags={"dq/table_group": "theirs"}, raise_on_error=False)
    assert tick(instance, definitions, NAME).skip_message == "No run failed."
    assert alerts(settings) == []


def test_an_alert_that_could_not_be_stored_is_stored_at_a_later_tick(instance, tmp_path) -> None:
    settings = make_project(tmp_path)
    with pytest.warns(UserWarning, match="not registered yet"):
        definitions = build_defs(settings)
    instance.report_run_failed(started(instance, definitions), "It failed.")
    first = tick(instance, definitions, NAME)
    assert str(first.skip_message).startswith("DQ-STORE-004")
    provision(StepContext.open(settings), datetime.now(UTC))
    tick(instance, definitions, NAME, first.cursor)
    assert len(alerts(settings)) == 1


def test_a_failure_that_is_written_late_is_not_missed(instance, settings) -> None:
    """The cursor is the moment of the newest failure; one of a moment before may be written after."""
    definitions = build_defs(settings)
    late, early = started(instance, definitions), started(instance, definitions)
    instance.report_run_failed(early, "It failed.")
    cursor = tick(instance, definitions, NAME).cursor
    before = datetime.fromisoformat(str(cursor)).timestamp() - 1
    message = dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, late.job_name, message="It failed.", event_specific_data=JobFailureData(None))
    instance.report_dagster_event(message, late.run_id, timestamp=before)
    tick(instance, definitions, NAME, cursor)
    assert {alert.source_ref for alert in alerts(settings)} == {early.run_id, late.run_id}


def test_dagsters_own_sensor_sees_no_run_of_its_command_line(instance, settings) -> None:
    """A characterization: a run failure sensor in a code location passes over runs that no code location was asked for, as `dagster job execute` makes."""
    seen = []

    @dg.run_failure_sensor
    def theirs(context: dg.RunFailureSensorContext) -> None:
        seen.append(context.dagster_run.run_id)

    definitions = build_defs(settings)

    def look(cursor: str | None, origin: GrpcServerCodeLocationOrigin | None) -> str | None:
        context = dg.SensorEvaluationContext(
            instance_ref=None, instance=instance, last_tick_completion_time=None, last_run_key=None, cursor=cursor, repository_name=None,
            code_location_origin=origin, repository_def=definitions.get_repository_def(),
        )  # fmt: skip
        return theirs.evaluate_tick(context).cursor

    here = GrpcServerCodeLocationOrigin(host="localhost", port=1, location_name="here")
    first = fail_by_a_bad_tag(instance, definitions)
    begun = look(None, here)
    second = fail_by_a_bad_tag(instance, definitions)
    look(begun, here)
    assert seen == []
    look(begun, None)
    assert seen == [second.run_id] != [first.run_id]
