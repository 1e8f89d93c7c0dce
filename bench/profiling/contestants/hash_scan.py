"""A hash over every value of every column: no profile, but the least that reading all of the table in DuckDB can cost."""

from __future__ import annotations

from _child import run
from _open_table import Opened, open_table


def _scan(opened: Opened, rows: str = "") -> dict[str, object]:
    names = opened.connection.table(opened.table).columns
    hashes = ", ".join(f'bit_xor(hash("{name}"))' for name in names)
    cursor = opened.connection.execute(f"SELECT {hashes} FROM (FROM {opened.table} {rows})")  # noqa: S608 - names of ours
    return dict(zip(names, cursor.fetchall()[0], strict=True))


run(open_table, lambda opened: _scan(opened, "LIMIT 10"), _scan, lambda found: dict.fromkeys(found, (1, 0)), ["duckdb"])
