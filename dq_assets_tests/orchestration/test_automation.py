"""``trigger: automation``: conditions start validation, and the ingestion sensor does not."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from dq_assets.orchestration.keys import TAG_TABLE_GROUP
from dq_assets.steps.context import RunRequest
from dq_assets.steps.test import test as judge

from .arrivals import CUSTOMERS, ORDERS, Arrivals

# `evaluate_automation_conditions` itself selects with a parameter that Dagster 1.13 calls beta.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `include_sources`:dagster.BetaWarning")

RESULTS, ALERTS, SUITE, PROFILE = (dg.AssetKey(["dq", "sales", name]) for name in ("test_results", "alerts", "test_suite", "profile_run"))
BOTH = pytest.mark.parametrize("group", [{}, {"blocking": "fatal"}], indirect=True, ids=["plain", "blocking"])


class Automated(Arrivals):
    """The group with ``trigger: automation``, and how far its conditions were evaluated."""

    evaluated: dg.AssetDaemonCursor | None = None

    def fired(self) -> set[Any]:
        """Evaluate the conditions once, as the automation sensor does, and return what they ask for."""
        result = dg.evaluate_automation_conditions(self.with_tables, self.instance, cursor=self.evaluated)
        self.evaluated = result.cursor
        return {item.key for item in result.results if not item.true_subset.is_empty}

    @property
    def with_tables(self) -> dg.Definitions:
        """The definitions, with somebody else's tables where the group attaches to them."""
        return self.definitions

    def report(self, key: dg.AssetKey, version: str | None = None) -> None:
        tags = {"dagster/data_version": version} if version else {}
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key, tags=tags))

    def begin(self) -> None:
        """Let Dagster see that the group was learned, and the first evaluation pass."""
        self.report(SUITE)
        assert self.fired() == self.validation

    @property
    def validation(self) -> set[Any]:
        """All that belongs to a validation."""
        checks = self.with_tables.resolve_asset_graph().asset_check_keys
        return {RESULTS, ALERTS, *(key for key in checks if key.name != "dq_hygiene")}


class Attached(Automated):
    """A group whose tables are assets of somebody else."""

    @property
    def with_tables(self) -> dg.Definitions:
        @dg.asset(key=ORDERS, code_version="1")
        def orders() -> None: ...

        return dg.Definitions.merge(self.definitions, dg.Definitions(assets=[orders, dg.AssetSpec(CUSTOMERS)]))


@pytest.fixture
def group(request: pytest.FixtureRequest, arrivals: Arrivals) -> Automated:
    """The learned group, with other settings where a test asks for them."""
    settings: dict[str, Any] = {"trigger": "automation", **getattr(request, "param", {})}
    made = (Attached if settings.get("source_assets") == "attach" else Automated)(arrivals.folder, arrivals.instance, **settings)
    made.cursor = arrivals.cursor
    return made


def sensor_names(group: Arrivals) -> set[str]:
    return {sensor.name for sensor in group.definitions.get_repository_def().sensor_defs}


# Never both.


@pytest.mark.parametrize("group", [{"trigger": "sensor"}], indirect=True)
def test_with_the_sensor_as_trigger_nothing_has_a_condition(group: Automated) -> None:
    graph = group.definitions.resolve_asset_graph()
    keys = [*graph.get_all_asset_keys(), *graph.asset_check_keys]
    assert len(keys) > 20
    assert [key for key in keys if graph.get(key).automation_condition is not None] == []
    assert not any("automation" in name for name in sensor_names(group))


def test_with_automation_as_trigger_the_sensor_reports_and_asks_for_no_validation(group: Automated) -> None:
    group.report(SUITE)
    group.land(31)
    tick = group.tick()
    assert not tick.run_requests
    assert [event.asset_key for event in tick.asset_events] == [ORDERS]
    assert tick.skip_message == "Reported: main.orders."
    group.commit(tick)
    assert group.tick().skip_message == "Nothing new in 2 tables."


def test_the_sensor_reports_while_a_run_is_in_progress_and_learns_after_it(group: Automated) -> None:
    group.report(SUITE)
    job = group.definitions.resolve_job_def("sales_validate")
    run = group.instance.create_run_for_job(job, tags={TAG_TABLE_GROUP: "sales"}, status=dg.DagsterRunStatus.STARTED)
    group.land(31)
    tick = group.tick()
    assert [event.asset_key for event in tick.asset_events] == [ORDERS]
    group.commit(tick)
    judge(group.steps, "sales", RunRequest.now())
    assert str(group.tick().skip_message).startswith(f"Run {run.run_id}")
    group.end(run, dg.DagsterEventType.RUN_SUCCESS)
    assert group.settle() == ["sales_learn"]


def test_the_automation_sensor_runs_by_itself_and_is_the_only_one_for_the_groups_conditions(group: Automated) -> None:
    assert {name for name in sensor_names(group) if "automation" in name} == {"sales_automation"}
    sensor = group.definitions.resolve_sensor_def("sales_automation")
    assert isinstance(sensor, dg.AutomationConditionSensorDefinition)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.run_tags[TAG_TABLE_GROUP] == "sales"
    stopped = Automated(group.folder, group.instance, trigger="automation", automation="stopped").definitions.resolve_sensor_def("sales_automation")
    assert stopped.default_status is dg.DefaultSensorStatus.STOPPED


# What fires.


@BOTH
def test_one_arrival_asks_once_for_results_alerts_and_every_check(group: Automated) -> None:
    group.begin()
    group.land(31)
    group.store_events(group.tick())
    assert group.fired() == group.validation
    assert group.fired() == set()


