"""The reconcile sensor on a real instance: which runs it closes, which it leaves, what it asks for again.

The processes are real; what a run's process wrote before it died is written here, so that each moment can be had. ``test_upkeep_kills.py`` kills whole runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData, JobFailureData, RunFailureReason
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher

from dq_assets.orchestration import build_defs
from dq_assets.orchestration.requests import note_judged, run_request
from dq_assets.records.enums import RunStatus
from dq_assets.records.profiles import ProfileRun
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register
from dq_assets.steps.test import test as judge

from .conftest import make_project
from .test_definitions import NOW
from .ticks import create, tick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .arrivals import Arrivals

AS_OF = "2024-03-31T06:00:00+00:00"
KILLED = "The process that worked on this run is gone"


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    folder = tmp_path_factory.mktemp("project")
    settings = make_project(folder)
    register(StepContext.open(settings), "sales", NOW)
    return build_defs(settings)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a new instance: making them anew takes Dagster longer than most of these tests."""
    folder = tmp_path_factory.mktemp("blank")
    with dg.DagsterInstance.local_temp(str(folder)) as made:
        made.get_run_records()
        made.event_log_storage.get_concurrency_keys()
    return folder


@pytest.fixture
def instance(blank: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    shutil.copytree(blank, tmp_path / "instance")
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as made:
        yield made


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives as long as the test lets it."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def start(
    instance: dg.DagsterInstance, definitions: dg.Definitions, pid: int | None, *, job: str = "sales_learn", ago: float = 0, **tags: str
) -> dg.DagsterRun:
    """Return a run that the process ``pid`` said it works on, some seconds ago."""
    made = definitions.resolve_job_def(job)
    given = {"dq/as_of": AS_OF, **{f"dq/{key}": value for key, value in tags.items()}}
    run = instance.create_run_for_job(made, tags={**made.tags, **given}, status=dg.DagsterRunStatus.STARTED)
    if pid is not None:
        speak(instance, run, pid, ago)
    return run


