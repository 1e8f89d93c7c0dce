"""The Spark engine: scans what a ``SparkSession`` of the user's sees, in a notebook, on any cluster, on this machine.

Decision: the session is a guest in the user's own Spark. It sets the session's time zone to UTC while it is open and puts the old one back, marks
its jobs so that they can be cancelled, and changes nothing else; ANSI mode in particular is whatever the user has. Spark has no snapshots and no
read-only sessions. What a session reads first it refreshes, because Spark keeps a table's list of files, and would read files that are gone and miss
those that came (a cached table is cached anew).

``${…}`` in a statement is replaced by Spark before it is parsed, inside literals too, by settings and environment variables. So literals that hold
it are taken apart, and user-written SQL that holds it elsewhere is refused. Such SQL reads known tables only (Spark would take ``parquet.`/path```
for one) and calls Spark's own functions only, without those that run Java or reach other systems.

What Arrow or Python cannot hold comes as text: intervals of months, variants, and columns with dates outside the years 1 to 9999. Messages keep
what Spark says about names and syntax; where it is about data, they keep its error condition alone.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from dq_assets.engines.user_sql import capped, function_name, parse_select, refusal, table_functions
from dq_assets.errors import ConfigError, SourceError
from dq_assets.records.engine import Capabilities

try:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.logger import PySparkLogger
    from pyspark.sql import functions as sf
    from pyspark.sql import types as st

    from dq_assets.engines import spark_tables
except ModuleNotFoundError as missing:
    raise ConfigError("DQ-CONN-010", f"Spark needs {str(missing.name).partition('.')[0]}, which is not installed.", "pip install 'dq-assets[spark]'.") from None

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from dq_assets.records.tables import Column, TableName

CAPABILITIES = Capabilities(dialect="spark", max_aggregates=300, approximate_distinct=True, temporary_tables=False)
CANCEL_EVERY_S = 0.2
"""How often cancelling is repeated until the statement has ended, since a job that is not yet submitted is not cancelled."""

_TIME_ZONE = "spark.sql.session.timeZone"
_JOB_PROPERTIES = ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel")
_TABLE_FUNCTIONS = frozenset({
    "explode", "explode_outer", "inline", "inline_outer", "json_tuple", "posexplode", "posexplode_outer", "range", "stack", "unnest",
})  # fmt: skip
_REFUSED_FUNCTIONS = frozenset({"java_method", "reflect", "try_reflect", "assert_true", "raise_error"})
_SPARKS_OWN = re.compile(r"^(ai_|http_|remote_|read_|secret|try_secret|list_secrets|cloud_)")
_HELD = (
    st.BooleanType, st.ByteType, st.ShortType, st.IntegerType, st.LongType, st.FloatType, st.DoubleType, st.DecimalType, st.StringType, st.BinaryType,
    st.DateType, st.TimestampType, st.TimestampNTZType, st.DayTimeIntervalType, st.NullType,
)  # fmt: skip
_SAFE_STATES = ("07", "0A", "21", "25", "42", "46", "53", "54", "56")
_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*)\]")
_FIRST_DATE, _LAST_DATE = "0001-01-01", "9999-12-31"

_names_of_groups = count(1)
_open_sessions: WeakKeyDictionary[SparkSession, list[str]] = WeakKeyDictionary()
"""For each Spark session the time zone it had before the first of our sessions, once for each that is open."""
_guard = threading.Lock()
_ours = threading.local()


def _not_ours(_record: logging.LogRecord) -> bool:
    """Keep pyspark from logging a failed statement of ours with its text and values; statements of others are logged as before."""
    return not getattr(_ours, "running", False)


PySparkLogger.getLogger("SQLQueryContextLogger").addFilter(_not_ours)


class SparkEngineSession:
    """A guest in a ``SparkSession``. Made by ``SparkEngine.session``."""

    def __init__(self, spark: SparkSession, purpose: str) -> None:
        """Remember the Spark session; the caller sets and restores its time zone."""
        self._spark = spark
        self._group = f"dq_assets-{next(_names_of_groups)}"
        self._purpose = purpose
        self._finished = threading.Event()
        self._finished.set()
        self._refreshed: set[str] = set()

    def query(self, sql: exp.Expr | str, params: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> pa.Table:
        """Run one statement and return its rows.

        Args:
            sql: an expression or text in Spark's dialect; ``${…}`` in text is replaced by Spark.
            params: values by name, referred to as ``:name``.
            timeout_s: after how many seconds the statement is cancelled.

        Raises:
            SourceError: ``DQ-SQL-001`` with Spark's first line, ``DQ-SQL-002`` when it ran longer than ``timeout_s`` seconds.
        """
        text = sql if isinstance(sql, str) else _text(sql)
        with self._statement("the statement", "read less at once, or allow it more time.", timeout_s):
            return arrow_table(self._spark.sql(text, args=dict(params) if params else None))

    def rows(self, sql: exp.Expr | str, params: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """Run one statement as ``query`` does and return its rows as mappings."""
        return self.query(sql, params, timeout_s=timeout_s).to_pylist()  # type: ignore[no-any-return]

    def query_user_sql(self, sql: str, *, row_cap: int, timeout_s: float) -> pa.Table:
        """Run a stranger's SELECT, in Spark's dialect, and return at most ``row_cap`` of its rows.

        Raises:
            RuleError: ``DQ-RULE-010`` when it is not a single SELECT over known tables and Spark's own functions.
            SourceError: ``DQ-SQL-001`` when it fails, ``DQ-SQL-002`` when it ran longer than ``timeout_s`` seconds.
        """
        tree = parse_select(sql, "spark")
        self._check(tree)
        text = capped(_apart(tree), row_cap, "spark")
        if "${" in text:
            raise refusal("a variable, ${…}")
        with self._statement("user SQL", "make it read less, or raise its time-out.", timeout_s, "correct the SQL of the test."):
            return arrow_table(self._spark.sql(text))

    def execute_temp(self, name: str, query: exp.Expr | str, *, insert: bool = False, timeout_s: float | None = None) -> None:
        """Refuse: a temporary view of Spark keeps no rows.

        Raises:
            SourceError: ``DQ-SQL-003``.
        """
        raise SourceError("DQ-SQL-003", "Spark has no temporary tables.", "keep the rows elsewhere.")

    def shape_function(self) -> str | None:
        """Return None: regular expressions it is."""
        return None

    def relation(self, table: TableName) -> exp.Table:
        """Return the identifier under which this session reads ``table``, whose list of files is looked up anew the first time."""
        found = spark_tables.identifier(table)
        if (text := found.sql(dialect="spark")) not in self._refreshed:
            self._refreshed.add(text)
            with self._quiet():
                spark_tables.refresh(self._spark, text)
        return found

    def cancel(self) -> None:
        """Cancel the running statement; its caller gets ``DQ-SQL-001``. Returns at once."""
        if not self._finished.is_set():
            threading.Thread(target=self._cancel_until, args=(self._finished,), name="dq-cancel", daemon=True).start()

    def _cancel_until(self, finished: threading.Event) -> None:
        while not finished.is_set():
            self._spark.sparkContext.cancelJobGroup(self._group)
            finished.wait(CANCEL_EVERY_S)

    def _cancel_after(self, timeout_s: float, finished: threading.Event, late: threading.Event) -> None:
        if not finished.wait(timeout_s):
            late.set()
            self._cancel_until(finished)

    def _check(self, tree: exp.Query) -> None:
        for name in table_functions(tree):
            if name not in _TABLE_FUNCTIONS:
                raise refusal(f"the table function {name}")
        own = {row["function"].lower() for row in self.query("SHOW SYSTEM FUNCTIONS").to_pylist()}
        for function in tree.find_all(exp.Func):
            name = function_name(function)
            if name in _REFUSED_FUNCTIONS or _SPARKS_OWN.match(name) or (isinstance(function, exp.Anonymous) and name not in own):
                raise refusal(f"the function {name}")
        named = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        for table in tree.find_all(exp.Table):
            if not isinstance(table.this, exp.Identifier) or (not table.db and table.name.lower() in named):
                continue
            plain = exp.Table(this=table.this.copy(), db=table.args.get("db"), catalog=table.args.get("catalog")).sql(dialect="spark")
            with self._statement("user SQL", "", None):
                known = self._spark.catalog.tableExists(plain)
            if not known:
                raise refusal(f"{plain}, which is no table")

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        _ours.running = True
        try:
            yield
        finally:
            _ours.running = False

    @contextmanager
    def _statement(self, what: str, fix_late: str, timeout_s: float | None, fix: str = "") -> Iterator[None]:
        """Run the block as one statement: its jobs in a group of their own, cancelled when late, Spark's errors told in our words."""
        context = self._spark.sparkContext
        before = {name: context.getLocalProperty(name) for name in _JOB_PROPERTIES}
        finished, late = threading.Event(), threading.Event()
        self._finished = finished
        watch = None
        if timeout_s is not None:
            watch = threading.Thread(target=self._cancel_after, args=(timeout_s, finished, late), name="dq-timeout", daemon=True)
            watch.start()
        try:
            context.setJobGroup(self._group, self._purpose, interruptOnCancel=True)
            with self._quiet():
                yield
        except (PySparkException, Py4JError) as error:
            if late.is_set():
                raise SourceError("DQ-SQL-002", f"{what} ran longer than {timeout_s:g} s.", fix_late) from None
            raise SourceError("DQ-SQL-001", f"{what} failed: {message(error)}", fix) from None
        finally:
            finished.set()
            if watch is not None:
                watch.join()
            for name, value in before.items():
                context.setLocalProperty(name, value)  # type: ignore[arg-type] # None removes it


