"""Profile runs: what a retry leaves, what is visible, which run supersedes which."""

from __future__ import annotations

import sqlite3

import pytest

from dq_assets.errors import StoreError
from dq_assets.records.batches import WHOLE, BatchSpec, Grain
from dq_assets.records.enums import BaselineStatus, RunStatus, Severity
from dq_assets.records.profiles import GroupProfile
from dq_assets.records.tables import TableName

DETAILS = ("dq_profile_results", "dq_profile_metrics", "dq_profile_column_values", "dq_profile_anomaly_results", "dq_data_column_chars")


def contents(rows) -> dict[str, list[tuple]]:
    return {table: sorted(rows(f"SELECT * FROM {table}"), key=repr) for table in DETAILS}


def test_what_was_written_is_read_back(store, world) -> None:
    profile = world.profile()
    run = world.profiled(store, "one", profile, table_count=1, column_count=1, row_count=10, anomaly_count=1)
    assert store.column_profiles(run.profile_run_id) == list(profile.columns)
    assert store.findings(run.profile_run_id) == list(profile.findings)
    assert store.metric_series([world.orders]) == list(profile.series)
    stored = store.profile_run(run.profile_run_id)
    assert stored == store.latest_profile_run(world.group.table_group_id)
    assert (stored.status, stored.row_count, stored.anomaly_count, stored.completed_at) == (RunStatus.COMPLETED, 10, 1, world.later(minutes=5))


def test_the_views_show_the_profile_in_the_legacy_shape(store, world, rows) -> None:
    run = world.profiled(store, "one", world.profile())
    columns = "profile_run_id, project_key, qualified_name, row_count, non_null_count, median_value, p95_value, min_date, date_span_days"
    assert rows(f"SELECT {columns} FROM dq_profile_columns") == [(run.profile_run_id, "p", "main.orders.amount", 10, 8, 4.0, 8.5, None, None)]
    anomalies = "table_name, column_name, anomaly_type, severity, description, detected_at"
    assert rows(f"SELECT {anomalies} FROM dq_profile_anomalies") == [("orders", "amount", "null_ratio", "warning", "2 of 10", "2026-03-01T12:00:00.000000Z")]


def test_a_finding_of_an_unknown_type_is_shown_as_external(store, world, rows) -> None:
    profile = world.profile()
    strange = profile.findings[0].model_copy(update={"anomaly_type_id": 4711})
    world.profiled(store, "one", profile.model_copy(update={"findings": (strange,)}))
    assert rows("SELECT anomaly_type FROM dq_profile_anomalies") == [("external",)]


def test_completing_twice_leaves_the_same_rows(store, world, rows) -> None:
    world.profiled(store, "one", world.profile())
    before = contents(rows)
    assert all(before.values())
    world.profiled(store, "one", world.profile())
    assert contents(rows) == before


def test_a_retry_after_a_failure_leaves_the_rows_of_an_undisturbed_run(store, world, rows) -> None:
    first = store.start_profile_run(world.profile_run())
    store.fail_profile_run(first.profile_run_id, "the worker died", world.later(minutes=1))
    assert store.profile_run(first.profile_run_id).error_message == "the worker died"
    second = store.start_profile_run(world.profile_run(started_at=world.later(hours=1)))
    assert (second.attempt, second.started_at, second.status) == (2, world.now, RunStatus.RUNNING)
    store.complete_profile_run(second.model_copy(update={"completed_at": world.later(minutes=5)}), world.profile())
    retried = contents(rows), rows("SELECT started_at, status, error_message FROM dq_profiles")
    assert retried[1] == [("2026-03-01T12:00:00.000000Z", "completed", None)]
    third = store.start_profile_run(world.profile_run())
    store.complete_profile_run(third.model_copy(update={"completed_at": world.later(minutes=5)}), world.profile())
    assert contents(rows) == retried[0]


def test_an_older_attempt_is_refused_and_writes_nothing(store, world, rows) -> None:
    old = store.start_profile_run(world.profile_run())
    new = store.start_profile_run(world.profile_run())
    with pytest.raises(StoreError, match=r"DQ-STORE-006: attempt 1 of profile run .* attempt 2 has begun"):
        store.complete_profile_run(old, world.profile())
    assert not any(contents(rows).values())
    store.complete_profile_run(new, world.profile())
    assert all(contents(rows).values())


