"""The words and the identity of an alert."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dq_assets.alerting.alerts import finding_alert, test_alert
from dq_assets.records.enums import Dimension, Likelihood, Severity, Verdict
from dq_assets.records.profiles import Finding, ProfileRun
from dq_assets.records.tables import TableGroup, TableName
from dq_assets.records.tests import Test, TestResult, TestRun, Thresholds

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
TABLE = TableName(schema_name="main", table_name="orders")
GROUP = TableGroup(table_group_id="g", project_key="p", connection_id="c", name="shop")
tell_of_test = test_alert  # under its own name pytest would take it for a test
del test_alert


def _run(run_id="r"):
    return TestRun(test_run_id=run_id, project_key="p", test_suite_key="shop", as_of=NOW, started_at=NOW)


def _test(*columns):
    return Test(
        test_id="t",
        project_key="p",
        connection_id="c",
        table_group_id="g",
        test_suite_key="shop",
        name="n",
        rule_type="Required",
        table=TABLE,
        columns=columns,
        dimension=Dimension.COMPLETENESS,
        thresholds=Thresholds(),
    )


def _result(batch, severity=Severity.WARNING, **fields):
    given = {"result_status": Verdict.WARN, "message": "3 rows have no amount"} | fields
    return TestResult(
        test_result_id=f"result {batch}",
        test_run_id="r",
        test_id="t",
        test_version=1,
        project_key="p",
        table_name="orders",
        batch_key=batch,
        severity=severity,
        detected_at=NOW,
        **given,
    )


def test_an_alert_takes_the_worst_result_and_tells_of_each_batch():
    alert = tell_of_test(GROUP, _run(), _test("amount"), [_result("2024-01-01"), _result("2024-01-02", Severity.FATAL, result_status=Verdict.FAIL)])

    assert (alert.severity, alert.title) == (Severity.FATAL, "main.orders.amount: Required fail")
    assert alert.details == "2024-01-01: 3 rows have no amount\n2024-01-02: 3 rows have no amount"


def test_many_batches_are_counted_not_listed():
    alert = tell_of_test(GROUP, _run(), _test(), [_result(f"2024-01-{day:02}") for day in range(1, 31)])

    assert alert.title.startswith("main.orders: ")
    assert alert.details.splitlines()[-1] == "and 25 more batches"
    assert len(alert.details.splitlines()) == 6


def test_an_error_says_its_cause():
    alert = tell_of_test(
        GROUP, _run(), _test(), [_result(None, None, result_status=Verdict.ERROR, message="could not be evaluated", error_message="DQ-CONN-001: gone")]
    )

    assert (alert.severity, alert.details) == (Severity.ERROR, "could not be evaluated. DQ-CONN-001: gone")


@pytest.mark.parametrize(
    ("later", "same"),
    [
        ({}, True),
        ({"test_run_id": "another"}, True),
        ({"data_version": "corrected"}, False),
        ({"batch_key": "2024-01-02"}, False),
        ({"result_status": Verdict.ERROR}, False),
    ],
)
def test_an_alert_of_a_test_is_the_same_while_the_same_content_fails(later, same):
    result = _result("2024-01-01")
    first = tell_of_test(GROUP, _run(), _test(), [result])

    assert (tell_of_test(GROUP, _run("another"), _test(), [result.model_copy(update=later)]).alert_id == first.alert_id) is same


def test_a_finding_is_the_same_alert_in_every_run():
    found = Finding(
        anomaly_type_id=1031,
        table_id="t",
        table=TABLE,
        column_id="c",
        column_name="note",
        severity=Severity.ERROR,
        likelihood=Likelihood.DEFINITE,
        detail="2 values",
    )
    runs = [ProfileRun(profile_run_id=name, project_key="p", table_group_id="g", as_of=NOW, started_at=NOW) for name in ("one", "two")]
    one, two = (finding_alert(GROUP, run, found) for run in runs)

    assert one.alert_id == two.alert_id
    assert one.title == "main.orders.note: Non-printing characters"
