"""Which batches of a table a run is about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlglot import exp

from dq_assets.errors import SourceError
from dq_assets.profiling.plan import fingerprint
from dq_assets.profiling.sql import between_batches, fill, select_aggregates
from dq_assets.records.base import Record
from dq_assets.records.batches import BatchRange, BatchSpec, BatchVersion, Grain, batch_key, utc_window, window

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from dq_assets.profiling.plan import TablePlan
    from dq_assets.records.engine import Session


FAR_AHEAD = timedelta(days=366)


class PresentBatches(Record):
    """The batches a table holds: rows and fingerprint per key in data time. ``in_no_batch`` rows have no time, or none a batch could have."""

    rows: dict[str, int]
    fingerprints: dict[str, str]
    in_no_batch: int

    def version(self, key: str, table_version: str | None) -> str:
        """Return what a batch holds now, as a data version; a batch without a row has one too."""
        return str(BatchVersion(table_version=table_version or "", rows=self.rows.get(key, 0), fingerprint=self.fingerprints.get(key, "")))

    def holds(self, key: str, data_version: str | None) -> bool:
        """Whether a batch still holds the rows of an earlier version of it; False where that is not known."""
        known = BatchVersion.parse(data_version) if data_version else None
        return known is not None and (known.rows, known.fingerprint) == (self.rows.get(key, 0), self.fingerprints.get(key, ""))


def present_batches(session: Session, plan: TablePlan, relation: exp.Table, dialect: str, *, timeout_s: float | None = None) -> PresentBatches:
    """Count a timed table's rows per batch and take their fingerprint, in one grouped scan.

    A batch that begins after the run's time is not present yet. Rows more than a year ahead are in no batch: nothing would ever judge a placeholder.

    Raises:
        SourceError: ``DQ-SRC-002`` when the batch column is gone.
    """
    start = plan.batch_start(dialect)
    if start is None:
        raise lost_batch_column(plan)
    count = exp.Count(this=exp.Star())
    try:
        rows = session.query(select_aggregates(relation, [count, fingerprint(plan.columns, dialect)], dialect, group=start), timeout_s=timeout_s).to_pylist()
    except SourceError:
        # A column the engine cannot hash costs the fingerprints, not the batches.
        rows = session.query(select_aggregates(relation, [count], dialect, group=start), timeout_s=timeout_s).to_pylist()
    grain = plan.batch.grain or Grain.DAY
    timed = [row for row in rows if row["batch_start"] is not None and row["batch_start"] <= plan.as_of + FAR_AHEAD]
    usable = sorted((row for row in timed if row["batch_start"] <= plan.as_of), key=lambda row: row["batch_start"])
    keyed = {batch_key(row["batch_start"], grain): row for row in usable}
    return PresentBatches(
        rows={key: int(row["a0"]) for key, row in keyed.items()},
        fingerprints={key: row.get("a1") or "" for key, row in keyed.items()},
        in_no_batch=sum(int(row["a0"]) for row in rows) - sum(int(row["a0"]) for row in timed),
    )


def batch_span(session: Session, plan: TablePlan, relation: exp.Table, dialect: str) -> list[datetime]:
    """Return the wall-clock starts of a timed table's oldest and newest batch, without those that begin after the run's time; empty where there is none.

    Raises:
        SourceError: ``DQ-SRC-002`` when the batch column is gone.
    """
    start = plan.batch_start(dialect)
    if start is None:
        raise lost_batch_column(plan)
    come = fill("CASE WHEN s <= :as_of THEN s END", {"s": start}, {"as_of": plan.as_of})
    found = session.query(select_aggregates(relation, [exp.Min(this=come), exp.Max(this=come.copy())], dialect)).to_pylist()[0]
    return [found["a0"], found["a1"]] if found["a0"] is not None else []


def lost_batch_column(plan: TablePlan) -> SourceError:
    """Return the error of a timed table whose batch column is not there any more."""
    return SourceError("DQ-SRC-002", f"batch column {plan.batch.column!r} is gone from {plan.table}.", "restore it, or give the table another batch.")


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
    """Return the batches within a range chosen by hand: those that hold rows, and those whose window had closed without a row."""
    grain = spec.grain or Grain.DAY

    def within(key: str) -> bool:
        start, end = window(key, grain)
        return chosen.start <= start and end <= chosen.end

    closed = expected(window(batch_key(chosen.start, grain), grain)[0], min(chosen.end, as_of), spec, timezone)
    return sorted({key for key in closed if is_complete(key, grain, as_of) and within(key)} | {key for key in present.rows if within(key)})


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


def range_condition(plan: TablePlan, keys: list[str]) -> exp.Expr | None:
    """Return the filter that keeps the rows from the first to the last of the batches."""
    column = plan.batch_column
    return between_batches(plan.batch, column, plan.timezone, keys[0], keys[-1]) if column and keys else None