class SparkEngine:
    """Scans the tables and temporary views of a ``SparkSession``, in its current catalog.

    Args:
        spark: the user's session, of Spark 4 and not of Spark Connect.
    """

    def __init__(self, spark: SparkSession) -> None:
        """Remember the session; nothing is asked of it."""
        self._spark = spark

    @classmethod
    def of(cls, session: SparkSession) -> Self:
        """Return the engine that scans what ``session`` sees.

        Raises:
            ConfigError: ``DQ-CONN-014`` when it is no Spark session that this engine can work with.
        """
        from pyspark.sql import SparkSession

        if not isinstance(session, SparkSession):
            what = f"{type(session).__module__}.{type(session).__name__}"
            raise ConfigError(
                "DQ-CONN-014", f"{what} is not a SparkSession of Spark 4.", "hand over a session of Spark itself; Spark Connect is not supported."
            )
        return cls(session)

    @property
    def capabilities(self) -> Capabilities:
        """Spark's dialect; it has HyperLogLog and no temporary tables."""
        return CAPABILITIES

    @contextmanager
    def session(self, purpose: str, run_id: str) -> Iterator[SparkEngineSession]:
        """Open a session; until the last one is closed the Spark session's time zone is UTC.

        Args:
            purpose: what it is for; Spark's UI shows it on the jobs.
            run_id: the run it belongs to; likewise.
        """
        self._enter()
        try:
            yield SparkEngineSession(self._spark, f"dq_assets {purpose} {run_id}".strip())
        finally:
            self._leave()

    def tables(self) -> list[TableName]:
        """Return every table and view of the current catalog, and the temporary views (schema ``session``), sorted by schema and name."""
        with self.session("tables", "") as session:
            return spark_tables.tables(session)

    def columns(self, tables: Sequence[TableName]) -> dict[TableName, list[Column]]:
        """Return the columns of each table in declared order; a missing table is absent from the answer."""
        with self.session("columns", "") as session, _told():
            return {table: spark_tables.columns(frame.schema) for table in tables if (frame := self._frame(session, table)) is not None}

    def change_tokens(self, tables: Sequence[TableName]) -> dict[TableName, str]:
        """Return 16 hexadecimal characters per table that change when its rows or its columns do; a missing table is absent.

        See ``spark_tables``.
        """
        with self.session("change_tokens", "") as session, _told():
            found = {table: frame for table in tables if (frame := self._frame(session, table)) is not None}
            return {table: spark_tables.change_token(session, table, frame.schema) for table, frame in found.items()}

    def size_bytes(self, tables: Sequence[TableName]) -> dict[TableName, int]:
        """Return the bytes of each table's files as Spark's planner knows them, to two digits; views are absent, and what it does not know."""
        with self.session("size_bytes", "") as session, _told():
            found = [table for table in tables if self._frame(session, table) is not None]
            return {table: size for table in found if (size := spark_tables.size_bytes(session, table)) is not None}

    def _frame(self, session: SparkEngineSession, table: TableName) -> DataFrame | None:
        name = session.relation(table).sql(dialect="spark")
        _ours.running = True
        try:
            return self._spark.table(name) if self._spark.catalog.tableExists(name) else None
        finally:
            _ours.running = False

    def _enter(self) -> None:
        with _guard:
            entered = _open_sessions.setdefault(self._spark, [])
            entered.append(entered[0] if entered else str(self._spark.conf.get(_TIME_ZONE)))
            self._spark.conf.set(_TIME_ZONE, "UTC")

    def _leave(self) -> None:
        with _guard:
            before = _open_sessions[self._spark].pop()
            if not _open_sessions[self._spark]:
                self._spark.conf.set(_TIME_ZONE, before)


