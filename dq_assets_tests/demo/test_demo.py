"""The demo as a user runs it, and what it leaves behind, read from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
import pytest

from dq_assets.demo import clean_demo
from dq_assets.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


class Demo(NamedTuple):
    """A finished demo: its folder, what it printed, and its result file."""

    folder: Path
    printed: str
    result: dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "out"
    finished = subprocess.run(
        [sys.executable, "-m", "dq_assets.cli", "demo", str(folder)], capture_output=True, text=True, timeout=900, check=False, stdin=subprocess.DEVNULL
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return Demo(folder, finished.stdout, json.loads((folder / "result.json").read_text(encoding="utf-8")))


def select(demo: Demo, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(demo.folder / ".dq" / "metadata.db")) as connection:
        return connection.execute(query).fetchall()


def test_at_least_six_kinds_of_planted_defects_are_found_and_a_clean_landing_is_silent(demo: Demo) -> None:
    assert demo.result["found"] >= 6
    assert demo.result["planted"] >= 6
    assert demo.result["clean_alarms"] == []


def test_the_headline_is_the_result_file(demo: Demo) -> None:
    assert f"found {demo.result['found']} of {demo.result['planted']} planted defects, {demo.result['false_alarms']} false alarms" in demo.printed
    assert f"dq ui {demo.folder}" in demo.printed


def test_the_metadata_database_agrees_with_what_was_printed(demo: Demo) -> None:
    profiled = select(demo, "SELECT table_count, column_count, row_count, anomaly_count FROM dq_profiles WHERE status = 'completed'")
    assert profiled == [(demo.result["profiled"]["tables"], demo.result["profiled"]["columns"], demo.result["profiled"]["rows"], demo.result["findings"])]
    assert select(demo, "SELECT count(*) FROM dq_profile_results")[0][0] == demo.result["profiled"]["columns"]
    assert select(demo, "SELECT count(*) FROM dq_profile_anomalies")[0][0] == demo.result["findings"]
    assert dict(select(demo, "SELECT rule_type, count(*) FROM dq_tests WHERE enabled = 1 GROUP BY 1")) == demo.result["tests_by_rule"]
    last = "(SELECT test_run_id FROM dq_test_runs ORDER BY as_of DESC LIMIT 1)"
    assert dict(select(demo, f"SELECT result_status, count(*) FROM dq_test_results WHERE test_run_id = {last} GROUP BY 1")) == demo.result["judged"]
    first = "(SELECT test_run_id FROM dq_test_runs ORDER BY as_of LIMIT 1)"
    assert select(demo, f"SELECT failed_tests, warning_tests, error_tests FROM dq_test_runs WHERE test_run_id = {first}") == [(0, 0, 0)]
    profiled_line = (
        f"profiled {demo.result['profiled']['tables']} tables, {demo.result['profiled']['columns']} columns, {demo.result['profiled']['rows']:,} rows"
    )
    assert profiled_line in demo.printed


def test_every_failing_test_of_the_defective_landing_has_an_alert(demo: Demo) -> None:
    failing = {title for (title,) in select(demo, "SELECT DISTINCT test_id FROM dq_test_results WHERE result_status IN ('warn', 'fail', 'error')")}
    assert select(demo, "SELECT count(*) FROM dq_alerts WHERE source_type = 'test_failure'")[0][0] == len(failing) > 0


def test_all_of_it_ran_through_dagster_one_process_a_step(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(demo.folder / ".dagster"))
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
        assert sorted(run.job_name for run in runs) == ["nycflights_learn", "nycflights_validate", "nycflights_validate"]
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        events = [entry for run in runs for entry in instance.all_logs(run.run_id)]
        executor = {entry.message for entry in events if "multiprocess executor" in entry.message}
        processes = {
            entry.message.rsplit("pid: ", 1)[-1] for entry in events if entry.dagster_event and entry.dagster_event.event_type_value == "STEP_WORKER_STARTED"
        }
    assert executor
    steps = sum(1 for entry in events if entry.dagster_event and entry.dagster_event.event_type_value == "STEP_SUCCESS")
    assert steps == 11
    assert processes


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work", encoding="utf-8")
    with pytest.raises(ConfigError, match="DQ-DEMO-002"):
        clean_demo(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.fixture
def web(demo: Demo) -> Iterator[str]:
    """The demo's Dagster UI as ``dq ui`` starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dq_assets.cli", "ui", str(demo.folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310 - our own server
                    break
            except OSError:
                assert server.poll() is None, "dq ui ended"
                assert time.monotonic() < deadline, "dq ui did not answer"
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


def shown(address: str) -> str:
    """Return the page's document as headless Chromium holds it once it has settled."""
    with tempfile.TemporaryDirectory() as profile:
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        command = ["chromium", *flags, f"--user-data-dir={profile}", "--window-size=1800,1300", "--virtual-time-budget=40000", "--dump-dom", address]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=True).stdout


@pytest.mark.browser
def test_a_browser_shows_the_lineage_and_a_failed_check_with_its_failing_tests(web: str) -> None:
    assert shutil.which("chromium"), "this test needs Debian's chromium"
    lineage = shown(f"{web}/locations/dq_assets.definitions/asset-groups/nycflights/lineage")
    for name in ("flights", "weather", "profile_run", "test_suite", "test_results", "alerts"):
        assert name in lineage
    check = shown(f"{web}/assets/landing/main/flights?view=checks&checkDetail=dq_validity")
    assert "LOV_Match" in check
    assert "values of carrier are not in the list of known values" in check
