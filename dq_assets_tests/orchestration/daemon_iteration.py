"""A process of its own: one round of Dagster's sensor daemon in this folder, killed at a point of the tick of ``dq_schedules`` if one is named.

Arguments: minutes by which the daemon's clock is ahead, so that no sensor is too early; the point, or ``-``.
"""

from __future__ import annotations

import logging
import signal
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.sensor import execute_sensor_iteration

minutes, point = int(sys.argv[1]), sys.argv[2]
crashes = {"dq_schedules": {point: signal.SIGKILL}} if point != "-" else None
target = ModuleTarget("dq_assets.definitions", attribute=None, working_directory=".", location_name="dq_assets")
with (
    dg.DagsterInstance.get() as instance,
    create_test_daemon_workspace_context(target, instance) as workspace,
    freeze_time(datetime.now(UTC) + timedelta(minutes=minutes)),
):
    errors = [
        error
        for error in execute_sensor_iteration(
            workspace, logging.getLogger("daemon"), threadpool_executor=None, submit_threadpool_executor=None, debug_crash_flags=crashes
        )
        if error is not None
    ]
sys.exit(f"{errors}" if errors else 0)
