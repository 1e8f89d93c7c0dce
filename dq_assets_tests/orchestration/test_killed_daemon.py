"""The sensor daemon killed at every point of a tick, one kill after another: the one fire that is due becomes one run.

Real processes: Dagster's own sensor loop against a real code server, ended by SIGKILL where Dagster's own tests end it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dq_assets.records import identity
from dq_assets.records.schedules import ScheduleTarget
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.schedules import Target, set_schedule

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("daemon_iteration.py")
POINTS = ["TICK_CREATED", "TICK_HELD", "RUN_IDS_RESERVED", "RUN_CREATED", "RUN_LAUNCHED"]


def one_round(folder: Path, number: int, point: str = "-") -> int:
    """Let the daemon go round once, with its code server, and return how its process ended."""
    environment = {**os.environ, "DAGSTER_HOME": str(folder / "instance"), "DQ_CONFIG": str(folder / "dq.yaml"), "DAGSTER_DISABLE_TELEMETRY": "1"}
    with subprocess.Popen([sys.executable, str(SCRIPT), str(number), point], cwd=folder, env=environment, start_new_session=True) as process:
        code = process.wait(timeout=300)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the code server, which would wait for its daemon
    return code


def test_a_daemon_killed_at_every_point_of_a_tick_makes_one_run_of_one_fire(learned_sales: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sales"
    shutil.copytree(learned_sales, folder)
    (folder / "instance").mkdir()
    (folder / "instance" / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    steps = StepContext.open(load_settings(folder / "dq.yaml"))
    made = datetime(2024, 2, 1, tzinfo=UTC)
    schedule = set_schedule(steps, Target("sales", ScheduleTarget.TEST_SUITE), "0 0 29 2 *", "UTC", made, actor="ann").schedule
    for number, point in enumerate(POINTS):
        assert one_round(folder, number, point) == -signal.SIGKILL, point
        assert steps.store.schedules("default")[0].last_run_at is None, "no cursor was kept yet"
    for number in range(len(POINTS), len(POINTS) + 2):
        assert one_round(folder, number) == 0
    key = f"schedule:{schedule.schedule_id}@2024-02-29T00:00Z"
    with dg.DagsterInstance.from_config(str(folder / "instance")) as instance:
        runs = [run for run in instance.get_runs() if run.tags.get("dagster/sensor_name") == "dq_schedules"]
    assert [(run.job_name, run.tags["dagster/run_key"], run.status) for run in runs] == [("sales_validate", key, dg.DagsterRunStatus.QUEUED)]
    (shown,) = steps.store.schedules("default")
    assert shown.last_run_at == datetime(2024, 2, 29, tzinfo=UTC)
    assert shown.last_run_id == identity.run_id("test", steps.group("sales").table_group_id, key)