def test_a_run_that_was_never_started_cannot_be_completed(store, world) -> None:
    with pytest.raises(StoreError, match=r"DQ-STORE-010"):
        store.complete_profile_run(world.profile_run(), world.profile())


def test_a_late_failure_does_not_undo_a_completed_run(store, world) -> None:
    run = world.profiled(store, "one", world.profile())
    store.fail_profile_run(run.profile_run_id, "too late", world.later(hours=1))
    assert store.profile_run(run.profile_run_id).status is RunStatus.COMPLETED


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.COMPLETED])
def test_rows_of_an_unfinished_run_are_invisible_to_every_reader_and_view(store, world, rows, tmp_path, status) -> None:
    run = world.profiled(store, "one", world.profile())
    connection = sqlite3.connect(tmp_path / "metadata.db")
    connection.execute("UPDATE dq_profiles SET status = ?", [status.value])
    connection.commit()
    connection.close()
    assert rows("SELECT count(*) FROM dq_profile_results") == [(1,)], "the rows are there"
    assert store.latest_profile_run(world.group.table_group_id) is None
    assert store.column_profiles(run.profile_run_id) == []
    assert store.findings(run.profile_run_id) == []
    assert store.metric_series([world.orders]) == []
    assert store.profiled_batches(world.orders) == {}
    assert rows("SELECT * FROM dq_profile_columns") == []
    assert rows("SELECT * FROM dq_profile_anomalies") == []
    assert store.profile_run(run.profile_run_id).status is status


def test_a_reprofiled_window_supersedes_itself_metric_by_metric(store, world) -> None:
    first = GroupProfile(series=(world.metric(10), world.metric(11, batch_key="2026-02-02"), world.metric(0.5, metric="duplicate_row_count")))
    again = GroupProfile(series=(world.metric(12), world.metric(13, batch_key="2026-02-03")))
    world.profiled(store, "two", again, as_of=world.later(days=1))
    world.profiled(store, "one", first)
    series = [(value.metric, value.batch_key, value.value) for value in store.metric_series([world.orders])]
    assert series == [
        ("duplicate_row_count", "2026-02-01", 0.5),
        ("row_count", "2026-02-01", 12.0),
        ("row_count", "2026-02-02", 11.0),
        ("row_count", "2026-02-03", 13.0),
    ]


def test_an_unfinished_reprofile_supersedes_nothing(store, world) -> None:
    world.profiled(store, "one", GroupProfile(series=(world.metric(10),)))
    run = world.profiled(store, "two", GroupProfile(series=(world.metric(12),)), as_of=world.later(days=1))
    store.start_profile_run(run)
    assert [value.value for value in store.metric_series([world.orders])] == [10.0]


def test_the_state_of_the_newest_run_decides_whether_a_batch_teaches(store, world) -> None:
    world.profiled(store, "one", GroupProfile(series=(world.metric(10), world.metric(11, batch_key=None))))
    excluded = world.metric(10, baseline_status=BaselineStatus.EXCLUDED)
    world.profiled(store, "two", GroupProfile(series=(excluded,)), as_of=world.later(days=1))
    learned = store.metric_series([world.orders], baseline=[BaselineStatus.LEARNED])
    assert [value.batch_key for value in learned] == [None]
    assert store.profiled_batches(world.orders) == {
        "2026-02-01": (BaselineStatus.EXCLUDED, 10, None),
        None: (BaselineStatus.LEARNED, 11, None),
    }


def test_columns_of_one_metric_do_not_supersede_each_other(store, world) -> None:
    values = (world.metric(1, metric="null_count", column_id="a"), world.metric(2, metric="null_count", column_id="b"))
    world.profiled(store, "one", GroupProfile(series=values))
    assert [(value.column_id, value.value) for value in store.metric_series([world.orders])] == [("a", 1.0), ("b", 2.0)]


