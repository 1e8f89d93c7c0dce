"""What profiling a table yields: one row per column and run, a series of metrics per batch, findings."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pydantic import Field

from dq_assets.records.base import Record
from dq_assets.records.enums import BaselineStatus, Dimension, GeneralType, Likelihood, Quality, RunStatus, Severity, TriggerSource
from dq_assets.records.tables import TableName


class ProfileRun(Record):
    """A row of ``dq_profiles``."""

    profile_run_id: str
    project_key: str
    table_group_id: str
    as_of: datetime
    started_at: datetime
    status: RunStatus = RunStatus.RUNNING
    attempt: int = 1
    completed_at: datetime | None = None
    table_count: int = 0
    column_count: int = 0
    row_count: int = 0
    anomaly_count: int = 0
    profile_mode: str = "local"
    profile_version: str = ""
    dagster_run_id: str | None = None
    trigger_source: TriggerSource = TriggerSource.MANUAL
    error_message: str | None = None


class FrequentValue(Record):
    """A top value of a column: ``frequency`` rows, ``relative_freq`` of its non-null rows, ``rank`` from 1."""

    value: str
    frequency: int
    relative_freq: float
    rank: int


class HistogramBucket(Record):
    """A bucket ``[lower, upper)`` (the last one closed) with the rows in it; dates as seconds since 1970 UTC."""

    lower: float
    upper: float
    frequency: int
    rank: int


class Estimate(Record):
    """How a metric that is not exact was obtained.

    ``low`` and ``high`` enclose the exact number in 19 of 20 cases: a sample's interval, or for an approximate metric three standard errors of the
    engine's sketch. None: no bound is known.
    """

    quality: Quality
    rows_read: int | None = None
    low: float | None = None
    high: float | None = None


class ColumnProfile(Record):
    """One column of one profile, over all rows read.

    Values of customers (min, max, quantiles of dates, top values) are text; in a stored profile they are masked by the group's ``store_values``.
    ``metrics`` holds every further metric of the catalogue that applies to the column; a metric that does not apply or was not measured is absent,
    never 0. ``approximations`` names the metrics that are not exact; every other one is. ``histogram`` counts numbers or dates, ``lengths``
    (length, rows) text by its characters, ``shapes`` its most frequent shapes.
    """

    table_id: str
    column_id: str
    table: TableName
    column_name: str
    ordinal_position: int
    data_type: str
    general_type: GeneralType
    record_count: int
    rows_read: int
    null_count: int
    distinct_count: int | None = None
    min_value: str | None = None
    max_value: str | None = None
    avg_value: float | None = None
    stddev_value: float | None = None
    percentiles: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    approximations: dict[str, Estimate] = Field(default_factory=dict)
    top_values: tuple[FrequentValue, ...] = ()
    shapes: tuple[FrequentValue, ...] = ()
    lengths: tuple[tuple[int, int], ...] = ()
    histogram: tuple[HistogramBucket, ...] = ()
    pii_risk: str | None = None

    def value(self, metric: str) -> Any:
        """Return a metric by its name in the catalogue, wherever the record keeps it; None where it does not apply or was not measured."""
        if metric in self.percentiles:
            return self.percentiles[metric]
        return getattr(self, metric) if metric in _OWN_FIELDS else self.metrics.get(metric)


_OWN_FIELDS = frozenset({"null_count", "distinct_count", "min_value", "max_value", "avg_value", "stddev_value"})


class MetricValue(Record):
    """One number of one batch of one column (``column_id`` None: of the table). A row of ``dq_profile_metrics``."""

    table_id: str
    column_id: str | None
    batch_key: str | None
    window_start: datetime
    window_end: datetime
    metric: str
    metric_version: int = 1
    value: float | None
    value_text: str | None = None
    rows_read: int
    quality: Quality = Quality.EXACT
    baseline_status: BaselineStatus = BaselineStatus.LEARNED
    data_version: str | None = None


class KnownBatch(NamedTuple):
    """What the newest profile says of a batch: whether it may teach, its rows, and the version of the data it read."""

    status: BaselineStatus
    rows: int
    data_version: str | None


class FindingType(Record):
    """A row of ``dq_profile_anomaly_types``."""

    anomaly_type_id: int
    code: str
    name: str
    category: str
    default_severity: Severity
    default_likelihood: Likelihood
    dq_dimension: Dimension | None
    description: str
    suggested_action: str


class Finding(Record):
    """Something odd in one profile. ``row_predicate`` selects the rows, where there is one (Databricks SQL)."""

    anomaly_type_id: int
    table_id: str
    table: TableName
    column_id: str | None = None
    column_name: str | None = None
    severity: Severity
    likelihood: Likelihood
    detail: str
    affected_rows: int | None = None
    row_predicate: str | None = None
    pii_risk: str | None = None
    dq_dimension: Dimension | None = None


class StateRow(Record):
    """What learning remembers of a column, as plain data. A row of ``dq_column_states``; ``batches_digest`` tells which batches it covers."""

    column_id: str
    table_id: str
    state_version: int
    state: dict[str, Any]
    batches_digest: str | None = None


class GroupProfile(Record):
    """All that one profile run found, written in one go."""

    columns: tuple[ColumnProfile, ...] = ()
    series: tuple[MetricValue, ...] = ()
    findings: tuple[Finding, ...] = ()
    states: tuple[StateRow, ...] = ()