def arrow_table(frame: DataFrame) -> pa.Table:
    """Return a data frame's rows as Arrow, with text in the place of what Arrow or Python cannot hold."""
    names = frame.columns
    if not all(_held(field.dataType) for field in frame.schema.fields):
        plain = frame.toDF(*(f"c{position}" for position in range(len(names))))
        held = [sf.col(field.name) if _held(field.dataType) else sf.col(field.name).cast("string") for field in plain.schema.fields]
        frame = plain.select(*held)
    table = frame.toArrow()
    return pa.table([_within_years(column) for column in table.columns], names=names)


def message(error: Exception) -> str:
    """Return what Spark says in its first line, where that is about names or syntax; else its error condition."""
    if isinstance(error, PySparkException):
        condition, state = error.getCondition() or type(error).__name__, error.getSqlState() or ""
        first = (str(error).strip().splitlines() or [condition])[0]
        return first if state[:2] in _SAFE_STATES and "PARSE_SYNTAX_ERROR" not in condition else condition
    found = _CONDITION.search(str(error))
    if found is None and "cancelled" in str(error):
        return "the job was cancelled"
    return found[1] if found else type(error).__name__


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise SourceError("DQ-SQL-001", f"the catalog could not be read: {message(error)}") from None


def _text(sql: exp.Expr) -> str:
    return str(_apart(sql).sql(dialect="spark"))


