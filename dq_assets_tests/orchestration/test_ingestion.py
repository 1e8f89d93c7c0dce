"""What the ingestion sensor asks for: validation of what arrived, once, and learning after it."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dq_assets.engines.duckdb_engine import DuckDBEngine
from dq_assets.orchestration import build_defs
from dq_assets.orchestration.keys import TAG_BATCH, TAG_TABLE_GROUP, TAG_TOKEN, TAG_TRIGGER
from dq_assets.records import identity
from dq_assets.records.enums import BaselineStatus, TriggerSource
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.register import register
from dq_assets.steps.suggest import suggest
from dq_assets.steps.test import test as judge

from .arrivals import CUSTOMERS, ORDERS, Arrivals
from .conftest import FIRST_DAY, make_project

if TYPE_CHECKING:
    from pathlib import Path

LEARN, VALIDATE = "sales_learn", "sales_validate"
FAILED, CANCELED = dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED


learning = pytest.mark.parametrize("arrivals", [{"learn_after_validation": True}], indirect=True)


def asked(tick: dg.SensorResult) -> list[str]:
    return [str(request.job_name) for request in tick.run_requests or ()]


# What is asked for, and when.


def test_a_group_that_was_never_learned_is_learned_first_and_its_tables_are_seen(tmp_path: Path) -> None:
    settings = make_project(tmp_path)
    register(StepContext.open(settings), "sales", datetime.now(UTC))
    with dg.DagsterInstance.ephemeral() as instance:
        tick = Arrivals(tmp_path, instance).tick()
    assert asked(tick) == [LEARN]
    assert {item.asset_key for item in tick.asset_events} == {ORDERS, CUSTOMERS}


@learning
def test_an_arrival_is_validated_then_learned_from_and_then_there_is_nothing_to_do(arrivals: Arrivals) -> None:
    arrivals.land(31)
    tick = arrivals.tick()
    assert asked(tick) == [VALIDATE]
    (request,) = tick.run_requests
    assert request.tags[TAG_TABLE_GROUP] == "sales"
    assert request.tags[TAG_TRIGGER] == "ingestion"
    assert arrivals.settle() == [VALIDATE, LEARN]
    assert arrivals.tick().skip_message == "Nothing new in 2 tables."
    newest = arrivals.steps.store.latest_test_run(arrivals.group_id)
    assert newest is not None
    assert newest.test_run_id == identity.run_id("test", arrivals.group_id, request.tags[TAG_TOKEN]), "the run's id follows from the data"
    assert newest.trigger_source is TriggerSource.INGESTION


def test_only_the_table_that_changed_is_reported_with_its_data_version(arrivals: Arrivals) -> None:
    arrivals.land(31)
    (event_,) = arrivals.tick().asset_events
    assert event_.asset_key == ORDERS
    assert len(event_.tags["dagster/data_version"]) == 16
    assert str(arrivals.folder) not in repr(event_)
    assert "/" not in str(arrivals.cursor)


@learning
def test_validation_comes_before_learning_when_both_are_due(arrivals: Arrivals) -> None:
    arrivals.land(31)
    (run,) = arrivals.start()
    arrivals.work(run)
    arrivals.land(32)
    assert arrivals.settle() == [VALIDATE, LEARN], "learning after the first of the two validations would have come between"


def test_ten_landings_during_a_run_become_one_run_on_the_newest_state(arrivals: Arrivals) -> None:
    arrivals.land(31)
    (run,) = arrivals.start()
    before = arrivals.cursor
    for number in range(32, 42):
        arrivals.land(number)
        tick = arrivals.tick()
        assert asked(tick) == []
        assert tick.cursor == before
        assert tick.skip_message == f"Run {run.run_id} of sales_validate is started; until its end waits what changed in main.orders."
    arrivals.end(run, FAILED)  # it judged none of them
    assert arrivals.settle() == [VALIDATE]
    assert set(arrivals.judged().values()) == {1}
    assert len(arrivals.judged()) == 1 + 1 + 10


def test_what_lands_before_the_run_reads_it_is_judged_by_it_and_asked_for_no_more(arrivals: Arrivals) -> None:
    arrivals.land(31)
    (run,) = arrivals.start()
    arrivals.land(32)
    arrivals.work(run)
    tick = arrivals.tick()
    assert tick.skip_message == "What changed is judged already."
    assert [item.asset_key for item in tick.asset_events] == [ORDERS]
    assert arrivals.settle() == []
    arrivals.land(33)
    assert arrivals.settle() == [VALIDATE]
    assert set(arrivals.judged().values()) == {1}


def test_a_run_of_chosen_batches_is_no_verdict_on_what_arrived(arrivals: Arrivals) -> None:
    arrivals.land(31)
    job = build_defs(arrivals.settings).resolve_job_def(VALIDATE)
    run = arrivals.instance.create_run_for_job(job, tags={TAG_TABLE_GROUP: "sales", TAG_BATCH: "2024-03-05"}, status=dg.DagsterRunStatus.STARTED)
    arrivals.work(run)
    assert arrivals.settle() == [VALIDATE]
    assert arrivals.judged()["2024-04-01"] == 1


def test_a_validation_that_a_schedule_started_judges_what_arrived(arrivals: Arrivals) -> None:
    arrivals.land(31)
    job = build_defs(arrivals.settings).resolve_job_def(VALIDATE)
    arrivals.work(arrivals.instance.create_run_for_job(job, tags={TAG_TABLE_GROUP: "sales", TAG_TRIGGER: "schedule"}, status=dg.DagsterRunStatus.STARTED))
    assert arrivals.settle() == []
    assert arrivals.judged()["2024-04-01"] == 1


def test_without_learn_after_validation_nothing_is_learned(arrivals: Arrivals) -> None:
    arrivals.land(31)
    assert arrivals.settle() == [VALIDATE]


@learning
def test_a_validation_by_hand_is_learned_from_once(arrivals: Arrivals) -> None:
    judge(arrivals.steps, "sales", RunRequest.now())
    assert arrivals.settle() == [LEARN]


@learning
def test_a_validation_that_learning_by_hand_has_followed_is_not_learned_from_again(arrivals: Arrivals) -> None:
    judge(arrivals.steps, "sales", RunRequest.now())
    profile(arrivals.steps, "sales", RunRequest.now())
    assert arrivals.settle() == []


@learning
def test_learning_by_hand_before_validation_teaches_no_batch_that_nobody_judged(arrivals: Arrivals) -> None:
    def learned() -> set[str | None]:
        ids = [table.table_id for table in arrivals.steps.tables("sales")]
        return {metric.batch_key for metric in arrivals.steps.store.metric_series(ids, baseline={BaselineStatus.LEARNED})}

    arrivals.land(31, broken=True)
    arrivals.land(32)
    profile(arrivals.steps, "sales", RunRequest.now())
    suggest(arrivals.steps, "sales", datetime.now(UTC))
    assert not {"2024-04-01", "2024-04-02"} & learned()
    assert arrivals.settle() == [VALIDATE, LEARN]
    assert "2024-04-02" in learned()
    assert "2024-04-01" not in learned(), "it failed"


def test_tables_that_learning_registers_are_watched_without_a_reload(arrivals: Arrivals) -> None:
    definitions = arrivals.definitions
    shutil.copytree(arrivals.folder / "landing" / "customers", arrivals.folder / "landing" / "partners")
    register(arrivals.steps, "sales", datetime.now(UTC))
    context = dg.build_sensor_context(instance=arrivals.instance, cursor=arrivals.cursor, definitions=definitions, sensor_name="sales_ingestion")
    tick = definitions.resolve_sensor_def("sales_ingestion").evaluate_tick(context)
    assert asked(tick) == [VALIDATE]
    assert [item.asset_key.path[-1] for item in tick.asset_events] == ["partners"]


@pytest.mark.parametrize("arrivals", [{"source_assets": "attach"}], indirect=True)
@pytest.mark.filterwarnings("ignore:.*additional_deps.*")
def test_assets_of_somebody_else_report_themselves(arrivals: Arrivals) -> None:
    arrivals.land(31)
    tick = arrivals.tick()
    assert asked(tick) == [VALIDATE]
    assert not tick.asset_events


@pytest.mark.parametrize(("automation", "status"), [("running", dg.DefaultSensorStatus.RUNNING), ("stopped", dg.DefaultSensorStatus.STOPPED)])
def test_the_sensor_runs_by_itself_unless_the_group_says_otherwise(arrivals: Arrivals, automation: str, status: dg.DefaultSensorStatus) -> None:
    sensor = Arrivals(arrivals.folder, arrivals.instance, automation=automation).definitions.resolve_sensor_def("sales_ingestion")
    assert sensor.default_status is status
    assert sensor.minimum_interval_seconds == 30


# Run keys.


def test_run_keys_are_a_pure_function_of_what_was_seen(arrivals: Arrivals) -> None:
    arrivals.land(31)
    first, again = arrivals.tick(), arrivals.tick()
    assert first.run_requests[0].run_key == again.run_requests[0].run_key
    arrivals.land(32)
    assert arrivals.tick().run_requests[0].run_key != first.run_requests[0].run_key


def test_data_that_comes_back_is_validated_each_time(arrivals: Arrivals) -> None:
    file = arrivals.folder / "landing" / "orders" / f"{FIRST_DAY}.parquet"
    contents = {"A": file.read_bytes(), "B": None}
    state = file.stat()
    keys = []
    for content in ("B", "A", "B", "A"):
        if (data := contents[content]) is None:
            file.unlink()
        else:
            file.write_bytes(data)
            os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
        tick = arrivals.tick()
        keys += [request.run_key for request in tick.run_requests]
        for run in arrivals.start():
            arrivals.end(run, CANCELED)
    assert len(set(keys)) == len(keys) == 4


def test_a_cursor_that_cannot_be_read_starts_anew_and_loses_nothing(arrivals: Arrivals) -> None:
    arrivals.land(31)
    for broken in ("", "nonsense", "[]", json.dumps({"version": 2}), json.dumps({"version": 1, "seen": {}})):
        arrivals.cursor = broken
        assert asked(arrivals.tick()) == [VALIDATE]
    assert arrivals.settle() == [VALIDATE]
    assert set(arrivals.judged().values()) == {1}


# What a tick costs.


def test_a_tick_asks_the_source_once_and_the_store_a_few_times(arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_of_source: list[int] = []
    original = DuckDBEngine.change_tokens

    def counted(self: DuckDBEngine, tables: Any) -> Any:
        asked_of_source.append(len(tables))
        return original(self, tables)

    arrivals.land(31)
    assert arrivals.settle() == [VALIDATE]
    monkeypatch.setattr(DuckDBEngine, "change_tokens", counted)
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "dq_" in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        arrivals.tick()
        assert (asked_of_source, len(statements)) == ([2], 1)
        arrivals.land(32)
        statements.clear()
        assert asked(arrivals.tick()) == [VALIDATE]
        assert (asked_of_source, len(statements)) == ([2, 2], 3)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
