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

import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import duckdb
from sqlglot import exp

from dq_assets.engines.change_token import digest
from dq_assets.engines.duckdb_source import (
    ensure_shape_function,
    file_state,
    first_line,
    folder_tables,
    holds_files,
    last_written,
    literal,
    open_file,
    open_folder,
    require_source,
)
from dq_assets.engines.user_sql import capped_select
from dq_assets.errors import SourceError
from dq_assets.records.engine import Capabilities
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from dq_assets.engines.duckdb_source import OpenSource
    from dq_assets.settings import DuckDBConnection

Result = TypeVar("Result")

CAPABILITIES = Capabilities(dialect="duckdb", max_aggregates=400, approximate_distinct=True, temporary_tables=True, keeps_order=True)
INTERRUPT_EVERY_S = 0.05
"""How often an interruption is repeated until the statement has ended, because one that comes while it is still being planned is lost."""

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


def _text(sql: exp.Expr | str) -> str:
    return sql if isinstance(sql, str) else sql.sql(dialect="duckdb")


def _interrupt_until(connection: duckdb.DuckDBPyConnection, finished: threading.Event) -> None:
    while not finished.is_set():
        connection.interrupt()
        finished.wait(INTERRUPT_EVERY_S)


def _interrupt_after(timeout_s: float, connection: duckdb.DuckDBPyConnection, finished: threading.Event, late: threading.Event) -> None:
    if not finished.wait(timeout_s):
        late.set()
        _interrupt_until(connection, finished)


