"""A pipeline tells Dagster what it wrote: the command of docs/ingestion.md against a real web server, and what the daemon makes of it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dq_assets.orchestration import build_defs
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

from .arrivals import ORDERS, ROWS
from .conftest import land_day, make_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

AUTOMATED = """\
    trigger: automation
    automation: stopped
    learn_after_validation: false
"""
PATIENCE_S = 240


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@contextmanager
def service(project: Path, *command: str) -> Iterator[None]:
    """One of Dagster's commands, as long as the block lasts."""
    environment = {**os.environ, "DAGSTER_HOME": str(project / "home"), "DQ_CONFIG": str(project / "dq.yaml")}
    with (project / f"{command[0]}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "-m", "dq_assets.definitions"], cwd=project, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def documented_command(page: Path, port: int) -> str:
    """The page's curl command, with this server's port."""
    (block,) = re.findall(r"```sh\n(curl .*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return block.replace("127.0.0.1:3000", f"127.0.0.1:{port}")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the documented command needs curl")
def test_a_push_is_an_event_of_the_table_and_starts_one_run_of_the_whole_validation(tmp_path: Path, repository: Path) -> None:
    make_project(tmp_path, rows=ROWS)
    configuration = tmp_path / "dq.yaml"
    configuration.write_text(configuration.read_text(encoding="utf-8") + AUTOMATED, encoding="utf-8")
    settings = load_settings(configuration)
    register(StepContext.open(settings), "sales", datetime.now(UTC))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    port = free_port()
    with (
        dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance,
        service(tmp_path, "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)),
    ):
        assert build_defs(settings).resolve_job_def("sales_learn").execute_in_process(instance=instance).success
        start = [sys.executable, "-m", "dagster", "sensor", "start", "sales_automation", "-m", "dq_assets.definitions"]
        environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), "DQ_CONFIG": str(configuration)}
        subprocess.run(start, cwd=tmp_path, env=environment, check=True, capture_output=True)

        def finished() -> list[dg.DagsterRun]:
            runs = instance.get_runs(dg.RunsFilter(tags={"dq/trigger": "ingestion"}))
            assert all(run.status is not dg.DagsterRunStatus.FAILURE for run in runs)
            return [run for run in runs if run.status is dg.DagsterRunStatus.SUCCESS]

        with service(tmp_path, "dagster._daemon", "run"):
            wait_for(lambda: len(finished()) == 1)  # the first evaluation counts as an arrival
            wait_for(lambda: is_up(port))
            land_day(tmp_path, 30, rows=ROWS)
            pushed = subprocess.run(documented_command(repository / "docs" / "ingestion.md", port), shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - the page's own text
            assert pushed.stdout == "{}"
            wait_for(lambda: len(finished()) == 2)
        (event,) = instance.fetch_materializations(ORDERS, limit=10).records
        assert event.asset_materialization is not None
        assert event.asset_materialization.tags["dagster/data_version"] == "2024-04-01T06:00:00Z"
        run = finished()[0]
        assert {key.path[-1] for key in run.asset_selection or ()} == {"test_results", "alerts"}
        assert len(run.asset_check_selection or ()) == 18
        assert run.tags["dq/table_group"] == "sales"
        steps = StepContext.open(settings)
        newest = steps.store.latest_test_run(steps.group("sales").table_group_id)
        assert newest is not None
        assert newest.dagster_run_id == run.run_id, "checks and alerts read back what this run judged"
        assert "2024-03-31" in {result.batch_key for result in steps.store.test_results(newest.test_run_id)}
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/report_asset_materialization/a", data=b"{}", timeout=10)
