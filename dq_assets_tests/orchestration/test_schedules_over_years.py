"""Years of crons under a virtual clock: the sensor's evaluation ticks irregularly, stays away for days, is killed; no fire is lost and none comes twice.

What is due is enumerated independently, by a look at the clock of each zone every minute (``records/clock.py``). Dagster's part is played here: it launches a
run per new run key and keeps the cursor of a tick that came to its end.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dq_assets.orchestration.schedules import evaluate
from dq_assets.records import identity
from dq_assets.records.schedules import Fire, Schedule, ScheduleTarget
from dq_assets.settings import Settings
from dq_assets_tests.records.clock import Cron, cron, expected_fires, transitions

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONES = {
    "Africa/Cairo": cron(minute="15", hour="0"),
    "Africa/Casablanca": cron(minute="30", hour="2"),
    "America/Caracas": cron(minute="45", hour="2-3"),
    "America/Havana": cron(minute="30", hour="0"),
    "America/New_York": cron(minute="30", hour="1-2", weekday="0,6"),
    "America/Santiago": cron(minute="0", hour="0"),
    "America/Sao_Paulo": cron(minute="0,30", hour="0,23"),
    "America/St_Johns": cron(minute="1", hour="0-2"),
    "Antarctica/Troll": cron(minute="10", hour="1,2,3"),
    "Asia/Beirut": cron(minute="0", hour="0", weekday="0"),
    "Asia/Kathmandu": cron(minute="0", hour="6"),
    "Asia/Pyongyang": cron(minute="45", hour="23"),
    "Asia/Tehran": cron(minute="20", hour="0"),
    "Australia/Lord_Howe": cron(minute="10,40", hour="1,2"),
    "Europe/Berlin": cron(minute="30", hour="2"),
    "Europe/Istanbul": cron(minute="0-59", hour="3", day="25-31"),
    "Europe/London": cron(minute="0", hour="1", day="1,15", weekday="1-5"),
    "Pacific/Apia": cron(minute="0", hour="6"),
    "Pacific/Chatham": cron(minute="50", hour="2-3"),
    "UTC": cron(minute="0", hour="0", day="29", month="2"),
}
EVERY_HOUR = [cron(minute="20"), cron(minute="0,50"), cron(minute="40", weekday="0,6")]


class Case(NamedTuple):
    """A schedule and all its fires."""

    schedule: Schedule
    group_id: str
    fires: list[datetime]


def settings_of(zones: list[str]) -> Settings:
    groups = {f"group_{number}": {"connection": "source"} for number in range(len(zones))}
    return Settings.model_validate({"version": 1, "connections": {"source": {"type": "duckdb", "path": "data"}}, "table_groups": groups})


def cases(zones: list[str], start: datetime, end: datetime) -> Iterator[Case]:
    """Yield two schedules a zone: one on times of the day near the hours at which clocks are moved there, one on every hour."""
    for number, zone in enumerate(zones):
        name = f"group_{number}"
        group_id = identity.table_group_id("default", name)
        placed: list[tuple[ScheduleTarget, str, Cron]] = [
            (ScheduleTarget.TABLE_GROUP, group_id, ZONES[zone]),
            (ScheduleTarget.TEST_SUITE, identity.test_suite_id("default", name), EVERY_HOUR[number % len(EVERY_HOUR)]),
        ]
        for target, target_id, expression in placed:
            schedule = Schedule(
                schedule_id=identity.schedule_id("default", target, target_id),
                project_key="default",
                target_type=target,
                target_id=target_id,
                cron_expression=str(expression),
                timezone=zone,
                created_at=start,
                updated_at=start,
            )
            yield Case(schedule, group_id, expected_fires(expression, zone, start, end))


def ticks(zones: list[str], start: datetime, end: datetime, chance: random.Random) -> list[datetime]:
    """Return when the sensor ticks: every few minutes while clocks are moved, every few hours else, and not at all for days now and then."""
    found = set()
    for zone in zones:
        for moved in transitions(zone, start, end):
            moment = moved - timedelta(hours=2)
            while moment < moved + timedelta(hours=2):
                moment += timedelta(seconds=chance.choice([60, 411, 1_200, 2_400]))
                found.add(moment)
    moment = start
    while moment < end:
        moment += timedelta(seconds=chance.choice([30, 3_600, 50_000, 90_000, 150_000]) + chance.random())
        if chance.random() < 0.01:
            moment += timedelta(days=chance.uniform(1, 20))
        found.add(moment)
    return sorted(moment for moment in found if moment <= end)


def live_through(zones: list[str], start: datetime, end: datetime, seed: int) -> tuple[int, int]:
    """Tick through a span; return how many fires there were and how many runs were launched."""
    chance = random.Random(seed)  # noqa: S311 - a seeded game, no secret
    settings, played = settings_of(zones), list(cases(zones, start, end))
    launched: dict[str, str] = {}
    kept: dict[str, datetime] = {}
    cursor: str | None = None
    for now in ticks(zones, start, end, chance):
        tick = evaluate(settings, [case.schedule for case in played], cursor, now)
        latest = {case.schedule.schedule_id: case.fires[bisect_right(case.fires, now) - 1] for case in played if case.fires and case.fires[0] <= now}
        due = {name: fire for name, fire in latest.items() if kept.get(name) != fire}
        asked = {Fire(case.schedule, due[case.schedule.schedule_id]).key: case for case in played if case.schedule.schedule_id in due}
        assert [request.run_key for request in tick.requests] == list(asked), now
        is_killed = chance.random() < 0.2
        for request in tick.requests[: chance.randint(0, len(tick.requests)) if is_killed else None]:
            # Dagster launches no second run of a key; a double fire would be another key, and is not among those expected above.
            launched.setdefault(str(request.run_key), asked[str(request.run_key)].group_id)
        if not is_killed:
            cursor, kept = tick.cursor, latest
            for name, fire in latest.items():
                assert f"schedule:{name}@{fire:%Y-%m-%dT%H:%MZ}" in launched, "a fire was lost"
    keys = {Fire(case.schedule, fire).key for case in played for fire in case.fires}
    assert launched.keys() <= keys, "a run was launched that no schedule asked for"
    return len(keys), len(launched)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"])
def test_a_year_with_outages_and_kills_loses_and_doubles_no_fire(zone: str) -> None:
    fires, launched = live_through([zone], datetime(2015, 1, 1, 5, 17, tzinfo=UTC), datetime(2016, 1, 1, tzinfo=UTC), seed=7)
    assert 0 < launched < fires, "some collapsed"


def test_ticks_that_miss_nothing_launch_every_fire() -> None:
    start, end = datetime(2015, 10, 20, 5, 17, tzinfo=UTC), datetime(2015, 11, 1, tzinfo=UTC)
    (daily, hourly), settings = cases(["Europe/Berlin"], start, end), settings_of(["Europe/Berlin"])
    launched, cursor = [], None
    for step in range(10 * 24 * 4):
        tick = evaluate(settings, [daily.schedule, hourly.schedule], cursor, start + timedelta(minutes=15 * step))
        launched += [request.run_key for request in tick.requests]
        cursor = tick.cursor
    assert len(launched) == len(set(launched))
    assert len(launched) == len([fire for case in (daily, hourly) for fire in case.fires if fire <= start + timedelta(minutes=15 * step)])
    hours = [fire for fire in hourly.fires if fire.day == 25]
    assert all(later - earlier == timedelta(hours=1) for earlier, later in pairwise(hours)), "through the hour that came twice"


@pytest.mark.slow
def test_ten_years_of_crons_in_twenty_zones_lose_and_double_no_fire() -> None:
    fires, launched = live_through(list(ZONES), datetime(2010, 1, 1, 5, 17, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC), seed=1)
    assert len(ZONES) == 20
    assert fires > 1_000_000
    assert launched > 50_000
