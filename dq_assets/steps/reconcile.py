"""Reconcile: close the runs whose end nobody wrote, because the process that worked on them is gone.

Decision: closing is bookkeeping and may be wrong without harm. It changes only a row that still says ``running`` for the same Dagster run, and a
process that lives on after all completes its run as if nothing had been. Who knows whether a Dagster run goes on is the caller; without somebody who
knows, age decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.records.enums import RunStatus
from dq_assets.records.unfinished_runs import ClosedRun

if TYPE_CHECKING:
    from datetime import datetime

    from dq_assets.records.unfinished_runs import UnfinishedRun
    from dq_assets.steps.context import StepContext

MAX_AGE = timedelta(hours=6)
"""How old an unfinished run may be that nobody can tell about; Dagster's own runs are given as long by ``dagster.yaml``."""


class Ending(NamedTuple):
    """How a Dagster run ended: what that makes of our run, and the words for it."""

    status: RunStatus
    words: str


Endings = Callable[[Collection[str]], Mapping[str, Ending | None]]
"""From ids of Dagster runs to how they ended; None for one that goes on, no entry for one that is not known."""


def reconcile(
    context: StepContext, now: datetime, groups: Collection[str] | None = None, *, endings: Endings = lambda _: {}, max_age: timedelta = MAX_AGE
) -> list[ClosedRun]:
    """Close the unfinished runs whose Dagster run ended, and those nobody knows of that began longer ago than ``max_age``; return them.

    Args:
        context: settings and store.
        now: the moment they are closed at.
        groups: names of table groups; None is all of the configuration.
        endings: tells how Dagster runs ended; by default none is known.
        max_age: for runs without a known Dagster run.

    Raises:
        ConfigError: ``DQ-CONF-003`` when a group is not declared.
        StoreError: the metadata cannot be read or written.
    """
    names = context.settings.table_groups if groups is None else groups
    # First the rows, then how their Dagster runs stand: a run that ends in between is seen as ended, its row is not closed twice.
    unfinished = [run for name in names for run in context.store.unfinished_runs(_group_id(context, name))]
    known = endings({run.dagster_run_id for run in unfinished if run.dagster_run_id is not None}) if unfinished else {}
    closed = [decided for run in unfinished if (decided := _decide(run, known, now, max_age)) is not None]
    return [item for item in closed if context.store.close_run(item, now)]


def _group_id(context: StepContext, name: str) -> str:
    context.group_settings(name)
    return context.group(name).table_group_id


def _decide(run: UnfinishedRun, known: Mapping[str, Ending | None], now: datetime, max_age: timedelta) -> ClosedRun | None:
    if run.dagster_run_id is not None and run.dagster_run_id in known:
        ending = known[run.dagster_run_id]
        if ending is None:
            return None
        return ClosedRun(run=run, status=ending.status, message=f"Closed by reconciling: Dagster run {run.dagster_run_id} {ending.words}.")
    if now - run.started_at <= max_age:
        return None
    hours = max_age.total_seconds() / 3600
    who = f"Dagster run {run.dagster_run_id}, which is not known here," if run.dagster_run_id else "the command line"
    message = f"Closed by reconciling: begun by {who} at {run.started_at:%Y-%m-%d %H:%M} UTC, and not ended within {hours:g} hours."
    return ClosedRun(run=run, status=RunStatus.FAILED, message=message)
