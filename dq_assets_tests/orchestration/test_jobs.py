"""The two jobs on a real instance: learn, judge a clean batch, judge a broken one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dq_assets.orchestration import build_defs
from dq_assets.orchestration.requests import run_request
from dq_assets.records import identity
from dq_assets.records.enums import TriggerSource
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

from .conftest import DAYS, land_day, make_project
from .test_definitions import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_assets.settings import Settings

ORDERS = dg.AssetKey(["landing", "main", "orders"])


class Learned:
    """A project whose suite was learned as of 31 March, on an instance of its own."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, fail_run_on: str) -> None:
        self.folder, self.instance = folder, instance
        self.settings: Settings = make_project(folder, fail_run_on=fail_run_on)
        self.steps = StepContext.open(self.settings)
        register(self.steps, "sales", NOW)
        self.learning = self.run("sales_learn", "2024-03-31T06:00:00+00:00")

    def run(self, job: str, as_of: str) -> dg.ExecuteInProcessResult:
        definitions = build_defs(self.settings)
        return definitions.resolve_job_def(job).execute_in_process(instance=self.instance, tags={"dq/as_of": as_of}, raise_on_error=False)

    def land_and_validate(self, *, broken: bool) -> dg.ExecuteInProcessResult:
        land_day(self.folder, DAYS, broken=broken)
        return self.run("sales_validate", "2024-04-01T06:00:00+00:00")


@pytest.fixture(params=["never"])
def learned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Learned]:
    home = tmp_path / "instance"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield Learned(tmp_path, instance, request.param)


def evaluations(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    return {(item.asset_key.path[-1], item.check_name): item for item in result.get_asset_check_evaluations()}


def test_learning_materializes_with_figures_and_publishes_hygiene(learned: Learned) -> None:
    assert learned.learning.success
    profile = learned.learning.asset_materializations_for_node("dq__sales__profile_run")[-1]
    assert profile.metadata["tables"].value == 2
    suite = learned.learning.asset_materializations_for_node("dq__sales__test_suite")[0]
    group_id = learned.steps.group("sales").table_group_id
    assert suite.metadata["tests"].value == len(learned.steps.store.tests(group_id)) > 10
    assert set(evaluations(learned.learning)) == {("orders", "dq_hygiene"), ("customers", "dq_hygiene")}


def test_learning_shows_each_tables_profile_and_where_its_page_is(learned: Learned) -> None:
    found = learned.instance.fetch_observations(dg.AssetRecordsFilter(asset_key=ORDERS), limit=1).records[0].asset_observation
    assert found is not None
    page = Path(str(found.metadata["profile_report"].value))
    runs = learned.learning.asset_materializations_for_node("dq__sales__profile_run")
    places = {str(item.metadata["profile_reports"].value) for item in runs if "profile_reports" in item.metadata}

    assert page.is_absolute()
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert "| `amount`" in str(found.metadata["profile"].value)
    assert places == {str(page.parent)}


def test_a_clean_batch_passes_every_check_and_a_dimension_without_tests_stays_silent(learned: Learned) -> None:
    result = learned.land_and_validate(broken=False)
    assert result.success
    found = evaluations(result)
    assert found[("orders", "dq_validity")].passed
    assert all(item.passed for item in found.values())
    assert ("orders", "dq_accuracy") not in found


def test_a_broken_batch_fails_its_check_and_leaves_the_run_green(learned: Learned) -> None:
    result = learned.land_and_validate(broken=True)
    assert result.success
    validity = evaluations(result)[("orders", "dq_validity")]
    assert not validity.passed
    assert validity.severity is dg.AssetCheckSeverity.ERROR
    table = validity.metadata["failing_tests"]
    assert isinstance(table, dg.TableMetadataValue)
    row = next(record.data for record in table.records if record.data["test"] == "LOV_Match")
    assert row["batch"] == "2024-03-31"
    assert row["failed rows"] == sum(1 for i in range(200 + (DAYS * 37) % 20) if i % 10 == 3)
    assert row["failing since"] is not None
    alerts = result.asset_materializations_for_node("dq__sales__alerts")[0]
    assert alerts.metadata["new_alerts"].value == len(learned.steps.store.alerts("default")) > 0


def test_what_checks_publish_is_what_the_store_holds(learned: Learned) -> None:
    result = learned.land_and_validate(broken=True)
    run = learned.steps.store.latest_test_run(learned.steps.group("sales").table_group_id)
    assert run is not None
    stored = [item for item in learned.steps.store.test_results(run.test_run_id) if item.result_status.is_alarm]
    published = sum(int(item.metadata["failed_tests"].value) for item in evaluations(result).values())  # type: ignore[arg-type]
    assert published == len({item.test_id for item in stored}) > 0


def test_a_check_launched_alone_evaluates_just_its_own_tests(learned: Learned) -> None:
    land_day(learned.folder, DAYS, broken=True)
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(ORDERS, "dq_validity"))
    definitions = build_defs(learned.settings)
    job = dg.Definitions.merge(definitions, dg.Definitions(jobs=[dg.define_asset_job("alone", selection=selection)])).resolve_job_def("alone")
    result = job.execute_in_process(instance=learned.instance, tags={"dq/as_of": "2024-04-01T06:00:00+00:00"})
    assert set(evaluations(result)) == {("orders", "dq_validity")}
    assert not evaluations(result)[("orders", "dq_validity")].passed
    group_id = learned.steps.group("sales").table_group_id
    tests = {test.test_id: test for test in learned.steps.store.tests(group_id)}
    results = learned.steps.store.test_results(str(evaluations(result)[("orders", "dq_validity")].metadata["test_run_id"].value))
    assert {tests[item.test_id].dimension.value for item in results} == {"validity"}
    assert learned.steps.store.latest_test_run(group_id) is None, "a part of the suite is no verdict of the group"
    whole = learned.run("sales_validate", "2024-04-01T06:00:00+00:00")
    assert ("orders", "dq_volume") in evaluations(whole), "the batch still waits for all its tests"


@pytest.mark.parametrize("learned", ["error"], indirect=True)
def test_fail_run_on_fails_the_run_after_checks_and_alerts_are_out(learned: Learned) -> None:
    result = learned.land_and_validate(broken=True)
    assert not result.success
    assert not evaluations(result)[("orders", "dq_validity")].passed
    assert learned.steps.store.alerts("default")


def test_a_run_asks_by_its_tags_and_a_retry_is_the_same_run(learned: Learned) -> None:
    instance = learned.instance
    first = instance.create_run_for_job(
        build_defs(learned.settings).resolve_job_def("sales_learn"), tags={"dq/batch": "2024-03-05..2024-03-07", "dq/trigger": "ingestion"}
    )
    request = run_request(first, instance)
    assert request.batches is not None
    assert (request.batches.first, request.batches.last) == ("2024-03-05", "2024-03-07")
    assert request.trigger_source is TriggerSource.INGESTION
    again = instance.create_run_for_job(build_defs(learned.settings).resolve_job_def("sales_learn"), root_run_id=first.run_id, parent_run_id=first.run_id)
    assert run_request(again, instance).token == request.token
    assert run_request(again, instance).as_of == request.as_of
    assert identity.run_id("test", "g", str(request.token)) == identity.run_id("test", "g", str(run_request(again, instance).token))
