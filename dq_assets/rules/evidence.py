"""What the history says of a table: the series of batch profiles arranged for the proposals.

Decision: proposals read this object only, never the store. Series hold learned batches in data time; a table that is one batch has
one-element series under the key None.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from dq_assets.records.base import Record
from dq_assets.records.enums import GeneralType
from dq_assets.records.profiles import ColumnProfile, MetricValue
from dq_assets.records.tables import GroupTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq_assets.profiling.masking import ValuePolicy


class Series(Record):
    """One metric over the learned batches, in data time. Missing batches are left out of ``values`` and ``positions`` alike."""

    positions: tuple[int, ...]
    values: tuple[float, ...]


class ColumnEvidence(Record):
    """A column's newest profile and the series of its metrics."""

    profile: ColumnProfile
    series: dict[str, Series] = Field(default_factory=dict)
    may_store: bool

    @property
    def name(self) -> str:
        """The column's name."""
        return self.profile.column_name

    def values(self, metric: str) -> tuple[float, ...]:
        """Return a metric's values, empty where it was never taken."""
        return self.series[metric].values if metric in self.series else ()

    def always_zero(self, *metrics: str) -> bool:
        """Whether each metric was taken and was 0 in every batch."""
        return all(metric in self.series and not any(self.series[metric].values) for metric in metrics)


class TableEvidence(Record):
    """A table, its columns, and the batches that may teach."""

    table: GroupTable
    columns: tuple[ColumnEvidence, ...]
    batch_keys: tuple[str | None, ...]
    starts: tuple[datetime, ...]
    """Wall-clock start of each batch, naive."""
    series: dict[str, Series] = Field(default_factory=dict)

    @property
    def row_counts(self) -> tuple[float, ...]:
        """Rows per batch."""
        return self.series["row_count"].values if "row_count" in self.series else ()

    @property
    def rows(self) -> int:
        """Rows of all learned batches."""
        return int(sum(self.row_counts))

    def is_calendar(self, column: ColumnEvidence) -> bool:
        """Whether a number is a part of its batch's date (year, month, day, …): it moves by nature and carries no quality."""
        lows, highs = column.values("min_number"), column.values("max_number")
        if not self.table.batch.is_timed or len(lows) != len(self.starts) or lows != highs:
            return False
        parts = zip(*((t.year, t.month, t.day, t.hour, t.isocalendar().week, t.isoweekday(), (t.month + 2) // 3) for t in self.starts), strict=True)
        return any(lows == part for part in parts)


def table_evidence(
    table: GroupTable, profiles: Iterable[ColumnProfile], metrics: Sequence[MetricValue], policy: ValuePolicy, starts: Mapping[str | None, datetime]
) -> TableEvidence:
    """Arrange what the store holds of one table.

    Args:
        table: the table.
        profiles: its columns from the newest completed run.
        metrics: its learned metrics, any order.
        policy: which columns' values may stand in a test.
        starts: wall-clock window start per batch key.
    """
    order = sorted({metric.batch_key for metric in metrics}, key=lambda key: starts[key])
    position = {key: index for index, key in enumerate(order)}
    points: dict[tuple[str | None, str], list[tuple[int, float]]] = defaultdict(list)
    for metric in metrics:
        if metric.value is not None:
            points[metric.column_id, metric.metric].append((position[metric.batch_key], metric.value))
    by_column: dict[str | None, dict[str, Series]] = defaultdict(dict)
    for (column, name), found in points.items():
        found.sort()
        by_column[column][name] = Series(positions=tuple(p for p, _ in found), values=tuple(v for _, v in found))
    columns = tuple(
        ColumnEvidence(profile=profile, series=by_column.get(profile.column_id, {}), may_store=policy.may_store(profile.column_name))
        for profile in sorted(profiles, key=lambda profile: profile.ordinal_position)
    )
    return TableEvidence(table=table, columns=columns, batch_keys=tuple(order), starts=tuple(starts[key] for key in order), series=by_column.get(None, {}))


def is_identifier(column: ColumnEvidence, rows: int) -> bool:
    """Whether almost every row has its own value: an id, a counter, a free text."""
    distinct = column.profile.distinct_count or 0
    return (
        column.profile.general_type is not GeneralType.BOOLEAN
        and distinct > 20
        and distinct > 0.9 * max(column.profile.record_count - column.profile.null_count, 1)
        and rows > 20
    )
