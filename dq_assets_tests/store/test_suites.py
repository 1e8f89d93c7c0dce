"""Suites: learning changes what it made and nothing else, bounds are versioned, nothing is deleted."""

from __future__ import annotations

import sqlite3

import pytest

from dq_assets.errors import StoreError
from dq_assets.records import identity
from dq_assets.records.enums import Origin, Severity
from dq_assets.records.tests import Bound, Thresholds


@pytest.fixture
def apply(store, world):
    def applied(*tests, days: int = 0):
        return store.apply_suite(world.group, "sales", list(tests), now=world.later(days=days), actor="system")

    return applied


@pytest.fixture
def execute(tmp_path):
    def run(sql: str) -> None:
        connection = sqlite3.connect(tmp_path / "metadata.db")
        connection.execute(sql)
        connection.commit()
        connection.close()

    return run


def test_new_tests_are_created_with_version_one_and_read_back(store, world, apply) -> None:
    test, table_test = world.test(), world.test("Row_Ct", columns=(), description="rows", model_version="1.0")
    change = apply(test, table_test)
    assert set(change.created) == {test.test_id, table_test.test_id}
    assert change.updated == change.unchanged == change.disabled == change.muted == ()
    assert store.tests(world.group.table_group_id) == [table_test, test]


def test_tests_are_read_by_table_columns_and_rule_type(store, world, apply) -> None:
    tests = [world.test(rule, columns=columns) for columns in ((), ("amount",), ("amount", "day"), ("day",)) for rule in ("A_Rule", "B_Rule")]
    apply(*reversed(tests))
    assert store.tests(world.group.table_group_id) == tests


def test_applying_the_same_list_again_changes_nothing_and_is_not_audited(world, apply, rows) -> None:
    apply(world.test())
    before = rows("SELECT * FROM dq_audit_log"), rows("SELECT * FROM dq_tests"), rows("SELECT * FROM dq_test_versions")
    change = apply(world.test(), days=1)
    assert change.unchanged == (world.test().test_id,)
    assert before == (rows("SELECT * FROM dq_audit_log"), rows("SELECT * FROM dq_tests"), rows("SELECT * FROM dq_test_versions"))


def test_new_bounds_and_new_parameters_are_new_versions_and_old_ones_stay(store, world, apply, rows) -> None:
    apply(world.test(maximum=0.1))
    assert apply(world.test(maximum=0.2, evidence={"batches": 31}), days=1).updated == (world.test().test_id,)
    apply(world.test(maximum=0.2, evidence={"batches": 31}, parameters={"window": 14}), days=2)
    [test] = store.tests(world.group.table_group_id)
    assert (test.version, test.thresholds.error, test.evidence, test.parameters) == (3, Bound(maximum=0.2), {"batches": 31}, {"window": 14})
    kept = rows(
        "SELECT version, valid_from, json_extract(thresholds_json, '$.error.maximum'), json_extract(evidence_json, '$.parameters.window') FROM dq_test_versions"
    )
    assert kept == [(1, "2026-03-01T12:00:00.000000Z", 0.1, 7), (2, "2026-03-02T12:00:00.000000Z", 0.2, 7), (3, "2026-03-03T12:00:00.000000Z", 0.2, 14)]


def test_new_words_or_evidence_alone_are_no_new_version(store, world, apply) -> None:
    apply(world.test())
    assert apply(world.test(description="better words", evidence={"batches": 99}), days=1).updated == (world.test().test_id,)
    [test] = store.tests(world.group.table_group_id)
    assert (test.version, test.description, test.evidence) == (1, "better words", {"batches": 30})


def test_a_generated_test_that_is_not_proposed_any_more_is_disabled_not_deleted(store, world, apply, rows) -> None:
    kept, gone = world.test(), world.test("Distinct_Value_Ct")
    apply(kept, gone)
    assert apply(kept, days=1).disabled == (gone.test_id,)
    assert store.tests(world.group.table_group_id) == [kept]
    assert {test.test_id: test.enabled for test in store.tests(world.group.table_group_id, enabled_only=False)} == {kept.test_id: True, gone.test_id: False}
    assert rows("SELECT count(*) FROM dq_test_versions") == [(2,)]
    assert apply(kept, days=2).disabled == (), "it is disabled once"


def test_a_disabled_test_that_is_proposed_again_goes_on_with_its_versions(store, world, apply) -> None:
    apply(world.test())
    apply(days=1)
    assert apply(world.test(maximum=0.3), days=2).updated == (world.test().test_id,)
    [test] = store.tests(world.group.table_group_id)
    assert (test.version, test.enabled) == (2, True)


def test_generated_tests_never_change_a_locked_one(store, world, apply, execute) -> None:
    apply(world.test())
    execute("UPDATE dq_tests SET locked = 1")
    assert apply(world.test(maximum=0.9), days=1).unchanged == (world.test().test_id,)
    assert apply(days=2).disabled == ()
    [test] = store.tests(world.group.table_group_id)
    assert (test.thresholds.error, test.locked, test.version) == (Bound(maximum=0.1), True, 1)


