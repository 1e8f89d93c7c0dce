r"""The metric catalogue: every profile metric is one row.

Decision: a metric is text, so the list can be read, and rendered for any engine. Blanks in the SQL:

- ``c`` the column as it is; ``x`` a number as DOUBLE, NULL where it is NaN or infinite; ``d`` a date or time as wall-clock timestamp;
- ``shape`` the text with lower-case letters as ``a``, upper-case ones as ``A``, digits as ``N`` (TestGen's shape pattern);
- ``:as_of`` the wall-clock time of the run.

A metric with ``series`` goes to the series that monitors read, per batch; the others are taken once per run over the table.
Quantiles are discrete: the smallest value whose cumulative frequency reaches p, hence an element of the data.
"""

from __future__ import annotations

from enum import StrEnum

from dq_assets.records.base import Record
from dq_assets.records.enums import GeneralType, Quality

METRIC_VERSION = 1

SHAPE = "regexp_replace(regexp_replace(regexp_replace(c, :lower, 'a'), :upper, 'A'), :digit, 'N')"
LOWER, UPPER, DIGIT = r"[\p{Ll}\p{Lo}\p{Lm}]", r"[\p{Lu}\p{Lt}]", r"\p{Nd}"
"""Letters and digits of any script: no value may be its own shape. Letters without case count as lower-case ones."""
NON_PRINTING = r"[\x00-\x1F\x7F]"
QUOTED = r"""^(".*"|'.*')$"""
DUMMY = (
    r"^\s*([-.?]+|0{2,}|9{2,}|[xX]{2,}|[zZ]{2,}"
    r"|[(\[]?(?i:blank|error|missing|tbd|n/a|#n/?a|none|null|unknown)[)\]]?)\s*$"
)
NUMERIC = r"^\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*$"
DATE_LIKE = r"^\s*([0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})\s*$"
EMAIL = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$"

PUNCTUATION = " \"'.-"

PATTERNS = {
    "lower": LOWER,
    "upper": UPPER,
    "digit": DIGIT,
    "punctuation": PUNCTUATION,
    "non_printing": NON_PRINTING,
    "quoted": QUOTED,
    "dummy": DUMMY,
    "numeric": NUMERIC,
    "date_like": DATE_LIKE,
    "email": EMAIL,
}


class Unit(StrEnum):
    """What a metric's number means."""

    ROWS = "rows"
    VALUES = "distinct values"
    MEASURE = "the column's own unit"
    CHARACTERS = "characters"
    DAYS = "days"
    TEXT = "text"


class Metric(Record):
    """One row of the catalogue."""

    name: str
    applies_to: str
    """Letters of the general types, as in ``GeneralType``."""
    unit: Unit
    sql: str
    series: bool = False
    quality: Quality = Quality.EXACT

    def applies(self, general_type: GeneralType) -> bool:
        """Whether the metric is defined for the type."""
        return general_type.value in self.applies_to


def _metric(name: str, applies_to: str, unit: Unit, sql: str, *, series: bool = False) -> Metric:
    return Metric(name=name, applies_to=applies_to, unit=unit, sql=sql, series=series)


