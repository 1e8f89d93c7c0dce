"""A Dagster run whose processes are killed inside a step, and then run again: the rows of an undisturbed run.

Real processes: Dagster's command with its multiprocess executor on a persistent instance, ended by SIGKILL.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import DAYS, land_day, make_project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ROWS = 20_000
WALL_CLOCK = {
    "audit_id",  # made of the moment too
    "attempt",
    "captured_at",
    "completed_at",
    "created_at",
    "dagster_run_id",
    "detected_at",
    "duration_ms",
    "execution_time_ms",
    "generated_at",
    "latest_run_completed_at",
    "message_time",
    "started_at",
    "updated_at",
    "valid_from",
}
AS_OF = {"learn": "2024-03-31T06:00:00+00:00", "validate": "2024-04-01T06:00:00+00:00"}


def start(folder: Path, verb: str) -> subprocess.Popen[bytes]:
    """Start a job of the group as Dagster's command does, in a process group of its own."""
    tags = {"dq/as_of": AS_OF[verb], "dq/run_token": f"{verb} once"}
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "dq_assets.definitions", "-j", f"sales_{verb}", "--tags", json.dumps(tags)]
    environment = {**os.environ, "DAGSTER_HOME": str(folder / "instance"), "DQ_CONFIG": str(folder / "dq.yaml")}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def run(folder: Path, verb: str) -> None:
    assert start(folder, verb).wait(timeout=300) == 0


def statuses(folder: Path, table: str) -> list[str]:
    path = folder / ".dq" / "metadata.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            return [status for (status,) in connection.execute(f"SELECT status FROM {table}")]
        except sqlite3.OperationalError:
            return []


def kill_inside(folder: Path, verb: str, table: str) -> None:
    """Run a job until its step has begun a run of ``table``, then kill every process of it."""
    process = start(folder, verb)
    deadline = time.monotonic() + 120
    while "running" not in statuses(folder, table):
        assert process.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert statuses(folder, table) == ["running"], "the step was over before it was killed"


def rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table's rows without its wall-clock columns, sorted."""
    found = {}
    with closing(sqlite3.connect(folder / ".dq" / "metadata.db")) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
            if table == "dq_settings":
                continue
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name not in WALL_CLOCK]
            listed = ", ".join(f'"{name}"' for name in columns)
            found[table] = sorted(connection.execute(f"SELECT {listed} FROM {table}").fetchall(), key=repr)
    return found


def test_a_run_killed_inside_profile_run_and_inside_test_results_leaves_the_rows_of_an_undisturbed_one(tmp_path: Path) -> None:
    calm, troubled = tmp_path / "calm", tmp_path / "troubled"
    calm.mkdir()
    make_project(calm, rows=ROWS)
    (calm / "instance").mkdir()
    from dq_assets.settings_file import load_settings
    from dq_assets.steps.context import StepContext
    from dq_assets.steps.register import register

    from .test_definitions import NOW

    register(StepContext.open(load_settings(calm / "dq.yaml")), "sales", NOW)
    shutil.copytree(calm, troubled)  # keeps the files' times, which are part of their version

    run(calm, "learn")
    kill_inside(troubled, "learn", "dq_profiles")
    run(troubled, "learn")

    land_day(calm, DAYS, broken=True, rows=ROWS)
    landed = max((calm / "landing" / "orders").iterdir())
    shutil.copy2(landed, troubled / "landing" / "orders" / landed.name)
    run(calm, "validate")
    kill_inside(troubled, "validate", "dq_test_runs")
    run(troubled, "validate")

    undisturbed, repeated = rows(calm), rows(troubled)
    assert undisturbed["dq_test_results"]
    assert undisturbed["dq_profile_metrics"]
    assert undisturbed["dq_alerts"]
    for table, expected in undisturbed.items():
        assert repeated[table] == expected, table
