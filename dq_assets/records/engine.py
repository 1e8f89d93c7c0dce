"""What every engine offers. Engines live in ``engines/``; steps and plans know only these protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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
    """How many aggregate expressions one statement may carry."""


class Session(Protocol):
    """One connection on one snapshot of the data, in UTC."""

    def query(self, sql: exp.Expression | str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Run one statement and return its rows.

        Raises:
            SourceError: ``DQ-SQL-001`` with the engine's message; the statement's text is not repeated.
        """
        ...

    def query_user_sql(self, sql: str, *, row_cap: int, timeout_s: float) -> pa.Table:
        """Run a stranger's SELECT: read-only, no file or network access, time-out, row cap.

        Raises:
            RuleError: ``DQ-RULE-010`` when it is not a single SELECT.
            SourceError: ``DQ-SQL-001`` when it fails, ``DQ-SQL-002`` when it ran longer than ``timeout_s``.
        """
        ...

    def relation(self, table: TableName) -> exp.Table:
        """Return the identifier under which this session reads ``table``."""
        ...

    def cancel(self) -> None:
        """Interrupt the running statement."""
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
