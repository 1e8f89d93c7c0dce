"""Data frames as tables of an in-memory DuckDB: pandas, polars, pyarrow, and whatever else speaks the Arrow C stream interface.

Decision: a frame is taken over as Arrow and only registered, so DuckDB reads the frame's own buffers and no row becomes a Python object. What pandas
must convert first (object columns, and NaN, which there means that a value is missing) it converts once, column by column. The connection is locked
down like that of any other source, since tests may carry a stranger's SQL.

A pandas index is a column where it has a name; one without a name only numbers the rows, and a filtered frame would otherwise gain a column that
makes every row unlike all others.
"""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from dq_assets.engines.duckdb_engine import DuckDBSession
from dq_assets.engines.duckdb_source import OpenSource, close, connect, lock_down
from dq_assets.errors import DQError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dq_assets.records.tables import TableName

CATALOG = "memory"
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
_HAND_OVER = "hand over a pandas, polars or pyarrow table, or whatever has __arrow_c_stream__; collect() what is lazy, toArrow() what is distributed."


def arrow_table(data: Any, name: str) -> pa.Table:
    """Return a frame as Arrow, sharing its buffers wherever its library lets it.

    Args:
        data: has ``__arrow_c_stream__`` or ``__arrow_c_array__``.
        name: what errors call it.

    Raises:
        SourceError: ``DQ-FRAME-001`` when it is no table of columns, ``-002`` when a column holds what no column type fits, ``-003`` when two columns
            cannot be told apart.
    """
    if isinstance(data, type) or not (hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")):
        raise SourceError("DQ-FRAME-001", f"{name} is no data frame but a {type(data).__name__}.", _HAND_OVER)
    library = type(data).__module__.partition(".")[0]
    if library == "pandas":
        refuse_twins([str(column) for column in getattr(data, "columns", ())], f"columns of {name}")
    elif library == "polars":
        _refuse_objects(data, name)
    try:
        with warnings.catch_warnings():
            # pandas' column names become text, whatever they are; that they would not come back from there is nothing to us.
            warnings.simplefilter("ignore", UserWarning)
            table = pa.table(data)
    except Exception as error:  # noqa: BLE001 - a foreign library's conversion may raise anything
        raise _unconverted(data, library, name, error) from None
    if library == "pandas":
        table = _with_named_index_only(table)
    if not table.column_names:
        raise SourceError("DQ-FRAME-001", f"{name} is a {type(data).__name__} without a column.", _HAND_OVER)
    refuse_twins(table.column_names, f"columns of {name}")
    return table


def refuse_twins(names: Sequence[str], what: str) -> None:
    """Hold names against each other as DuckDB compares them, without ASCII case.

    Raises:
        SourceError: ``DQ-FRAME-003`` when two are one.
    """
    seen: dict[bytes, str] = {}
    for name in names:
        folded = name.encode("utf-8", "surrogatepass").lower()
        if folded in seen:
            alike = "share one name" if seen[folded] == name else "differ in case only"
            raise SourceError("DQ-FRAME-003", f"{what}: {seen[folded]!r} and {name!r} {alike}.", "rename one of them; SQL does not tell them apart.")
        seen[folded] = name


@contextmanager
def open_frames(frames: Mapping[TableName, pa.Table], *, memory_limit: str | None = None, threads: int | None = None) -> Iterator[DuckDBSession]:
    """Open a session on frames as its tables: in UTC, read-only, without file or network access.

    Raises:
        SourceError: ``DQ-FRAME-002`` when DuckDB does not know the type of a column, ``-003`` when two frames share a name.
    """
    refuse_twins([str(table) for table in frames], "frames")
    with tempfile.TemporaryDirectory(prefix="dq-duckdb-") as spill:
        connection = connect(spill, memory_limit=memory_limit, threads=threads)
        try:
            lock_down(connection)
            for index, (table, frame) in enumerate(frames.items()):
                try:
                    _show(connection, f"dq_frame_{index}", table, frame)
                except duckdb.Error:
                    raise _unshown(connection, table, frame) from None
            yield DuckDBSession(OpenSource(connection, connection, CATALOG, {}))
        finally:
            close(connection)


def _show(connection: duckdb.DuckDBPyConnection, registered: str, table: TableName, frame: pa.Table) -> None:
    """Make a frame a table; what is registered is always temporary and has no schema, hence the view."""
    connection.register(registered, frame)
    rows = exp.select("*").from_(exp.table_(registered, db="main", catalog="temp"))
    shown = [column[0] for column in connection.execute(rows.limit(0).sql(dialect="duckdb")).description or ()]
    for column, renamed in zip(frame.column_names, shown, strict=True):
        if column != renamed:
            raise SourceError("DQ-FRAME-003", f"a column of {table} has the name {column!r}, which SQL cannot say.", "rename it.")
    schema = exp.Create(this=exp.Table(db=exp.to_identifier(table.schema_name, quoted=True)), kind="SCHEMA", exists=True)
    view = exp.Create(this=exp.table_(table.table_name, db=table.schema_name, catalog=CATALOG, quoted=True), kind="VIEW", expression=rows)
    for statement in (schema, view):
        connection.execute(statement.sql(dialect="duckdb"))


def _unshown(connection: duckdb.DuckDBPyConnection, table: TableName, frame: pa.Table) -> SourceError:
    for position, field in enumerate(frame.schema):
        try:
            connection.from_arrow(frame.select([position]).slice(0, 0)).fetchall()
        except duckdb.Error:
            return _no_type(str(table), field.name, f"has the Arrow type {field.type}")
    return SourceError("DQ-FRAME-003", f"DuckDB makes no table of a frame with the name {table}.", "give the frame another name.")


def _no_type(frame: str, column: str, what: str) -> SourceError:
    return SourceError(
        "DQ-FRAME-002", f"column {column!r} of {frame} {what}, which cannot be tested.", "convert it first, as in astype('str'), or leave the column out."
    )


def _refuse_objects(data: Any, name: str) -> None:
    """Raise where a polars column holds Python objects: as Arrow it would be their addresses."""
    for column, kind in getattr(data, "schema", {}).items():
        if str(kind) == "Object":
            raise _no_type(name, column, "holds Python objects")


def _unconverted(data: Any, library: str, name: str, error: Exception) -> DQError:
    """Return why a frame does not become Arrow; never its values, which the libraries quote."""
    for position, column in enumerate(data.columns if library in ("pandas", "polars") and hasattr(data, "columns") else ()):
        try:
            pa.table(data.iloc[:, [position]].reset_index(drop=True) if library == "pandas" else data[:, [position]])
        except Exception:  # noqa: BLE001 - as above
            return _no_type(name, str(column), _kinds(data, position))
    if library == "pandas" and hasattr(data, "columns"):
        return SourceError("DQ-FRAME-002", f"the index of {name} holds what fits no column.", "reset_index(drop=True) does away with it.")
    what = f"pyarrow makes no table of {name}, a {type(data).__name__} ({type(error).__name__})."
    return SourceError("DQ-FRAME-001", what, _HAND_OVER)


def _kinds(data: Any, position: int) -> str:
    if not hasattr(data, "iloc"):
        return f"has the type {data.dtypes[position]}"
    values = data.iloc[:, position]
    if values.dtype != object:
        return f"has the type {values.dtype}"
    kinds = sorted({type(value).__name__ for value in values if value is not None and value == value})  # noqa: PLR0124 - NaN is a missing value
    return f"mixes {' and '.join(kinds)}" if len(kinds) > 1 else f"holds values of type {' '.join(kinds)} that fit no column"


def _with_named_index_only(table: pa.Table) -> pa.Table:
    """Return a table made of a pandas frame with each index that has a name, and no other, as a column."""
    described = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    for level in described.get("index_columns", ()):
        if isinstance(level, str) and _UNNAMED_INDEX.fullmatch(level):
            table = table.drop_columns([level])
        elif isinstance(level, dict) and level["name"] is not None and str(level["name"]) not in table.column_names:
            # pyarrow leaves a range of numbers out, since it can be made again.
            table = table.append_column(str(level["name"]), pa.array(np.arange(level["start"], level["stop"], level["step"])))
    return table
