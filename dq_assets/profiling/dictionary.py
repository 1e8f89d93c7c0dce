"""Statements over value dictionaries: each distinct value ``v`` of a column once, with the ``n`` rows that hold it.

Decision: most columns repeat their values, so counting them once (a ``GROUP BY``, which costs about as much as hashing the column) makes every further
metric a matter of the distinct values. Columns whose values are stored alike share one dictionary, told apart by ``k``; batches are one more key, ``b``.
So a statement's text depends on the family of types alone, is made once per process, and answers for all its columns and batches.

A *sampled* dictionary holds every value whose hash falls into a fraction of 1/m, all of its rows, with weight ``w`` = m, and the frequent values with
weight 1. Counts are Horvitz-Thompson estimates; their variance follows from ``sum(n * n * w * (w - 1))`` (Poisson sampling of values).
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from hashlib import sha256
from typing import NamedTuple

from sqlglot import exp, parse_one

from dq_assets.profiling.exact_sums import exact_sum
from dq_assets.profiling.metrics import (
    FORMAT_LENGTH,
    FORMATS,
    QUANTILES,
    SHAPED_LENGTH,
    TOP_SHAPES,
    How,
    Metric,
    Unit,
    metrics_of,
    pattern_in,
    patterns,
)
from dq_assets.profiling.plan import BUCKET, BUCKET_ABOUT, BUCKET_WIDTH, BUCKETS_FIT, TEXT_KEPT, blanks, is_numeric, knows_nan
from dq_assets.profiling.sql import DIALECT, PARAMETER, fill, quoted
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column

LENGTH_BUCKETS = 20
SAMPLED_HOWS = (How.ROWS, How.VALUES, How.MEAN)
"""What a sample of values can tell; a smallest value is not among it."""
MOMENTS_AGO = {"month_ago": 30, "year_ago": 365, "years_5_ago": 1826, "years_20_ago": 7305, "years_100_ago": 36524, "in_20_years": -7305}
"""Days between the run and the moments that dates are counted against."""


class Family(NamedTuple):
    """How the values of some columns are stored: they share a dictionary."""

    general_type: GeneralType
    data_type: str

    @property
    def table(self) -> str:
        """The name of its dictionary."""
        plain = self.data_type.lower()
        if re.fullmatch(r"[a-z]+", plain):
            return f"dq_values_{plain}"
        # Types that differ in punctuation, in case or far to the right must not meet in one table.
        return f"dq_values_{re.sub(r'[^a-z0-9]+', '_', plain)[:40].strip('_')}_{sha256(self.data_type.encode()).hexdigest()[:8]}"

    @property
    def value(self) -> Column:
        """The dictionary's ``v`` as a column."""
        return Column(name="v", data_type=self.data_type, general_type=self.general_type, position=0)

    @property
    def is_ordered(self) -> bool:
        """Whether quantiles, steps and histograms are defined."""
        return self.general_type in (GeneralType.NUMBER, GeneralType.DATE)

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are integers."""
        return bool(re.fullmatch(r"U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|LONG|SHORT|BYTE", self.data_type.upper()))

    @property
    def sums_exactly(self) -> bool:
        """Whether the sum of its numbers is exact: of integers, and of decimals with up to 18 digits after the point."""
        digits = re.match(r"DECIMAL\(\d+,\s*(\d+)", self.data_type.upper())
        return self.is_whole or (digits is not None and int(digits[1]) <= 18)


_STORED_AS = (
    (re.compile(r"^(U?(TINY|SMALL)INT|U?INTEGER|BIGINT|INT|LONG)$", re.IGNORECASE), "BIGINT"),
    (re.compile(r"^(UBIGINT|HUGEINT)$", re.IGNORECASE), "HUGEINT"),
)


def family_of(column: Column) -> Family:
    """Return the family of a column: integers share one, text shares one, every other type is its own."""
    if column.general_type is GeneralType.TEXT:
        return Family(column.general_type, "VARCHAR")
    if column.general_type is GeneralType.NUMBER:
        for pattern, stored in _STORED_AS:
            if pattern.match(column.data_type):
                return Family(column.general_type, stored)
    return Family(column.general_type, column.data_type)


def stored_value(column: Column) -> exp.Expr:
    """Return a column as its dictionary stores it."""
    stored, raw = family_of(column).data_type, quoted(column.name)
    return raw if stored == column.data_type else exp.cast(raw, stored, dialect="duckdb")


def value_counts_of(relation: str, k: int, value: str, batch: str | None, where: str | None) -> str:
    """Return the statement for the rows ``k, b, v, n`` of one column's dictionary, from texts in the engine's dialect; NULL is a value like any other."""
    kept = f" WHERE {where}" if where else ""
    return f"SELECT {k} AS k, {batch or NO_BATCH} AS b, {value} AS v, count(*) AS n FROM {relation}{kept} GROUP BY {value}{f', {batch}' if batch else ''}"


NO_BATCH = "CAST(NULL AS TIMESTAMP)"


def _sum(value: exp.Expr, family: Family | None = None) -> exp.Expr:
    # Kahan's sum, so that it does not depend on the order in which threads add.
    name = "fsum" if family is not None and not family.sums_exactly else "sum"
    return exp.Anonymous(this=name, expressions=[value])


def _whole(number: exp.Expr) -> exp.Expr:
    return exp.cast(number, "bigint")


def _kept(aggregate: exp.Expr, condition: exp.Expr) -> exp.Expr:
    return exp.Filter(this=aggregate, expression=exp.Where(this=condition))


def _times(value: exp.Expr, *factors: str) -> exp.Expr:
    for factor in factors:
        value = exp.Mul(this=exp.paren(value) if isinstance(value, exp.Binary) else value, expression=exp.column(factor))
    return value


class Aggregate(NamedTuple):
    """One column of an answer: which metric it speaks of, and in what role (``value`` or, of a sample, ``spread``)."""

    metric: str
    role: str
    expression: exp.Expr


def _parameters(dialect: str) -> dict[str, object]:
    return {**patterns(dialect), "as_of": PARAMETER, **dict.fromkeys(MOMENTS_AGO, PARAMETER), "year_1900": PARAMETER}


def _cells(metric: Metric, filled: dict[str, exp.Expr], family: Family, dialect: str, *, sampled: bool) -> list[Aggregate]:
    result = fill(metric.sql, filled, _parameters(dialect))
    rows = ["n", "w"] if sampled else ["n"]
    known = exp.Not(this=exp.Is(this=exp.column("v"), expression=exp.null()))
    zero = exp.Literal.number(0)

    def cell(expression: exp.Expr, role: str = "value") -> Aggregate:
        return Aggregate(metric.name, role, expression)

    if metric.how is How.ROWS:
        counted = _whole(exp.Coalesce(this=_kept(_sum(_times(exp.column("n"), *rows[1:])), result), expressions=[zero]))
        spread = exp.cast(exp.Coalesce(this=_kept(_sum(_spread("n * n")), result.copy()), expressions=[zero]), "double")
        return [cell(counted), cell(spread, "spread")] if sampled else [cell(counted)]
    if metric.how is How.VALUES:
        condition = known if metric.sql == "TRUE" else exp.and_(known, result)
        if not sampled:
            return [cell(_kept(exp.Count(this=exp.Star()), condition))]
        return [
            cell(_whole(exp.Coalesce(this=_kept(_sum(exp.column("w")), condition), expressions=[zero]))),
            cell(exp.cast(exp.Coalesce(this=_kept(_sum(_spread("1")), condition.copy()), expressions=[zero]), "double"), "spread"),
        ]
    if metric.how is How.MEAN:
        number = exp.cast(result, "double")
        present = exp.Not(this=exp.Is(this=result.copy(), expression=exp.null()))
        total = _sum(_times(number, *rows), family if family.general_type is GeneralType.NUMBER else None)
        return [cell(exp.Div(this=total, expression=_kept(_sum(_times(exp.column("n"), *rows[1:])), present)))]
    if metric.how is How.SUM:
        if metric.sql == "exact" and family.sums_exactly:
            return [cell(exact_sum(result, family.data_type, "n"))]
        return [cell(_sum(_times(exp.cast(exp.paren(result), "double"), "n"), family))]
    aggregate = (
        {How.MIN: exp.Min, How.MAX: exp.Max}[metric.how](this=result)
        if metric.how in (How.MIN, How.MAX)
        else exp.Count(this=exp.Distinct(expressions=[result]))
    )
    return [cell(as_kept_text(aggregate, family.general_type) if metric.unit is Unit.TEXT else aggregate)]


def as_kept_text(value: exp.Expr, general_type: GeneralType) -> exp.Expr:
    """Return a value as the text that a profile keeps of it."""
    text = exp.cast(value, "string")
    return exp.func("left", text, exp.Literal.number(TEXT_KEPT)) if general_type is GeneralType.TEXT else text


def _spread(squares: str) -> exp.Expr:
    return parse_one(f"{squares} * w * (w - 1)", read=DIALECT)


def is_defined(metric: Metric, filled: dict[str, exp.Expr]) -> bool:
    """Whether every blank of a metric is filled for a column; ``n`` is the dictionary's own."""
    return _names_in(metric.sql) <= filled.keys() | {"n"}


