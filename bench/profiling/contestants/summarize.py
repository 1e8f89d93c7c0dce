"""DuckDB's SUMMARIZE of the table.

It returns twelve columns per column of the table; name and type are no statistics, and ``avg``, ``std`` and quantiles are NULL for text. The number of
distinct values and the quartiles are estimates.
"""

from __future__ import annotations

from _child import run
from _open_table import Opened, open_table

ESTIMATED = {"approx_unique", "q25", "q50", "q75"}


def _profile(opened: Opened) -> list[dict[str, object]]:
    cursor = opened.connection.execute(f"SUMMARIZE {opened.table}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _count(found: list[dict[str, object]]) -> dict[str, tuple[int, int]]:
    counted = {}
    for row in found:
        there = {name for name, value in row.items() if value is not None} - {"column_name", "column_type"}
        counted[str(row["column_name"])] = (len(there - ESTIMATED), len(there & ESTIMATED))
    return counted


def _warm_up(opened: Opened) -> None:
    opened.connection.execute(f"SUMMARIZE SELECT * FROM {opened.table} LIMIT 10").fetchall()  # noqa: S608 - names of ours


run(open_table, _warm_up, _profile, _count, ["duckdb"])
