"""From tests to SQL: aggregates for one wide statement, and the statements that need their own.

Decision: all tests of a table that are aggregates share one statement per set of batches; equal aggregates are asked once. A test yields
two aggregates, the measure (failing rows of a row rule) and the rows tested.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from dq_assets.errors import RuleError
from dq_assets.profiling.metrics import PATTERNS
from dq_assets.profiling.plan import blanks, row_value
from dq_assets.profiling.sql import DIALECT, count_if, fill, quoted, wall_clock
from dq_assets.records.base import Record
from dq_assets.records.enums import GeneralType, Scope
from dq_assets.records.tables import Column, TableName
from dq_assets.rules.catalogue import Form, RuleType, check_parameters, rule_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dq_assets.records.tests import Test


class TableContext(Record):
    """What compiling a table's tests needs to know of it; ``as_of`` is wall-clock time in ``timezone``, naive."""

    table: TableName
    columns: tuple[Column, ...]
    timezone: str
    dialect: str
    as_of: datetime

    def column(self, name: str, test: Test) -> Column:
        """Return a column the test names.

        Raises:
            RuleError: ``DQ-RULE-003`` when the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise RuleError(
            "DQ-RULE-003", f"test {test.name!r}: {self.table} has no column {name!r}.", f"its columns are: {', '.join(column.name for column in self.columns)}."
        )


def checked_rule(test: Test) -> RuleType:
    """Return the test's rule type after holding parameters and columns against it.

    Raises:
        RuleError: ``DQ-RULE-001`` to ``-003``.
    """
    rule = rule_type(test.rule_type)
    check_parameters(rule, test.parameters)
    if rule.scope in (Scope.ROW, Scope.COLUMN, Scope.REFERENCE) and len(test.columns) != 1:
        raise RuleError("DQ-RULE-003", f"test {test.name!r}: rule {rule.name} is about one column, {len(test.columns)} are named.", "name exactly one.")
    return rule


def fillings(test: Test, rule: RuleType, context: TableContext) -> tuple[dict[str, exp.Expr], dict[str, object]]:
    """Return the blanks and values that turn the rule's text into this test's SQL."""
    values: dict[str, object] = {**PATTERNS, "as_of": context.as_of, **test.parameters}
    columns: dict[str, exp.Expr] = {"row": row_value([context.column(name, test) for name in test.columns] if test.columns else context.columns)}
    if len(test.columns) == 1:
        column = context.column(test.columns[0], test)
        if column.general_type.value not in rule.applies_to:
            raise RuleError(
                "DQ-RULE-004",
                f"test {test.name!r}: rule {rule.name} does not apply to {column.name!r} of type {column.data_type}.",
                f"it applies to general types {rule.applies_to}.",
            )
        columns |= blanks(column, context.timezone, context.dialect)
        if column.general_type is GeneralType.DATE:
            # An infinite date lies in the future of any day, where a profile leaves it out of what it measures.
            columns["d"] = wall_clock(column, context.timezone, context.dialect)
        allowed = test.parameters.get("allowed", ())
        # A list that mixes text and numbers is compared as text: an engine would cast the column to a number instead, and fail on its words.
        if column.general_type is GeneralType.TEXT or any(isinstance(value, str) for value in allowed):
            values["allowed"] = [str(value) for value in allowed]
            columns["v"] = columns["c"] if column.general_type is GeneralType.TEXT else exp.cast(quoted(column.name), "string")
        else:
            columns["v"] = columns["c"]
    return columns, values


def predicate(test: Test, rule: RuleType, context: TableContext) -> exp.Expr | None:
    """Return what is true for the test's failing rows (window functions allowed), or None where a failure has no rows."""
    text = rule.sql if rule.form is Form.PREDICATE else rule.failing_rows
    return fill(text, *fillings(test, rule, context)) if text else None


def aggregates(test: Test, context: TableContext) -> tuple[exp.Expr, exp.Expr]:
    """Return measure and rows tested of a predicate or measure rule, both as aggregates.

    Raises:
        RuleError: the test cannot be compiled.
    """
    rule = checked_rule(test)
    columns, values = fillings(test, rule, context)
    kept = filter_of(test)
    if rule.form is Form.PREDICATE:
        failing = fill(rule.sql, columns, values)
        measure: exp.Expr = count_if(exp.and_(exp.paren(failing), exp.paren(kept)) if kept else failing)
    else:
        measure = fill(rule.sql, columns, values)
        if kept:
            raise RuleError("DQ-RULE-005", f"test {test.name!r}: rule {rule.name} takes no filter.", "filter a row rule, or write a CUSTOM test.")
    tested: exp.Expr = count_if(kept) if kept else exp.Count(this=exp.Star())
    return measure, tested


