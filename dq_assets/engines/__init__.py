"""Where data is scanned: one adapter a family of engines.

Decision: an engine is opened through ``open_engine`` and its driver is imported only then, because every Dagster step is a fresh
process that pays for what it imports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq_assets.records.engine import Engine
    from dq_assets.settings import AnyConnection

__all__ = ["open_engine"]


def open_engine(connection: AnyConnection) -> Engine:
    """Return the engine that scans what ``connection`` points at. Nothing is opened before it is asked for something.

    Raises:
        ConfigError: ``DQ-CONN-010`` when the library that the engine needs is not installed.
    """
    if connection.type == "postgresql":
        from dq_assets.engines.sqlalchemy_engine import SQLAlchemyEngine

        return SQLAlchemyEngine(connection)
    from dq_assets.engines.duckdb_engine import DuckDBEngine

    return DuckDBEngine(connection)
