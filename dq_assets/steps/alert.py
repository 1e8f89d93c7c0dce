"""Alert: tell of failed tests and of serious findings, once each."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.alerting.alerts import finding_alert, run_alert, test_alert
from dq_assets.records.enums import Severity

if TYPE_CHECKING:
    from dq_assets.records.alerts import Alert
    from dq_assets.records.tests import TestResult
    from dq_assets.steps.context import RunRequest, StepContext


class Alerted(NamedTuple):
    """The alerts of a run, and how many of them are new."""

    alerts: list[Alert]
    new: int


def alert(context: StepContext, group_name: str, request: RunRequest, test_run_id: str | None = None) -> Alerted:
    """Write alerts for the failing tests of a test run (the newest by default) and the serious findings of the newest profile.

    One alert per test and run, however many batches failed; one for the whole run when no test could be evaluated, for one and the same cause. Muted
    tests raise none. Repeating it writes nothing new.
    """
    group = context.group(group_name)
    run = context.store.test_run(test_run_id) if test_run_id else context.store.latest_test_run(group.table_group_id)
    alerts: list[Alert] = []
    if run is not None:
        tests = {test.test_id: test for test in context.store.tests(group.table_group_id, enabled_only=False)}
        alarms: dict[str, list[TestResult]] = defaultdict(list)
        for result in context.store.test_results(run.test_run_id):
            if result.result_status.is_alarm:
                alarms[result.test_id].append(result)
        outage = _outage(context.store.test_results(run.test_run_id))
        if outage is not None:
            alerts.append(run_alert(group, run, outage))
            alarms.clear()
        for test_id, results in alarms.items():
            test = tests[test_id]
            if test.muted_until is None or test.muted_until <= request.started_at:
                alerts.append(test_alert(group, run, test, results))
    profile_run = context.store.latest_profile_run(group.table_group_id)
    if profile_run is not None:
        findings = context.store.findings(profile_run.profile_run_id)
        alerts += [finding_alert(group, profile_run, item) for item in findings if item.severity.rank >= Severity.ERROR.rank]
    run_id = run.test_run_id if run else profile_run.profile_run_id if profile_run else ""
    return Alerted(alerts, context.store.save_alerts(alerts, run_id=run_id) if alerts else 0)


def _outage(results: list[TestResult]) -> str | None:
    """Return the one cause for which no test at all could be evaluated, or None."""
    causes = {result.error_message for result in results}
    return causes.pop() if len(causes) == 1 and len(results) > 1 else None
