"""Profile runs: what is not scanned again, what is remembered, what a run may cost, what it says before and leaves behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dq_assets.engines.duckdb_engine import DuckDBSession
from dq_assets.profiling.column_states import ColumnState
from dq_assets.profiling.findings import BY_CODE
from dq_assets.records.batches import BatchRange
from dq_assets.records.enums import GeneralType
from dq_assets.steps.profile_plan import plan_of_profile
from dq_assets.steps.reports import report_path, reports_of

LAST = 29
NEXT = 30


@pytest.fixture
def asked(monkeypatch):
    """The statements that sessions run."""
    said: list[str] = []
    rows, keep = DuckDBSession.rows, DuckDBSession.execute_temp

    def text(sql) -> str:
        return sql if isinstance(sql, str) else sql.sql(dialect="duckdb")

    def recorded_rows(self, sql, *arguments, **named):
        said.append(text(sql))
        return rows(self, sql, *arguments, **named)

    def recorded_keep(self, name, query, **named):
        said.append(text(query))
        return keep(self, name, query, **named)

    monkeypatch.setattr(DuckDBSession, "rows", recorded_rows)
    monkeypatch.setattr(DuckDBSession, "execute_temp", recorded_keep)
    return said


def profiles(lake, run) -> dict:
    return {(column.table.table_name, column.column_name): column for column in lake.context.store.column_profiles(run.profile_run_id)}


def about(statements, table: str) -> list[str]:
    return [statement for statement in statements if f'"{table}"' in statement]


def test_a_table_that_did_not_change_is_not_scanned_again(lake, asked):
    before = lake.profile(LAST)
    lake.arrive(NEXT)
    asked.clear()

    after = lake.profile(NEXT)

    assert about(asked, "orders") != []
    assert about(asked, "customers") == []
    kept = {key: column for key, column in profiles(lake, before).items() if key[0] == "customers"}
    assert {key: column for key, column in profiles(lake, after).items() if key[0] == "customers"} == kept


def test_of_an_unchanged_timed_table_only_the_dates_are_read_again(lake, asked):
    before = profiles(lake, lake.profile(LAST))
    asked.clear()

    again = profiles(lake, lake.profile(LAST, token="again"))

    scans = about(asked, "orders")
    assert scans != []
    assert [statement for statement in scans if '"amount"' in statement] == []
    assert {key: column for key, column in again.items() if column.general_type is not GeneralType.DATE} == {
        key: column for key, column in before.items() if column.general_type is not GeneralType.DATE
    }
    assert again["orders", "ordered_at"].metrics == before["orders", "ordered_at"].metrics


def test_states_that_took_a_batch_in_equal_states_made_anew(lake, asked):
    lake.arrive(NEXT)
    lake.test(NEXT)
    asked.clear()
    lake.profile(NEXT)
    grown = states(lake)
    values = [statement for statement in about(asked, "orders") if "first_seen" in statement]

    lake.forget_states()
    lake.profile(NEXT, token="anew", batches=BatchRange.parse(f"{lake.key(0)}..{lake.key(NEXT)}"))

    # Only the rows of the new batch were asked for their values.
    assert values != []
    assert [statement for statement in values if lake.key(NEXT) not in statement] == []
    assert grown["orders", "status"].rows == sum(len(lake.rows(day)["status"]) for day in range(NEXT + 1))
    anew = states(lake)
    assert {key: state.model_copy(update={"numbers": None}) for key, state in grown.items()} == {
        key: state.model_copy(update={"numbers": None}) for key, state in anew.items()
    }
    assert grown["orders", "amount"].numbers.mean == pytest.approx(anew["orders", "amount"].numbers.mean, rel=1e-12)
    assert grown["orders", "amount"].numbers.stddev == pytest.approx(anew["orders", "amount"].numbers.stddev, rel=1e-9)


def states(lake) -> dict:
    found = {}
    for table in lake.context.tables(lake.group):
        columns = {column.column_id: column.column_name for column in profiles_of_table(lake, table.table_id)}
        for column_id, row in lake.context.store.column_states(table.table_id).items():
            found[table.name.table_name, columns[column_id]] = ColumnState.model_validate(row.state)
    return found


def profiles_of_table(lake, table_id: str) -> list:
    run = lake.context.store.latest_profile_run(lake.context.group(lake.group).table_group_id)
    return [column for column in lake.context.store.column_profiles(run.profile_run_id) if column.table_id == table_id]


def test_a_limit_of_tables_leaves_the_rest_out_with_a_finding(new_lake):
    lake = new_lake(limits={"tables": 1})
    lake.begin()
    lake.register()
    run = lake.profile(LAST)
    left = [item for item in lake.context.store.findings(run.profile_run_id) if item.anomaly_type_id == BY_CODE["not_profiled"].anomaly_type_id]
    assert [(item.table.table_name, "limits.tables is 1" in item.detail) for item in left] == [("orders", True)]


def test_a_limit_of_bytes_leaves_tables_out_with_a_finding(new_lake):
    lake = new_lake(limits={"gigabytes": 0.000001})
    lake.begin()
    lake.register()
    run = lake.profile(LAST)
    details = [item.detail for item in lake.context.store.findings(run.profile_run_id)]
    assert len([detail for detail in details if "limits.gigabytes" in detail]) == 2


def test_a_plan_says_what_would_be_asked_and_runs_nothing(lake, asked):
    lake.profile(LAST)
    lake.arrive(NEXT)
    asked.clear()

    planned = {table.table: table for table in plan_of_profile(lake.context, lake.group, lake.request(NEXT))}

    assert planned["main.customers"].unchanged
    assert not planned["main.orders"].unchanged
    assert planned["main.orders"].size_bytes > 0
    assert planned["main.orders"].batches == "day of ordered_at"
    assert [statement for statement in asked if "SELECT count(" in statement or "GROUP BY" in statement] == []
    asked.clear()
    lake.profile(NEXT)
    assert 0 < len(about(asked, "orders")) <= planned["main.orders"].statements + 2 * planned["main.orders"].columns


def test_each_table_has_a_page_that_is_renewed(lake):
    lake.profile(LAST)
    table = next(table.name for table in lake.context.tables(lake.group) if table.name.table_name == "orders")
    page = report_path(lake.context, lake.group, table)
    assert page in reports_of(lake.context, lake.group)
    first = page.read_text(encoding="utf-8")
    assert lake.key(LAST) in first
    lake.arrive(NEXT)
    lake.profile(NEXT)
    assert page.read_text(encoding="utf-8") != first
    assert [path.name for path in page.parent.iterdir() if not path.name.endswith(".html")] == []


def test_personal_values_are_remembered_as_hashes_only(new_lake):
    lake = new_lake()
    lake.begin(2)
    lake.write("people", "all", {"first_name": ["Ann", "Bob", "Ann"], "level": ["a", "b", "a"]})
    lake.register()
    lake.profile(LAST)
    found = states(lake)
    assert found["people", "first_name"].values.hashed
    assert not {"Ann", "Bob"} & set(found["people", "first_name"].values.seen)
    assert set(found["people", "level"].values.seen) == {"a", "b"}


def test_an_age_of_dates_grows_although_nothing_changed(lake):
    before = profiles(lake, lake.profile(LAST))["orders", "ordered_at"].metrics["max_date_days"]
    request = lake.request(LAST).model_copy(update={"as_of": lake.after(LAST) + timedelta(days=10), "started_at": lake.after(LAST) + timedelta(days=10)})
    from dq_assets.steps.profile import profile

    run = profile(lake.context, lake.group, request)
    assert profiles(lake, run)["orders", "ordered_at"].metrics["max_date_days"] == before + 10
