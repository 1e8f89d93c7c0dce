"""The rows of a PostgreSQL result as Arrow.

Decision: values are taken as PostgreSQL writes them, in text, and each column is converted as a whole. A column with a value that its Arrow type
or Python cannot hold comes as text instead, every value as PostgreSQL writes it: the dates ``infinity``, ``0044-03-15 BC`` and ``10000-01-01``,
the time ``24:00:00``, a number of more than 76 digits. NUMERIC columns with ``NaN`` or ``Infinity`` come as floats, the only numbers that know
them. So no value crashes a query, and none is changed silently.

What Arrow has no type for comes as text as well: intervals, times with a zone, UUID, JSON, arrays, ranges, composite and geometric types, money.
"""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

_BOOL, _BYTEA, _INT8, _INT2, _INT4, _OID, _FLOAT4, _FLOAT8 = 16, 17, 20, 21, 23, 26, 700, 701
_DATE, _TIME, _TIMESTAMP, _TIMESTAMPTZ, _NUMERIC = 1082, 1083, 1114, 1184, 1700
_DECIMAL_OF_NOTHING = pa.decimal128(38, 18)


def _cast(target: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    return lambda texts: texts.cast(target)


def _numbers(texts: pa.Array) -> pa.Array:
    numbers = [None if text is None else Decimal(text) for text in texts.to_pylist()]
    if all(number is None for number in numbers):
        return pa.nulls(len(numbers), _DECIMAL_OF_NOTHING)
    if all(number is None or number.is_finite() for number in numbers):
        return pa.array(numbers)
    return pa.array([None if number is None else float(number) for number in numbers], pa.float64())


def _bytes(texts: pa.Array) -> pa.Array:
    return pa.array([None if text is None else bytes.fromhex(text.removeprefix("\\x")) for text in texts.to_pylist()], pa.binary())


def _times(texts: pa.Array) -> pa.Array:
    return pa.array([None if text is None else time.fromisoformat(text) for text in texts.to_pylist()], pa.time64("us"))


def _instants(texts: pa.Array) -> pa.Array:
    """Return points in time; the session is in UTC, so each text ends in ``+00``, but for what Python cannot hold anyway."""
    return pc.replace_substring_regex(texts, r"\+00$", "Z").cast(pa.timestamp("us", "UTC"))


_CONVERSIONS: dict[int, Callable[[pa.Array], pa.Array]] = {
    _BOOL: lambda texts: pc.equal(texts, "t"),
    _BYTEA: _bytes,
    _INT2: _cast(pa.int16()),
    _INT4: _cast(pa.int32()),
    _INT8: _cast(pa.int64()),
    _OID: _cast(pa.int64()),
    _FLOAT4: _cast(pa.float32()),
    _FLOAT8: _cast(pa.float64()),
    _NUMERIC: _numbers,
    _DATE: _cast(pa.date32()),
    _TIME: _times,
    _TIMESTAMP: _cast(pa.timestamp("us")),
    _TIMESTAMPTZ: _instants,
}


def arrow_table(result: psycopg.pq.abc.PGresult, names: Sequence[str] | None) -> pa.Table:
    """Return a result as Arrow; of a statement that returns no rows a table without columns.

    Args:
        result: all rows, in PostgreSQL's text format.
        names: names of the columns, where PostgreSQL may have cut them short; None takes those of the result.
    """
    width = result.nfields
    found = [(result.fname(column) or b"").decode("utf-8", "replace") for column in range(width)]
    columns = [_column(result, column) for column in range(width)]
    return pa.table(columns, names=list(names) if names is not None and len(names) == width else found)


def _column(result: psycopg.pq.abc.PGresult, column: int) -> pa.Array:
    raw = [result.get_value(row, column) for row in range(result.ntuples)]
    # A database without an encoding (SQL_ASCII) may hold bytes that are no text.
    texts = pa.array([None if value is None else bytes(value).decode("utf-8", "replace") for value in raw], pa.string())
    convert = _CONVERSIONS.get(result.ftype(column))
    if convert is None:
        return texts
    try:
        return convert(texts)
    except ValueError:  # Arrow's and Python's own
        return texts
