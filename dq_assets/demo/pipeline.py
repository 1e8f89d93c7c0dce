"""The demo's Dagster: what its daemon would do, one tick after the other.

Decision: the pipeline is the real one. Ticks are those of the group's own sensor on the folder's own instance; what a tick reports is stored there, and each
run it asks for is a process of Dagster's own command. One thing is simulated, the calendar: a run carries the tag ``dq/as_of``, six in the morning after the
landing, where a daemon would leave the present moment. Two things save time and change no result: nobody waits half a minute between ticks, and the steps of
a run share one process, since a process a step would spend most of the demo on importing Dagster.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from dq_assets.errors import EvaluationError
from dq_assets.orchestration import build_defs
from dq_assets.orchestration.instance import FOLDER, write_instance_config
from dq_assets.settings_file import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

LOCATION = "dq_assets.definitions"
CONFIGURATION, LOGS = "dq.yaml", "logs"
EXECUTION = "execution: {config: {in_process: {}}}\n"
TIMEOUT_S = 900
_STEP = re.compile(r'Started execution of step "(?:dq__)?([^"]+)"')
_KEEP = """
mutation ($sensor: SensorSelector!, $cursor: String) {
  setSensorCursor(sensorSelector: $sensor, cursor: $cursor) { __typename }
  startSensor(sensorSelector: $sensor) { __typename }
}
"""


class Tick(NamedTuple):
    """What a tick of the sensor asked for, or why it asked for nothing, and the tables it reported as changed."""

    requests: Sequence[dg.RunRequest]
    skipped: str | None
    reported: int


class Pipeline:
    """One table group of a folder with ``dq.yaml``, and the Dagster instance that ``dq ui`` finds there."""

    def __init__(self, folder: Path, group: str) -> None:
        self.folder = folder
        self.sensor = f"{group}_ingestion"
        self.cursor: str | None = None
        self.seconds: dict[str, float] = {}
        self._home = write_instance_config(folder / FOLDER).parent
        self._execution = self._home / "execution.yaml"
        self._execution.write_text(EXECUTION, encoding="utf-8")
        self._instance = dg.DagsterInstance.from_config(str(self._home))
        self._runs = 0
        (folder / LOGS).mkdir()

    def tick(self) -> Tick:
        """Evaluate the sensor from its last cursor, as freshly loaded definitions have it, and store what it reports and its cursor."""
        began = perf_counter()
        definitions = build_defs(load_settings(self.folder / CONFIGURATION))
        repository = definitions.get_repository_def()
        with dg.build_sensor_context(instance=self._instance, cursor=self.cursor, repository_def=repository) as context:
            found = repository.get_sensor_def(self.sensor).evaluate_tick(context)
        for event in found.asset_events:
            self._instance.report_runless_asset_event(event)
        self.cursor = found.cursor
        self._spent("notice", began)
        return Tick(found.run_requests or [], found.skip_message, len(found.asset_events))

    def run(self, request: dg.RunRequest, as_of: datetime, watch: Callable[[str], None]) -> float:
        """Run a job that the sensor asked for, with Dagster's own command, and return its seconds.

        Args:
            request: of a tick.
            as_of: the data time.
            watch: told of each step that starts.

        Raises:
            EvaluationError: ``DQ-DEMO-003`` when the run failed; its log is named.
        """
        began = perf_counter()
        verb = str(request.job_name).rpartition("_")[2]
        tags = {**request.tags, "dq/as_of": as_of.isoformat(), "dagster/sensor_name": self.sensor, "dagster/run_key": request.run_key}
        command = [
            *("-m", "dagster", "job", "execute", "-m", LOCATION, "-j", str(request.job_name)),
            *("-c", str(self._execution), "--tags", json.dumps(tags)),
        ]
        self._runs += 1
        self._call(command, f"{self._runs:02}-{verb}.log", f"the Dagster job {request.job_name}", watch)
        return self._spent(verb, began)

    def hand_over(self) -> None:
        """Leave the cursor to the instance, so that its daemon goes on where the last tick ended.

        Raises:
            EvaluationError: ``DQ-DEMO-003`` when Dagster did not take it; its answer is named.
        """
        began = perf_counter()
        selector = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "sensorName": self.sensor}
        variables = json.dumps({"sensor": selector, "cursor": self.cursor})
        command = ["-c", "from dagster_graphql.cli import main; main()", "-m", LOCATION, "-t", _KEEP, "-v", variables]
        answer = self._call(command, "hand-over.log", "handing the sensor's cursor to Dagster", lambda _: None)
        if answer.read_text(encoding="utf-8").count('"__typename": "Sensor"') != 2:
            raise EvaluationError("DQ-DEMO-003", "Dagster did not take the sensor's cursor.", f"read {answer}.")
        self._spent("hand over", began)

    def close(self) -> None:
        """Let go of the instance."""
        self._instance.dispose()

    def _call(self, command: Sequence[str], log_name: str, what: str, watch: Callable[[str], None]) -> Path:
        """Run a Python command in the folder, as Dagster's user would, and return its log."""
        log = self.folder / LOGS / log_name
        with log.open("w", encoding="utf-8") as output, log.open(encoding="utf-8", errors="replace") as written:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, *command], env=self._environment(), cwd=self.folder, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
            try:
                deadline = time.monotonic() + TIMEOUT_S
                while process.poll() is None and time.monotonic() < deadline:
                    for step in _STEP.findall(written.read()):
                        watch(step.replace("__", "/"))
                    time.sleep(0.1)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        if process.returncode != 0:
            raise EvaluationError("DQ-DEMO-003", f"{what} failed.", f"read {log}.")
        return log

    def _environment(self) -> Mapping[str, str]:
        ours = {"DAGSTER_HOME": str(self._home), "DQ_CONFIG": str(self.folder / CONFIGURATION), "DAGSTER_DISABLE_TELEMETRY": "1"}
        return {**os.environ, **ours}

    def _spent(self, phase: str, began: float) -> float:
        seconds = perf_counter() - began
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds
        return seconds
