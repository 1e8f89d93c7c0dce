"""Strangers' SQL reads the tables of the source, and nothing else."""

from __future__ import annotations

import re
import time

import duckdb
import pytest

from dq_assets.engines.user_sql import capped_select
from dq_assets.errors import DQError, RuleError, SourceError

NOT_A_SELECT = [
    "",
    "-- nothing",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE orders",
    "DROP TABLE orders",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "CREATE SECRET (TYPE s3)",
    "INSERT INTO orders VALUES (1, 1, 'x')",
    "UPDATE orders SET id = 1",
    "DELETE FROM orders",
    "TRUNCATE orders",
    "MERGE INTO orders USING customers ON true WHEN MATCHED THEN DELETE",
    "ALTER TABLE orders ADD COLUMN x INTEGER",
    "COMMENT ON TABLE orders IS 'x'",
    "SELECT * INTO x FROM orders",
    "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
    "COPY orders TO '{out}/x.csv'",
    "COPY (SELECT 1) TO '{out}/x.parquet'",
    "COPY orders FROM '{out}/canary.csv'",
    "EXPORT DATABASE '{out}/x'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}/x.duckdb' AS x",
    "DETACH source",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{out}/x.so'",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "SET threads = 1",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "CALL enable_logging(storage = 'file', storage_path = '{out}/log')",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "DESCRIBE orders",
    "SUMMARIZE orders",
    "SHOW TABLES",
    "SELECT * FROM (DESCRIBE orders)",
    "PIVOT orders ON customer",
    "VALUES (1)",
    "select from where",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000,
]
READS_OUTSIDE = [
    "SELECT * FROM read_text('{out}/canary.csv')",
    "SELECT * FROM read_blob('{out}/canary.csv')",
    "SELECT * FROM read_csv('{out}/canary.csv')",
    "SELECT * FROM read_csv_auto(['{out}/canary.csv'])",
    "SELECT * FROM read_json('{out}/canary.csv')",
    "SELECT * FROM read_ndjson_objects('{out}/canary.csv')",
    "SELECT * FROM read_parquet('{out}/*')",
    "SELECT * FROM parquet_metadata('{out}/canary.csv')",
    "SELECT * FROM read_duckdb('{out}/canary.csv')",
    "SELECT * FROM sniff_csv('{out}/canary.csv')",
    "SELECT * FROM glob('{out}/*')",
    "SELECT * FROM '{out}/canary.csv'",
    'SELECT * FROM "{out}/canary.csv"',
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_text('{out}/../outside/canary.csv')",
    "SELECT (SELECT count(*) FROM read_text('{out}/canary.csv'))",
    "SELECT * FROM orders WHERE EXISTS (FROM read_text('{out}/canary.csv'))",
    "SELECT * FROM system.main.read_text('{out}/canary.csv')",
    "SELECT * FROM query('SELECT * FROM read_text(''{out}/canary.csv'')')",
    "SELECT * FROM query_table('{out}/canary.csv')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{out}/canary.csv'')'))",
    "SELECT * FROM read_csv('https://example.invalid/x.csv')",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '{out}/log')",
    "SELECT * FROM enable_profiling(save_location = '{out}/profile')",
]
REFUSED_FUNCTIONS = [
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM arrow_scan_dumb(1, 2, 3)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM python_map_function(1)",
    "SELECT * FROM checkpoint()",
    "SELECT * FROM truncate_duckdb_logs()",
    "SELECT * FROM orders, LATERAL read_text('x')",
    "SELECT sleep_ms(100000)",
    "SELECT write_log('x')",
    "SELECT nextval('s')",
]


@pytest.fixture(scope="module")
def database(tmp_path_factory, build_database):
    """A database file that all these tests only read."""
    return build_database(tmp_path_factory.mktemp("file") / "shop.duckdb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, build_folder):
    """A folder that all these tests only read."""
    return build_folder(tmp_path_factory.mktemp("folder") / "shop")


@pytest.fixture(scope="module", params=["database", "folder"])
def inside(request):
    """The source: a database file, then a folder."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def outside(tmp_path):
    """A folder that no session may read or write, with one file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "canary.csv").write_text("a\ncanary-4711\n")
    return folder


def written(text, outside):
    return text.replace("{out}", str(outside))


