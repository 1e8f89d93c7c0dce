"""``dq schedules``: when groups learn and validate by themselves. What is set here is kept in the store and heeded within a minute; no file changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_assets.cli.invocation import Invocation, request
from dq_assets.cli.options import AsJson, Groups  # noqa: TC001 - typer reads the annotations when it runs

if TYPE_CHECKING:
    from dq_assets.steps.context import StepContext
    from dq_assets.steps.schedules import ListedSchedule, ScheduleChange, Target

LATE = timedelta(minutes=5)
"""How long after its time a schedule counts as overdue."""
FIRED_BY = "The sensor dq_schedules fires it while Dagster's daemon runs (`dq ui` starts one)."

Group = Annotated[str, typer.Argument(metavar="TARGET", help="Table group. Its schedule learns; with --suite or --test it validates.")]
Cron = Annotated[str, typer.Argument(metavar="CRON", help="Five fields, as in '0 6 * * 1-5'.")]
Suite = Annotated[bool, typer.Option("--suite", help="The group's suite: validate by all tests.")]
OneTest = Annotated[str | None, typer.Option("--test", metavar="TEST", help="One test of the group, by name, id or beginning of the id: validate by it alone.")]


def list_(context: typer.Context, groups: Groups = None, as_json: AsJson = False) -> None:
    """List the schedules in the store and in the configuration file."""
    with Invocation(context, "schedules list", as_json) as call:
        from dq_assets.steps.schedules import list_schedules

        steps, now = call.steps(), request().started_at
        names = call.check_groups(steps, groups)
        steps.store.require_ready()
        listed = list_schedules(steps, names, now)
        call.document["schedules"] = [_entry(item) for item in listed]
        if not listed:
            call.output.line("No schedule: `dq schedules set GROUP CRON` makes one.")
        call.output.table(
            ["group", "does", "test", "cron", "time zone", "next", "last", "kept in"],
            [
                (
                    item.table_group or "?",
                    item.verb,
                    item.test,
                    item.cron_expression,
                    item.timezone,
                    _next(item, now),
                    _moment(item.last_run_at, item.timezone),
                    "store" if item.schedule_id else "file",
                )
                for item in listed
            ],
        )
        if any(_is_late(item, now) for item in listed):
            call.output.line("Overdue schedules are fired, once each, as soon as Dagster's daemon runs with the sensor dq_schedules switched on.", "yellow")


def set_(
    context: typer.Context,
    target: Group,
    cron: Cron,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="Where CRON is read, as in Europe/Berlin.", show_default="as before, else the group's")
    ] = None,
    suite: Suite = False,
    test: OneTest = None,
    as_json: AsJson = False,
) -> None:
    """Give a group, its suite or a test a schedule.

    A schedule that was switched off is switched on. Changed or new, it fires from now on: nothing is made up for.
    """
    with Invocation(context, "schedules set", as_json) as call:
        from dq_assets.steps.schedules import set_schedule

        steps = call.steps()
        on = _target(steps, target, suite=suite, test=test)
        _tell(call, on, set_schedule(steps, on, cron, timezone, request().started_at, actor="cli"), hint=True)


def enable(context: typer.Context, target: Group, suite: Suite = False, test: OneTest = None, as_json: AsJson = False) -> None:
    """Switch a schedule on.

    What it missed while it was off stays missed.
    """
    _switch(context, "schedules enable", target, suite=suite, test=test, as_json=as_json, enabled=True)


def disable(context: typer.Context, target: Group, suite: Suite = False, test: OneTest = None, as_json: AsJson = False) -> None:
    """Switch a schedule off and keep it."""
    _switch(context, "schedules disable", target, suite=suite, test=test, as_json=as_json, enabled=False)


def remove(context: typer.Context, target: Group, suite: Suite = False, test: OneTest = None, as_json: AsJson = False) -> None:
    """Delete a schedule."""
    with Invocation(context, "schedules remove", as_json) as call:
        from dq_assets.steps.schedules import remove_schedule

        steps = call.steps()
        on = _target(steps, target, suite=suite, test=test)
        removed = remove_schedule(steps, on, request().started_at, actor="cli")
        call.document |= {"group": on.table_group, "schedule": removed}
        call.output.line(f"{on}: the schedule {removed.cron_expression!r} is gone.")


def _switch(context: typer.Context, command: str, target: str, *, suite: bool, test: str | None, as_json: bool, enabled: bool) -> None:
    with Invocation(context, command, as_json) as call:
        from dq_assets.steps.schedules import switch_schedule

        steps = call.steps()
        on = _target(steps, target, suite=suite, test=test)
        _tell(call, on, switch_schedule(steps, on, request().started_at, enabled=enabled, actor="cli"))


def _target(steps: StepContext, group: str, *, suite: bool, test: str | None) -> Target:
    from dq_assets.errors import ConfigError
    from dq_assets.records.schedules import ScheduleTarget
    from dq_assets.steps.edit_tests import find_test
    from dq_assets.steps.schedules import Target

    steps.group_settings(group)
    if suite and test is not None:
        raise ConfigError("DQ-CLI-005", "both --suite and --test are given.", "a schedule is on one of them: leave the other out.")
    if test is not None:
        return Target(group, ScheduleTarget.TEST, find_test(steps, [group], test).test)
    return Target(group, ScheduleTarget.TEST_SUITE if suite else ScheduleTarget.TABLE_GROUP)


def _tell(call: Invocation, target: Target, change: ScheduleChange, *, hint: bool = False) -> None:
    schedule = change.schedule
    call.document |= {"group": target.table_group, "schedule": schedule, "changes": change.changes}
    does = "learns" if target.verb == "learn" else "validates"
    when = f"{schedule.cron_expression!r} in {schedule.timezone}"
    state = f"next {_moment(schedule.next_run_at, schedule.timezone)}" if schedule.enabled else "switched off"
    call.output.line(f"{target} {does} at {when}: {state}." + ("" if change.changes else " It was so before; nothing changed."))
    if hint:
        call.output.line(FIRED_BY)


def _next(item: ListedSchedule, now: datetime) -> str:
    if item.problem:
        return item.problem
    if not item.enabled:
        return "switched off"
    late = "overdue since " if _is_late(item, now) else ""
    return late + _moment(item.next_run_at, item.timezone)


def _is_late(item: ListedSchedule, now: datetime) -> bool:
    return bool(item.enabled and not item.problem and item.next_run_at and item.next_run_at < now - LATE)


def _moment(moment: datetime | None, timezone: str) -> str:
    from dq_assets.records.crons import zone

    if moment is None:
        return ""
    try:
        return f"{moment.astimezone(zone(timezone)):%Y-%m-%d %H:%M %Z}"
    except ValueError:
        return f"{moment:%Y-%m-%d %H:%M} UTC"


def _entry(item: ListedSchedule) -> dict[str, Any]:
    return {**item._asdict(), "kept_in": "store" if item.schedule_id else "file"}
