"""The sales project after learning, for tests of what validation publishes: learned once without Dagster, copied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from dq_assets.orchestration import build_defs
from dq_assets.records.enums import Verdict
from dq_assets.records.tests import Bound, TestEdit, Thresholds, Unit
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.register import register
from dq_assets.steps.suggest import suggest

from .conftest import DAYS, land_day, make_project
from .test_definitions import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from dq_assets.records.tests import Test
    from dq_assets.settings import Settings

ORDERS = dg.AssetKey(["landing", "main", "orders"])
LEARNED_AT, AFTER = "2024-03-31T06:00:00+00:00", "2024-04-01T06:00:00+00:00"


def learn_sales(folder: Path) -> None:
    """Make the project and learn its suite from thirty days."""
    steps = StepContext.open(make_project(folder))
    register(steps, "sales", NOW)
    request = RunRequest(as_of=NOW.fromisoformat(LEARNED_AT), started_at=NOW)
    profile(steps, "sales", request)
    suggest(steps, "sales", NOW)


class Sales:
    """A copy of the learned project, with group settings of one's own."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, **group: Any) -> None:
        self.folder, self.instance = folder, instance
        settings = load_settings(folder / "dq.yaml")
        changed = settings.table_groups["sales"].model_copy(update=group)
        self.settings: Settings = settings.model_copy(update={"table_groups": {"sales": changed}})
        self.steps = StepContext.open(self.settings)
        self.store = self.steps.store
        self.group_id = self.steps.group("sales").table_group_id

    def land(self, *, broken: bool, day: int = DAYS) -> None:
        land_day(self.folder, day, broken=broken)

    def definitions(self, *others: dg.Definitions) -> dg.Definitions:
        return dg.Definitions.merge(build_defs(self.settings), *others)

    def run(self, definitions: dg.Definitions, selection: str | dg.AssetSelection = "sales_validate", as_of: str = AFTER, **given: Any) -> Published:
        job = selection if isinstance(selection, str) else "chosen"
        if not isinstance(selection, str):
            definitions = dg.Definitions.merge(definitions, dg.Definitions(jobs=[dg.define_asset_job("chosen", selection=selection)]))
        given["tags"] = {"dq/as_of": as_of, **(given.get("tags") or {})}
        return Published(definitions.resolve_job_def(job).execute_in_process(instance=self.instance, raise_on_error=False, **given))

    def test(self, rule_type: str, column: str | None = None, table: str = "orders") -> Test:
        return next(
            test
            for test in self.store.tests(self.group_id, enabled_only=False)
            if (test.rule_type, test.table.table_name, test.column_name) == (rule_type, table, column)
        )

    def edit(self, test: Test, **changes: Any) -> None:
        self.store.edit_test(test.test_id, TestEdit(**changes), now=NOW, actor="somebody")

    def bound_with(self, severity: str, *, share: float = 0.003) -> Test:
        """Give the test of known states, which a broken day fails, a bound of one severity."""
        test = self.test("LOV_Match", "status")
        self.edit(test, thresholds=Thresholds(**{severity: Bound(maximum=share)}, unit=Unit.SHARE, support=2))
        return test

    def alarms(self, run_id: str) -> set[str]:
        alarming = (Verdict.WARN, Verdict.FAIL, Verdict.ERROR)
        return {item.test_id for item in self.store.test_results(run_id) if item.result_status in alarming}


class Published:
    """What a run left in Dagster."""

    def __init__(self, result: dg.ExecuteInProcessResult) -> None:
        self.success = result.success
        self.result = result
        self.checks = {(item.asset_key.path[-1], item.check_name): item for item in result.get_asset_check_evaluations()}
        self.materialized = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}

    def of(self, name: str, table: str = "orders") -> dg.AssetCheckEvaluation:
        return self.checks[table, name]

    def value(self, name: str, label: str, table: str = "orders") -> Any:
        return self.of(name, table).metadata[label].value

    @property
    def failed(self) -> set[tuple[str, str]]:
        return {key for key, item in self.checks.items() if not item.passed}
