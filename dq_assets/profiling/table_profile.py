"""What profiling one table, or one batch of it, yields, and the forms in which a person or a program takes it.

Decision: one record for a table and for a batch. A list of batches is a ``BatchProfiles``, which is a list and is shown as one: the columns
of its newest batch, and every number's course over the batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from dq_assets.records.base import Record
from dq_assets.records.profiles import ColumnProfile, Estimate, Finding

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


class TableProfile(Record):
    """A table, or one batch of it, as it was found.

    ``metrics`` holds ``row_count``, and ``duplicate_row_count`` where it was measured. ``candidate_keys`` are column sets without a null whose rows
    all differ, verified on every row: all such columns, else a pair of columns where one was found. ``schema_fingerprint`` changes with the names and
    types of the columns.
    """

    name: str
    batch_key: str | None = None
    as_of: str = ""
    row_count: int
    rows_read: int
    metrics: dict[str, Any] = Field(default_factory=dict)
    approximations: dict[str, Estimate] = Field(default_factory=dict)
    schema_fingerprint: str = ""
    candidate_keys: tuple[tuple[str, ...], ...] = ()
    columns: tuple[ColumnProfile, ...] = ()
    findings: tuple[Finding, ...] = ()
    trends: dict[str, dict[str, tuple[tuple[str, float], ...]]] = Field(default_factory=dict)
    """Of a table profiled in batches: column ('' for the table) → metric → (batch key, value) in data time."""

    def __getitem__(self, column_name: str) -> ColumnProfile:
        """Return a column's profile by its exact name.

        Raises:
            KeyError: there is no such column.
        """
        for column in self.columns:
            if column.column_name == column_name:
                return column
        raise KeyError(column_name)

    def to_arrow(self) -> pa.Table:
        """Return one row per column: table, batch, the fixed fields, and every metric of the catalogue as a column (null where it does not apply)."""
        return to_arrow([self])

    def to_pandas(self) -> Any:
        """Return ``to_arrow`` as a ``pandas.DataFrame``."""
        return self.to_arrow().to_pandas()

    def to_markdown(self) -> str:
        """Return headline and one table row per column, for a terminal, a pull request or Dagster."""
        from dq_assets.profiling.report import markdown

        return markdown([self])

    def _repr_html_(self) -> str:
        from dq_assets.profiling.report import fragment

        return fragment([self])

    def to_html(self, path: str | Path) -> Path:
        """Write one self-contained page (no network, no script needed to read it) and return where it is."""
        from dq_assets.profiling.report import write_page

        return write_page([self], path)


class BatchProfiles(list[TableProfile]):
    """The profiles of a table's batches in data time. Shown as one table; see ``TableProfile`` for the forms."""

    def to_arrow(self) -> pa.Table:
        """Return one row per batch and column."""
        return to_arrow(self)

    def to_pandas(self) -> Any:
        """Return ``to_arrow`` as a ``pandas.DataFrame``."""
        return self.to_arrow().to_pandas()

    def to_markdown(self) -> str:
        """Return the newest batch as markdown, with the number of batches before it."""
        from dq_assets.profiling.report import markdown

        return markdown(self)

    def _repr_html_(self) -> str:
        from dq_assets.profiling.report import fragment

        return fragment(self)

    def to_html(self, path: str | Path) -> Path:
        """Write one self-contained page: the newest batch, and each number's course over the batches; return where it is."""
        from dq_assets.profiling.report import write_page

        return write_page(self, path)


def to_arrow(profiles: list[TableProfile]) -> pa.Table:
    """Return one row per profile and column."""
    import pyarrow as pa

    from dq_assets.profiling.metrics import COLUMN_METRICS, UNITS, Unit

    names = list(dict.fromkeys(metric.name for metric in COLUMN_METRICS))
    fixed = ("table", "batch_key", "column_name", "ordinal_position", "data_type", "general_type", "record_count", "rows_read")
    rows = [(profile, column) for profile in profiles for column in profile.columns]
    data: dict[str, list[Any]] = {
        "table": [profile.name for profile, _ in rows],
        "batch_key": [profile.batch_key for profile, _ in rows],
        "general_type": [column.general_type.value for _, column in rows],
    }
    for name in fixed:
        data.setdefault(name, [getattr(column, name) for _, column in rows if name in ColumnProfile.model_fields])
    arrays: dict[str, pa.Array] = {name: pa.array(data[name]) for name in fixed}
    for name in names:
        values = [column.value(name) for _, column in rows]
        kind = str if UNITS[name] is Unit.TEXT or any(isinstance(value, str) for value in values) else float
        arrays[name] = pa.array([None if value is None else kind(value) for value in values])
    arrays["top_values"] = pa.array([[{"value": top.value, "rows": top.frequency} for top in column.top_values] for _, column in rows])
    arrays["estimated"] = pa.array([sorted(column.approximations) for _, column in rows])
    return pa.table(arrays)
