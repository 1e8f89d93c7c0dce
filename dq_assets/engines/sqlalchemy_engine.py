"""The engine for databases behind SQLAlchemy: PostgreSQL, through psycopg 3.

Decision: SQLAlchemy connects, and that is all it does: it brings the user's own engine with its pool, TLS and login hooks. Statements go to
psycopg's cursor as they are, since SQLAlchemy's ``text`` would read a colon and psycopg a percent sign in them as a parameter.

A session is one transaction: REPEATABLE READ, so that all its statements see one state of the data, and READ ONLY. What a result looks like is set
for that transaction (UTC, ISO dates), so nothing of it is left on a pooled connection. Each statement runs inside a savepoint: one that fails does
not take the session with it. Rows come as ``postgresql_rows`` says, what the catalogs say is ``postgresql_catalog``.

User-written SQL is a single SELECT whose functions are looked up in the server's catalog: built-in ones that PostgreSQL declares free of side
effects, and others only where their author declared that they depend on nothing but their arguments. Everything that reads files, sleeps, sets
something or opens a connection is declared volatile, on this server and on those to come.

No message carries the statement, a value or a password, and the errors of the libraries, which do, are not chained.
"""

from __future__ import annotations

import math
import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from sqlglot import exp

from dq_assets.engines import postgresql_catalog
from dq_assets.engines.user_sql import capped, function_name, parse_select, refusal
from dq_assets.errors import ConfigError, SourceError
from dq_assets.records.engine import Capabilities
from dq_assets.settings import PostgreSQLConnection, read_secret

try:
    import psycopg
    import sqlalchemy
    import sqlalchemy.exc
    from psycopg.pq import TransactionStatus

    from dq_assets.engines.postgresql_rows import arrow_table
except ModuleNotFoundError as missing:
    raise ConfigError("DQ-CONN-010", f"PostgreSQL needs the library {missing.name}, which is not installed.", "pip install 'dq-assets[postgres]'.") from None

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from dq_assets.records.tables import Column, TableName

CAPABILITIES = Capabilities(dialect="postgres", max_aggregates=200, approximate_distinct=False, temporary_tables=False)
DRIVER = "postgresql+psycopg"
CANCEL_TIMEOUT_S = 30.0

_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
}
_HARMLESS = frozenset({"clock_timestamp", "gen_random_uuid", "random", "timeofday"})
"""Volatile functions that only give another value each time."""
_FUNCTIONS = """
SELECT pg_catalog.lower(p.proname) AS name
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE pg_catalog.lower(p.proname) = ANY ($1) AND NOT (p.provolatile = 'i' OR (p.provolatile = 's' AND n.nspname = 'pg_catalog'))
ORDER BY 1
"""
_SAFE_CLASSES = ("0A", "25", "40", "42", "53", "54", "57")
"""Classes of SQLSTATE whose messages are about names, syntax and the server; those of the others may quote rows."""
_DATA_CLASS = "22"
_QUOTED = re.compile(r"""'.*'|".*"|['"].*$""")
_QUOTED_LITERAL = re.compile(r'"[^"]*(\'|\$|\d)[^"]*"?')
_NUMBER = re.compile(r"(?<![\w])-?\d[\d.,:eE+-]*")


