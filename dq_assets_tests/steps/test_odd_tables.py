"""Placeholders, broken tables and names that must not stop the others."""

from __future__ import annotations

import shutil
from datetime import datetime

import pytest

from dq_assets.records.enums import Severity

from .conftest import Lake

NEXT = 30


@pytest.mark.parametrize("moment", [datetime(9999, 12, 31), datetime(2113, 1, 20)])  # noqa: DTZ001 - wall-clock times are what is tested
def test_rows_of_a_time_that_no_batch_can_have_are_told_of(lake, moment):
    rows = {column: values[:7] for column, values in lake.rows(0).items()}
    lake.write("orders", "placeholders", rows | {"ordered_at": [moment] * 7, "order_id": list(range(-7, 0))})
    lake.arrive(NEXT)

    assert lake.alarms(lake.test(NEXT)) == set()
    run = lake.profile(NEXT)
    (found,) = [item for item in lake.context.store.findings(run.profile_run_id) if item.anomaly_type_id == 2001]
    assert (found.affected_rows, found.severity) == (7, Severity.ERROR)


def test_a_lost_batch_column_stops_neither_the_other_tables_nor_the_run(lake):
    for file in (lake.data / "orders").iterdir():
        file.unlink()
    lake.write("orders", "all", {"order_id": [1, 2]})

    assert ("Required", "amount", None, "error") in lake.alarms(lake.test(NEXT))
    run = lake.profile(NEXT)
    told = [item for item in lake.context.store.findings(run.profile_run_id) if item.anomaly_type_id == 2002 and item.column_name is None]
    assert [(item.table.table_name, item.severity) for item in told] == [("orders", Severity.ERROR)]
    assert {column.table.table_name for column in lake.context.store.column_profiles(run.profile_run_id)} == {"customers"}
    assert lake.context.store.unfinished_runs() == []


def test_an_unreadable_table_stops_only_its_own_profile(lake):
    (lake.data / "customers" / "all.parquet").write_bytes(b"no parquet")

    run = lake.profile(NEXT)

    assert {column.table.table_name for column in lake.context.store.column_profiles(run.profile_run_id)} == {"orders"}
    assert [item.table.table_name for item in lake.context.store.findings(run.profile_run_id) if item.severity is Severity.ERROR] == ["customers"]


def test_a_link_to_nowhere_is_an_error_of_its_table(lake):
    (lake.data / "customers" / "more.parquet").symlink_to(lake.root / "nowhere.parquet")

    verdicts = {(rule, verdict) for rule, *_, verdict in lake.alarms(lake.test(NEXT))}

    assert ("Schema_Drift", "error") in verdicts or ("Unique", "error") in verdicts


def test_names_with_dots_get_tests_of_their_own_and_references_that_hold(new_lake):
    lake = new_lake(tables={})
    lake.write("air.v1", "all", {"code": [f"A{i}" for i in range(30)]})
    lake.write("trips", "all", {"code": [f"A{i % 30}" for i in range(90)], "air.v1": ["x"] * 90})
    lake.register()
    lake.learn(0)

    assert {test.name for test in lake.tests()} >= {'main."air.v1".code.Unique', 'main.trips."air.v1".Required', "main.trips.code.Combo_Match"}
    assert lake.alarms(lake.test(0)) == set()


def test_a_stale_table_stays_stale_however_long_it_lasts(lake):
    stale = ("Recency", "ordered_at", None, "warn")
    for days in (NEXT + 3, NEXT + 90, NEXT + 200):
        assert stale in lake.alarms(lake.test(days))
        lake.learn(days)
    assert stale in lake.alarms(lake.test(NEXT + 300))


def test_a_table_that_cannot_be_read_keeps_its_tests_until_it_can(lake):
    before = lake.bounds()
    whole = (lake.data / "customers" / "all.parquet").read_bytes()
    (lake.data / "customers" / "all.parquet").write_bytes(whole[:50])
    lake.learn(NEXT)
    assert lake.bounds() == before

    (lake.data / "customers" / "all.parquet").write_bytes(whole)
    assert lake.alarms(lake.test(NEXT)) == set()


def test_a_table_that_vanished_alarms_until_it_is_excluded(lake):
    shutil.rmtree(lake.data / "customers")
    gone = ("Unique", "customer_id", None, "error")
    for day in (NEXT, NEXT + 1):
        lake.register()
        assert gone in lake.alarms(lake.test(day))
        lake.learn(day)

    without = Lake(lake.root, exclude=["customers"])
    without.register()
    without.learn(NEXT + 2)
    assert gone not in without.alarms(without.test(NEXT + 2))


def test_the_same_failing_content_is_one_alert_however_often_it_is_judged(lake):
    lake.arrive(NEXT, lambda rows: rows.update(status=["lost"] * len(rows["status"])))
    lake.test(NEXT)
    first = lake.alert(NEXT)
    lake.test(NEXT, token="again")

    assert (first.new > 0, lake.alert(NEXT).new) == (True, 0)


def test_an_unchanged_whole_table_adds_nothing_to_the_series(lake):
    lake.test(NEXT)
    lake.profile(NEXT)
    before = lake.sql("SELECT count(*) FROM dq_profile_metrics WHERE batch_key IS NULL")
    lake.profile(NEXT + 1)

    assert lake.sql("SELECT count(*) FROM dq_profile_metrics WHERE batch_key IS NULL") == before