@lru_cache(maxsize=1024)
def _names_in(sql: str) -> frozenset[str]:
    return frozenset(column.name for column in parse_one(sql, read=DIALECT).find_all(exp.Column))


@lru_cache(maxsize=256)
def aggregate_statement(
    family: Family, timezone: str, dialect: str, *, sampled: bool = False, per_batch: bool = False
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the statement that answers all plain metrics per ``k, b``, and what its columns ``a0, a1, …`` are: metric and role.

    ``per_batch``: the metrics of the series only, and each condition is looked at once per value, not once per value and batch.

    Its first columns are ``k``, ``b``, ``n`` (rows), ``s`` (the spread of the rows, 0 but for samples), ``e`` (sum of n log2 n over the values)
    and ``m`` (the largest n of a value), of a sample also ``u`` (the largest n of a value that stands for others).
    """
    filled = blanks(family.value, timezone, dialect) | {"n": exp.column("n")}
    inner = exp.select("k", "v", *([] if per_batch else ["b", "n"]), *(["w"] if sampled else []))
    for name in ("len", "bytes", "bare", "up", "low", "x", "f", "exact", "fraction", "d", "size"):
        if name in filled and filled[name] != filled["c"]:
            inner = inner.select(exp.alias_(filled[name].copy(), name))
            filled[name] = exp.column(name)
    hows = SAMPLED_HOWS if sampled else (How.ROWS, How.VALUES, How.DISTINCT, How.MIN, How.MAX, How.MEAN, How.SUM)
    wanted = [metric for metric in metrics_of(family.general_type, *hows) if is_defined(metric, filled) and (metric.series or not per_batch)]
    wanted += [FORMATTED] if family.general_type is GeneralType.TEXT else []
    source: exp.Expr
    if per_batch:
        of_value = {metric.name: fill(metric.sql, filled, _parameters(dialect)) for metric in wanted if metric.how is How.ROWS}
        flags = exp.select("k", "v", *(exp.alias_(condition, f"is_{index}") for index, condition in enumerate(of_value.values())))
        flags = flags.select(*(exp.column(name) for name in ("len", "x", "exact", "d") if name in filled and filled[name] == exp.column(name)))
        values = exp.select("k", "v").distinct().from_(exp.table_(family.table))
        flags = flags.from_(inner.from_(values.subquery("each")).subquery("p"))
        names = {name: f"is_{index}" for index, name in enumerate(of_value)}
        wanted = [metric.model_copy(update={"sql": names[metric.name]}) if metric.name in names else metric for metric in wanted]
        filled |= {name: exp.column(name) for name in names.values()}
        joined = parse_one(f"SELECT b, n, p.* FROM {family.table} AS d JOIN p ON d.k = p.k AND NOT d.v IS DISTINCT FROM p.v", read=DIALECT)
        source = joined.transform(lambda node: flags.subquery("p") if isinstance(node, exp.Table) and node.name == "p" else node).subquery("d")
    else:
        source = inner.from_(exp.table_(_table_of(family, sampled=sampled))).subquery("d")
    cells = [cell for metric in wanted for cell in _cells(metric, filled, family, dialect, sampled=sampled)]
    known = exp.Not(this=exp.Is(this=exp.column("v"), expression=exp.null()))
    rows = _whole(_sum(exp.column("n")) if not sampled else _sum(_times(exp.column("n"), "w")))
    spread = exp.cast(exp.Literal.number(0) if not sampled else _sum(_spread("n * n")), "double")
    query = (
        exp.select("k", "b", exp.alias_(rows, "n"), exp.alias_(spread, "s"))
        .select(exp.alias_(_kept(_sum(parse_one(f"n * log2(n){' * w' if sampled else ''}", read=DIALECT)), known), "e"))
        .select(exp.alias_(_kept(exp.Max(this=exp.column("n")), known.copy()), "m"))
        .select(*([exp.alias_(_kept(exp.Max(this=exp.column("n")), parse_one("w > 1", read=DIALECT)), "u")] if sampled else []))
        .select(*(exp.alias_(cell.expression, f"a{index}") for index, cell in enumerate(cells)))
        .from_(source)
        .group_by("k", "b")
    )
    return query.sql(dialect=dialect), tuple((cell.metric, cell.role) for cell in cells)


@lru_cache(maxsize=8)
def formats_statement(dialect: str, *, sampled: bool) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the statement for the values of each format per ``k, b``, and what its columns ``a0, a1, …`` are; few columns are worth asking."""
    filled: dict[str, exp.Expr] = {"c": exp.column("v"), "len": exp.column("len")}
    cells = [
        cell for name, pattern in FORMATS.items() for cell in _cells(format_metric(name, pattern_in(pattern, dialect)), filled, TEXT, dialect, sampled=sampled)
    ]
    inner = exp.select("k", "b", "v", "n", *(["w"] if sampled else []), exp.alias_(exp.Length(this=exp.column("v")), "len"))
    query = exp.select("k", "b", *(exp.alias_(cell.expression, f"a{index}") for index, cell in enumerate(cells)))
    query = query.from_(inner.from_(exp.table_(_table_of(TEXT, sampled=sampled))).subquery("d")).group_by("k", "b")
    return query.sql(dialect=dialect), tuple((cell.metric, cell.role) for cell in cells)


FORMAT_PREFIX = "format: "
_STARTS_LIKE_A_NUMBER = f"len <= {FORMAT_LENGTH} AND c RLIKE '^[-+.]?[0-9]'"


def _format(name: str, sql: str) -> Metric:
    return Metric(name=FORMAT_PREFIX + name, applies_to="A", unit=Unit.ROWS, how=How.ROWS, sql=sql)


FORMATTED = _format("any", _STARTS_LIKE_A_NUMBER)
"""Rows that may be of some format, all of which begin with a digit; where they are less than half of the values, no format dominates."""


def format_metric(name: str, pattern: str) -> Metric:
    """Return the count of values of one format as a metric; ``format`` and what departs from it are derived from these."""
    return _format(name, f"{_STARTS_LIKE_A_NUMBER} AND c RLIKE {exp.Literal.string(pattern).sql(dialect=DIALECT)}")


def _table_of(family: Family, *, sampled: bool) -> str:
    return family.table + ("_sampled" if sampled else "")


def _structured(template: str, family: Family, timezone: str, dialect: str, **names: object) -> str:
    """Return a statement whose blanks stand for the family's value; every other name is the statement's own."""
    filled = blanks(family.value, timezone, dialect)

    def replace(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name.startswith("of_"):
            blank = filled[node.name.removeprefix("of_")]
            return exp.paren(blank.copy()) if isinstance(blank, exp.Binary) else blank.copy()
        if isinstance(node, exp.Placeholder):
            return exp.Literal.string(str(patterns(dialect)[node.name]))
        return node

    return parse_one(template.format(d=family.table, **names), read=DIALECT).transform(replace).sql(dialect=dialect)


@lru_cache(maxsize=64)
def ordered_statement(family: Family, timezone: str, dialect: str) -> str:
    """Return the statement for the quantiles, the steps between neighbouring values and (of numbers) the sample standard deviation, per ``k, b``.

    Values are subtracted in their own type, since numbers beyond 2^53 are one as DOUBLE. Deviations are taken as parts of the range, so that no square
    overflows or vanishes, from the mean and corrected for what the mean was off: two passes, so that large numbers cost no digits.
    """
    dates = family.general_type is GeneralType.DATE
    kept_as = "STRING" if dates else family.data_type if family.is_whole else "DOUBLE"
    quantiles = ", ".join(f"cast(min(v) FILTER (WHERE cum * 100 >= {round(100 * p)} * total) AS {kept_as}) AS {name}" for name, p in QUANTILES.items())
    value, present = ("v", "of_d") if dates else ("of_exact", "of_exact") if is_numeric(family.value) else ("of_x" if knows_nan(family.value) else "v", "of_x")
    values = f"(SELECT k, b, n, {value} AS v FROM {family.table} WHERE NOT {present} IS NULL) AS s"
    ordered = f"SELECT k, b, v, n, sum(n) OVER o AS cum, lag(v) OVER o AS before FROM {values} WINDOW o AS (PARTITION BY k, b ORDER BY v)"
    difference = partial(_difference, family=family, dialect=dialect)
    part, parts, range_of, deviation, after = "", "", "", "", ""
    if not dates:
        range_of, parts = ", min(v) AS lo, max(v) AS hi", f", lo, nullif({difference('hi', 'lo')}, 0) AS span"
        part = f", r.span, {difference('w.v', 'r.lo')} / r.span"
        if dialect == "duckdb":
            # The mean over the rows costs less than over the parts, and as a DOUBLE it may be infinite there.
            range_of, parts = f"{range_of}, sum(cast(v AS DOUBLE) * n) / sum(n) AS mean", f"{parts}, mean - cast(lo AS DOUBLE) AS above"
            part += " - least(greatest(r.above / r.span, 0.0), 1.0) AS part"
        else:
            part, after = f"{part} AS share", ", share - sum(n * share) OVER (PARTITION BY k, b) / total AS part"
        total = "fsum" if dialect == "duckdb" else "sum"
        deviation = (
            f", CASE WHEN min(total) > 1 THEN CASE WHEN min(v) = max(v) THEN 0.0 ELSE max(span) * sqrt(greatest(0.0, {total}(n * part * part)"
            f" - {total}(n * part) * {total}(n * part) / min(total)) / (min(total) - 1)) END END AS stddev_value"
        )
    rows = (
        f"SELECT w.k, w.b, w.v, w.n, w.cum, r.total, {difference('w.v', 'w.before')} AS step{part} FROM ({ordered}) AS w"
        f" JOIN (SELECT k, b, total{parts} FROM (SELECT k, b, sum(n) AS total{range_of} FROM {values} GROUP BY k, b) AS e) AS r"
        " ON w.k = r.k AND NOT w.b IS DISTINCT FROM r.b"
    )
    rows = f"SELECT *{after} FROM ({rows}) AS p" if after else rows
    template = f"SELECT k, b, {quantiles}, min(step) AS min_step, max(step) AS max_step{deviation} FROM ({rows}) AS o GROUP BY k, b"
    return _structured(template, family, timezone, dialect)


def _difference(one: str, other: str, family: Family, dialect: str) -> str:
    """Return the difference of two values of a family, the first not the smaller, as DOUBLE; of dates in seconds. In Databricks SQL."""
    kind = family.data_type.upper()
    if family.general_type is GeneralType.DATE:
        return _seconds_between(one, other, kind, dialect)
    if family.is_whole and "HUGE" not in kind:
        return f"cast(cast({one} AS DECIMAL(38, 0)) - {other} AS DOUBLE)"
    if knows_nan(family.value) and dialect == "postgres" and not is_numeric(family.value):
        # PostgreSQL fails where a difference overflows.
        return f"CASE WHEN ({one} < 0) = ({other} < 0) OR (abs({one}) < 8e307 AND abs({other}) < 8e307) THEN cast({one} - {other} AS DOUBLE) END"
    if family.is_whole or (dialect != "postgres" and kind.startswith("DECIMAL(38")):
        less = f"try({one} - {other})" if dialect == "duckdb" else f"try_subtract({one}, {other})"
        return f"coalesce(cast({less} AS DOUBLE), cast({one} AS DOUBLE) - cast({other} AS DOUBLE))"
    return f"cast({one} - {other} AS DOUBLE)"


def _seconds_between(one: str, other: str, kind: str, dialect: str) -> str:
    if kind == "DATE":
        days = f"datediff({one}, {other})" if dialect in ("spark", "databricks") else f"{one} - {other}"
        return f"cast({days} AS DOUBLE) * 86400.0"
    if dialect == "postgres":
        return f"cast(extract(EPOCH FROM {one} - {other}) AS DOUBLE)"
    if dialect != "duckdb":
        return f"cast(unix_micros(cast({one} AS TIMESTAMP)) - unix_micros(cast({other} AS TIMESTAMP)) AS DOUBLE) / 1000000.0"
    unit, name = ("1000000000.0", "epoch_ns") if kind == "TIMESTAMP_NS" else ("1000000.0", "epoch_us")
    return f"cast(cast({name}({one}) AS DECIMAL(38, 0)) - {name}({other}) AS DOUBLE) / {unit}"


def _epoch(moment: str) -> str:
    """Return seconds since 1970 of a wall-clock moment; DuckDB's name, other engines override it where they take the statement."""
    return f"epoch({moment})"


@lru_cache(maxsize=64)
def histogram_statement(family: Family, timezone: str, dialect: str) -> str:
    """Return the statement for ``k, b, lo, hi, bucket, n``: 20 equal widths between smallest and largest value, the last one closed."""
    value = "of_x" if family.general_type is GeneralType.NUMBER else _epoch("of_d")
    template = (
        "SELECT k, b, lo, hi, {bucket} AS bucket, cast(sum(n) AS BIGINT) AS n FROM ("
        "SELECT s.k, s.b, s.n, s.x, r.lo, r.hi, r.width, {about} AS about FROM (SELECT k, b, n, {value} AS x FROM {d}) AS s"
        " JOIN (SELECT k, b, lo, hi, {width} AS width FROM ("
        "SELECT k, b, min(x) AS lo, max(x) AS hi FROM (SELECT k, b, {value} AS x FROM {d}) AS t GROUP BY k, b) AS e) AS r"
        " ON s.k = r.k AND NOT s.b IS DISTINCT FROM r.b WHERE {fit} AND NOT s.x IS NULL) AS h GROUP BY 1, 2, 3, 4, 5"
    )
    return _structured(template, family, timezone, dialect, value=value, width=BUCKET_WIDTH, about=BUCKET_ABOUT, bucket=BUCKET, fit=BUCKETS_FIT)


@lru_cache(maxsize=64)
def days_statement(family: Family, timezone: str, dialect: str) -> str:
    """Return the statement for the calendar of a date family per ``k, b``: days, weeks and months that are there, first and last, the longest gap.

    Days are counted from 1970-01-01, weeks from the Monday before it, months from year 0.
    """
    # PostgreSQL has no year 0.
    year = "year(of_d) + CASE WHEN year(of_d) < 0 THEN 1 ELSE 0 END" if dialect == "postgres" else "year(of_d)"
    template = (
        "SELECT k, b, count(*) AS distinct_days, min(e) AS first_day, max(e) AS last_day, max(gap) AS longest_gap_days,"
        " count(DISTINCT week) AS distinct_weeks, min(week) AS first_week, max(week) AS last_week,"
        " count(DISTINCT month) AS distinct_months, min(month) AS first_month, max(month) AS last_month"
        " FROM (SELECT k, b, e, cast(floor((e + 3) / 7.0) AS BIGINT) AS week, month, e - lag(e) OVER (PARTITION BY k, b ORDER BY e) AS gap"
        " FROM (SELECT DISTINCT k, b, datediff(DAY, DATE '1970-01-01', cast(of_d AS DATE)) AS e, 12 * ({year}) + month(of_d) AS month"
        " FROM {d} WHERE NOT of_d IS NULL) AS a) AS g GROUP BY k, b"
    )
    return _structured(template, family, timezone, dialect, year=year)


@lru_cache(maxsize=64)
def lengths_statement(dialect: str) -> str:
    """Return the statement for ``k, b, lo, n``: text by its length, in steps of equal width that make at most 20."""
    template = (
        "SELECT s.k, s.b, r.lo + r.width * cast(floor((s.len - r.lo) / cast(r.width AS DOUBLE)) AS BIGINT) AS lo, cast(sum(s.n) AS BIGINT) AS n"
        " FROM (SELECT k, b, n, length(v) AS len FROM {d}) AS s"
        " JOIN (SELECT k, b, min(len) AS lo, cast(floor((max(len) - min(len)) / {buckets}) + 1 AS BIGINT) AS width"
        " FROM (SELECT k, b, length(v) AS len FROM {d}) AS t GROUP BY k, b) AS r"
        " ON s.k = r.k AND NOT s.b IS DISTINCT FROM r.b WHERE NOT s.len IS NULL GROUP BY 1, 2, 3"
    )
    return _structured(template, TEXT, "UTC", dialect, buckets=f"{LENGTH_BUCKETS}.0")


TEXT = Family(GeneralType.TEXT, "VARCHAR")
SHAPES_TABLE = "dq_shapes"


@lru_cache(maxsize=64)
def shapes_statement(dialect: str, shape_function: str | None, *, sampled: bool) -> str:
    """Return the rows of the dictionary of shapes: ``k, b, v`` (the shape), ``n``. ``shape_function`` is the engine's own for ASCII text, where it has one."""
    shape = "of_shape" if shape_function is None else f"CASE WHEN of_bytes = of_len THEN {shape_function}(v) ELSE of_shape END"
    template = "SELECT k, b, {shape} AS v, cast(sum(n{weight}) AS BIGINT) AS n FROM {table} WHERE length(v) <= {longest} GROUP BY 1, 2, 3"
    names = {"shape": shape, "weight": " * w" if sampled else "", "table": _table_of(TEXT, sampled=sampled), "longest": SHAPED_LENGTH}
    return _structured(template, TEXT, "UTC", dialect, **names)


@lru_cache(maxsize=64)
def shape_counts_statement(dialect: str) -> str:
    """Return the statement for ``k, b, shape_count, shaped`` (rows with a shape)."""
    return parse_one(f"SELECT k, b, count(*) AS shape_count, cast(sum(n) AS BIGINT) AS shaped FROM {SHAPES_TABLE} GROUP BY k, b", read=DIALECT).sql(
        dialect=dialect
    )


def most_frequent_statement(table: str, ks: tuple[int, ...], limit: int, dialect: str, *, ranked: bool, text: bool) -> str:
    """Return the statement for ``k, b, v, n, place``: the most frequent values, ties by value; ``place`` is a value's rank.

    ``ranked``: of all columns and batches in one ranking, which sorts the dictionary. Else, without batches, one sort with a limit per column, which
    engines do in one pass over it.
    """
    value = f"left(v, {TEXT_KEPT})" if text else "cast(v AS STRING)"
    if ranked:
        template = (
            f"SELECT k, b, {value} AS v, n, place FROM (SELECT k, b, v, n, row_number() OVER (PARTITION BY k, b ORDER BY n DESC, v) AS place"
            f" FROM {table} WHERE NOT v IS NULL) AS r WHERE place <= {limit}"
        )
        return parse_one(template, read=DIALECT).sql(dialect=dialect)
    one = parse_one(
        f"SELECT k, b, {value} AS v, n, row_number() OVER (ORDER BY n DESC, r.v) AS place"
        f" FROM (SELECT k, b, v, n FROM {table} WHERE k = 0 AND NOT v IS NULL ORDER BY n DESC, v LIMIT {limit}) AS r",
        read=DIALECT,
    ).sql(dialect=dialect)
    return " UNION ALL ".join(one.replace("k = 0", f"k = {k}") for k in ks)


def top_shapes() -> int:
    """Return how many shapes a profile keeps: enough to tell whether a column has a few fixed ones."""
    return max(TOP_SHAPES, 21)