def state(folder):
    return {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def attack(session, sql):
    return session.query_user_sql(sql, row_cap=100, timeout_s=5)


@pytest.mark.parametrize("sql", NOT_A_SELECT)
def test_anything_but_one_select_is_refused_and_named(sql, database, outside, engine_of):
    before = state(database.parent), state(outside)
    with engine_of(database).session("test", "") as session, pytest.raises(RuleError) as caught:
        attack(session, written(sql, outside))
    assert caught.value.code == "DQ-RULE-010"
    assert "must be a single SELECT; found " in caught.value.message
    assert (state(database.parent), state(outside)) == before


@pytest.mark.parametrize(
    ("sql", "found"), [("LOAD secret_4711", "LOAD"), ("CALL secret_4711()", "CALL"), ("DROP TABLE secret_4711", "DROP"), ("SET a = 4711", "SET")]
)
def test_the_kind_of_statement_is_named_and_its_text_is_not_logged(sql, found, database, engine_of, caplog):
    with engine_of(database).session("test", "") as session, pytest.raises(RuleError, match=f"found a {found} statement") as caught:
        attack(session, sql)
    assert "4711" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("sql", READS_OUTSIDE)
def test_no_user_sql_reads_or_writes_another_file(sql, inside, outside, engine_of):
    before = state(outside)
    with engine_of(inside).session("test", "") as session, pytest.raises(DQError) as caught:
        attack(session, written(sql, outside))
    assert "4711" not in str(caught.value)
    assert state(outside) == before


@pytest.mark.parametrize("sql", READS_OUTSIDE)
def test_the_connection_alone_keeps_every_statement_from_other_files(sql, inside, outside, engine_of):
    before = state(outside)
    with engine_of(inside).session("test", "") as session, pytest.raises(SourceError):
        session.query(written(sql, outside))
    assert state(outside) == before


@pytest.mark.parametrize("sql", [sql for sql in NOT_A_SELECT if "{out}" in sql or sql.startswith(("INSTALL", "LOAD", "SET", "RESET"))])
def test_the_connection_alone_keeps_every_statement_from_writing_and_loading(sql, inside, outside, engine_of):
    before = state(outside)
    with engine_of(inside).session("test", "") as session, pytest.raises(SourceError):
        session.query(written(sql, outside))
    assert state(outside) == before


@pytest.mark.parametrize("sql", [sql for sql in READS_OUTSIDE if "(" in sql.partition("FROM")[2]] + REFUSED_FUNCTIONS)
def test_the_check_alone_refuses_functions_that_reach_out(sql, outside):
    with duckdb.connect() as connection, pytest.raises(RuleError, match=r"found the (table )?function"):
        capped_select(connection, written(sql, outside), 10)


def test_a_variable_of_the_calling_python_code_is_no_table(database, engine_of):
    secrets = duckdb.connect().sql("SELECT 4711 AS secret").to_arrow_table()
    with engine_of(database).session("test", "") as session:
        for run in (session.query, lambda sql: attack(session, sql)):
            with pytest.raises(SourceError, match="secrets does not exist"):
                run("SELECT * FROM secrets")
    assert secrets.num_rows == 1


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
        "SELECT count(*) FROM range(1000000000) a(i), range(1000000000) b(j) WHERE i * j % 7 = 8",
        "SELECT sum(a.id * b.id * c.id * d.id * e.id) FROM orders a, orders b, orders c, orders d, orders e",
    ],
)
def test_what_runs_too_long_is_interrupted_and_the_session_goes_on(sql, database, engine_of):
    with engine_of(database).session("test", "") as session:
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"longer than 0\.3 s") as caught:
            session.query_user_sql(sql, row_cap=10, timeout_s=0.3)
        assert time.monotonic() - started < 5
        assert caught.value.code == "DQ-SQL-002"
        assert attack(session, "SELECT count(*) AS rows FROM orders").to_pylist() == [{"rows": 1000}]


@pytest.mark.parametrize("sql", ["SELECT repeat('x', 100000000000)", "SELECT range(100000000000)"])
def test_what_takes_too_much_memory_fails_alone(sql, database, engine_of):
    with engine_of(database, memory_limit="200MiB").session("test", "") as session:
        with pytest.raises(SourceError):
            attack(session, sql)
        assert attack(session, "SELECT 1 AS one").num_rows == 1


@pytest.mark.parametrize(("cap", "rows"), [(0, 0), (7, 7), (5000, 1000)])
def test_no_more_rows_than_the_cap_come_back(cap, rows, database, engine_of):
    with engine_of(database).session("test", "") as session:
        assert session.query_user_sql("SELECT * FROM orders LIMIT 3000", row_cap=cap, timeout_s=5).num_rows == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM orders",
        "select count(*) n from main.orders;",
        "-- how many\nSELECT count(*) AS n FROM orders -- all of them",
        "WITH o AS (SELECT * FROM orders) SELECT count(*) AS n FROM o",
        "(SELECT count(*) AS n FROM orders)",
        "SELECT count(*) AS n FROM orders UNION SELECT count(*) FROM main.orders",
        "FROM orders SELECT count(*) AS n",
        "SELECT sum(n) AS n FROM (SELECT count(*) AS n FROM orders GROUP BY id % 5)",
        "SELECT count(*) AS n FROM orders o LEFT JOIN customers c ON o.id::VARCHAR = c.customer",
        "SELECT count(*) AS n FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY id) AS r FROM orders QUALIFY r >= 1)",
        "SELECT (SELECT count(*) FROM orders) + count(*) - count(*) AS n FROM range(5), unnest([1, 2])",
    ],
)
def test_ordinary_selects_run_over_tables_by_their_names(sql, inside, engine_of):
    with engine_of(inside).session("test", "") as session:
        (row,) = attack(session, sql).to_pylist()
        assert int(row["n"]) == session.query("SELECT count(*) AS n FROM orders").to_pylist()[0]["n"]


def test_the_order_of_the_user_is_kept(database, engine_of):
    with engine_of(database).session("test", "") as session:
        rows = session.query_user_sql("SELECT id FROM orders ORDER BY id DESC", row_cap=2, timeout_s=5).to_pylist()
    assert rows == [{"id": 999}, {"id": 998}]


def test_tables_of_another_schema_are_read_by_their_full_name(database, engine_of):
    with engine_of(database).session("test", "") as session:
        assert attack(session, "SELECT * FROM archive.orders").to_pylist() == [{"id": 1}]


def test_a_failure_is_told_without_the_statement_or_the_data(database, engine_of):
    with engine_of(database).session("test", "") as session, pytest.raises(SourceError) as caught:
        attack(session, "SELECT customer::INTEGER FROM orders")
    assert caught.value.code == "DQ-SQL-001"
    assert "FROM" not in str(caught.value)
    assert not re.search(r"c\d", str(caught.value))
