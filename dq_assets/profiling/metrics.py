r"""The metric catalogue: every profile metric is one row.

Decision: a metric is text and a way of counting (``How``), so the list can be read and rendered for any engine, over the rows of a table or
over a dictionary of its values (``v`` with the ``n`` rows that hold it) with the same meaning. Blanks in the SQL:

- ``c`` the value as it is, text as text; ``len`` its characters (code points), ``bytes`` its UTF-8 bytes, ``bare`` the text without the blanks (U+0020) at
  its ends; ``up`` and ``low``: whether it holds an upper-case, a lower-case letter; ``size`` the elements of a list or map, the bytes of a binary;
- ``x`` a number as the nearest DOUBLE, NULL where it is NaN or infinite; ``exact`` the number in its own type, NULL likewise, anything else as it
  is; ``f`` a number of a type that knows NaN, as DOUBLE; ``fraction`` what an absolute number has beyond its integer part, of types that have one;
- ``d`` a date or time as wall-clock timestamp in the group's timezone, what is finer than a microsecond cut off, NULL where it is infinite or beyond the
  engine's timestamps;
- ``:as_of`` the wall-clock time of the run, the other moments are so many days before it: a month 30, a year 365, 5, 20 and 100 years 1,826, 7,305 and
  36,524; ``:in_20_years`` is 7,305 days after it.

Values are told apart as the engine does: -0.0 and 0.0 are one value, and so are all NaN, which is greater than every number; intervals of one length are
one. Patterns mean the same on every engine: ``.`` is any character, a line break too, ``$`` the end of the text, white space a tab, line feed, form feed,
carriage return or blank.

In front of a costly condition stands a cheap one that it implies (``c LIKE '%@%' AND c RLIKE :email``): engines evaluate conjunctions from the left, or
cheapest first. A metric with ``series`` goes to the series that monitors read, per batch; the others are taken once per run over the table.

Quantiles are discrete: the smallest finite value whose cumulative frequency reaches p, hence an element of the data. A metric that is not defined for a
column (a mean of no values) is absent, never 0; a count of rows or values is 0 where there is none. A metric whose blank a column does not fill (``f`` of an
integer) is not defined for it. A metric that a DOUBLE cannot hold is absent, as is one whose sums it cannot hold.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from dq_assets.records.base import Record

if TYPE_CHECKING:
    from dq_assets.records.enums import GeneralType

METRIC_VERSION = 2

LOWER, UPPER, DIGIT = r"[\p{Ll}\p{Lo}\p{Lm}]", r"[\p{Lu}\p{Lt}]", r"\p{Nd}"
"""Letters and digits of any script: no value may be its own shape. Letters without case count as lower-case ones."""
CASED_LOWER = r"[\p{Ll}]"
NON_PRINTING = r"[\x00-\x1F\x7F]"
ZERO_WIDTH = "[\u200b\u200c\u200d\u2060\ufeff]"
MOJIBAKE = "[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac|\u00ef\u00bb\u00bf|\ufffd"
"""UTF-8 read as Latin-1 or Windows-1252 (``Ã©``, ``â€™``, a byte order mark), or a replacement character."""
QUOTED = r"""(?s)^(".*"|'.*')$"""
DUMMY = (
    r"^[\t\n\f\r ]*([-.?]+|0{2,}|9{2,}|[xX]{2,}|[zZ]{2,}"
    r"|[(\[]?([bB][lL][aA][nN][kK]|[eE][rR][rR][oO][rR]|[mM][iI][sS][sS][iI][nN][gG]|[tT][bB][dD]|[nN]/[aA]|#[nN]/?[aA]|[nN][oO][nN][eE]|[nN][uU][lL][lL]"
    r"|[uU][nN][kK][nN][oO][wW][nN])[)\]]?)[\t\n\f\r ]*$"
)
"""Spelled out by case, since not every engine switches case within an expression."""
NUMERIC = r"^[\t\n\f\r ]*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[\t\n\f\r ]*$"
ZERO = r"^[\t\n\f\r ]*[-+]?(0+(\.0*)?|\.0+)[\t\n\f\r ]*$"
DATE_LIKE = r"(?s)^[\t\n\f\r ]*([0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})[\t\n\f\r ]*$"
EMAIL = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$"
JSON = r"(?s)^[\t\n\f\r ]*(\{[\t\n\f\r ]*(\x22.*)?\}|\[.*\])[\t\n\f\r ]*$"

PUNCTUATION = " \"'.-"

PATTERNS = {
    "lower": LOWER,
    "upper": UPPER,
    "digit": f"[{DIGIT}]",
    "cased_lower": CASED_LOWER,
    "punctuation": PUNCTUATION,
    "non_printing": NON_PRINTING,
    "zero_width": ZERO_WIDTH,
    "mojibake": MOJIBAKE,
    "quoted": QUOTED,
    "dummy": DUMMY,
    "numeric": NUMERIC,
    "zero": ZERO,
    "date_like": DATE_LIKE,
    "email": EMAIL,
    "json": JSON,
    "tab": "%\t%\t%\t%",
    "double_quoted": '"%"',
    "single_quoted": "'%'",
    "inf": float("inf"),
    "minus_inf": float("-inf"),
}
_CLASSES = re.compile(r"\\p\{(\w\w)\}")


@lru_cache(maxsize=8)
def patterns(dialect: str) -> dict[str, object]:
    """Return ``PATTERNS`` as an engine's regular expressions mean them."""
    return {name: pattern_in(pattern, dialect) if isinstance(pattern, str) else pattern for name, pattern in PATTERNS.items()}


