"""When expressions fire: the odd hours by example, everything else against a minute-by-minute look at the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_assets.records.crons import latest_fire, next_fire, zone

from .clock import ALL, Cron, Field, expected_fires, star, transitions

BERLIN, LORD_HOWE, SANTIAGO, APIA = "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia"
ODD_ZONES = [
    BERLIN,
    LORD_HOWE,  # by half an hour
    SANTIAGO,  # at midnight
    APIA,  # lost a whole day
    "America/Havana",  # back at one o'clock
    "Africa/Casablanca",  # back for a month
    "Antarctica/Troll",  # by two hours
    "Asia/Pyongyang",  # by half an hour, once
    "Asia/Kathmandu",  # never, and three quarters off
    "America/St_Johns",  # half an hour off
    "UTC",
]
FROM, TO = datetime(2010, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)


def at(text: str, where: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(where)).astimezone(UTC)


def fires(expression: str, where: str, after: datetime, number: int) -> list[str]:
    """Return the next fires as the clock of the zone shows them."""
    found = []
    for _ in range(number):
        after = next_fire(expression, where, after)
        assert after.tzinfo is UTC
        found.append(f"{after.astimezone(ZoneInfo(where)):%d %H:%M %z}")
    return found


def test_a_time_of_the_day_that_is_left_out_fires_right_after_the_gap_and_once() -> None:
    assert fires("30 2 * * *", BERLIN, at("2024-03-30T00:00", BERLIN), 3) == ["30 02:30 +0100", "31 03:00 +0200", "01 02:30 +0200"]
    assert fires("*/10 2-3 * * *", BERLIN, at("2024-03-31T00:00", BERLIN), 3) == ["31 03:00 +0200", "31 03:10 +0200", "31 03:20 +0200"]


def test_a_time_of_the_day_that_comes_twice_fires_in_the_first_pass_alone() -> None:
    assert fires("30 2 * * *", BERLIN, at("2024-10-26T12:00", BERLIN), 2) == ["27 02:30 +0200", "28 02:30 +0100"]


@pytest.mark.parametrize("minutes", [0, 10, 30, 59])
def test_asked_in_the_second_pass_it_does_not_go_back_to_the_first(minutes: int) -> None:
    second_pass = datetime(2024, 10, 27, 1, minutes, tzinfo=UTC)
    assert fires("30 2 * * *", BERLIN, second_pass, 1) == ["28 02:30 +0100"]


def test_an_expression_that_names_every_hour_follows_real_time() -> None:
    assert fires("30 * * * *", BERLIN, at("2024-10-27T01:00", BERLIN), 4) == ["27 01:30 +0200", "27 02:30 +0200", "27 02:30 +0100", "27 03:30 +0100"]
    assert fires("30 0-23 * * *", BERLIN, at("2024-03-31T01:00", BERLIN), 2) == ["31 01:30 +0100", "31 03:30 +0200"]


def test_every_other_hour_names_hours_so_none_of_them_is_lost_or_comes_twice() -> None:
    assert fires("0 */2 * * *", BERLIN, at("2024-03-31T00:00", BERLIN), 2) == ["31 03:00 +0200", "31 04:00 +0200"]
    assert fires("0 */2 * * *", BERLIN, at("2024-10-27T00:00", BERLIN), 2) == ["27 02:00 +0200", "27 04:00 +0100"]


def test_a_clock_that_is_moved_by_half_an_hour_loses_no_fire() -> None:
    assert fires("40 * * * *", LORD_HOWE, at("2024-10-06T01:00", LORD_HOWE), 3) == ["06 01:40 +1030", "06 02:40 +1100", "06 03:40 +1100"]
    assert fires("40 * * * *", LORD_HOWE, at("2025-04-06T01:00", LORD_HOWE), 3) == ["06 01:40 +1100", "06 01:40 +1030", "06 02:40 +1030"]


def test_a_midnight_that_is_left_out_fires_at_one() -> None:
    assert fires("0 0 * * 0", SANTIAGO, at("2024-09-07T12:00", SANTIAGO), 2) == ["08 01:00 -0300", "15 00:00 -0300"]


def test_a_day_that_is_left_out_fires_when_the_next_one_begins() -> None:
    assert fires("0 6 * * *", APIA, at("2011-12-29T12:00", APIA), 3) == ["31 00:00 +1400", "31 06:00 +1400", "01 06:00 +1400"]


@pytest.mark.parametrize(("alias", "expression"), [("@daily", "0 0 * * *"), ("@Hourly ", "0 * * * *"), (" 0\t6 * jan,feb MON-fri", "0 6 * 1,2 1-5")])
def test_aliases_blanks_and_names_mean_what_they_say(alias: str, expression: str) -> None:
    assert next_fire(alias, BERLIN, FROM) == next_fire(expression, BERLIN, FROM)


def test_the_last_day_of_the_month_is_written_l() -> None:
    assert fires("0 6 L * *", "UTC", datetime(2024, 2, 1, tzinfo=UTC), 3) == ["29 06:00 +0000", "31 06:00 +0000", "30 06:00 +0000"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "0 24 * * *",
        "5-1 * * * *",
        "0 0 31 2 *",
        "0 0 LW * *",
        "0 0 * * 5L",
        "0 0 * * MON#1",
        "5-5/10 * * * *",
        "@reboot",
    ],
)
def test_what_is_no_expression_of_five_plain_fields_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a cron expression; write five fields"):
        next_fire(text, "UTC", FROM)


@pytest.mark.parametrize("name", ["", "Mars/Phobos", "Europe", "../Europe/Berlin", "a\0b"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not an IANA time zone; write it like UTC or Europe/Berlin"):
        zone(name)


def test_the_latest_of_ten_years_of_missed_minutes_is_found_at_once() -> None:
    assert latest_fire("* * * * *", BERLIN, FROM, TO + timedelta(seconds=59)) == TO
    assert latest_fire("0 0 29 2 *", BERLIN, FROM, TO) == at("2016-02-29T00:00", BERLIN)


def test_the_latest_fire_lies_after_the_first_bound_and_may_lie_on_the_second() -> None:
    six = datetime(2024, 5, 1, 6, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert latest_fire("0 6 * * *", "UTC", six - second, six) == six
    assert latest_fire("0 6 * * *", "UTC", six, six + timedelta(days=1) - second) is None
    assert latest_fire("0 6 * * *", "UTC", six, six - timedelta(days=1)) is None


def numbers(name: str) -> st.SearchStrategy[Field]:
    low, high = min(ALL[name]), max(ALL[name])
    within = st.integers(low, high)

    def spread(ends: list[int], step: int) -> Field:
        first, last = sorted(ends)
        text = f"{first}-{last}" + (f"/{step}" if step > 1 and first < last else "")
        return Field(text, frozenset(range(first, last + 1, step)))

    listed = st.lists(within, min_size=1, max_size=4, unique=True).map(lambda found: Field(",".join(map(str, found)), frozenset(found)))
    ranged = st.builds(spread, st.lists(within, min_size=2, max_size=2), st.integers(1, 9))
    # In steps of the week 7 is Sunday again, so a star stands for eight days there.
    top = 7 if name == "weekday" else high
    stepped = st.integers(2, top - low).map(
        lambda step: Field(f"*/{step}", frozenset(number % 7 if name == "weekday" else number for number in range(low, top + 1, step)))
    )
    return st.one_of(st.just(star(name)), listed, ranged, stepped)


crons = st.builds(Cron, numbers("minute"), numbers("hour"), st.one_of(st.just(star("day")), numbers("day")), st.just(star("month")), numbers("weekday"))
MOVES = [(where, moment) for where in ODD_ZONES for moment in [*transitions(where, FROM, TO), datetime(2015, 6, 1, tzinfo=UTC)]]
near_a_move = st.tuples(st.sampled_from(MOVES), st.integers(-100_000, 30_000)).map(lambda drawn: (drawn[0][0], drawn[0][1] + timedelta(seconds=drawn[1])))


@given(expression=crons, place=near_a_move)
@settings(max_examples=300, derandomize=True, deadline=None)
def test_fires_are_those_that_a_look_at_the_clock_every_minute_finds(expression: Cron, place: tuple[str, datetime]) -> None:
    where, after = place
    end = after + timedelta(days=3)
    expected = expected_fires(expression, where, after, end)
    for fire in expected[:60]:
        after = next_fire(str(expression), where, after)
        assert after == fire
    if len(expected) <= 60:
        try:
            assert next_fire(str(expression), where, after) > end
        except ValueError:
            assert not expected


@given(expression=crons, place=near_a_move, seconds=st.integers(0, 300_000))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_the_latest_fire_is_the_last_of_all_fires(expression: Cron, place: tuple[str, datetime], seconds: int) -> None:
    where, after = place
    until = after + timedelta(seconds=seconds)
    expected = expected_fires(expression, where, after, until)
    try:
        found = latest_fire(str(expression), where, after, until)
    except ValueError:
        found = None
    assert found == (expected[-1] if expected else None)
