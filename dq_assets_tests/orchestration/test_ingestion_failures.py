"""What the ingestion sensor does where something goes wrong: nothing is lost, nothing is judged twice, and it says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest

from dq_assets.orchestration import build_defs, sensors
from dq_assets.orchestration.keys import TAG_TABLE_GROUP
from dq_assets.orchestration.requests import run_request
from dq_assets.orchestration.upkeep import MAX_REDOS
from dq_assets.records.enums import Verdict
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register
from dq_assets.steps.test import test as judge

from .arrivals import Arrivals
from .conftest import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE = """\
version: 1
metadata: {url: "sqlite:///.dq/metadata.db"}
connections: {shop: {type: duckdb, path: shop.duckdb}}
table_groups: {sales: {connection: shop}}
"""
LEARN, VALIDATE = "sales_learn", "sales_validate"
FAILED, CANCELED = dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED


learning = pytest.mark.parametrize("arrivals", [{"learn_after_validation": True}], indirect=True)


def asked(tick: dg.SensorResult) -> list[str]:
    return [str(request.job_name) for request in tick.run_requests or ()]


# The source and the group.


def test_a_group_without_tables_says_what_to_do(tmp_path: Path) -> None:
    make_project(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance, pytest.warns(UserWarning, match="not registered yet"):
        told = Arrivals(tmp_path, instance).tick().skip_message
    assert told == "Table group 'sales' has no registered table: start the job sales_learn, or run `dq register`; then reload."


def test_a_table_that_vanishes_is_validated_which_says_so(arrivals: Arrivals) -> None:
    shutil.rmtree(arrivals.folder / "landing" / "customers")
    (run,) = arrivals.start()
    arrivals.work(run)
    newest = arrivals.steps.store.latest_test_run(arrivals.group_id)
    assert newest is not None
    assert {item.result_status for item in arrivals.steps.store.test_results(newest.test_run_id) if item.table_name == "customers"} == {Verdict.ERROR}
    assert arrivals.settle() == []
    assert arrivals.tick().skip_message == "Nothing new in 2 tables. Not in the source: main.customers."


def test_a_source_that_is_away_is_told_and_looked_at_again(arrivals: Arrivals) -> None:
    landing = arrivals.folder / "landing"
    landing.rename(arrivals.folder / "elsewhere")
    tick = arrivals.tick()
    assert str(tick.skip_message).startswith("DQ-CONN-001")
    assert tick.cursor == arrivals.cursor
    (arrivals.folder / "elsewhere").rename(landing)
    arrivals.land(31)
    assert arrivals.settle() == [VALIDATE]


@contextmanager
def held(path: Path) -> Iterator[None]:
    code = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); c.execute('CREATE TABLE IF NOT EXISTS held (i INT)'); print(1, flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield
    finally:
        holder.communicate("\n")


def test_a_database_that_is_being_written_is_told_and_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "LOCK_WAIT_S", 0.1)
    database = tmp_path / "shop.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
    (tmp_path / "dq.yaml").write_text(DATABASE, encoding="utf-8")
    register(StepContext.open(load_settings(tmp_path / "dq.yaml")), "sales", datetime.now(UTC))
    with dg.DagsterInstance.ephemeral() as instance:
        arrivals = Arrivals(tmp_path, instance)
        with held(database):
            tick = arrivals.tick()
        assert str(tick.skip_message).startswith("DQ-CONN-002")
        assert "waited 0.1 s" in str(tick.skip_message), "not the minute that the connection allows"
        assert str(tick.skip_message).endswith("Nothing is lost: the next tick looks again.")
        assert asked(arrivals.tick()) == [LEARN]


def test_a_run_that_fails_is_asked_for_again_as_the_same_run_until_it_is_enough(arrivals: Arrivals) -> None:
    arrivals.land(31)
    runs = []
    for _ in range(1 + MAX_REDOS):
        (run,) = arrivals.start()
        runs.append(run)
        arrivals.end(run, FAILED)
    assert len({run.tags["dagster/run_key"] for run in runs}) == len(runs)
    assert {run.tags.get("dq/redo_of") for run in runs} == {None, runs[0].run_id}
    assert len({(request := run_request(run, arrivals.instance)).token + str(request.as_of) for run in runs}) == 1
    tick = arrivals.tick()
    assert asked(tick) == []
    assert f"Run {run.run_id} of sales_validate ended without a result" in str(tick.skip_message)
    arrivals.land(32)
    assert arrivals.settle() == [VALIDATE]
    assert arrivals.judged() == Counter({"2024-03-31": 1, "2024-04-01": 1, "2024-04-02": 1})


def test_a_run_that_fails_for_a_cause_that_stays_is_not_asked_for_again(arrivals: Arrivals) -> None:
    arrivals.land(31)
    tick = arrivals.tick()
    (request,) = tick.run_requests
    arrivals.commit(tick)
    job = arrivals.definitions.resolve_job_def(VALIDATE)
    assert not job.execute_in_process(instance=arrivals.instance, tags={**request.tags, "dq/as_of": "nonsense"}, raise_on_error=False).success
    assert "read its log, mend the cause" in str(arrivals.tick().skip_message)


def test_a_redo_that_the_reconciler_asked_for_counts_as_one(arrivals: Arrivals) -> None:
    arrivals.land(31)
    (run,) = arrivals.start()
    arrivals.end(run, FAILED)
    job = arrivals.definitions.resolve_job_def(VALIDATE)
    redo = arrivals.instance.create_run_for_job(job, tags={**run.tags, "dq/redo_of": run.run_id, "dagster/run_key": "redo"}, status=dg.DagsterRunStatus.STARTED)
    assert asked(arrivals.tick()) == []
    arrivals.work(redo)
    assert arrivals.settle() == []
    assert arrivals.judged()["2024-04-01"] == 1


def test_a_validation_by_hand_settles_one_that_failed(arrivals: Arrivals) -> None:
    arrivals.land(31)
    for _ in range(1 + MAX_REDOS):
        arrivals.end(arrivals.start()[0], FAILED)
    assert "without a result" in str(arrivals.tick().skip_message)
    job = build_defs(arrivals.settings).resolve_job_def(VALIDATE)
    arrivals.work(arrivals.instance.create_run_for_job(job, tags={TAG_TABLE_GROUP: "sales"}, status=dg.DagsterRunStatus.STARTED))
    assert arrivals.settle() == []
    assert arrivals.tick().skip_message == "Nothing new in 2 tables."


def test_a_run_that_somebody_cancelled_is_not_asked_for_again(arrivals: Arrivals) -> None:
    arrivals.land(31)
    arrivals.end(arrivals.start()[0], CANCELED)
    assert arrivals.settle() == []


def test_a_run_that_dagster_retries_is_left_to_it(arrivals: Arrivals) -> None:
    arrivals.land(31)
    (run,) = arrivals.start()
    arrivals.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    arrivals.end(run, FAILED)
    assert arrivals.tick().skip_message == f"Dagster retries run {run.run_id}."


def test_a_run_that_fails_after_it_has_judged_is_not_asked_for_again(arrivals: Arrivals) -> None:
    """As ``fail_run_on`` makes it fail."""
    arrivals.land(31, broken=True)
    (run,) = arrivals.start()
    judge(arrivals.steps, "sales", run_request(run, arrivals.instance))
    arrivals.end(run, FAILED)
    assert arrivals.settle() == []


@learning
def test_a_run_that_could_judge_nothing_is_asked_for_again_and_teaches_nothing(arrivals: Arrivals) -> None:
    arrivals.land(31)
    (run,) = arrivals.start()
    landing = arrivals.folder / "landing"
    landing.rename(arrivals.folder / "elsewhere")
    arrivals.work(run)
    (arrivals.folder / "elsewhere").rename(landing)
    assert arrivals.settle() == [VALIDATE, LEARN]
    assert arrivals.judged()["2024-04-01"] == 1


# The sensor dies. What Dagster's own daemon does then is in test_ingestion_kills.py.


@pytest.mark.parametrize("after", ["the tokens are read", "the events are stored", "the run is launched"])
@pytest.mark.parametrize("meanwhile", ["nothing", "the run fails", "the next batch"])
def test_a_tick_that_dies_is_done_again_and_each_batch_is_judged_once(arrivals: Arrivals, after: str, meanwhile: str) -> None:
    arrivals.land(31)
    tick = arrivals.tick()
    runs: list[dg.DagsterRun] = []
    if after != "the tokens are read":
        arrivals.store_events(tick)
    if after == "the run is launched":
        runs = arrivals.launch(tick)
    # It dies: its cursor is not stored.
    if meanwhile == "the next batch":
        arrivals.land(32)
    if runs:
        assert asked(arrivals.tick()) == [], "a run is in progress"
    for run in runs:
        if meanwhile == "the run fails":
            arrivals.end(run, FAILED)
        else:
            arrivals.work(run)
    arrivals.settle()
    landed = ["2024-04-01", "2024-04-02"] if meanwhile == "the next batch" else ["2024-04-01"]
    assert arrivals.judged() == Counter({"2024-03-31": 1, **dict.fromkeys(landed, 1)})


def test_a_batch_that_is_taken_back_after_a_tick_died_is_not_left_with_its_verdict(arrivals: Arrivals) -> None:
    file = arrivals.folder / "landing" / "orders" / "2024-04-01.parquet"
    for _ in range(2):
        arrivals.land(31, broken=True)
        state = file.stat()
        os.utime(file, ns=(state.st_atime_ns, 10**18))  # the same rows again are the same data version
        for run in arrivals.launch(arrivals.tick()):  # it dies before its cursor is stored
            arrivals.work(run)
        file.unlink()
        assert asked(arrivals.tick()) == [VALIDATE]
        for run in arrivals.launch(arrivals.tick()):  # and again
            arrivals.work(run)
    assert arrivals.settle() == []
    assert len(arrivals.test_runs()) == 1 + 4


def test_a_run_that_was_made_and_never_launched_holds_up_nothing(arrivals: Arrivals) -> None:
    arrivals.land(31)
    job = build_defs(arrivals.settings).resolve_job_def(VALIDATE)
    arrivals.instance.create_run_for_job(job, tags={TAG_TABLE_GROUP: "sales"}, status=dg.DagsterRunStatus.NOT_STARTED)
    assert asked(arrivals.tick()) == [VALIDATE]
