"""The steps as commands."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_assets.cli import group_steps
from dq_assets.cli.invocation import Invocation, request
from dq_assets.cli.options import AsJson, AsOf, Batches, Groups  # noqa: TC001 - typer reads the annotations when it runs
from dq_assets.cli.output import counted
from dq_assets.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dq_assets.records.alerts import Alert
    from dq_assets.records.enums import Severity
    from dq_assets.steps.context import RunRequest, StepContext

ALERTS_SHOWN = 100


def provision(context: typer.Context, as_json: AsJson = False) -> None:
    """Create or upgrade the metadata tables; safe to repeat."""
    with Invocation(context, "provision", as_json) as call:
        call.document |= _provisioned(call, call.steps(), request().started_at)


def register(context: typer.Context, groups: Groups = None, as_json: AsJson = False) -> None:
    """Find each group's tables in its source and record them."""
    with Invocation(context, "register", as_json) as call:
        steps, asked = call.steps(), request()
        call.for_each_group(steps, groups, lambda group, entry: entry.update(group_steps.registered(call, steps, group, asked)))


def profile(
    context: typer.Context,
    groups: Groups = None,
    as_of: AsOf = None,
    batch: Batches = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be asked of which table, and run nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure every table and batch, and say what is odd."""
    with Invocation(context, "profile", as_json) as call:
        steps, asked = call.steps(), request(as_of, batch)
        if plan:
            call.for_each_group(steps, groups, lambda group, entry: entry.update(group_steps.planned(call, steps, group, asked)))
            return
        call.for_each_group(steps, groups, lambda group, entry: entry.update(group_steps.profiled(call, steps, group, asked)))


def suggest(
    context: typer.Context,
    groups: Groups = None,
    dropped: Annotated[bool, typer.Option("--dropped", help="List the tests that were considered and dropped, with reasons.")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn each group's tests from its profiles."""
    with Invocation(context, "suggest", as_json) as call:
        steps, asked = call.steps(), request()
        call.for_each_group(steps, groups, lambda group, entry: entry.update(group_steps.suggested(call, steps, group, asked, dropped=dropped)))


def test(
    context: typer.Context,
    groups: Groups = None,  # noqa: PT028 - a verb, no pytest test
    as_of: AsOf = None,  # noqa: PT028
    batch: Batches = None,  # noqa: PT028
    as_json: AsJson = False,  # noqa: PT028
) -> None:
    """Judge what arrived, and list the tests that fail."""
    with Invocation(context, "test", as_json) as call:
        steps, asked = call.steps(), request(as_of, batch)
        call.for_each_group(steps, groups, lambda group, entry: entry.update(group_steps.tested(call, steps, group, asked)))


def alerts(
    context: typer.Context,
    groups: Groups = None,
    acknowledged: Annotated[bool, typer.Option("--all", help="List acknowledged alerts too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write alerts of the newest runs, and list the open ones."""
    with Invocation(context, "alerts", as_json) as call:
        steps, asked = call.steps(), request()
        steps.store.require_ready()
        call.for_each_group(steps, groups, lambda group, entry: entry.update(group_steps.alerted(call, steps, group, asked)))
        found = steps.store.alerts(steps.settings.project, open_only=not acknowledged, limit=ALERTS_SHOWN + 1)
        listed = found[:ALERTS_SHOWN]
        call.document |= {"alerts": listed, "more": len(found) > ALERTS_SHOWN}
        what = f"{'alerts' if acknowledged else 'open alerts'} in project {steps.settings.project}"
        call.output.line(f"The newest {ALERTS_SHOWN} {what}:" if len(found) > ALERTS_SHOWN else f"{len(found)} {what}.")
        columns = ["severity", "raised (UTC)", *(["acknowledged"] if acknowledged else []), "what", "details"]
        call.output.table(columns, _alert_rows(listed, acknowledged))


def run(context: typer.Context, groups: Groups = None, as_of: AsOf = None, batch: Batches = None, as_json: AsJson = False) -> None:
    """Do it all: test what arrived, alert, learn from it.

    In this order: provision, register, test, alerts, profile, suggest, because a batch is judged by the suite learned before it came. A group
    without a suite is profiled and gets one first.
    """
    with Invocation(context, "run", as_json) as call:
        steps, asked = call.steps(), request(as_of, batch)

        def work(group: str, entry: dict[str, Any]) -> None:
            _run_group(call, steps, group, asked, entry)

        call.check_groups(steps, groups)
        if steps.settings.metadata.data_quality_auto_manage_tables:
            call.document["provision"] = _provisioned(call, steps, asked.started_at)
        else:
            steps.store.require_ready()
        call.for_each_group(steps, groups, work)


def _alert_rows(alerts: Sequence[Alert], acknowledged: bool) -> list[list[str]]:
    """Return the rows of a table of alerts; those raised together for the same reason, as all tests are in an outage, share one."""
    together: dict[tuple[datetime, Severity, bool, str], list[str]] = defaultdict(list)
    for item in alerts:
        together[item.created_at, item.severity, item.acknowledged, item.details].append(item.title)
    return [
        [
            severity.value,
            f"{raised:%Y-%m-%d %H:%M}",
            *(["yes" if done else "no"] if acknowledged else []),
            f"{title} and {len(others)} more" if others else title,
            details,
        ]
        for (raised, severity, done, details), (title, *others) in together.items()
    ]


def _provisioned(call: Invocation, steps: StepContext, now: datetime) -> dict[str, Any]:
    from dq_assets.steps.provision import provision

    report = provision(steps, now, actor="cli")
    url = steps.settings.metadata.url
    did = f"{counted(len(report.applied), 'statement')} applied" if report.applied else "up to date"
    call.output.line(f"Metadata in {url.removeprefix('sqlite:///')}: schema version {report.schema_version}, {did}.")
    return {"metadata": url, "schema_version": report.schema_version, "schema_hash": report.schema_hash, "applied": report.applied}


def _run_group(call: Invocation, steps: StepContext, group: str, asked: RunRequest, entry: dict[str, Any]) -> None:
    learned = bool(steps.store.tests(steps.group(group).table_group_id))
    readable = True
    try:
        entry["register"] = group_steps.registered(call, steps, group, asked, brief=True)
    except (SourceError, ConfigError) as error:
        # Without a suite there is nothing to go on with; with one, the outage is a result of its own and raises alerts.
        if not learned:
            raise
        call.fail(error, group)
        readable = False
    if not learned:
        _learn(call, steps, group, asked, entry)
    entry["test"] = group_steps.tested(call, steps, group, asked)
    # Of this run, not of the newest one: an outage must be told even when it is about older data.
    entry["alerts"] = group_steps.alerted(call, steps, group, asked, entry["test"]["run"].test_run_id)
    if learned and readable:
        _learn(call, steps, group, asked, entry)


def _learn(call: Invocation, steps: StepContext, group: str, asked: RunRequest, entry: dict[str, Any]) -> None:
    # The batches asked for are those to judge; learning takes whatever is new.
    entry["profile"] = group_steps.profiled(call, steps, group, asked.model_copy(update={"batches": None}), brief=True)
    entry["suggest"] = group_steps.suggested(call, steps, group, asked, brief=True)
