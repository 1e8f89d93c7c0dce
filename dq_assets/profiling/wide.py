"""Statements over the rows of a table as they are: one wide aggregate, many columns at once.

Decision: the same catalogue as over dictionaries, each metric as the aggregate that means the same row by row. What needs a value's frequency
(``unique_count``, entropy, steps) has none and is left out; distinct values are estimated by the engine's HyperLogLog where it has one. Deviations are the
engine's own, of numbers as DOUBLE: absent where their squares overflow. An engine refuses statements that are too long, so a plan cuts the list;
``select_aggregates`` names aggregates by position.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from dq_assets.profiling.dictionary import MOMENTS_AGO, Family, as_kept_text, family_of, format_metric, is_defined
from dq_assets.profiling.dictionary import shapes_statement as shapes_of_values
from dq_assets.profiling.exact_sums import exact_sum
from dq_assets.profiling.metrics import FORMATS, QUANTILES, TOP_VALUES, How, Metric, Unit, metrics_of, pattern_in, patterns
from dq_assets.profiling.plan import blanks, histogram, is_numeric, knows_nan
from dq_assets.profiling.sql import DIALECT, count_if, fill, is_zoned, quoted
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CHEAP_ON_TEXT = frozenset({
    "null_count", "min_value", "max_value", "min_length", "max_length", "avg_length", "zero_length_count", "leading_space_count", "trailing_space_count",
    "non_ascii_count",
})  # fmt: skip
"""What costs next to nothing on each row of a text; DuckDB leaves the rest of a near-unique column to a sample of its values."""
HLL_ERROR = 0.05
"""Relative standard error of an approximate distinct count: what Spark and Databricks promise by default."""


class RawColumn(NamedTuple):
    """A column over its rows, as text in the engine's dialect: what is computed of each row, by alias, and the aggregates over these, by metric."""

    computed: dict[str, str]
    aggregates: dict[str, str]


BATCH_OF_ROW = "batch_of_row"
_ANY = Column(name="dq_any_column", data_type="", general_type=GeneralType.OTHER, position=0)


def rows_of(relation: str, columns: Sequence[RawColumn], *, where: str | None = None, batch: str | None = None) -> str:
    """Return the rows with what the columns' aggregates refer to, and ``batch_of_row`` where there are batches; engines read what is asked for and no more."""
    parts = [f"{value} AS {alias}" for column in columns for alias, value in column.computed.items()]
    parts += [f"{batch} AS {BATCH_OF_ROW}"] if batch is not None else []
    kept = f" WHERE {where}" if where is not None else ""
    return f"(SELECT {', '.join(parts) or '1 AS one'} FROM {relation}{kept}) AS rows_read"


def raw_column(k: int, column: Column, timezone: str, as_of: datetime, dialect: str, *, only: frozenset[str] | None = None) -> RawColumn:
    """Return what is asked of the ``k``-th column over its rows; ``only`` keeps some metrics."""
    computed, aggregates = _of_type(column.data_type, column.general_type, timezone, dialect, only)
    name, any_name = (quoted(each).sql(dialect=dialect) for each in (column.name, _ANY.name))
    times = {f"'{_ANY_MOMENT[of].isoformat(sep=' ')}'": f"'{moment.isoformat(sep=' ')}'" for of, moment in moments(as_of).items()}

    def of_run(aggregate: str) -> str:
        if column.general_type is GeneralType.DATE:
            for any_time, time in times.items():
                aggregate = aggregate.replace(any_time, time)
        return aggregate.replace("_dq_k", f"_{k}")

    return RawColumn(
        {f"{alias}_{k}": value.replace(any_name, name) for alias, value in computed.items()},
        {metric: of_run(aggregate) for metric, aggregate in aggregates.items()},
    )


_ANY_MOMENT = {name: datetime(1111, 1, 1 + day) for day, name in enumerate(("as_of", "year_1900", *MOMENTS_AGO))}  # noqa: DTZ001 - stands for any


