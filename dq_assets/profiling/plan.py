"""What is asked of one table, and what fills the blanks of the catalogues for its columns.

Decision: metrics and rules speak of a column through few named blanks (its text, its finite number, its wall-clock time), which are made here, once for every
statement. How statements are put together from them is in ``dictionary``, ``wide`` and ``table_metrics``, and in ``rules.compile``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one

from dq_assets.profiling.metrics import FINGERPRINT, HISTOGRAM_BUCKETS, PATTERNS, SHAPE, patterns
from dq_assets.profiling.sql import DIALECT, batch_start, fill, is_zoned, quoted, wall_clock
from dq_assets.records.base import Record
from dq_assets.records.batches import BatchSpec
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    from collections.abc import Sequence

SHAPE_LIMIT, SHAPE_LENGTH = 20, 40
TEXT_KEPT = 1000
"""Characters of a text that a profile keeps as minimum, maximum or top value."""
FIRST_START, LAST_START = datetime(1000, 1, 1), datetime(9999, 1, 1)  # noqa: DTZ001 - wall-clock by definition


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
        if dialect == "postgres":
            # PostgreSQL hashes text; a row as text tells its parts apart.
            row = exp.cast(exp.Anonymous(this="row", expressions=list(values)), "text")
            return exp.Anonymous(this="hashtextextended", expressions=[row, exp.Literal.number(0)])
        return exp.Anonymous(this=name, expressions=list(values))

    cells = [
        fill(
            "CASE WHEN c IS NULL THEN 0 ELSE cast(h AS DECIMAL(38, 0)) END",
            {"c": quoted(column.name), "h": hashed(exp.Literal.string(column.name), quoted(column.name))},
        )
        for column in columns
    ]
    return fill(FINGERPRINT, {"row_hash": hashed(_sum(cells))})


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
    filled: dict[str, exp.Expr] = {"c": raw, "exact": raw}
    if column.general_type is GeneralType.NUMBER:
        filled["x"] = finite(column)
        if knows_nan(column):
            filled["f"] = exp.cast(raw, "double")
            filled["exact"] = fill("CASE WHEN f > :minus_inf AND f < :inf THEN c END", {"f": filled["f"], "c": raw}, PATTERNS)
        if "INT" not in column.data_type.upper() and column.data_type.upper() != "LONG":
            # Spark's floor is a BIGINT; PostgreSQL has no remainder of a DOUBLE.
            filled["fraction"] = fill("abs(n) % 1" if dialect in ("spark", "databricks") else "abs(n) - floor(abs(n))", {"n": filled["exact"]})
    elif column.general_type is GeneralType.TEXT:
        kind = column.data_type.upper()
        text = raw if "CHAR" in kind and not kind.startswith("ENUM") else exp.cast(raw, "string")
        # The order of text is that of its code points, whatever the collation of a database.
        ordered = exp.Collate(this=text, expression=exp.to_identifier("C", quoted=True)) if dialect == "postgres" else text
        filled |= {"c": text, "exact": ordered, **text_blanks(text, dialect)}
    elif column.general_type is GeneralType.BOOLEAN and dialect == "postgres":
        filled["exact"] = exp.cast(raw, "string")
    elif column.general_type is GeneralType.DATE:
        filled["d"] = finite_wall_clock(column, timezone, dialect)
    elif column.general_type is GeneralType.OTHER and (size := _size(column)) is not None:
        filled["size"] = size
    return filled


def text_blanks(text: exp.Expr, dialect: str) -> dict[str, exp.Expr]:
    """Return the blanks that are computed from a text."""
    length = exp.Length(this=text.copy())
    octets = exp.Anonymous(this="strlen" if dialect == "duckdb" else "octet_length", expressions=[text.copy()])
    templates = {"up": "c RLIKE :upper", "low": "c RLIKE :cased_lower", "bare": "trim(BOTH ' ' FROM c)"}
    parts = {name: fill(template, {"c": text}, patterns(dialect)) for name, template in templates.items()}
    return {"len": length, "bytes": octets, "shape": fill(SHAPE, {"c": text}, patterns(dialect)), **parts}


def knows_nan(column: Column) -> bool:
    """Whether a number's type has NaN."""
    return column.data_type.upper() in ("FLOAT", "DOUBLE", "REAL", "DOUBLE PRECISION") or is_numeric(column)


def is_numeric(column: Column) -> bool:
    """Whether a number is of PostgreSQL's exact type, which has NaN, and infinities where it is declared without digits."""
    return column.data_type.upper().startswith("NUMERIC")


