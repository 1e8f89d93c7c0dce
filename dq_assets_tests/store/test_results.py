"""Test runs, results and alerts: what is visible, what a retry leaves, what is failing since when."""

from __future__ import annotations

import sqlite3

import pytest

from dq_assets.errors import StoreError
from dq_assets.records.alerts import Alert, AlertSource
from dq_assets.records.enums import RunStatus, Severity, Verdict
from dq_assets.records.unfinished_runs import ClosedRun

FIRST, SECOND = "2026-02-01", "2026-02-02"


@pytest.fixture
def test(store, world):
    tests = [world.test(), world.test("Row_Ct", columns=())]
    store.apply_suite(world.group, "sales", tests, now=world.now, actor="system")
    return tests[0]


@pytest.fixture
def row_count(world, test):
    return world.test("Row_Ct", columns=())


def test_what_was_written_is_read_back(store, world, test) -> None:
    run = store.start_test_run(world.test_run())
    start, end = world.later(days=-2), world.later(days=-1)
    given = [
        world.result(run, test, Verdict.FAIL, FIRST, severity=Severity.ERROR, window_start=start, window_end=end, message="too many nulls", failed_rows=3),
        world.result(run, test, Verdict.PASS, SECOND),
    ]
    failed = world.failed_row(given[0])
    store.complete_test_run(
        run.model_copy(update={"completed_at": world.later(minutes=1), "total_tests": 2, "failed_tests": 1, "duration_ms": 60_000}), given, [failed]
    )
    assert store.test_results(run.test_run_id) == given
    assert store.failed_rows(run.test_run_id) == {given[0].test_result_id: [failed]}
    stored = store.test_run(run.test_run_id)
    assert stored == store.latest_test_run(world.group.table_group_id)
    assert (stored.status, stored.total_tests, stored.failed_tests, stored.duration_ms) == (RunStatus.COMPLETED, 2, 1, 60_000)


def test_whether_the_rule_passed_is_stored_as_the_verdict_says(store, world, test, rows) -> None:
    world.tested(store, "one", [(test, verdict.value, verdict) for verdict in Verdict])
    stored = dict(rows("SELECT result_status, rule_passed FROM dq_test_results"))
    assert stored == {"pass": 1, "warn": 0, "fail": 0, "error": None, "skipped": None, "learning": None}


def test_completing_twice_leaves_the_same_rows_and_a_smaller_retry_leaves_no_rest(store, world, test, rows) -> None:
    tables = ("dq_test_results", "dq_test_failed_rows", "dq_test_runs")
    run = store.start_test_run(world.test_run())
    ended = run.model_copy(update={"completed_at": world.later(minutes=1)})
    results = [world.result(run, test, Verdict.FAIL, batch) for batch in (FIRST, SECOND)]
    failed = [world.failed_row(result) for result in results]
    store.complete_test_run(ended, results, failed)
    before = [rows(f"SELECT * FROM {table}") for table in tables]
    again = store.start_test_run(world.test_run(started_at=world.later(hours=3)))
    assert again.started_at == world.now
    store.complete_test_run(ended, results, failed)
    assert [rows(f"SELECT * FROM {table}") for table in tables] == before
    store.complete_test_run(ended, results[:1], failed[:1])
    assert rows("SELECT count(*) FROM dq_test_results") == rows("SELECT count(*) FROM dq_test_failed_rows") == [(1,)]


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.COMPLETED])
def test_rows_of_an_unfinished_run_are_invisible_to_every_reader(store, world, test, tmp_path, status) -> None:
    run = world.test_run()
    store.start_test_run(run)
    result = world.result(run, test, Verdict.FAIL)
    store.complete_test_run(run, [result], [world.failed_row(result)])
    assert store.test_results(run.test_run_id)
    assert store.failed_rows(run.test_run_id)
    assert store.batch_verdicts(world.group.table_group_id)
    assert store.failing_since([test.test_id])
    connection = sqlite3.connect(tmp_path / "metadata.db")
    connection.execute("UPDATE dq_test_runs SET status = ?", [status.value])
    connection.commit()
    connection.close()
    assert store.test_results(run.test_run_id) == []
    assert store.failed_rows(run.test_run_id) == {}
    assert store.latest_test_run(world.group.table_group_id) is None
    assert store.batch_verdicts(world.group.table_group_id) == {}
    assert store.failing_since([test.test_id]) == {}


