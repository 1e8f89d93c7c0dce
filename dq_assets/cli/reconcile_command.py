"""``dq reconcile``: close what nobody ended. Reads and writes the store only; no source and no Dagster is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from dq_assets.cli.invocation import Invocation, request
from dq_assets.cli.options import AsJson, Groups  # noqa: TC001 - typer reads the annotations when it runs
from dq_assets.cli.output import counted

OlderThan = Annotated[float, typer.Option("--older-than", metavar="HOURS", min=0, help="How long ago a run must have begun to be closed.")]


def reconcile(context: typer.Context, groups: Groups = None, older_than: OlderThan = 6, as_json: AsJson = False) -> None:
    """Close runs that were killed and never ended."""
    from dq_assets.steps.reconcile import reconcile as close

    with Invocation(context, "reconcile", as_json) as call:
        steps, now = call.steps(), request().started_at
        names = call.check_groups(steps, groups)
        steps.store.require_ready()
        closed = close(steps, now, names, max_age=timedelta(hours=older_than))
        group_of = {steps.group(name).table_group_id: name for name in names}
        left = sum(len(steps.store.unfinished_runs(group_id)) for group_id in group_of)
        call.document |= {
            "closed": [
                {"group": group_of[item.run.table_group_id], **item.run.model_dump(exclude={"table_group_id"}), "status": item.status, "message": item.message}
                for item in closed
            ],
            "left": left,
        }
        younger = f"; {counted(left, 'unfinished run')} younger than {older_than:g} hours left alone" if left else ""
        call.output.line(f"{counted(len(closed), 'run')} closed{younger}.")
        rows = [(group_of[item.run.table_group_id], f"{item.run.kind} run {item.run.run_id}", f"{item.run.started_at:%Y-%m-%d %H:%M}") for item in closed]
        call.output.table(["group", "run", "begun (UTC)"], rows)
