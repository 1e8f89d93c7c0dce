"""Tests, their bounds and their results."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from dq_assets.records import identity
from dq_assets.records.base import Record
from dq_assets.records.enums import Dimension, Origin, RunStatus, Severity, TriggerSource, Verdict
from dq_assets.records.tables import TableName


class Unit(StrEnum):
    """What a bound counts: failing rows, their share of the rows tested, or the measure itself."""

    COUNT = "count"
    SHARE = "share"
    VALUE = "value"


class Bound(Record):
    """An allowed range of the measure, both ends included; ``None`` leaves an end open."""

    minimum: float | None = None
    maximum: float | None = None

    def allows(self, value: float) -> bool:
        """Whether ``value`` lies in the range."""
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)

    def __str__(self) -> str:
        low = "" if self.minimum is None else f"{self.minimum:.6g} ≤ "
        high = "" if self.maximum is None else f" ≤ {self.maximum:.6g}"
        return f"{low}measure{high}"


class Thresholds(Record):
    """Up to three bounds on one measure; the worst broken one gives the severity.

    ``support`` is the least number of failing rows that counts as a failure at all (row rules only).
    """

    warning: Bound | None = None
    error: Bound | None = None
    fatal: Bound | None = None
    unit: Unit = Unit.VALUE
    support: int = 0

    def broken(self, value: float) -> Severity | None:
        """Return the worst severity whose bound ``value`` breaks, or None."""
        for severity in (Severity.FATAL, Severity.ERROR, Severity.WARNING):
            bound: Bound | None = getattr(self, severity.value)
            if bound is not None and not bound.allows(value):
                return severity
        return None

    @property
    def worst(self) -> Bound | None:
        """The bound of the highest severity that is set: what a message quotes as expected."""
        return self.fatal or self.error or self.warning

    @property
    def severity(self) -> Severity:
        """The highest severity that is set; ``info`` where none is."""
        for severity in (Severity.FATAL, Severity.ERROR, Severity.WARNING):
            if getattr(self, severity.value) is not None:
                return severity
        return Severity.INFO


class Test(Record):
    """A rule placed on a table and its columns. Bounds may change, the identity does not."""

    __test__: ClassVar[bool] = False

    test_id: str
    project_key: str
    connection_id: str
    table_group_id: str
    test_suite_key: str
    name: str
    rule_type: str
    table: TableName
    columns: tuple[str, ...] = ()
    parameters: dict[str, Any] = Field(default_factory=dict)
    filter: str | None = None
    dimension: Dimension
    thresholds: Thresholds
    enabled: bool = True
    muted_until: datetime | None = None
    locked: bool = False
    origin: Origin = Origin.GENERATED
    description: str = ""
    version: int = 1
    evidence: dict[str, Any] = Field(default_factory=dict)
    model_version: str = ""

    @property
    def column_name(self) -> str | None:
        """The single column, or None for tests of tables and of column combinations."""
        return self.columns[0] if len(self.columns) == 1 else None

    @staticmethod
    def identity(
        group_id: str, table: TableName, columns: tuple[str, ...], rule_type: str, row_filter: str | None = None, manual_name: str | None = None
    ) -> str:
        """Return the test's id: thresholds and parameters are no part of it, so history survives re-learning."""
        return identity.derived_id("test", group_id, table.schema_name, table.table_name, sorted(columns), rule_type, row_filter, manual_name)


class TestEdit(Record):
    """What a person changes on a test: the fields that are given; ``muted_until=None`` lifts a mute."""

    __test__: ClassVar[bool] = False

    enabled: bool = True
    locked: bool = False
    muted_until: datetime | None = None
    thresholds: Thresholds = Thresholds()

    @property
    def given(self) -> dict[str, Any]:
        """The fields that are given, with their values."""
        return {field: getattr(self, field) for field in sorted(self.model_fields_set)}


class TestRun(Record):
    """A row of ``dq_test_runs``."""

    __test__: ClassVar[bool] = False

    test_run_id: str
    project_key: str
    test_suite_key: str
    test_id: str | None = None
    """Set when only a part of the suite ran: its first test. Such a run is no verdict on a batch."""
    as_of: datetime
    started_at: datetime
    status: RunStatus = RunStatus.RUNNING
    completed_at: datetime | None = None
    duration_ms: int | None = None
    total_tests: int = 0
    failed_tests: int = 0
    warning_tests: int = 0
    error_tests: int = 0
    skipped_tests: int = 0
    trigger_source: TriggerSource = TriggerSource.MANUAL
    dagster_run_id: str | None = None
    error_message: str | None = None


class TestResult(Record):
    """A row of ``dq_test_results``: one test on one batch. ``measure_value`` is exact text."""

    __test__: ClassVar[bool] = False

    test_result_id: str
    test_run_id: str
    test_id: str
    test_version: int
    project_key: str
    table_name: str
    column_name: str | None = None
    batch_key: str | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    data_version: str | None = None
    result_status: Verdict
    severity: Severity | None = None
    measure_value: str | None = None
    sensor_value: float | None = None
    expected_value: str | None = None
    actual_value: str | None = None
    message: str = ""
    error_message: str | None = None
    failed_rows: int | None = None
    rows_tested: int | None = None
    execution_time_ms: int | None = None
    detected_at: datetime

    @property
    def rule_passed(self) -> bool | None:
        """True for pass, False for warn and fail, None where nothing was judged."""
        return {Verdict.PASS: True, Verdict.WARN: False, Verdict.FAIL: False}.get(self.result_status)


class PastMeasure(Record):
    """What the newest run that judged a batch with a test found: one point of the test's history."""

    batch_key: str | None
    at: datetime
    """Data time: the start of the batch, or of the run where the table is one batch."""
    value: float
    rows_tested: int | None
    result_status: Verdict


class FailedRow(Record):
    """A sampled failing row of one result, masked as the group asks."""

    test_result_id: str
    row_number: int
    row: dict[str, Any]
