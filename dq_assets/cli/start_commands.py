"""``dq demo`` and ``dq ui``: starting something that speaks for itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dq_assets.cli.dagster_processes import HOST, refuse_taken_port, run_dagster
from dq_assets.cli.invocation import Invocation
from dq_assets.cli.options import AsJson  # noqa: TC001 - typer reads the annotations when it runs
from dq_assets.errors import ConfigError, EvaluationError

DemoFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the demo; made anew if a demo is there.")]
ConfigFolder = Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder with dq.yaml.", show_default="the current one")]


def demo(
    context: typer.Context,
    folder: DemoFolder = Path("dq_demo"),
    clean: Annotated[bool, typer.Option("--clean", help="Remove the folder instead; only one that the demo made.")] = False,
    days: Annotated[bool, typer.Option("--days", help="Let December arrive day by day, in 31 landings instead of four.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole platform on sample data."""
    from dq_assets.demo import clean_demo, run_demo

    with Invocation(context, "demo", as_json) as call:
        call.document["folder"] = str(folder)
        if clean:
            clean_demo(folder)
            call.output.line(f"{folder} is gone.")
            return
        report = run_demo(folder, call.output, days=days)
        call.document["report"] = report.to_json_dict()
        if not report.ok:
            call.note(1)


def ui(
    context: typer.Context,
    folder: ConfigFolder = None,
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=1, max=65535, help="Port on this machine.")] = 3000,
) -> None:
    """Start Dagster's web UI and daemon, until Ctrl-C."""
    with Invocation(context, "ui", as_json=False) as call:
        if folder is not None and call.config is not None:
            raise ConfigError("DQ-CLI-003", f"both --config {call.config} and the folder {folder} name a configuration.", "leave one of them out.")
        if folder is not None:
            call.config = str(folder / "dq.yaml")
        # Said here and now, rather than by Dagster in its log.
        call.settings()
        path = call.settings_path().absolute()
        refuse_taken_port(port)
        from dq_assets.orchestration.instance import instance_home

        home = instance_home(path)
        log = home / "dq_ui.log"
        environment = {**os.environ, "DQ_CONFIG": str(path), "DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}

        def ready() -> None:
            call.output.line(f"web UI   http://{HOST}:{port}")
            call.output.line(f"daemon   runs the schedules and sensors of {path}")
            call.output.line(f"files    {home}; what both say is in {log.name}")
            call.output.line("Ctrl-C ends both.")
            sys.stdout.flush()

        call.output.progress("Dagster starts, which takes some seconds")
        if run_dagster(port, environment, log, ready) != 0:
            raise EvaluationError("DQ-CLI-007", "Dagster ended by itself.", f"read {log}.")
