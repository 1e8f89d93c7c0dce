"""The schedules of the configuration file are Dagster's: how it reads their crons, held beside how stored schedules read theirs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from dq_assets.orchestration.factory import build_table_group_defs
from dq_assets.records.crons import next_fire
from dq_assets.records.table_list import TableList
from dq_assets.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

FROM, TO = datetime(2014, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
MOVED_BY_AN_HOUR_AT_NIGHT = ["Europe/Berlin", "Europe/London", "America/New_York", "Australia/Sydney"]


def declared(**schedules: str) -> dict[str, dg.ScheduleDefinition]:
    """Return the schedules that a group's definitions hold."""
    group = {"connection": "source", "timezone": "Europe/Berlin", "schedules": schedules}
    connections = {"source": {"type": "duckdb", "path": "nowhere"}}
    settings = Settings.model_validate({"version": 1, "connections": connections, "table_groups": {"sales": group}})
    found = build_table_group_defs(settings, "sales", table_list=TableList(table_group="sales", tables=())).schedules or []
    return {schedule.name: schedule for schedule in found if isinstance(schedule, dg.ScheduleDefinition)}


def dagsters(expression: str, zone: str, start: datetime = FROM, end: datetime = TO) -> Iterator[datetime]:
    for fire in schedule_execution_time_iterator(start.timestamp(), expression, zone, ascending=True):
        if fire > end:
            return
        yield fire


def ours(expression: str, zone: str, start: datetime = FROM, end: datetime = TO) -> Iterator[datetime]:
    after = start - timedelta(seconds=1)
    while (after := next_fire(expression, zone, after)) <= end:
        yield after


def test_schedules_of_the_file_fire_in_their_zone_else_in_the_groups() -> None:
    cron = "30 2 * * *"
    zones = {name: schedule.execution_timezone for name, schedule in declared(learn=cron, validate=cron).items()}
    assert zones == {"sales_learn_schedule": "Europe/Berlin", "sales_validate_schedule": "Europe/Berlin"}
    assert declared(learn=cron, timezone="America/New_York")["sales_learn_schedule"].execution_timezone == "America/New_York"


@pytest.mark.parametrize("zone", MOVED_BY_AN_HOUR_AT_NIGHT)
def test_dagster_fires_a_daily_schedule_once_on_every_day_of_its_zone(zone: str) -> None:
    """A characterization: none is lost or doubled, whether the time is left out or comes twice, so schedules of the file are left to Dagster."""
    schedule = declared(validate="30 2 * * *", timezone=zone)["sales_validate_schedule"]
    fires = Counter(fire.astimezone(ZoneInfo(zone)).date() for fire in dagsters(str(schedule.cron_schedule), str(schedule.execution_timezone)))
    days = (max(fires) - min(fires)).days + 1
    assert days > 6 * 365
    assert len(fires) == fires.total() == days


@pytest.mark.parametrize("zone", MOVED_BY_AN_HOUR_AT_NIGHT)
@pytest.mark.parametrize("expression", ["30 2 * * *", "30 1 * * 0", "*/20 1-3 * * *", "20 * * * *", "0 6 * * 1-5", "0 */2 1,15 * *"])
def test_dagster_and_stored_schedules_differ_in_the_pass_of_a_repeated_hour_only(zone: str, expression: str) -> None:
    """A characterization: Dagster takes the second pass for a time of the day, stored schedules take the first; they agree on everything else."""
    theirs, mine = (list(fires(expression, zone, TO - timedelta(days=365))) for fires in (dagsters, ours))
    readings = [[f"{fire.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for fire in fires] for fires in (theirs, mine)]
    assert readings[0] == readings[1] != []
    assert {later - earlier for later, earlier in zip(theirs, mine, strict=True)} <= {timedelta(0), timedelta(hours=1)}


def test_dagster_moves_hourly_schedules_where_the_clock_is_moved_by_half_an_hour() -> None:
    """A characterization: in such zones only a stored schedule keeps its minute through the year."""
    zone = "Australia/Lord_Howe"
    assert {fire.astimezone(ZoneInfo(zone)).minute for fire in dagsters("20 * * * *", zone, TO - timedelta(days=365))} == {20, 50}
    assert {fire.astimezone(ZoneInfo(zone)).minute for fire in ours("20 * * * *", zone, TO - timedelta(days=365))} == {20}


@pytest.mark.parametrize(
    "expression", ["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "0 6 L * *", "0 6 * jan-mar MON,fri", "5/15 * * * *", "1-10/3 0-7 * * 5-7"]
)
def test_dagster_takes_every_form_that_the_configuration_takes(expression: str) -> None:
    """A characterization: so one check of crons serves schedules of the file and stored ones."""
    assert str(declared(learn=expression)["sales_learn_schedule"].cron_schedule) == expression
    start, end = datetime(2015, 1, 10, tzinfo=UTC), datetime(2015, 3, 10, tzinfo=UTC)
    assert list(dagsters(expression, "UTC", start, end))[:50] == list(ours(expression, "UTC", start, end))[:50]


def test_dagster_joins_two_day_fields_by_or_where_one_starts_with_a_star() -> None:
    """A characterization: ``1,15 * */2`` is every other weekday too to Dagster; to stored schedules, as to Debian, it is the 1st and 15th on such a weekday."""
    start, end = datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 2, 16, tzinfo=UTC)
    assert [f"{fire:%m-%d}" for fire in ours("0 0 1,15 * */2", "UTC", start, end)] == ["02-01", "02-15"]
    assert len(list(dagsters("0 0 1,15 * */2", "UTC", start, end))) > 20
