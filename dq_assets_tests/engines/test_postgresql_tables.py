"""What the catalogs of a real PostgreSQL say: tables, columns, sizes, and tokens that change when rows do."""

from __future__ import annotations

import os
import re
import signal
import time

import psycopg
import pytest

from dq_assets.engines import open_engine, postgresql_catalog
from dq_assets.engines.sqlalchemy_engine import SQLAlchemyEngine
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import TableName
from dq_assets.settings import PostgreSQLConnection

BUILD = [
    "CREATE EXTENSION citext",
    "CREATE EXTENSION postgres_fdw",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE DOMAIN email AS text CHECK (value LIKE '%@%')",
    "CREATE DOMAIN work_email AS email NOT NULL",
    "CREATE TABLE orders AS SELECT i AS id, i % 7 AS amount, 'c' || (i % 3) AS customer FROM generate_series(0, 999) i",
    "CREATE TABLE customers AS SELECT 'c' || i AS customer FROM generate_series(0, 2) i",
    "CREATE VIEW paid AS SELECT * FROM orders WHERE amount > 3",
    "CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(amount) AS total FROM orders GROUP BY customer",
    "CREATE TABLE visits (id int, at date) PARTITION BY RANGE (at)",
    "CREATE TABLE visits_2024 PARTITION OF visits FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
    "INSERT INTO visits VALUES (1, '2024-05-05')",
    "CREATE SCHEMA archive",
    "CREATE TABLE archive.orders (id int)",
    "CREATE TABLE nothing ()",
]
OTHER_TYPES = [
    "uuid", "json", "jsonb", "xml", "bytea", "interval", "inet", "money", "oid", "point",
    "bit(3)", "tsvector", "integer[]", "text[]", "mood[]", "int4range", "pair", "pg_lsn", "int4multirange",
]  # fmt: skip
CHANGES = {
    "insert": "INSERT INTO {t} VALUES (5000, 1, 'c9')",
    "update": "UPDATE {t} SET amount = 3 WHERE id = 5",
    "update to null": "UPDATE {t} SET amount = NULL WHERE id = 5",
    "delete": "DELETE FROM {t} WHERE id = 77",
    "truncate": "TRUNCATE {t}",
    "exchange of two values": "UPDATE {t} SET customer = CASE id WHEN 0 THEN 'c1' ELSE 'c0' END WHERE id IN (0, 1)",
    "add a column": "ALTER TABLE {t} ADD COLUMN note text",
    "rename a column": "ALTER TABLE {t} RENAME COLUMN amount TO price",
    "change a type": "DROP VIEW paid; ALTER TABLE {t} ALTER COLUMN amount TYPE bigint",
    "replace": "DROP TABLE {t} CASCADE; CREATE TABLE {t} AS SELECT 1 AS id",
}


def public(name):
    return TableName(schema_name="public", table_name=name)


ORDERS, CUSTOMERS, PAID, TOTALS, VISITS = map(public, ("orders", "customers", "paid", "totals", "visits"))


def engine_of(url, **settings):
    return open_engine(PostgreSQLConnection(type="postgresql", url=url, **settings))


def run(url, *statements):
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(scope="module")
def url(postgres_database):
    """A database with a table of each kind, which these tests only read."""
    return postgres_database(*BUILD)


@pytest.fixture
def own(postgres_database):
    """A database of one's own with two tables and a view."""
    return postgres_database(*[statement for statement in BUILD if re.search(r" (orders|customers|paid) AS", statement)])


@pytest.fixture
def counted(monkeypatch):
    """Let every table be too large to be read for its token."""
    monkeypatch.setattr(postgresql_catalog, "HASHED_BYTES", -1)
    monkeypatch.setattr(postgresql_catalog, "HASHED_COST", -1)


def test_tables_of_every_kind_and_schema_are_listed_by_name_but_no_partition(url):
    assert [str(table) for table in engine_of(url).tables()] == [
        "archive.orders",
        *(f"public.{name}" for name in ("customers", "nothing", "orders", "paid", "totals", "visits")),
    ]


def test_the_schemas_of_the_connection_are_the_ones_that_are_looked_at(url):
    assert [str(table) for table in engine_of(url, schemas=["archive", "nowhere"]).tables()] == ["archive.orders"]
    assert "pg_catalog.pg_class" in {str(table) for table in engine_of(url, schemas=["pg_catalog"]).tables()}


