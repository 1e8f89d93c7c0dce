"""``dq tests``: look at tests and edit them at run time. Runs heed an edit from the next one on; no file changes, nothing is deployed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_assets.cli.group_steps import described, parameters_in_words
from dq_assets.cli.invocation import Invocation, request
from dq_assets.cli.options import AsJson, Groups  # noqa: TC001 - typer reads the annotations when it runs
from dq_assets.cli.output import counted
from dq_assets.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_assets.records.tests import Test, TestEdit
    from dq_assets.steps.context import StepContext
    from dq_assets.steps.edit_tests import FoundTest

ID_SHOWN = 8
SECONDS_OF = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
UNITS = {"count": "what fails, counted", "share": "what fails, as a share of the rows from 0 to 1", "value": "what is measured"}
GIVE_BACK = "`dq tests unlock` gives it back to learning"

Wanted = Annotated[str, typer.Argument(metavar="TEST", help="Its name, its id, or the first 4 or more characters of its id.")]
OfGroup = Annotated[list[str] | None, typer.Option("--group", metavar="GROUP", help="Look in this table group; may be repeated.", show_default="all")]


class Level(StrEnum):
    """Severities a bound may have."""

    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


def list_(
    context: typer.Context,
    groups: Groups = None,
    everything: Annotated[bool, typer.Option("--all", help="List tests that learning retired, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List each group's tests with their state."""
    with Invocation(context, "tests list", as_json) as call:
        steps, now = call.steps(), request().started_at
        call.check_groups(steps, groups)
        steps.store.require_ready()
        call.for_each_group(steps, groups, lambda group, entry: entry.update(_listed(call, steps, group, now, everything=everything)))


def show(context: typer.Context, test: Wanted, group: OfGroup = None, as_json: AsJson = False) -> None:
    """Show one test: what it looks at, its bounds, its state."""
    with Invocation(context, "tests show", as_json) as call:
        found = _find(call, call.steps(), test, group)
        now = request().started_at
        call.document |= {"group": found.table_group, "test": _entry(found.test)}
        call.output.line(found.test.name, "bold")
        for name, value in _lines(found, now):
            call.output.line(f"  {name:<12}{value}")


def mute(
    context: typer.Context,
    test: Wanted,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="When it ends: a day or a moment, UTC unless it says otherwise.")] = None,
    duration: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="How long: 90m, 12h, 7d or 2w.")] = None,
    group: OfGroup = None,
    as_json: AsJson = False,
) -> None:
    """Let a test raise no alerts for a while.

    It still runs, and its check still shows.
    """
    now = request().started_at

    def edit(_: Test) -> tuple[TestEdit, str]:
        from dq_assets.records.tests import TestEdit

        end = _mute_end(until, duration, now)
        return TestEdit(muted_until=end), f"raises no alerts until {_moment(end)}; it still runs, and its check still shows"

    _edit(context, "tests mute", test, group, as_json, edit, now)


def unmute(context: typer.Context, test: Wanted, group: OfGroup = None, as_json: AsJson = False) -> None:
    """Let a muted test raise alerts again."""

    def edit(_: Test) -> tuple[TestEdit, str]:
        from dq_assets.records.tests import TestEdit

        return TestEdit(muted_until=None), "raises alerts"

    _edit(context, "tests unmute", test, group, as_json, edit)


def disable(context: typer.Context, test: Wanted, group: OfGroup = None, as_json: AsJson = False) -> None:
    """Switch a test off.

    It is locked too, so that learning leaves it off.
    """

    def edit(_: Test) -> tuple[TestEdit, str]:
        from dq_assets.records.tests import TestEdit

        return TestEdit(enabled=False, locked=True), f"is off and locked: learning leaves it off, `dq tests enable` switches it on, {GIVE_BACK}"

    _edit(context, "tests disable", test, group, as_json, edit)


