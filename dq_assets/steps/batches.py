"""Which batches of a table a run is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from dq_assets.profiling.plan import fingerprint
from dq_assets.profiling.sql import between_batches, select_aggregates
from dq_assets.records.base import Record
from dq_assets.records.batches import BatchRange, BatchSpec, Grain, batch_key, utc_window, window

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from dq_assets.profiling.plan import TablePlan
    from dq_assets.records.engine import Session


FIRST_YEAR = 1000


class PresentBatches(Record):
    """The batches a table holds: rows per key in data time; ``in_no_batch`` rows have no time, or one before the year 1000."""

    rows: dict[str, int]
    in_no_batch: int


def present_batches(session: Session, plan: TablePlan, relation: exp.Table, dialect: str) -> PresentBatches:
    """Count a timed table's rows per batch, in one grouped scan of one column."""
    start = plan.batch_start(dialect)
    if start is None:
        raise ValueError(f"{plan.table} is not cut into batches")
    query = exp.select(exp.alias_(start, "batch_start"), exp.alias_(exp.Count(this=exp.Star()), "n")).from_(relation).group_by(start.copy())
    counted = {row["batch_start"]: int(row["n"]) for row in session.query(query).to_pylist()}
    # Keys are years of four digits; a placeholder such as 0001-01-01 is no time of a batch.
    in_no_batch = sum(counted.pop(moment) for moment in list(counted) if moment is None or moment.year < FIRST_YEAR)
    grain = plan.batch.grain or Grain.DAY
    return PresentBatches(rows={batch_key(moment, grain): n for moment, n in sorted(counted.items())}, in_no_batch=in_no_batch)


def is_complete(key: str, grain: Grain, as_of: datetime) -> bool:
    """Whether a batch's window had closed by ``as_of`` (wall-clock, naive): a half-filled day says nothing about volume."""
    return window(key, grain)[1] <= as_of


def complete(present: PresentBatches, spec: BatchSpec, as_of: datetime) -> list[str]:
    """Return the batches with rows whose window had closed, in data time."""
    return [key for key in present.rows if is_complete(key, spec.grain or Grain.DAY, as_of)]


def expected(first: datetime, last: datetime, spec: BatchSpec, timezone: str) -> list[str]:
    """Return the keys of all batches whose wall-clock windows start from ``first`` to ``last``, without the hour that a change to summer time skips."""
    grain = spec.grain or Grain.DAY
    keys: list[str] = []
    while first <= last:
        key = batch_key(first, grain)
        start, end = utc_window(key, grain, timezone)
        if start < end:
            keys.append(key)
        first = window(key, grain)[1]
    return keys


def with_gaps(keys: list[str], spec: BatchSpec, after: str | None, timezone: str) -> list[str]:
    """Return the keys with the batches without a row that lie between ``after`` and the last of them.

    Only what follows ``after`` can be a gap: a late row with a placeholder date of 1900 must not make a gap of a century.
    """
    if not keys or after is None or after >= keys[-1]:
        return keys
    grain = spec.grain or Grain.DAY
    return sorted({*expected(window(after, grain)[1], window(keys[-1], grain)[0], spec, timezone), *keys})


def named(chosen: BatchRange, present: PresentBatches, spec: BatchSpec, timezone: str, as_of: datetime) -> list[str]:
    """Return the batches of a range chosen by hand: those that hold rows, and those whose window had closed without a row.

    Raises:
        ConfigError: ``DQ-BATCH-001`` when the range is not of the table's grain.
    """
    grain = spec.grain or Grain.DAY
    first, last = window(chosen.first, grain)[0], min(window(chosen.last, grain)[0], as_of)
    closed = [key for key in expected(first, last, spec, timezone) if is_complete(key, grain, as_of)]
    return sorted({*closed, *(key for key in present.rows if key in chosen)})


def only(plan: TablePlan, present: PresentBatches, keys: Collection[str]) -> exp.Expr | None:
    """Return the filter that keeps the rows of some of the present batches, as few ranges; None where ``keys`` is empty."""
    runs: list[list[str]] = []
    before = None
    for key in present.rows:
        if key in keys:
            if before in keys and runs:
                runs[-1].append(key)
            else:
                runs.append([key])
        before = key
    conditions = [condition for run in runs if (condition := range_condition(plan, run)) is not None]
    return exp.or_(*conditions) if conditions else None


def fingerprints(session: Session, plan: TablePlan, relation: exp.Table, dialect: str, present: PresentBatches, keys: Collection[str]) -> dict[str, str]:
    """Return the fingerprint of some of the present batches, in one scan of their rows only."""
    start, where = plan.batch_start(dialect), only(plan, present, keys)
    if start is None or where is None:
        return {}
    query = select_aggregates(relation, [fingerprint(plan.columns, dialect)], where=where, group=start)
    grain = plan.batch.grain or Grain.DAY
    return {batch_key(row["batch_start"], grain): row["a0"] for row in session.query(query).to_pylist()}


def range_condition(plan: TablePlan, keys: list[str]) -> exp.Expr | None:
    """Return the filter that keeps the rows from the first to the last of the batches."""
    column = plan.batch_column
    return between_batches(plan.batch, column, plan.timezone, keys[0], keys[-1]) if column and keys else None