def speak(instance: dg.DagsterInstance, run: dg.DagsterRun, pid: int, ago: float = 0) -> None:
    data = EngineEventData.in_process(pid)
    event = DagsterEvent(DagsterEventType.ENGINE_EVENT.value, run.job_name, event_specific_data=data, message=f"Started process for run (pid: {pid}).")
    instance.report_dagster_event(event, run.run_id, timestamp=time.time() - ago)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def failure_message(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    (event,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return str(event.get_dagster_event().message)


def test_a_run_whose_process_lives_is_left_alone(instance, definitions, worker) -> None:
    run = start(instance, definitions, worker.pid)
    assert tick(instance, definitions, "dq_reconcile").run_requests == []
    assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_a_run_whose_process_was_killed_is_closed_and_asked_for_once_as_the_same_run(instance, definitions, worker) -> None:
    run = start(instance, definitions, worker.pid, trigger="ingestion", batch="2024-03-05..2024-03-07")
    end(worker)
    first = tick(instance, definitions, "dq_reconcile")
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    assert failure_message(instance, run).startswith(KILLED)
    (request,) = first.run_requests
    assert (request.run_key, request.job_name) == (f"redo:{run.run_id}:1", "sales_learn")
    expected = {"dq/run_token": f"dagster:{run.run_id}", "dq/as_of": AS_OF, "dq/trigger": "ingestion", "dq/batch": "2024-03-05..2024-03-07"}
    assert expected.items() <= request.tags.items()
    # Until the run is there, the same is asked for: Dagster knows a run key again.
    assert tick(instance, definitions, "dq_reconcile", first.cursor).run_requests == [request]
    create(instance, definitions, request)
    assert tick(instance, definitions, "dq_reconcile", first.cursor).run_requests == []


def test_a_tick_that_died_after_closing_loses_no_redo(instance, definitions, worker) -> None:
    run = start(instance, definitions, worker.pid)
    end(worker)
    lost = tick(instance, definitions, "dq_reconcile", "2026-01-01T00:00:00+00:00")
    again = tick(instance, definitions, "dq_reconcile", "2026-01-01T00:00:00+00:00")
    assert [request.run_key for request in lost.run_requests] == [request.run_key for request in again.run_requests] == [f"redo:{run.run_id}:1"]


def test_a_run_is_done_again_at_most_twice(instance, definitions) -> None:
    keys = []
    run = start(instance, definitions, None)
    root = run.run_id
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", "pass"])
        process.wait()
        instance.report_dagster_event(DagsterEvent(DagsterEventType.RUN_START.value, run.job_name, message="Started."), run.run_id)
        speak(instance, run, process.pid)
        requests = tick(instance, definitions, "dq_reconcile").run_requests
        assert status(instance, run) is dg.DagsterRunStatus.FAILURE
        keys += [request.run_key for request in requests]
        if not requests:
            break
        run = create(instance, definitions, requests[0])
    assert keys == [f"redo:{root}:1", f"redo:{root}:2"]


def test_a_killed_run_that_was_to_stop_is_cancelled_and_not_done_again(instance, definitions, worker) -> None:
    run = start(instance, definitions, worker.pid)
    instance.report_run_canceling(run)
    end(worker)
    assert tick(instance, definitions, "dq_reconcile").run_requests == []
    assert status(instance, run) is dg.DagsterRunStatus.CANCELED


def test_a_dead_process_that_nobody_buried_is_gone(instance, definitions, worker) -> None:
    run = start(instance, definitions, worker.pid)
    os.kill(worker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    tick(instance, definitions, "dq_reconcile")
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_process_that_only_has_the_number_of_a_runs_process_is_not_its_process(instance, definitions, worker) -> None:
    run = start(instance, definitions, worker.pid, ago=3600)
    tick(instance, definitions, "dq_reconcile")
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_run_of_another_machine_is_left_to_dagster_and_a_signature_that_was_copied_says_nothing(instance, definitions, worker) -> None:
    elsewhere, copied = start(instance, definitions, worker.pid), start(instance, definitions, worker.pid, worker="elsewhere:00000000")
    instance.add_run_tags(elsewhere.run_id, {"dq/worker": f"elsewhere:{elsewhere.run_id[:8]}"})
    end(worker)
    tick(instance, definitions, "dq_reconcile")
    assert status(instance, elsewhere) is dg.DagsterRunStatus.STARTED
    assert status(instance, copied) is dg.DagsterRunStatus.FAILURE


def test_a_run_whose_process_never_spoke_is_left_to_dagster(instance, definitions) -> None:
    run = start(instance, definitions, None)
    tick(instance, definitions, "dq_reconcile")
    assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_runs_of_another_launcher_are_left_to_dagster(tmp_path, definitions, worker) -> None:
    launcher = {"module": SyncInMemoryRunLauncher.__module__, "class": SyncInMemoryRunLauncher.__name__}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides={"run_launcher": launcher}) as instance:
        run = start(instance, definitions, worker.pid)
        end(worker)
        tick(instance, definitions, "dq_reconcile")
        assert status(instance, run) is dg.DagsterRunStatus.STARTED


def fail(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: RunFailureReason | None) -> None:
    instance.report_run_failed(run, "It failed.", JobFailureData(error=None, failure_reason=reason))


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        (RunFailureReason.UNEXPECTED_TERMINATION, True),  # the machine was shut down
        (RunFailureReason.RUN_WORKER_RESTART, True),
        (None, True),  # Dagster's code server saw its child die
        (RunFailureReason.STEP_FAILURE, False),
        (RunFailureReason.RUN_EXCEPTION, False),
        (RunFailureReason.JOB_INITIALIZATION_FAILURE, False),
        (RunFailureReason.START_TIMEOUT, False),
    ],
)
def test_what_dagster_closed_is_done_again_where_its_process_was_cut_off_and_not_where_it_failed_by_itself(instance, definitions, reason, again) -> None:
    run = start(instance, definitions, os.getpid())
    fail(instance, run, reason)
    requests = tick(instance, definitions, "dq_reconcile").run_requests
    assert [request.run_key for request in requests] == ([f"redo:{run.run_id}:1"] if again else [])


def test_a_run_that_was_stopped_at_its_time_limit_or_that_no_process_ever_took_up_is_not_done_again(instance, definitions) -> None:
    slow, never = start(instance, definitions, os.getpid()), start(instance, definitions, None)
    instance.report_run_canceling(slow, "Canceling due to exceeding maximum runtime of 60 seconds.")
    fail(instance, slow, None)
    fail(instance, never, None)
    assert tick(instance, definitions, "dq_reconcile").run_requests == []