def pattern_in(pattern: str, dialect: str) -> str:
    """Return a pattern that means in an engine what it means in RE2.

    PostgreSQL knows no classes of Unicode, and its own depend on the collation: they are spelled out. To Java, ``$`` is also before a last line break.
    """
    if dialect == "postgres":
        return _CLASSES.sub(lambda found: letters_of(found[1]), pattern)
    return re.sub(r"\$(?=$)", r"\\z", pattern) if dialect in ("spark", "databricks") and pattern.startswith(("^", "(?s)^")) else pattern


@lru_cache(maxsize=8)
def letters_of(category: str) -> str:
    """Return all characters of a category of Unicode as the inside of a bracket expression."""
    found: list[list[int]] = []
    for code in range(0x110000):
        if unicodedata.category(chr(code)) == category:
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return "".join(chr(low) if low == high else f"{chr(low)}-{chr(high)}" for low, high in found)


SHAPE = "regexp_replace(regexp_replace(regexp_replace(c, :lower, 'a'), :upper, 'A'), :digit, 'N')"
SHAPED_LENGTH = 40
"""Text longer than this is prose, which has no shape: it is left out of the shapes."""

FORMATS: dict[str, str] = {
    "integer": r"^[-+]?[0-9]+$",
    "decimal point": r"^[-+]?[0-9]*\.[0-9]+$",
    "decimal comma": r"^[-+]?[0-9]+,[0-9]{1,2}$",
    "thousands comma": r"^[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$",
    "thousands point": r"^[-+]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)$",
    "percent": r"^[-+]?[0-9]+([.,][0-9]+)? ?%$",
    "scientific": r"^[-+]?[0-9]+(\.[0-9]+)?[eE][-+]?[0-9]+$",
    "yyyy-mm-dd": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "yyyy/mm/dd": r"^[0-9]{4}/[0-9]{2}/[0-9]{2}$",
    "slashes, year last": r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}$",
    "points, year last": r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4}$",
    "dashes, year last": r"^[0-9]{1,2}-[0-9]{1,2}-[0-9]{2,4}$",
    "timestamp": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[-+][0-9]{2}:?[0-9]{2})?$",
    "time": r"^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$",
}
"""How text writes numbers, dates and times. No text is of two formats; the one most values are of is the column's dominant format."""
FORMAT_LENGTH = 35


class Unit(StrEnum):
    """What a metric's number means."""

    ROWS = "rows"
    VALUES = "distinct values"
    MEASURE = "the column's own unit"
    CHARACTERS = "characters"
    ELEMENTS = "elements"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    SHARE = "share of 1"
    BITS = "bits"
    TEXT = "text"
    NUMBER = "number"


class How(StrEnum):
    """What is done with the ``sql`` of a metric."""

    ROWS = "rows for which the condition is true"
    VALUES = "distinct values for which the condition is true; ``n`` is how many rows hold the value"
    DISTINCT = "distinct results of the expression"
    MIN = "the smallest result"
    MAX = "the largest result"
    MEAN = "the mean of the results over all rows that have one"
    SUM = "the sum of the results over all rows"
    QUANTILE = "the discrete quantile at the number given"
    DERIVED = "computed from other answers"


class Metric(Record):
    """One row of the catalogue."""

    name: str
    applies_to: str
    """Letters of the general types, as in ``GeneralType``."""
    unit: Unit
    how: How
    sql: str
    series: bool = False

    def applies(self, general_type: GeneralType) -> bool:
        """Whether the metric is defined for the type."""
        return general_type.value in self.applies_to


