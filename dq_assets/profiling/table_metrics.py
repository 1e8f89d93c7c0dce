"""Statements about whole rows: duplicates, keys of one or two columns, the order in which a column was written.

Decision: rows are told apart by a hash first, where the engine has one. As many hashes as rows means as many rows, exactly; only where there are
fewer are the rows in question compared themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.profiling.sql import quoted
from dq_assets.records.enums import GeneralType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.records.profiles import ColumnProfile
    from dq_assets.records.tables import Column

_HASH = {"duckdb": "hash", "spark": "xxhash64", "databricks": "xxhash64"}
HEAD_ROWS = 2_048
"""So many rows tell most columns that are in no order."""
SCREENED_ROWS = 20_000
"""About so many rows tell most pairs that are no key."""
PAIRS_TRIED, PAIRS_VERIFIED = 5, 2
LONGEST_KEY = 64
"""Text longer than this on average identifies nothing on purpose."""


def _names(columns: Sequence[Column], dialect: str) -> str:
    return ", ".join(quoted(column.name).sql(dialect=dialect) for column in columns)


def hashed_duplicates(relation: str, columns: Sequence[Column], dialect: str, *, batch: str | None, where: str | None) -> str | None:
    """Return the statement for ``b, n``: rows beyond the first of each distinct hash, never more than there are duplicates; None without a hash."""
    if dialect not in _HASH:
        return None
    kept = f" WHERE {where}" if where else ""
    start, grouped = (f"{batch} AS b, ", " GROUP BY 1") if batch else ("", "")
    return f"SELECT {start}count(*) - count(DISTINCT {_HASH[dialect]}({_names(columns, dialect)})) AS n FROM {relation}{kept}{grouped}"


def compared_duplicates(relation: str, columns: Sequence[Column], dialect: str, *, batch: str | None, where: str | None) -> str:
    """Return the statement for ``b, n``: rows beyond the first of each distinct row; where the engine has a hash, only rows that share one are compared."""
    names, kept = _names(columns, dialect), [where] if where else []
    if dialect in _HASH:
        hashed = f"{_HASH[dialect]}({names})"
        again = f"SELECT {hashed} AS h FROM {relation}{f' WHERE {where}' if where else ''} GROUP BY 1 HAVING count(*) > 1"
        kept = [*kept, f"{hashed} IN ({again})"]
    condition = f" WHERE {' AND '.join(kept)}" if kept else ""
    start, grouped = (f"{batch} AS b, ", f"{batch}, ") if batch else ("", "")
    rows = f"SELECT {start}count(*) AS n FROM {relation}{condition} GROUP BY {grouped}{names}"
    return f"SELECT {'b, ' if batch else ''}coalesce(sum(n - 1), 0) AS n FROM ({rows}) AS d{' GROUP BY b' if batch else ''}"


def distinct_rows(relation: str, key: Sequence[str], dialect: str, *, where: str | None, rows: int | None = None) -> str:
    """Return the statement for ``n`` rows and ``d`` distinct combinations of a key's columns (never too many).

    Args:
        relation: where the rows are.
        key: the columns.
        dialect: the engine's.
        where: keeps some rows.
        rows: how many there are, to look at a part of them only: all rows of some values of the first column, so that a repetition shows, where the
            engine has a hash; else the first rows.
    """
    names = [quoted(name).sql(dialect=dialect) for name in key]
    kept, limit = [where] if where else [], ""
    if rows is not None and dialect in _HASH:
        kept = [*kept, f"{_HASH[dialect]}({names[0]}) % {max(1, rows // SCREENED_ROWS)} = 0"]
    elif rows is not None:
        limit = f" LIMIT {SCREENED_ROWS}"
    condition = f" WHERE {' AND '.join(kept)}" if kept else ""
    part = f"SELECT {', '.join(names)} FROM {relation}{condition}{limit}"
    return f"SELECT count(*) AS n, count(DISTINCT {_combination(names, dialect)}) AS d FROM ({part}) AS k"


def _combination(names: Sequence[str], dialect: str) -> str:
    # As many hashes as rows are as many combinations; fewer by a collision would only hide a key, once in 10^5 tables of a million rows.
    return names[0] if len(names) == 1 else f"{_HASH.get(dialect, '')}({', '.join(names)})"


def may_be_in_key(column: ColumnProfile) -> bool:
    """Whether a column could identify rows together with another one: filled, no measure, no prose."""
    if column.null_count or column.general_type not in (GeneralType.TEXT, GeneralType.NUMBER, GeneralType.DATE) or "distinct_count" in column.approximations:
        return False
    return not column.metrics.get("fractional_count") and (column.metrics.get("avg_length") or 0) <= LONGEST_KEY


def likely_pairs(columns: Sequence[ColumnProfile], rows: int) -> list[tuple[str, str]]:
    """Return pairs of columns that can be a key, the tightest first: one that holds by mere number of combinations comes last.

    There must be as many combinations as rows, and of each column as many values as the most frequent value of the other one has rows.
    """
    usable = [column for column in columns if may_be_in_key(column) and (column.distinct_count or 0) > 1]
    sized = [
        ((one.distinct_count or 0) * (other.distinct_count or 0), (one.column_name, other.column_name))
        for place, one in enumerate(usable)
        for other in usable[place + 1 :]
        if _frequency(one) <= (other.distinct_count or 0) and _frequency(other) <= (one.distinct_count or 0)
    ]
    return [pair for size, pair in sorted(sized) if size >= rows][:PAIRS_TRIED]


def _frequency(column: ColumnProfile) -> int:
    return int(column.metrics.get("max_frequency") or 1)


def order_of_columns(relation: str, columns: Sequence[Column], dialect: str, *, where: str | None, limit: int | None = None) -> str:
    """Return the statement for ``up0, same0, down0, …``: steps from a value to the one written after it, by direction, per column.

    With several columns, NULLs hide some steps; asked about one column, they are passed over.
    """
    quotes = [quoted(column.name).sql(dialect=dialect) for column in columns]
    kept = [where] if where else []
    kept += [f"{quotes[0]} IS NOT NULL"] if len(quotes) == 1 else []
    condition = f" WHERE {' AND '.join(kept)}" if kept else ""
    rows = f"SELECT {', '.join(quotes)} FROM {relation}{condition}{f' LIMIT {limit}' if limit else ''}"
    steps = ", ".join(f"{name} AS v{index}, lag({name}) OVER () AS p{index}" for index, name in enumerate(quotes))
    counts = ", ".join(
        f"count(*) FILTER (v{index} > p{index}) AS up{index}, count(*) FILTER (v{index} = p{index}) AS same{index},"
        f" count(*) FILTER (v{index} < p{index}) AS down{index}"
        for index in range(len(quotes))
    )
    return f"SELECT {counts} FROM (SELECT {steps} FROM ({rows}) AS r) AS s"


def direction(up: int, same: int, down: int) -> str:
    """Return the order in words, from the steps by direction."""
    if up and down:
        return "none"
    if not up and not down:
        return "constant"
    strict = not same
    return ("increasing" if strict else "non-decreasing") if up else ("decreasing" if strict else "non-increasing")


def is_ordered_type(column: Column) -> bool:
    """Whether an order of rows means something for a column: ids, counters, times."""
    return column.general_type in (GeneralType.NUMBER, GeneralType.DATE)
