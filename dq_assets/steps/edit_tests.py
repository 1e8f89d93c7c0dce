"""Tests edited by people at run time: found by what a person calls them, switched, muted, bounded, locked.

Decision: whatever a person says of a test outlives learning. Switching it or giving it bounds locks it, and unlocking gives it back to learning;
a mute needs no lock, because learning never lifts one. The next run heeds it: nothing is deployed, nothing restarted.
"""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.errors import ConfigError
from dq_assets.records.enums import Severity
from dq_assets.records.tests import Bound, Test, TestEdit, Thresholds, Unit
from dq_assets.steps.suggest import list_tests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dq_assets.steps.context import StepContext
    from dq_assets.store.suites import TestChange

SHORTEST_PREFIX = 4
"""Characters of an id that may stand for it, if only one id begins with them."""
CLOSE_MATCHES = 5


class FoundTest(NamedTuple):
    """A test and the table group it belongs to."""

    table_group: str
    test: Test


def find_test(context: StepContext, groups: Sequence[str], wanted: str) -> FoundTest:
    """Return the one test of the groups, switched off or not, that a person means by its id, its name, or the beginning of its id.

    Raises:
        ConfigError: ``DQ-TEST-001`` when there is none, ``DQ-TEST-002`` when there are several.
    """
    context.store.require_ready()
    known = [FoundTest(group, test) for group in groups for test in context.store.tests(context.group(group).table_group_id, enabled_only=False)]
    found = [item for item in known if wanted in (item.test.test_id, item.test.name)]
    if not found and len(wanted) >= SHORTEST_PREFIX:
        found = [item for item in known if item.test.test_id.startswith(wanted.lower())]
    if len(found) > 1:
        meant = "; ".join(f"{item.test.test_id} is {item.test.name} of {item.table_group}" for item in found[:CLOSE_MATCHES])
        more = f"; and {len(found) - CLOSE_MATCHES} more" if len(found) > CLOSE_MATCHES else ""
        raise ConfigError("DQ-TEST-002", f"{wanted!r} may be any of {len(found)} tests.", f"write more of the id: {meant}{more}.")
    if not found:
        raise ConfigError("DQ-TEST-001", f"{_named(groups)} no test {wanted!r}.", _hint(wanted, known))
    return found[0]


def edit_test(context: StepContext, found: FoundTest, edit: TestEdit, now: datetime, *, actor: str) -> TestChange:
    """Change a test and show the graph the working set as it is then.

    Raises:
        StoreError: ``DQ-STORE-012`` when the test is not there any more.
    """
    change = context.store.edit_test(found.test.test_id, edit, now=now, actor=actor)
    if "enabled" in change.changes:
        list_tests(context, found.table_group, context.store.tests(found.test.table_group_id))
    return change


def bounded(test: Test, low: float | None, high: float | None, severity: Severity | None, *, alone: bool = False) -> Thresholds:
    """Return a test's thresholds with one bound put in by a person.

    Args:
        test: whose unit the ends are in.
        low: lowest good measure; not for rules that count failing rows.
        high: highest good measure; failing rows, or their share from 0 to 1, where the rule counts them.
        severity: of a measure beyond them; None takes the highest one the test has.
        alone: drop the bounds of other severities.

    Raises:
        ConfigError: ``DQ-TEST-003`` when no measure could lie within, or the unit has no such end.
    """
    unit = test.thresholds.unit
    problem = _wrong_ends(unit, low, high)
    if problem is not None:
        raise ConfigError("DQ-TEST-003", f"test {test.name} cannot be bounded: {problem[0]}.", f"{problem[1]}.")
    level = severity or test.thresholds.severity
    if level is Severity.INFO:
        level = Severity.ERROR
    kept = Thresholds(unit=unit) if alone else test.thresholds
    # The support was learned with the old bound; a person's bound means what it says.
    return kept.model_copy(update={level.value: Bound(minimum=low, maximum=high), "support": 0})


def _wrong_ends(unit: Unit, low: float | None, high: float | None) -> tuple[str, str] | None:
    """Return what is wrong with the ends of a bound and what to do, or None."""
    counts = unit is not Unit.VALUE
    if low is None and high is None:
        return "neither low nor high is given", "give high" if counts else "give low, high or both"
    if counts and (low is not None or high is None):
        return "it counts what fails, which has no lowest good number", "give high alone"
    if any(not math.isfinite(end) for end in (low, high) if end is not None):
        return "an end is not a finite number", "leave an end out that is open"
    if low is not None and high is not None and low > high:
        return f"low {low:g} is above high {high:g}", "swap them"
    if counts and high is not None and (high < 0 or (unit is Unit.SHARE and high > 1)):
        return f"high {high:g} is no {'share of the rows' if unit is Unit.SHARE else 'number of rows'}", (
            "give it from 0 to 1, as in 0.05 for 5 % of the rows" if unit is Unit.SHARE else "give 0 or more"
        )
    return None


def _named(groups: Sequence[str]) -> str:
    return f"table group {groups[0]!r} has" if len(groups) == 1 else f"table groups {', '.join(map(repr, groups))} have"


def _hint(wanted: str, known: Sequence[FoundTest]) -> str:
    names = {item.test.name.lower(): item.test.name for item in known}
    close = [names[name] for name in get_close_matches(wanted.lower(), names, n=CLOSE_MATCHES, cutoff=0.5)]
    close += [name for lowered, name in names.items() if wanted.lower() in lowered and name not in close]
    if close:
        return f"close to it: {'; '.join(close[:CLOSE_MATCHES])}."
    return "`dq tests list` shows their names and ids."
