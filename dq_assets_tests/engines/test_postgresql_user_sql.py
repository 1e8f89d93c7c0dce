"""Strangers' SQL on a real PostgreSQL reads tables and computes values, and nothing else."""

from __future__ import annotations

import time

import psycopg
import pytest

from dq_assets.engines import open_engine
from dq_assets.errors import DQError, RuleError, SourceError
from dq_assets.settings import PostgreSQLConnection

NOT_A_SELECT = [
    "",
    "-- nothing",
    ";",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE orders",
    "DROP TABLE orders",
    "CREATE TABLE x AS SELECT 1",
    "INSERT INTO orders VALUES (1)",
    "UPDATE orders SET id = 1",
    "DELETE FROM orders",
    "TRUNCATE orders",
    "MERGE INTO orders USING orders o ON true WHEN MATCHED THEN DELETE",
    "SELECT * INTO x FROM orders",
    "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
    "SELECT * FROM orders FOR UPDATE",
    "COPY orders TO '/nowhere/x'",
    "COPY (SELECT 1) TO PROGRAM 'touch /nowhere/x'",
    "SET transaction_read_only = off",
    "RESET ALL",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT x",
    "DO $$ BEGIN PERFORM 1; END $$",
    "CALL something()",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "LISTEN x",
    "NOTIFY x",
    "LOAD 'x'",
    "VACUUM",
    "CHECKPOINT",
    "LOCK TABLE orders",
    "DECLARE c CURSOR FOR SELECT 1",
    "SHOW ALL",
    "VALUES (1)",
    "select from where",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_catalog.pg_shadow",
    "SELECT (SELECT rolpassword FROM pg_authid LIMIT 1)",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000,
]
REFUSED_FUNCTIONS = [
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_catalog.pg_read_file('/etc/passwd')",
    """SELECT "pg_read_file"('/etc/passwd')""",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT * FROM pg_ls_dir('/')",
    "SELECT * FROM ROWS FROM (pg_ls_dir('/'))",
    "SELECT * FROM orders, LATERAL pg_ls_dir('/')",
    "SELECT (pg_stat_file('/etc/passwd')).size",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/nowhere/x')",
    "SELECT lo_get(1)",
    "SELECT pg_sleep(100)",
    "SELECT PG_SLEEP(100)",
    "SELECT * FROM orders WHERE pg_sleep_for('1 hour') IS NULL",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT nextval('s')",
    "SELECT setval('s', 1)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_notify('a', 'b')",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_stat_reset()",
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SELECT * FROM ts_stat('SELECT 1')",
    "SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t (a int)",
    "SELECT dblink_connect('x')",
    "SELECT * FROM crosstab('SELECT 1') AS t (a int)",
    "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT setseed(0.5)",
    "SELECT does_something()",
    "SELECT public.does_something()",
    """SELECT "Does Something"()""",
]


@pytest.fixture(scope="module")
def engine(postgres_database):
    """A database whose role may do everything, so that only our own checks refuse."""
    url = postgres_database(
        "CREATE EXTENSION dblink",
        "CREATE EXTENSION tablefunc",
        "CREATE SEQUENCE s",
        "CREATE TABLE orders AS SELECT i AS id, 'c' || (i % 3) AS customer FROM generate_series(0, 999) i",
        "CREATE FUNCTION does_something() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1'",
        """CREATE FUNCTION "Does Something"() RETURNS int LANGUAGE sql AS 'SELECT 1'""",
        "CREATE FUNCTION twice(i int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * i'",
    )
    return open_engine(PostgreSQLConnection(type="postgresql", url=url))


def attack(session, sql):
    return session.query_user_sql(sql, row_cap=100, timeout_s=5)


@pytest.mark.parametrize("sql", NOT_A_SELECT)
def test_anything_but_one_select_is_refused_and_not_logged(sql, engine, caplog):
    with engine.session("test", "") as session, pytest.raises(RuleError, match="must be a single SELECT; found ") as caught:
        attack(session, sql)
    assert caught.value.code == "DQ-RULE-010"
    assert not caplog.text


@pytest.mark.parametrize(
    "sql", ["LOAD 'secret-4711'", "SELECT 1; CALL secret_4711()", "secret_4711", "'secret-4711'", "SELECT 1 'secret-4711' FROM", "$x$secret-4711"]
)
def test_what_is_refused_is_not_repeated(sql, engine, caplog):
    with engine.session("test", "") as session, pytest.raises(RuleError) as caught:
        attack(session, sql)
    assert "4711" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("sql", REFUSED_FUNCTIONS)
def test_a_function_that_does_more_than_compute_is_refused_by_name(sql, engine):
    with engine.session("test", "") as session, pytest.raises(RuleError, match=r"found the function [a-z_ ]+, which does more than compute a value"):
        attack(session, sql)


