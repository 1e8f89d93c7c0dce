"""Scanning a database file: names, types, the snapshot and the lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import duckdb
import pytest
from sqlglot import exp

from dq_assets.errors import SourceError
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import TableName

HOSTILE = ['a"b', "it's", "dots.in.it", "semi;colon --", "line\nbreak", "🦆", "ÄÖ", "select", " lead", "$p", "{x}", "%s", "source", "back\\slash"]


def main(name):
    return TableName(schema_name="main", table_name=name)


def test_importing_the_package_loads_no_driver():
    program = "import sys, dq_assets.engines; print({'duckdb', 'pyarrow', 'sqlglot'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "set()\n"


def test_tables_and_views_of_every_schema_are_listed_by_name(database, engine_of):
    assert [str(table) for table in engine_of(database).tables()] == ["archive.orders", "main.customers", "main.orders", "main.paid"]


def test_columns_come_in_declared_order_and_a_missing_table_is_absent(database, engine_of):
    columns = engine_of(database).columns([main("orders"), main("paid"), main("nowhere")])
    assert {str(table): [(column.position, column.name, column.data_type) for column in found] for table, found in columns.items()} == {
        "main.orders": [(1, "id", "BIGINT"), (2, "amount", "BIGINT"), (3, "customer", "VARCHAR")],
        "main.paid": [(1, "id", "BIGINT"), (2, "amount", "BIGINT"), (3, "customer", "VARCHAR")],
    }


def test_tables_of_one_name_in_two_schemas_keep_their_columns_apart(database, engine_of):
    columns = engine_of(database).columns([TableName(schema_name="archive", table_name="orders")])
    assert [[column.name for column in found] for found in columns.values()] == [["id"]]


@pytest.mark.parametrize(
    ("family", "types"),
    [
        (GeneralType.TEXT, ["VARCHAR", "ENUM('a', 'b')", "CHAR(3)"]),
        (GeneralType.NUMBER, ["TINYINT", "USMALLINT", "INTEGER", "UINTEGER", "BIGINT", "HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL(9, 2)"]),
        (GeneralType.DATE, ["DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_MS"]),
        (GeneralType.TIME, ["TIME", "TIMETZ"]),
        (GeneralType.BOOLEAN, ["BOOLEAN"]),
        (GeneralType.OTHER, ["UUID", "BLOB", "BIT", "INTERVAL", "JSON", "INTEGER[]", "VARCHAR[3]", "STRUCT(a INTEGER)", "MAP(VARCHAR, DATE)", "UNION(a DATE)"]),
    ],
)
def test_every_type_belongs_to_its_family(family, types, tmp_path, engine_of, write):
    columns = ", ".join(f'"{position}" {data_type}' for position, data_type in enumerate(types))
    engine = engine_of(write(tmp_path / "types.duckdb", f"CREATE TABLE typed ({columns})"))
    assert {column.data_type: column.general_type for column in engine.columns([main("typed")])[main("typed")]} == {
        column.data_type: family for column in engine.columns([main("typed")])[main("typed")]
    }


def test_nullability_is_reported(tmp_path, engine_of, write):
    engine = engine_of(write(tmp_path / "n.duckdb", "CREATE TABLE t (a INTEGER NOT NULL, b INTEGER)"))
    assert [column.nullable for column in engine.columns([main("t")])[main("t")]] == [False, True]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(name, tmp_path, engine_of, write):
    quoted = exp.to_identifier(name, quoted=True).sql(dialect="duckdb")
    engine = engine_of(write(tmp_path / "shop.duckdb", f"CREATE SCHEMA {quoted}", f"CREATE TABLE {quoted}.{quoted} AS SELECT 7 AS {quoted}"))
    table = TableName(schema_name=name, table_name=name)
    assert engine.tables() == [table]
    assert [column.name for column in engine.columns([table])[table]] == [name]
    assert list(engine.change_tokens([table])) == [table]
    with engine.session("test", "") as session:
        rows = session.query(exp.select(exp.column(name, quoted=True)).from_(session.relation(table)))
    assert rows.to_pydict() == {name: [7]}


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\\" not in name])  # DuckDB itself takes a backslash for a slash
def test_a_hostile_path_is_only_a_path(name, database, engine_of):
    path = database.rename(database.with_name(name))
    assert len(engine_of(path).tables()) == 4


def test_values_are_parameters(database, engine_of):
    with engine_of(database).session("test", "") as session:
        rows = session.query("SELECT $text AS text, $number + 1 AS number", {"text": "'; DROP TABLE orders; --", "number": 1})
    assert rows.to_pylist() == [{"text": "'; DROP TABLE orders; --", "number": 2}]


def test_a_session_is_in_utc_wherever_the_machine_is(database):
    program = """
import sys
from pathlib import Path
from dq_assets.engines import open_engine
from dq_assets.settings import DuckDBConnection
with open_engine(DuckDBConnection(type="duckdb", path=Path(sys.argv[1]))).session("test", "") as session:
    print(session.query("SELECT TIMESTAMPTZ '2024-07-01 12:00:00+02'::VARCHAR AS at").to_pylist())
    print(session.query("SELECT TIMESTAMPTZ '2024-07-01 12:00:00+02' AS at").schema.field("at").type.tz)