@lru_cache(maxsize=256)
def _of_type(data_type: str, general_type: GeneralType, timezone: str, dialect: str, only: frozenset[str] | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of a column of some type, with a name, a position and moments that stand for any: rendering them costs more than many scans."""
    column = _ANY.model_copy(update={"data_type": data_type, "general_type": general_type})
    computed = blanks(column, timezone, dialect)
    computed.pop("shape", None)
    filled: dict[str, exp.Expr] = {name: exp.column(f"{name}_dq_k") for name in computed}
    values = {**patterns(dialect), **_ANY_MOMENT}
    found: dict[str, exp.Expr] = {}
    listed = metrics_of(general_type)
    if general_type is GeneralType.TEXT:
        listed += [format_metric(name, pattern_in(pattern, dialect)) for name, pattern in FORMATS.items()]
    for metric in listed:
        if (only is not None and metric.name not in only) or metric.how in (How.VALUES, How.DERIVED) or not is_defined(metric, filled):
            continue
        if (metric.how is How.DISTINCT and only is None) or (metric.how is How.QUANTILE and dialect == "duckdb"):
            continue
        found[metric.name] = _aggregate(metric, column, filled, values, dialect)
    if general_type is GeneralType.NUMBER and (only is None or "stddev_value" in only):
        # PostgreSQL's is exact of integers and decimals.
        exactly = dialect == "postgres" and (family_of(column).is_whole or is_numeric(column))
        found["stddev_value"] = fill("cast(stddev_samp(exact) AS DOUBLE)" if exactly else "stddev_samp(x)", filled)
    if general_type in (GeneralType.NUMBER, GeneralType.DATE) and dialect == "duckdb" and (only is None or "p50" in only):
        found["quantiles"] = _quantiles(column, filled)
    used = {node.name for aggregate in found.values() for node in aggregate.find_all(exp.Column)}
    return (
        {name: value.sql(dialect=dialect) for name, value in computed.items() if f"{name}_dq_k" in used},
        {name: aggregate.sql(dialect=dialect) for name, aggregate in found.items()},
    )


def moments(as_of: datetime) -> dict[str, datetime]:
    """Return the moments that dates are counted against, by the names of the catalogue, as wall-clock times that an engine can hold."""

    def ago(days: int) -> datetime:
        try:
            return as_of - timedelta(days=days)
        except OverflowError:
            return datetime.min if days > 0 else datetime.max  # noqa: DTZ901 - wall-clock by definition

    return {"as_of": as_of, "year_1900": datetime(1900, 1, 1), **{name: ago(days) for name, days in MOMENTS_AGO.items()}}  # noqa: DTZ001 - as above


def _aggregate(metric: Metric, column: Column, filled: Mapping[str, exp.Expr], values: Mapping[str, object], dialect: str) -> exp.Expr:
    if metric.how is How.QUANTILE:
        return _quantile(metric, column, filled, dialect)
    result = fill(metric.sql, filled, values)
    if metric.how is How.ROWS:
        return count_if(result)
    if metric.how is How.MEAN:
        # PostgreSQL's own mean overflows where a square of a number does.
        return fill("cast(sum(r) AS DOUBLE) / nullif(count(r), 0)" if dialect == "postgres" else "avg(cast(r AS DOUBLE))", {"r": result})
    if metric.how is How.SUM:
        return _sum(metric, column, result, dialect)
    if metric.how is How.DISTINCT:
        return exp.Count(this=exp.Distinct(expressions=[result]))
    aggregate: exp.Expr = exp.Min(this=result) if metric.how is How.MIN else exp.Max(this=result)
    return as_kept_text(aggregate, column.general_type) if metric.unit is Unit.TEXT else aggregate


def _quantile(metric: Metric, column: Column, filled: Mapping[str, exp.Expr], dialect: str) -> exp.Expr:
    share = exp.Literal.number(QUANTILES[metric.name])
    spark, dates = dialect in ("spark", "databricks"), column.general_type is GeneralType.DATE
    # sqlglot writes Spark's exact function as an approximate one.
    discrete = exp.Anonymous(this="percentile_disc", expressions=[share]) if spark else exp.PercentileDisc(this=share)

    def of(kept: exp.Expr) -> exp.Expr:
        return exp.WithinGroup(this=discrete, expression=exp.Order(expressions=[exp.Ordered(this=kept)]))

    if not dates:
        # Spark's answer is a DOUBLE, whatever it is asked about.
        whole = family_of(column).is_whole and not spark
        return exp.cast(of(filled["exact" if whole else "x"].copy()), "bigint" if whole else "double")
    if not spark:
        return exp.cast(of(fill("CASE WHEN NOT d IS NULL THEN c END", filled)), "string")
    # Spark takes quantiles of numbers only.
    if column.data_type.upper() == "DATE":
        day = exp.cast(of(exp.Anonymous(this="unix_date", expressions=[filled["c"].copy()])), "int")
        return exp.cast(exp.Anonymous(this="date_from_unix_date", expressions=[day]), "string")
    micros = exp.cast(of(exp.Anonymous(this="unix_micros", expressions=[exp.cast(filled["c"].copy(), "timestamp", dialect=dialect)])), "bigint")
    moment = exp.Anonymous(this="timestamp_micros", expressions=[micros])
    return exp.cast(moment if is_zoned(column) else exp.cast(moment, exp.DataType.Type.TIMESTAMPNTZ), "string")


def _quantiles(column: Column, filled: Mapping[str, exp.Expr]) -> exp.Expr:
    """Return all quantiles at once, which DuckDB gives for the price of one, as a list."""
    family = family_of(column)
    if column.general_type is GeneralType.DATE:
        kept, kind = fill("CASE WHEN NOT d IS NULL THEN c END", filled), "VARCHAR[]"
    else:
        # An integer beyond 2^53 is no element of the data once it was a DOUBLE.
        kept, kind = (filled["exact"], f"{family.data_type}[]") if family.is_whole else (filled["x"], "DOUBLE[]")
    shares = exp.Array(expressions=[exp.Literal.number(share) for share in QUANTILES.values()])
    return exp.cast(exp.Anonymous(this="quantile_disc", expressions=[kept, shares]), kind, dialect="duckdb")


def distinct_estimate(raw: RawColumn, column: Column, k: int, dialect: str, *, approximate: bool) -> str:
    """Return the aggregate for a column's distinct values: a sketch where the engine has one, else exact. Adds what it counts to ``raw``."""
    raw.computed.setdefault(f"c_{k}", quoted(column.name).sql(dialect=dialect))
    counted = exp.column(f"c_{k}")
    return (exp.ApproxDistinct(this=counted) if approximate else exp.Count(this=exp.Distinct(expressions=[counted]))).sql(dialect=dialect)


def _each(columns: Sequence[tuple[int, Column]], one: Callable[[int, Column], exp.Select]) -> exp.Expr:
    queries = [one(k, column) for k, column in columns]
    return exp.union(*queries, distinct=False) if len(queries) > 1 else queries[0]


def _grouped(relation: exp.Expr, k: int, value: exp.Expr, *, where: exp.Expr | None, batch: exp.Expr | None) -> exp.Select:
    """Return the values ``v`` of one column with their rows ``n``, per batch ``b``."""
    start = batch.copy() if batch is not None else exp.cast(exp.null(), "timestamp_ntz", dialect=DIALECT)
    query = exp.select(
        exp.alias_(exp.Literal.number(k), "k"), exp.alias_(start, "b"), exp.alias_(value.copy(), "v"), exp.alias_(exp.Count(this=exp.Star()), "n")
    )
    query = query.from_(relation.copy()).group_by(value.copy(), *([batch.copy()] if batch is not None else []))
    return query.where(where.copy()) if where is not None else query


def frequencies_statement(
    relation: exp.Expr, columns: Sequence[tuple[int, Column]], timezone: str, dialect: str, *, where: exp.Expr | None, batch: exp.Expr | None
) -> exp.Expr:
    """Return the statement for ``k, b, n, m, e`` (see ``dictionary.aggregate_statement``) and the counts of distinct, unique and duplicated values.

    ``standardized_distinct_count`` is NULL where it is not defined.
    """
    parts = {
        "n": "cast(sum(n) AS BIGINT)",
        "distinct_count": "count(v)",
        "unique_count": "count_if(NOT v IS NULL AND n = 1)",
        "duplicated_count": "count_if(NOT v IS NULL AND n > 1)",
        "m": "max(CASE WHEN NOT v IS NULL THEN n END)",
        "e": "cast(sum(CASE WHEN NOT v IS NULL THEN n * ln(n) END) / ln(2) AS DOUBLE)",
    }
    names = {"n": exp.column("n"), "v": exp.column("v"), "c": exp.column("v")}
    standardized = next(metric for metric in metrics_of(GeneralType.TEXT, How.DISTINCT))

    def one(k: int, column: Column) -> exp.Select:
        values = _grouped(relation, k, blanks(column, timezone, dialect)["c"], where=where, batch=batch).subquery("d")
        query = exp.select("k", "b", *(exp.alias_(fill(text, names), name) for name, text in parts.items()))
        standard: exp.Expr = exp.cast(exp.null(), "bigint")
        if column.general_type is GeneralType.TEXT and batch is None:
            standard = exp.Count(this=exp.Distinct(expressions=[fill(standardized.sql, names, patterns(dialect))]))
        return query.select(exp.alias_(standard, standardized.name)).from_(values).group_by("k", "b")

    return _each(columns, one)


def most_frequent_statement(
    relation: exp.Expr,
    columns: Sequence[tuple[int, Column]],
    timezone: str,
    dialect: str,
    *,
    where: exp.Expr | None,
    batch: exp.Expr | None,  # noqa: ARG001 - all statements are asked alike
) -> exp.Expr:
    """Return the statement for ``k, b, v, n, place``: the most frequent values of each column, over all rows."""

    def one(k: int, column: Column) -> exp.Select:
        value = blanks(column, timezone, dialect)["c"]
        values = _grouped(relation, k, value, where=where, batch=None).having(exp.Not(this=exp.Is(this=value.copy(), expression=exp.null())))
        order = [exp.Ordered(this=exp.column("n"), desc=True), exp.Ordered(this=_in_order(exp.column("v"), column, dialect))]
        place = exp.Window(this=exp.RowNumber(), order=exp.Order(expressions=[each.copy() for each in order]))
        ranked = exp.select("k", "b", "v", "n", exp.alias_(place, "place")).from_(values.subquery("d")).order_by(*order).limit(TOP_VALUES)
        return exp.select("k", "b", exp.alias_(as_kept_text(exp.column("v"), column.general_type), "v"), "n", "place").from_(ranked.subquery("r"))

    return _each(columns, one)


def _in_order(value: exp.Expr, column: Column, dialect: str) -> exp.Expr:
    """Return a value such that text sorts by its code points."""
    is_text = column.general_type is GeneralType.TEXT
    return exp.Collate(this=value, expression=exp.to_identifier("C", quoted=True)) if is_text and dialect == "postgres" else value


def over_values(
    statement: str,
    family: Family,
    relation: exp.Expr,
    columns: Sequence[tuple[int, Column]],
    timezone: str,
    dialect: str,
    *,
    where: exp.Expr | None,
    batch: exp.Expr | None,
) -> str:
    """Return a statement over dictionaries (see ``profiling.dictionary``) for an engine that keeps none: they are its common table expression."""
    values = _each(columns, lambda k, column: _grouped(relation, k, blanks(column, timezone, dialect)["c"], where=where, batch=batch))
    return f"WITH {family.table} AS ({values.sql(dialect=dialect)}) {statement}"


@lru_cache(maxsize=8)
def shapes_statement(dialect: str, limit: int) -> str:
    """Return the statement for ``k, b, v, n, place, shape_count``: the most frequent shapes over the dictionary of text, and how many there are."""
    shapes = shapes_of_values(dialect, None, sampled=False)
    by_value = 'v COLLATE "C"' if dialect == "postgres" else "v"
    return (
        f"SELECT k, b, v, n, place, shape_count FROM (SELECT k, b, v, n, row_number() OVER (PARTITION BY k, b ORDER BY n DESC, {by_value}) AS place,"
        f" count(*) OVER (PARTITION BY k, b) AS shape_count FROM ({shapes}) AS s) AS r WHERE place <= {limit}"
    )


def histogram_statement(
    relation: exp.Expr,
    columns: Sequence[tuple[int, Column]],
    timezone: str,
    dialect: str,
    *,
    where: exp.Expr | None,
    batch: exp.Expr | None,  # noqa: ARG001 - all statements are asked alike
) -> exp.Expr:
    """Return the statement for ``k, b, lo, hi, bucket, n``: 20 equal widths over all rows of each column; dates as seconds since 1970."""

    def one(k: int, column: Column) -> exp.Select:
        filled = blanks(column, timezone, dialect)
        number = filled["x"] if "x" in filled else seconds(filled["d"], dialect)
        buckets = histogram(relation, number, dialect, where).subquery("h")
        return exp.select(exp.alias_(exp.Literal.number(k), "k"), exp.alias_(exp.cast(exp.null(), "timestamp_ntz", dialect=DIALECT), "b"), "h.*").from_(buckets)

    return _each(columns, one)


def seconds(moment: exp.Expr, dialect: str) -> exp.Expr:
    """Return seconds since 1970 of a wall-clock moment, as DOUBLE."""
    if dialect == "duckdb":
        return exp.Anonymous(this="epoch", expressions=[moment])
    if dialect == "postgres":
        return exp.cast(exp.Extract(this=exp.var("EPOCH"), expression=moment), "double")
    return exp.Div(this=exp.Anonymous(this="unix_micros", expressions=[exp.cast(moment, "timestamp")]), expression=exp.Literal.number("1000000.0"))


def _sum(metric: Metric, column: Column, result: exp.Expr, dialect: str) -> exp.Expr:
    if metric.sql == "exact" and dialect == "duckdb" and (family := family_of(column)).sums_exactly:
        return exact_sum(result, family.data_type)
    if metric.sql == "exact" and (is_numeric(column) or not knows_nan(column)):
        # Spark's sum of BIGINT overflows at BIGINT.
        exact = exp.cast(result, "decimal(38, 0)") if dialect in ("spark", "databricks") and "DECIMAL" not in column.data_type.upper() else result
        return exp.cast(exp.Sum(this=exact), "string")
    return exp.Sum(this=exp.cast(exp.paren(result), "double"))
