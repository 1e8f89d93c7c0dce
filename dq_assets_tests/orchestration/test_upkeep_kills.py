"""Whole runs whose processes are killed at several points: the reconcile sensor closes them, their redo leaves what an undisturbed run leaves.

Real processes, as in ``test_kill_run.py``: Dagster's command with its multiprocess executor on a persistent instance.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from dq_assets.orchestration import build_defs
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

from .conftest import DAYS, land_day, make_project
from .test_definitions import NOW
from .test_kill_run import AS_OF, ROWS, rows, start, statuses
from .ticks import execute, tick

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
PATIENCE_S = 120


class Place:
    """A project and its Dagster instance."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.local_temp(str(self.folder / "instance"))

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_defs(load_settings(self.folder / "dq.yaml"))

    def copy(self, target: Path) -> Place:
        """Copy it with the files' times, which are part of their version."""
        shutil.copytree(self.folder, target)
        return Place(target)

    def run_calmly(self, verb: str) -> dict[str, list[tuple[Any, ...]]]:
        tags = {"dq/as_of": AS_OF[verb], "dq/run_token": f"{verb} once"}
        with self.instance as instance:
            assert self.definitions.resolve_job_def(f"sales_{verb}").execute_in_process(instance=instance, tags=tags).success
        return rows(self.folder)

    def the_run(self) -> dg.DagsterRun:
        """The newest run."""
        with self.instance as instance:
            return instance.get_run_records(limit=1)[0].dagster_run

    def has(self, kind: dg.DagsterEventType, step: str | None = None) -> bool:
        with self.instance as instance:
            records = instance.get_run_records(limit=1)
            events = instance.all_logs(records[0].dagster_run.run_id, of_type=kind) if records else []
        return any(event.step_key == step for event in events)


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("registered")
    make_project(folder, rows=ROWS)
    (folder / "instance").mkdir()
    register(StepContext.open(load_settings(folder / "dq.yaml")), "sales", NOW)
    with Place(folder).instance as instance:
        # Dagster's files are made here, since two processes that make them at once spoil them.
        instance.get_run_records()
        instance.event_log_storage.get_concurrency_keys()
    return Place(folder)


