"""The rule catalogue: every rule type is one row.

Decision: a row rule is a *predicate* that is true for a failing row, so counts and failing rows come from one text; any other rule is a
*measure* that is compared with bounds. Blanks are those of the metric catalogue (``c``, ``x``, ``d``, ``row``, ``:as_of``) and the rule's
own parameters. NULL fails no row rule but ``Required``. Names are TestGen's; aliases are names of the same rule elsewhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from dq_assets.errors import RuleError
from dq_assets.records.base import Record
from dq_assets.records.enums import Dimension, Scope, Severity
from dq_assets.records.tests import Unit


class Form(StrEnum):
    """How a rule is evaluated."""

    PREDICATE = "predicate"
    MEASURE = "measure"
    REFERENCE = "reference"
    METADATA = "metadata"
    QUERY = "query"


class Parameter(StrEnum):
    """Type of a rule's parameter."""

    NUMBER = "number"
    TEXT = "text"
    REGEX = "regex"
    VALUES = "list of values"
    SQL = "SQL query"
    COLUMNS = "mapping of column to type"


class RuleType(Record):
    """One row of the catalogue."""

    name: str
    aliases: tuple[str, ...]
    scope: Scope
    dimension: Dimension
    form: Form
    sql: str
    """Predicate or measure; of a reference rule, empty."""
    failing_rows: str = ""
    """Of a measure that has failing rows: their predicate, window functions allowed."""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    applies_to: str = "ANDTBX"
    unit: Unit = Unit.COUNT
    per_batch: bool = True
    """False: judged once per run on the whole table."""
    severity: Severity = Severity.ERROR
    says: str
    """How a failure reads; blanks ``{rows}``, ``{column}``, ``{measure}``, ``{expected}``, ``{parameter names}``."""


_S, _D, _F, _P = Scope, Dimension, Form, Parameter
RULE_TYPES: tuple[RuleType, ...] = (
    RuleType(
        name="Required", aliases=("is_not_null", "nulls_count"), scope=_S.ROW, dimension=_D.COMPLETENESS, form=_F.PREDICATE,
        sql="c IS NULL", says="{rows} rows have no {column}",
    ),
    RuleType(
        name="Missing_Pct", aliases=("nulls_percent", "null_percent"), scope=_S.COLUMN, dimension=_D.COMPLETENESS, form=_F.MEASURE,
        sql="count_if(c IS NULL) / nullif(count(*), 0)", unit=Unit.VALUE, severity=Severity.WARNING,
        says="the share of rows without {column} is {measure}, expected {expected}",
    ),
    RuleType(
        name="Unique", aliases=("is_unique", "duplicate_count"), scope=_S.COLUMN, dimension=_D.UNIQUENESS, form=_F.MEASURE, applies_to="ANDT",
        sql="count(c) - count(DISTINCT c)", failing_rows="count(*) OVER (PARTITION BY c) > 1 AND c IS NOT NULL",
        says="{measure} rows repeat a value of {column}",
    ),
    RuleType(
        name="Value_Range", aliases=("Min_Val", "Max_Val", "is_in_range", "number_in_range"),
        scope=_S.ROW, dimension=_D.VALIDITY, form=_F.PREDICATE, applies_to="N",
        sql="c < :minimum OR c > :maximum", parameters={"minimum": _P.NUMBER, "maximum": _P.NUMBER},
        says="{rows} values of {column} lie outside {minimum} to {maximum}",
    ),
    RuleType(
        name="LOV_Match", aliases=("is_in_list", "text_found_in_set"), scope=_S.ROW, dimension=_D.VALIDITY, form=_F.PREDICATE, applies_to="AN",
        sql="v NOT IN (:allowed)", parameters={"allowed": _P.VALUES}, says="{rows} values of {column} are not in the list of known values",
    ),
    RuleType(
        name="Pattern_Match", aliases=("regex_match", "text_not_matching_regex"), scope=_S.ROW, dimension=_D.VALIDITY, form=_F.PREDICATE, applies_to="A",
        sql="NOT c RLIKE :regex", parameters={"regex": _P.REGEX}, says="{rows} values of {column} have a form never seen before",
    ),
    RuleType(
        name="Valid_Characters", aliases=("text_surrounded_by_whitespace",), scope=_S.ROW, dimension=_D.VALIDITY, form=_F.PREDICATE, applies_to="A",
        sql="c LIKE ' %' OR c LIKE '% ' OR c RLIKE :quoted OR c RLIKE :non_printing", severity=Severity.WARNING,
        says="{rows} values of {column} have outer spaces, quotes or control characters",
    ),
    RuleType(
        name="Future_Date", aliases=("is_not_in_future", "date_in_future"), scope=_S.ROW, dimension=_D.TIMELINESS, form=_F.PREDICATE, applies_to="D",
        sql="d > :as_of", says="{rows} dates of {column} lie in the future",
    ),
    RuleType(
        name="Avg_Shift", aliases=("mean_anomaly", "is_aggr_not_greater_than"), scope=_S.COLUMN, dimension=_D.CONSISTENCY, form=_F.MEASURE, applies_to="N",
        sql="avg(x)", unit=Unit.VALUE, severity=Severity.WARNING, says="the average of {column} is {measure}, expected {expected}",
    ),
    RuleType(
        name="Row_Ct", aliases=("row_count", "row_count_anomaly", "Volume_Trend"), scope=_S.TABLE, dimension=_D.VOLUME, form=_F.MEASURE,
        sql="count(*)", unit=Unit.VALUE, says="{measure} rows arrived, expected {expected}",
    ),
    RuleType(
        name="Dupe_Rows", aliases=("duplicate_record_count",), scope=_S.TABLE, dimension=_D.UNIQUENESS, form=_F.MEASURE,
        sql="count(*) - count(DISTINCT row)", failing_rows="count(*) OVER (PARTITION BY row) > 1", says="{measure} rows repeat another row in every column",
    ),
    RuleType(
        name="Recency", aliases=("data_freshness", "is_data_fresh"), scope=_S.COLUMN, dimension=_D.FRESHNESS, form=_F.MEASURE, applies_to="D", per_batch=False,
        sql="datediff(DAY, cast(max(d) AS DATE), cast(:as_of AS DATE))", unit=Unit.VALUE, severity=Severity.WARNING,
        says="the newest {column} is {measure} days old, expected {expected}",
    ),
    RuleType(
        name="Combo_Match", aliases=("foreign_key", "lookup_key_not_found"), scope=_S.REFERENCE, dimension=_D.CONSISTENCY, form=_F.REFERENCE, sql="",
        parameters={"reference_table": _P.TEXT, "reference_column": _P.TEXT},
        says="{rows} values of {column} are missing from {reference_table}.{reference_column}",
    ),
    RuleType(
        name="Schema_Drift", aliases=("has_valid_schema", "column_types_changed"), scope=_S.TABLE_GROUP, dimension=_D.SCHEMA, form=_F.METADATA, per_batch=False,
        sql="", parameters={"columns": _P.COLUMNS}, says="{measure} columns were added, dropped or changed their type",
    ),
    RuleType(
        name="CUSTOM", aliases=("sql_query", "sql_invalid_record_count"), scope=_S.TABLE, dimension=_D.ACCURACY, form=_F.QUERY, per_batch=False,
        sql="", parameters={"sql": _P.SQL}, says="the query returned {rows} rows",
    ),
)  # fmt: skip

