"""What a person says of a test: stored at once, versioned where bounds change, audited, and left alone by learning."""

from __future__ import annotations

import json

import pytest

from dq_assets.errors import StoreError
from dq_assets.records.enums import Origin, Severity
from dq_assets.records.tests import Bound, TestEdit, Thresholds, Unit


@pytest.fixture
def apply(store, world):
    def applied(*tests, days: int = 0):
        return store.apply_suite(world.group, "sales", list(tests), now=world.later(days=days), actor="system")

    return applied


@pytest.fixture
def edit(store, world):
    def edited(test, days: int = 1, **fields):
        return store.edit_test(test.test_id, TestEdit(**fields), now=world.later(days=days), actor="ann")

    return edited


@pytest.fixture
def stored(store, world):
    def read(test):
        return next(item for item in store.tests(world.group.table_group_id, enabled_only=False) if item.test_id == test.test_id)

    return read


def test_only_what_is_given_changes_and_the_answer_is_what_is_stored(world, apply, edit, stored) -> None:
    test = world.test()
    apply(test)
    change = edit(test, enabled=False, locked=True)
    assert change.changes == {"enabled": {"old": True, "new": False}, "locked": {"old": False, "new": True}}
    assert change.test == stored(test) == test.model_copy(update={"enabled": False, "locked": True})


def test_saying_what_is_so_already_writes_nothing(world, apply, edit, rows) -> None:
    test = world.test()
    apply(test)
    before = rows("SELECT * FROM dq_tests"), rows("SELECT * FROM dq_test_versions"), rows("SELECT * FROM dq_audit_log")
    assert edit(test, enabled=True, locked=False, muted_until=None, thresholds=test.thresholds).changes == {}
    assert before == (rows("SELECT * FROM dq_tests"), rows("SELECT * FROM dq_test_versions"), rows("SELECT * FROM dq_audit_log"))


def test_new_bounds_are_a_new_version_that_names_who_set_them(world, apply, edit, stored, rows) -> None:
    test = world.test(maximum=0.1)
    apply(test)
    thresholds = Thresholds(warning=Bound(maximum=0.2), fatal=Bound(maximum=0.5), unit=Unit.SHARE)
    assert edit(test, thresholds=thresholds, locked=True).test == stored(test)
    now = stored(test)
    assert (now.version, now.thresholds, now.evidence, now.parameters) == (2, thresholds, {"set_by": "ann"}, test.parameters)
    assert rows("SELECT version, valid_from, model_version FROM dq_test_versions ORDER BY version") == [
        (1, "2026-03-01T12:00:00.000000Z", ""),
        (2, "2026-03-02T12:00:00.000000Z", "person"),
    ]
    assert rows("SELECT severity FROM dq_tests") == [(Severity.FATAL.value,)]


def test_learning_leaves_bounds_and_switches_of_a_person_alone_and_unlocking_gives_them_back(world, apply, edit, stored) -> None:
    bounded, off, on = world.test(maximum=0.1), world.test("A_Rule"), world.test("B_Rule")
    apply(bounded, off)
    apply(bounded, off, on)
    apply(bounded, off)
    edit(bounded, thresholds=Thresholds(error=Bound(maximum=9)), locked=True)
    edit(off, enabled=False, locked=True)
    edit(on, enabled=True, locked=True)
    for days in (2, 3):
        change = apply(world.test(maximum=0.3), off, days=days)
        assert (change.updated, change.disabled) == ((), ())
    assert (stored(bounded).thresholds.error, stored(bounded).version) == (Bound(maximum=9), 2)
    assert (stored(off).enabled, stored(on).enabled) == (False, True)
    for test in (bounded, off, on):
        edit(test, days=4, locked=False)
    apply(world.test(maximum=0.3), off, days=5)
    assert (stored(bounded).thresholds.error, stored(bounded).version) == (Bound(maximum=0.3), 3)
    assert (stored(off).enabled, stored(on).enabled) == (True, False)


def test_the_file_does_not_undo_what_a_person_says_of_a_manual_test(world, apply, edit, stored) -> None:
    manual = world.test(origin=Origin.MANUAL, manual_name="mine", name="mine")
    apply(manual)
    edit(manual, enabled=False, thresholds=Thresholds(error=Bound(maximum=9)), locked=True)
    assert apply(manual, days=2).unchanged == (manual.test_id,)
    assert (stored(manual).enabled, stored(manual).thresholds.error) == (False, Bound(maximum=9))
    edit(manual, days=3, locked=False)
    apply(manual, days=4)
    assert (stored(manual).enabled, stored(manual).thresholds) == (True, manual.thresholds)


def test_a_manual_test_that_vanished_from_the_file_ends_though_it_is_locked_and_comes_back_as_the_file_says(world, apply, edit, stored) -> None:
    manual = world.test(origin=Origin.MANUAL, manual_name="mine", name="mine")
    apply(manual)
    edit(manual, thresholds=Thresholds(error=Bound(maximum=9)), locked=True)
    assert apply(days=2).disabled == (manual.test_id,)
    apply(manual, days=3)
    assert (stored(manual).enabled, stored(manual).locked, stored(manual).thresholds) == (True, False, manual.thresholds)


def test_a_newcomer_yields_the_name_of_a_test_that_a_person_switched_off(world, apply, edit, stored) -> None:
    off, newcomer = world.test("A_Rule", name="same"), world.test("B_Rule", name="same")
    apply(off)
    edit(off, enabled=False, locked=True)
    apply(newcomer, days=2)
    assert (stored(off).name, stored(newcomer).name) == ("same", f"same [{newcomer.test_id[:8]}]")


def test_a_mute_begins_and_ends_without_a_version(world, apply, edit, stored) -> None:
    test = world.test()
    apply(test)
    edit(test, muted_until=world.later(days=7))
    assert (stored(test).muted_until, stored(test).version) == (world.later(days=7), 1)
    edit(test, days=2, muted_until=None)
    assert stored(test).muted_until is None


def test_each_edit_is_audited_with_both_values_and_its_actor(world, apply, edit, rows) -> None:
    test = world.test(maximum=0.1)
    apply(test)
    edit(test, thresholds=Thresholds(error=Bound(maximum=0.5)), muted_until=world.later(days=7))
    [(action, actor_type, actor, entity, changes)] = rows(
        "SELECT action, actor_type, actor_id, entity_id, changes FROM dq_audit_log WHERE entity_type = 'test'"
    )
    assert (action, actor_type, actor, entity) == ("update", "person", "ann", test.test_id)
    said = json.loads(changes)
    assert said["muted_until"] == {"old": None, "new": "2026-03-08T12:00:00Z"}
    assert (said["thresholds"]["old"]["error"]["maximum"], said["thresholds"]["new"]["error"]["maximum"]) == (0.1, 0.5)


def test_a_test_that_is_not_there_cannot_be_edited(world, edit) -> None:
    with pytest.raises(StoreError, match=r"DQ-STORE-012: test .* is not there"):
        edit(world.test(), enabled=False)
