"""The one predicate that makes rows of a run visible, and the one order in which runs supersede each other.

Decision: a run's rows count once its run row is ``completed``, which is written last. Every reader of such rows joins on ``completed``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.records.enums import RunStatus

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

UNFINISHED = (RunStatus.QUEUED.value, RunStatus.PENDING.value, RunStatus.RUNNING.value)


def completed(runs: Table) -> ColumnElement[bool]:
    """Return the predicate of completed runs of ``dq_profiles`` or ``dq_test_runs``."""
    return runs.c.status == RunStatus.COMPLETED.value


def newest_first(runs: Table) -> tuple[ColumnElement[object], ...]:
    """Return the order of runs, the newest first: by ``as_of``, then ``completed_at``, then id."""
    return runs.c.as_of.desc(), runs.c.completed_at.desc(), next(iter(runs.primary_key)).desc()
