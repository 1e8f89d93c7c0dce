"""The words of an alert.

Decision: an alert is one test that fails on some content, or one finding; its id follows from these, so that telling it again is the same alert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.profiling.findings import FINDING_TYPES
from dq_assets.records import identity
from dq_assets.records.alerts import Alert, AlertSource
from dq_assets.records.enums import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dq_assets.records.profiles import Finding, ProfileRun
    from dq_assets.records.tables import TableGroup
    from dq_assets.records.tests import Test, TestResult, TestRun

SHOWN_BATCHES = 5
_FINDING_NAMES = {kind.anomaly_type_id: kind.name for kind in FINDING_TYPES}


def test_alert(group: TableGroup, run: TestRun, test: Test, results: Sequence[TestResult]) -> Alert:
    """Return the alert of one test's failing results (at least one) in a run; the same failing content judged again is the same alert."""
    worst = max(results, key=lambda result: (result.severity or Severity.ERROR).rank)
    lines = [
        f"{result.batch_key + ': ' if result.batch_key else ''}{result.message}{'. ' + result.error_message if result.error_message else ''}"
        for result in results
    ]
    more = len(lines) - SHOWN_BATCHES
    where = f"{test.table}.{test.column_name}" if test.column_name else str(test.table)
    return Alert(
        alert_id=identity.derived_id(
            "alert", test.test_id, sorted((result.batch_key or "", result.data_version or "", result.result_status) for result in results)
        ),
        project_key=group.project_key,
        source_type=AlertSource.TEST_FAILURE,
        source_ref=worst.test_result_id,
        severity=worst.severity or Severity.ERROR,
        title=f"{where}: {test.rule_type} {worst.result_status}",
        details="\n".join(lines[:SHOWN_BATCHES] + ([f"and {more} more batches"] if more > 0 else [])),
        created_at=run.started_at,
    )


def run_alert(group: TableGroup, run: TestRun, cause: str) -> Alert:
    """Return the alert of a run in which no test could be evaluated, all for one cause."""
    return Alert(
        alert_id=identity.derived_id("alert", run.test_run_id),
        project_key=group.project_key,
        source_type=AlertSource.RUN_FAILURE,
        source_ref=run.test_run_id,
        severity=Severity.ERROR,
        title=f"{group.name}: no test could be evaluated",
        details=cause,
        created_at=run.started_at,
    )


def run_failure_alert(group: TableGroup, job: str, root_run_id: str, cause: str, failed_at: datetime) -> Alert:
    """Return the alert of a Dagster run that failed; another try of the same root run is the same alert."""
    return Alert(
        alert_id=identity.derived_id("alert", "dagster_run", root_run_id),
        project_key=group.project_key,
        source_type=AlertSource.RUN_FAILURE,
        source_ref=root_run_id,
        severity=Severity.ERROR,
        title=f"{group.name}: run of {job} failed",
        details=cause,
        created_at=failed_at,
    )


def finding_alert(group: TableGroup, run: ProfileRun, finding: Finding) -> Alert:
    """Return the alert of a finding; the same finding of a later run is the same alert."""
    where = f"{finding.table}.{finding.column_name}" if finding.column_name else str(finding.table)
    return Alert(
        alert_id=identity.derived_id("alert", group.table_group_id, finding.anomaly_type_id, finding.table_id, finding.column_id),
        project_key=group.project_key,
        source_type=AlertSource.PROFILE_ANOMALY,
        source_ref=run.profile_run_id,
        severity=finding.severity,
        title=f"{where}: {_FINDING_NAMES.get(finding.anomaly_type_id, 'finding')}",
        details=finding.detail,
        created_at=run.started_at,
    )