class PostgreSQLSession:
    """One read-only transaction. Made by ``SQLAlchemyEngine.session``."""

    def __init__(self, connection: psycopg.Connection[Any], source: str, statement_timeout_s: float | None) -> None:
        """Take over a connection inside its transaction; the caller closes it."""
        self._connection = connection
        self._source = source
        self._timeout_s = statement_timeout_s
        self._running = threading.Event()
        self._cancelled = threading.Event()

    def query(self, sql: exp.Expr | str, params: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> pa.Table:
        """Run one statement and return its rows; see ``postgresql_rows`` for their types.

        Args:
            sql: an expression or text in PostgreSQL's dialect.
            params: values by name. An expression has an ``exp.Placeholder`` for each; text refers to them as psycopg does, ``%(name)s``, and then
                doubles each other percent sign, which text without parameters does not.
            timeout_s: after how many seconds the statement is interrupted; the connection's own limit holds as well.

        Raises:
            SourceError: ``DQ-SQL-001`` with PostgreSQL's first line, ``DQ-SQL-002`` when it ran too long, ``DQ-CONN-012`` when the connection is lost.
        """
        names = None
        if isinstance(sql, str):
            cursor: psycopg.Cursor[Any] = psycopg.Cursor(self._connection) if params else psycopg.RawCursor(self._connection)
            text = sql
            values: Any = params or None
        else:
            cursor = psycopg.RawCursor(self._connection)
            text, values = _numbered(sql, params or {})
            names = _names(sql)
        with self._statement("the statement", "read less at once, or allow it more time.", timeout_s):
            return self._run(cursor, text, values, names)

    def rows(self, sql: exp.Expr | str, params: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """Run one statement as ``query`` does and return its rows as mappings."""
        return self.query(sql, params, timeout_s=timeout_s).to_pylist()  # type: ignore[no-any-return]

    def query_positional(self, sql: str, values: Sequence[object] = ()) -> pa.Table:
        """Run text with parameters ``$1``, ``$2``, …; raises what ``query`` raises."""
        with self._statement("the statement", "allow it more time.", None):
            return self._run(psycopg.RawCursor(self._connection), sql, values or None, None)

    def query_user_sql(self, sql: str, *, row_cap: int, timeout_s: float) -> pa.Table:
        """Run a stranger's SELECT, in PostgreSQL's dialect, and return at most ``row_cap`` of its rows.

        Raises:
            RuleError: ``DQ-RULE-010`` when it is not a single SELECT, or calls a function that does more than compute a value.
            SourceError: ``DQ-SQL-001`` when it fails, ``DQ-SQL-002`` when it ran longer than ``timeout_s`` seconds.
        """
        text = capped(self._harmless(parse_select(sql, "postgres")), row_cap, "postgres")
        with self._statement("user SQL", "make it read less, or raise its time-out.", timeout_s, "correct the SQL of the test."):
            # Preparing it makes the server refuse anything but one statement.
            return self._run(psycopg.RawCursor(self._connection), text, None, None, prepare=True)

    def execute_temp(self, name: str, query: exp.Expr | str, *, insert: bool = False, timeout_s: float | None = None) -> None:
        """Refuse: a read-only transaction makes no temporary table.

        Raises:
            SourceError: ``DQ-SQL-003``.
        """
        raise SourceError("DQ-SQL-003", f"{self._source} is read in a transaction that makes no temporary table.", "keep the rows elsewhere.")

    def shape_function(self) -> str | None:
        """Return None: regular expressions it is."""
        return None

    def relation(self, table: TableName) -> exp.Table:
        """Return the identifier under which this session reads ``table``."""
        return exp.table_(table.table_name, db=table.schema_name, quoted=True)

    def cancel(self) -> None:
        """Stop the running statement; its caller gets ``DQ-SQL-001``. Waits until the server has been told."""
        if self._running.is_set():
            self._cancelled.set()
            self._connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)

    def _harmless(self, tree: exp.Query) -> exp.Query:
        for table in tree.find_all(exp.Table):
            if table.name.lower().startswith("pg_") and table.db.lower() in ("", "pg_catalog") and isinstance(table.this, exp.Identifier):
                raise refusal(f"the system table {table.name}")
        called = {function_name(function) for function in tree.find_all(exp.Func)} - _HARMLESS
        for row in self.query_positional(_FUNCTIONS, [sorted(called)]).to_pylist():
            raise refusal(f"the function {row['name']}, which does more than compute a value")
        return tree

    def _run(self, cursor: psycopg.Cursor[Any], text: str, values: Any, names: Sequence[str] | None, *, prepare: bool | None = None) -> pa.Table:
        with cursor:
            cursor.execute(text, values, prepare=prepare)
            if cursor.pgresult is None:
                raise psycopg.InterfaceError("no result")
            return arrow_table(cursor.pgresult, names)

    @contextmanager
    def _statement(self, what: str, fix_late: str, timeout_s: float | None, fix: str = "") -> Iterator[None]:
        """Run the block as one statement inside a savepoint, with its time-out, and tell psycopg's errors in our words."""
        limits = [limit for limit in (timeout_s, self._timeout_s) if limit is not None]
        limit = min(limits) if limits else None
        self._cancelled.clear()
        self._running.set()
        started = time.monotonic()
        try:
            with self._connection.transaction():
                if timeout_s is not None:
                    # Back to the session's own with the savepoint, or below.
                    self._connection.execute(_timeout(limit))
                yield
                if timeout_s is not None:
                    self._connection.execute(_timeout(self._timeout_s))
        except psycopg.Error as error:
            if isinstance(error, psycopg.errors.QueryCanceled) and not self._cancelled.is_set() and limit is not None and time.monotonic() - started >= limit:
                raise SourceError("DQ-SQL-002", f"{what} ran longer than {limit:g} s.", fix_late) from None
            if self._connection.closed or self._connection.info.transaction_status == TransactionStatus.UNKNOWN:
                raise SourceError("DQ-CONN-012", f"the connection to {self._source} was lost: {_message(error)}.", "run the step again.") from None
            raise SourceError("DQ-SQL-001", f"{what} failed: {_message(error)}", fix) from None
        except UnicodeEncodeError:
            raise SourceError("DQ-SQL-001", f"{what} holds half a character, which PostgreSQL does not take.", fix) from None
        finally:
            self._running.clear()


class SQLAlchemyEngine:
    """Scans a database behind SQLAlchemy. Holds no connection open between calls, but for those of a pool handed over.

    Args:
        connection: settings (whose password is read when a session is opened), or a SQLAlchemy engine as ``of`` takes it.
        schemas: of a SQLAlchemy engine, schemas to look into; all but PostgreSQL's own if there are none.
        statement_timeout_s: of a SQLAlchemy engine, seconds after which the server stops a statement; as its connections have it if None.
    """

    def __init__(self, connection: PostgreSQLConnection | sqlalchemy.Engine, *, schemas: Sequence[str] = (), statement_timeout_s: float | None = None) -> None:
        """Make SQLAlchemy's engine where there is none yet; nothing is opened."""
        if isinstance(connection, PostgreSQLConnection):
            self._engine = _engine_of(connection)
            self._schemas: tuple[str, ...] = connection.schemas
            self._timeout_s: float | None = connection.statement_timeout_s
        else:
            self._engine = connection
            self._schemas, self._timeout_s = tuple(schemas), statement_timeout_s
        url = self._engine.url
        self._source = f"the PostgreSQL database {url.database or ''} on {url.host or url.query.get('host') or 'this machine'}"

    @classmethod
    def of(cls, engine: sqlalchemy.Engine, *, schemas: Sequence[str] = (), statement_timeout_s: float | None = None) -> Self:
        """Return the engine that scans through a SQLAlchemy engine of the caller's: a synchronous one, made of ``postgresql+psycopg://…``.

        Raises:
            ConfigError: ``DQ-CONN-011`` when it is for another database or has another driver.
        """
        if not isinstance(engine, sqlalchemy.Engine):
            raise ConfigError("DQ-CONN-011", f"{type(engine).__name__} is no SQLAlchemy engine.", "hand over what create_engine returns.")
        if (found := f"{engine.dialect.name}+{engine.dialect.driver}") != DRIVER or engine.dialect.is_async:
            found += " (asynchronous)" if engine.dialect.is_async else ""
            raise ConfigError("DQ-CONN-011", f"a SQLAlchemy engine for {found} is not supported; supported is: {DRIVER}.", f"make it of {DRIVER}://….")
        return cls(engine, schemas=schemas, statement_timeout_s=statement_timeout_s)

    @property
    def capabilities(self) -> Capabilities:
        """PostgreSQL's dialect; it has neither HyperLogLog nor, for a read-only role, temporary tables."""
        return CAPABILITIES

    @contextmanager
    def session(self, purpose: str, run_id: str) -> Iterator[PostgreSQLSession]:
        """Open a read-only transaction on the state of the database as it is now.

        Args:
            purpose: what it is for; ``pg_stat_activity`` shows it as the application's name.
            run_id: the run it belongs to; likewise.

        Raises:
            ConfigError: ``DQ-CONF-040`` when the password cannot be read.
            SourceError: ``DQ-CONN-013`` when the database cannot be reached or refuses the login.
        """
        try:
            opened = self._engine.connect()
        except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error) as error:
            raise self._unreachable(error) from None
        try:
            with opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
                driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
                settings = {**_SETTINGS, "application_name": f"dq_assets {purpose} {run_id}".strip()}
                if self._timeout_s is not None:
                    settings["statement_timeout"] = str(_milliseconds(self._timeout_s))
                driver.execute(
                    "SELECT " + ", ".join(["pg_catalog.set_config(%s, %s, true)"] * len(settings)), [part for pair in settings.items() for part in pair]
                )
                try:
                    yield PostgreSQLSession(driver, self._source, self._timeout_s)
                finally:
                    _end(connection, driver)
        except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error) as error:
            raise self._unreachable(error) from None

    def tables(self) -> list[TableName]:
        """Return every table and view of the schemas that may be read, without partitions, sorted by schema and name."""
        with self.session("tables", "") as session:
            return postgresql_catalog.tables(session, self._schemas)

    def columns(self, tables: Sequence[TableName]) -> dict[TableName, list[Column]]:
        """Return the columns of each table in declared order; a missing table is absent from the answer."""
        with self.session("columns", "") as session:
            return postgresql_catalog.columns(session, tables)

    def change_tokens(self, tables: Sequence[TableName]) -> dict[TableName, str]:
        """Return 16 hexadecimal characters per table that change when its rows or its columns do; a missing table is absent.

        Tables up to 128 MB are read for it. See ``postgresql_catalog``.
        """
        with self.session("change_tokens", "") as session:
            return postgresql_catalog.change_tokens(session, tables)

    def size_bytes(self, tables: Sequence[TableName]) -> dict[TableName, int]:
        """Return the bytes of each table with its TOAST and its partitions, without indexes; views and foreign tables are absent."""
        with self.session("size_bytes", "") as session:
            return postgresql_catalog.size_bytes(session, tables)

    def _unreachable(self, error: Exception) -> SourceError:
        original = getattr(error, "orig", None) or error
        return SourceError(
            "DQ-CONN-013", f"{self._source} cannot be read: {_message(original)}.", "correct `url` and `password` of the connection, or let the server answer."
        )