def enable(context: typer.Context, test: Wanted, group: OfGroup = None, as_json: AsJson = False) -> None:
    """Switch a test on.

    It is locked too, so that learning leaves it on.
    """

    def edit(_: Test) -> tuple[TestEdit, str]:
        from dq_assets.records.tests import TestEdit

        return TestEdit(enabled=True, locked=True), f"is on and locked: learning changes neither that nor its bounds, {GIVE_BACK}"

    _edit(context, "tests enable", test, group, as_json, edit)


def bound(
    context: typer.Context,
    test: Wanted,
    low: Annotated[float | None, typer.Option("--low", metavar="NUMBER", help="Lowest good measure; open without it.")] = None,
    high: Annotated[float | None, typer.Option("--high", metavar="NUMBER", help="Highest good measure; open without it.")] = None,
    severity: Annotated[Level | None, typer.Option("--severity", help="Of a measure beyond it.", show_default="the highest one the test has")] = None,
    alone: Annotated[bool, typer.Option("--only", help="Drop the test's bounds of other severities.")] = False,
    group: OfGroup = None,
    as_json: AsJson = False,
) -> None:
    """Give a test a bound of your own.

    It is locked too, so that learning keeps it. The bound of that severity is replaced, both ends of it; those of other severities stay.
    """

    def edit(item: Test) -> tuple[TestEdit, str]:
        from dq_assets.records.enums import Severity
        from dq_assets.records.tests import TestEdit
        from dq_assets.steps.edit_tests import bounded

        thresholds = bounded(item, low, high, Severity(severity) if severity else None, alone=alone)
        words = "; ".join(_bounds(item.model_copy(update={"thresholds": thresholds})))
        return TestEdit(thresholds=thresholds, locked=True), f"is bounded: {words}; locked, so learning keeps that, {GIVE_BACK}"

    _edit(context, "tests bound", test, group, as_json, edit)


def lock(context: typer.Context, test: Wanted, group: OfGroup = None, as_json: AsJson = False) -> None:
    """Keep a test as it is: learning leaves it alone."""

    def edit(_: Test) -> tuple[TestEdit, str]:
        from dq_assets.records.tests import TestEdit

        return TestEdit(locked=True), f"is locked: learning leaves it as it is, {GIVE_BACK}"

    _edit(context, "tests lock", test, group, as_json, edit)


def unlock(context: typer.Context, test: Wanted, group: OfGroup = None, as_json: AsJson = False) -> None:
    """Give a test back to learning.

    The next time it may change its bounds, switch it on or retire it.
    """

    def edit(item: Test) -> tuple[TestEdit, str]:
        from dq_assets.records.enums import Origin
        from dq_assets.records.tests import TestEdit

        whose = "the configuration file" if item.origin is Origin.MANUAL else "learning"
        return TestEdit(locked=False), f"is not locked: the next `dq suggest` makes it what {whose} says"

    _edit(context, "tests unlock", test, group, as_json, edit)


def _edit(
    context: typer.Context,
    command: str,
    wanted: str,
    groups: list[str] | None,
    as_json: bool,
    edit: Callable[[Test], tuple[TestEdit, str]],
    now: datetime | None = None,
) -> None:
    with Invocation(context, command, as_json) as call:
        from dq_assets.steps.edit_tests import edit_test

        steps = call.steps()
        found = _find(call, steps, wanted, groups)
        change, words = edit(found.test)
        done = edit_test(steps, found, change, now or request().started_at, actor="cli")
        call.document |= {"group": found.table_group, "test": _entry(done.test), "changes": done.changes}
        call.output.line(f"{found.table_group}: {found.test.name} {words}." + ("" if done.changes else " It was so before; nothing changed."))


def _find(call: Invocation, steps: StepContext, wanted: str, groups: list[str] | None) -> FoundTest:
    from dq_assets.steps.edit_tests import find_test

    return find_test(steps, call.check_groups(steps, groups), wanted)