# fmt: off
COLUMN_METRICS: tuple[Metric, ...] = (
    _metric("null_count",                  "ANDTBX", Unit.ROWS,       "count_if(c IS NULL)", series=True),
    _metric("distinct_count",              "ANDTB",  Unit.VALUES,     "count(DISTINCT c)", series=True),
    _metric("min_value",                   "ADT",    Unit.TEXT,       "cast(min(c) AS STRING)"),
    _metric("max_value",                   "ADT",    Unit.TEXT,       "cast(max(c) AS STRING)"),
    _metric("min_value",                   "N",      Unit.TEXT,       "cast(min(CASE WHEN x IS NOT NULL THEN c END) AS STRING)"),
    _metric("max_value",                   "N",      Unit.TEXT,       "cast(max(CASE WHEN x IS NOT NULL THEN c END) AS STRING)"),

    _metric("min_number",                  "N",      Unit.MEASURE,    "min(x)", series=True),
    _metric("max_number",                  "N",      Unit.MEASURE,    "max(x)", series=True),
    _metric("avg_value",                   "N",      Unit.MEASURE,    "avg(x)", series=True),
    _metric("stddev_value",                "N",      Unit.MEASURE,    "stddev_samp(x)", series=True),
    _metric("p01",                         "N",      Unit.MEASURE,    "percentile_disc(0.01) WITHIN GROUP (ORDER BY x)"),
    _metric("p05",                         "N",      Unit.MEASURE,    "percentile_disc(0.05) WITHIN GROUP (ORDER BY x)"),
    _metric("p25",                         "N",      Unit.MEASURE,    "percentile_disc(0.25) WITHIN GROUP (ORDER BY x)"),
    _metric("p50",                         "N",      Unit.MEASURE,    "percentile_disc(0.5) WITHIN GROUP (ORDER BY x)", series=True),
    _metric("p75",                         "N",      Unit.MEASURE,    "percentile_disc(0.75) WITHIN GROUP (ORDER BY x)"),
    _metric("p95",                         "N",      Unit.MEASURE,    "percentile_disc(0.95) WITHIN GROUP (ORDER BY x)"),
    _metric("p99",                         "N",      Unit.MEASURE,    "percentile_disc(0.99) WITHIN GROUP (ORDER BY x)"),
    _metric("zero_count",                  "N",      Unit.ROWS,       "count_if(c = 0)", series=True),
    _metric("negative_count",              "N",      Unit.ROWS,       "count_if(c < 0)", series=True),
    _metric("non_finite_count",            "N",      Unit.ROWS,       "count_if(c IS NOT NULL AND x IS NULL)", series=True),
    _metric("fractional_count",            "N",      Unit.ROWS,       "count_if(x <> floor(x))", series=True),

    _metric("min_length",                  "A",      Unit.CHARACTERS, "min(length(c))", series=True),
    _metric("max_length",                  "A",      Unit.CHARACTERS, "max(length(c))", series=True),
    _metric("avg_length",                  "A",      Unit.CHARACTERS, "avg(length(c))"),
    _metric("zero_length_count",           "A",      Unit.ROWS,       "count_if(c = '')", series=True),
    _metric("blank_count",                 "A",      Unit.ROWS,       "count_if(c <> '' AND trim(c) = '')", series=True),
    _metric("leading_space_count",         "A",      Unit.ROWS,       "count_if(c LIKE ' %')", series=True),
    _metric("trailing_space_count",        "A",      Unit.ROWS,       "count_if(c LIKE '% ')", series=True),
    _metric("quoted_count",                "A",      Unit.ROWS,       "count_if(c RLIKE :quoted)", series=True),
    _metric("dummy_count",                 "A",      Unit.ROWS,       "count_if(c RLIKE :dummy)", series=True),
    _metric("numeric_count",               "A",      Unit.ROWS,       "count_if(c RLIKE :numeric)"),
    _metric("date_count",                  "A",      Unit.ROWS,       "count_if(c RLIKE :date_like)"),
    _metric("email_count",                 "A",      Unit.ROWS,       "count_if(c RLIKE :email)"),
    _metric("non_printing_count",          "A",      Unit.ROWS,       "count_if(c RLIKE :non_printing)", series=True),
    _metric("standardized_distinct_count", "A",      Unit.VALUES,     "count(DISTINCT upper(translate(c, :punctuation, '')))"),
    _metric("shape_count",                 "A",      Unit.VALUES,     "count(DISTINCT shape)"),

    _metric("min_date_days",               "D",      Unit.DAYS,       "datediff(DAY, cast(min(d) AS DATE), cast(:as_of AS DATE))"),
    _metric("max_date_days",               "D",      Unit.DAYS,       "datediff(DAY, cast(max(d) AS DATE), cast(:as_of AS DATE))"),
    _metric("future_date_count",           "D",      Unit.ROWS,       "count_if(d > :as_of)", series=True),
    _metric("before_1900_count",           "D",      Unit.ROWS,       "count_if(year(d) < 1900)", series=True),
    _metric("distinct_days",               "D",      Unit.DAYS,       "count(DISTINCT cast(d AS DATE))"),

    _metric("true_count",                  "B",      Unit.ROWS,       "count_if(c)", series=True),
    _metric("false_count",                 "B",      Unit.ROWS,       "count_if(NOT c)", series=True),
)
# fmt: on

ROW_COUNT = _metric("row_count", "", Unit.ROWS, "count(*)", series=True)
DUPLICATE_ROWS = _metric("duplicate_row_count", "", Unit.ROWS, "count(*) - count(DISTINCT row)", series=True)

FINGERPRINT = _metric("fingerprint", "", Unit.TEXT, "cast(sum(cast(row_hash AS DECIMAL(38, 0))) AS STRING)")
"""Changes with the content of the rows, whatever their order."""

QUANTILES = ("p01", "p05", "p25", "p50", "p75", "p95", "p99")


def metrics_of(general_type: GeneralType, *, series_only: bool = False) -> list[Metric]:
    """Return the catalogue's rows that apply to a type, in catalogue order."""
    return [metric for metric in COLUMN_METRICS if metric.applies(general_type) and (metric.series or not series_only)]
