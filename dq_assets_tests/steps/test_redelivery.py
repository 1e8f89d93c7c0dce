"""Batches that are delivered again: corrected, late, or unchanged."""

from __future__ import annotations

from dq_assets.records.batches import BatchVersion
from dq_assets.records.enums import BaselineStatus, Dimension
from dq_assets.steps.test import test as run_tests

NEXT = 30


def _spoil(rows):
    rows["status"] = ["lost"] * len(rows["status"])


def _judged(lake, run):
    return {result.batch_key for result in lake.results(run)} - {None}


def test_a_corrected_batch_is_judged_again_though_newer_ones_came_since(lake):
    lake.arrive(NEXT, _spoil)
    assert ("LOV_Match", "status", lake.key(NEXT), "fail") in lake.alarms(lake.test(NEXT))
    lake.arrive(NEXT)
    lake.arrive(NEXT + 1)

    run = lake.test(NEXT + 1)

    assert _judged(lake, run) == {lake.key(NEXT), lake.key(NEXT + 1)}
    assert lake.alarms(run) == set()
    lake.profile(NEXT + 1)
    assert lake.batches()[lake.key(NEXT)][0] is BaselineStatus.LEARNED


def test_a_failed_batch_that_nobody_corrected_is_not_told_of_again(lake):
    lake.arrive(NEXT, _spoil)
    lake.test(NEXT)
    lake.arrive(NEXT + 1)

    assert _judged(lake, lake.test(NEXT + 1)) == {lake.key(NEXT + 1)}


def test_a_passed_batch_is_judged_again_when_rows_are_added_late(lake):
    lake.arrive(NEXT)
    assert lake.alarms(lake.test(NEXT)) == set()
    lake.arrive(NEXT + 1)

    def add_late_rows(rows):
        for values in rows.values():
            values.extend(values[:3])

    lake.arrive(NEXT, add_late_rows)

    run = lake.test(NEXT + 1)
    assert _judged(lake, run) == {lake.key(NEXT), lake.key(NEXT + 1)}
    assert ("Unique", "order_id", lake.key(NEXT), "fail") in lake.alarms(run)


def test_results_say_which_content_of_the_batch_they_judged(lake):
    lake.arrive(NEXT)
    versions = {result.data_version for result in lake.results(lake.test(NEXT)) if result.batch_key == lake.key(NEXT)}
    (version,) = (BatchVersion.parse(text) for text in versions)
    assert version is not None
    assert (version.rows > 0, bool(version.fingerprint), bool(version.table_version)) == (True, True, True)
    assert BatchVersion.parse(str(version)) == version
    assert BatchVersion.parse("0123456789abcdef") is None


def test_a_passed_batch_that_is_overwritten_with_as_many_other_rows_is_judged_again_and_teaches_nothing_before(lake):
    lake.arrive(NEXT)
    assert lake.alarms(lake.test(NEXT)) == set()
    lake.arrive(NEXT, _spoil)
    lake.arrive(NEXT + 1)

    lake.profile(NEXT + 1)
    assert lake.batches()[lake.key(NEXT)][0] is BaselineStatus.PENDING
    run = lake.test(NEXT + 1)

    assert ("LOV_Match", "status", lake.key(NEXT), "fail") in lake.alarms(run)
    lake.profile(NEXT + 1)
    assert lake.batches()[lake.key(NEXT)][0] is BaselineStatus.EXCLUDED


def test_a_batch_of_the_learned_history_is_judged_when_it_is_overwritten(lake):
    lake.arrive(2, _spoil)
    assert ("LOV_Match", "status", lake.key(2), "fail") in lake.alarms(lake.test(NEXT))


def test_a_day_that_arrives_after_it_was_missed_is_judged(lake):
    lake.arrive(NEXT + 1)
    assert ("Row_Ct", None, lake.key(NEXT), "fail") in lake.alarms(lake.test(NEXT + 1))
    lake.arrive(NEXT, _spoil)
    lake.arrive(NEXT + 2)

    assert ("LOV_Match", "status", lake.key(NEXT), "fail") in lake.alarms(lake.test(NEXT + 2))


def test_an_unchanged_history_is_neither_judged_nor_profiled_again(lake):
    lake.arrive(NEXT)
    lake.test(NEXT)
    lake.learn(NEXT)
    before = lake.sql("SELECT count(*) FROM dq_profile_metrics WHERE batch_key IS NOT NULL")
    lake.arrive(NEXT + 1)

    assert _judged(lake, lake.test(NEXT + 1)) == {lake.key(NEXT + 1)}
    lake.profile(NEXT + 1)
    (after,), (batches,) = (
        lake.sql("SELECT count(*) FROM dq_profile_metrics WHERE batch_key IS NOT NULL"),
        lake.sql("SELECT count(DISTINCT batch_key) FROM dq_profile_metrics"),
    )
    assert after[0] - before[0][0] == before[0][0] // (batches[0] - 1)


def test_a_part_of_the_suite_is_no_verdict_on_a_batch(lake):
    lake.arrive(NEXT, _spoil)
    orders = next(table.name for table in lake.context.tables(lake.group) if table.name.table_name == "orders")
    suite = lake.context.store.tests(lake.context.group(lake.group).table_group_id)
    part = run_tests(
        lake.context, lake.group, lake.request(NEXT), {test.test_id for test in suite if (test.table, test.dimension) == (orders, Dimension.COMPLETENESS)}
    )
    assert lake.alarms(part) == set()

    lake.profile(NEXT)
    assert lake.batches()[lake.key(NEXT)][0] is BaselineStatus.PENDING
    assert ("LOV_Match", "status", lake.key(NEXT), "fail") in lake.alarms(lake.test(NEXT))


def test_a_whole_table_that_was_reloaded_does_not_teach_before_it_is_judged(lake):
    before = lake.bounds()["main.customers.Row_Ct"]
    lake.write("customers", "all", {"customer_id": list(range(1, 41)), "city": ["nowhere"] * 40})

    lake.learn(NEXT)
    assert lake.bounds()["main.customers.Row_Ct"] == before
    assert ("Row_Ct", None, None, "fail") in lake.alarms(lake.test(NEXT))
    lake.learn(NEXT)
    assert lake.bounds()["main.customers.Row_Ct"] == before


def test_a_column_that_is_added_later_makes_no_old_batch_look_new(lake):
    lake.arrive(NEXT, lambda rows: rows.update(coupon=["x"] * len(rows["code"])))

    assert _judged(lake, lake.test(NEXT)) == {lake.key(NEXT)}


def test_values_that_change_places_between_rows_are_another_content(lake):
    lake.arrive(NEXT)
    assert lake.alarms(lake.test(NEXT)) == set()
    lake.arrive(NEXT, lambda rows: rows["amount"].reverse())
    lake.arrive(NEXT + 1)

    assert _judged(lake, lake.test(NEXT + 1)) == {lake.key(NEXT), lake.key(NEXT + 1)}
