"""How many asset checks a group makes, and the ceiling above which it is refused.

Decision: what recording costs is known before anything runs, so a group above the ceiling is refused by whoever would make it so: by registering and
learning before they write the table list, by the graph when the configuration asks for it. A list that was written once therefore loads again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.errors import ConfigError
from dq_assets.records.enums import Dimension

if TYPE_CHECKING:
    from dq_assets.records.table_list import TableList

CHECK_CEILING = 300
"""Checks of a group: Dagster takes 15 to 80 ms to record one, so these take up to half a minute of each run."""
GRANULARITIES = ("rule", "dimension", "table")
"""From the finest to the coarsest."""


def check_count(listed: TableList, granularity: str, *, blocking: bool) -> int:
    """Return how many checks the listed tables and tests make.

    Each table has ``dq_hygiene``, and ``dq_fatal`` where the group is ``blocking``. Beside these it has one check with granularity ``table``, one a
    dimension with ``dimension``, one a test with ``rule``.
    """
    tables = {table.name for table in listed.tables}
    published = {"table": len(tables), "dimension": len(Dimension) * len(tables), "rule": sum(test.table in tables for test in listed.tests)}[granularity]
    return published + len(tables) * (2 if blocking else 1)


def granularity_of(listed: TableList, asked: str | None, *, blocking: bool) -> str:
    """Return the granularity of a group's checks: the one asked for, else ``dimension``, or ``table`` where that makes too many.

    Raises:
        ConfigError: ``DQ-CONF-021`` with the number, the ceiling, and the granularities that fit.
    """
    granularity = asked or "dimension"
    found = check_count(listed, granularity, blocking=blocking)
    if found <= CHECK_CEILING:
        return granularity
    if asked is None and check_count(listed, "table", blocking=blocking) <= CHECK_CEILING:
        return "table"
    coarser = GRANULARITIES[GRANULARITIES.index(granularity) + 1 :]
    fitting = [f"{name} ({count} checks)" for name in coarser if (count := check_count(listed, name, blocking=blocking)) <= CHECK_CEILING]
    coarsen = f"set check_granularity to {' or '.join(fitting)}, or " if fitting else ""
    raise ConfigError(
        "DQ-CONF-021",
        f"table group {listed.table_group!r}: {len(listed.tables)} tables and {len(listed.tests)} tests make {found} checks with check_granularity "
        f"{granularity}; the ceiling is {CHECK_CEILING}.",
        f"{coarsen}split the group in several.",
    )