def _metric(name: str, applies_to: str, unit: Unit, how: How, sql: str, *, series: bool = False) -> Metric:
    return Metric(name=name, applies_to=applies_to, unit=unit, how=how, sql=sql, series=series)


_R, _V, _D, _MIN, _MAX, _AVG, _SUM, _Q, _X = (
    How.ROWS, How.VALUES, How.DISTINCT, How.MIN, How.MAX, How.MEAN, How.SUM, How.QUANTILE, How.DERIVED,
)  # fmt: skip
_u = Unit
# fmt: off
COLUMN_METRICS: tuple[Metric, ...] = (
    # any type
    _metric("null_count",                  "ANDTBX", _u.ROWS,       _R,   "c IS NULL", series=True),
    _metric("distinct_count",              "ANDTBX", _u.VALUES,     _V,   "TRUE", series=True),
    _metric("unique_count",                "ANDTBX", _u.VALUES,     _V,   "n = 1", series=True),
    _metric("duplicated_count",            "ANDTBX", _u.VALUES,     _V,   "n > 1"),
    _metric("max_frequency",               "ANDTBX", _u.ROWS,       _X,   "the largest n", series=True),
    _metric("mode_share",                  "ANDTBX", _u.SHARE,      _X,   "max_frequency / (rows - null_count)"),
    _metric("entropy",                     "ANDTBX", _u.BITS,       _X,   "-sum(p * log2(p)) over the distinct values, p = n / (rows - null_count); to nine decimals", series=True),
    _metric("min_value",                   "ANDTB",  _u.TEXT,       _MIN, "exact"),
    _metric("max_value",                   "ANDTB",  _u.TEXT,       _MAX, "exact"),

    # numbers
    _metric("min_number",                  "N",      _u.MEASURE,    _MIN, "x", series=True),
    _metric("max_number",                  "N",      _u.MEASURE,    _MAX, "x", series=True),
    _metric("min_positive",                "N",      _u.MEASURE,    _MIN, "CASE WHEN x > 0 THEN x END"),
    _metric("sum_value",                   "N",      _u.MEASURE,    _SUM, "exact", series=True),
    _metric("avg_value",                   "N",      _u.MEASURE,    _AVG, "x", series=True),
    _metric("stddev_value",                "N",      _u.MEASURE,    _X,   "sqrt(sum((x - avg_value)^2) / (count - 1))", series=True),
    _metric("p01",                         "ND",     _u.MEASURE,    _Q,   "0.01", series=True),
    _metric("p05",                         "ND",     _u.MEASURE,    _Q,   "0.05", series=True),
    _metric("p25",                         "ND",     _u.MEASURE,    _Q,   "0.25", series=True),
    _metric("p50",                         "ND",     _u.MEASURE,    _Q,   "0.5", series=True),
    _metric("p75",                         "ND",     _u.MEASURE,    _Q,   "0.75", series=True),
    _metric("p95",                         "ND",     _u.MEASURE,    _Q,   "0.95", series=True),
    _metric("p99",                         "ND",     _u.MEASURE,    _Q,   "0.99", series=True),
    _metric("zero_count",                  "N",      _u.ROWS,       _R,   "c = 0", series=True),
    _metric("negative_count",              "N",      _u.ROWS,       _R,   "exact < 0", series=True),
    _metric("nan_count",                   "N",      _u.ROWS,       _R,   "f > :inf"),
    _metric("infinite_count",              "N",      _u.ROWS,       _R,   "f = :inf"),
    _metric("minus_infinite_count",        "N",      _u.ROWS,       _R,   "f = :minus_inf"),
    _metric("non_finite_count",            "N",      _u.ROWS,       _R,   "c IS NOT NULL AND x IS NULL", series=True),
    _metric("fractional_count",            "N",      _u.ROWS,       _R,   "fraction <> 0", series=True),
    _metric("fractional_sum",              "N",      _u.MEASURE,    _SUM, "fraction"),
    _metric("min_step",                    "ND",     _u.MEASURE,    _X,   "smallest difference of neighbouring distinct finite values; seconds for dates"),
    _metric("max_step",                    "ND",     _u.MEASURE,    _X,   "largest difference of neighbouring distinct finite values; seconds for dates"),
    _metric("order",                       "ND",     _u.TEXT,       _X,   "increasing, non-decreasing, decreasing, non-increasing, constant or none, in the order of the rows where the engine keeps one; NULL passed over"),

    # text
    _metric("min_length",                  "A",      _u.CHARACTERS, _MIN, "len", series=True),
    _metric("max_length",                  "A",      _u.CHARACTERS, _MAX, "len", series=True),
    _metric("avg_length",                  "A",      _u.CHARACTERS, _AVG, "len", series=True),
    _metric("zero_length_count",           "A",      _u.ROWS,       _R,   "len = 0", series=True),
    _metric("blank_count",                 "A",      _u.ROWS,       _R,   "c LIKE ' %' AND bare = ''", series=True),
    _metric("leading_space_count",         "A",      _u.ROWS,       _R,   "c LIKE ' %'", series=True),
    _metric("trailing_space_count",        "A",      _u.ROWS,       _R,   "c LIKE '% '", series=True),
    _metric("embedded_space_count",        "A",      _u.ROWS,       _R,   "c LIKE '% %' AND bare LIKE '% %'"),
    _metric("avg_embedded_spaces",         "A",      _u.CHARACTERS, _AVG, "length(bare) - length(replace(bare, ' ', ''))"),
    _metric("double_space_count",          "A",      _u.ROWS,       _R,   "c LIKE '%  %' AND bare LIKE '%  %'", series=True),
    _metric("quoted_count",                "A",      _u.ROWS,       _R,   "c LIKE :double_quoted OR c LIKE :single_quoted", series=True),
    _metric("dummy_count",                 "A",      _u.ROWS,       _R,   "len <= 30 AND c RLIKE :dummy", series=True),
    _metric("includes_digit_count",        "A",      _u.ROWS,       _R,   "c RLIKE '[0-9]'", series=True),
    _metric("upper_case_count",            "A",      _u.ROWS,       _R,   "up AND NOT low", series=True),
    _metric("lower_case_count",            "A",      _u.ROWS,       _R,   "low AND NOT up", series=True),
    _metric("mixed_case_count",            "A",      _u.ROWS,       _R,   "up AND low", series=True),
    _metric("non_alpha_count",             "A",      _u.ROWS,       _R,   "NOT up AND NOT low", series=True),
    _metric("non_ascii_count",             "A",      _u.ROWS,       _R,   "bytes <> len", series=True),
    _metric("non_printing_count",          "A",      _u.ROWS,       _R,   "c RLIKE :non_printing", series=True),
    _metric("zero_width_count",            "A",      _u.ROWS,       _R,   "bytes <> len AND c RLIKE :zero_width"),
    _metric("mojibake_count",              "A",      _u.ROWS,       _R,   "bytes <> len AND c RLIKE :mojibake", series=True),
    _metric("delimited_count",             "A",      _u.ROWS,       _R,   "c LIKE '%|%|%|%' OR c LIKE '%;%;%;%' OR c LIKE '%^%^%^%' OR c LIKE :tab OR (c LIKE '%,%,%,%' AND NOT c LIKE '%, %')"),
    _metric("json_count",                  "A",      _u.ROWS,       _R,   "(c LIKE '%}%' OR c LIKE '%]%') AND c RLIKE :json"),
    _metric("numeric_count",               "A",      _u.ROWS,       _R,   "len <= 400 AND c RLIKE :numeric", series=True),
    _metric("zero_count",                  "A",      _u.ROWS,       _R,   "c LIKE '%0%' AND len <= 400 AND c RLIKE :zero"),
    _metric("date_count",                  "A",      _u.ROWS,       _R,   "len >= 8 AND (c LIKE '%-%-%' OR c LIKE '%/%/%') AND c RLIKE :date_like", series=True),
    _metric("email_count",                 "A",      _u.ROWS,       _R,   "c LIKE '%@%' AND c RLIKE :email", series=True),
    _metric("standardized_distinct_count", "A",      _u.VALUES,     _D,   "upper(translate(c, :punctuation, ''))"),
    _metric("shape_count",                 "A",      _u.VALUES,     _X,   "distinct shapes of values of up to 40 characters", series=True),
    _metric("format",                      "A",      _u.TEXT,       _X,   "the format of FORMATS that most values are of, where it is at least half of them; of equally many the one listed first"),
    _metric("format_departure_count",      "A",      _u.ROWS,       _X,   "values that are not of the dominant format; absent without one", series=True),
    _metric("format_departure_share",      "A",      _u.SHARE,      _X,   "format_departure_count / (rows - null_count)"),

    # dates and timestamps; what is about days, weeks and months is absent where there is no finite date
    _metric("min_date_days",               "D",      _u.DAYS,       _MAX, "datediff(DAY, cast(d AS DATE), cast(:as_of AS DATE))"),
    _metric("max_date_days",               "D",      _u.DAYS,       _MIN, "datediff(DAY, cast(d AS DATE), cast(:as_of AS DATE))"),
    _metric("infinite_count",              "D",      _u.ROWS,       _R,   "c IS NOT NULL AND d IS NULL"),
    _metric("future_date_count",           "D",      _u.ROWS,       _R,   "d > :as_of", series=True),
    _metric("distant_future_count",        "D",      _u.ROWS,       _R,   "d > :in_20_years"),
    _metric("within_1_month_count",        "D",      _u.ROWS,       _R,   "d <= :as_of AND d > :month_ago"),
    _metric("within_1_year_count",         "D",      _u.ROWS,       _R,   "d <= :as_of AND d > :year_ago"),
    _metric("before_1_year_count",         "D",      _u.ROWS,       _R,   "d <= :year_ago"),
    _metric("before_5_years_count",        "D",      _u.ROWS,       _R,   "d <= :years_5_ago"),
    _metric("before_20_years_count",       "D",      _u.ROWS,       _R,   "d <= :years_20_ago"),
    _metric("before_100_years_count",      "D",      _u.ROWS,       _R,   "d <= :years_100_ago"),
    _metric("before_1900_count",           "D",      _u.ROWS,       _R,   "d < :year_1900", series=True),
    _metric("midnight_count",              "D",      _u.ROWS,       _R,   "d = date_trunc('DAY', d)"),
    _metric("distinct_days",               "D",      _u.DAYS,       _X,   "days with a value"),
    _metric("distinct_weeks",              "D",      _u.WEEKS,      _X,   "ISO weeks with a value"),
    _metric("distinct_months",             "D",      _u.MONTHS,     _X,   "months with a value"),
    _metric("missing_days",                "D",      _u.DAYS,       _X,   "days without a value between the first and the last"),
    _metric("missing_weeks",               "D",      _u.WEEKS,      _X,   "ISO weeks without a value between the first and the last"),
    _metric("missing_months",              "D",      _u.MONTHS,     _X,   "months without a value between the first and the last"),
    _metric("longest_gap_days",            "D",      _u.DAYS,       _X,   "the largest difference of neighbouring days with a value"),

    # booleans
    _metric("true_count",                  "B",      _u.ROWS,       _R,   "c", series=True),
    _metric("false_count",                 "B",      _u.ROWS,       _R,   "NOT c", series=True),

    # lists, maps and binary: what an engine can count of them; absent elsewhere
    _metric("min_size",                    "X",      _u.ELEMENTS,   _MIN, "size"),
    _metric("max_size",                    "X",      _u.ELEMENTS,   _MAX, "size"),
    _metric("avg_size",                    "X",      _u.ELEMENTS,   _AVG, "size"),
    _metric("empty_count",                 "X",      _u.ROWS,       _R,   "size = 0"),
)
"""All that is measured of a column.

Beside these stand the ten most frequent values and the 21 most frequent shapes, of equally frequent ones the smaller first; rows by length of text, in at most
20 steps of equal width; and the histogram: 20 buckets ``[low + i * width, low + (i + 1) * width)``, the last one closed, of numbers as DOUBLE or of dates as
seconds of wall-clock time since 1970. It is absent where the width is infinite, or so small that the doubles at its ends do not tell the edges apart.
"""