"""
    done = subprocess.run([sys.executable, "-c", program, str(database)], check=True, capture_output=True, text=True, env={**os.environ, "TZ": "Asia/Tokyo"})
    assert done.stdout == "[{'at': '2024-07-01 10:00:00+00'}]\nUTC\n"


def test_time_zones_are_known_without_any_extension_to_load(database, engine_of):
    with engine_of(database).session("test", "") as session:
        rows = session.query("SELECT timezone('America/New_York', $at) AS wall", {"at": datetime(2024, 3, 10, 7, tzinfo=UTC)})
    assert rows.to_pylist() == [{"wall": datetime(2024, 3, 10, 3)}]  # noqa: DTZ001 - wall-clock time, after the jump from 2 to 3 o'clock


def test_the_limits_of_the_connection_apply(database, engine_of):
    with engine_of(database, threads=1, memory_limit="300MiB").session("test", "") as session:
        rows = session.query("SELECT current_setting('threads') AS threads, current_setting('memory_limit') AS memory")
    assert rows.to_pylist() == [{"threads": 1, "memory": "300.0 MiB"}]


@pytest.mark.parametrize("setting", ["autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions", "enable_external_access"])
def test_no_extension_comes_in_by_itself(setting, database, engine_of):
    with engine_of(database).session("test", "") as session:
        assert session.query("SELECT current_setting($setting) AS value", {"setting": setting}).to_pylist() == [{"value": False}]


def test_an_error_of_the_engine_keeps_its_first_line_and_the_session_goes_on(database, engine_of):
    with engine_of(database).session("test", "") as session:
        with pytest.raises(SourceError) as caught:
            session.query("SELECT missing FROM orders")
        assert caught.value.code == "DQ-SQL-001"
        assert 'column "missing" not found' in caught.value.message
        assert "\n" not in caught.value.message
        assert "FROM orders" not in caught.value.message
        assert session.query("SELECT count(*) AS rows FROM orders").to_pylist() == [{"rows": 1000}]


@pytest.mark.parametrize("value", ["secret-4711", "it's secret-4711", 'a "secret-4711"', "two\nlines secret-4711"])
def test_an_error_about_data_does_not_repeat_the_data(value, database, engine_of):
    with engine_of(database).session("test", "") as session:
        for statement in ("SELECT $value::INTEGER", "SELECT $value::DATE", "SELECT strptime($value, '%Y')", "SELECT length($value)::TINYINT * 127::TINYINT"):
            with pytest.raises(SourceError) as caught:
                session.query(statement, {"value": value})
            assert "4711" not in str(caught.value)
            assert "secret" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path, engine_of):
    with pytest.raises(SourceError, match=r"nowhere\.duckdb does not exist") as caught:
        engine_of(tmp_path / "nowhere.duckdb").tables()
    assert caught.value.code == "DQ-CONN-001"


@pytest.mark.parametrize("content", ["", "no database " * 2000])
def test_a_file_that_is_no_database_is_named(content, tmp_path, engine_of):
    (tmp_path / "notes.txt").write_text(content)
    with pytest.raises(SourceError, match=r"notes\.txt") as caught:
        engine_of(tmp_path / "notes.txt").tables()
    assert caught.value.code == "DQ-CONN-003"


def test_the_session_can_not_write(database, engine_of):
    with engine_of(database).session("test", "") as session, pytest.raises(SourceError, match="read-only"):
        session.query("INSERT INTO customers VALUES ('x')")


def test_a_busy_file_is_waited_for(database, engine_of, held):
    with held(database, "1"):
        assert len(engine_of(database, lock_wait_s=30).tables()) == 4


def test_a_file_that_stays_busy_is_an_error_that_names_it_its_holder_and_the_wait(database, engine_of, held):
    with held(database, "forever") as process:
        started = time.monotonic()
        with pytest.raises(SourceError) as caught:
            engine_of(database, lock_wait_s=0.5).tables()
        assert 0.5 <= time.monotonic() - started < 5
    assert caught.value.code == "DQ-CONN-002"
    assert caught.value.message == f"{database} is held by process {process.pid}; waited 0.5 s."


def test_a_file_written_by_this_very_process_is_busy_too(database, engine_of):
    with duckdb.connect(str(database)), pytest.raises(SourceError, match="held by this process") as caught:
        engine_of(database, lock_wait_s=0).tables()
    assert caught.value.code == "DQ-CONN-002"


def test_nobody_writes_during_a_session_and_anybody_after_it(database, engine_of, another_process_can_write):
    with engine_of(database).session("test", ""):
        assert not another_process_can_write(database)
    assert another_process_can_write(database)


def test_a_session_that_ends_leaves_the_lock_to_the_others_of_the_process(database, engine_of, another_process_can_write):
    with engine_of(database).session("outer", "") as outer:
        engine_of(database).tables()
        assert not another_process_can_write(database)
        assert outer.query("SELECT count(*) AS rows FROM orders").to_pylist() == [{"rows": 1000}]
    assert another_process_can_write(database)


def test_a_session_that_failed_holds_nothing(database, engine_of, another_process_can_write):
    with pytest.raises(ZeroDivisionError), engine_of(database).session("test", ""):
        raise ZeroDivisionError
    assert another_process_can_write(database)


def test_a_symbolic_link_is_the_same_file(database, engine_of, another_process_can_write, tmp_path):
    (tmp_path / "link.duckdb").symlink_to(database)
    with engine_of(database).session("outer", ""):
        assert len(engine_of(tmp_path / "link.duckdb").tables()) == 4
        assert not another_process_can_write(database)


def test_cancelling_interrupts_this_session_only(database, engine_of):
    engine = engine_of(database)
    endless = "SELECT count(*) AS rows FROM range(1000000000000) a(i) WHERE i % 3 = 5"
    with engine.session("first", "") as first, engine.session("second", "") as second:
        errors = []

        def run():
            try:
                first.query(endless)
            except SourceError as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            first.cancel()
            assert second.query("SELECT 1 AS one").num_rows == 1
            thread.join(0.05)
    assert [error.code for error in errors] == ["DQ-SQL-001"]
    assert "Interrupted" in errors[0].message
