"""From a table's columns to the statements that profile it, and back from answers to numbers.

Decision: one wide aggregate over the table, one more with ``GROUP BY batch`` for the series (so 300 batches cost one grouped scan), and a small
``GROUP BY value`` per column for top values, domains and histograms. ``select_aggregates`` names aggregates by position, which is what
ties an answer back to its metric.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from dq_assets.profiling.metrics import DUPLICATE_ROWS, FINGERPRINT, PATTERNS, ROW_COUNT, SHAPE, Metric, metrics_of
from dq_assets.profiling.sql import batch_start, fill, quoted, wall_clock
from dq_assets.records.base import Record
from dq_assets.records.batches import BatchSpec
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    from collections.abc import Sequence

DOMAIN_LIMIT = 100
"""A column with at most so many distinct values is looked at value by value."""
SHAPE_LIMIT, SHAPE_LENGTH = 20, 40
FIRST_START, LAST_START = datetime(1000, 1, 1), datetime(9999, 1, 1)  # noqa: DTZ001 - wall-clock by definition
TOP_VALUES = 10
HISTOGRAM_BUCKETS = 20


class Measurement(Record):
    """One metric of one column; ``column`` None: of the table."""

    column: Column | None
    metric: Metric

    def __str__(self) -> str:
        return f"{self.column.name if self.column else 'table'}.{self.metric.name}"


class TablePlan(Record):
    """What is asked of one table."""

    table: TableName
    columns: tuple[Column, ...]
    batch: BatchSpec
    timezone: str
    as_of: datetime
    """Wall-clock time of the run in ``timezone``, naive."""

    @property
    def batch_column(self) -> Column | None:
        """The column that cuts the table into batches, None where it is one batch or the column is missing."""
        return next((column for column in self.columns if column.name == self.batch.column), None)

    def measurements(self, *, series_only: bool) -> list[Measurement]:
        """Return the metrics of the table and of all its columns."""
        table = [Measurement(column=None, metric=metric) for metric in (ROW_COUNT, DUPLICATE_ROWS)]
        return table + [
            Measurement(column=column, metric=metric) for column in self.columns for metric in metrics_of(column.general_type, series_only=series_only)
        ]

    def aggregate(self, measurement: Measurement, dialect: str) -> exp.Expr:
        """Return the measurement's aggregate expression."""
        if measurement.column is None:
            return fill(measurement.metric.sql, {"row": row_value(self.columns)})
        return fill(measurement.metric.sql, blanks(measurement.column, self.timezone, dialect), {**PATTERNS, "as_of": self.as_of})

    def batch_start(self, dialect: str) -> exp.Expr | None:
        """Return the grouping expression, or None for a table that is one batch."""
        column = self.batch_column
        if column is None:
            return None
        # No batch begins at infinity or at a placeholder outside the years of four digits; such times have no key, and some no Python value.
        start = batch_start(self.batch, column, self.timezone, dialect)
        return fill("CASE WHEN s >= :first AND s < :last THEN s END", {"s": start}, {"first": FIRST_START, "last": LAST_START})


def fingerprint(columns: Sequence[Column], dialect: str) -> exp.Expr:
    """Return the aggregate that tells one content of rows from another; engines hash differently, so it compares within one engine only.

    A row's hash is made of its cells that hold something, each with its column's name: a column that is added later, and empty in the
    rows that were there before, leaves their fingerprint as it is.
    """
    name = "xxhash64" if dialect in ("databricks", "spark") else "hash"

    def hashed(*values: exp.Expr) -> exp.Expr:
        return exp.Anonymous(this=name, expressions=list(values))

    cells = [
        fill(
            "CASE WHEN c IS NULL THEN 0 ELSE cast(h AS DECIMAL(38, 0)) END",
            {"c": quoted(column.name), "h": hashed(exp.Literal.string(column.name), quoted(column.name))},
        )
        for column in columns
    ]
    return fill(FINGERPRINT.sql, {"row_hash": hashed(_sum(cells))})


