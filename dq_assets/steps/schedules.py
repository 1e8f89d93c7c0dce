"""Schedules kept in the store: set, switched, removed and listed by people.

Decision: the three targets are the three things a group does by itself. A schedule on a table group learns, one on its suite validates, one on a test
validates by that test alone; so a group has at most one of each, and a schedule is named by its target, never by an id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dq_assets.errors import ConfigError
from dq_assets.records import identity
from dq_assets.records.crons import next_fire
from dq_assets.records.schedules import Schedule, ScheduledTest, ScheduleTarget, mirrored
from dq_assets.steps.provision import ensure_ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from dq_assets.records.tests import Test
    from dq_assets.settings import Settings
    from dq_assets.steps.context import StepContext

Verb = Literal["learn", "validate"]


class Target(NamedTuple):
    """What a schedule is on: a group, its suite, or one of its tests."""

    table_group: str
    type: ScheduleTarget
    test: Test | None = None

    def __str__(self) -> str:
        return _in_words(self.table_group, self.type, self.test.name if self.test else None)

    @property
    def verb(self) -> Verb:
        """Which of the group's jobs a schedule on it starts."""
        return _verb(self.type)


class PlacedSchedule(NamedTuple):
    """A schedule with the table group of the configuration that it belongs to, None where there is none, and why it can start nothing now, or None."""

    schedule: Schedule
    table_group: str | None
    problem: str | None

    @property
    def verb(self) -> Verb:
        """Which of the group's jobs it starts."""
        return _verb(self.schedule.target_type)


class ListedSchedule(NamedTuple):
    """A schedule as people look at it; without an id it is one of the configuration file, which Dagster fires and its UI switches."""

    table_group: str | None
    verb: Verb
    test: str | None
    cron_expression: str
    timezone: str
    enabled: bool
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_run_id: str | None
    problem: str | None
    schedule_id: str | None


class ScheduleChange(NamedTuple):
    """A schedule as it stands now, and what changed, ``field`` to ``{"old": …, "new": …}``; empty when nothing did."""

    schedule: Schedule
    changes: dict[str, dict[str, Any]]


def place(settings: Settings, schedules: Iterable[Schedule]) -> list[PlacedSchedule]:
    """Return schedules with the groups of a configuration that they belong to, in their order; nothing is read."""
    groups = {identity.table_group_id(settings.project, name): name for name in settings.table_groups}
    suites = {identity.test_suite_id(settings.project, name): name for name in settings.table_groups}

    def placed(schedule: Schedule) -> PlacedSchedule:
        if schedule.target_type is ScheduleTarget.TEST and schedule.test is None:
            return PlacedSchedule(schedule, None, "the test is not there any more")
        group = suites.get(schedule.target_id) if schedule.target_type is ScheduleTarget.TEST_SUITE else groups.get(_group_id(schedule))
        if group is None:
            return PlacedSchedule(schedule, None, "its table group is not in this configuration")
        is_off = schedule.test is not None and not schedule.test.enabled
        return PlacedSchedule(schedule, group, "the test is switched off" if is_off else None)

    return [placed(schedule) for schedule in schedules]


def list_schedules(context: StepContext, groups: Sequence[str], now: datetime) -> list[ListedSchedule]:
    """Return the schedules of groups, those of the file before those in the store, and at the end stored ones that belong to no group any more."""
    listed: list[ListedSchedule] = []
    for group in groups:
        declared = context.group_settings(group).schedules
        where = declared.timezone or context.group_settings(group).timezone
        crons: tuple[tuple[Verb, str | None], ...] = (("learn", declared.learn), ("validate", declared.validate_))
        listed += [
            ListedSchedule(group, verb, None, cron, where, True, next_fire(cron, where, now), None, None, None, None)
            for verb, cron in crons
            if cron is not None
        ]
    for placed in place(context.settings, context.store.schedules(context.settings.project)):
        if placed.table_group is None or placed.table_group in groups:
            item, name = placed.schedule, placed.schedule.test.name if placed.schedule.test else None
            problem = placed.problem or _unreadable(item)
            moments = (item.next_run_at, item.last_run_at, item.last_run_id)
            listed.append(
                ListedSchedule(placed.table_group, placed.verb, name, item.cron_expression, item.timezone, item.enabled, *moments, problem, item.schedule_id)
            )
    return sorted(listed, key=lambda item: (item.table_group is None, item.table_group or "", item.schedule_id is not None, item.verb, item.test or ""))


