"""SQL written by users: what of it is run.

Decision: what is checked is what is run. The text must be one SELECT for DuckDB's own parser and for sqlglot, and the statement that
runs is written anew from sqlglot's tree, wrapped in the row cap. This is the second wall; the first is the connection itself, which has
no file or network access (``duckdb_source``). The lists here refuse what that wall leaves open: functions that take memory addresses,
write the log, run text as SQL, or only burn time.
"""

from __future__ import annotations

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dq_assets.errors import RuleError

_FIX = "write one SELECT over the tables of the source, without side effects."
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"})
_REFUSED_FUNCTIONS = frozenset({
    "arrow_scan", "arrow_scan_dumb", "checkpoint", "force_checkpoint", "getvariable", "json_execute_serialized_sql", "nextval", "pandas_scan",
    "python_arrow_scan", "python_map_function", "query", "query_table", "seq_scan", "setseed", "sleep_ms", "write_log",
})  # fmt: skip
_REFUSED_NODES = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Describe, exp.Summarize, exp.Pragma, exp.Set, exp.Copy, exp.Attach)


def _refusal(found: str) -> RuleError:
    return RuleError("DQ-RULE-010", f"user SQL must be a single SELECT; found {found}.", _FIX)


def _function_name(function: exp.Func) -> str:
    if isinstance(function, exp.Anonymous):
        return str(function.name).lower()
    return function.sql_name().lower()


def capped_select(connection: duckdb.DuckDBPyConnection, sql: str, row_cap: int) -> str:
    """Return the statement that runs the user's SELECT and gives at most ``row_cap`` rows, in DuckDB's dialect.

    Args:
        connection: whose parser reads the text; nothing is run on it.
        sql: the user's text, in DuckDB's dialect.
        row_cap: how many rows may come back.

    Raises:
        RuleError: ``DQ-RULE-010`` when the text is anything but one harmless SELECT.
    """
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise _refusal(f"text that DuckDB cannot parse ({str(error).splitlines()[0]})") from error
    if len(statements) != 1:
        raise _refusal(f"{len(statements)} statements")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise _refusal(f"a {statements[0].type.name} statement")
    try:
        trees = sqlglot.parse(sql, dialect="duckdb")
    except (SqlglotError, RecursionError) as error:
        where = ""
        if isinstance(error, sqlglot.ParseError) and error.errors:
            where = f" at line {error.errors[0]['line']}, column {error.errors[0]['col']}"
        raise _refusal(f"SQL that cannot be checked{where}") from error
    if len(trees) != 1 or not isinstance(tree := trees[0], exp.Select | exp.SetOperation | exp.Subquery):
        raise _refusal("a statement of another kind")
    _check_nodes(tree)
    return exp.select("*").from_(tree.subquery("user_rows")).limit(row_cap).sql(dialect="duckdb")


def _check_nodes(tree: exp.Expression) -> None:
    for node in tree.walk():
        if isinstance(node, _REFUSED_NODES):
            raise _refusal(f"{node.key.upper()} inside it")
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Func) and (name := _function_name(node.this)) not in _TABLE_FUNCTIONS:
            raise _refusal(f"the table function {name}")
        if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Func) and (name := _function_name(node.this)) not in _TABLE_FUNCTIONS:
            raise _refusal(f"the table function {name}")
        if isinstance(node, exp.Func) and (name := _function_name(node)) in _REFUSED_FUNCTIONS:
            raise _refusal(f"the function {name}")
