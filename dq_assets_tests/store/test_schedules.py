"""Stored schedules: one a target, changed by people and mirrored by the sensor, each in its own columns."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from dq_assets.errors import StoreError
from dq_assets.records import identity
from dq_assets.records.schedules import Schedule, ScheduledTest, ScheduleTarget


@pytest.fixture
def schedule(world):
    """Make a schedule on the group, the suite or a test."""

    def made(target: ScheduleTarget = ScheduleTarget.TABLE_GROUP, target_id: str = "", **fields) -> Schedule:
        target_id = target_id or world.group.table_group_id
        given = {"cron_expression": "0 6 * * *", "timezone": "Europe/Berlin", "created_at": world.now, "updated_at": world.now}
        schedule_id = identity.schedule_id("p", target, target_id)
        return Schedule(schedule_id=schedule_id, project_key="p", target_type=target, target_id=target_id, **given | fields)

    return made


@pytest.fixture
def audited(rows):
    def read() -> list[tuple[str, str, dict]]:
        found = rows("SELECT action, actor_id, changes FROM dq_audit_log WHERE entity_type = 'schedule' ORDER BY created_at")
        return [(action, actor, json.loads(changes)) for action, actor, changes in found]

    return read


def test_a_schedule_is_read_back_as_it_was_saved(store, schedule, world) -> None:
    saved = schedule(next_run_at=world.later(days=1))
    changes = store.save_schedule(saved, actor="ann")
    assert store.schedules("p") == [saved]
    assert {field: change["new"] for field, change in changes.items()} == {"cron_expression": "0 6 * * *", "timezone": "Europe/Berlin", "enabled": True}


def test_schedules_of_another_project_are_not_read(store, schedule) -> None:
    store.save_schedule(schedule(), actor="ann")
    assert store.schedules("other") == []


def test_a_change_moves_updated_at_and_keeps_what_was_fired(store, schedule, world) -> None:
    store.save_schedule(schedule(), actor="ann")
    store.note_fires([schedule(last_run_at=world.later(days=1), next_run_at=world.later(days=2), last_run_id="r")])
    changed = schedule(cron_expression="0 7 * * *", next_run_at=world.later(days=4), created_at=world.later(days=3), updated_at=world.later(days=3))
    assert store.save_schedule(changed, actor="bob") == {"cron_expression": {"old": "0 6 * * *", "new": "0 7 * * *"}}
    (stored,) = store.schedules("p")
    assert (stored.cron_expression, stored.created_at, stored.updated_at) == ("0 7 * * *", world.now, world.later(days=3))
    assert (stored.last_run_at, stored.next_run_at, stored.last_run_id) == (world.later(days=1), world.later(days=4), "r")


def test_saving_the_same_again_writes_nothing_so_that_no_fire_is_skipped(store, schedule, world, audited) -> None:
    store.save_schedule(schedule(), actor="ann")
    assert store.save_schedule(schedule(updated_at=world.later(days=3)), actor="ann") == {}
    assert store.schedules("p")[0].updated_at == world.now
    assert len(audited()) == 1


def test_what_the_sensor_notes_is_no_change_by_a_person(store, schedule, world, audited) -> None:
    store.save_schedule(schedule(), actor="ann")
    store.note_fires([schedule(last_run_at=world.later(days=1))])
    assert store.schedules("p")[0].updated_at == world.now
    assert len(audited()) == 1


def test_what_the_sensor_notes_of_a_schedule_that_was_changed_meanwhile_is_dropped(store, schedule, world) -> None:
    store.save_schedule(schedule(), actor="ann")
    (as_read,) = store.schedules("p")
    store.save_schedule(schedule(cron_expression="0 7 * * *", updated_at=world.later(minutes=1), next_run_at=world.later(days=9)), actor="bob")
    store.note_fires([as_read.model_copy(update={"next_run_at": world.later(days=1)})])
    assert store.schedules("p")[0].next_run_at == world.later(days=9)


def test_a_schedule_on_a_test_brings_what_is_known_of_the_test(store, schedule, world) -> None:
    test = world.test()
    store.apply_suite(world.group, "sales", [test], now=world.now, actor="system")
    store.save_schedule(schedule(ScheduleTarget.TEST, test.test_id), actor="ann")
    store.save_schedule(schedule(ScheduleTarget.TEST, "gone"), actor="ann")
    known = {item.target_id: item.test for item in store.schedules("p")}
    assert known == {test.test_id: ScheduledTest(table_group_id=world.group.table_group_id, name=test.name, enabled=True), "gone": None}


def test_removing_deletes_once_and_is_audited(store, schedule, world, audited) -> None:
    store.save_schedule(schedule(), actor="ann")
    assert store.remove_schedule(schedule(), now=world.later(days=1), actor="bob")
    assert not store.remove_schedule(schedule(), now=world.later(days=2), actor="bob")
    assert store.schedules("p") == []
    assert [row[:2] for row in audited()] == [("create", "ann"), ("delete", "bob")]


def test_the_audit_names_the_target_and_both_values(store, schedule, world, audited) -> None:
    store.save_schedule(schedule(), actor="ann")
    store.save_schedule(schedule(enabled=False, updated_at=world.later(days=1)), actor="bob")
    assert audited()[0][2]["target"] == {"old": None, "new": f"table_group {world.group.table_group_id}"}
    assert audited()[1] == ("update", "bob", {"enabled": {"old": True, "new": False}})


def test_a_target_has_one_schedule(store, schedule) -> None:
    store.save_schedule(schedule(), actor="ann")
    with pytest.raises(StoreError, match=r"DQ-STORE-001: .*UNIQUE constraint"):
        store.save_schedule(schedule().model_copy(update={"schedule_id": "another"}), actor="ann")


def test_moments_keep_their_order_as_text(store, schedule, world, rows) -> None:
    store.save_schedule(schedule(next_run_at=world.now + timedelta(microseconds=1)), actor="ann")
    assert rows("SELECT next_run_at > updated_at FROM dq_schedules") == [(1,)]
