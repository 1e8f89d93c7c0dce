"""What learning remembers of a column over all batches it learned from, in a form that takes further batches in without reading the old ones again.

Decision: a state is a value, and ``merged`` makes one state of two whose rows are apart. Counts, smallest and largest, mean and deviation (Chan, Golub and
LeVeque, 1979) and the values of a column that has few are then exactly those of all rows. The number of distinct values of any other column is
estimated from a sketch of its smallest hashes (Bar-Yossef et al., 2002: k minimum values), within 1/sqrt(k) of the truth in two of three cases. A
personal column's values and shapes are kept as hashes only.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from pydantic import Field

from dq_assets.records.base import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATE_VERSION = 1
KEPT_VALUES, KEPT_SHAPES = 1000, 100
SKETCH_SIZE = 256
_HASHES = 1 << 64


class Seen(Record):
    """How many rows hold a value, and the first batch that did (None for a table that is one batch)."""

    rows: int
    first_batch: str | None = None


class Counts(Record):
    """Values with their rows: the most frequent ones, all of them where ``complete``; ``hashed``: known by their hash only."""

    seen: dict[str, Seen] = Field(default_factory=dict)
    complete: bool = True
    hashed: bool = False


class Moments(Record):
    """Of a column's finite numbers: how many, their mean, the sum of squared deviations from it, smallest and largest."""

    count: int
    mean: float
    squares: float
    low: float
    high: float

    @property
    def stddev(self) -> float | None:
        """The sample standard deviation, None of fewer than two numbers."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else None


class ColumnState(Record):
    """What is remembered of one column. A row of ``dq_column_states`` holds it as JSON."""

    rows: int
    values: Counts | None = None
    shapes: Counts | None = None
    sketch: tuple[int, ...] | None = None
    """The smallest 64-bit hashes of its values, ascending; None where not every value was seen."""
    numbers: Moments | None = None

    @property
    def distinct(self) -> int | None:
        """How many values the column has: exact where all are kept, else an estimate, None where nothing tells."""
        if self.values is not None and self.values.complete:
            return len(self.values.seen)
        if self.sketch is None:
            return None
        return len(self.sketch) if len(self.sketch) < SKETCH_SIZE else round((SKETCH_SIZE - 1) * _HASHES / self.sketch[-1])


def hashed_value(value: str) -> str:
    """Return what a personal value is known by."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def sketch_of(values: Iterable[str]) -> tuple[int, ...]:
    """Return the smallest 64-bit hashes of some values."""
    hashes = {int.from_bytes(hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()[:8], "big") for value in values}
    return tuple(sorted(hashes)[:SKETCH_SIZE])


def counts_of(seen: Mapping[str, Seen], limit: int, *, hashed: bool, complete: bool = True) -> Counts:
    """Return counts of at most ``limit`` values, the most frequent; ``complete`` says whether ``seen`` holds them all."""
    kept = sorted(seen.items(), key=lambda item: (-item[1].rows, item[0]))[:limit]
    named = {hashed_value(value) if hashed else value: count for value, count in kept}
    return Counts(seen=named, complete=complete and len(seen) <= limit, hashed=hashed)


def with_hashes(state: ColumnState) -> ColumnState:
    """Return the state of a column whose values may not be kept any more."""
    empty = Counts(hashed=True)
    counts = {"values": _merged_counts(state.values, empty, KEPT_VALUES), "shapes": _merged_counts(state.shapes, empty, KEPT_SHAPES)}
    return state.model_copy(update={**counts, "numbers": None})


def merged(one: ColumnState, other: ColumnState) -> ColumnState:
    """Return the state of the rows of both, which must be apart."""
    return ColumnState(
        rows=one.rows + other.rows,
        values=_merged_counts(one.values, other.values, KEPT_VALUES),
        shapes=_merged_counts(one.shapes, other.shapes, KEPT_SHAPES),
        sketch=None if one.sketch is None or other.sketch is None else tuple(sorted({*one.sketch, *other.sketch})[:SKETCH_SIZE]),
        numbers=_merged_moments(one.numbers, other.numbers),
    )


def _merged_counts(one: Counts | None, other: Counts | None, limit: int) -> Counts | None:
    if one is None or other is None:
        return None
    hashed = one.hashed or other.hashed
    seen: dict[str, Seen] = {}
    for counts in (one, other):
        for value, count in counts.seen.items():
            key = hashed_value(value) if hashed and not counts.hashed else value
            before = seen.get(key)
            first = min((each for each in (before.first_batch if before else None, count.first_batch) if each is not None), default=None)
            seen[key] = Seen(rows=count.rows + (before.rows if before else 0), first_batch=first)
    kept = dict(sorted(seen.items(), key=lambda item: (-item[1].rows, item[0]))[:limit])
    return Counts(seen=kept, complete=one.complete and other.complete and len(seen) <= limit, hashed=hashed)


def _merged_moments(one: Moments | None, other: Moments | None) -> Moments | None:
    if one is None or other is None:
        return one or other
    count, apart = one.count + other.count, other.mean - one.mean
    return Moments(
        count=count,
        mean=one.mean + apart * other.count / count,
        squares=one.squares + other.squares + apart * apart * one.count * other.count / count,
        low=min(one.low, other.low),
        high=max(one.high, other.high),
    )