@pytest.fixture(scope="module")
def calm(registered: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Rows after each undisturbed run, and the place before validation."""
    learned = registered.copy(tmp_path_factory.mktemp("calm") / "place")
    found: dict[str, Any] = {"learn": learned.run_calmly("learn")}
    land_day(learned.folder, DAYS, broken=True, rows=ROWS)
    found["before validate"] = learned.copy(tmp_path_factory.mktemp("before") / "place")
    found["validate"] = learned.run_calmly("validate")
    return found


def wait(until: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert process is None or process.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill(process: subprocess.Popen[bytes], *, children: bool) -> None:
    (os.killpg if children else os.kill)(process.pid, signal.SIGKILL)
    process.wait()


def close_and_redo(place: Place, killed: dg.DagsterRun) -> None:
    """Let the sensor close the run, run what it asks for, and see that it is content."""
    with place.instance as instance:
        first = tick(instance, place.definitions, "dq_reconcile")
        closed = instance.get_run_by_id(killed.run_id)
        assert closed is not None
        assert closed.status is dg.DagsterRunStatus.FAILURE
        assert [request.run_key for request in first.run_requests] == [f"redo:{killed.run_id}:1"]
        assert execute(instance, place.definitions, first.run_requests[0]).success
        assert tick(instance, place.definitions, "dq_reconcile", first.cursor).run_requests == []


def assert_same(place: Place, expected: dict[str, list[tuple[Any, ...]]]) -> None:
    found = rows(place.folder)
    for table, undisturbed in expected.items():
        assert found[table] == undisturbed, table


def test_a_run_killed_before_its_first_step_is_closed_and_done_again(registered, calm, tmp_path) -> None:
    place = registered.copy(tmp_path / "place")
    process = start(place.folder, "learn")
    wait(lambda: place.has(dg.DagsterEventType.ENGINE_EVENT), process)
    kill(process, children=True)
    assert not place.has(dg.DagsterEventType.STEP_START, "dq__metadata_schema")
    close_and_redo(place, place.the_run())
    assert_same(place, calm["learn"])


def test_a_run_killed_inside_profile_run_is_closed_with_its_row_and_done_again(registered, calm, tmp_path) -> None:
    place = registered.copy(tmp_path / "place")
    process = start(place.folder, "learn")
    wait(lambda: "running" in statuses(place.folder, "dq_profiles"), process)
    kill(process, children=True)
    with place.instance as instance:
        tick(instance, place.definitions, "dq_reconcile")
    assert statuses(place.folder, "dq_profiles") == ["failed"]
    with place.instance as instance:
        (request,) = tick(instance, place.definitions, "dq_reconcile").run_requests
        assert execute(instance, place.definitions, request).success
    assert_same(place, calm["learn"])


def test_a_step_that_outlives_its_killed_run_harms_nothing(registered, calm, tmp_path) -> None:
    """Its rows are those of the same run: whole, because they are written at once, and replaced by the redo."""
    place = registered.copy(tmp_path / "place")
    process = start(place.folder, "learn")
    wait(lambda: "running" in statuses(place.folder, "dq_profiles"), process)
    kill(process, children=False)
    killed = place.the_run()
    with place.instance as instance:
        tick(instance, place.definitions, "dq_reconcile")
    wait(lambda: statuses(place.folder, "dq_profiles") == ["completed"])
    wait(lambda: place.has(dg.DagsterEventType.STEP_SUCCESS, "dq__sales__profile_run"))
    close_and_redo(place, killed)
    assert_same(place, calm["learn"])


def test_a_run_whose_step_was_killed_is_done_again(registered, calm, tmp_path) -> None:
    """As the system does when memory runs out: it takes the step's process, Dagster's executor sees it and fails the run."""
    place = registered.copy(tmp_path / "place")
    process = start(place.folder, "learn")
    wait(lambda: "running" in statuses(place.folder, "dq_profiles"), process)
    with place.instance as instance:
        events = instance.all_logs(place.the_run().run_id, of_type=dg.DagsterEventType.STEP_WORKER_STARTED)
    (step,) = [event.get_dagster_event() for event in events if event.step_key == "dq__sales__profile_run"]
    os.kill(int(step.event_specific_data.metadata["pid"].value), signal.SIGKILL)
    assert process.wait(timeout=PATIENCE_S) == 1
    close_and_redo(place, place.the_run())
    assert_same(place, calm["learn"])


def test_a_run_killed_inside_test_results_is_closed_and_done_again(calm, tmp_path) -> None:
    place = calm["before validate"].copy(tmp_path / "place")
    process = start(place.folder, "validate")
    wait(lambda: "running" in statuses(place.folder, "dq_test_runs"), process)
    kill(process, children=True)
    close_and_redo(place, place.the_run())
    assert_same(place, calm["validate"])


def test_a_run_killed_between_its_results_and_its_alerts_is_done_again_and_tells_once(calm, tmp_path) -> None:
    place = calm["before validate"].copy(tmp_path / "place")
    process = start(place.folder, "validate")
    wait(lambda: place.has(dg.DagsterEventType.STEP_SUCCESS, "dq__sales__test_results"), process)
    kill(process, children=True)
    assert not place.has(dg.DagsterEventType.STEP_SUCCESS, "dq__sales__alerts")
    close_and_redo(place, place.the_run())
    assert_same(place, calm["validate"])


def test_a_run_that_goes_on_is_never_closed(registered, tmp_path) -> None:
    place = registered.copy(tmp_path / "place")
    process = start(place.folder, "learn")
    while process.poll() is None:
        with place.instance as instance:
            assert tick(instance, place.definitions, "dq_reconcile").run_requests == []
        time.sleep(1)
    assert process.returncode == 0
    assert place.the_run().status is dg.DagsterRunStatus.SUCCESS
    assert statuses(place.folder, "dq_profiles") == ["completed"]