def finite(column: Column) -> exp.Expr:
    """Return a number as DOUBLE; NaN and the infinities become NULL, so that they spoil no average. Every engine takes NaN for greater than infinity."""
    number = exp.cast(quoted(column.name), "double")
    return fill("CASE WHEN n > :minus_inf AND n < :inf THEN n END", {"n": number}, PATTERNS) if knows_nan(column) else number


def finite_wall_clock(column: Column, timezone: str, dialect: str) -> exp.Expr:
    """Return a date or time as wall-clock timestamp, NULL where it is infinite or (a DATE of DuckDB) beyond all timestamps."""
    moment = wall_clock(column, timezone, dialect)
    if dialect not in ("duckdb", "postgres"):
        return moment
    if dialect == "duckdb" and isinstance(moment, exp.Cast):
        moment = exp.TryCast(this=moment.this, to=moment.args["to"], safe=True)
    kind = "date" if column.data_type.upper() == "DATE" else "timestamptz" if is_zoned(column) else "timestamp"
    bounds = [exp.cast(exp.Literal.string(bound), kind, dialect=dialect) for bound in ("-infinity", "infinity")]
    raw = quoted(column.name)
    within = exp.and_(exp.GT(this=raw.copy(), expression=bounds[0]), exp.LT(this=raw.copy(), expression=bounds[1]))
    return exp.Case(ifs=[exp.If(this=within, true=moment)])


def _size(column: Column) -> exp.Expr | None:
    kind, raw = column.data_type.upper(), quoted(column.name)
    if kind.startswith("MAP") or kind.endswith("[]"):
        return exp.Anonymous(this="cardinality", expressions=[raw])
    if kind.endswith("]"):
        return exp.Anonymous(this="len", expressions=[raw])
    if kind.startswith("ARRAY<"):
        return exp.Anonymous(this="cardinality", expressions=[raw])
    if kind in ("BLOB", "BYTEA", "BINARY"):
        return exp.Anonymous(this="octet_length", expressions=[raw])
    return None


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


BUCKET_WIDTH = f"(hi - lo) / {HISTOGRAM_BUCKETS}.0"
BUCKET_ABOUT = f"least(floor((s.x - r.lo) / r.width), {HISTOGRAM_BUCKETS - 1})"
BUCKET = f"CASE WHEN x < lo + about * width THEN about - 1 WHEN about < {HISTOGRAM_BUCKETS - 1} AND x >= lo + (about + 1) * width THEN about + 1 ELSE about END"
BUCKETS_FIT = "r.lo < r.hi AND r.width < cast('inf' AS DOUBLE) AND r.lo + r.width / 4 > r.lo AND r.hi - r.width / 4 < r.hi"
"""Templates of the histogram: a number's bucket is computed, then moved where a rounded quotient and the edges that the profile shows differ."""


def parse(text: str) -> exp.Expr:
    """Return a template of our own without blanks as an expression."""
    return parse_one(text, read=DIALECT)


_RANGE_HELD = "(lo < 0) = (hi < 0) OR (abs(lo) < 8e307 AND abs(hi) < 8e307)"


def histogram(relation: exp.Expr, number: exp.Expr, dialect: str, where: exp.Expr | None = None) -> exp.Select:
    """Return the statement for ``lo``, ``hi``, ``bucket`` (0-based, equal widths, the last one closed) and rows ``n``; no rows where there is no histogram."""
    rows = exp.select(exp.alias_(number, "x")).from_(relation.copy())
    rows = rows.where(where.copy()) if where is not None else rows
    ends = exp.select(exp.alias_(exp.Min(this=exp.column("x")), "lo"), exp.alias_(exp.Max(this=exp.column("x")), "hi")).from_(rows.copy().subquery("a"))
    # PostgreSQL fails where a difference overflows.
    width = f"CASE WHEN {_RANGE_HELD} THEN {BUCKET_WIDTH} END" if dialect == "postgres" else BUCKET_WIDTH
    sized = exp.select("lo", "hi", exp.alias_(parse(width), "width")).from_(ends.subquery("e"))
    placed = exp.select("s.x", "r.lo", "r.hi", "r.width", exp.alias_(parse(BUCKET_ABOUT), "about")).from_(rows.subquery("s"))
    placed = placed.join(sized.subquery("r"), join_type="cross").where(parse(BUCKETS_FIT)).where(parse("NOT s.x IS NULL"))
    query = exp.select("lo", "hi", exp.alias_(exp.cast(parse(BUCKET), "bigint"), "bucket"), exp.alias_(exp.Count(this=exp.Star()), "n"))
    return query.from_(placed.subquery("h")).group_by("lo", "hi", exp.cast(parse(BUCKET), "bigint"))


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
