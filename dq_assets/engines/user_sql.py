"""SQL written by users: what of it is run.

Decision: what is checked is what is run. The text must be one SELECT for sqlglot (and, in DuckDB, for its own parser), and the statement that
runs is written anew from sqlglot's tree, wrapped in the row cap. This is the second wall; the first is the session itself: in DuckDB a
connection without file or network access (``duckdb_source``), in PostgreSQL a read-only transaction of a role. What the lists here refuse is
what those walls leave open: functions that take memory addresses, write the log, run text as SQL, or only burn time. PostgreSQL and Spark add
checks of their own, which ask their catalogs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from dq_assets.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

_FIX = "write one SELECT over the tables of the source, without side effects."
_DUCKDB_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"})
_DUCKDB_REFUSED_FUNCTIONS = frozenset({
    "arrow_scan", "arrow_scan_dumb", "checkpoint", "force_checkpoint", "getvariable", "json_execute_serialized_sql", "nextval", "pandas_scan",
    "python_arrow_scan", "python_map_function", "query", "query_table", "seq_scan", "setseed", "sleep_ms", "write_log",
})  # fmt: skip
_REFUSED_NODES = (
    exp.DML, exp.DDL, exp.Command, exp.Into, exp.Describe, exp.Summarize, exp.Pragma, exp.Set, exp.Copy, exp.Attach, exp.Lock, exp.QueryTransform,
)  # fmt: skip
_BEGINNINGS = {TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.FROM, TokenType.TABLE}


def refusal(found: str) -> RuleError:
    """Return the error that says what was found instead of one harmless SELECT."""
    return RuleError("DQ-RULE-010", f"user SQL must be a single SELECT; found {found}.", _FIX)


def function_name(function: exp.Func) -> str:
    """Return the name under which sqlglot knows a function, in lower case."""
    if isinstance(function, exp.Anonymous | exp.AnonymousAggFunc | exp.CombinedAggFunc):
        return str(function.name).lower()
    return function.sql_name().lower()


def table_functions(tree: exp.Expr) -> Iterator[str]:
    """Yield the functions whose rows a query reads as a table."""
    for node in tree.find_all(exp.Table, exp.Lateral):
        if isinstance(node.this, exp.Func):
            yield function_name(node.this)


def parse_select(sql: str, dialect: str) -> exp.Query:
    """Return the tree of a user's SELECT that writes nothing by its form; which functions it may call is the engine's to say.

    Args:
        sql: the user's text.
        dialect: sqlglot's name of the engine's dialect.

    Raises:
        RuleError: ``DQ-RULE-010`` when the text is anything else.
    """
    try:
        # sqlglot would log the text of what it does not know as a statement, so the words are looked at first.
        words = sqlglot.tokenize(sql, dialect=dialect)
        if words and words[0].token_type not in _BEGINNINGS:
            raise refusal(f"a {words[0].text.upper()} statement" if words[0].text.isalpha() and len(words[0].text) < 20 else "a statement of another kind")
        ends = [position for position, word in enumerate(words) if word.token_type is TokenType.SEMICOLON]
        if not words or (ends and ends[0] != len(words) - len(ends)):
            raise refusal("several statements" if words else "no statement")
        trees = sqlglot.parse(sql, dialect=dialect)
    except (SqlglotError, RecursionError) as error:
        where = ""
        if isinstance(error, sqlglot.ParseError) and error.errors:
            where = f" at line {error.errors[0]['line']}, column {error.errors[0]['col']}"
        raise refusal(f"SQL that cannot be checked{where}") from None
    if len([tree for tree in trees if tree is not None]) != 1 or not isinstance(tree := trees[0], exp.Select | exp.SetOperation | exp.Subquery):
        raise refusal("a statement of another kind")
    for node in tree.walk():
        if isinstance(node, _REFUSED_NODES):
            raise refusal(f"{node.key.upper()} inside it")
    return tree


def capped(tree: exp.Query, row_cap: int, dialect: str) -> str:
    """Return the statement that runs a user's SELECT and gives at most ``row_cap`` rows; function names stay as they were written."""
    return exp.select("*").from_(tree.subquery("user_rows")).limit(row_cap).sql(dialect=dialect, normalize_functions=False)


def capped_select(connection: duckdb.DuckDBPyConnection, sql: str, row_cap: int) -> str:
    """Return the statement that runs the user's SELECT and gives at most ``row_cap`` rows, in DuckDB's dialect.

    Args:
        connection: whose parser reads the text; nothing is run on it.
        sql: the user's text, in DuckDB's dialect.
        row_cap: how many rows may come back.

    Raises:
        RuleError: ``DQ-RULE-010`` when the text is anything but one harmless SELECT.
    """
    import duckdb

    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise refusal(f"text that DuckDB cannot parse ({str(error).splitlines()[0]})") from error
    if len(statements) != 1:
        raise refusal(f"{len(statements)} statements")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise refusal(f"a {statements[0].type.name} statement")
    tree = parse_select(sql, "duckdb")
    for name in table_functions(tree):
        if name not in _DUCKDB_TABLE_FUNCTIONS:
            raise refusal(f"the table function {name}")
    for function in tree.find_all(exp.Func):
        if (name := function_name(function)) in _DUCKDB_REFUSED_FUNCTIONS:
            raise refusal(f"the function {name}")
    return capped(tree, row_cap, "duckdb")
