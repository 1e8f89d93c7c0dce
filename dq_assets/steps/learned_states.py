"""Bring the state of a table's columns up to date with the batches that may teach.

Decision: where the batches that the stored state covers are still what they were, only the new ones are read and merged in; else the state is made
anew. Values are asked for one column at a time, and only of columns with few; of the others the state holds counts and moments.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.errors import SourceError
from dq_assets.profiling.column_states import (
    KEPT_SHAPES,
    KEPT_VALUES,
    STATE_VERSION,
    ColumnState,
    Counts,
    Moments,
    Seen,
    counts_of,
    merged,
    sketch_of,
    with_hashes,
)
from dq_assets.profiling.metrics import DOMAIN_LIMIT
from dq_assets.profiling.plan import SHAPE_LENGTH, SHAPE_LIMIT, blanks, value_counts
from dq_assets.records.batches import Grain, batch_key
from dq_assets.records.enums import GeneralType
from dq_assets.records.profiles import StateRow
from dq_assets.steps.batches import only

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlglot import exp

    from dq_assets.profiling.masking import ValuePolicy
    from dq_assets.profiling.table_profile import TableProfile
    from dq_assets.records.profiles import ColumnProfile
    from dq_assets.steps.batches import PresentBatches
    from dq_assets.steps.profile_table import TableScan


class LearnedRows(NamedTuple):
    """The rows that a state is brought up to date with: which they are, how many, and their profiles where they were taken."""

    where: exp.Expr | None
    rows: int
    profiles: tuple[TableProfile, ...]
    added: bool
    """Whether they come on top of what the stored states cover; else the states are made anew."""
    digest: str | None


def digest_of(versions: Mapping[str, str]) -> str:
    """Return what tells one set of batches, by key and version of their rows, from another."""
    return hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest()[:16]


def rows_to_learn(
    scan: TableScan, present: PresentBatches, learned: Collection[str], taken: Mapping[str, TableProfile], stored: Mapping[str, StateRow]
) -> LearnedRows | None:
    """Return which rows of a timed table are new to the stored states, or all that may teach where something else changed; None where nothing may teach.

    Args:
        scan: the table.
        present: its batches.
        learned: those that may teach.
        taken: the profiles of those that were profiled now.
        stored: the states, by column id.
    """
    if not learned:
        return None
    versions = {key: present.version(key, None) for key in learned}
    before = {key: version for key, version in versions.items() if key not in taken}
    covered = {state.batches_digest for state in stored.values()}
    added = bool(stored) and bool(before) and covered == {digest_of(before)} and len(stored) == len(scan.plan.columns)
    # In data time, since sums of floating numbers depend on their order, and a set of texts has another one in every process.
    keys = sorted(key for key in learned if key in taken or not added)
    if added and not keys:
        return LearnedRows(None, 0, (), True, digest_of(versions))
    profiles = tuple(taken[key] for key in keys if key in taken)
    return LearnedRows(only(scan.plan, present, keys), sum(present.rows[key] for key in keys), profiles, added, digest_of(versions))


def renewed_states(
    scan: TableScan, columns: Collection[ColumnProfile], policy: ValuePolicy, rows: LearnedRows, stored: Mapping[str, StateRow]
) -> dict[str, ColumnState]:
    """Return the states of a table's columns, by column id, with the rows taken in."""
    found: dict[str, ColumnState] = {}
    for column in columns:
        known = ColumnState.model_validate(stored[column.column_id].state) if rows.added else None
        if known is not None and not policy.may_store(column.column_name):
            known = with_hashes(known)
        if known is not None and not rows.rows:
            found[column.column_id] = known
            continue
        fresh = _state_of(scan, column, policy, rows)
        found[column.column_id] = merged(known, fresh) if known is not None else fresh
    return found


def state_rows(scan: TableScan, states: Mapping[str, ColumnState], digest: str | None) -> tuple[StateRow, ...]:
    """Return the states as they are stored."""
    return tuple(
        StateRow(
            column_id=column_id,
            table_id=scan.table.table_id,
            state_version=STATE_VERSION,
            state=state.model_dump(mode="json", exclude_none=True),
            batches_digest=digest,
        )
        for column_id, state in states.items()
    )


