"""What a profile run may cost, and when it stops: the group's ``limits``."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from dq_assets.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.records.engine import Engine
    from dq_assets.records.sampling import ProfilingLimits
    from dq_assets.records.tables import TableName

GIGABYTE = 1_000_000_000


class Budget:
    """Counts what a run has spent; asked before each table."""

    def __init__(self, limits: ProfilingLimits, engine: Engine, tables: Sequence[TableName]) -> None:
        """Begin a run over some tables; asks the engine for their sizes only where a limit is about them."""
        self._limits = limits
        self._clicked = perf_counter()
        self._tables = 0
        self._bytes = 0
        self._sizes = known_sizes(engine, tables) if limits.gigabytes is not None else {}

    def refusal(self, table: TableName) -> str | None:
        """Return why a table is left out, or None, in which case it counts as begun."""
        limits, size = self._limits, self._sizes.get(table, 0)
        if limits.tables is not None and self._tables >= limits.tables:
            return f"Not profiled: limits.tables is {limits.tables}, and so many tables came before it."
        if limits.seconds is not None and perf_counter() - self._clicked > limits.seconds:
            return f"Not profiled: limits.seconds is {limits.seconds:g}, and the tables before it took longer."
        if limits.gigabytes is not None and self._bytes + size > limits.gigabytes * GIGABYTE:
            spent = f"{self._bytes / GIGABYTE:,.1f} GB came before its {size / GIGABYTE:,.1f} GB"
            return f"Not profiled: limits.gigabytes is {limits.gigabytes:g}, and {spent}."
        self._tables += 1
        self._bytes += size
        return None


def known_sizes(engine: Engine, tables: Sequence[TableName]) -> dict[TableName, int]:
    """Return the bytes of the tables whose size the engine tells; what it cannot tell is no reason to stop."""
    try:
        return engine.size_bytes(tables)
    except SourceError:
        return {}
