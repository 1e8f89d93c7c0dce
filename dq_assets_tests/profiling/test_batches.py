"""Batches: a row falls into the batch whose window holds it, and the filter of a batch selects just those rows."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlglot import exp

from dq_assets.profiling.plan import TablePlan
from dq_assets.profiling.sql import between_batches
from dq_assets.records.batches import BatchRange, BatchSpec, Grain, batch_key
from dq_assets.steps.batches import PresentBatches, complete, expected, named, present_batches, with_gaps

NEW_YORK = "America/New_York"
SPRING, AUTUMN = datetime(2024, 3, 10), datetime(2024, 11, 3)


def _table(data_type, around):
    """A row each 15 minutes, over three days around a change of the clocks (in UTC; naive columns read them as wall clock)."""
    first = around - timedelta(days=1)
    moments = f"SELECT TIMESTAMP '{first}' + INTERVAL (15 * i) MINUTE AS m FROM range(4 * 24 * 4) r(i)"
    cast = {"TIMESTAMPTZ": "m AT TIME ZONE 'UTC'", "TIMESTAMP": "m", "DATE": "m::DATE"}[data_type]
    return f"CREATE TABLE t AS SELECT {cast} AS at FROM ({moments})"


def _asked(found, spec, timezone):
    """The batches of the table as it groups them, and a function that counts the rows a batch's filter keeps."""
    columns = tuple(found.engine.columns([found.name])[found.name])
    plan = TablePlan(table=found.name, columns=columns, batch=spec, timezone=timezone, as_of=datetime(2030, 1, 1))
    with found.engine.session("x", "") as session:
        relation = session.relation(found.name)
        present = present_batches(session, plan, relation, "duckdb")

        def count(first, last):
            where = between_batches(spec, plan.batch_column, timezone, first, last)
            return session.query(exp.select(exp.alias_(exp.Count(this=exp.Star()), "n")).from_(relation).where(where)).to_pylist()[0]["n"]

        return present, {key: count(key, key) for key in present.rows}, count(min(present.rows), max(present.rows))


@pytest.mark.parametrize("around", [SPRING, AUTUMN], ids=["spring", "autumn"])
@pytest.mark.parametrize(
    ("data_type", "grain"),
    [(data_type, grain) for data_type in ("TIMESTAMPTZ", "TIMESTAMP", "DATE") for grain in Grain if (data_type, grain) != ("DATE", Grain.HOUR)],
)
def test_the_filter_of_a_batch_selects_the_rows_that_are_grouped_into_it(profiled, around, data_type, grain):
    found = profiled(_table(data_type, around))
    present, filtered, all_rows = _asked(found, BatchSpec(column="at", grain=grain), NEW_YORK)

    assert filtered == present.rows
    assert all_rows == sum(present.rows.values()) == 4 * 24 * 4


@pytest.mark.parametrize("grain", Grain)
def test_instants_fall_into_batches_as_a_wall_clock_shows_them(profiled, grain):
    for around in (SPRING, AUTUMN):
        found = profiled(_table("TIMESTAMPTZ", around))
        present, *_ = _asked(found, BatchSpec(column="at", grain=grain), NEW_YORK)

        moments = [(around - timedelta(days=1) + timedelta(minutes=15 * i)).replace(tzinfo=UTC).astimezone(ZoneInfo(NEW_YORK)) for i in range(4 * 24 * 4)]
        starts = [moment.replace(tzinfo=None, minute=0) for moment in moments]
        by_hand: dict[str, int] = {}
        for start in starts:
            key = batch_key(start, grain)
            by_hand[key] = by_hand.get(key, 0) + 1
        assert present.rows == by_hand


def test_a_day_is_23_hours_long_in_spring_and_25_in_autumn(profiled):
    for around, hours in ((SPRING, 23), (AUTUMN, 25)):
        present, *_ = _asked(profiled(_table("TIMESTAMPTZ", around)), BatchSpec(column="at", grain="day"), NEW_YORK)

        assert present.rows[f"{around:%Y-%m-%d}"] == 4 * hours


def test_the_hour_that_summer_time_skips_is_no_gap():
    hourly = BatchSpec(column="at", grain="hour")

    assert with_gaps(["2024-03-10T04"], hourly, "2024-03-10T00", NEW_YORK) == ["2024-03-10T01", "2024-03-10T03", "2024-03-10T04"]
    assert with_gaps(["2024-03-10T04"], hourly, "2024-03-10T00", "UTC") == ["2024-03-10T01", "2024-03-10T02", "2024-03-10T03", "2024-03-10T04"]