def test_generated_tests_never_change_a_manual_one(store, world, apply) -> None:
    manual = world.test(origin=Origin.MANUAL)
    apply(manual)
    assert apply(world.test(maximum=0.9), days=1).unchanged == (manual.test_id,)
    assert store.tests(world.group.table_group_id) == [manual]


def test_a_manual_test_that_vanished_from_the_file_is_disabled(store, world, apply) -> None:
    manual = world.test(origin=Origin.MANUAL, manual_name="mine", name="mine")
    apply(manual)
    assert apply(days=1).disabled == (manual.test_id,)


@pytest.mark.parametrize("origin", [Origin.AI, Origin.CONTRACT])
def test_tests_of_other_origins_are_left_alone(store, world, apply, origin) -> None:
    apply(world.test(origin=origin))
    assert apply(days=1).disabled == ()


def test_a_mute_survives_learning_and_is_reported_until_it_ends(store, world, apply, execute) -> None:
    apply(world.test())
    execute("UPDATE dq_tests SET muted_until = '2026-03-05T12:00:00.000000Z'")
    assert apply(world.test(maximum=0.2), days=1).muted == (world.test().test_id,)
    assert store.tests(world.group.table_group_id)[0].muted_until == world.later(days=4)
    assert apply(world.test(maximum=0.2), days=5).muted == ()


def test_a_manual_test_moved_to_another_column_takes_its_name_along(store, world, apply) -> None:
    before = world.test(origin=Origin.MANUAL, manual_name="mine", name="mine")
    after = world.test(origin=Origin.MANUAL, manual_name="mine", name="mine", columns=("day",))
    apply(before)
    change = apply(after, days=1)
    assert (change.created, change.disabled) == ((after.test_id,), (before.test_id,))
    names = {test.test_id: test.name for test in store.tests(world.group.table_group_id, enabled_only=False)}
    assert names == {after.test_id: "mine", before.test_id: f"mine [{before.test_id[:8]}]"}
    assert apply(before, days=2).updated == (before.test_id,)
    assert store.tests(world.group.table_group_id) == [before]


def test_two_tests_may_swap_names(store, world, apply) -> None:
    one, two = world.test("A_Rule", name="one"), world.test("B_Rule", name="two")
    apply(one, two)
    apply(one.model_copy(update={"name": "two"}), two.model_copy(update={"name": "one"}), days=1)
    assert [test.name for test in store.tests(world.group.table_group_id)] == ["two", "one"]


def test_a_generated_test_yields_the_name_that_a_locked_one_holds(store, world, apply, execute) -> None:
    locked, newcomer = world.test("A_Rule", name="same"), world.test("B_Rule", name="same")
    apply(locked)
    execute("UPDATE dq_tests SET locked = 1")
    apply(newcomer, days=1)
    assert [test.name for test in store.tests(world.group.table_group_id)] == ["same", f"same [{newcomer.test_id[:8]}]"]
    assert apply(newcomer, days=2).unchanged == (newcomer.test_id,)


def test_given_tests_that_share_a_name_are_refused(world, apply, rows) -> None:
    with pytest.raises(StoreError, match=r"DQ-STORE-008: .*name 'same'"):
        apply(world.test("A_Rule", name="same"), world.test("B_Rule", name="same"))
    assert rows("SELECT count(*) FROM dq_tests") == rows("SELECT count(*) FROM dq_test_suites") == [(0,)]


def test_a_suite_belongs_to_one_group(store, world, apply) -> None:
    apply(world.test())
    other = world.group.model_copy(update={"name": "other", "table_group_id": identity.table_group_id("p", "other")})
    store.apply_table_group(world.connection, other, [], now=world.now, actor="ann")
    with pytest.raises(StoreError, match=r"DQ-STORE-007: test suite 'sales' belongs to"):
        store.apply_suite(other, "sales", [], now=world.now, actor="system")


def test_the_severity_is_that_of_the_worst_bound_and_the_target_is_told(world, apply, rows) -> None:
    thresholds = Thresholds(warning=Bound(maximum=1), fatal=Bound(maximum=5))
    apply(world.test(thresholds=thresholds), world.test("Row_Ct", columns=()))
    assert rows("SELECT rule_type, severity, target_type, column_name FROM dq_tests ORDER BY rule_type") == [
        ("Missing_Pct", Severity.FATAL.value, "column", "amount"),
        ("Row_Ct", "error", "table", None),
    ]


def test_what_changed_is_audited_in_one_row(world, apply, rows) -> None:
    apply(world.test(), world.test("Row_Ct", columns=()))
    apply(world.test(maximum=0.2), days=1)
    audited = rows("SELECT action, entity_id, changes FROM dq_audit_log WHERE entity_type = 'test_suite' ORDER BY created_at")
    assert [row[:2] for row in audited] == [("create", "sales"), ("update", "sales")]
    assert world.test().test_id in audited[1][2]