@BOTH
def test_the_same_data_version_again_fires_nothing(group: Automated) -> None:
    group.report(ORDERS, "1")
    group.begin()
    group.report(ORDERS, "1")
    assert group.fired() == set()
    group.report(ORDERS, "2")
    assert group.fired() == group.validation
    group.report(ORDERS, "2")
    assert group.fired() == set()


@BOTH
def test_arrivals_one_after_the_other_fire_each(group: Automated) -> None:
    group.begin()
    for version in ("1", "2", "3"):
        group.report(ORDERS, version)
        assert group.fired() == group.validation
    assert group.fired() == set()


@BOTH
def test_what_arrives_during_a_validation_fires_after_it(group: Automated) -> None:
    group.begin()
    job = group.definitions.resolve_job_def("sales_validate")
    run = group.instance.create_run_for_job(job, tags={TAG_TABLE_GROUP: "sales"}, status=dg.DagsterRunStatus.STARTED)
    group.report(CUSTOMERS, "1")
    assert group.fired() == set()
    group.report(RESULTS)
    group.end(run, dg.DagsterEventType.RUN_SUCCESS)
    assert group.fired() == group.validation
    assert group.fired() == set()


def test_learning_fires_nothing_and_an_arrival_waits_for_its_end(group: Automated) -> None:
    group.begin()
    for key in (PROFILE, SUITE):
        group.report(key, "another version")
        assert group.fired() == set()
    job = group.definitions.resolve_job_def("sales_learn")
    run = group.instance.create_run_for_job(job, tags={TAG_TABLE_GROUP: "sales"}, status=dg.DagsterRunStatus.STARTED)
    group.report(ORDERS, "1")
    assert group.fired() == set()
    group.report(SUITE)
    group.end(run, dg.DagsterEventType.RUN_SUCCESS)
    assert group.fired() == group.validation


def test_a_group_that_was_never_learned_fires_only_after_its_first_learning(group: Automated) -> None:
    assert group.fired() == set()
    group.report(ORDERS, "1")
    assert group.fired() == set()
    group.report(SUITE)
    assert group.fired() == group.validation
    assert group.fired() == set()


@pytest.mark.parametrize("group", [{"source_assets": "attach"}], indirect=True)
def test_an_asset_of_somebody_else_fires_when_it_is_materialized_whatever_its_version(group: Automated) -> None:
    group.begin()
    for _ in range(2):
        assert dg.materialize([asset for asset in group.with_tables.assets or [] if getattr(asset, "key", None) == ORDERS], instance=group.instance).success
        assert group.fired() == group.validation
        assert group.fired() == set()
    events = group.instance.fetch_materializations(ORDERS, limit=2).records
    versions = {record.asset_materialization.tags["dagster/data_version"] for record in events if record.asset_materialization}
    assert len(versions) == 1, "both with the same version"


@pytest.mark.parametrize("group", [{}, {"trigger": "sensor"}], indirect=True, ids=["automation", "sensor"])
def test_batches_are_partitions_unless_conditions_start_validation(group: Automated) -> None:
    partitioned = group.definitions.resolve_asset_graph().get(RESULTS).partitions_def
    assert (partitioned is None) == (group.settings.table_groups["sales"].trigger == "automation")


@pytest.mark.parametrize("group", [{"trigger": trigger} for trigger in ("sensor", "automation")], indirect=True, ids=["sensor", "automation"])
def test_an_asset_downstream_of_a_table_wakes_by_what_the_sensor_reports(group: Automated) -> None:
    @dg.asset(deps=[ORDERS, CUSTOMERS], automation_condition=dg.AutomationCondition.eager())
    def revenue() -> None: ...

    definitions = dg.Definitions.merge(group.definitions, dg.Definitions(assets=[revenue]))
    watch = {"defs": definitions, "instance": group.instance, "asset_selection": dg.AssetSelection.assets(revenue)}
    before = dg.evaluate_automation_conditions(**watch)
    group.cursor = None  # as on the first look
    group.store_events(group.tick())
    assert before.total_requested == 0
    assert dg.evaluate_automation_conditions(**watch, cursor=before.cursor).total_requested == 1


# Learning.


def test_the_sensor_asks_for_the_first_learning_that_dagster_sees(group: Automated) -> None:
    assert group.settle() == ["sales_learn"], "learned on the command line is not seen by a condition"


def test_learning_waits_for_the_validation_of_what_was_reported(group: Automated) -> None:
    group.report(SUITE)
    judge(group.steps, "sales", RunRequest.now())
    group.land(31)
    assert str(group.tick().skip_message).startswith("Reported")
    assert group.settle() + group.settle() == [], "what was judged before waits too"
    judge(group.steps, "sales", RunRequest.now())
    assert group.settle() == ["sales_learn"]


@pytest.mark.parametrize("group", [{"source_assets": "attach"}], indirect=True)
def test_with_assets_of_somebody_else_the_sensor_only_asks_for_learning_and_reads_no_source(group: Automated) -> None:
    (group.folder / "landing").rename(group.folder / "elsewhere")
    (run,) = group.start()
    assert run.job_name == "sales_learn"
    group.end(run, dg.DagsterEventType.RUN_SUCCESS)
    group.report(SUITE)
    (group.folder / "elsewhere").rename(group.folder / "landing")
    judge(group.steps, "sales", RunRequest.now())
    (group.folder / "landing").rename(group.folder / "elsewhere")
    assert [item.job_name for item in group.start()] == ["sales_learn"]