def test_what_the_role_may_not_read_is_not_there(own):
    run(
        own,
        "CREATE ROLE blind LOGIN",
        "GRANT SELECT ON customers TO blind",
        "CREATE SCHEMA shut",
        "CREATE TABLE shut.t (a int)",
        "GRANT SELECT ON shut.t TO blind",
    )
    engine = engine_of(own.replace("//dq@", "//blind@"))
    assert engine.tables() == [CUSTOMERS]
    for found in (engine.columns, engine.change_tokens, engine.size_bytes):
        assert list(found([ORDERS, CUSTOMERS])) == [CUSTOMERS]


@pytest.mark.parametrize(
    ("family", "types"),
    [
        (GeneralType.TEXT, ["text", "character varying(20)", "character varying", "character(3)", '"char"', "name", "citext", "mood", "email"]),
        (GeneralType.NUMBER, ["smallint", "integer", "bigint", "numeric", "numeric(10,2)", "real", "double precision"]),
        (GeneralType.DATE, ["date", "timestamp without time zone", "timestamp(3) without time zone", "timestamp with time zone"]),
        (GeneralType.TIME, ["time without time zone", "time with time zone"]),
        (GeneralType.BOOLEAN, ["boolean"]),
        (GeneralType.OTHER, OTHER_TYPES),
    ],
)
def test_every_type_belongs_to_its_family_and_is_spelled_as_postgresql_does(family, types, url):
    table = f"typed_{family.value}".lower()
    run(url, f"CREATE SCHEMA IF NOT EXISTS types_{table}", f"CREATE TABLE types_{table}.t ({', '.join(f'c{i} {type_}' for i, type_ in enumerate(types))})")
    name = TableName(schema_name=f"types_{table}", table_name="t")
    columns = engine_of(url).columns([name])[name]
    run(url, f"DROP SCHEMA types_{table} CASCADE")
    assert [(column.data_type, column.general_type, column.nullable) for column in columns] == [(type_, family, True) for type_ in types]


def test_columns_come_in_declared_order_with_their_nullability_and_a_missing_table_is_absent(own):
    run(
        own,
        "CREATE DOMAIN code AS int",
        "CREATE DOMAIN must AS code NOT NULL",
        "CREATE TABLE t (gone int, a int NOT NULL, b must, c code)",
        "ALTER TABLE t DROP COLUMN gone",
    )
    columns = engine_of(own).columns([public("t"), PAID, public("nowhere")])
    assert {str(table): [(c.position, c.name, c.data_type, c.nullable) for c in found] for table, found in columns.items()} == {
        "public.paid": [(1, "id", "integer", True), (2, "amount", "integer", True), (3, "customer", "text", True)],
        "public.t": [(1, "a", "integer", False), (2, "b", "must", False), (3, "c", "code", True)],
    }
    assert [column.general_type for column in columns[public("t")]] == [GeneralType.NUMBER] * 3


def test_a_table_without_columns_is_there(url):
    assert engine_of(url).columns([public("nothing")]) == {public("nothing"): []}
    assert list(engine_of(url).change_tokens([public("nothing")])) == [public("nothing")]


def test_a_table_of_a_schema_keeps_its_columns_apart(url):
    archived = TableName(schema_name="archive", table_name="orders")
    assert [[column.name for column in found] for found in engine_of(url).columns([archived]).values()] == [["id"]]


def test_sizes_are_those_of_tables_with_their_partitions_and_views_have_none(url):
    sizes = engine_of(url).size_bytes([ORDERS, PAID, TOTALS, VISITS, public("nowhere")])
    assert set(sizes) == {ORDERS, TOTALS, VISITS}
    assert 40_000 < sizes[ORDERS] < 200_000
    assert sizes[VISITS] > 0


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_rows_changes_the_token_of_this_table_and_what_reads_it(change, own):
    engine = engine_of(own)
    before = engine.change_tokens([ORDERS, CUSTOMERS, PAID])
    assert engine.change_tokens([ORDERS, CUSTOMERS, PAID]) == before
    run(own, *CHANGES[change].format(t="orders").split("; "))
    after = engine.change_tokens([ORDERS, CUSTOMERS, PAID])
    assert re.fullmatch("[0-9a-f]{16}", after[ORDERS])
    assert after[ORDERS] != before[ORDERS]
    assert after[CUSTOMERS] == before[CUSTOMERS]


