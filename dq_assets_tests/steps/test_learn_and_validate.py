"""The whole way of the data: learn from thirty days, judge the next ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dq_assets.records.enums import BaselineStatus

NEXT = 30


def _some(rows, column, value, every=5):
    for index in range(0, len(rows[column]), every):
        rows[column][index] = value(rows[column][index]) if callable(value) else value


def _keep(rows, share):
    for column, values in rows.items():
        rows[column] = values[: int(len(values) * share)]


def _repeat(rows):
    for values in rows.values():
        values.extend(values[:20])


FAULTS = {
    "nulls": (lambda rows: _some(rows, "amount", None), ("Required", "amount", "fail")),
    "more nulls than ever": (lambda rows: _some(rows, "discount", None, 1), ("Missing_Pct", "discount", "warn")),
    "out of range": (lambda rows: _some(rows, "amount", 9_999.0), ("Value_Range", "amount", "fail")),
    "unknown category": (lambda rows: _some(rows, "status", "lost"), ("LOV_Match", "status", "fail")),
    "new shape": (lambda rows: _some(rows, "code", "12/AB"), ("Pattern_Match", "code", "fail")),
    "outer spaces": (lambda rows: _some(rows, "note", lambda text: text + " "), ("Valid_Characters", "note", "warn")),
    "duplicates": (_repeat, ("Unique", "order_id", "fail")),
    "70 % of the rows lost": (lambda rows: _keep(rows, 0.3), ("Row_Ct", None, "fail")),
    "orphan keys": (lambda rows: _some(rows, "customer_id", 5_000), ("Combo_Match", "customer_id", "fail")),
    "average shift": (lambda rows: _some(rows, "amount", lambda amount: amount + 12, 1), ("Avg_Shift", "amount", "warn")),
}


def test_learning_proposes_the_tests_that_the_faults_need_and_nothing_for_calendar_or_counter(lake):
    proposed = {(test.rule_type, test.column_name) for test in lake.tests() if test.table.table_name == "orders"}

    assert {(rule, column) for _, (rule, column, _) in FAULTS.values()} | {("Recency", "ordered_at"), ("Schema_Drift", None)} <= proposed
    of_values = {"Value_Range", "LOV_Match", "Avg_Shift"}
    assert {(rule, column) for rule, column in proposed if rule in of_values and column in ("order_id", "day")} == set()


def test_clean_batches_pass_entirely(lake):
    for day in range(NEXT, NEXT + 5):
        lake.arrive(day)

    run = lake.test(NEXT + 4)

    assert lake.alarms(run) == set()
    assert {result.batch_key for result in lake.results(run)} == {None, *(lake.key(day) for day in range(NEXT, NEXT + 5))}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_by_the_rule_it_breaks(lake, fault):
    spoil, (rule, column, verdict) = FAULTS[fault]
    lake.arrive(NEXT, spoil)

    assert (rule, column, lake.key(NEXT), verdict) in lake.alarms(lake.test(NEXT))


def test_a_missing_day_is_caught_once_the_next_one_arrives(lake):
    lake.arrive(NEXT + 1)

    assert lake.alarms(lake.test(NEXT + 1)) == {("Row_Ct", None, lake.key(NEXT), "fail")}


def test_a_late_row_with_a_placeholder_date_makes_no_gap_of_a_century(lake):
    lake.arrive(NEXT)
    lake.write("orders", "late", {column: values[:1] for column, values in _at_1900(lake).items()})

    keys = {result.batch_key for result in lake.results(lake.test(NEXT))}

    assert keys == {None, "1900-01-01", lake.key(NEXT)}


@pytest.mark.parametrize("year", [1, 999])
def test_a_date_before_the_year_1000_belongs_to_no_batch(lake, year):
    rows = _at_1900(lake)
    rows["ordered_at"] = [moment.replace(year=year) for moment in rows["ordered_at"]]
    lake.write("orders", "late", rows)

    run = lake.profile(NEXT)

    found = [item for item in lake.context.store.findings(run.profile_run_id) if item.anomaly_type_id == 2001]
    assert [item.affected_rows for item in found] == [len(rows["order_id"])]


def _at_1900(lake):
    import pyarrow.parquet as pq

    rows = pq.read_table(lake.data / "orders" / f"{lake.key(0)}.parquet").to_pydict()
    return {**rows, "ordered_at": [moment.replace(year=1900, month=1, day=1) for moment in rows["ordered_at"]]}


def test_a_new_column_is_schema_drift(lake):
    lake.arrive(NEXT, lambda rows: rows.update(coupon=["x"] * len(rows["code"])))

    assert lake.alarms(lake.test(NEXT)) == {("Schema_Drift", None, None, "fail")}


def test_a_table_that_gets_no_more_rows_is_stale(lake):
    assert lake.alarms(lake.test(NEXT + 2)) == set()
    assert lake.alarms(lake.test(NEXT + 3)) == {("Recency", "ordered_at", None, "warn")}


def test_a_table_that_lost_all_its_rows_is_not_green(lake):
    for file in (lake.data / "orders").iterdir():
        if file.stem != lake.key(0):
            file.unlink()
    lake.write("orders", lake.key(0), {column: values[:0] for column, values in _at_1900(lake).items()})

    assert ("Row_Ct", None, lake.key(NEXT - 1), "fail") in lake.alarms(lake.test(NEXT))


def test_failed_batches_are_excluded_and_teach_nothing(lake):
    failing = [spoil for spoil, (*_, verdict) in FAULTS.values() if verdict == "fail"]
    before = lake.bounds()
    for day, spoil in enumerate(failing, start=NEXT):
        lake.arrive(day, spoil)
    last = NEXT + len(failing) - 1
    lake.test(last)

    lake.learn(last)

    assert {lake.batches()[lake.key(day)][0] for day in range(NEXT, last + 1)} == {BaselineStatus.EXCLUDED}
    assert lake.bounds() == before


def test_a_failed_batch_full_of_rubbish_does_not_turn_a_small_domain_into_a_large_one(lake):
    def rubbish(rows):
        rows["status"] = [f"rubbish {i}" for i in range(len(rows["status"]))]
        rows["code"] = ["#" * (i % 60 + 1) for i in range(len(rows["code"]))]

    before = lake.bounds()
    lake.arrive(NEXT, rubbish)
    lake.test(NEXT)

    lake.learn(NEXT)

    assert lake.bounds() == before


def test_a_batch_that_no_suite_has_judged_waits_and_is_judged_by_the_next_run(lake):
    before = lake.bounds()
    lake.arrive(NEXT, FAULTS["unknown category"][0])
    lake.arrive(NEXT + 1)

    lake.learn(NEXT + 1)

    assert lake.batches()[lake.key(NEXT)][0] is BaselineStatus.PENDING
    assert lake.bounds() == before
    assert lake.alarms(lake.test(NEXT + 1)) == {("LOV_Match", "status", lake.key(NEXT), "fail")}


def test_a_passed_batch_is_learned(lake):
    lake.arrive(NEXT)
    lake.test(NEXT)

    lake.learn(NEXT)

    assert lake.batches()[lake.key(NEXT)][0] is BaselineStatus.LEARNED
    evidence = {test.rule_type: test.evidence for test in lake.tests() if test.table.table_name == "orders"}
    assert evidence["Row_Ct"]["batches"] == NEXT + 1


def test_profiling_again_does_not_scan_unchanged_batches(lake):
    before = lake.batches()
    lake.arrive(NEXT)

    run = lake.profile(NEXT)

    fresh = lake.sql(f"SELECT DISTINCT batch_key FROM dq_profile_metrics WHERE profile_run_id = '{run.profile_run_id}' AND batch_key IS NOT NULL")
    assert fresh == [(lake.key(NEXT),)]
    assert {key: lake.batches()[key] for key in before} == before


def test_a_batch_whose_rows_changed_is_profiled_again(lake):
    lake.arrive(3, lambda rows: _keep(rows, 0.9))

    run = lake.profile(NEXT - 1)

    fresh = lake.sql(f"SELECT DISTINCT batch_key FROM dq_profile_metrics WHERE profile_run_id = '{run.profile_run_id}' AND batch_key IS NOT NULL")
    assert fresh == [(lake.key(3),)]


def test_an_unfinished_batch_is_neither_learned_nor_judged(lake):
    before = lake.bounds()
    lake.arrive(NEXT, lambda rows: [_keep(rows, 0.1), _some(rows, "status", "lost")])
    at_noon = lake.request(NEXT - 1).model_copy(update={"as_of": lake.after(NEXT - 1) + timedelta(hours=6)})

    from dq_assets.steps.profile import profile
    from dq_assets.steps.test import test

    assert lake.alarms(test(lake.context, lake.group, at_noon)) == set()
    profile(lake.context, lake.group, at_noon)
    lake.suggest(NEXT)
    assert lake.key(NEXT) not in lake.batches()
    assert lake.bounds() == before


def test_a_whole_table_whose_load_failed_keeps_its_tests(lake):
    before = lake.bounds()
    lake.write("customers", "all", {"customer_id": [1, 1, None], "city": ["city 1", None, None]})
    assert {rule for rule, *_ in lake.alarms(lake.test(NEXT))} >= {"Unique", "Required", "Row_Ct"}

    lake.learn(NEXT)

    kept = {name: bound for name, bound in lake.bounds().items() if "customers" in name}
    assert kept == {name: bound for name, bound in before.items() if "customers" in name}