def _state_of(scan: TableScan, column: ColumnProfile, policy: ValuePolicy, rows: LearnedRows) -> ColumnState:
    parts = [found for profile in rows.profiles for found in profile.columns if found.column_name == column.column_name]
    measured = sum(part.record_count for part in parts) == rows.rows
    hashed = not policy.may_store(column.column_name)
    state = ColumnState(rows=rows.rows, numbers=_moments(parts) if measured and not hashed else None)
    if column.general_type is GeneralType.OTHER or column.record_count == column.null_count:
        return state
    filled = blanks(next(each for each in scan.plan.columns if each.name == column.column_name), scan.plan.timezone, scan.dialect)
    values = _seen(scan, filled["c"], KEPT_VALUES, rows.where) if (column.distinct_count or 0) <= KEPT_VALUES else None
    shaped = "shape" in filled and int(column.metrics.get("shape_count", KEPT_SHAPES + 1)) <= KEPT_SHAPES
    shapes = _seen(scan, filled["shape"], KEPT_SHAPES, rows.where) if shaped else None
    return state.model_copy(
        update={
            "values": _counts(values, KEPT_VALUES, hashed=hashed),
            "shapes": _counts(shapes, KEPT_SHAPES, hashed=hashed) if shapes and max(map(len, shapes)) <= SHAPE_LENGTH else None,
            "sketch": sketch_of(values) if values is not None and len(values) <= KEPT_VALUES else None,
        }
    )


def taught(state: ColumnState) -> dict[str, list[dict[str, object]]]:
    """Return ``domain`` and ``shapes`` for the proposers of tests: each value with its rows and first batch, where they are few and all known."""
    found = {}
    if (values := state.values) is not None and not values.hashed and values.complete and 0 < len(values.seen) <= DOMAIN_LIMIT:
        found["domain"] = _listed(values)
    if (shapes := state.shapes) is not None and not shapes.hashed and shapes.complete and 0 < len(shapes.seen) <= SHAPE_LIMIT:
        found["shapes"] = _listed(shapes)
    return found


def _listed(counts: Counts) -> list[dict[str, object]]:
    return [
        {"value": value, "rows": seen.rows, "first_batch": seen.first_batch}
        for value, seen in sorted(counts.seen.items(), key=lambda item: (-item[1].rows, item[0]))
    ]


def _seen(scan: TableScan, value: exp.Expr, limit: int, where: exp.Expr | None) -> dict[str, Seen] | None:
    start, grain = scan.plan.batch_start(scan.dialect), scan.plan.batch.grain or Grain.DAY
    query = value_counts(scan.session.relation(scan.table.name), value, limit=limit + 1, first_seen=start, where=where)
    try:
        rows = scan.session.rows(query, timeout_s=scan.timeout_s)
    except SourceError:
        return None
    found: dict[str, Seen] = {}
    for row in rows:
        first = row.get("first_seen")
        found[row["v"]] = Seen(rows=int(row["n"]), first_batch=batch_key(first, grain) if first else None)
    return found


def _counts(seen: Mapping[str, Seen] | None, limit: int, *, hashed: bool) -> Counts | None:
    return None if seen is None else counts_of(seen, limit, hashed=hashed)


def _moments(parts: list[ColumnProfile]) -> Moments | None:
    total: ColumnState | None = None
    for part in parts:
        count = part.record_count - part.null_count - int(part.metrics.get("non_finite_count") or 0)
        if part.general_type is not GeneralType.NUMBER or part.avg_value is None or count < 1:
            continue
        squares = (part.stddev_value or 0.0) ** 2 * (count - 1)
        low, high = float(part.metrics.get("min_number", part.avg_value)), float(part.metrics.get("max_number", part.avg_value))
        fresh = ColumnState(rows=0, numbers=Moments(count=count, mean=part.avg_value, squares=squares, low=low, high=high))
        total = merged(total, fresh) if total is not None else fresh
    return total.numbers if total is not None else None