def filter_of(test: Test) -> exp.Expr | None:
    """Return the test's row filter.

    Raises:
        RuleError: ``DQ-RULE-006`` when it is not one condition over the table's columns.
    """
    if test.filter is None:
        return None
    try:
        condition = parse_one(test.filter, read=DIALECT, into=exp.Condition)
    except SqlglotError as error:
        raise RuleError(
            "DQ-RULE-006", f"test {test.name!r}: the filter is no SQL condition.", "write a condition over the table's columns, as in amount > 0."
        ) from error
    if unsafe := condition.find(exp.Query, exp.Command, exp.Anonymous, exp.AnonymousAggFunc, exp.Window, exp.Star, exp.Placeholder, exp.Table):
        raise RuleError(
            "DQ-RULE-006",
            f"test {test.name!r}: the filter contains {type(unsafe).__name__.lower()}.",
            "write a condition over the table's columns, as in amount > 0.",
        )
    return condition


def failing_rows(relation: exp.Table, condition: exp.Expr, *, columns: Iterable[Column], where: exp.Expr | None, limit: int) -> exp.Select:
    """Return the statement for up to ``limit`` whole rows for which ``condition`` is true, within ``where``; ``columns`` are those of the relation."""
    mark, taken = "dq_failing", {column.name.lower() for column in columns}
    while mark in taken:
        mark += "_"
    inner = exp.select(exp.Star(), exp.alias_(condition, mark)).from_(relation.copy())
    if where is not None:
        inner = inner.where(where)
    return exp.select(exp.Star(except_=[exp.to_identifier(mark)])).from_(inner.subquery("tested")).where(exp.column(mark)).limit(limit)


def orphans(test: Test, child: exp.Table, parent: exp.Table, *, where: exp.Expr | None, group: exp.Expr | None) -> exp.Select:
    """Return the statement for ``failed`` and ``tested`` rows of a reference rule, per batch where ``group`` is given."""
    key = exp.column(exp.to_identifier("k"), table="child")
    select = [exp.alias_(quoted(test.columns[0]), "k")]
    if group is not None:
        select.append(exp.alias_(group, "batch_start"))
    rows = exp.select(*select).from_(child.copy())
    if where is not None:
        rows = rows.where(where)
    if (kept := filter_of(test)) is not None:
        rows = rows.where(kept)
    known = exp.select(exp.alias_(quoted(test.parameters["reference_column"]), "k")).distinct().from_(parent.copy())
    found = exp.column(exp.to_identifier("k"), table="parent")
    missing = exp.and_(exp.Not(this=exp.Is(this=key, expression=exp.null())), exp.Is(this=found, expression=exp.null()))
    query = exp.select(exp.alias_(count_if(missing), "failed"), exp.alias_(exp.Count(this=exp.Star()), "tested")).from_(rows.subquery("child"))
    query = query.join(known.subquery("parent"), on=exp.EQ(this=key.copy(), expression=found.copy()), join_type="left")
    if group is not None:
        start = exp.column("batch_start", table="child")
        query = query.select(start).group_by(start.copy())
    return query


def orphan_condition(test: Test, parent: exp.Table) -> exp.Expr:
    """Return the condition that selects the failing rows of a reference rule."""
    known = exp.select(quoted(test.parameters["reference_column"])).from_(parent.copy())
    known = known.where(exp.Not(this=exp.Is(this=quoted(test.parameters["reference_column"]), expression=exp.null())))
    return exp.Not(this=exp.In(this=quoted(test.columns[0]), query=known.subquery()))


def reference_table(test: Test, known: Iterable[TableName]) -> TableName | None:
    """Return the table a reference rule points to, by ``table`` in the test's own schema or by ``schema.table``; None where there is none."""
    wanted = str(test.parameters["reference_table"])
    own = TableName(schema_name=test.table.schema_name, table_name=wanted)
    return next((name for name in known if name == own or str(name) == wanted), None)


def changed_columns(test: Test, columns: Sequence[Column]) -> list[str]:
    """Return what differs from the schema a Schema_Drift test was learned from, one phrase per column."""
    known: dict[str, str] = test.parameters["columns"]
    now = {column.name: column.data_type for column in columns}
    added = [f"{name} added ({now[name]})" for name in now if name not in known]
    dropped = [f"{name} dropped" for name in known if name not in now]
    changed = [f"{name} changed from {known[name]} to {now[name]}" for name in now if name in known and known[name] != now[name]]
    return added + dropped + changed