def eventually_another(engine, table, before):
    """Ask until the token is another one, as long as PostgreSQL may keep its counters back."""
    for _ in range(300):
        if engine.change_tokens([table])[table] != before:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_the_rows_of_a_large_table_changes_its_token_and_no_other(change, own, counted):
    engine = engine_of(own)
    before = engine.change_tokens([ORDERS, CUSTOMERS])
    run(own, *CHANGES[change].format(t="orders").split("; "))
    assert eventually_another(engine, ORDERS, before[ORDERS])
    assert engine.change_tokens([CUSTOMERS])[CUSTOMERS] == before[CUSTOMERS]


def test_a_large_tables_token_does_not_come_back_when_counters_are_reset(own, counted):
    engine = engine_of(own)
    seen = [engine.change_tokens([ORDERS])[ORDERS]]
    for statement in ("SELECT pg_stat_reset_single_table_counters('orders'::regclass)", "SELECT pg_stat_reset()"):
        run(own, statement, "INSERT INTO orders SELECT i, 1, 'x' FROM generate_series(1, 1000) i")
        time.sleep(0.1)
        seen.append(engine.change_tokens([ORDERS])[ORDERS])
    assert len(set(seen)) == 3


def test_counters_are_lost_in_a_crash_which_shows(own, counted):
    """A characterization: therefore tokens made of counters hold the times of resets, which PostgreSQL sets anew when it forgets its counters."""
    engine = engine_of(own)
    before = engine.change_tokens([ORDERS])[ORDERS]
    counters = "SELECT pg_stat_get_tuples_inserted('orders'::regclass), (SELECT stats_reset FROM pg_stat_bgwriter), pg_postmaster_start_time()"
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("SELECT 1")
        earlier = connection.execute(counters).fetchone()
        os.kill(connection.info.backend_pid, signal.SIGKILL)
    for _ in range(200):
        try:
            with psycopg.connect(own, autocommit=True) as connection:
                later = connection.execute(counters).fetchone()
            break
        except psycopg.OperationalError:
            time.sleep(0.05)
    assert (earlier[0], later[0]) == (1000, 0)
    assert later[1] > earlier[1]
    assert later[2] == earlier[2]
    assert engine.change_tokens([ORDERS])[ORDERS] != before


def test_counters_may_come_ten_seconds_late(own):
    """A characterization: therefore only tables too large to be read have tokens made of counters, which change late but not never."""
    with psycopg.connect(own, autocommit=True) as writer, psycopg.connect(own, autocommit=True) as reader:
        asked = "SELECT pg_stat_get_tuples_updated('orders'::regclass)"
        writer.execute("UPDATE orders SET amount = 1 WHERE id = 1")
        for _ in range(2):
            writer.execute("UPDATE orders SET amount = 2 WHERE id = 1")
        assert reader.execute(asked).fetchone()[0] < 3


def test_the_token_of_a_large_view_changes_with_every_write_to_the_server(own, counted):
    engine = engine_of(own)
    before = engine.change_tokens([PAID])[PAID]
    assert engine.change_tokens([PAID])[PAID] == before
    run(own, "UPDATE customers SET customer = 'x' WHERE customer = 'c1'")
    assert engine.change_tokens([PAID])[PAID] != before


def test_a_transaction_that_wrote_changes_the_snapshot_even_where_nothing_is_logged(own):
    """A characterization: therefore the snapshot is the token where neither rows nor counters are."""
    with engine_of(own).session("test", "") as session:
        seen = [postgresql_catalog.snapshot(session)]
    for statement in ("CREATE UNLOGGED TABLE u (a int)", "INSERT INTO u VALUES (1)", "SELECT 1", "CHECKPOINT"):
        run(own, statement)
        with engine_of(own).session("test", "") as session:
            seen.append(postgresql_catalog.snapshot(session))
    assert len(set(seen[:3])) == 3
    assert seen[2] == seen[3] == seen[4]


def test_a_server_without_counters_to_trust_gives_the_snapshot(own, counted, monkeypatch):
    monkeypatch.setattr(postgresql_catalog, "_SERVER", postgresql_catalog._SERVER.replace("< 150000", "< 990000"))
    engine = engine_of(own)
    before = engine.change_tokens([ORDERS])
    run(own, "UPDATE customers SET customer = 'x' WHERE customer = 'c1'")
    assert engine.change_tokens([ORDERS]) != before