def test_a_failed_run_says_why_and_a_late_failure_does_not_undo_a_completed_one(store, world, test) -> None:
    run = store.start_test_run(world.test_run())
    store.fail_test_run(run.test_run_id, "out of memory", world.later(minutes=2))
    stored = store.test_run(run.test_run_id)
    assert (stored.status, stored.error_message, stored.completed_at) == (RunStatus.FAILED, "out of memory", world.later(minutes=2))
    done = world.tested(store, "two", [(test, FIRST, Verdict.PASS)])
    store.fail_test_run(done.test_run_id, "too late", world.later(minutes=9))
    assert store.test_run(done.test_run_id).status is RunStatus.COMPLETED


def test_a_run_that_was_never_started_cannot_be_completed(store, world) -> None:
    with pytest.raises(StoreError, match=r"DQ-STORE-010"):
        store.complete_test_run(world.test_run(), [], [])


def test_a_batchs_verdict_is_the_worst_of_the_newest_run_that_judged_it(store, world, test, row_count) -> None:
    world.tested(store, "new", [(test, FIRST, Verdict.PASS), (row_count, FIRST, Verdict.LEARNING)], as_of=world.later(days=2))
    world.tested(store, "old", [(test, FIRST, Verdict.FAIL), (test, SECOND, Verdict.WARN), (row_count, SECOND, Verdict.ERROR), (test, None, Verdict.SKIPPED)])
    assert store.batch_verdicts(world.group.table_group_id) == {
        (world.orders, FIRST): Verdict.PASS,
        (world.orders, SECOND): Verdict.ERROR,
        (world.orders, None): Verdict.SKIPPED,
    }


@pytest.mark.parametrize(
    ("verdicts", "since"),
    [
        ([Verdict.FAIL], 0),
        ([Verdict.PASS, Verdict.WARN, Verdict.ERROR], 1),
        ([Verdict.FAIL, Verdict.PASS], None),
        ([Verdict.FAIL, Verdict.PASS, Verdict.FAIL], 2),
        ([Verdict.FAIL, Verdict.SKIPPED, Verdict.FAIL], 0),
        ([Verdict.PASS, Verdict.SKIPPED], None),
        ([Verdict.LEARNING, Verdict.LEARNING], None),
        ([Verdict.PASS, Verdict.LEARNING, Verdict.FAIL], 2),
    ],
)
def test_a_test_fails_since_its_first_alarm_after_it_last_passed(store, world, test, row_count, verdicts, since) -> None:
    for day, verdict in enumerate(verdicts):
        world.tested(store, str(day), [(test, FIRST, verdict), (row_count, FIRST, Verdict.PASS)], started_at=world.later(days=day))
    expected = {} if since is None else {test.test_id: world.later(days=since)}
    assert store.failing_since([test.test_id, row_count.test_id]) == expected


def test_within_one_run_the_latest_batch_decides_whether_a_test_fails(store, world, test) -> None:
    world.tested(store, "one", [(test, FIRST, Verdict.FAIL), (test, SECOND, Verdict.PASS)])
    assert store.failing_since([test.test_id]) == {}
    world.tested(store, "two", [(test, FIRST, Verdict.PASS), (test, SECOND, Verdict.FAIL)], started_at=world.later(days=1))
    assert store.failing_since([test.test_id]) == {test.test_id: world.later(days=1)}