def _sum(terms: Sequence[exp.Expr]) -> exp.Expr:
    """Return the sum as a balanced tree: engines bound the depth of an expression, and tables have thousands of columns."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return exp.paren(exp.Add(this=_sum(terms[:middle]), expression=_sum(terms[middle:])), copy=False)


def row_value(columns: Sequence[Column]) -> exp.Expr:
    """Return a whole row as one value that counts as distinct by content, nulls included."""
    # Numbered fields: two columns whose names differ in case only would clash in a struct.
    return exp.Struct(expressions=[exp.PropertyEQ(this=exp.to_identifier(f"f{index}"), expression=quoted(column.name)) for index, column in enumerate(columns)])


def blanks(column: Column, timezone: str, dialect: str) -> dict[str, exp.Expr]:
    """Return what fills the catalogue's blanks for a column."""
    raw = quoted(column.name)
    filled: dict[str, exp.Expr] = {"c": raw}
    if column.general_type is GeneralType.NUMBER:
        filled["x"] = finite(column)
    if column.general_type is GeneralType.TEXT:
        filled["c"] = exp.cast(raw, "string") if "CHAR" not in column.data_type.upper() else raw
        filled["shape"] = fill(SHAPE, {"c": filled["c"]}, PATTERNS)
    if column.general_type is GeneralType.DATE:
        filled["d"] = wall_clock(column, timezone, dialect)
    return filled


def finite(column: Column) -> exp.Expr:
    """Return a number as DOUBLE; NaN and the infinities of floating types become NULL, so that they spoil no average."""
    number = exp.cast(quoted(column.name), "double")
    if column.data_type.upper() not in ("FLOAT", "DOUBLE", "REAL"):
        return number
    return fill("CASE WHEN isnan(n) OR n = :inf OR n = :minus_inf THEN NULL ELSE n END", {"n": number}, {"inf": float("inf"), "minus_inf": float("-inf")})


def value_counts(relation: exp.Table, value: exp.Expr, *, limit: int, first_seen: exp.Expr | None = None, where: exp.Expr | None = None) -> exp.Select:
    """Return the statement for the ``limit`` most frequent non-null values of the rows that ``where`` keeps.

    Its columns are ``v`` (text), ``n``, and ``first_seen`` where a batch expression is given.
    """
    query = exp.select(exp.alias_(exp.cast(value.copy(), "string"), "v"), exp.alias_(exp.Count(this=exp.Star()), "n")).from_(relation.copy())
    if first_seen is not None:
        query = query.select(exp.alias_(exp.Min(this=first_seen.copy()), "first_seen"))
    query = query.where(exp.Not(this=exp.Is(this=value.copy(), expression=exp.null()))).group_by(value.copy())
    if where is not None:
        query = query.where(where.copy())
    return query.order_by(exp.Ordered(this=exp.column("n"), desc=True), exp.column("v")).limit(limit)


def histogram(relation: exp.Table, number: exp.Expr, lower: float, upper: float, buckets: int = HISTOGRAM_BUCKETS) -> exp.Select:
    """Return the statement for bucket numbers ``b`` (0-based, equal widths, the last one closed) and rows ``n``; needs ``lower < upper``."""
    bucket = fill(
        "least(floor((n - :lower) * :buckets / :width), :last)",
        {"n": number},
        {"lower": lower, "buckets": float(buckets), "width": upper - lower, "last": float(buckets - 1)},
    )
    query = exp.select(exp.alias_(bucket, "b"), exp.alias_(exp.Count(this=exp.Star()), "n")).from_(relation.copy())
    return query.where(exp.Not(this=exp.Is(this=number.copy(), expression=exp.null()))).group_by(bucket.copy()).order_by(exp.column("b"))


def orphan_count(child: exp.Table, child_column: str, parent: exp.Table, parent_column: str, where: exp.Expr | None = None) -> exp.Select:
    """Return the statement for ``n``: rows of ``child`` (those that ``where`` keeps) whose non-null value is absent from ``parent``."""
    known = exp.select(exp.alias_(quoted(parent_column), "k")).distinct().from_(parent.copy()).subquery("parent")
    rows = exp.select(exp.alias_(quoted(child_column), "k")).from_(child.copy())
    if where is not None:
        rows = rows.where(where.copy())
    query = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n")).from_(rows.subquery("child"))
    key, found = exp.column("k", table="child"), exp.column("k", table="parent")
    query = query.join(known, on=exp.EQ(this=key, expression=found), join_type="left")
    return query.where(exp.and_(exp.Not(this=exp.Is(this=key.copy(), expression=exp.null())), exp.Is(this=found.copy(), expression=exp.null())))