def _engine_of(settings: PostgreSQLConnection) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(
        sqlalchemy.make_url(settings.url).set(drivername=DRIVER),
        poolclass=sqlalchemy.NullPool,
        # libpq counts whole seconds. SQLAlchemy's first look at a database without an encoding (SQL_ASCII) fails unless one is named.
        connect_args={"connect_timeout": math.ceil(settings.connect_timeout_s), "application_name": "dq_assets", "client_encoding": "utf8"},
    )
    if (reference := settings.password) is not None:

        def with_password(_dialect: object, _record: object, _args: object, parameters: dict[str, object]) -> None:
            parameters["password"] = read_secret(reference)

        sqlalchemy.event.listen(engine, "do_connect", with_password)
    return engine


def _end(connection: sqlalchemy.Connection, driver: psycopg.Connection[Any]) -> None:
    """End the transaction, which a pool of the caller's may not do; a connection that was lost does not go back to the pool."""
    try:
        driver.rollback()
    except psycopg.Error:
        connection.invalidate()


def _milliseconds(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1000))


def _timeout(seconds: float | None) -> str:
    return f"SET LOCAL statement_timeout = {_milliseconds(seconds)}" if seconds is not None else "RESET statement_timeout"


def _numbered(sql: exp.Expr, params: Mapping[str, object]) -> tuple[str, list[object] | None]:
    """Return the text of an expression with its parameters as ``$1``, ``$2``, …, which leaves percent signs alone, and their values."""
    order = list(params)

    def numbered(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Placeholder) and node.name in params:
            return exp.Parameter(this=exp.Literal.number(order.index(node.name) + 1))
        return node

    return sql.transform(numbered).sql(dialect="postgres"), [params[name] for name in order] or None


def _names(sql: exp.Expr) -> list[str] | None:
    """Return the names a query gives its columns, since PostgreSQL cuts them to 63 bytes; None where it does not give each one."""
    names = sql.named_selects if isinstance(sql, exp.Query) else []
    return names if names and all(name and name != "*" for name in names) else None


def _message(error: Exception) -> str:
    """Return PostgreSQL's first line, without values of rows."""
    if not isinstance(error, psycopg.Error):
        return type(error).__name__
    primary, state = error.diag.message_primary, error.sqlstate or ""
    line = (str(primary or error).strip().splitlines() or [type(error).__name__])[0]
    if not state or state[:2] in _SAFE_CLASSES:
        return _QUOTED_LITERAL.sub("…", line) if state == "42601" else line
    if state[:2] == _DATA_CLASS:
        return _NUMBER.sub("…", _QUOTED.sub("…", line))
    return f"{type(error).__name__} (SQLSTATE {state})"
