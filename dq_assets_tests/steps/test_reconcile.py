"""Closing runs whose end nobody wrote: by what is known of their Dagster run, else by age."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from dq_assets.errors import ConfigError
from dq_assets.records.enums import RunStatus
from dq_assets.records.profiles import ProfileRun
from dq_assets.records.tests import TestRun
from dq_assets.steps.reconcile import MAX_AGE, Ending, reconcile

NEXT = 30
CHILD = """
import sys
from dq_assets.settings import Settings
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile

context, request = StepContext.open(Settings.model_validate_json(sys.argv[1])), RunRequest.model_validate_json(sys.argv[2])
profile(context, "shop", request, progress=lambda _: print("inside", flush=True))
"""
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def unfinished(lake):
    """Start runs in the store: a function of their Dagster runs, with the moment they began."""
    group = lake.context.group(lake.group)
    began = lake.after(NEXT)

    def start(*dagster_run_ids):
        for dagster_run_id in dagster_run_ids:
            shared = {"project_key": group.project_key, "as_of": began, "started_at": began, "dagster_run_id": dagster_run_id}
            lake.context.store.start_profile_run(
                ProfileRun(profile_run_id=f"profile of {dagster_run_id}", table_group_id=group.table_group_id, profile_version="1", **shared)
            )
            lake.context.store.start_test_run(TestRun(test_run_id=f"test of {dagster_run_id}", test_suite_key=lake.group, **shared))
        return began

    return start


def test_a_killed_run_is_closed_once_it_is_old_and_completed_when_it_is_asked_for_again(lake, repository):
    lake.arrive(NEXT)
    request = lake.request(NEXT, token="one")
    arguments = [lake.settings.model_dump_json(by_alias=True), request.model_dump_json()]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], cwd=repository, env={**os.environ, "PYTHONPATH": str(repository)}, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout.readline() == "inside\n"
        child.send_signal(signal.SIGKILL)
    store, began = lake.context.store, request.started_at

    assert reconcile(lake.context, began + MAX_AGE) == []
    (closed,) = reconcile(lake.context, began + MAX_AGE + A_MINUTE)

    assert (closed.run.kind, closed.run.dagster_run_id, closed.status) == ("profile", None, RunStatus.FAILED)
    stored = store.profile_run(closed.run.run_id)
    assert (stored.status, stored.error_message) == (RunStatus.FAILED, closed.message)
    assert "begun by the command line at 2024-02-01 06:00 UTC, and not ended within 6 hours" in closed.message
    assert reconcile(lake.context, began + 2 * MAX_AGE) == []
    assert lake.profile(NEXT, token="one").profile_run_id == closed.run.run_id
    assert store.profile_run(closed.run.run_id).status is RunStatus.COMPLETED


def test_what_became_of_a_dagster_run_decides_whatever_its_age(lake, unfinished):
    began = unfinished("failed", "cancelled", "goes on")
    endings = {"failed": Ending(RunStatus.FAILED, "failed"), "cancelled": Ending(RunStatus.CANCELLED, "was cancelled"), "goes on": None}

    closed = reconcile(lake.context, began + 100 * MAX_AGE, endings=lambda asked: {key: endings[key] for key in asked})

    assert {(item.run.kind, item.run.dagster_run_id, item.status) for item in closed} == {
        (kind, name, ending.status) for kind in ("profile", "test") for name, ending in endings.items() if ending
    }
    assert {item.message for item in closed} == {
        "Closed by reconciling: Dagster run failed failed.",
        "Closed by reconciling: Dagster run cancelled was cancelled.",
    }
    assert {run.dagster_run_id for run in lake.context.store.unfinished_runs()} == {"goes on"}


def test_a_dagster_run_that_nobody_knows_is_closed_by_age(lake, unfinished):
    began = unfinished("of another instance")
    assert reconcile(lake.context, began + MAX_AGE, endings=lambda _: {}) == []
    closed = reconcile(lake.context, began + MAX_AGE + A_MINUTE, endings=lambda _: {})
    assert [item.status for item in closed] == [RunStatus.FAILED, RunStatus.FAILED]
    assert "Dagster run of another instance, which is not known here" in closed[0].message


def test_a_run_that_ends_between_the_look_and_the_closing_keeps_its_end(lake, unfinished):
    began = unfinished("d1")

    def endings(asked):
        lake.context.store.complete_test_run(lake.context.store.test_run("test of d1"), [], [])
        return dict.fromkeys(asked, Ending(RunStatus.FAILED, "failed"))

    closed = reconcile(lake.context, began, endings=endings)

    assert [item.run.kind for item in closed] == ["profile"]
    assert lake.context.store.test_run("test of d1").status is RunStatus.COMPLETED


def test_only_the_groups_asked_for_are_looked_at_and_an_unknown_one_is_an_error(lake, unfinished):
    began = unfinished(None)
    assert reconcile(lake.context, began + 2 * MAX_AGE, []) == []
    with pytest.raises(ConfigError, match="DQ-CONF-003"):
        reconcile(lake.context, began, ["nobody"])
    assert len(reconcile(lake.context, began + 2 * MAX_AGE, [lake.group])) == 2