@cache
def _statements() -> ThreadPoolExecutor:
    """Return the thread that runs the statements of the main thread, one after the other."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="dq-statement")


# A process that was forked has the executor but not its thread. Windows does not fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_statements.cache_clear)


class DuckDBSession:
    """One connection on one state of the source. Made by ``DuckDBEngine.session``."""

    def __init__(self, source: OpenSource) -> None:
        """Take over an opened source; the caller closes it."""
        self._connection = source.connection
        self._owner = source.owner
        self.catalog = source.catalog
        self._unreadable = source.unreadable
        self._finished = threading.Event()
        self._finished.set()

    def query(self, sql: exp.Expr | str, params: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> pa.Table:
        """Run one statement and return its rows.

        Args:
            sql: an expression or text in DuckDB's dialect.
            params: values by name, referred to as ``$name``; each must be used.
            timeout_s: after how many seconds the statement is interrupted.

        Raises:
            SourceError: ``DQ-SQL-001`` with DuckDB's first line, ``DQ-SQL-002`` when it ran longer than ``timeout_s`` seconds.
        """
        with self._statement("the statement", "read less at once, or allow it more time.", timeout_s):
            return self._interruptible(lambda: self._connection.sql(_text(sql), params=dict(params) if params else None).to_arrow_table())

    def rows(self, sql: exp.Expr | str, params: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """Run one statement as ``query`` does and return its rows as mappings; plans it once, where an Arrow table takes DuckDB two plans."""
        with self._statement("the statement", "read less at once, or allow it more time.", timeout_s):
            return self._interruptible(lambda: self._fetched(_text(sql), params))

    def _fetched(self, text: str, params: Mapping[str, object] | None) -> list[dict[str, Any]]:
        answer = self._connection.execute(text, dict(params) if params else None)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def query_user_sql(self, sql: str, *, row_cap: int, timeout_s: float) -> pa.Table:
        """Run a stranger's SELECT, in DuckDB's dialect, and return at most ``row_cap`` of its rows.

        Tables go by their names in the source, ``orders`` or ``main.orders``. A caller that must know whether there were more rows asks
        for one more than it needs.

        Raises:
            RuleError: ``DQ-RULE-010`` when it is not a single SELECT.
            SourceError: ``DQ-SQL-001`` when it fails, ``DQ-SQL-002`` when it ran longer than ``timeout_s`` seconds.
        """
        text = capped_select(self._connection, sql, row_cap)
        with self._statement("user SQL", "make it read less, or raise its time-out.", timeout_s, "correct the SQL of the test."):
            return self._interruptible(lambda: self._connection.sql(text).to_arrow_table())

    def execute_temp(self, name: str, query: exp.Expr | str, *, insert: bool = False, timeout_s: float | None = None) -> None:
        """Keep the rows of a query in a temporary table of this session; see the protocol.

        The table belongs to this session alone and counts towards the memory limit; what is beyond it spills to the session's own folder.

        Raises:
            SourceError: ``DQ-SQL-001`` with DuckDB's first line, ``DQ-SQL-002`` when it ran longer than ``timeout_s`` seconds.
        """
        table = exp.table_(name, db="main", catalog="temp", quoted=True).sql(dialect="duckdb")
        with self._statement("the statement", "read less at once, or allow it more time.", timeout_s):
            statement = f"{f'INSERT INTO {table}' if insert else f'CREATE OR REPLACE TEMP TABLE {table} AS'} {_text(query)}"
            self._interruptible(lambda: self._connection.execute(statement))

    def shape_function(self) -> str | None:
        """Return the name of the function for the shape of ASCII text, made ready; the first call in a process imports pyarrow."""
        return ensure_shape_function(self._owner)

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
        rows = self.rows(
            "SELECT schema_name, table_name, column_name, data_type, column_index, is_nullable FROM duckdb_columns()"
            " WHERE database_name = $catalog AND NOT internal ORDER BY schema_name, table_name, column_index",
            {"catalog": self.catalog},
        )
        for row in rows:
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
        """Interrupt the running statement; its caller gets ``DQ-SQL-001``. Returns at once."""
        if not self._finished.is_set():
            threading.Thread(target=_interrupt_until, args=(self._connection, self._finished), name="dq-cancel", daemon=True).start()

    def _interruptible(self, run: Callable[[], Result]) -> Result:
        """Run a statement so that what ends the main thread, Ctrl-C or Dagster's end of a step, ends the statement.

        DuckDB looks for signals only now and then, and Python heeds none while the main thread is in DuckDB; so it waits there for another thread.
        """
        if threading.current_thread() is not threading.main_thread():
            return run()
        running = _statements().submit(run)
        try:
            return running.result()
        except BaseException:
            while not running.done():
                self._connection.interrupt()
                wait([running], timeout=INTERRUPT_EVERY_S)
            raise

    @contextmanager
    def _statement(self, what: str, fix_late: str, timeout_s: float | None, fix: str = "") -> Iterator[None]:
        """Run the block as one statement: interrupted when late or cancelled, DuckDB's errors told in our words."""
        finished, late = threading.Event(), threading.Event()
        self._finished = finished
        watch = None
        if timeout_s is not None:
            watch = threading.Thread(target=_interrupt_after, args=(timeout_s, self._connection, finished, late), name="dq-timeout", daemon=True)
            watch.start()
        try:
            yield
        except duckdb.Error as error:
            if late.is_set():
                raise SourceError("DQ-SQL-002", f"{what} ran longer than {timeout_s:g} s.", fix_late) from error
            raise SourceError("DQ-SQL-001", f"{what} failed: {_message(error)}", fix) from error
        finally:
            finished.set()
            if watch is not None:
                watch.join()


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
        opened = open_folder(path, self._settings) if holds_files(path) else open_file(path, self._settings)
        with opened as source:
            yield DuckDBSession(source)

    def tables(self) -> list[TableName]:
        """Return every table and view of the source, sorted by schema and name."""
        path = require_source(self._settings)
        if holds_files(path):
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
        if holds_files(path):
            known = folder_tables(path)
            return {
                table: digest([(str(file.relative_to(path)) if file != path else file.name, *_state(file)) for file in known[table].files])
                for table in tables
                if table in known
            }
        before = _known_tokens.get(path)
        if before is None or before.state != file_state(path) or not before.tokens.keys() >= set(tables):
            with self.session("change_tokens", "") as session:
                state = file_state(path)
                found = {table: digest(content) for table, content in self._database_states(session, tables, state).items()}
                settled = last_written(path) < time.time_ns() - SETTLED_NS
            others = before.tokens if before is not None and before.state == state else {}
            before = _KnownTokens(state, {**others, **{table: found.get(table) for table in tables}})
            if settled:
                _known_tokens[path] = before
        return {table: token for table in tables if (token := before.tokens[table]) is not None}

    def size_bytes(self, tables: Sequence[TableName]) -> dict[TableName, int]:
        """Return the bytes of each table's files, or of the blocks of a database file that hold its rows.

        Views, and files that are gone, are absent. A block that two small tables share counts for both. Blocks are counted from the file's own
        directory of them: 25 µs for each 120,000 values.
        """
        path = require_source(self._settings)
        if holds_files(path):
            known = folder_tables(path)
            sizes = {table: [_state(file)[0] for file in known[table].files] for table in tables if table in known}
            return {table: sum(size for size in found if size is not None) for table, found in sizes.items() if None not in found}
        with self.session("size_bytes", "") as session:
            definitions = self._definitions(session)
            stored = [table for table in tables if table in definitions and definitions[table]["value_count"] is not None]
            if not stored:
                return {}
            block_size = session.query("SELECT block_size FROM pragma_database_size() WHERE database_name = $catalog", {"catalog": session.catalog})
            counts = session.query(
                " UNION ALL ".join(
                    f"SELECT {index} AS i, count(DISTINCT block) AS n FROM (SELECT unnest(list_append(additional_block_ids, block_id)) AS block"  # noqa: S608 - a name of the source, as a literal
                    f" FROM pragma_storage_info({literal(session.relation(table).sql(dialect='duckdb'))})) WHERE block >= 0"
                    for index, table in enumerate(stored)
                )
            )
        (bytes_each,) = block_size.column("block_size").to_pylist()
        return {stored[row["i"]]: row["n"] * bytes_each for row in counts.to_pylist()}

    def _definitions(self, session: DuckDBSession) -> dict[TableName, dict[str, Any]]:
        rows = session.rows(
            "SELECT schema_name, table_name, sql, estimated_size * column_count AS value_count FROM duckdb_tables()"
            " WHERE database_name = $catalog AND NOT internal"
            " UNION ALL SELECT schema_name, view_name, sql, NULL FROM duckdb_views() WHERE database_name = $catalog AND NOT internal",
            {"catalog": session.catalog},
        )
        return {TableName(schema_name=row["schema_name"], table_name=row["table_name"]): row for row in rows}

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


def _state(file: Path) -> tuple[int, int] | tuple[None, None]:
    """Return size and modification time, or nothing for a file that is gone or a link to nowhere: reading the table will say so."""
    try:
        stat = file.stat()
    except OSError:
        return None, None
    return stat.st_size, stat.st_mtime_ns