def test_what_dagster_or_a_person_runs_again_is_not_asked_for_a_second_time(instance, definitions) -> None:
    by_dagster, by_person = start(instance, definitions, os.getpid()), start(instance, definitions, os.getpid())
    for run in (by_dagster, by_person):
        fail(instance, run, RunFailureReason.UNEXPECTED_TERMINATION)
    instance.add_run_tags(by_dagster.run_id, {"dagster/will_retry": "true"})
    kin = {"dagster/root_run_id": by_person.run_id, "dagster/parent_run_id": by_person.run_id}
    job = definitions.resolve_job_def("sales_learn")
    instance.create_run_for_job(job, tags={**job.tags, **kin}, root_run_id=by_person.run_id, parent_run_id=by_person.run_id)
    assert tick(instance, definitions, "dq_reconcile").run_requests == []


def test_what_was_asked_for_again_under_its_token_is_not_asked_for_a_second_time(instance, definitions) -> None:
    run = start(instance, definitions, os.getpid(), run_token="a1b2")
    fail(instance, run, RunFailureReason.UNEXPECTED_TERMINATION)
    start(instance, definitions, None, run_token="a1b2")
    assert tick(instance, definitions, "dq_reconcile").run_requests == []


def test_the_ingestion_sensor_leaves_killed_runs_to_this_one(instance, definitions) -> None:
    asked = tick(instance, definitions, "sales_ingestion")
    run = create(instance, definitions, asked.run_requests[0])
    speak(instance, run, os.getpid())
    fail(instance, run, RunFailureReason.UNEXPECTED_TERMINATION)
    left = tick(instance, definitions, "sales_ingestion", asked.cursor)
    assert left.run_requests == []
    assert "dq_reconcile runs it again" in str(left.skip_message)
    assert len(tick(instance, definitions, "dq_reconcile").run_requests) == 1


@pytest.mark.parametrize("arrivals", [{"learn_after_validation": True}], indirect=True)
def test_learning_waits_for_the_redo_of_a_validation_that_was_killed_after_its_verdict(arrivals: Arrivals) -> None:
    arrivals.land(31)
    (run,) = arrivals.start()
    judge(arrivals.steps, "sales", run_request(run, arrivals.instance))
    speak(arrivals.instance, run, os.getpid())
    fail(arrivals.instance, run, RunFailureReason.UNEXPECTED_TERMINATION)
    assert not arrivals.tick().run_requests
    (request,) = tick(arrivals.instance, arrivals.definitions, "dq_reconcile").run_requests
    arrivals.work(create(arrivals.instance, arrivals.definitions, request))
    assert arrivals.settle() == ["sales_learn"]


def test_a_run_of_single_assets_is_done_again_by_the_job_that_has_them(instance, definitions) -> None:
    keys = [dg.AssetKey(["dq", "sales", "test_results"]), dg.AssetKey(["dq", "sales", "alerts"])]
    both = [dg.AssetKey(["dq", "sales", "profile_run"]), keys[0]]
    implicit = definitions.resolve_implicit_global_asset_job_def()
    for selection in (keys, both):
        job = implicit.get_subset(asset_selection=set(selection))
        run = instance.create_run_for_job(job, tags={"dq/table_group": "sales"}, asset_selection=frozenset(selection), status=dg.DagsterRunStatus.STARTED)
        speak(instance, run, os.getpid())
        fail(instance, run, RunFailureReason.UNEXPECTED_TERMINATION)
    (request,) = tick(instance, definitions, "dq_reconcile").run_requests
    assert (request.job_name, request.asset_selection) == ("sales_validate", sorted(keys))


