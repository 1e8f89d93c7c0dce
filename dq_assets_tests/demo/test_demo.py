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
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest

from dq_assets.demo import clean_demo
from dq_assets.demo.report import KINDS_TO_FIND, DemoReport
from dq_assets.demo.run import make_folder
from dq_assets.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLIGHTS = dg.AssetKey(["landing", "main", "flights"])


class Demo(NamedTuple):
    """A finished demo: its folder, what it printed, and its two files."""

    folder: Path
    printed: str
    result: dict[str, Any]
    key: list[dict[str, Any]]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo, run in the folder of an earlier one that left its traces."""
    folder = make_folder(tmp_path_factory.mktemp("demo") / "out")
    (folder / "landing" / "flights").mkdir(parents=True)
    (folder / "landing" / "flights" / "old.parquet").write_text("from an earlier demo", encoding="utf-8")
    (folder / "result.json").write_text("{}", encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-m", "dq_assets.cli", "demo", str(folder)], capture_output=True, text=True, timeout=1800, check=False, stdin=subprocess.DEVNULL
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stderr == "", "nobody was watching, so there is nothing to say on the way"
    return Demo(folder, finished.stdout, read(folder / "result.json"), read(folder / "answer_key.json"))


@pytest.fixture
def instance(demo: Demo) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(demo.folder / ".dagster")) as opened:
        yield opened


def select(demo: Demo, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(demo.folder / ".dq" / "metadata.db")) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.slow
def test_at_least_twelve_kinds_of_planted_defects_are_found_and_clean_landings_are_silent(demo: Demo) -> None:
    assert KINDS_TO_FIND == 12
    assert demo.result["found"] >= KINDS_TO_FIND
    assert demo.result["planted"] == len(demo.key) >= 12
    assert demo.result["clean_alarms"] == []
    assert [(landing["planted"] > 0, landing["alarms"] > 0) for landing in demo.result["landings"]] == [(False, False), (True, True)] * 2


@pytest.mark.slow
def test_misses_are_shown_as_openly_as_finds(demo: Demo) -> None:
    for defect in demo.result["defects"]:
        (line,) = [line for line in demo.printed.splitlines() if line.startswith(f"{defect['planted']['kind']} ")]
        assert ("MISSED" in line) == (not defect["found_by"])
        assert all(line.count(alarm["rule_type"]) for alarm in defect["found_by"])


@pytest.mark.slow
def test_the_answer_key_says_what_was_planted_and_the_landed_files_agree(demo: Demo) -> None:
    assert [defect["planted"] for defect in demo.result["defects"]] == demo.key
    landed = {planted["kind"]: planted for planted in demo.key}
    flights = str(demo.folder / "landing" / "flights" / "*.parquet")
    for kind, condition in {
        "orphan codes": "carrier = 'XX'",
        "impossible dates": "year(time_hour) < 2013",
        "schema drift": "gate IS NOT NULL",
        "disguised missing": "distance < 0",
    }.items():
        query = f"SELECT count(*) FROM read_parquet('{flights}', union_by_name = true) WHERE {condition}"
        assert duckdb.sql(query).fetchall() == [(landed[kind]["rows"],)], kind


@pytest.mark.slow
def test_nobody_but_the_demo_itself_reads_the_answer_key(demo: Demo) -> None:
    written = (demo.folder / "answer_key.json").stat().st_mtime
    assert written < min(path.stat().st_mtime for path in (demo.folder / "logs").iterdir())
    readers = [path for path in (demo.folder / "logs").iterdir() if "answer_key" in path.read_text(encoding="utf-8")]
    assert readers == []


@pytest.mark.slow
def test_the_result_file_is_the_report_with_its_headline(demo: Demo) -> None:
    headline = {"ok", "found", "planted", "false_alarms"}
    assert set(demo.result) == {*DemoReport.model_fields, *headline}
    report = DemoReport.model_validate({name: value for name, value in demo.result.items() if name not in headline})
    assert report.to_json_dict() == demo.result
    assert demo.result["ok"]
    assert sum(spent for phase, spent in demo.result["seconds"].items() if phase != "total") <= demo.result["seconds"]["total"] + 1
    assert sum(sum(landing["judged"].values()) for landing in demo.result["landings"]) == sum(demo.result["judged"].values())
    assert sum(landing["found"] for landing in demo.result["landings"]) == demo.result["found"]
    assert f"found {demo.result['found']} of {demo.result['planted']} planted defects, {demo.result['false_alarms']} false alarms" in demo.printed
    assert f"dq ui {demo.folder}" in demo.printed


@pytest.mark.slow
def test_the_metadata_database_agrees_with_what_was_printed(demo: Demo) -> None:
    newest = "(SELECT profile_run_id FROM dq_profiles WHERE status = 'completed' ORDER BY as_of DESC LIMIT 1)"
    profiled = select(demo, f"SELECT table_count, column_count, row_count, anomaly_count FROM dq_profiles WHERE profile_run_id = {newest}")
    assert profiled == [(demo.result["profiled"]["tables"], demo.result["profiled"]["columns"], demo.result["profiled"]["rows"], demo.result["findings"])]
    assert select(demo, f"SELECT count(*) FROM dq_profile_results WHERE profile_run_id = {newest}")[0][0] == demo.result["profiled"]["columns"]
    assert select(demo, f"SELECT count(*) FROM dq_profile_anomalies WHERE profile_run_id = {newest}")[0][0] == demo.result["findings"]
    assert dict(select(demo, "SELECT rule_type, count(*) FROM dq_tests WHERE enabled = 1 GROUP BY 1")) == demo.result["tests_by_rule"]
    by_run = select(demo, "SELECT failed_tests, warning_tests, error_tests, total_tests FROM dq_test_runs ORDER BY as_of")
    assert [sum(row[:3]) for row in by_run] == [landing["alarms"] for landing in demo.result["landings"]]
    assert [row[3] for row in by_run] == [sum(landing["judged"].values()) for landing in demo.result["landings"]]
    profiled_line = (
        f"profiled {demo.result['profiled']['tables']} tables, {demo.result['profiled']['columns']} columns, {demo.result['profiled']['rows']:,} rows"
    )
    assert profiled_line in demo.printed


@pytest.mark.slow
def test_what_came_late_is_judged_again_and_passes(demo: Demo) -> None:
    late = next(planted for planted in demo.key if planted["kind"] == "late load")
    query = f"""
        SELECT run.as_of, sum(result_status IN ('warn', 'fail', 'error')) FROM dq_test_results JOIN dq_test_runs AS run USING (test_run_id)
        WHERE table_name = '{late["table"]}' AND batch_key = '{late["day"]}' GROUP BY 1 ORDER BY 1
    """
    judged = select(demo, query)
    assert [alarms > 0 for _, alarms in judged] == [True, False]


@pytest.mark.slow
def test_a_batch_that_failed_teaches_nothing(demo: Demo) -> None:
    query = "SELECT DISTINCT table_name, batch_key FROM dq_test_results WHERE result_status = 'fail' AND batch_key IS NOT NULL"
    latest = "SELECT table_name, batch_key FROM dq_test_results JOIN dq_test_runs USING (test_run_id)"
    healed = set(select(demo, f"{latest} GROUP BY 1, 2, test_run_id HAVING sum(result_status = 'fail') = 0"))
    failed = set(select(demo, query)) - healed
    known = "SELECT t.table_name, m.batch_key FROM dq_profile_metrics AS m JOIN dq_tables AS t USING (table_id) WHERE m.baseline_status = 'learned'"
    assert failed
    assert failed & set(select(demo, known)) == set()


@pytest.mark.slow
def test_every_failing_test_of_a_landing_has_an_alert(demo: Demo) -> None:
    failing = select(demo, "SELECT DISTINCT test_id, test_run_id FROM dq_test_results WHERE result_status IN ('warn', 'fail', 'error')")
    assert select(demo, "SELECT count(*) FROM dq_alerts WHERE source_type = 'test_failure'")[0][0] == len(failing) > 0


@pytest.mark.slow
def test_the_sensor_asked_for_every_run_and_each_was_a_process_of_dagsters_own(demo: Demo, instance: dg.DagsterInstance) -> None:
    runs = sorted(instance.get_runs(), key=lambda run: run.tags["dq/as_of"])
    assert [run.job_name for run in runs].count("nycflights_learn") == 5
    assert [run.job_name for run in runs].count("nycflights_validate") == 4
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert {run.tags["dagster/sensor_name"] for run in runs} == {"nycflights_ingestion"}
    assert len({run.tags["dagster/run_key"] for run in runs}) == len(runs)
    mornings = [datetime.fromisoformat(run.tags["dq/as_of"]) for run in runs]
    assert {morning.astimezone(ZoneInfo("America/New_York")).hour for morning in mornings} == {6}
    workers = [{entry.dagster_event.pid for entry in instance.all_logs(run.run_id) if entry.dagster_event} - {None} for run in runs]
    assert [len(pids) for pids in workers] == [1] * len(runs)
    assert len(set.union(*workers)) == len(runs)


@pytest.mark.slow
def test_what_the_sensor_saw_is_on_the_tables(demo: Demo, instance: dg.DagsterInstance) -> None:
    reported = instance.fetch_materializations(FLIGHTS, limit=10).records
    assert len(reported) == 5
    versions = {(record.asset_materialization.tags or {})["dagster/data_version"] for record in reported if record.asset_materialization}
    assert len(versions) == 5


@pytest.mark.slow
def test_each_landing_ends_with_a_tick_that_finds_nothing_new_and_the_instance_has_its_cursor(demo: Demo, instance: dg.DagsterInstance) -> None:
    assert demo.printed.count("nycflights_ingestion skips: Nothing new in 5 tables.") == 5
    (state,) = [state for state in instance.all_instigator_state() if state.instigator_name == "nycflights_ingestion"]
    assert json.loads(getattr(state.instigator_data, "cursor", "{}"))["tokens"].keys() >= {"main.flights", "main.weather"}


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work", encoding="utf-8")
    for touch in (clean_demo, make_folder):
        with pytest.raises(ConfigError, match="DQ-DEMO-002"):
            touch(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_that_the_demo_made_is_removed_and_made_anew(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "out")
    (folder / "landing").mkdir()
    assert make_folder(folder) == folder
    assert not (folder / "landing").exists()
    clean_demo(folder)
    assert not folder.exists()
    clean_demo(folder)


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


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_shows_the_lineage_and_a_failed_check_with_its_failing_tests(web: str) -> None:
    assert shutil.which("chromium"), "this test needs Debian's chromium"
    lineage = shown(f"{web}/locations/dq_assets.definitions/asset-groups/nycflights/lineage")
    for name in ("flights", "weather", "profile_run", "test_suite", "test_results", "alerts"):
        assert name in lineage
    check = shown(f"{web}/assets/landing/main/flights?view=checks&checkDetail=dq_validity")
    assert "LOV_Match" in check
    assert "values of origin are not in the list of known values" in check