ROW_COUNT = _metric("row_count", "", Unit.ROWS, _R, "TRUE", series=True)
DUPLICATE_ROWS = _metric("duplicate_row_count", "", Unit.ROWS, _X, "rows beyond the first of each distinct row", series=True)
TABLE_METRICS = (ROW_COUNT, DUPLICATE_ROWS)
# fmt: on

FINGERPRINT = "cast(sum(cast(row_hash AS DECIMAL(38, 0))) AS STRING)"
"""Changes with the content of the rows, whatever their order."""

QUANTILES = {metric.name: float(metric.sql) for metric in COLUMN_METRICS if metric.how is How.QUANTILE}
SERIES = frozenset(metric.name for metric in (*COLUMN_METRICS, *TABLE_METRICS) if metric.series)
UNITS = {metric.name: metric.unit for metric in (*COLUMN_METRICS, *TABLE_METRICS)}

TOP_VALUES, TOP_SHAPES, HISTOGRAM_BUCKETS, LENGTHS = 10, 5, 20, 50
DOMAIN_LIMIT = 100
"""A column with at most so many distinct values is looked at value by value."""


def metrics_of(general_type: GeneralType, *hows: How) -> list[Metric]:
    """Return the catalogue's rows that apply to a type and are counted in one of the ways, in catalogue order."""
    return [metric for metric in COLUMN_METRICS if metric.applies(general_type) and (not hows or metric.how in hows)]
