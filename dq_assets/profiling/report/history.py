"""The course of each number over the batches of a table.

Decision: two sources make one history. A list of profiles tells every number of its batches; a single profile may carry ``trends`` of batches that are no
longer at hand. Where both tell a number, the list's is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dq_assets.profiling.metrics import SERIES
from dq_assets.profiling.report.figures import in_words, metric_names
from dq_assets.profiling.report.labels import LABELS, MISSING_SHARE, label_of
from dq_assets.profiling.report.numbers import number, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.profiling.table_profile import TableProfile
    from dq_assets.records.enums import GeneralType

_Numbers = dict[str, dict[str, dict[str, float]]]
_TABLE = ""
_FIRST = (MISSING_SHARE, "row_count", "avg_value", "p50", "distinct_count", "true_count", "avg_length", "max_number", "min_number")
"""What people look at first; the others follow in the order of the labels, those that monitors read before those they do not."""


class Course(NamedTuple):
    """One number over the batches."""

    metric: str
    label: str
    values: list[float | None]

    @property
    def known(self) -> list[float]:
        """Return the values without gaps."""
        return [value for value in self.values if value is not None]

    @property
    def changes(self) -> bool:
        """Whether there are two values that differ."""
        return len(set(self.known)) > 1

    def words(self, value: float, general_type: GeneralType | None) -> str:
        """Return a value of the course with its unit."""
        return percent(value) if self.metric == MISSING_SHARE else in_words(self.metric, value, general_type).text


class History:
    """Numbers by column and metric over ``batches``, the keys in data time; of a wide table those only that people look at first."""

    def __init__(self, profiles: Sequence[TableProfile], *, wide: bool = False) -> None:
        self._wide = wide
        listed = [profile.batch_key or profile.as_of or f"#{index}" for index, profile in enumerate(profiles, 1)]
        self._numbers: _Numbers = {}
        told = self._take_trends(profiles[-1]) if profiles else []
        if len(profiles) > 1:
            for key, profile in zip(listed, profiles, strict=True):
                self._take(key, profile)
        keys = list(dict.fromkeys([*told, *(listed if len(profiles) > 1 else [])]))
        in_order = all(list(source) == sorted(source) for source in (told, listed))
        self.batches: list[str] = sorted(keys) if in_order else keys

    def _put(self, column: str, metric: str, key: str, value: float) -> None:
        self._numbers.setdefault(column, {}).setdefault(metric, {})[key] = value

    def _take_trends(self, profile: TableProfile) -> list[str]:
        series = [points for metrics in profile.trends.values() for points in metrics.values()]
        for column, metrics in profile.trends.items():
            for metric, points in metrics.items():
                for key, value in points:
                    if (found := number(value)) is not None:
                        self._put(column, metric, key, found)
        rows = self._numbers.get(_TABLE, {}).get("row_count", {})
        for column in profile.trends.keys() - {_TABLE}:
            for key, nulls in self._numbers.get(column, {}).get("null_count", {}).items():
                if rows.get(key):
                    self._put(column, MISSING_SHARE, key, nulls / rows[key])
        return list(dict.fromkeys(key for points in sorted(series, key=len, reverse=True) for key, _ in points))

    def _take(self, key: str, profile: TableProfile) -> None:
        for metric, value in (*profile.metrics.items(), ("row_count", profile.row_count)):
            if (found := number(value)) is not None:
                self._put(_TABLE, metric, key, found)
        for column in profile.columns:
            if column.record_count:
                self._put(column.column_name, MISSING_SHARE, key, column.null_count / column.record_count)
            for metric in _FIRST if self._wide else metric_names(column):
                if (found := number(column.value(metric))) is not None:
                    self._put(column.column_name, metric, key, found)

    def courses(self, column: str = _TABLE) -> list[Course]:
        """Return what is known of a column, of the table by default, over the batches: at least two values each, the most asked for first."""
        numbers = self._numbers.get(column, {})
        order = list(dict.fromkeys((*_FIRST, *LABELS)))
        # A count of NULLs grows with the batch; their share says what happened.
        names = [metric for metric in numbers if not (metric == "null_count" and MISSING_SHARE in numbers)]
        names.sort(key=lambda metric: (metric not in _FIRST, metric not in SERIES.union(_FIRST), order.index(metric) if metric in order else len(order)))
        return [Course(metric, label_of(metric), [numbers[metric].get(key) for key in self.batches]) for metric in names if len(numbers[metric]) > 1]

    def missing(self, column: str) -> list[float | None]:
        """Return the share of missing values of a column per batch."""
        known = self._numbers.get(column, {}).get(MISSING_SHARE, {})
        return [known.get(key) for key in self.batches]