def test_the_latest_run_is_the_one_that_speaks_of_the_latest_moment(store, world) -> None:
    world.profiled(store, "new", world.profile(), as_of=world.later(days=2))
    world.profiled(store, "backfill", world.profile(), as_of=world.later(days=-9), completed_at=world.later(days=9))
    assert store.latest_profile_run(world.group.table_group_id).as_of == world.later(days=2)


def test_a_backfill_does_not_overwrite_what_is_known_of_a_column(store, world, rows) -> None:
    newest = world.profiled(store, "new", world.profile(), as_of=world.later(days=2))
    world.profiled(store, "backfill", world.profile(), as_of=world.later(days=-9))
    query = "SELECT last_complete_profile_run_id, latest_anomaly_ct, pii_risk FROM dq_data_column_chars"
    assert rows(query) == [(newest.profile_run_id, 1, "name")]


def test_two_findings_of_one_kind_on_one_column_are_both_kept(store, world) -> None:
    profile = world.profile()
    second = profile.findings[0].model_copy(update={"detail": "3 of 10", "severity": Severity.INFO})
    run = world.profiled(store, "one", profile.model_copy(update={"findings": (*profile.findings, second)}))
    assert [finding.detail for finding in store.findings(run.profile_run_id)] == ["2 of 10", "3 of 10"]


def test_applying_a_group_again_changes_nothing_and_is_not_audited(store, world, rows) -> None:
    before = rows("SELECT * FROM dq_audit_log")
    assert store.apply_table_group(world.connection, world.group, world.tables, now=world.later(days=1), actor="ann") == {}
    assert rows("SELECT * FROM dq_audit_log") == before


def test_changes_of_a_group_are_told_field_by_field_and_audited(store, world, rows) -> None:
    connection = world.connection.model_copy(update={"catalog": "prod"})
    group = world.group.model_copy(update={"description": "all sales"})
    changes = store.apply_table_group(connection, group, world.tables, now=world.later(days=1), actor="bob")
    assert changes == {"connection.catalog": {"old": None, "new": "prod"}, "description": {"old": None, "new": "all sales"}}
    audited = rows("SELECT action, actor_id, actor_type, changes FROM dq_audit_log WHERE entity_type = 'table_group' ORDER BY created_at")
    assert [row[:3] for row in audited] == [("create", "ann", "person"), ("update", "bob", "person")]
    assert '"description":{"new":"all sales","old":null}' in audited[1][3]


def test_a_vanished_table_is_dropped_and_comes_back(store, world, rows) -> None:
    group_id = world.group.table_group_id
    assert [str(table.name) for table in store.tables(group_id)] == ["main.customers", "main.orders"]
    changes = store.apply_table_group(world.connection, world.group, world.tables[:1], now=world.later(days=1), actor="ann")
    assert changes["table.main.customers"] == {"old": "present", "new": "dropped"}
    assert [str(table.name) for table in store.tables(group_id)] == ["main.orders"]
    assert rows("SELECT dropped_at FROM dq_tables WHERE table_name = 'customers'") == [("2026-03-02T12:00:00.000000Z",)]
    back = store.apply_table_group(world.connection, world.group, world.tables, now=world.later(days=2), actor="ann")
    assert back["table.main.customers"] == {"old": "dropped", "new": "present"}
    assert [str(table.name) for table in store.tables(group_id)] == ["main.customers", "main.orders"]
    assert rows("SELECT created_at, dropped_at FROM dq_tables WHERE table_name = 'customers'") == [("2026-03-01T12:00:00.000000Z", None)]


def test_tables_carry_the_batch_specification_they_were_applied_with(store, world) -> None:
    batches = {table.name.table_name: table.batch for table in store.tables(world.group.table_group_id)}
    assert batches == {"orders": BatchSpec(column="day", grain=Grain.DAY), "customers": WHOLE}


def test_names_are_compared_exactly(store, world) -> None:
    upper = world.tables[0].model_copy(update={"name": TableName(schema_name="main", table_name="ORDERS")})
    store.apply_table_group(world.connection, world.group, [*world.tables, upper], now=world.now, actor="ann")
    assert [table.name.table_name for table in store.tables(world.group.table_group_id)] == ["ORDERS", "customers", "orders"]
