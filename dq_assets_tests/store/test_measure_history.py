"""The history of a test's measures: one point a batch, in data time."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import event

from dq_assets.records.enums import Verdict


@pytest.fixture
def tests(store, world):
    suite = [world.test(), world.test("Row_Ct", columns=())]
    store.apply_suite(world.group, "sales", suite, now=world.now, actor="system")
    return suite


@pytest.fixture
def ran(store, world):
    """Complete a run that measured values, by test and batch."""

    def ran_(token, values, **fields):
        run = world.test_run(token, **fields)
        store.start_test_run(run)
        results = [
            world.result(run, test, Verdict.SKIPPED if value is None else Verdict.FAIL if value > 5 else Verdict.PASS, batch).model_copy(
                update={
                    "sensor_value": value,
                    "rows_tested": 100,
                    "window_start": datetime.fromisoformat(f"{batch}T00:00:00+00:00") if batch else None,
                }
            )
            for test, batch, value in values
        ]
        store.complete_test_run(run, results, [])
        return run

    return ran_


def series(history, test):
    return [(item.batch_key, item.value, item.result_status) for item in history[test.test_id]]


def test_batches_come_in_data_time_however_they_were_judged(store, world, tests, ran) -> None:
    nulls, rows = tests
    ran("late", [(nulls, "2026-02-03", 3.0), (rows, "2026-02-03", 30.0)])
    ran("backfill", [(nulls, "2026-02-01", 9.0), (nulls, "2026-02-02", 2.0)], as_of=world.later(days=-9))
    history = store.measure_history([nulls.test_id, rows.test_id], 60)
    assert series(history, nulls) == [("2026-02-01", 9.0, Verdict.FAIL), ("2026-02-02", 2.0, Verdict.PASS), ("2026-02-03", 3.0, Verdict.PASS)]
    assert series(history, rows) == [("2026-02-03", 30.0, Verdict.FAIL)]
    assert history[nulls.test_id][0].rows_tested == 100
    assert [item.batch_key for item in store.measure_history([nulls.test_id], 2)[nulls.test_id]] == ["2026-02-02", "2026-02-03"]


def test_a_batch_that_was_judged_again_counts_once_as_the_newest_run_found_it(store, world, tests, ran) -> None:
    ran("first", [(tests[0], "2026-02-01", 9.0)])
    ran("again", [(tests[0], "2026-02-01", 1.0)], as_of=world.later(hours=1))
    assert series(store.measure_history([tests[0].test_id], 60), tests[0]) == [("2026-02-01", 1.0, Verdict.PASS)]


def test_a_table_that_is_one_batch_has_a_point_a_run(store, world, tests, ran) -> None:
    for hour, value in enumerate((1.0, 2.0, 8.0)):
        ran(f"run {hour}", [(tests[1], None, value)], as_of=world.later(hours=hour))
    found = store.measure_history([tests[1].test_id], 2)[tests[1].test_id]
    assert [(item.value, item.at) for item in found] == [(2.0, world.later(hours=1)), (8.0, world.later(hours=2))]


def test_a_run_of_a_part_counts_only_when_it_is_asked_for_and_an_unfinished_one_never(store, world, tests, ran) -> None:
    nulls = tests[0]
    ran("whole", [(nulls, "2026-02-01", 1.0)])
    part = ran("part", [(nulls, "2026-02-01", 7.0), (nulls, "2026-02-02", 2.0)], test_id=nulls.test_id, as_of=world.later(hours=1))
    store.start_test_run(world.test_run("unfinished"))
    assert series(store.measure_history([nulls.test_id], 60), nulls) == [("2026-02-01", 1.0, Verdict.PASS)]
    assert series(store.measure_history([nulls.test_id], 60, including=part.test_run_id), nulls) == [
        ("2026-02-01", 7.0, Verdict.FAIL),
        ("2026-02-02", 2.0, Verdict.PASS),
    ]


def test_what_was_not_measured_is_no_point(store, tests, ran) -> None:
    ran("one", [(tests[0], "2026-02-01", None), (tests[0], "2026-02-02", 1.0), (tests[1], "2026-02-01", None)])
    history = store.measure_history([test.test_id for test in tests] + ["nobody"], 60)
    assert series(history, tests[0]) == [("2026-02-02", 1.0, Verdict.PASS)]
    assert set(history) == {tests[0].test_id}


def test_all_tests_take_one_statement(store, tests, ran) -> None:
    ran("one", [(test, "2026-02-01", 1.0) for test in tests])
    statements = []
    event.listen(store._database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    store.measure_history([test.test_id for test in tests], 60)
    assert len([text for text in statements if "dq_test_results" in text]) == 1


def test_failed_rows_come_as_many_as_are_asked_for(store, world, tests) -> None:
    run = store.start_test_run(world.test_run())
    result = world.result(run, tests[0], Verdict.FAIL)
    rows = [world.failed_row(result).model_copy(update={"row_number": number}) for number in range(1, 6)]
    store.complete_test_run(run, [result], rows)
    assert store.failed_rows(run.test_run_id, first=2) == {result.test_result_id: rows[:2]}
    assert store.failed_rows(run.test_run_id) == {result.test_result_id: rows}