@pytest.mark.parametrize(
    ("grain", "after", "new", "judged"),
    [
        ("day", "2024-02-27", ["2024-03-01"], ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("week", "2023-W51", ["2024-W02"], ["2023-W52", "2024-W01", "2024-W02"]),
        ("month", "2023-11", ["2024-02"], ["2023-12", "2024-01", "2024-02"]),
        ("day", "2024-02-27", ["1900-01-01"], ["1900-01-01"]),
        ("day", "2024-02-27", ["1900-01-01", "2024-02-29"], ["1900-01-01", "2024-02-28", "2024-02-29"]),
        ("day", None, ["2024-02-01", "2024-02-03"], ["2024-02-01", "2024-02-03"]),
        ("day", "2024-02-27", [], []),
    ],
)
def test_what_lies_between_the_last_known_batch_and_the_new_ones_is_a_gap(grain, after, new, judged):
    assert with_gaps(new, BatchSpec(column="at", grain=grain), after, "UTC") == judged


def test_an_incomplete_batch_is_left_out_until_its_window_closes(profiled):
    found = profiled("CREATE TABLE t AS SELECT unnest([TIMESTAMP '2024-06-13 01:00', '2024-06-14 23:59', '2024-06-15 00:00']) AS at")
    spec = BatchSpec(column="at", grain="day")
    present, *_ = _asked(found, spec, "UTC")

    assert complete(present, spec, datetime(2024, 6, 14, 23, 59)) == ["2024-06-13"]
    assert complete(present, spec, datetime(2024, 6, 15)) == ["2024-06-13", "2024-06-14"]
    assert named(BatchRange.parse("2024-06-12..2024-06-20"), present, spec, "UTC", datetime(2024, 6, 15, 12)) == [
        "2024-06-12",
        "2024-06-13",
        "2024-06-14",
        "2024-06-15",
    ]


@pytest.mark.parametrize(
    ("grain", "asked", "keys"),
    [
        ("hour", "2024-06-13", 24),
        ("day", "2024-06", 14),
        ("day", "2024-06-13T00..2024-06-14T23", 2),
        ("week", "2024-06-03..2024-06-15", 1),
        ("month", "2024-06-01..2024-06-30", 0),
        ("month", "2024-04-01..2024-05-31", 2),
    ],
)
def test_a_range_names_the_batches_of_any_grain_that_lie_within_it(grain, asked, keys):
    empty = PresentBatches(rows={}, fingerprints={}, in_no_batch=0)
    spec = BatchSpec(column="at", grain=grain)

    assert len(named(BatchRange.parse(asked), empty, spec, "UTC", datetime(2024, 6, 15))) == keys


def test_series_leave_out_the_incomplete_batch_and_the_gap(profiled):
    found = profiled(
        "CREATE TABLE t AS SELECT unnest([TIMESTAMP '2024-06-12 01:00', '2024-06-14 23:59', '2024-06-15 00:00']) AS at",
        batch=BatchSpec(column="at", grain="day"),
    )

    assert found.series(None, "row_count") == {"2024-06-12": 1.0, "2024-06-14": 1.0}


def test_windows_of_a_series_are_utc_and_follow_the_clocks(profiled):
    found = profiled(_table("TIMESTAMPTZ", SPRING), batch=BatchSpec(column="at", grain="day"), timezone=NEW_YORK)

    windows = {value.batch_key: (value.window_start, value.window_end) for value in found.profile.series}
    assert windows["2024-03-10"] == (datetime(2024, 3, 10, 5, tzinfo=UTC), datetime(2024, 3, 11, 4, tzinfo=UTC))


def test_rows_without_a_time_are_a_finding_and_in_no_batch(profiled):
    daily = BatchSpec(column="at", grain="day")
    found = profiled("CREATE TABLE t AS SELECT unnest([TIMESTAMP '2024-06-12 01:00', NULL, NULL]) AS at", batch=daily)
    clean = profiled("CREATE TABLE t AS SELECT TIMESTAMP '2024-06-12 01:00' AS at", batch=daily)

    assert [(item.affected_rows, item.column_name) for item in found.profile.findings if item.anomaly_type_id == 2001] == [(2, None)]
    assert found.series(None, "row_count") == {"2024-06-12": 1.0}
    assert 2001 not in {kind for _, kind in clean.findings()}


def test_expected_batches_of_a_day_without_midnight():
    # In Santiago the clocks jump from 24:00 to 01:00, so 8 September 2024 has no midnight.
    daily = BatchSpec(column="at", grain="day")

    assert expected(datetime(2024, 9, 7), datetime(2024, 9, 9), daily, "America/Santiago") == ["2024-09-07", "2024-09-08", "2024-09-09"]
