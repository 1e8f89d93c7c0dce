"""A provisioned store on a real SQLite file, and records to put into it."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dq_assets.records import identity
from dq_assets.records.batches import BatchSpec, Grain
from dq_assets.records.enums import Dimension, GeneralType, Likelihood, Severity, Verdict
from dq_assets.records.profiles import ColumnProfile, Finding, FindingType, FrequentValue, GroupProfile, HistogramBucket, MetricValue, ProfileRun
from dq_assets.records.tables import Connection, GroupTable, TableGroup, TableName
from dq_assets.records.tests import Bound, FailedRow, Test, TestResult, TestRun, Thresholds
from dq_assets.settings import MetadataSettings
from dq_assets.store.metadata_store import MetadataStore

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = TableName(schema_name="main", table_name="orders")


class World:
    """One connection, one group, two tables, and makers of everything that can happen to them."""

    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    connection = Connection(connection_id=identity.connection_id("p", "lake"), project_key="p", name="lake", type="duckdb")
    group = TableGroup(
        table_group_id=identity.table_group_id("p", "sales"),
        project_key="p",
        connection_id=connection.connection_id,
        name="sales",
        settings={"timezone": "UTC"},
    )
    tables = (
        GroupTable(table_group_id=group.table_group_id, name=ORDERS, batch=BatchSpec(column="day", grain=Grain.DAY)),
        GroupTable(table_group_id=group.table_group_id, name=TableName(schema_name="main", table_name="customers")),
    )
    orders = tables[0].table_id
    amount = identity.column_id(orders, "amount")
    finding_type = FindingType(
        anomaly_type_id=1001,
        code="null_ratio",
        name="Nulls",
        category="hygiene",
        default_severity=Severity.WARNING,
        default_likelihood=Likelihood.LIKELY,
        dq_dimension=Dimension.COMPLETENESS,
        description="many nulls",
        suggested_action="look",
    )

    def later(self, **delta: float) -> datetime:
        return self.now + timedelta(**delta)

    def profile_run(self, name: str = "one", **fields) -> ProfileRun:
        given = {
            "project_key": "p",
            "table_group_id": self.group.table_group_id,
            "as_of": self.now,
            "started_at": self.now,
            "completed_at": self.later(minutes=5),
        }
        return ProfileRun(profile_run_id=identity.run_id("profile", self.group.table_group_id, name), **given | fields)

    def metric(self, value: float, *, batch_key: str | None = "2026-02-01", metric: str = "row_count", **fields) -> MetricValue:
        start = datetime.fromisoformat(f"{batch_key or '2026-01-01'}T00:00:00Z")
        given = {"table_id": self.orders, "column_id": None, "rows_read": int(value), "window_start": start, "window_end": start + timedelta(days=1)}
        return MetricValue(batch_key=batch_key, metric=metric, value=value, **given | fields)

    def profile(self, value: float = 10.0) -> GroupProfile:
        column = ColumnProfile(
            table_id=self.orders,
            column_id=self.amount,
            table=ORDERS,
            column_name="amount",
            ordinal_position=1,
            data_type="DOUBLE",
            general_type=GeneralType.NUMBER,
            record_count=10,
            rows_read=10,
            null_count=2,
            distinct_count=3,
            min_value="1",
            max_value="9",
            avg_value=4.5,
            percentiles={"p50": 4.0, "p95": 8.5},
            metrics={"zero_count": 1},
            top_values=(FrequentValue(value="4", frequency=5, relative_freq=0.625, rank=1), FrequentValue(value="9", frequency=3, relative_freq=0.375, rank=2)),
            histogram=(HistogramBucket(lower=0, upper=5, frequency=5, rank=1), HistogramBucket(lower=5, upper=10, frequency=3, rank=2)),
            pii_risk="name",
        )
        finding = Finding(
            anomaly_type_id=1001,
            table_id=self.orders,
            table=ORDERS,
            column_id=self.amount,
            column_name="amount",
            severity=Severity.WARNING,
            likelihood=Likelihood.LIKELY,
            detail="2 of 10",
            affected_rows=2,
            row_predicate="amount IS NULL",
        )
        return GroupProfile(columns=(column,), series=(self.metric(value), self.metric(4.5, metric="avg_value", column_id=self.amount)), findings=(finding,))

    def profiled(self, store: MetadataStore, token: str, profile: GroupProfile, **fields) -> ProfileRun:
        run = store.start_profile_run(self.profile_run(token, **fields))
        store.complete_profile_run(run.model_copy(update={"completed_at": self.profile_run(token, **fields).completed_at}), profile)
        return run

    def test(self, rule_type: str = "Missing_Pct", *, columns: tuple[str, ...] = ("amount",), maximum: float = 0.1, **fields) -> Test:
        given = {
            "test_id": Test.identity(self.group.table_group_id, ORDERS, columns, rule_type, None, fields.pop("manual_name", None)),
            "name": f"orders {'+'.join(columns)} {rule_type}",
            "dimension": Dimension.COMPLETENESS,
            "thresholds": Thresholds(error=Bound(maximum=maximum)),
            "evidence": {"batches": 30},
            "parameters": {"window": 7},
        }
        return Test(
            project_key="p",
            connection_id=self.connection.connection_id,
            table_group_id=self.group.table_group_id,
            test_suite_key="sales",
            rule_type=rule_type,
            table=ORDERS,
            columns=columns,
            **given | fields,
        )

    def test_run(self, name: str = "one", **fields) -> TestRun:
        given = {"as_of": self.now, "started_at": self.now, "completed_at": self.later(minutes=1)}
        return TestRun(test_run_id=identity.run_id("test", self.group.table_group_id, name), project_key="p", test_suite_key="sales", **given | fields)

    def result(self, run: TestRun, test: Test, verdict: Verdict, batch_key: str | None = "2026-02-01", **fields) -> TestResult:
        return TestResult(
            test_result_id=identity.derived_id("test_result", run.test_run_id, test.test_id, batch_key),
            test_run_id=run.test_run_id,
            test_id=test.test_id,
            test_version=1,
            project_key="p",
            table_name="orders",
            column_name="amount",
            batch_key=batch_key,
            result_status=verdict,
            measure_value="0.25",
            sensor_value=0.25,
            detected_at=run.started_at,
            **fields,
        )

    def tested(self, store: MetadataStore, token: str, verdicts: list[tuple[Test, str | None, Verdict]], **fields) -> TestRun:
        run = self.test_run(token, **fields)
        store.start_test_run(run)
        store.complete_test_run(run, [self.result(run, test, verdict, batch) for test, batch, verdict in verdicts], [])
        return run

    def failed_row(self, result: TestResult) -> FailedRow:
        return FailedRow(test_result_id=result.test_result_id, row_number=1, row={"amount": None})


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def provisioned(tmp_path_factory) -> Path:
    """A file that was provisioned and knows the group, to be copied."""
    world, path = World(), tmp_path_factory.mktemp("provisioned") / "metadata.db"
    opened = MetadataStore.open(MetadataSettings(url=f"sqlite:///{path}"))
    opened.provision(project_key="p", finding_types=[world.finding_type], now=world.now)
    opened.apply_table_group(world.connection, world.group, world.tables, now=world.now, actor="ann")
    return path


@pytest.fixture
def store(tmp_path, provisioned) -> MetadataStore:
    """A store that is provisioned and knows the group."""
    shutil.copy(provisioned, tmp_path / "metadata.db")
    return MetadataStore.open(MetadataSettings(url=f"sqlite:///{tmp_path}/metadata.db"))


@pytest.fixture
def rows(tmp_path):
    """Read with SQL what the file really holds."""

    def read(sql: str) -> list[tuple]:
        connection = sqlite3.connect(tmp_path / "metadata.db")
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return read