def _listed(call: Invocation, steps: StepContext, group: str, now: datetime, *, everything: bool) -> dict[str, Any]:
    tests = steps.store.tests(steps.group(group).table_group_id, enabled_only=False)
    # What a person switched off is locked; what is off without a lock was retired by learning.
    shown = [test for test in tests if everything or test.enabled or test.locked]
    retired = "" if everything or len(shown) == len(tests) else f"; {counted(len(tests) - len(shown), 'retired one')} not listed (--all)"
    call.output.line(f"{group}: {counted(len(shown), 'test')}{retired}.")
    call.output.table(
        ["id", "table", "column", "test", "severity", "expected", "state"],
        [
            (
                test.test_id[:ID_SHOWN],
                str(test.table),
                ", ".join(test.columns),
                test.rule_type if test.origin.value == "generated" else test.name,
                test.thresholds.severity.value,
                described(test)["expected"],
                _state(test, now),
            )
            for test in shown
        ],
    )
    return {"tests": [_entry(test) for test in shown], "not_listed": len(tests) - len(shown)}


def _lines(found: FoundTest, now: datetime) -> list[tuple[str, str]]:
    test = found.test
    columns = f", {'column' if len(test.columns) == 1 else 'columns'} {', '.join(test.columns)}" if test.columns else ""
    set_by = test.evidence.get("set_by")
    return [
        ("id", test.test_id),
        ("group", found.table_group),
        ("rule", f"{test.rule_type} ({test.dimension.value})"),
        ("of", f"{test.table}{columns}{f', rows where {test.filter}' if test.filter else ''}"),
        *([("parameters", parameters_in_words(test))] if test.parameters else []),
        *(("bound" if position == 0 else "", words) for position, words in enumerate(_bounds(test))),
        ("bounds in", UNITS[test.thresholds.unit.value]),
        ("state", _state(test, now)),
        ("origin", f"{test.origin.value}, version {test.version}{f', bounds set by {set_by}' if set_by else ''}"),
        *([("about", test.description)] if test.description else []),
    ]


def _bounds(test: Test) -> list[str]:
    """Return each bound in words, mildest first."""
    from dq_assets.records.tests import Thresholds
    from dq_assets.rules.verdicts import expectation

    found = []
    for level in Level:
        one = getattr(test.thresholds, level.value)
        if one is not None:
            alone = Thresholds.model_validate({level.value: one, "unit": test.thresholds.unit})
            found.append(f"{level.value} unless {expectation(test.model_copy(update={'thresholds': alone}))}")
    return found


def _state(test: Test, now: datetime) -> str:
    muted = [f"muted until {_moment(test.muted_until)}"] if test.muted_until and test.muted_until > now else []
    return ", ".join(["on" if test.enabled else "off", *muted, *(["locked"] if test.locked else [])])


def _entry(test: Test) -> dict[str, Any]:
    return {**described(test), "thresholds": test.thresholds, "enabled": test.enabled, "muted_until": test.muted_until, "locked": test.locked}


def _mute_end(until: str | None, duration: str | None, now: datetime) -> datetime:
    given = f"--for {duration!r}" if duration is not None else f"--until {until!r}"
    if (until is None) == (duration is None):
        raise ConfigError("DQ-CLI-004", "a mute ends at one moment.", "give either --until or --for, as in --until 2026-12-01 or --for 7d.")
    try:
        end = _after(duration, now) if duration is not None else _read(str(until))
    except (ValueError, OverflowError):
        raise ConfigError("DQ-CLI-004", f"{given} cannot be read.", "write --until 2026-12-01, --until 2026-12-01T18:00+01:00, or --for 7d.") from None
    if end <= now:
        raise ConfigError("DQ-CLI-004", f"{given} is over already.", "name a moment to come.")
    return end


def _after(duration: str, now: datetime) -> datetime:
    read = re.fullmatch(r"([0-9]+)([mhdw])", duration.strip().lower())
    if read is None:
        raise ValueError(duration)
    return now + timedelta(seconds=int(read[1]) * SECONDS_OF[read[2]])


def _read(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