def _apart(sql: Any) -> Any:
    """Return an expression in which no literal holds ``${``, which Spark would replace."""

    def apart(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Literal) and node.is_string and "${" in node.name:
            parts = node.name.split("${")
            pieces = [part for index, part in enumerate(parts) for part in ((f"{{{part}" if index else part), *(["$"] if index < len(parts) - 1 else []))]
            return exp.Concat(expressions=[exp.Literal.string(piece) for piece in pieces])
        return node

    return sql.transform(apart)


def _held(type_: st.DataType) -> bool:
    if isinstance(type_, st.ArrayType):
        return _held(type_.elementType)
    if isinstance(type_, st.MapType):
        return _held(type_.keyType) and _held(type_.valueType)
    if isinstance(type_, st.StructType):
        return all(_held(field.dataType) for field in type_.fields)
    return isinstance(type_, _HELD) or type_.typeName().startswith("time")


def _within_years(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as it is, or as text where it holds a date that Python cannot."""
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)) or column.null_count == len(column):
        return column
    days = column.cast(pa.timestamp("us")).cast(pa.date32(), safe=False) if pa.types.is_timestamp(column.type) else column
    bounds = pc.min_max(days).cast(pa.struct([("min", pa.date32()), ("max", pa.date32())]))
    first, last = (bounds[name].cast(pa.int32()).as_py() for name in ("min", "max"))
    low, high = (pa.scalar(text).cast(pa.date32()).cast(pa.int32()).as_py() for text in (_FIRST_DATE, _LAST_DATE))
    return column if low <= first and last <= high else column.cast(pa.string())
