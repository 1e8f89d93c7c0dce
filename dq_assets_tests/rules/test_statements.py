"""How many statements a table's tests take, and that one broken test harms no other."""

from __future__ import annotations

import math

import pytest

from dq_assets.records.batches import BatchSpec
from dq_assets.records.enums import Verdict
from dq_assets.records.tests import Bound, Thresholds

COLUMNS = 20
NUMBERS = ", ".join(f"i + {c} AS c{c}" for c in range(COLUMNS))
TABLE = f"CREATE TABLE t AS SELECT TIMESTAMP '2024-01-01' + INTERVAL (i // 10) DAY AS at, 'n' || i AS word, {NUMBERS} FROM range(30) r(i)"
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
DAILY = BatchSpec(column="at", grain="day")


def _sixty(make_test):
    wide = Thresholds(error=Bound(minimum=-1e9, maximum=1e9))
    return [
        test
        for c in range(COLUMNS)
        for test in (
            make_test("Required", f"c{c}"),
            make_test("Value_Range", f"c{c}", minimum=-1, maximum=100),
            make_test("Avg_Shift", f"c{c}", thresholds=wide),
        )
    ]


def test_sixty_tests_on_three_batches_take_one_statement(judged, make_test):
    result = judged(TABLE, *_sixty(make_test), batch=DAILY, batches=DAYS)

    assert {item.result_status for item in result.results} == {Verdict.PASS}
    assert (len(result.results), result.statements) == (60 * 3, 1)


def test_a_test_of_the_whole_table_adds_one_statement(judged, make_test):
    whole = [
        make_test("Recency", "at", thresholds=Thresholds(error=Bound(maximum=999))),
        make_test("Schema_Drift").model_copy(update={"parameters": {"columns": {}}}),
    ]

    assert judged(TABLE, *_sixty(make_test), *whole, batch=DAILY, batches=DAYS, sample=0).statements == 2


@pytest.mark.parametrize("guilty_filter", ["CAST(word AS INT) > 3", "CAST(concat('x', word) AS DATE) > DATE '2024-01-01'"])
def test_a_test_that_fails_at_run_time_is_found_in_few_statements_and_the_others_stand(judged, make_test, guilty_filter):
    tests = _sixty(make_test)
    guilty = make_test("Required", "c7", name="guilty", row_filter=guilty_filter)
    tests.insert(41, guilty)

    result = judged(TABLE, *tests, batch=DAILY, batches=DAYS)

    by_test = {item.test_id: set() for item in result.results}
    for item in result.results:
        by_test[item.test_id].add(item.result_status)
    assert by_test.pop(guilty.test_id) == {Verdict.ERROR}
    assert set(map(frozenset, by_test.values())) == {frozenset({Verdict.PASS})}
    aggregates = 2 * COLUMNS + COLUMNS + 3
    assert result.statements <= 4 * math.ceil(math.log2(aggregates)) + 1
    error = next(item for item in result.results if item.result_status is Verdict.ERROR)
    assert "DQ-SQL-001" in error.error_message


def test_an_invalid_regular_expression_is_an_error_and_the_others_stand(judged, make_test):
    result = judged(TABLE, make_test("Pattern_Match", "word", regex="(["), *_sixty(make_test))

    assert [item.result_status for item in result.results] == [Verdict.ERROR] + [Verdict.PASS] * 60


def test_failing_rows_are_capped_and_belong_to_their_batch(judged, make_test):
    result = judged(TABLE, make_test("Value_Range", "c0", minimum=5, maximum=14), batch=DAILY, batches=DAYS, sample=3)

    failed = {item.batch_key: (item.result_status, item.failed_rows) for item in result.results}
    assert failed == {DAYS[0]: (Verdict.FAIL, 5), DAYS[1]: (Verdict.FAIL, 5), DAYS[2]: (Verdict.FAIL, 10)}
    by_result = {item.test_result_id: item.batch_key for item in result.results}
    shown = {day: {row.row["c0"] for row in result.rows if by_result[row.test_result_id] == day} for day in DAYS}
    assert [len(values) for values in shown.values()] == [3, 3, 3]
    assert shown[DAYS[0]] <= set(range(5))
    assert shown[DAYS[1]] <= set(range(15, 20))
    assert shown[DAYS[2]] <= set(range(20, 30))


def test_a_batch_without_rows_breaks_the_bound_on_rows_and_is_skipped_by_the_others(judged, make_test):
    rows = make_test("Row_Ct", thresholds=Thresholds(error=Bound(minimum=1)))

    result = judged(TABLE, rows, make_test("Required", "c0"), batch=DAILY, batches=[*DAYS, "2024-01-04"])

    assert [item.result_status.value for item in result.results] == ["pass"] * 3 + ["fail"] + ["pass"] * 3 + ["skipped"]


def test_repeated_values_are_looked_for_within_a_batch(judged, make_test):
    table = "CREATE TABLE t AS SELECT * FROM (VALUES (DATE '2024-01-01', 1), (DATE '2024-01-02', 1), (DATE '2024-01-02', 1)) v(\"at\", c)"

    result = judged(table, make_test("Unique", "c"), batch=DAILY, batches=DAYS[:2])

    assert [item.failed_rows for item in result.results] == [0, 1]
    assert len(result.rows) == 2
