"""What is odd in a profile: the catalogue of finding types, each with the condition that raises it.

Decision: a type is one row; its condition is a function from a column's facts to what was found, or None. Ids and meanings up to 1100 are
those of TestGen's hygiene issues, so that dispositions can be carried over; kinds of our own start at 2001. No detail carries a
value of the data: it speaks of counts, so a masked column needs no second rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.profiling.metrics import PATTERNS
from dq_assets.profiling.sql import DIALECT, fill, quoted
from dq_assets.records import identity
from dq_assets.records.enums import Dimension, GeneralType, Likelihood, Severity
from dq_assets.records.profiles import ColumnProfile, Finding, FindingType

if TYPE_CHECKING:
    from dq_assets.records.tables import TableName

MISSING_SHARE, DIVERGENT_SHARE, MOSTLY_SHARE = 0.03, 0.03, 0.95
"""TestGen's thresholds for types 1013, 1014 and 1011/1012."""
YEAR_DAYS, HALF_YEAR_DAYS, FAR_FUTURE_DAYS = 365, 183, 30 * 365
BOOLEAN_PARTNERS = {"true": "false", "yes": "no", "y": "n", "t": "f"}


class Found(NamedTuple):
    """What a condition found: a sentence, the rows concerned, and a predicate template (blank ``c``) that selects them."""

    detail: str
    rows: int | None = None
    predicate: str | None = None


Condition = Callable[[ColumnProfile], Found | None]


class Kind(NamedTuple):
    """A finding type with its condition; ``applies_to`` holds the letters of the general types."""

    type: FindingType
    applies_to: str
    condition: Condition | None


def _count(column: ColumnProfile, metric: str) -> int:
    return int(column.metrics.get(metric) or 0)


def _values(column: ColumnProfile) -> int:
    return column.record_count - column.null_count


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / whole:.3g} %)" if whole else f"{part:,}"


def _blanks(column: ColumnProfile) -> Found | None:
    dummies = _count(column, "dummy_count")
    if (dummies and dummies == _values(column)) or _count(column, "numeric_count") == _values(column):
        dummies = 0
    rows = _count(column, "zero_length_count") + _count(column, "blank_count") + dummies
    return (
        Found(f"{_share(rows, column.record_count)} rows hold a blank or a filler word instead of NULL.", rows, "trim(c) = '' OR c RLIKE :dummy")
        if rows
        else None
    )


def _no_values(column: ColumnProfile) -> Found | None:
    empty = column.null_count + _count(column, "zero_length_count") + _count(column, "blank_count") + _count(column, "dummy_count")
    return (
        Found("The column is empty: every row is NULL, blank or a filler word.", column.record_count)
        if column.record_count and empty >= column.record_count
        else None
    )


def _counted(metric: str, sentence: str, predicate: str) -> Condition:
    def condition(column: ColumnProfile) -> Found | None:
        rows = _count(column, metric)
        return Found(f"{_share(rows, _values(column))} values {sentence}.", rows, predicate) if rows else None

    return condition


def _mostly(metric: str, kind: str, pattern: str) -> Condition:
    def condition(column: ColumnProfile) -> Found | None:
        rows, values = _count(column, metric), _values(column)
        if not values or rows == values or rows / values <= MOSTLY_SHARE:
            return None
        return Found(f"{values - rows:,} of {values:,} values are no {kind}, all others are.", values - rows, f"NOT c RLIKE :{pattern}")

    return condition


def _small_missing(column: ColumnProfile) -> Found | None:
    share = column.null_count / column.record_count if column.record_count else 0.0
    return (
        Found(f"{_share(column.null_count, column.record_count)} rows are NULL in a column that is otherwise filled.", column.null_count, "c IS NULL")
        if 0 < share < MISSING_SHARE
        else None
    )


def _small_divergent(column: ColumnProfile) -> Found | None:
    if not column.top_values or column.general_type is GeneralType.BOOLEAN:
        return None
    others = _values(column) - column.top_values[0].frequency
    return Found(f"One value holds all but {_share(others, _values(column))} values.", others) if 0 < others < DIVERGENT_SHARE * _values(column) else None


def _boolean_partner(column: ColumnProfile) -> Found | None:
    values = {top.value.strip().lower() for top in column.top_values}
    first = column.top_values[0].value.strip().lower() if column.top_values else ""
    partners = BOOLEAN_PARTNERS | {no: yes for yes, no in BOOLEAN_PARTNERS.items()}
    if first not in partners or partners[first] in values or len(values) < 2 or (column.distinct_count or 0) > len(column.top_values):
        return None
    return Found(f"The most frequent value is one answer of a yes/no pair; the other never occurs, but {len(values) - 1} different values do.")


