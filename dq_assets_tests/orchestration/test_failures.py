"""How steps fail: tried again where time heals, once and clearly where it does not."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest

from dq_assets.errors import SourceError
from dq_assets.orchestration import build_defs
from dq_assets.orchestration.failures import RETRIES, causes, told
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

from .conftest import make_project
from .test_definitions import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_assets.settings import Settings

CONFIGURATION = """\
version: 1
metadata: {url: "sqlite:///.dq/metadata.db"}
connections:
  shop: {type: duckdb, path: shop.duckdb, lock_wait_s: 0.2, threads: 1}
table_groups:
  sales: {connection: shop}
"""
HOLDER = "import duckdb, sys, time; connection = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(600)"
PROFILE_RUN, ALERTS = dg.AssetKey(["dq", "sales", "profile_run"]), dg.AssetKey(["dq", "sales", "alerts"])


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """A registered DuckDB file of one table, waited for a fifth of a second when somebody holds it."""
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute("CREATE TABLE orders AS SELECT range AS order_id FROM range(100)")
    (tmp_path / "dq.yaml").write_text(CONFIGURATION, encoding="utf-8")
    settings = load_settings(tmp_path / "dq.yaml")
    register(StepContext.open(settings), "sales", NOW)
    return settings


@pytest.fixture
def holder(shop: Settings) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the file until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(shop.connections["shop"].path)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def run(instance: dg.DagsterInstance, settings: Settings, *keys: dg.AssetKey, job: str = "sales_learn", **tags: str) -> dg.ExecuteInProcessResult:
    made = build_defs(settings).resolve_job_def(job)
    given = {f"dq/{key}": value for key, value in tags.items()}
    return made.execute_in_process(instance=instance, asset_selection=list(keys) or None, tags=given, raise_on_error=False)


def events(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    return [entry.get_dagster_event() for entry in instance.all_logs(result.run_id, of_type=kind)]


def written(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    """Everything the event log holds of a run, as text."""
    return "\n".join(entry.to_json() for entry in instance.all_logs(result.run_id))


def test_a_step_whose_source_is_held_is_tried_again_and_succeeds_once_it_is_free(instance, shop, holder) -> None:
    def let_go() -> None:
        while not (records := instance.get_run_records()) or not instance.all_logs(
            records[0].dagster_run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY
        ):
            time.sleep(0.02)
        holder.kill()

    watcher = threading.Thread(target=let_go, daemon=True)
    watcher.start()
    result = run(instance, shop, PROFILE_RUN)
    watcher.join(60)
    assert result.success
    first, *others = events(instance, result, dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert len(others) < RETRIES
    assert first.step_retry_data.seconds_to_wait == 0.2
    assert first.step_retry_data.error.cause.message.startswith("dagster._core.definitions.events.Failure: DQ-CONN-002")
    run_of_ours = StepContext.open(shop).store.latest_profile_run(StepContext.open(shop).group("sales").table_group_id)
    assert run_of_ours is not None
    assert run_of_ours.row_count == 100


def test_a_step_whose_source_stays_held_fails_with_one_clear_error(instance, shop, holder) -> None:
    result = run(instance, shop, PROFILE_RUN)
    assert not result.success
    waits = [event.step_retry_data.seconds_to_wait for event in events(instance, result, dg.DagsterEventType.STEP_UP_FOR_RETRY)]
    assert waits == [0.2, 0.4]
    (cause,) = causes(instance, result.run_id)
    assert (cause.code, cause.step) == ("DQ-CONN-002", "dq__sales__profile_run")
    assert cause.text.startswith("DQ-CONN-002: ")
    assert "Fix: " in cause.text
    assert "IOException" not in written(instance, result), "what DuckDB says lies beneath"


def test_a_mistake_in_what_was_asked_for_is_not_tried_again(instance, shop) -> None:
    result = run(instance, shop, PROFILE_RUN, as_of="yesterday")
    assert not result.success
    assert events(instance, result, dg.DagsterEventType.STEP_UP_FOR_RETRY) == []
    (failure,) = events(instance, result, dg.DagsterEventType.STEP_FAILURE)
    assert failure.step_failure_data.error.cause is None
    assert [cause.code for cause in causes(instance, result.run_id)] == ["DQ-TAG-001"]


@pytest.mark.filterwarnings("ignore:Table group 'sales' is not registered yet:UserWarning")  # that is what is tested
def test_a_group_without_tables_fails_with_one_clear_error(instance, tmp_path) -> None:
    settings = make_project(tmp_path)
    result = run(instance, settings, PROFILE_RUN)
    assert [cause.code for cause in causes(instance, result.run_id)] == ["DQ-RUN-001"]


def test_checks_fail_as_clearly_as_assets(instance, shop) -> None:
    definitions = build_defs(shop)
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(["shop", "main", "orders"]), "dq_validity"))
    job = dg.Definitions.merge(definitions, dg.Definitions(jobs=[dg.define_asset_job("alone", selection=selection)])).resolve_job_def("alone")
    result = job.execute_in_process(instance=instance, tags={"dq/as_of": "yesterday"}, raise_on_error=False)
    assert [cause.code for cause in causes(instance, result.run_id)] == ["DQ-TAG-001"]


@pytest.mark.parametrize("of_the_step", [True, False])
def test_what_lies_beneath_an_error_is_not_in_the_event_log(instance, of_the_step) -> None:
    def refuse() -> None:
        raise ValueError("the engine says: hunter2")

    @dg.asset
    def leaky(context) -> None:
        with told(context if of_the_step else None):
            try:
                refuse()
            except ValueError as error:
                raise SourceError("DQ-SQL-001", "a statement was refused.", "look at it.") from error

    result = dg.materialize([leaky], instance=instance, raise_on_error=False)
    assert not result.success
    assert "hunter2" not in written(instance, result)
    assert "DQ-SQL-001: a statement was refused. Fix: look at it." in written(instance, result)


def test_of_an_error_that_is_not_ours_only_its_kind_is_told(instance) -> None:
    @dg.asset
    def broken() -> None:
        raise ValueError("could not convert 'Jane Doe'")

    result = dg.materialize([broken], instance=instance, raise_on_error=False)
    (cause,) = causes(instance, result.run_id)
    assert (cause.code, cause.text) == (None, "Step broken raised ValueError; the run's page in Dagster has the details.")


def test_every_step_says_whose_run_it_is(instance, shop) -> None:
    result = run(instance, shop, PROFILE_RUN, trigger="ingestion")
    assert {"dq/table_group": "sales", "dq/trigger": "ingestion"}.items() <= tags_of(instance, result).items()
    implicit = build_defs(shop).resolve_implicit_global_asset_job_def()
    single = implicit.execute_in_process(instance=instance, asset_selection=[ALERTS])
    assert {"dq/table_group": "sales", "dq/trigger": "manual"}.items() <= tags_of(instance, single).items()
    assert "dq/worker" not in tags_of(instance, single), "SQLite is of one machine"


def test_where_dagsters_storage_is_not_of_one_machine_every_step_signs_its_run_with_its_own(shop) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(instance, shop, PROFILE_RUN, worker="elsewhere:00000000")
        assert tags_of(instance, result)["dq/worker"] == f"{socket.gethostname()}:{result.run_id[:8]}"


def tags_of(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> dict[str, str]:
    found = instance.get_run_by_id(result.run_id)
    assert found is not None
    return dict(found.tags)
