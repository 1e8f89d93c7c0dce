"""``dq status``: where each group stands. Reads the store only; no source is asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer  # noqa: TC002 - typer reads the annotations when it runs

from dq_assets.cli.group_steps import VERDICTS_SHOWN, batch_words, span
from dq_assets.cli.invocation import Invocation
from dq_assets.cli.options import AsJson, Groups  # noqa: TC001 - as above
from dq_assets.cli.output import counted

if TYPE_CHECKING:
    from dq_assets.steps.context import StepContext

ALERTS_COUNTED = 10_000


def status(context: typer.Context, groups: Groups = None, as_json: AsJson = False) -> None:
    """Show where each group stands; no source is asked."""
    with Invocation(context, "status", as_json) as call:
        steps = call.steps()
        call.check_groups(steps, groups)
        steps.store.require_ready()
        call.for_each_group(steps, groups, lambda group, entry: entry.update(_show(call, group, _standing(steps, group))))
        alerts = Counter(alert.severity.value for alert in steps.store.alerts(steps.settings.project, open_only=True, limit=ALERTS_COUNTED))
        call.document["open_alerts"] = {"total": alerts.total(), "by_severity": dict(alerts)}
        said = ", ".join(f"{number:,} {name}" for name, number in alerts.most_common())
        call.output.line(f"open alerts in project {steps.settings.project}: {said or 'none'}{' (`dq alerts` lists them)' if alerts else ''}")


def _standing(steps: StepContext, group: str) -> dict[str, Any]:
    group_id = steps.group(group).table_group_id
    tables = steps.store.tables(group_id)
    tests = steps.store.tests(group_id)
    test_run = steps.store.latest_test_run(group_id)
    results = steps.store.test_results(test_run.test_run_id) if test_run else []
    return {
        "connection": steps.group_settings(group).connection,
        "tables": [{"table": str(table.name), "batch": batch_words(table.batch)} for table in tables],
        "profile_run": steps.store.latest_profile_run(group_id),
        "tests": dict(Counter(test.origin.value for test in tests)),
        "test_run": test_run,
        "verdicts": dict(Counter(result.result_status.value for result in results)),
        "batches": sorted({result.batch_key for result in results if result.batch_key is not None}),
        "unfinished_runs": [{"kind": run.kind, "run_id": run.run_id, "dagster_run_id": run.dagster_run_id} for run in steps.store.unfinished_runs(group_id)],
    }


def _show(call: Invocation, group: str, standing: dict[str, Any]) -> dict[str, Any]:
    profile, test, counts = standing["profile_run"], standing["test_run"], standing["verdicts"]
    tables = ", ".join(f"{table['table']} ({table['batch']})" for table in standing["tables"])
    verdicts = " · ".join(f"{counts[name]:,} {name}" for name in VERDICTS_SHOWN if name in counts)
    origins = ", ".join(f"{number:,} {origin}" for origin, number in standing["tests"].items())
    profiled = f"as of {profile.as_of:%Y-%m-%d %H:%M} UTC: {counted(profile.row_count, 'row')}, {counted(profile.anomaly_count, 'finding')}" if profile else ""
    tested = f"as of {test.as_of:%Y-%m-%d %H:%M} UTC: {verdicts or 'no test'}; {span(standing['batches'], counts)}" if test else ""
    unfinished = ", ".join(f"{run['kind']} run {run['run_id']}" for run in standing["unfinished_runs"])
    call.output.line(f"{group} (connection {standing['connection']})", "bold")
    for name, value, missing in (
        ("tables", tables, "none; run `dq register`"),
        ("profiled", profiled, "never; run `dq profile`"),
        ("suite", origins and f"{counted(sum(standing['tests'].values()), 'test')}: {origins}", "no test; run `dq suggest`"),
        ("tested", tested, "never; run `dq test`"),
        ("unfinished", unfinished, "no run"),
    ):
        call.output.line(f"  {name:<11}{value or missing}")
    return standing
