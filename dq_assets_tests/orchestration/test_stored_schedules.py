"""Stored schedules on a real instance and a real store: what a tick asks for, what it leaves behind, and what a kill does to it.

The one instant at which these schedules fire is the leap day of 2024, so the outcome is that of any day after it until the next one.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dq_assets.orchestration import build_defs
from dq_assets.orchestration.factory import build_shared_defs
from dq_assets.orchestration.schedules import evaluate, format_cursor, parse_cursor
from dq_assets.records import identity
from dq_assets.records.enums import RunStatus, TriggerSource
from dq_assets.records.schedules import ScheduleTarget
from dq_assets.records.tests import Bound, TestEdit, Thresholds
from dq_assets.settings import Settings
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.schedules import Target, remove_schedule, set_schedule
from dq_assets.store import database

from .test_definitions import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_assets.records.schedules import Schedule
    from dq_assets.records.tests import Test

LEAP_DAY, MADE = "0 0 29 2 *", datetime(2024, 2, 1, tzinfo=UTC)
FIRE = datetime(2024, 2, 29, tzinfo=UTC)
GROUP, SUITE = Target("sales", ScheduleTarget.TABLE_GROUP), Target("sales", ScheduleTarget.TEST_SUITE)
VALIDATED_AS_OF = "2024-03-31T06:00:00+00:00"


class Project:
    """A project whose suite is learned, its definitions as they were loaded once, and an instance."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.settings, self.instance = load_settings(folder / "dq.yaml"), instance
        self.steps = StepContext.open(self.settings)
        self.definitions = build_defs(self.settings)

    @property
    def group_id(self) -> str:
        return self.steps.group("sales").table_group_id

    def run(self, job: str, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)

    def test(self, rule_type: str) -> Test:
        return next(test for test in self.steps.store.tests(self.group_id, enabled_only=False) if test.rule_type == rule_type)

    def set(self, target: Target, cron: str = LEAP_DAY) -> Schedule:
        return set_schedule(self.steps, target, cron, "UTC", MADE, actor="ann").schedule

    def tick(self, cursor: str | None = None) -> tuple[list[dg.RunRequest], str | None, str | None]:
        """Evaluate the sensor as Dagster does, and return its requests, its cursor and why it skipped; nothing is kept."""
        sensor = next(sensor for sensor in self.definitions.sensors or [] if sensor.name == "dq_schedules")
        assert isinstance(sensor, dg.SensorDefinition)
        with dg.build_sensor_context(instance=self.instance, cursor=cursor, definitions=self.definitions, sensor_name="dq_schedules") as context:
            result = sensor.evaluate_tick(context)
        return list(result.run_requests or []), result.cursor, result.skip_message

    def shown(self) -> list[tuple[datetime | None, datetime | None, str | None]]:
        return [(item.last_run_at, item.next_run_at, item.last_run_id) for item in self.steps.store.schedules("default")]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as made:
        yield made


@pytest.fixture(scope="module")
def learned(learned_sales: Path, tmp_path_factory: pytest.TempPathFactory, instance: dg.DagsterInstance) -> Project:
    folder = tmp_path_factory.mktemp("stored_schedules") / "sales"
    shutil.copytree(learned_sales, folder)
    return Project(folder, instance)