def test_a_view_that_fails_has_a_token_and_takes_none_from_the_others(own):
    run(own, "CREATE VIEW broken AS SELECT 1 / (id - id) AS x FROM orders")
    engine = engine_of(own)
    before = engine.change_tokens([public("broken"), ORDERS, CUSTOMERS])
    assert len(before) == len(set(before.values())) == 3
    run(own, "INSERT INTO customers VALUES ('c8')")
    after = engine.change_tokens([public("broken"), ORDERS, CUSTOMERS])
    assert [after[table] == before[table] for table in before] == [False, True, False]


def test_a_partition_changes_the_token_of_its_table_however_large(postgres_database, counted, monkeypatch):
    url = postgres_database(*[statement for statement in BUILD if "visits" in statement])
    engine = engine_of(url)
    for limit in (-1, 1 << 30):
        monkeypatch.setattr(postgresql_catalog, "HASHED_BYTES", limit)
        before = engine.change_tokens([VISITS])[VISITS]
        run(url, "INSERT INTO visits_2024 VALUES (2, '2024-06-06')")
        assert eventually_another(engine, VISITS, before)


def test_a_materialized_view_changes_its_token_when_it_is_refreshed(postgres_database, monkeypatch):
    url = postgres_database(*[statement for statement in BUILD if "orders AS" in statement or "totals" in statement])
    engine = engine_of(url)
    for limit in (1 << 30, -1):
        monkeypatch.setattr(postgresql_catalog, "HASHED_BYTES", limit)
        before = engine.change_tokens([TOTALS])[TOTALS]
        run(url, "INSERT INTO orders VALUES (1, 100, 'c1')")
        assert engine.change_tokens([TOTALS])[TOTALS] == before
        run(url, "REFRESH MATERIALIZED VIEW totals")
        assert engine.change_tokens([TOTALS])[TOTALS] != before


def test_a_foreign_table_and_what_reads_it_are_read_whatever_their_size(own, postgres_database, counted):
    options = f"host '{psycopg.conninfo.conninfo_to_dict(own)['host']}', dbname '{psycopg.conninfo.conninfo_to_dict(own)['dbname']}'"
    url = postgres_database(
        "CREATE EXTENSION postgres_fdw",
        f"CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({options})",
        "CREATE USER MAPPING FOR dq SERVER other OPTIONS (user 'dq')",
        "CREATE FOREIGN TABLE orders (id int, amount int, customer text) SERVER other",
        "CREATE VIEW paid AS SELECT * FROM orders WHERE amount > 3",
    )
    engine = engine_of(url)
    assert engine.tables() == [ORDERS, PAID]
    assert engine.size_bytes([ORDERS]) == {}
    before = engine.change_tokens([ORDERS, PAID])
    run(own, "UPDATE orders SET amount = 6 WHERE id = 4")
    after = engine.change_tokens([ORDERS, PAID])
    assert [after[table] != before[table] for table in (ORDERS, PAID)] == [True, True]


def test_a_column_called_as_its_table_does_not_hide_the_row(own):
    run(own, "CREATE TABLE t AS SELECT 1 AS t, 2 AS u")
    engine = engine_of(own)
    before = engine.change_tokens([public("t")])
    run(own, "UPDATE t SET u = 3")
    assert engine.change_tokens([public("t")]) != before


def test_many_tables_are_asked_for_in_few_statements(own, monkeypatch):
    run(own, *(f"CREATE TABLE many_{i} AS SELECT {i} AS a" for i in range(50)))
    asked = []
    from dq_assets.engines.sqlalchemy_engine import PostgreSQLSession

    original = PostgreSQLSession.query_positional
    monkeypatch.setattr(PostgreSQLSession, "query_positional", lambda self, sql, values=(): asked.append(sql) or original(self, sql, values))
    engine = engine_of(own)
    names = [public(f"many_{i}") for i in range(50)]
    assert len(engine.change_tokens(names)) == len(engine.columns(names)) == len(engine.size_bytes(names)) == 50
    assert len(asked) == 2 + 3 + 1 + 1
    assert isinstance(engine, SQLAlchemyEngine)
