"""Profiling a part of the rows: which, and what the counts of a part say of the whole.

Decision: a row is chosen by a hash and a seed, not by chance: the same seed takes the same rows of the same data on every run. Where the engine keeps an order,
the hash is of the row's place in it; counts of rows are then scaled to all rows and carry Wilson's interval. Elsewhere it is of the row's cells, so that equal
rows are taken together, and counts are scaled without an interval. Counts of values are what was seen; smallest, largest and quantiles are those of the
sample.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from dq_assets.profiling.metrics import COLUMN_METRICS, UNITS, How, Unit
from dq_assets.profiling.sql import literal, quoted
from dq_assets.records.enums import Quality
from dq_assets.records.profiles import ColumnProfile, Estimate, FrequentValue, HistogramBucket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.profiling.table_profile import TableProfile
    from dq_assets.records.tables import Column

Z95 = 1.96
SUMS = frozenset(metric.name for metric in COLUMN_METRICS if metric.how is How.SUM)
BUCKETS = 1 << 20
"""Rows are cut into so many parts by their hash; a share is a number of parts."""


def chosen_rows(columns: Sequence[Column], share: float, seed: int, dialect: str, *, place: str | None = None) -> exp.Expr:
    """Return the condition that keeps a ``share`` of the rows: by the column that holds their ``place``, else by all cells."""
    names = [quoted(column.name) for column in columns] if place is None else [quoted(place)]
    hashed: exp.Expr
    if dialect == "postgres":
        row = exp.cast(exp.Anonymous(this="row", expressions=names), "text")
        hashed = exp.Anonymous(this="hashtextextended", expressions=[row, literal(seed)])
    else:
        hashed = exp.Anonymous(this="hash" if dialect == "duckdb" else "xxhash64", expressions=[*names, literal(seed)])
    part = exp.Mod(this=hashed, expression=literal(BUCKETS))
    kept = part if dialect == "duckdb" else exp.Abs(this=part)
    return exp.LT(this=kept, expression=literal(max(1, round(share * BUCKETS))))


def wilson(hits: int, seen: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (E. B. Wilson, 1927)."""
    if not seen:
        return 0.0, 1.0
    share, square = hits / seen, Z95 * Z95
    centre = (share + square / (2 * seen)) / (1 + square / seen)
    half = Z95 * math.sqrt(share * (1 - share) / seen + square / (4 * seen * seen)) / (1 + square / seen)
    return max(0.0, centre - half), min(1.0, centre + half)


def of_all_rows(profile: TableProfile, rows: int, *, independent: bool) -> TableProfile:
    """Return the profile of a sample as one of all ``rows``: counts scaled, everything marked as sampled with the rows read.

    ``independent``: rows were chosen by their place, so that intervals hold.
    """
    seen = profile.row_count
    metrics = {**profile.metrics, "row_count": rows}
    duplicates = metrics.pop("duplicate_row_count", None)
    approximations = {}
    if duplicates is not None:
        metrics["duplicate_row_count"], approximations["duplicate_row_count"] = _scaled(duplicates, seen, rows, independent=False)
    columns = tuple(_column(column, seen, rows, independent=independent) for column in profile.columns)
    # Rows that all differ in a sample need not all differ in the whole.
    return profile.model_copy(
        update={"row_count": rows, "rows_read": seen, "metrics": metrics, "approximations": approximations, "columns": columns, "candidate_keys": ()}
    )


def _scaled(count: int, seen: int, rows: int, *, independent: bool) -> tuple[int, Estimate]:
    value = round(count * rows / seen) if seen else 0
    if not independent:
        return value, Estimate(quality=Quality.SAMPLED, rows_read=seen)
    low, high = wilson(count, seen)
    return value, Estimate(quality=Quality.SAMPLED, rows_read=seen, low=math.floor(low * rows), high=math.ceil(high * rows))


def _column(column: ColumnProfile, seen: int, rows: int, *, independent: bool) -> ColumnProfile:
    if not column.record_count:
        return column
    factor = rows / seen
    metrics: dict[str, Any] = {}
    approximations: dict[str, Estimate] = {}
    for name, value in column.metrics.items():
        unit = UNITS.get(name)
        if unit is Unit.ROWS:
            metrics[name], approximations[name] = _scaled(int(value), seen, rows, independent=independent and name != "max_frequency")
        elif name in SUMS:
            metrics[name], approximations[name] = float(value) * factor, Estimate(quality=Quality.SAMPLED, rows_read=seen)
        else:
            metrics[name] = value
            # A value seen once may come again in the rest, one seen twice is repeated for good.
            low = float(value) if unit is Unit.VALUES and name != "unique_count" else None
            approximations[name] = Estimate(quality=Quality.SAMPLED, rows_read=seen, low=low)
    nulls, approximations["null_count"] = _scaled(column.null_count, seen, rows, independent=independent)
    own: dict[str, Any] = {"distinct_count": column.distinct_count, "min_value": column.min_value, "max_value": column.max_value}
    own |= {"avg_value": column.avg_value, "stddev_value": column.stddev_value}
    for name, value in (own | column.percentiles).items():
        if value is not None:
            low = float(value) if name == "distinct_count" and isinstance(value, int) else None
            approximations[name] = Estimate(quality=Quality.SAMPLED, rows_read=seen, low=low)
    # A standard error of the mean, where one is known.
    finite = seen - column.null_count - int(column.metrics.get("non_finite_count") or 0)
    if independent and column.avg_value is not None and column.stddev_value is not None and finite > 1:
        half = Z95 * column.stddev_value / math.sqrt(finite)
        approximations["avg_value"] = Estimate(quality=Quality.SAMPLED, rows_read=seen, low=column.avg_value - half, high=column.avg_value + half)
    return column.model_copy(
        update={
            "record_count": rows,
            "rows_read": seen,
            "null_count": nulls,
            "metrics": metrics,
            "approximations": approximations,
            "top_values": _frequent(column.top_values, factor),
            "shapes": _frequent(column.shapes, factor),
            "lengths": tuple((length, round(count * factor)) for length, count in column.lengths),
            "histogram": tuple(
                HistogramBucket(lower=each.lower, upper=each.upper, frequency=round(each.frequency * factor), rank=each.rank) for each in column.histogram
            ),
        }
    )


def _frequent(values: Sequence[FrequentValue], factor: float) -> tuple[FrequentValue, ...]:
    return tuple(value.model_copy(update={"frequency": round(value.frequency * factor)}) for value in values)
