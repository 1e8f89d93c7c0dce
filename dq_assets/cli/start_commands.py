"""``dq demo`` and ``dq ui``: starting something that speaks for itself."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from dq_assets.cli.invocation import Invocation
from dq_assets.cli.options import AsJson  # noqa: TC001 - typer reads the annotations when it runs
from dq_assets.errors import ConfigError

DemoFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the demo; made anew if a demo is there.")]
ConfigFolder = Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder with dq.yaml.", show_default="the current one")]


def demo(
    context: typer.Context,
    folder: DemoFolder = Path("dq_demo"),
    clean: Annotated[bool, typer.Option("--clean", help="Remove the folder instead; only one that the demo made.")] = False,
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
        report = run_demo(folder, call.output.progress if as_json else call.output.line)
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
        environment = {**os.environ, "DQ_CONFIG": str(path), "DAGSTER_DISABLE_TELEMETRY": "1"}
        if (path.parent / ".dagster").is_dir():
            environment["DAGSTER_HOME"] = str(path.parent / ".dagster")
        call.output.line(f"Dagster starts on http://127.0.0.1:{port} with {path}; Ctrl-C ends it.")
        sys.stdout.flush()
        # A shell starts its background jobs with SIGINT ignored, which is inherited; `dagster dev` would then heed no signal at all.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # Dagster takes this process's place, so that Ctrl-C, signals and the exit code are between it and the terminal.
        os.execve(  # noqa: S606 - no shell, fixed arguments
            sys.executable,
            [sys.executable, "-m", "dagster", "dev", "-m", "dq_assets.definitions", "-h", "127.0.0.1", "-p", str(port)],
            environment,
        )