_BY_NAME = {name.lower(): rule for rule in RULE_TYPES for name in (rule.name, *rule.aliases)}


def rule_type(name: str) -> RuleType:
    """Return the rule type of a name or alias, whatever its case.

    Raises:
        RuleError: ``DQ-RULE-001`` when there is none.
    """
    try:
        return _BY_NAME[name.lower()]
    except KeyError:
        known = ", ".join(rule.name for rule in RULE_TYPES)
        raise RuleError("DQ-RULE-001", f"rule type {name!r} is not in the catalogue.", f"use one of {known}.") from None


def check_parameters(rule: RuleType, parameters: dict[str, Any]) -> None:
    """Hold parameters against the rule's declaration.

    Raises:
        RuleError: ``DQ-RULE-002`` names the parameter, the value found and what is needed.
    """
    for name, kind in rule.parameters.items():
        if name not in parameters:
            raise RuleError("DQ-RULE-002", f"rule {rule.name} lacks the parameter {name!r}.", f"give it a {kind}.")
        value = parameters[name]
        fits = {
            Parameter.NUMBER: isinstance(value, (int, float)) and not isinstance(value, bool),
            Parameter.VALUES: isinstance(value, (list, tuple))
            and len(value) > 0
            and all(isinstance(item, (str, int, float)) and not isinstance(item, bool) for item in value),
            Parameter.COLUMNS: isinstance(value, dict),
        }.get(kind, isinstance(value, str) and value != "")
        if not fits:
            raise RuleError("DQ-RULE-002", f"parameter {name!r} of rule {rule.name} is {value!r}.", f"give it a {kind}.")
    if unknown := sorted(set(parameters) - set(rule.parameters)):
        allowed = ", ".join(rule.parameters) or "none"
        raise RuleError("DQ-RULE-002", f"rule {rule.name} has no parameter {unknown[0]!r}.", f"its parameters are: {allowed}.")
