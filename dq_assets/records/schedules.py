"""Schedules that are stored, and which of them are due.

Decision: what was handed out is kept per schedule, as the instant of its last fire, and nothing else decides: a tick that is evaluated twice from the
same cursor hands out the same fires, and all names that are made of a fire are pure functions of schedule and instant.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.records import identity
from dq_assets.records.base import Record
from dq_assets.records.crons import latest_fire, next_fire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ScheduleTarget(StrEnum):
    """What a schedule starts: learning of a group, validation by its whole suite, or validation by one test."""

    TABLE_GROUP = "table_group"
    TEST_SUITE = "test_suite"
    TEST = "test"


class ScheduledTest(Record):
    """The test that a schedule is about, as it stands now."""

    table_group_id: str
    name: str
    enabled: bool


class Schedule(Record):
    """A row of ``dq_schedules``.

    ``updated_at`` is when a person last changed or switched it: it fires at instants after that. ``last_run_at``, ``next_run_at`` and ``last_run_id``
    only mirror what the sensor knows; ``last_run_id`` is the profile run or test run of the fire at ``last_run_at``.
    """

    schedule_id: str
    project_key: str
    target_type: ScheduleTarget
    target_id: str
    cron_expression: str
    timezone: str = "UTC"
    enabled: bool = True
    last_run_at: datetime | None = None
    next_run_at: datetime | None = None
    last_run_id: str | None = None
    created_at: datetime
    updated_at: datetime
    test: ScheduledTest | None = None
    """Of a schedule on a test: that test; None when it is not there any more. Not a column."""


class Fire(NamedTuple):
    """A schedule and the instant (UTC) at which it fires."""

    schedule: Schedule
    at: datetime

    @property
    def key(self) -> str:
        """The fire's name: a pure function of schedule and instant."""
        return f"schedule:{self.schedule.schedule_id}@{self.at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"

    def run_id(self, table_group_id: str) -> str:
        """Return the id of the profile run or test run that the fire starts in a group."""
        return identity.run_id("profile" if self.schedule.target_type is ScheduleTarget.TABLE_GROUP else "test", table_group_id, self.key)


class Due(NamedTuple):
    """What ``due`` found: fires to hand out, the cursor to keep once they are, and schedules that cannot be read with the reason."""

    fires: list[Fire]
    cursor: dict[str, datetime]
    broken: list[tuple[Schedule, str]]


def due(schedules: Iterable[Schedule], cursor: Mapping[str, datetime], now: datetime) -> Due:
    """Return what fires at ``now`` (aware).

    A schedule fires at its latest instant after both its last fire and its last change; instants missed before that one collapse into it. One that was
    never handed out before starts from its last change, never from the beginning of time. A clock that went back hands out nothing.

    Args:
        schedules: those that may fire; disabled ones keep their place in the cursor and fire nothing.
        cursor: schedule id to the instant of the last fire handed out. Ids that are not among ``schedules`` are dropped from the new cursor.
        now: up to when.
    """
    fires: list[Fire] = []
    kept: dict[str, datetime] = {}
    broken: list[tuple[Schedule, str]] = []
    for schedule in schedules:
        last = cursor.get(schedule.schedule_id)
        if last is not None:
            kept[schedule.schedule_id] = last
        if not schedule.enabled:
            continue
        try:
            at = latest_fire(schedule.cron_expression, schedule.timezone, _start(schedule, last), now)
        except ValueError as error:
            broken.append((schedule, str(error)))
            continue
        if at is not None:
            fires.append(Fire(schedule, at))
            kept[schedule.schedule_id] = at
    return Due(fires, kept, broken)


def mirrored(schedule: Schedule, last: datetime | None, table_group_id: str) -> Schedule:
    """Return a schedule of a group with what the table shows of it: the fire handed out last, the id of its run, and the next fire, which may be overdue.

    Args:
        schedule: as it is stored.
        last: the instant of the last fire in the cursor that was kept; None leaves what is stored.
        table_group_id: the group that its runs belong to.
    """
    try:
        following = next_fire(schedule.cron_expression, schedule.timezone, _start(schedule, last)) if schedule.enabled else None
    except ValueError:
        following = None
    fired = {"last_run_at": last, "last_run_id": Fire(schedule, last).run_id(table_group_id)} if last else {}
    return schedule.model_copy(update={"next_run_at": following, **fired})


def _start(schedule: Schedule, last: datetime | None) -> datetime:
    return max(schedule.updated_at, last or schedule.updated_at)