def test_every_volatile_function_of_the_server_is_refused_but_four(engine):
    """A characterization: therefore functions are looked up in the catalog, where PostgreSQL declares all that have side effects volatile."""
    with engine.session("test", "") as session:
        volatile = "SELECT DISTINCT proname AS name FROM pg_proc WHERE provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace ORDER BY 1"
        names = session.query(volatile).column("name").to_pylist()
        taken = []
        for name in names:
            try:
                session._harmless(__import__("sqlglot").parse_one(f"SELECT {name}()", dialect="postgres"))
                taken.append(name)
            except RuleError:
                pass
        assert {"pg_read_file", "pg_sleep", "set_config", "lo_import", "nextval", "query_to_xml", "pg_terminate_backend"} <= set(names)
        assert len(names) > 200
    assert taken == ["clock_timestamp", "gen_random_uuid", "random", "timeofday"]


@pytest.mark.parametrize("sql", ["INSERT INTO orders VALUES (1)", "SELECT set_config('transaction_read_only', 'off', false)", "SELECT nextval('s')"])
def test_the_transaction_alone_keeps_every_statement_from_writing(sql, engine):
    with engine.session("test", "") as session, pytest.raises(SourceError, match=r"read-only|read-write"):
        session.query(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
        "SELECT sum(a.id * b.id::numeric) FROM orders a, orders b, orders c",
    ],
)
def test_what_runs_too_long_is_stopped_and_the_session_goes_on(sql, engine):
    with engine.session("test", "") as session:
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"user SQL ran longer than 0\.3 s") as caught:
            session.query_user_sql(sql, row_cap=10, timeout_s=0.3)
        assert time.monotonic() - started < 5
        assert caught.value.code == "DQ-SQL-002"
        assert attack(session, "SELECT count(*) AS n FROM orders").to_pylist() == [{"n": 1000}]


@pytest.mark.parametrize(("cap", "rows"), [(0, 0), (7, 7), (5000, 1000)])
def test_no_more_rows_than_the_cap_come_back(cap, rows, engine):
    with engine.session("test", "") as session:
        assert session.query_user_sql("SELECT * FROM orders LIMIT 3000", row_cap=cap, timeout_s=5).num_rows == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM orders",
        "select count(*) n from public.orders;",
        "-- how many\nSELECT count(*) AS n FROM orders -- all of them",
        "WITH o AS (SELECT * FROM orders) SELECT count(*) AS n FROM o",
        "(SELECT count(*) AS n FROM orders)",
        "SELECT count(*) AS n FROM orders UNION SELECT count(*) FROM public.orders",
        "SELECT sum(n) AS n FROM (SELECT count(*) AS n FROM orders GROUP BY id % 5) x",
        "SELECT count(*) AS n FROM orders o LEFT JOIN orders p ON o.id = p.id AND p.customer ~ '^c\\d$' AND p.customer LIKE 'c%'",
        "SELECT count(DISTINCT id) AS n FROM orders, generate_series(1, 3), unnest(ARRAY[1, 2]), jsonb_array_elements('[1, 2]')",
        "SELECT count(*) FILTER (WHERE random() < 2 AND now() > DATE '2000-01-01' AND twice(id) = 2 * id) AS n FROM orders",
        "SELECT count(*) AS n FROM orders WHERE to_char(id, 'FM999') ~ '^[0-9]+$' AND date_trunc('day', now()) <= current_timestamp AND md5(customer) <> ''",
    ],
)
def test_ordinary_selects_run_over_tables_by_their_names(sql, engine):
    with engine.session("test", "") as session:
        (row,) = attack(session, sql).to_pylist()
        assert int(row["n"]) == 1000


def test_the_order_of_the_user_and_columns_of_one_name_are_kept(engine):
    with engine.session("test", "") as session:
        answer = session.query_user_sql("SELECT id, id FROM orders ORDER BY id DESC", row_cap=2, timeout_s=5)
    assert (answer.column_names, answer.column(1).to_pylist()) == (["id", "id"], [999, 998])


def test_a_failure_is_told_without_the_statement_or_the_data(engine):
    with engine.session("test", "") as session, pytest.raises(DQError) as caught:
        attack(session, "SELECT customer::int FROM orders")
    assert (caught.value.code, caught.value.message) == ("DQ-SQL-001", "user SQL failed: invalid input syntax for type integer: …")


def test_a_role_that_may_not_read_a_table_is_told_so(engine, postgres_database):
    url = postgres_database("CREATE TABLE wages AS SELECT 1 AS a")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE ROLE clerk LOGIN")
    clerk = open_engine(PostgreSQLConnection(type="postgresql", url=url.replace("//dq@", "//clerk@")))
    with clerk.session("test", "") as session, pytest.raises(SourceError, match="permission denied for table wages"):
        attack(session, "SELECT * FROM wages")
