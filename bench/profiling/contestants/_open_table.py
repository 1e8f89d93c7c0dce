"""Opening a table for the contestants that are one SQL statement."""

from __future__ import annotations

from typing import Any, NamedTuple

import duckdb


class Opened(NamedTuple):
    """A connection to the database file, and the table in it."""

    connection: duckdb.DuckDBPyConnection
    table: str


def open_table(job: dict[str, Any]) -> Opened:
    """Connect to the database file as a reader, with DuckDB's own defaults."""
    return Opened(duckdb.connect(job["database"], read_only=True), job["table"])