def test_a_run_of_a_check_alone_is_done_again_by_the_job_that_has_it(instance, definitions) -> None:
    check = dg.AssetCheckKey(dg.AssetKey(["landing", "main", "orders"]), "dq_validity")
    given = {"status": dg.DagsterRunStatus.STARTED, "tags": {"dq/table_group": "sales"}, "asset_selection": frozenset()}
    run = instance.add_run(dg.DagsterRun(job_name="__ASSET_JOB", asset_check_selection=frozenset({check}), **given))
    speak(instance, run, os.getpid())
    fail(instance, run, RunFailureReason.UNEXPECTED_TERMINATION)
    (request,) = tick(instance, definitions, "dq_reconcile").run_requests
    assert (request.job_name, request.asset_selection, request.asset_check_keys) == ("sales_validate", [], [check])
    again = definitions.resolve_job_def("sales_validate").get_subset(asset_selection=set(), asset_check_selection={check})
    assert [node.name for node in again.nodes] == ["sales_checks"]


def test_a_run_of_another_group_is_not_looked_at(instance, definitions, worker) -> None:
    run = start(instance, definitions, worker.pid, table_group="theirs")
    end(worker)
    tick(instance, definitions, "dq_reconcile")
    assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_the_slots_that_a_killed_run_held_are_free_again(instance, definitions, worker) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("dq_landing", 1)
    run = start(instance, definitions, worker.pid)
    assert storage.claim_concurrency_slot("dq_landing", run.run_id, "dq__sales__profile_run").is_claimed
    end(worker)
    tick(instance, definitions, "dq_reconcile")
    assert storage.get_concurrency_info("dq_landing").active_slot_count == 0


def test_rows_of_runs_that_ended_are_closed_and_rows_of_running_ones_are_not(instance, tmp_path) -> None:
    settings = make_project(tmp_path)
    steps = StepContext.open(settings)
    register(steps, "sales", NOW)
    definitions = build_defs(settings)
    group = steps.group("sales")
    runs = {name: start(instance, definitions, os.getpid()) for name in ("failed", "cancelled", "running")}
    fail(instance, runs["failed"], RunFailureReason.STEP_FAILURE)
    instance.report_run_canceled(runs["cancelled"])
    for name, run in runs.items():
        steps.store.start_profile_run(
            ProfileRun(
                profile_run_id=name,
                project_key=group.project_key,
                table_group_id=group.table_group_id,
                as_of=NOW,
                started_at=NOW,
                profile_version="1",
                dagster_run_id=run.run_id,
            )
        )
    tick(instance, definitions, "dq_reconcile")
    stored = {name: steps.store.profile_run(name) for name in runs}
    assert {name: run.status for name, run in stored.items() if run} == {
        "failed": RunStatus.FAILED,
        "cancelled": RunStatus.CANCELLED,
        "running": RunStatus.RUNNING,
    }


def test_a_project_that_was_never_provisioned_is_looked_after_too(instance, tmp_path, worker) -> None:
    with pytest.warns(UserWarning, match="not registered yet"):
        definitions = build_defs(make_project(tmp_path))
    run = start(instance, definitions, worker.pid)
    end(worker)
    assert len(tick(instance, definitions, "dq_reconcile").run_requests) == 1
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    assert not (tmp_path / ".dq" / "metadata.db").exists()


@pytest.mark.parametrize(("asked", "expected"), [("2024-03-31", None), ("2024-03-05", "2024-03-05")])
def test_what_a_run_judged_is_not_what_its_re_execution_asks_for(instance, definitions, asked, expected) -> None:
    first = start(instance, definitions, None)
    note_judged(first, instance, ["2024-03-31"])
    tags = instance.get_run_by_id(first.run_id).tags
    assert (tags["dq/batch"], tags["dq/judged"]) == ("2024-03-31", "2024-03-31")
    again = start(instance, definitions, None, **{key.removeprefix("dq/"): value for key, value in tags.items()} | {"batch": asked})
    batches = run_request(again, instance).batches
    assert (batches and batches.first) == expected


def test_a_run_that_was_asked_for_its_batches_keeps_saying_so(instance, definitions) -> None:
    run = start(instance, definitions, None, batch="2024-03-05..2024-03-07")
    note_judged(run, instance, ["2024-03-06"])
    assert instance.get_run_by_id(run.run_id).tags["dq/batch"] == "2024-03-05..2024-03-07"
    several = start(instance, definitions, None)
    note_judged(several, instance, ["2024-03-07", "2024-03-05"])
    assert instance.get_run_by_id(several.run_id).tags["dq/batch"] == "2024-03-05..2024-03-07"