@pytest.fixture
def project(learned: Project) -> Iterator[Project]:
    """The learned project without any schedule, its tests as they were learned."""
    before = learned.steps.store.tests(learned.group_id)
    yield learned
    with closing(sqlite3.connect(learned.settings.metadata.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("DELETE FROM dq_schedules")
        connection.commit()
    for test in before:
        back = TestEdit(enabled=True, locked=False, muted_until=None, thresholds=test.thresholds)
        learned.steps.store.edit_test(test.test_id, back, now=NOW, actor="ann")


def settings_without_data(metadata: dict[str, str] | None = None, **group: str) -> Settings:
    connections = {"source": {"type": "duckdb", "path": "nowhere"}}
    groups = {"sales": {"connection": "source", **group}}
    return Settings.model_validate({"version": 1, "metadata": metadata or {}, "connections": connections, "table_groups": groups})


def shared_sensors(settings: Settings, *, shared: bool = True) -> dict[str, dg.SensorDefinition]:
    jobs = [dg.define_asset_job(f"{group}_{verb}") for group in settings.table_groups for verb in ("learn", "validate")]
    sensors = build_shared_defs(settings, jobs, shared=shared).sensors or []
    return {sensor.name: sensor for sensor in sensors if isinstance(sensor, dg.SensorDefinition) and sensor.name.startswith("dq_schedules")}


def test_one_sensor_fires_the_schedules_of_all_groups_and_runs_by_default() -> None:
    (sensor,) = shared_sensors(settings_without_data()).values()
    assert [job.name for job in sensor.jobs] == ["sales_learn", "sales_validate"]
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert shared_sensors(settings_without_data(automation="stopped"))["dq_schedules"].default_status is dg.DefaultSensorStatus.STOPPED


def test_a_further_configuration_of_the_code_location_names_its_sensor_after_its_group() -> None:
    assert list(shared_sensors(settings_without_data(), shared=False)) == ["dq_schedules_sales"]
    assert shared_sensors(Settings(version=1)) == {}


def test_each_target_starts_its_job_with_tags_that_follow_from_the_fire(project: Project) -> None:
    test = project.test("Row_Ct")
    schedules = [project.set(target) for target in (GROUP, SUITE, Target("sales", ScheduleTarget.TEST, test))]
    requests, cursor, _ = project.tick()
    assert {request.job_name for request in requests} == {"sales_learn", "sales_validate"}
    tags = {str(request.run_key): {name: value for name, value in request.tags.items() if name.startswith("dq/")} for request in requests}
    keys = [f"schedule:{schedule.schedule_id}@2024-02-29T00:00Z" for schedule in schedules]
    common = {"dq/table_group": "sales", "dq/trigger": "schedule"}
    assert tags == {
        keys[0]: {**common, "dq/run_token": keys[0]},
        keys[1]: {**common, "dq/run_token": keys[1]},
        keys[2]: {**common, "dq/run_token": keys[2], "dq/tests": test.test_id},
    }
    assert parse_cursor(cursor) == dict.fromkeys((schedule.schedule_id for schedule in schedules), FIRE)


def test_the_next_tick_hands_out_nothing_and_only_then_the_table_shows_the_fire(project: Project) -> None:
    schedule = project.set(SUITE)
    _, cursor, _ = project.tick()
    assert project.shown() == [(None, FIRE, None)], "the cursor of this tick may never be kept"
    requests, again, message = project.tick(cursor)
    assert (requests, again, message) == ([], cursor, "None of 1 schedules is due.")
    run_id = identity.run_id("test", project.group_id, f"schedule:{schedule.schedule_id}@2024-02-29T00:00Z")
    assert project.shown() == [(FIRE, datetime(2028, 2, 29, tzinfo=UTC), run_id)]


def test_a_tick_killed_before_its_cursor_was_kept_asks_for_the_same_runs_again(project: Project) -> None:
    project.set(SUITE)
    project.set(GROUP)
    first, cursor, _ = project.tick()
    again, same, _ = project.tick()
    assert [(request.run_key, request.tags) for request in again] == [(request.run_key, request.tags) for request in first]
    assert same == cursor
    assert {last for last, *_ in project.shown()} == {None}


def test_a_tick_killed_after_it_wrote_the_table_leaves_what_the_kept_cursor_says(project: Project) -> None:
    project.set(SUITE)
    _, cursor, _ = project.tick()
    project.tick(cursor)
    shown = project.shown()
    project.tick(cursor)
    assert project.shown() == shown


def test_the_run_that_a_fire_starts_is_the_one_the_table_names(project: Project) -> None:
    project.set(SUITE)
    (request,), cursor, _ = project.tick()
    project.tick(cursor)
    [(_, _, run_id)] = project.shown()
    started = datetime.now(UTC)
    result = project.run(str(request.job_name), dict(request.tags))
    assert result.success
    run = project.steps.store.test_run(str(run_id))
    assert run is not None
    assert (run.status, run.trigger_source) == (RunStatus.COMPLETED, TriggerSource.SCHEDULE)
    assert run.as_of >= started, "a late fire judges what is there now, not what was there when it was due"


def test_a_schedule_on_a_test_runs_that_test_alone(project: Project) -> None:
    test = project.test("Row_Ct")
    project.set(Target("sales", ScheduleTarget.TEST, test))
    (request,), cursor, _ = project.tick()
    project.tick(cursor)
    [(_, _, run_id)] = project.shown()
    assert project.run(str(request.job_name), dict(request.tags)).success
    assert {result.test_id for result in project.steps.store.test_results(str(run_id))} == {test.test_id}


def test_a_schedule_on_a_group_learns(project: Project) -> None:
    project.set(GROUP)
    (request,), cursor, _ = project.tick()
    project.tick(cursor)
    [(_, _, run_id)] = project.shown()
    assert project.run(str(request.job_name), dict(request.tags)).success
    run = project.steps.store.profile_run(str(run_id))
    assert run is not None
    assert (run.status, run.trigger_source) == (RunStatus.COMPLETED, TriggerSource.SCHEDULE)


def test_what_cannot_start_is_told_of_and_stops_no_other(project: Project) -> None:
    off, gone = project.test("Row_Ct"), project.test("Schema_Drift").model_copy(update={"test_id": "gone", "name": "gone"})
    for target in (SUITE, GROUP, Target("sales", ScheduleTarget.TEST, off), Target("sales", ScheduleTarget.TEST, gone)):
        project.set(target)
    project.steps.store.edit_test(off.test_id, TestEdit(enabled=False), now=NOW, actor="ann")
    with closing(sqlite3.connect(project.settings.metadata.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE dq_schedules SET cron_expression = 'soon' WHERE target_type = 'table_group'")
        connection.commit()
    requests, cursor, _ = project.tick()
    assert [request.job_name for request in requests] == ["sales_validate"]
    _, _, message = project.tick(cursor)
    assert message is not None
    for says in (
        f"Schedule '0 0 29 2 *' on test {off.name} starts nothing: the test is switched off.",
        "Schedule '0 0 29 2 *' on test gone starts nothing: the test is not there any more.",
        f"Schedule 'soon' on table_group {project.group_id} starts nothing: not a cron expression;",
    ):
        assert says in message
    elsewhere = evaluate(Settings(version=1), project.steps.store.schedules("default"), None, NOW)
    assert elsewhere.requests == elsewhere.mirror == []
    assert "its table group is not in this configuration" in elsewhere.said[0]


def test_a_test_that_is_switched_on_again_is_judged_once_for_what_it_missed(project: Project) -> None:
    test = project.test("Row_Ct")
    project.set(Target("sales", ScheduleTarget.TEST, test), "0 6 * * *")
    schedules = project.steps.store.schedules("default")
    cursor = format_cursor({schedules[0].schedule_id: MADE + timedelta(days=1, hours=6)})
    project.steps.store.edit_test(test.test_id, TestEdit(enabled=False), now=NOW, actor="ann")
    while_off = evaluate(project.settings, project.steps.store.schedules("default"), cursor, FIRE)
    assert (while_off.requests, while_off.cursor) == ([], cursor)
    project.steps.store.edit_test(test.test_id, TestEdit(enabled=True), now=NOW, actor="ann")
    (request,) = evaluate(project.settings, project.steps.store.schedules("default"), cursor, FIRE + timedelta(hours=7)).requests
    assert str(request.run_key).endswith("@2024-02-29T06:00Z")


def test_a_schedule_that_was_removed_leaves_the_cursor(project: Project) -> None:
    project.set(SUITE)
    _, cursor, _ = project.tick()
    remove_schedule(project.steps, SUITE, NOW, actor="ann")
    assert project.tick(cursor) == ([], "{}", "None of 0 schedules is due.")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": "soon"}', "7"])
def test_a_cursor_that_cannot_be_read_starts_anew(text: str) -> None:
    assert parse_cursor(text) == {}


def test_a_table_that_cannot_be_written_holds_no_fire_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.set(SUITE)
    project.set(GROUP, "0 0 1 1 *")
    _, cursor, _ = project.tick()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(project.settings.metadata.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        kept = {name: fire for name, fire in parse_cursor(cursor).items() if fire == FIRE}
        requests, _, _ = project.tick(format_cursor(kept))
        other.execute("ROLLBACK")
    assert [request.job_name for request in requests] == ["sales_learn"]
    project.tick(cursor)
    assert FIRE in {last for last, *_ in project.shown()}, "the next tick writes it"


def test_where_nothing_was_provisioned_the_tick_skips_and_creates_nothing(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    sensor = shared_sensors(settings_without_data({"url": f"sqlite:///{tmp_path}/m.db"}))["dq_schedules"]
    with dg.build_sensor_context(instance=instance, sensor_name="dq_schedules") as context:
        result = sensor.evaluate_tick(context)
    assert str(result.skip_message).startswith("DQ-STORE-004: ")
    assert not list(tmp_path.iterdir())


def test_switching_muting_and_bounding_a_test_needs_no_reload(project: Project) -> None:
    switched, bounded = project.test("Schema_Drift"), project.test("Row_Ct")

    def validate(token: str) -> dict[str, str]:
        tags = {"dq/as_of": VALIDATED_AS_OF, "dq/batch": "2024-03-30", "dq/run_token": token}
        assert project.run("sales_validate", tags).success
        run_id = identity.run_id("test", project.group_id, token)
        return {result.test_id: result.result_status.value for result in project.steps.store.test_results(run_id)}

    assert validate("before")[bounded.test_id] == "pass"
    alerts = len(project.steps.store.alerts("default"))
    store = project.steps.store
    store.edit_test(switched.test_id, TestEdit(enabled=False, locked=True), now=NOW, actor="ann")
    store.edit_test(bounded.test_id, TestEdit(thresholds=Thresholds(error=Bound(maximum=1)), locked=True), now=NOW, actor="ann")
    store.edit_test(bounded.test_id, TestEdit(muted_until=datetime.now(UTC) + timedelta(days=1)), now=NOW, actor="ann")
    after = validate("after")
    assert switched.test_id not in after
    assert after[bounded.test_id] == "fail"
    assert len(store.alerts("default")) == alerts, "it is muted"
    store.edit_test(bounded.test_id, TestEdit(muted_until=None), now=NOW, actor="ann")
    validate("unmuted")
    assert len(store.alerts("default")) == alerts + 1
