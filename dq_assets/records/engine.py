"""What every engine offers. Engines live in ``engines/``; steps and plans know only these protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dq_assets.records.base import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from sqlglot import exp

    from dq_assets.records.tables import Column, TableName


class Capabilities(Record):
    """What an engine can do, read by the planners."""

    dialect: str
    """sqlglot's name of the dialect the engine speaks."""
    max_aggregates: int
    """How many aggregate expressions one statement carries well."""
    approximate_distinct: bool
    """Whether it has a HyperLogLog function, so that distinct values are counted in little memory."""
    temporary_tables: bool
    """Whether sessions have ``execute_temp``; those of a read-only role have not."""
    keeps_order: bool = False
    """Whether a scan returns rows in the order they were written in."""


class Session(Protocol):
    """One connection on one snapshot of the data, in UTC."""

    def query(self, sql: exp.Expr | str, params: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> pa.Table:
        """Run one statement and return its rows; the session goes on after one that failed.

        Args:
            sql: an expression, or text in the engine's dialect.
            params: values by name; expressions refer to them as ``exp.Placeholder``, text as the engine writes parameters. Each must be used.
            timeout_s: after how many seconds the statement is interrupted.

        Raises:
            SourceError: ``DQ-SQL-001`` with the engine's message, ``DQ-SQL-002`` when it ran longer than ``timeout_s``; the statement's text
                is not repeated.
        """
        ...

    def rows(self, sql: exp.Expr | str, params: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """Run one statement as ``query`` does and return its rows as mappings: for answers that are looked at in Python at once."""
        ...

    def execute_temp(self, name: str, query: exp.Expr | str, *, insert: bool = False, timeout_s: float | None = None) -> None:
        """Keep the rows of a query in a temporary table of this session, gone with it.

        Later queries read it as ``exp.to_table(name)``. A table of the source with that name is hidden from statements that do not say its
        catalog, which ``relation`` does; so choose names that no source has.

        Args:
            name: the table's name.
            query: an expression, or text in the engine's dialect.
            insert: add to the table instead of making it; without it a table of that name is replaced.
            timeout_s: after how many seconds the statement is interrupted.

        Raises:
            SourceError: ``DQ-SQL-001`` when it fails, ``DQ-SQL-002`` when it ran longer than ``timeout_s``, ``DQ-SQL-003`` when the engine has no
                temporary tables (``Capabilities.temporary_tables``).
        """
        ...

    def query_user_sql(self, sql: str, *, row_cap: int, timeout_s: float) -> pa.Table:
        """Run a stranger's SELECT: read-only, no file or network access, time-out, row cap.

        Raises:
            RuleError: ``DQ-RULE-010`` when it is not a single SELECT.
            SourceError: ``DQ-SQL-001`` when it fails, ``DQ-SQL-002`` when it ran longer than ``timeout_s``.
        """
        ...

    def shape_function(self) -> str | None:
        """Return the name of the engine's function for the shape of ASCII text, made ready; None where it has none faster than regular expressions."""
        ...

    def relation(self, table: TableName) -> exp.Table:
        """Return the identifier under which this session reads ``table``."""
        ...

    def cancel(self) -> None:
        """Stop the running statement, from another thread; its caller gets ``DQ-SQL-001``. Without one nothing happens."""
        ...


class Engine(Protocol):
    """A place where data is scanned."""

    @property
    def capabilities(self) -> Capabilities:
        """Fixed facts of the engine."""
        ...

    def session(self, purpose: str, run_id: str) -> AbstractContextManager[Session]:
        """Open a session; waits for a busy source and raises ``SourceError`` (``DQ-CONN-002``) when it stays busy."""
        ...

    def tables(self) -> list[TableName]:
        """Return every table of the source, sorted by name."""
        ...

    def columns(self, tables: Sequence[TableName]) -> dict[TableName, list[Column]]:
        """Return the columns of each table in declared order; a missing table is absent from the answer."""
        ...

    def change_tokens(self, tables: Sequence[TableName]) -> dict[TableName, str]:
        """Return text per table that changes when its rows do; a missing table is absent from the answer."""
        ...

    def size_bytes(self, tables: Sequence[TableName]) -> dict[TableName, int]:
        """Return how many bytes each table takes where it is kept, without reading its rows; absent where the engine does not know."""
        ...
