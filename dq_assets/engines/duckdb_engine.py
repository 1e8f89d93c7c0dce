"""The DuckDB engine: scans database files and folders of Parquet and CSV in this process.

Decision: change tokens are computed from the rows, not from the storage. In DuckDB 2.0 ``pragma_storage_info`` misses deletions and
repeats itself after two updates (blocks are reused), so a base table's token is its definition, row count and the sum of its row hashes
(50 million values take 0.2 s). Tables beyond ``HASHED_VALUES`` and views take the state of the whole file: every write to the file
changes it, so such a token may change without need, but never stays put when rows changed. While the file stays as it is, a process that asked
before (the ingestion sensor asks every 30 seconds) gets the tokens again without opening it.

Types: VARCHAR and ENUM are text; UUID, JSON, BLOB, BIT, INTERVAL, BIGNUM and nested types are *other*, since text and number functions
do not take them as they are.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
from sqlglot import exp

from dq_assets.engines.duckdb_source import file_state, first_line, folder_tables, last_written, open_file, open_folder, require_source
from dq_assets.engines.user_sql import capped_select
from dq_assets.errors import SourceError
from dq_assets.records.engine import Capabilities
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from dq_assets.engines.duckdb_source import OpenSource
    from dq_assets.settings import DuckDBConnection

CAPABILITIES = Capabilities(dialect="duckdb", max_aggregates=400)
HASHED_VALUES = 50_000_000
"""Up to how many values (rows times columns) a table's change token reads its rows."""

SETTLED_NS = 2_000_000_000
"""How long ago a file has to be written before its time tells it from the next write: file systems count in steps of up to two seconds."""


class _KnownTokens(NamedTuple):
    """The tokens of some tables, None for a missing one, while a database file was in a state."""

    state: str
    tokens: dict[TableName, str | None]


_known_tokens: dict[Path, _KnownTokens] = {}