def _similar_values(column: ColumnProfile) -> Found | None:
    distinct, standardized = column.distinct_count or 0, _count(column, "standardized_distinct_count")
    return (
        Found(f"{distinct - standardized:,} of {distinct:,} distinct values differ from another one only by case, spaces or punctuation.")
        if 0 < standardized < distinct
        else None
    )


def _unlikely_dates(column: ColumnProfile) -> Found | None:
    early, ahead = _count(column, "before_1900_count"), -int(column.metrics.get("max_date_days") or 0)
    if not early and ahead <= FAR_FUTURE_DAYS:
        return None
    newest = "" if column.pii_risk or ahead <= FAR_FUTURE_DAYS else f"; the newest lies {ahead:,} days after the run"
    return Found(f"{early:,} dates lie before 1900{newest}.", early or None, "year(c) < 1900" if early else None)


def _pii(column: ColumnProfile) -> Found | None:
    return Found(f"Looks like personal data ({column.pii_risk}); its values are masked unless the group says otherwise.") if column.pii_risk else None


def _kind(
    type_id: int,
    code: str,
    name: str,
    dimension: Dimension | None,
    severity: Severity,
    likelihood: Likelihood,
    applies_to: str,
    condition: Condition | None,
    description: str,
    action: str,
) -> Kind:
    return Kind(
        FindingType(
            anomaly_type_id=type_id,
            code=code,
            name=name,
            category="pii" if type_id == 1100 else "hygiene",
            default_severity=severity,
            default_likelihood=likelihood,
            dq_dimension=dimension,
            description=description,
            suggested_action=action,
        ),
        applies_to,
        condition,
    )


_S, _L, _D = Severity, Likelihood, Dimension
# fmt: off
KINDS: tuple[Kind, ...] = (
    _kind(1002, "non_standard_blanks", "Non-standard blanks", _D.COMPLETENESS, _S.WARNING, _L.DEFINITE, "A", _blanks,
          "Blanks or filler words stand where NULL should.", "Turn them into NULL where the data is loaded."),
    _kind(1006, "no_values", "No values", _D.COMPLETENESS, _S.WARNING, _L.POSSIBLE, "ANDTB", _no_values,
          "No row has a value.", "Drop the column, or find out why it is no longer filled."),
    _kind(1009, "leading_spaces", "Leading spaces", _D.VALIDITY, _S.WARNING, _L.LIKELY, "A",
          _counted("leading_space_count", "begin with a space", "c LIKE ' %'"),
          "Values begin with a space, so joins and groups miss them.", "Trim where the data is loaded."),
    _kind(1010, "quoted_values", "Quoted values", _D.VALIDITY, _S.WARNING, _L.LIKELY, "A",
          _counted("quoted_count", "are wrapped in quotes", "c RLIKE :quoted"),
          "Values carry quotes of a file format.", "Check the quoting options of the loader."),
    _kind(1011, "mostly_numbers", "Text column, mostly numbers", _D.VALIDITY, _S.WARNING, _L.LIKELY, "A", _mostly("numeric_count", "number", "numeric"),
          "More than 95 % of the values are numbers, the rest is not.", "Look at the others; then store a number."),
    _kind(1012, "mostly_dates", "Text column, mostly dates", _D.VALIDITY, _S.WARNING, _L.LIKELY, "A", _mostly("date_count", "date", "date_like"),
          "More than 95 % of the values are dates, the rest is not.", "Look at the others; then store a date."),
    _kind(1013, "small_missing_share", "Small missing share", _D.COMPLETENESS, _S.INFO, _L.POSSIBLE, "ANDTB", _small_missing,
          "Filled, but for less than 3 % of the rows.", "Find out whether the few are lost."),
    _kind(1014, "small_divergent_share", "Small divergent share", _D.VALIDITY, _S.INFO, _L.POSSIBLE, "AN", _small_divergent,
          "One value holds more than 97 % of the rows.", "Look at the exceptions."),
    _kind(1015, "unexpected_boolean", "Unexpected boolean values", _D.VALIDITY, _S.WARNING, _L.LIKELY, "A", _boolean_partner,
          "A yes/no column whose other answer never occurs.", "Unify the coding."),
    _kind(1017, "similar_values", "Similar values when standardised", _D.UNIQUENESS, _S.WARNING, _L.LIKELY, "A", _similar_values,
          "Values that differ only by case, spaces or punctuation.", "Standardise where the data is loaded."),
    _kind(1018, "unlikely_dates", "Unlikely dates", _D.ACCURACY, _S.WARNING, _L.LIKELY, "D", _unlikely_dates,
          "Dates before 1900 or more than 30 years ahead.", "Check for placeholder dates and wrong formats."),
    _kind(1019, "recency_one_year", "No date within a year", _D.TIMELINESS, _S.INFO, _L.POSSIBLE, "", None,
          "The newest of all dates of the table is older than a year.", "Check whether the table is still loaded."),
    _kind(1020, "recency_six_months", "No date within six months", _D.TIMELINESS, _S.INFO, _L.POSSIBLE, "", None,
          "The newest of all dates of the table is six to twelve months old.", "Check whether the table is still loaded."),
    _kind(1031, "non_printing", "Non-printing characters", _D.VALIDITY, _S.ERROR, _L.DEFINITE, "A",
          _counted("non_printing_count", "hold control characters", "c RLIKE :non_printing"),
          "Values hold control characters.", "Strip them where the data is loaded."),
    _kind(1100, "potential_pii", "Potential PII", _D.VALIDITY, _S.INFO, _L.POTENTIAL, "ANDTB", _pii,
          "The column seems to hold personal data.", "Confirm or dismiss; restrict who may read it."),
    _kind(2001, "rows_in_no_batch", "Rows in no batch", _D.TIMELINESS, _S.ERROR, _L.DEFINITE, "", None,
          "The batch column is NULL or a placeholder, so no batch and no test sees these rows.", "Fill the batch column."),
    _kind(2002, "not_profiled", "Could not be profiled", _D.VALIDITY, _S.WARNING, _L.DEFINITE, "", None,
          "The engine could not compute a metric.", "Read the detail; exclude the column if it cannot be scanned."),
)
# fmt: on

