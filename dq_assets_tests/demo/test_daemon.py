"""The demo's pipeline on a small group, and then Dagster's own daemon in its place: files arrive, and nobody else does anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest

from dq_assets.demo.pipeline import Pipeline
from dq_assets.errors import EvaluationError
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

FIRST_DAY, DAYS = date(2024, 3, 1), 30
PATIENCE_S = 420
ORDERS = dg.AssetKey(["landing", "main", "orders"])
CONFIGURATION = """\
version: 1
metadata: {url: "sqlite:///.dq/metadata.db"}
connections:
  landing: {type: duckdb, path: landing, threads: 1}
table_groups:
  sales:
    connection: landing
    tables:
      orders: {batch: {column: ordered_at, grain: day}}
"""


def land_day(folder: Path, number: int, *, broken: bool = False) -> None:
    """Land day ``number`` (0-based) of orders in one go; a broken one has an unknown status in every tenth row."""
    known = "list_extract(['NEW', 'PAID', 'SENT'], 1 + i % 3)"
    status = f"CASE WHEN i % 10 = 3 THEN 'LOST' ELSE {known} END" if broken else known
    day = FIRST_DAY + timedelta(days=number)
    query = f"""
        SELECT {number} * 1000000 + i AS order_id, 5.0 + (i * 7919 + {number}) % 100 AS amount, {status} AS status,
               TIMESTAMP '{day}' + INTERVAL (i % 1440) MINUTE AS ordered_at
        FROM range(200 + ({number} * 37) % 20) AS t(i)
    """
    target = folder / "landing" / "orders"
    target.mkdir(parents=True, exist_ok=True)
    duckdb.sql(query).write_parquet(str(target / f".{day}.part"))
    (target / f".{day}.part").rename(target / f"{day}.parquet")


def as_of(number: int) -> datetime:
    """Return the morning after day ``number``."""
    return datetime(2024, 3, 1, 6, tzinfo=UTC) + timedelta(days=number + 1)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """A registered group with thirty days of orders that nothing has looked at yet."""
    for number in range(DAYS):
        land_day(tmp_path, number)
    (tmp_path / "dq.yaml").write_text(CONFIGURATION, encoding="utf-8")
    register(StepContext.open(load_settings(tmp_path / "dq.yaml")), "sales", as_of(DAYS - 1))
    with closing(Pipeline(tmp_path, "sales")) as made:
        yield made


def run_all(pipeline: Pipeline, moment: datetime) -> list[str]:
    """Tick and run until the sensor asks for nothing more; return the jobs."""
    jobs = []
    while (tick := pipeline.tick()).requests:
        for request in tick.requests:
            pipeline.run(request, moment, lambda _: None)
            jobs.append(str(request.job_name))
    assert tick.skipped is not None
    return jobs


def waited_for(answer: Callable[[], object], what: str, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not answer():
        assert daemon.poll() is None, "the daemon ended"
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s"
        time.sleep(1)


def test_landings_are_noticed_judged_and_learned_from_and_then_the_daemon_goes_on(pipeline: Pipeline) -> None:
    """A characterization: after the mutations setSensorCursor and startSensor Dagster's daemon runs a sensor from that cursor."""
    assert run_all(pipeline, as_of(DAYS - 1)) == ["sales_learn"]
    cursor = pipeline.cursor
    assert pipeline.tick().skipped is not None
    assert pipeline.cursor == cursor, "a tick without news changed the cursor"
    land_day(pipeline.folder, DAYS)
    assert run_all(pipeline, as_of(DAYS)) == ["sales_validate", "sales_learn"]
    pipeline.hand_over()

    environment = {**os.environ, "DAGSTER_HOME": str(pipeline.folder / ".dagster"), "DQ_CONFIG": str(pipeline.folder / "dq.yaml")}
    environment["DAGSTER_DISABLE_TELEMETRY"] = "1"
    with (pipeline.folder / "daemon.log").open("wb") as log, dg.DagsterInstance.from_config(str(pipeline.folder / ".dagster")) as instance:

        def validations() -> list[dg.DagsterRun]:
            return instance.get_runs(dg.RunsFilter(job_name="sales_validate"))

        def skips() -> int:
            return (pipeline.folder / "daemon.log").read_bytes().count(b"sales_ingestion skipped: Nothing new")

        before = {run.run_id for run in instance.get_runs()}
        daemon = subprocess.Popen(
            [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "dq_assets.definitions"],
            cwd=pipeline.folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            waited_for(skips, "a tick that finds what the cursor says", daemon)
            assert {run.run_id for run in instance.get_runs()} == before, "the daemon did not go on from the demo's cursor"
            land_day(pipeline.folder, DAYS + 1, broken=True)
            waited_for(lambda: len(validations()) == 2 and validations()[0].is_finished, "a validation of what landed", daemon)
            waited_for(lambda: len(runs := instance.get_runs()) == len(before) + 2 and all(run.is_finished for run in runs), "learning after it", daemon)
        finally:
            end(daemon)
        run = validations()[0]
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert run.tags["dagster/sensor_name"] == "sales_ingestion"
        evaluations = [
            entry.dagster_event.asset_check_evaluation_data
            for entry in instance.all_logs(run.run_id)
            if entry.dagster_event and entry.dagster_event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ]
        failed = {(item.asset_key, item.check_name) for item in evaluations if not item.passed}
        assert (ORDERS, "dq_validity") in failed
        assert instance.get_latest_materialization_event(ORDERS) is not None, "what the sensor saw was not reported"


def end(daemon: subprocess.Popen[bytes]) -> None:
    """End the daemon and whatever it started."""
    os.killpg(daemon.pid, signal.SIGTERM)
    try:
        daemon.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()


def test_a_run_that_fails_names_its_log(pipeline: Pipeline) -> None:
    (request,) = pipeline.tick().requests
    (pipeline.folder / "dq.yaml").write_text("version: 2\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"DQ-DEMO-003.*sales_learn failed.*01-learn\.log"):
        pipeline.run(request, as_of(DAYS - 1), lambda _: None)
    assert "version" in (pipeline.folder / "logs" / "01-learn.log").read_text(encoding="utf-8")