def test_unfinished_runs_are_listed_by_group_with_their_dagster_runs(store, world, test) -> None:
    profile = store.start_profile_run(world.profile_run(dagster_run_id="d1"))
    run = store.start_test_run(world.test_run(dagster_run_id="d2"))
    found = store.unfinished_runs()
    assert [(item.kind, item.run_id, item.dagster_run_id) for item in found] == [("profile", profile.profile_run_id, "d1"), ("test", run.test_run_id, "d2")]
    assert {(item.table_group_id, item.started_at) for item in found} == {(world.group.table_group_id, world.now)}
    assert store.unfinished_runs(world.group.table_group_id) == found
    assert store.unfinished_runs("another group") == []
    store.fail_profile_run(profile.profile_run_id, "x", world.now)
    store.complete_test_run(run, [], [])
    assert store.unfinished_runs() == []


def alert(world, token: str, **fields) -> Alert:
    given = {"source_type": AlertSource.TEST_FAILURE, "source_ref": "r", "severity": Severity.ERROR, "details": "", "created_at": world.now}
    return Alert(alert_id=token, project_key="p", title=token, **given | fields)


def test_an_acknowledged_alert_stays_acknowledged_when_it_is_raised_again(store, world, tmp_path) -> None:
    assert store.save_alerts([alert(world, "a"), alert(world, "b", created_at=world.later(hours=1))], run_id="r") == 2
    connection = sqlite3.connect(tmp_path / "metadata.db")
    connection.execute("UPDATE dq_alerts SET acknowledged = 1 WHERE alert_id = 'a'")
    connection.commit()
    connection.close()
    assert store.save_alerts([alert(world, "a"), alert(world, "c")], run_id="r") == 1
    assert [found.alert_id for found in store.alerts("p")] == ["b", "a", "c"]
    assert [found.alert_id for found in store.alerts("p", open_only=True)] == ["b", "c"]
    assert [found.alert_id for found in store.alerts("p", limit=1)] == ["b"]
    assert store.alerts("another project") == []
    assert store.alerts("p")[1].acknowledged


def test_the_same_event_is_audited_once_and_another_moment_is_another_event(store, world, rows) -> None:
    event = {
        "project_key": "p",
        "entity_type": "alert",
        "entity_id": "a",
        "action": "acknowledge",
        "changes": {"acknowledged": {"old": False, "new": True}},
        "actor": "ann",
    }
    for hours in (0, 0, 1):
        store.audit(**event, now=world.later(hours=hours))
    assert (
        rows("SELECT action, actor_type, changes FROM dq_audit_log WHERE entity_type = 'alert'")
        == [("acknowledge", "person", '{"acknowledged":{"new":true,"old":false}}')] * 2
    )


def test_a_closed_run_says_what_became_of_it_and_a_late_end_still_counts(store, world, test) -> None:
    profile = store.start_profile_run(world.profile_run(dagster_run_id="d1"))
    run = store.start_test_run(world.test_run())
    first, second = store.unfinished_runs()
    assert store.close_run(ClosedRun(run=first, status=RunStatus.CANCELLED, message="cancelled"), world.later(hours=1))
    assert store.close_run(ClosedRun(run=second, status=RunStatus.FAILED, message="killed"), world.later(hours=1))
    assert store.unfinished_runs() == []
    assert (store.profile_run(profile.profile_run_id).status, store.test_run(run.test_run_id).status) == (RunStatus.CANCELLED, RunStatus.FAILED)
    store.complete_test_run(run, [world.result(run, test, Verdict.PASS, FIRST)], [])
    assert store.test_run(run.test_run_id).status is RunStatus.COMPLETED


def test_a_run_that_ended_or_was_taken_up_meanwhile_is_not_closed(store, world, test) -> None:
    ended = store.start_test_run(world.test_run("one", dagster_run_id="d1"))
    taken_up = store.start_profile_run(world.profile_run(dagster_run_id="d1"))
    seen = {run.run_id: ClosedRun(run=run, status=RunStatus.FAILED, message="killed") for run in store.unfinished_runs()}
    store.complete_test_run(ended, [], [])
    store.start_profile_run(world.profile_run(dagster_run_id="d2"))
    assert not store.close_run(seen[ended.test_run_id], world.now)
    assert not store.close_run(seen[taken_up.profile_run_id], world.now)
    assert store.test_run(ended.test_run_id).status is RunStatus.COMPLETED
    assert store.profile_run(taken_up.profile_run_id).status is RunStatus.RUNNING