FINDING_TYPES: tuple[FindingType, ...] = tuple(kind.type for kind in KINDS)
BY_CODE: Mapping[str, FindingType] = {kind.type.code: kind.type for kind in KINDS}


def finding(code: str, table: TableName, table_id: str, found: Found, *, column: ColumnProfile | None = None, column_name: str | None = None) -> Finding:
    """Return a finding of the type ``code`` with the type's default severity and likelihood."""
    kind = BY_CODE[code]
    name = column.column_name if column else column_name
    predicate = fill(found.predicate, {"c": quoted(name)}, PATTERNS).sql(dialect=DIALECT) if found.predicate and name else None
    return Finding(
        anomaly_type_id=kind.anomaly_type_id,
        table_id=table_id,
        table=table,
        column_id=identity.column_id(table_id, name) if name else None,
        column_name=name,
        severity=kind.default_severity,
        likelihood=kind.default_likelihood,
        detail=found.detail,
        affected_rows=found.rows,
        row_predicate=predicate,
        pii_risk=column.pii_risk if column else None,
        dq_dimension=kind.dq_dimension,
    )


def find(table: TableName, table_id: str, columns: Sequence[ColumnProfile], *, rows_in_no_batch: int = 0) -> list[Finding]:
    """Return what is odd in one table's profile, in catalogue order by column."""
    return list(_find(table, table_id, columns, rows_in_no_batch))


def _find(table: TableName, table_id: str, columns: Sequence[ColumnProfile], rows_in_no_batch: int) -> Iterator[Finding]:
    for column in columns:
        for kind in KINDS:
            if kind.condition and column.record_count and column.general_type.value in kind.applies_to and (found := kind.condition(column)):
                if column.rows_read < column.record_count:
                    found = found._replace(detail=f"{found.detail} Estimated from {column.rows_read:,} rows.")
                yield finding(kind.type.code, table, table_id, found, column=column)
    # A birth date says nothing of the loading, and its age would give it away.
    ages = [int(column.metrics["max_date_days"]) for column in columns if column.metrics.get("max_date_days") is not None and not column.pii_risk]
    if ages and min(ages) > HALF_YEAR_DAYS:
        code = "recency_one_year" if min(ages) > YEAR_DAYS else "recency_six_months"
        yield finding(code, table, table_id, Found(f"The newest date of the table is {min(ages):,} days old."))
    if rows_in_no_batch:
        yield finding(
            "rows_in_no_batch",
            table,
            table_id,
            Found(f"{rows_in_no_batch:,} rows have no value in the batch column, or one before the year 1000 or more than a year ahead.", rows_in_no_batch),
        )
