"""How SQL is put together: Databricks SQL templates, in which names and values are only ever syntax-tree nodes.

Decision: catalogues hold text with two kinds of blanks: columns (``c``, ``x``, …) stand for expressions, ``:name`` for values. A template is
parsed once and its blanks are replaced in the tree, so a hostile name or value cannot end a literal. The engine's session renders the
tree in its own dialect.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one

from dq_assets.records.batches import BatchSpec, Grain, utc_window, window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq_assets.records.tables import Column

DIALECT = "databricks"


class Parameter(Enum):
    """A value that the statement takes when it runs, so that its text can be kept."""

    PARAMETER = "parameter"


PARAMETER = Parameter.PARAMETER


def quoted(name: str) -> exp.Column:
    """Return ``name`` as a column, quoted whatever is in it."""
    return exp.column(exp.to_identifier(name, quoted=True))


def literal(value: object) -> exp.Expr:
    """Return a Python value as SQL: None, bool, numbers, text, dates (datetimes as UTC instants), and lists as tuples."""
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, (int, Decimal)):
        return _number(str(value))
    if isinstance(value, float):
        return _number(repr(value)) if abs(value) < float("inf") else exp.cast(exp.Literal.string(str(value)), "double")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), exp.DataType.Type.TIMESTAMPNTZ)
        return exp.cast(exp.Literal.string(value.astimezone(UTC).isoformat(sep=" ")), exp.DataType.Type.TIMESTAMPTZ)
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, (list, tuple)):
        return exp.Tuple(expressions=[literal(item) for item in value])
    raise TypeError(f"no SQL literal for a {type(value).__name__}")


def _number(text: str) -> exp.Expr:
    return exp.Neg(this=exp.Literal.number(text[1:])) if text.startswith("-") else exp.Literal.number(text)


@lru_cache(maxsize=1024)
def _parsed(template: str) -> exp.Expr:
    return parse_one(template, read=DIALECT)


def fill(template: str, columns: Mapping[str, exp.Expr], values: Mapping[str, object] | None = None) -> exp.Expr:
    """Return the template with its blanks filled.

    Args:
        template: Databricks SQL with bare column names as blanks and ``:name`` for values.
        columns: blank → expression. A column in the template that is no blank is a mistake of ours.
        values: name → Python value; a list fills ``IN (:name)``; ``PARAMETER`` leaves the blank to whoever runs the statement.

    Raises:
        KeyError: a blank has no filling.
    """

    def replace(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table:
            return exp.paren(columns[node.name].copy()) if isinstance(columns[node.name], exp.Binary) else columns[node.name].copy()
        if isinstance(node, exp.Placeholder):
            value = (values or {})[node.name]
            return node if value is PARAMETER else literal(value)
        return node

    filled = _parsed(template).copy().transform(replace).transform(lambda node: count_if(node.this) if isinstance(node, exp.CountIf) else node)
    for membership in filled.find_all(exp.In):
        items = membership.expressions
        if len(items) == 1 and isinstance(items[0], exp.Tuple):
            membership.set("expressions", items[0].expressions)
    return filled


def count_if(condition: exp.Expr) -> exp.Expr:
    """Return the number of rows for which ``condition`` is true, 0 where it is true for none.

    Not the function of that name: on no rows, or where the condition is NULL in all of them, DuckDB's answers NULL and Databricks' 0.
    """
    return exp.Count(this=exp.Case(ifs=[exp.If(this=condition.copy(), true=exp.Literal.number(1))]))


def is_zoned(column: Column) -> bool:
    """Whether a column holds instants (timestamps with a zone) rather than wall-clock times."""
    # Spark's ``timestamp`` is an instant; DuckDB writes its own, which is none, in capitals, and PostgreSQL's name is longer.
    return column.data_type == "timestamp" or bool(re.search(r"WITH TIME ZONE|TIMESTAMPTZ|TIMESTAMP_LTZ", column.data_type.upper()))


def wall_clock(column: Column, timezone: str, dialect: str) -> exp.Expr:
    """Return a date or time column as wall-clock time in ``timezone``; naive columns are taken to be so already."""
    raw = quoted(column.name)
    if dialect == "duckdb" and column.data_type.upper() == "TIMESTAMP_NS":
        return _cut_to_microseconds(raw)
    if not is_zoned(column):
        return exp.cast(raw, exp.DataType.Type.TIMESTAMPNTZ)
    if dialect in ("databricks", "spark"):
        # Rendered as from_utc_timestamp. For DuckDB sqlglot would drop the zone first, which is another instant.
        return exp.AtTimeZone(this=exp.cast(raw, exp.DataType.Type.TIMESTAMPTZ, dialect=DIALECT), zone=exp.Literal.string(timezone))
    return exp.AtTimeZone(this=raw, zone=exp.Literal.string(timezone))


def _cut_to_microseconds(nanoseconds: exp.Expr) -> exp.Expr:
    # A cast rounds, and the last nanosecond of a day would fall into the next one.
    since = exp.Anonymous(this="epoch_ns", expressions=[nanoseconds])
    cut = fill("(n - ((n % 1000) + 1000) % 1000) DIV 1000", {"n": since})
    finite = exp.Anonymous(this="isfinite", expressions=[nanoseconds.copy()])
    moment = exp.Anonymous(this="make_timestamp", expressions=[cut])
    return exp.Case(ifs=[exp.If(this=finite, true=moment)], default=exp.cast(nanoseconds.copy(), exp.DataType.Type.TIMESTAMPNTZ))


def batch_start(spec: BatchSpec, column: Column, timezone: str, dialect: str) -> exp.Expr:
    """Return the wall-clock start of the batch a row belongs to (NULL for a row without a time)."""
    grain = spec.grain or Grain.DAY
    return exp.TimestampTrunc(this=wall_clock(column, timezone, dialect), unit=exp.var(grain.value.upper()))


def between_batches(spec: BatchSpec, column: Column, timezone: str, first: str, last: str) -> exp.Expr:
    """Return the condition that keeps batches ``first`` to ``last``, as a plain range on the raw column so that files are skipped."""
    grain = spec.grain or Grain.DAY
    raw = quoted(column.name)
    low: datetime | date
    high: datetime | date
    if is_zoned(column):
        low, high = utc_window(first, grain, timezone)[0], utc_window(last, grain, timezone)[1]
    else:
        low, high = window(first, grain)[0], window(last, grain)[1]
        if column.data_type.upper() == "DATE":
            low, high = low.date(), high.date()
    return exp.and_(exp.GTE(this=raw, expression=literal(low)), exp.LT(this=raw.copy(), expression=literal(high)))


def select_aggregates(
    relation: exp.Expr | str,
    aggregates: Sequence[exp.Expr | str],
    dialect: str,
    *,
    where: exp.Expr | str | None = None,
    group: exp.Expr | str | None = None,
) -> str:
    """Return one statement with the aggregates as ``a0, a1, …``, per group (as ``batch_start``) where one is given.

    Each part is an expression, or its text in ``dialect`` from earlier: rendering thousands of aggregates costs more than many scans.
    """

    def text(part: exp.Expr | str) -> str:
        return part if isinstance(part, str) else part.sql(dialect=dialect)

    named = [f"{text(aggregate)} AS a{index}" for index, aggregate in enumerate(aggregates)]
    named += [f"{text(group)} AS batch_start"] if group is not None else []
    kept = f" WHERE {text(where)}" if where is not None else ""
    grouped = f" GROUP BY {text(group)}" if group is not None else ""
    return f"SELECT {', '.join(named)} FROM {text(relation)}{kept}{grouped}"