_GENERAL_TYPES = (
    (GeneralType.TEXT, re.compile(r"^(VARCHAR|ENUM\()")),
    (GeneralType.NUMBER, re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(|FLOAT|DOUBLE)")),
    (GeneralType.DATE, re.compile(r"^(DATE|TIMESTAMP)")),
    (GeneralType.TIME, re.compile(r"^TIME")),
    (GeneralType.BOOLEAN, re.compile(r"^BOOLEAN")),
)
_DATA_ERRORS = (duckdb.DataError, duckdb.InvalidInputException)
_QUOTED = re.compile(r"""'.*'|".*"|['"].*$""")
_NUMBER = re.compile(r"(?<![\w])-?\d[\d.,:eE+-]*")


def general_type(data_type: str) -> GeneralType:
    """Return the family of a type as DuckDB spells it; a list or array of anything is ``other``."""
    if data_type.endswith("]"):
        return GeneralType.OTHER
    return next((family for family, pattern in _GENERAL_TYPES if pattern.match(data_type)), GeneralType.OTHER)


def _message(error: Exception) -> str:
    """Return DuckDB's first line; where it is about data rather than names, without the values it quotes."""
    line = first_line(error)
    if isinstance(error, _DATA_ERRORS):
        line = _NUMBER.sub("…", _QUOTED.sub("…", line))
    return line


def _row_name(definition: str) -> exp.Identifier:
    """Return a name for a table's row that no column in the table's definition has, since a column would hide the row."""
    name = "row"
    while name in definition.lower():
        name += "_"
    return exp.to_identifier(name, quoted=True)


class DuckDBSession:
    """One connection on one state of the source. Made by ``DuckDBEngine.session``."""

    def __init__(self, source: OpenSource) -> None:
        """Take over an opened source; the caller closes it."""
        self._connection = source.connection
        self.catalog = source.catalog
        self._unreadable = source.unreadable

    def query(self, sql: exp.Expression | str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Run one statement and return its rows.

        Args:
            sql: an expression or text in DuckDB's dialect.
            params: values by name, referred to as ``$name``; each must be used.

        Raises:
            SourceError: ``DQ-SQL-001`` with DuckDB's first line.
        """
        text = sql if isinstance(sql, str) else sql.sql(dialect="duckdb")
        try:
            return self._run(text, params)
        except duckdb.Error as error:
            raise SourceError("DQ-SQL-001", f"the statement failed: {_message(error)}") from error

    def query_user_sql(self, sql: str, *, row_cap: int, timeout_s: float) -> pa.Table:
        """Run a stranger's SELECT, in DuckDB's dialect, and return at most ``row_cap`` of its rows.

        Tables go by their names in the source, ``orders`` or ``main.orders``. A caller that must know whether there were more rows asks
        for one more than it needs.

        Raises:
            RuleError: ``DQ-RULE-010`` when it is not a single SELECT.
            SourceError: ``DQ-SQL-001`` when it fails, ``DQ-SQL-002`` when it ran longer than ``timeout_s`` seconds.
        """
        text = capped_select(self._connection, sql, row_cap)
        finished, interrupted = threading.Event(), threading.Event()

        def interrupt_when_late() -> None:
            wait = timeout_s
            # Again and again, because an interruption that comes while the statement is still being planned is lost.
            while not finished.wait(wait):
                interrupted.set()
                self._connection.interrupt()
                wait = 0.05

        watch = threading.Thread(target=interrupt_when_late, name="dq-user-sql-timeout", daemon=True)
        watch.start()
        try:
            return self._run(text, None)
        except duckdb.Error as error:
            if interrupted.is_set():
                raise SourceError("DQ-SQL-002", f"user SQL ran longer than {timeout_s:g} s.", "make it read less, or raise its time-out.") from error
            raise SourceError("DQ-SQL-001", f"user SQL failed: {_message(error)}", "correct the SQL of the test.") from error
        finally:
            finished.set()
            watch.join()

    def relation(self, table: TableName) -> exp.Table:
        """Return the identifier under which this session reads ``table``.

        Raises:
            SourceError: ``DQ-CONN-005`` when the files of the table cannot be opened.
        """
        if table in self._unreadable:
            raise self._unreadable[table]
        return exp.table_(table.table_name, db=table.schema_name, catalog=self.catalog, quoted=True)

    def columns(self, tables: Sequence[TableName]) -> dict[TableName, list[Column]]:
        """Return the columns of each table in declared order; a missing table is absent from the answer."""
        wanted = set(tables)
        found: dict[TableName, list[Column]] = {}
        rows = self.query(
            "SELECT schema_name, table_name, column_name, data_type, column_index, is_nullable FROM duckdb_columns()"
            " WHERE database_name = $catalog AND NOT internal ORDER BY schema_name, table_name, column_index",
            {"catalog": self.catalog},
        )
        for row in rows.to_pylist():
            name = TableName(schema_name=row["schema_name"], table_name=row["table_name"])
            if name in wanted:
                column = Column(
                    name=row["column_name"],
                    data_type=row["data_type"],
                    general_type=general_type(row["data_type"]),
                    position=row["column_index"],
                    nullable=row["is_nullable"],
                )
                found.setdefault(name, []).append(column)
        return found

    def cancel(self) -> None:
        """Interrupt the running statement; its caller gets ``DQ-SQL-001``."""
        self._connection.interrupt()

    def _run(self, text: str, params: Mapping[str, object] | None) -> pa.Table:
        relation = self._connection.sql(text, params=dict(params) if params else None)
        return relation.to_arrow_table()


class DuckDBEngine:
    """Scans what a DuckDB connection points at. Holds nothing open between calls.

    Args:
        connection: path, waiting time and limits.
    """

    def __init__(self, connection: DuckDBConnection) -> None:
        """Remember the connection; the path is looked at when it is used."""
        self._settings = connection

    @property
    def capabilities(self) -> Capabilities:
        """DuckDB's dialect, and how many aggregates one statement carries well."""
        return CAPABILITIES

    @contextmanager
    def session(self, purpose: str, run_id: str) -> Iterator[DuckDBSession]:
        """Open a session on the state of the source as it is now.

        While a session on a database file is open, nobody can write to the file. Sessions of one process on one file share its handle;
        the limits of the first that is open apply.

        Args:
            purpose: what it is for; DuckDB has nowhere to record it.
            run_id: the run it belongs to; likewise.

        Raises:
            SourceError: ``DQ-CONN-001`` nothing there, ``DQ-CONN-002`` busy, ``DQ-CONN-003`` no DuckDB database, ``DQ-CONN-004`` a folder
                whose tables cannot be told apart.
        """
        path = require_source(self._settings)
        opened = open_folder(path, self._settings) if path.is_dir() else open_file(path, self._settings)
        with opened as source:
            yield DuckDBSession(source)

    def tables(self) -> list[TableName]:
        """Return every table and view of the source, sorted by schema and name."""
        path = require_source(self._settings)
        if path.is_dir():
            return list(folder_tables(path))
        with self.session("tables", "") as session:
            return sorted(self._definitions(session), key=lambda table: (table.schema_name, table.table_name))

    def columns(self, tables: Sequence[TableName]) -> dict[TableName, list[Column]]:
        """Return the columns of each table in declared order; a missing table is absent from the answer.

        Raises:
            SourceError: ``DQ-CONN-005`` when the files of a table cannot be opened.
        """
        with self.session("columns", "") as session:
            for table in tables:
                session.relation(table)
            return session.columns(tables)

    def change_tokens(self, tables: Sequence[TableName]) -> dict[TableName, str]:
        """Return 16 hexadecimal characters per table that change when its rows or its definition do; a missing table is absent.

        Folder: the names, sizes and modification times of the table's files. Database: see the module.
        """
        path = require_source(self._settings)
        if path.is_dir():
            known = folder_tables(path)
            return {table: _digest([(str(file.relative_to(path)), *_state(file)) for file in known[table].files]) for table in tables if table in known}
        before = _known_tokens.get(path)
        if before is None or before.state != file_state(path) or not before.tokens.keys() >= set(tables):
            with self.session("change_tokens", "") as session:
                state = file_state(path)
                found = {table: _digest(content) for table, content in self._database_states(session, tables, state).items()}
                settled = last_written(path) < time.time_ns() - SETTLED_NS
            others = before.tokens if before is not None and before.state == state else {}
            before = _KnownTokens(state, {**others, **{table: found.get(table) for table in tables}})
            if settled:
                _known_tokens[path] = before
        return {table: token for table in tables if (token := before.tokens[table]) is not None}

    def _definitions(self, session: DuckDBSession) -> dict[TableName, dict[str, Any]]:
        rows = session.query(
            "SELECT schema_name, table_name, sql, estimated_size * column_count AS value_count FROM duckdb_tables()"
            " WHERE database_name = $catalog AND NOT internal"
            " UNION ALL SELECT schema_name, view_name, sql, NULL FROM duckdb_views() WHERE database_name = $catalog AND NOT internal",
            {"catalog": session.catalog},
        )
        return {TableName(schema_name=row["schema_name"], table_name=row["table_name"]): row for row in rows.to_pylist()}

    def _database_states(self, session: DuckDBSession, tables: Sequence[TableName], state: str) -> dict[TableName, object]:
        definitions = self._definitions(session)
        present = [table for table in tables if table in definitions]
        hashed = [table for table in present if (values := definitions[table]["value_count"]) is not None and values <= HASHED_VALUES]
        states: dict[TableName, object] = {table: (definitions[table]["sql"], state) for table in present}
        if hashed:
            content = [
                exp.select(exp.Literal.number(index), exp.Count(this=exp.Star()), exp.Sum(this=exp.Anonymous(this="hash", expressions=[row.copy()]))).from_(
                    exp.alias_(session.relation(table), row, table=True)
                )
                for index, table in enumerate(hashed)
                for row in [_row_name(definitions[table]["sql"])]
            ]
            answer = session.query(exp.union(*content, distinct=False) if len(content) > 1 else content[0])
            for index, *fingerprint in zip(*(column.to_pylist() for column in answer.columns), strict=True):
                states[hashed[index]] = (definitions[hashed[index]]["sql"], *fingerprint)
        return states


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _state(file: Path) -> tuple[int, int] | tuple[None, None]:
    """Return size and modification time, or nothing for a file that is gone or a link to nowhere: reading the table will say so."""
    try:
        stat = file.stat()
    except OSError:
        return None, None
    return stat.st_size, stat.st_mtime_ns
