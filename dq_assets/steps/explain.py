"""Explain: the SQL a person runs in the warehouse to see for themselves what a test saw.

Decision: compiled from the same expressions that judged the batch, in the engine's dialect, but never run here; so explaining needs no source and
cannot fail a run. What does not compile (any more) has no SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from dq_assets.errors import DQError
from dq_assets.rules.catalogue import Form
from dq_assets.rules.compile import TableContext, aggregates, checked_rule, failing_rows, filter_of, orphan_condition, predicate, reference_table
from dq_assets.steps.batches import range_condition

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_assets.profiling.plan import TablePlan
    from dq_assets.records.tables import TableName
    from dq_assets.records.tests import Test

ROWS = 100
"""How many failing rows the statement asks for."""


def explain(test: Test, plan: TablePlan, dialect: str, *, tables: Collection[TableName] = (), batch_key: str | None = None) -> str | None:
    """Return the statement that selects a test's failing rows or, where a failure has none, measures the value; None where there is no such statement.

    Args:
        test: the test.
        plan: its table, with the columns it has, and the data time.
        dialect: the engine's, by sqlglot's name.
        tables: the tables that a reference rule may refer to.
        batch_key: the batch that was judged; None is the whole table.
    """
    try:
        statement = _statement(test, plan, dialect, tables, batch_key)
    except DQError:
        return None
    return statement if statement is None or isinstance(statement, str) else statement.sql(dialect=dialect, pretty=True)


def _statement(test: Test, plan: TablePlan, dialect: str, tables: Collection[TableName], batch_key: str | None) -> exp.Select | str | None:
    rule = checked_rule(test)
    if rule.form is Form.METADATA:
        return None
    if rule.form is Form.QUERY:
        return str(test.parameters["sql"])
    relation = _relation(plan.table)
    within = [range_condition(plan, [batch_key]) if batch_key else None, filter_of(test)]
    context = TableContext(table=plan.table, columns=plan.columns, timezone=plan.timezone, dialect=dialect, as_of=plan.as_of)
    if rule.form is Form.REFERENCE:
        context.column(test.columns[0], test)
        parent = reference_table(test, tables)
        if parent is None:
            return None
        return _select(relation, [exp.Star()], *within, orphan_condition(test, _relation(parent))).limit(ROWS)
    failing = predicate(test, rule, context)
    if failing is None:
        measure, tested = aggregates(test, context)
        return _select(relation, [exp.alias_(measure, "measure"), exp.alias_(tested, "rows_tested")], *within)
    if failing.find(exp.Window):
        return failing_rows(relation, failing, columns=plan.columns, where=_all(*within), limit=ROWS)
    return _select(relation, [exp.Star()], *within, failing).limit(ROWS)


def _select(relation: exp.Table, columns: list[exp.Expr], *conditions: exp.Expr | None) -> exp.Select:
    query = exp.select(*columns).from_(relation)
    where = _all(*conditions)
    return query if where is None else query.where(where)


def _all(*conditions: exp.Expr | None) -> exp.Expr | None:
    """Return the conditions as one, without the parentheses that a reader does not need; None where there is none."""
    parts = [part for given in conditions if given is not None for part in (given.flatten() if isinstance(given, exp.And) else (given,))]
    return exp.and_(*parts) if parts else None


def _relation(table: TableName) -> exp.Table:
    return exp.table_(table.table_name, db=table.schema_name, quoted=True)
