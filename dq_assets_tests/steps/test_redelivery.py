"""Batches that are delivered again: corrected, late, or unchanged."""

from __future__ import annotations

from dq_assets.records.batches import BatchVersion
from dq_assets.records.enums import BaselineStatus

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
