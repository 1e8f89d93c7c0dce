"""A group whose ingestion sensor is ticked by hand: what Dagster's daemon does with a tick, in this process and step by step."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from dq_assets.orchestration import build_defs
from dq_assets.orchestration.requests import run_request
from dq_assets.records.enums import RunStatus
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.register import register
from dq_assets.steps.suggest import suggest
from dq_assets.steps.test import test

from .conftest import land_day, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_assets.records.tests import TestRun

ORDERS, CUSTOMERS = dg.AssetKey(["landing", "main", "orders"]), dg.AssetKey(["landing", "main", "customers"])
RUN_KEY = "dagster/run_key"
ROWS = 60


class Arrivals:
    """A project in ``folder``, its instance, and the cursor of its sensor."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, **group: Any) -> None:
        self.folder, self.instance, self.cursor = folder, instance, None
        settings = load_settings(folder / "dq.yaml")
        changed = settings.table_groups["sales"].model_copy(update=group)
        self.settings = settings.model_copy(update={"table_groups": {"sales": changed}})
        self.steps = StepContext.open(self.settings)
        self.group_id = self.steps.group("sales").table_group_id

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_defs(self.settings)

    def tick(self) -> dg.SensorResult:
        """Evaluate the sensor; nothing follows from it yet."""
        definitions = self.definitions
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, definitions=definitions, sensor_name="sales_ingestion")
        return definitions.resolve_sensor_def("sales_ingestion").evaluate_tick(context)

    def store_events(self, tick: Any) -> None:
        for event in tick.asset_events:
            self.instance.report_runless_asset_event(event)

    def launch(self, tick: Any) -> list[dg.DagsterRun]:
        """Launch what a tick asks for, except what was launched before under its run key."""
        launched = []
        for request in tick.run_requests or ():
            if not self.instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: request.run_key}), limit=1):
                tags, job = {**request.tags, RUN_KEY: request.run_key}, self.definitions.resolve_job_def(request.job_name)
                launched.append(self.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED))
        return launched

    def work(self, run: dg.DagsterRun) -> None:
        """Do what the assets of a launched run do, and end it."""
        request = run_request(run, self.instance)
        if run.job_name == "sales_validate":
            test(self.steps, "sales", request)
        else:
            register(self.steps, "sales", request.started_at)
            profile(self.steps, "sales", request)
            suggest(self.steps, "sales", request.started_at)
        self.end(run, dg.DagsterEventType.RUN_SUCCESS)

    def end(self, run: dg.DagsterRun, how: dg.DagsterEventType) -> None:
        """End a launched run."""
        self.instance.report_dagster_event(dg.DagsterEvent(event_type_value=how.value, job_name=run.job_name), run.run_id)

    def commit(self, tick: Any) -> None:
        self.cursor = tick.cursor

    def start(self) -> list[dg.DagsterRun]:
        """Do a whole tick and return the runs it launched; nobody works on them yet."""
        tick = self.tick()
        self.store_events(tick)
        launched = self.launch(tick)
        self.commit(tick)
        return launched

    def settle(self, ticks: int = 8) -> list[str]:
        """Tick until nothing is asked for, do the work of each run launched on the way, and return their jobs."""
        launched: list[str] = []
        for _ in range(ticks):
            tick = self.tick()
            self.store_events(tick)
            for run in self.launch(tick):
                self.work(run)
                launched.append(run.job_name)
            self.commit(tick)
            if not tick.run_requests:
                return launched
        raise AssertionError(f"still asking for runs: {launched}")

    def land(self, number: int, *, broken: bool = False) -> None:
        land_day(self.folder, number, broken=broken, rows=ROWS)

    def test_runs(self) -> list[TestRun]:
        """The completed test runs, the oldest first."""
        with self.steps.store._database.read("test runs") as transaction:
            ids = transaction.exec_driver_sql("SELECT test_run_id FROM dq_test_runs ORDER BY started_at").scalars().all()
        runs = [self.steps.store.test_run(test_run_id) for test_run_id in ids]
        return [run for run in runs if run is not None and run.status is RunStatus.COMPLETED]

    def judged(self) -> Counter[str]:
        """Batches of orders to the number of completed runs that judged them."""
        runs = [{result.batch_key for result in self.steps.store.test_results(run.test_run_id)} for run in self.test_runs()]
        return Counter(key for keys in runs for key in keys if key is not None)


def build_template(folder: Path) -> Path:
    """Make a project whose group was learned by its sensor and has judged one batch more; its cursor is in ``cursor.json``."""
    make_project(folder, rows=ROWS)
    register(StepContext.open(load_settings(folder / "dq.yaml")), "sales", datetime.now(UTC))
    with dg.DagsterInstance.ephemeral() as instance:
        arrivals = Arrivals(folder, instance)
        assert arrivals.settle() == ["sales_learn"]
        arrivals.land(30)
        assert arrivals.settle() == ["sales_validate", "sales_learn"]
        (folder / "cursor.json").write_text(str(arrivals.cursor))
    return folder


@contextmanager
def from_template(template: Path, folder: Path, **group: Any) -> Iterator[Arrivals]:
    """Yield a copy of the template, at the point where it stands, on an instance that has forgotten the runs so far."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    with dg.DagsterInstance.ephemeral() as instance:
        arrivals = Arrivals(folder, instance, **group)
        arrivals.cursor = (folder / "cursor.json").read_text()
        yield arrivals
