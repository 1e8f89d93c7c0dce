"""``dq ui`` for real: Dagster's web server and daemon, what they serve, a killed run that is done again, and an end that leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from urllib.error import URLError
from urllib.request import Request, urlopen

import dagster as dg
import psutil
import pytest

PATIENCE_S = 300
"""The slowest machine that runs the tests has two busy cores."""
QUESTION = """
{
  workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError { __typename } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType healthy } } }
  repositoriesOrError { ... on RepositoryConnection { nodes { sensors { name sensorState { status } } schedules { name } jobs { name } } } }
}
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Running:
    """``dq ui`` on the shop, as a process."""

    def __init__(self, shop):
        self.folder = shop.folder
        self.port = free_port()
        command = [sys.executable, "-m", "dq_assets.cli", "ui", str(shop.folder), "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=shop.folder.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def wait(self, until):
        deadline = time.monotonic() + PATIENCE_S
        while not (found := until()):
            assert self.process.poll() is None, self.process.communicate()[0] + self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.5)
        return found

    @property
    def log(self):
        path = self.folder / ".dagster" / "dq_ui.log"
        return path.read_text() if path.exists() else ""

    def ask(self):
        """Return what GraphQL answers, None as long as nobody does."""
        body = json.dumps({"query": QUESTION}).encode()
        with suppress(URLError, ConnectionError, TimeoutError):
            asked = Request(f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"})
            with urlopen(asked, timeout=20) as answer:  # noqa: S310 - our own address
                return json.load(answer)["data"]
        return None

    def runs(self, **filters):
        """Return the runs with their events, newest first; not before Dagster has made its files, which two processes must not do at once."""
        with dg.DagsterInstance.from_config(str(self.folder / ".dagster")) as instance:
            found = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(**filters))]
            return [(run, instance.all_logs(run.run_id)) for run in found]

    def end(self, number):
        """Send a signal to this one process, and return what it said."""
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        return said

    def processes(self):
        """Every process of it that is left."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("DQ_CONFIG") == str(self.folder / "dq.yaml") and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


@pytest.fixture
def start(shop):
    """Start ``dq ui``; whatever a failing test leaves is killed."""
    started = []

    def begin():
        started.append(Running(shop))
        return started[-1]

    yield begin
    for running in started:
        for process in running.processes():
            process.kill()
        running.process.kill()
        running.process.communicate()


def test_a_port_in_use_is_one_clear_error(shop):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = shop.process("ui", "--port", str(port))
    assert (answer.returncode, answer.stdout) == (2, "")
    (line,) = answer.stderr.splitlines()
    assert line.startswith(f"error: DQ-CLI-006: port {port} of 127.0.0.1 cannot be used: Address already in use. Fix: ")
    assert not (shop.folder / ".dagster").exists()


def test_a_dagster_that_cannot_start_is_one_clear_error_that_names_its_log(shop):
    (shop.folder / ".dagster").mkdir()
    (shop.folder / ".dagster" / "dagster.yaml").write_text("telemetry: 5\n")
    answer = shop.process("ui", "--port", str(free_port()))
    assert (answer.returncode, answer.stdout) == (3, "")
    log = shop.folder / ".dagster" / "dq_ui.log"
    assert answer.stderr == f"error: DQ-CLI-007: Dagster ended by itself. Fix: read {log}.\n"
    assert "telemetry" in log.read_text()


@pytest.mark.slow
def test_it_serves_the_configuration_with_a_healthy_daemon_and_ctrl_c_ends_it_all(start, shop):
    running = start()
    # The daemon beats once it is up, and the sensors of a new instance are listed at once.
    answer = running.wait(lambda: (said := running.ask()) and said["instance"]["daemonHealth"]["allDaemonStatuses"] and _all_healthy(said) and said)
    (location,) = answer["workspaceOrError"]["locationEntries"]
    assert (location["loadStatus"], location["locationOrLoadError"]["__typename"]) == ("LOADED", "RepositoryLocation")
    (repository,) = answer["repositoriesOrError"]["nodes"]
    sensors = {sensor["name"]: sensor["sensorState"]["status"] for sensor in repository["sensors"]}
    assert {"dq_reconcile", "dq_run_failures", "sales_ingestion"} <= sensors.keys()
    assert set(sensors.values()) == {"RUNNING"}
    assert {"sales_learn", "sales_validate"} <= {job["name"] for job in repository["jobs"]}
    said = running.end(signal.SIGINT)
    assert running.process.returncode == 0
    home = running.folder / ".dagster"
    assert said.splitlines() == [
        f"web UI   http://127.0.0.1:{running.port}",
        f"daemon   runs the schedules and sensors of {running.folder / 'dq.yaml'}",
        f"files    {home}; what both say is in dq_ui.log",
        "Ctrl-C ends both.",
    ]
    assert running.processes() == []
    assert (home / "dagster.yaml").is_file()
    assert "Traceback" not in running.log


def _all_healthy(said):
    statuses = said["instance"]["daemonHealth"]["allDaemonStatuses"]
    return {status["daemonType"] for status in statuses if status["healthy"]} >= {"SENSOR", "SCHEDULER", "MONITORING", "QUEUED_RUN_COORDINATOR"}


@pytest.mark.slow
def test_a_run_whose_process_is_killed_is_done_again_by_itself_and_terminating_in_the_middle_of_a_run_leaves_no_process(start, shop, good_day):
    shop.land(good_day)
    running = start()

    def worker():
        """The process of the run that the ingestion sensor asked for."""
        going_on = running.runs(statuses=[dg.DagsterRunStatus.STARTED])
        return next((event.get_dagster_event().pid for _, events in going_on for event in events if _begins(event)), None)

    running.wait(running.ask)
    os.kill(running.wait(worker), signal.SIGKILL)
    ((killed, _),) = running.wait(lambda: running.runs(statuses=[dg.DagsterRunStatus.FAILURE]))
    same = {"dq/run_token": killed.tags["dq/run_token"]}
    ((again, _),) = running.wait(lambda: running.runs(statuses=[dg.DagsterRunStatus.STARTED], tags=same))
    assert again.tags["dq/redo_of"] == killed.run_id
    assert [run.run_id for run, _ in running.runs(tags=same)] == [again.run_id, killed.run_id]
    assert running.end(signal.SIGTERM)
    assert running.process.returncode == 0
    assert running.processes() == []


def _begins(event):
    return event.is_dagster_event and event.get_dagster_event().event_type is dg.DagsterEventType.RUN_START