def set_schedule(context: StepContext, target: Target, expression: str, timezone: str | None, now: datetime, *, actor: str) -> ScheduleChange:
    """Give a target its schedule and switch it on; the one it has is changed. It fires at instants after ``now``.

    Args:
        context: settings and store.
        target: a group of the configuration, its suite, or one of its tests.
        expression: five cron fields.
        timezone: where the expression is read; None keeps the zone of the schedule, else takes that of the group's schedules, else the group's.
        now: the moment of the change.
        actor: who changes it.

    Raises:
        ConfigError: ``DQ-SCHED-001`` when expression or zone cannot be read. Nothing is written.
    """
    settings = context.group_settings(target.table_group)
    ensure_ready(context, now)
    stored = _stored(context, target)
    where = timezone or (stored.timezone if stored else settings.schedules.timezone or settings.timezone)
    try:
        next_fire(expression, where, now)
    except ValueError as error:
        problem, _, fix = str(error).partition("; ")
        raise ConfigError("DQ-SCHED-001", f"{expression!r} in time zone {where!r}: {problem}.", f"{fix}.") from error
    target_id = _target_id(context, target)
    wanted = Schedule(
        schedule_id=identity.schedule_id(context.settings.project, target.type, target_id),
        project_key=context.settings.project,
        target_type=target.type,
        target_id=target_id,
        cron_expression=expression.strip(),
        timezone=where,
        created_at=stored.created_at if stored else now,
        updated_at=now,
        test=ScheduledTest(table_group_id=target.test.table_group_id, name=target.test.name, enabled=target.test.enabled) if target.test else None,
    )
    if stored is not None:
        wanted = wanted.model_copy(update={"last_run_at": stored.last_run_at, "last_run_id": stored.last_run_id})
    return _save(context, target, wanted, stored, actor)


def switch_schedule(context: StepContext, target: Target, now: datetime, *, enabled: bool, actor: str) -> ScheduleChange:
    """Switch a target's schedule on or off. Switched on, it fires at instants after ``now``: what it missed while it was off stays missed.

    Raises:
        ConfigError: ``DQ-SCHED-002`` when the target has none.
    """
    stored = _required(context, target)
    return _save(context, target, stored.model_copy(update={"enabled": enabled, "updated_at": now}), stored, actor)


def remove_schedule(context: StepContext, target: Target, now: datetime, *, actor: str) -> Schedule:
    """Delete a target's schedule and return it as it was.

    Raises:
        ConfigError: ``DQ-SCHED-002`` when the target has none.
    """
    stored = _required(context, target)
    context.store.remove_schedule(stored, now=now, actor=actor)
    return stored


def _save(context: StepContext, target: Target, wanted: Schedule, stored: Schedule | None, actor: str) -> ScheduleChange:
    wanted = mirrored(wanted, None, context.group(target.table_group).table_group_id)
    changes = context.store.save_schedule(wanted, actor=actor)
    return ScheduleChange(wanted if changes or stored is None else stored, changes)


def _required(context: StepContext, target: Target) -> Schedule:
    context.store.require_ready()
    stored = _stored(context, target)
    if stored is None:
        known = sorted(
            _in_words(placed.table_group, placed.schedule.target_type, placed.schedule.test.name if placed.schedule.test else None)
            for placed in place(context.settings, context.store.schedules(context.settings.project))
            if placed.table_group is not None
        )
        fix = f"those that have one: {'; '.join(known)}." if known else "`dq schedules set` makes one."
        raise ConfigError("DQ-SCHED-002", f"{target} has no schedule in the store.", fix)
    return stored


def _stored(context: StepContext, target: Target) -> Schedule | None:
    wanted = (target.type, _target_id(context, target))
    return next((item for item in context.store.schedules(context.settings.project) if (item.target_type, item.target_id) == wanted), None)


def _target_id(context: StepContext, target: Target) -> str:
    if target.test is not None:
        return target.test.test_id
    if target.type is ScheduleTarget.TEST_SUITE:
        return identity.test_suite_id(context.settings.project, target.table_group)
    return context.group(target.table_group).table_group_id


def _group_id(schedule: Schedule) -> str:
    return schedule.test.table_group_id if schedule.test is not None else schedule.target_id


def _unreadable(schedule: Schedule) -> str | None:
    try:
        next_fire(schedule.cron_expression, schedule.timezone, schedule.updated_at)
    except ValueError as error:
        return str(error)
    return None


def _verb(target: ScheduleTarget) -> Verb:
    return "learn" if target is ScheduleTarget.TABLE_GROUP else "validate"


def _in_words(group: str, target: ScheduleTarget, test: str | None) -> str:
    if target is ScheduleTarget.TEST:
        return f"test {test} of {group}"
    return f"suite of {group}" if target is ScheduleTarget.TEST_SUITE else group
