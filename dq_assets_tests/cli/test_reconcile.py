"""``dq reconcile`` closes what was killed."""

from __future__ import annotations

from datetime import UTC, datetime

from dq_assets.records.tests import TestRun
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext

LONG_AGO = datetime(2024, 1, 26, tzinfo=UTC)


def leave_unfinished(shop):
    """Begin a test run and never end it, as a killed process does."""
    steps = StepContext.open(load_settings(shop.folder / "dq.yaml"))
    run = TestRun(test_run_id="killed", project_key="shop", test_suite_key="sales", as_of=LONG_AGO, started_at=LONG_AGO)
    steps.store.start_test_run(run)


def test_a_killed_run_is_closed_and_named(shop):
    leave_unfinished(shop)
    answer = shop.dq("reconcile")
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[0] == "1 run closed."
    assert "sales  test run killed  2024-01-26 00:00" in answer.stdout
    assert "no run" in next(line for line in shop.dq("status").stdout.splitlines() if "unfinished" in line)
    assert shop.dq("reconcile").stdout == "0 runs closed.\n"


def test_a_young_run_is_left_alone_and_counted(shop):
    leave_unfinished(shop)
    answer = shop.dq("reconcile", "--older-than", "200000")
    assert answer.stdout == "0 runs closed; 1 unfinished run younger than 200000 hours left alone.\n"


def test_the_document_says_what_was_closed_and_why(shop):
    leave_unfinished(shop)
    result, document = shop.json("reconcile", "sales")
    assert result.exit_code == document["exit_code"] == 0
    (closed,) = document["closed"]
    assert (closed["group"], closed["kind"], closed["run_id"], closed["status"]) == ("sales", "test", "killed", "failed")
    assert closed["message"].startswith("Closed by reconciling: begun by the command line at 2024-01-26 00:00 UTC")
    assert document["left"] == 0


def test_before_provisioning_it_says_what_to_do(new_shop):
    answer = new_shop.dq("reconcile")
    assert answer.exit_code == 4
    assert "DQ-STORE-004" in answer.stderr
