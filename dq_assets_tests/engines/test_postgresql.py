"""Sessions on a real PostgreSQL: one read-only snapshot, any value, any name, no secret in any message."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
import traceback
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy
from sqlglot import exp

from dq_assets.engines import open_engine
from dq_assets.engines.sqlalchemy_engine import SQLAlchemyEngine
from dq_assets.errors import ConfigError, SourceError
from dq_assets.records.tables import TableName
from dq_assets.settings import PostgreSQLConnection

HOSTILE = [
    'a"b',
    "it's",
    "dots.in.it",
    "semi;colon --",
    "line\nbreak",
    "🦆",
    "ÄÖ",
    "select",
    " lead",
    "$1",
    "%s",
    "%(x)s",
    "100%",
    "back\\slash",
    "ü" * 31 + "x",
]
READER, NOT_THERE = "env:READER", "env:NOT_THERE"
ENDLESS = "SELECT pg_sleep(60)"
SECRET = "hun%ter2 @/:"  # noqa: S105 - of a role that is gone with the server


def public(name):
    return TableName(schema_name="public", table_name=name)


@pytest.fixture(scope="session")
def engine_of_url():
    """Open the engine of a URL."""

    def open_(url, **settings):
        return open_engine(PostgreSQLConnection(type="postgresql", url=url, **settings))

    return open_


@pytest.fixture(scope="module")
def url(postgres_database):
    """A database with a few orders, whose role of tests lives far from UTC."""
    return postgres_database(
        "CREATE TABLE orders AS SELECT i AS id, i % 7 AS amount, 'c' || (i % 3) AS customer FROM generate_series(0, 999) i",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = %L', current_database(), 'Asia/Tokyo'); END $$",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET DateStyle = %L', current_database(), 'German'); END $$",
    )


@pytest.fixture
def engine(url, engine_of_url):
    """The engine of that database."""
    return engine_of_url(url)


def values_of(engine, expression):
    with engine.session("test", "") as session:
        answer = session.query(f"SELECT {expression} AS value")
    return answer.schema.field("value").type, answer.column("value").to_pylist()


def test_importing_the_package_loads_no_driver():
    program = "import sys, dq_assets.engines; print({'sqlalchemy', 'psycopg', 'pyarrow', 'sqlglot'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "set()\n"


def test_a_missing_driver_is_told_with_the_extra_that_brings_it():
    program = """
import sys
sys.modules["psycopg"] = None
from dq_assets.engines import open_engine
from dq_assets.settings import PostgreSQLConnection
try:
    open_engine(PostgreSQLConnection(type="postgresql", url="postgresql://ann@db/shop"))
except Exception as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said == "DQ-CONN-010: PostgreSQL needs the library psycopg, which is not installed. Fix: pip install 'dq-assets[postgres]'.\n"


def test_rows_come_as_a_table_and_as_mappings(engine):
    with engine.session("test", "") as session:
        answer = session.query("SELECT customer, count(*) AS n FROM orders GROUP BY customer ORDER BY customer")
        assert answer.to_pylist() == session.rows("SELECT customer, count(*) AS n FROM orders GROUP BY customer ORDER BY customer")
    assert answer.to_pydict() == {"customer": ["c0", "c1", "c2"], "n": [334, 333, 333]}


@pytest.mark.parametrize(
    ("expression", "type_", "value"),
    [
        ("7::smallint", pa.int16(), 7),
        ("7", pa.int32(), 7),
        ("9223372036854775807", pa.int64(), 2**63 - 1),
        ("7::oid", pa.int64(), 7),
        ("1.5::real", pa.float32(), 1.5),
        ("0.1::double precision", pa.float64(), 0.1),
        ("true", pa.bool_(), True),
        ("12.50::numeric", pa.decimal128(4, 2), Decimal("12.50")),
        ("1e30::numeric", pa.decimal128(31, 0), Decimal(10**30)),
        ("sum(x) FROM (VALUES (9223372036854775807), (1)) v (x)", pa.decimal128(19, 0), Decimal(2**63)),
        ("'ü'::text", pa.string(), "ü"),
        ("'a'::char(3)", pa.string(), "a  "),
        ("''", pa.string(), ""),
        ("DATE '2024-02-29'", pa.date32(), date(2024, 2, 29)),
        ("DATE '0001-01-01'", pa.date32(), date(1, 1, 1)),
        ("TIMESTAMP '2024-07-01 12:00:00.000001'", pa.timestamp("us"), datetime(2024, 7, 1, 12, 0, 0, 1)),  # noqa: DTZ001 - a wall clock
        ("TIMESTAMPTZ '2024-07-01 12:00:00.5+02'", pa.timestamp("us", "UTC"), datetime(2024, 7, 1, 10, 0, 0, 500000, tzinfo=UTC)),
        ("TIMESTAMPTZ '1800-07-01 12:00:00+00'", pa.timestamp("us", "UTC"), datetime(1800, 7, 1, 12, tzinfo=UTC)),
        ("TIME '12:30:00.25'", pa.time64("us"), clock(12, 30, 0, 250000)),
        ("'\\x00ff'::bytea", pa.binary(), b"\x00\xff"),
        ("TIMETZ '12:30:00+02'", pa.string(), "12:30:00+02"),
        ("INTERVAL '1 month 2 days 3 seconds'", pa.string(), "1 mon 2 days 00:00:03"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", pa.string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("""'{"a": 1}'::json""", pa.string(), '{"a": 1}'),
        ("""'{"b":2,"a": 1}'::jsonb""", pa.string(), '{"a": 1, "b": 2}'),
        ("ARRAY[1, NULL]", pa.string(), "{1,NULL}"),
        ("int4range(1, 5)", pa.string(), "[1,5)"),
        ("inet '10.0.0.1/8'", pa.string(), "10.0.0.1/8"),
        ("ROW(1, 'a')", pa.string(), "(1,a)"),
        ("'<a/>'::xml", pa.string(), "<a/>"),
        ("point '(1,2)'", pa.string(), "(1,2)"),
        ("B'101'", pa.string(), "101"),
        ("NULL", pa.string(), None),
        ("NULL::numeric", pa.decimal128(38, 18), None),
        ("NULL::timestamptz", pa.timestamp("us", "UTC"), None),
    ],
)
def test_every_type_comes_as_something_that_arrow_and_python_hold(expression, type_, value, engine):
    sql = expression if " FROM " in expression else f"({expression})"
    with engine.session("test", "") as session:
        answer = session.query(f"SELECT {sql}")
    assert (answer.schema.field(0).type, answer.column(0).to_pylist()) == (type_, [value])


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        ("unnest(ARRAY['infinity', '2024-01-01', '-infinity', NULL]::date[])", ["infinity", "2024-01-01", "-infinity", None]),
        ("DATE '0044-03-15 BC'", ["0044-03-15 BC"]),
        ("DATE '10000-01-01'", ["10000-01-01"]),
        ("TIMESTAMP 'infinity'", ["infinity"]),
        ("TIMESTAMP '0044-03-15 12:00:00 BC'", ["0044-03-15 12:00:00 BC"]),
        ("TIMESTAMPTZ '0044-03-15 12:00:00+00 BC'", ["0044-03-15 12:00:00+00 BC"]),
        ("TIMESTAMPTZ '294276-12-31 23:59:59+00'", ["294276-12-31 23:59:59+00"]),
        ("TIMESTAMPTZ '-infinity'", ["-infinity"]),
        ("TIME '24:00:00'", ["24:00:00"]),
        ("'1e80'::numeric", ["1" + "0" * 80]),
        ("unnest(ARRAY[1.5, '1e-90'::numeric])", ["1.5", "0." + "0" * 89 + "1"]),
        ("'12.50'::money", ["$12.50"]),
    ],
)
def test_values_that_python_cannot_hold_come_as_postgresql_writes_them(expression, texts, postgres_database, engine_of_url):
    type_, found = values_of(engine_of_url(postgres_database()), expression)
    assert type_ == pa.string()
    assert [text.replace("$", "$") if text else text for text in found] == texts


def test_numbers_that_are_none_come_as_floats(engine):
    type_, found = values_of(engine, "unnest(ARRAY['NaN', 'Infinity', '-Infinity', 1.5, NULL]::numeric[])")
    assert type_ == pa.float64()
    assert str(found) == "[nan, inf, -inf, 1.5, None]"
    assert str(values_of(engine, "unnest(ARRAY['NaN', '-Infinity', 1e300]::float8[])")[1]) == "[nan, -inf, 1e+300]"


def test_a_database_without_an_encoding_is_read_as_far_as_it_is_unicode(postgres_database, engine_of_url):
    url = postgres_database(options="ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with psycopg.connect(url, client_encoding="latin1") as connection:
        connection.execute("CREATE TABLE t AS SELECT 'ü' AS a, 'u' AS b")
    with engine_of_url(url).session("test", "") as session:
        assert session.query("SELECT b FROM t").to_pylist() == [{"b": "u"}]
        with pytest.raises(SourceError, match="invalid byte sequence for encoding"):
            session.query("SELECT a FROM t")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(name, postgres_database, engine_of_url):
    quoted = exp.to_identifier(name, quoted=True).sql(dialect="postgres")
    engine = engine_of_url(postgres_database(f"CREATE SCHEMA {quoted}", f"CREATE TABLE {quoted}.{quoted} AS SELECT 7 AS {quoted}"))
    table = TableName(schema_name=name, table_name=name)
    assert engine.tables() == [table]
    assert [column.name for column in engine.columns([table])[table]] == [name]
    assert list(engine.change_tokens([table])) == list(engine.size_bytes([table])) == [table]
    with engine.session("test", "") as session:
        select = exp.select(exp.column(name, quoted=True)).from_(session.relation(table))
        assert session.query(select).to_pydict() == {name: [7]}
        assert session.query(select.where(exp.column(name, quoted=True).eq(exp.Placeholder(this="v"))), {"v": 7}).to_pydict() == {name: [7]}


def test_names_that_differ_in_case_are_different_names(postgres_database, engine_of_url):
    engine = engine_of_url(postgres_database('CREATE TABLE "Orders" AS SELECT 1 AS a, 2 AS "A"', "CREATE TABLE orders AS SELECT 3 AS a"))
    assert engine.tables() == [public("Orders"), public("orders")]
    assert [column.name for column in engine.columns([public("Orders")])[public("Orders")]] == ["a", "A"]
    with engine.session("test", "") as session:
        assert session.query(exp.select("*").from_(session.relation(public("Orders")))).to_pydict() == {"a": [1], "A": [2]}


def test_a_name_longer_than_postgresql_keeps_comes_back_whole(engine):
    """A characterization: therefore a query's columns are named by the expression, since PostgreSQL cuts names to 63 bytes without an error."""
    names = ["x" * 63 + "1", "x" * 63 + "2", "🦆" * 40]
    select = exp.select(*(exp.Literal.number(value).as_(name, quoted=True) for value, name in enumerate(names)))
    with engine.session("test", "") as session:
        assert session.query(select).column_names == names
        assert session.query(select.sql(dialect="postgres")).column_names == ["x" * 63, "x" * 63, "🦆" * 15]


@pytest.mark.parametrize("value", ["100%", "%s", "%(v)s", "'; DROP TABLE orders; --", "$1", "a\\b", "🦆", ":x"])
def test_values_and_text_keep_their_percent_signs(value, engine):
    literal = exp.Literal.string(value)
    with engine.session("test", "") as session:
        assert session.query(exp.select(literal.as_("a"), exp.Placeholder(this="v").as_("b")), {"v": value}).to_pylist() == [{"a": value, "b": value}]
        assert session.query(exp.select(literal.as_("a"))).to_pylist() == [{"a": value}]
        assert session.query(f"SELECT {literal.sql(dialect='postgres')} AS a, 7 % 4 AS b").to_pylist() == [{"a": value, "b": 3}]
        assert session.query("SELECT %(v)s AS a, 7 %% 4 AS b, %(v)s AS c", {"v": value}).to_pylist() == [{"a": value, "b": 3, "c": value}]


def test_parameters_have_types(engine):
    at = datetime(2024, 3, 10, 7, tzinfo=UTC)
    values = {"n": 3, "t": "x", "f": 1.5, "d": Decimal("1.10"), "b": True, "at": at, "day": date(2024, 1, 1), "none": None}
    with engine.session("test", "") as session:
        select = exp.select(*(exp.Placeholder(this=name).as_(name) for name in values))
        assert session.query(select, values).to_pylist() == [values]
        assert session.query(exp.select(exp.Placeholder(this="n").as_("a"), exp.Placeholder(this="n").as_("b")), {"n": 2}).to_pylist() == [{"a": 2, "b": 2}]


def test_a_session_is_in_utc_and_writes_dates_in_one_way_whatever_the_role_prefers(engine):
    with engine.session("test", "") as session:
        assert session.query("SELECT TIMESTAMPTZ '2024-07-01 12:00:00+02'::text AS a, DATE '2024-07-01'::text AS b").to_pylist() == [
            {"a": "2024-07-01 10:00:00+00", "b": "2024-07-01"}
        ]


def test_a_session_sees_one_state_of_the_data(postgres_database, engine_of_url):
    url = postgres_database("CREATE TABLE t AS SELECT 1 AS a")
    with engine_of_url(url).session("test", "") as session, psycopg.connect(url, autocommit=True) as writer:
        for _ in range(2):
            assert session.query("SELECT count(*) AS n FROM t").to_pylist() == [{"n": 1}]
            writer.execute("INSERT INTO t VALUES (2)")
    with engine_of_url(url).session("test", "") as session:
        assert session.query("SELECT count(*) AS n FROM t").to_pylist() == [{"n": 3}]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders VALUES (1, 1, 'x')",
        "CREATE TABLE x (a int)",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SET TRANSACTION READ WRITE",
        "SELECT nextval('s')",
    ],
)
def test_a_session_can_not_write(sql, postgres_database, engine_of_url):
    url = postgres_database("CREATE TABLE orders (id int, amount int, customer text)", "CREATE SEQUENCE s")
    with engine_of_url(url).session("test", "") as session:
        with pytest.raises(SourceError, match=r"read-only|read-write") as caught:
            session.query(sql)
        assert caught.value.code == "DQ-SQL-001"
        assert session.query("SELECT count(*) AS n FROM orders").to_pylist() == [{"n": 0}]


def test_a_temporary_table_is_refused_and_the_capabilities_say_so(engine):
    assert (engine.capabilities.dialect, engine.capabilities.temporary_tables, engine.capabilities.approximate_distinct) == ("postgres", False, False)
    with engine.session("test", "") as session, pytest.raises(SourceError, match="DQ-SQL-003"):
        session.execute_temp("x", "SELECT 1")


def test_an_error_keeps_its_first_line_and_the_session_goes_on(engine):
    with engine.session("test", "") as session:
        for _ in range(3):
            with pytest.raises(SourceError) as caught:
                session.query("SELECT missing FROM orders")
            assert (caught.value.code, caught.value.message) == ("DQ-SQL-001", 'the statement failed: column "missing" does not exist')
            assert session.query("SELECT count(*) AS n FROM orders").to_pylist() == [{"n": 1000}]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ('secret-4711' || id)::int FROM orders",
        "SELECT ('secret-4711' || id)::date FROM orders",
        "SELECT '{\"secret-4711\": ' || id || ']' FROM orders WHERE ('{\"secret-4711\": ' || id || ']')::json IS NULL",
        "SELECT CASE WHEN id > 5 THEN raise_secret('secret-4711') END FROM orders",
        "SELECT 'a' 'secret-4711'",
        "SELECT * FORM 'secret-4711",
        "SELECT 4711::smallint * 4711::smallint",
    ],
)
def test_an_error_about_data_repeats_neither_the_data_nor_the_statement(statement, postgres_database, engine_of_url):
    url = postgres_database(
        "CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 9) i",
        "CREATE FUNCTION raise_secret(t text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'row %', t; END $$",
    )
    with engine_of_url(url).session("test", "") as session, pytest.raises(SourceError) as caught:
        session.query(statement)
    told = "".join(traceback.format_exception(caught.value))
    assert "4711" not in str(caught.value) + repr(caught.value)
    assert "secret" not in str(caught.value).replace("raise_secret", "")
    assert not any(line in told for line in ("psycopg.errors", "LINE 1"))
    assert caught.value.__cause__ is None


def test_half_a_character_is_told(engine):
    with engine.session("test", "") as session:
        with pytest.raises(SourceError, match="half a character"):
            session.query(exp.select(exp.Placeholder(this="v")), {"v": "\ud83d"})
        assert session.query("SELECT 1 AS a").num_rows == 1


def test_a_late_statement_is_stopped_by_the_server_and_the_session_goes_on(engine):
    with engine.session("test", "") as session:
        for _ in range(2):
            started = time.monotonic()
            with pytest.raises(SourceError, match=r"the statement ran longer than 0\.2 s") as caught:
                session.query(ENDLESS, timeout_s=0.2)
            assert time.monotonic() - started < 5
            assert caught.value.code == "DQ-SQL-002"
            assert session.query("SELECT 1 AS a", timeout_s=5).num_rows == 1
            assert session.query("SELECT current_setting('statement_timeout') AS t").to_pylist() == [{"t": "1h"}]


def test_the_time_out_of_the_connection_holds_without_another(url, engine_of_url):
    with engine_of_url(url, statement_timeout_s=0.2).session("test", "") as session:
        for timeout_s in (None, 60):
            with pytest.raises(SourceError, match=r"longer than 0\.2 s"):
                session.query(ENDLESS, timeout_s=timeout_s)


def test_cancelling_stops_the_statement_of_this_session_only(engine):
    with engine.session("first", "") as first, engine.session("second", "") as second:
        timer = threading.Timer(0.3, first.cancel)
        timer.start()
        with pytest.raises(SourceError, match="user request") as caught:
            first.query(ENDLESS, timeout_s=30)
        timer.join()
        assert caught.value.code == "DQ-SQL-001"
        assert [session.query("SELECT 1 AS a").num_rows for session in (first, second)] == [1, 1]
        second.cancel()
        assert second.query("SELECT 1 AS a").num_rows == 1


def test_a_connection_that_is_lost_is_told_once_and_hurts_nobody_else(url, engine, recwarn, caplog):
    with engine.session("victim", "7") as session, psycopg.connect(url, autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dq_assets victim 7'")
        with pytest.raises(SourceError) as caught:
            session.query("SELECT 1")
    assert caught.value.code == "DQ-CONN-012"
    assert "the PostgreSQL database test_" in caught.value.message
    assert engine.tables() == [public("orders")]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == list(recwarn) == []


def test_nothing_stays_open(url, engine):
    with engine.session("test", ""):
        pass
    engine.tables()
    with psycopg.connect(url, autocommit=True) as owner:
        assert owner.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dq_assets%'").fetchall() == [(0,)]


@pytest.fixture(scope="module")
def secured(url, postgres_url):
    """The same database through a role with a password, and a host-based rule that asks for it."""
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        (folder,) = owner.execute("SHOW data_directory").fetchone()
        rules = Path(folder, "pg_hba.conf")
        rules.write_text("local all reader scram-sha-256\n" + rules.read_text())
        owner.execute("SELECT pg_reload_conf()")
        owner.execute(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("GRANT SELECT ON orders TO reader")
    return url.replace("//dq@", "//reader@")


def test_the_password_comes_from_where_the_reference_says(secured, engine_of_url, monkeypatch, tmp_path):
    monkeypatch.setenv("READER", SECRET)
    (tmp_path / "secret").write_text(SECRET + "\n")
    for reference in ("env:READER", f"file:{tmp_path / 'secret'}"):
        assert engine_of_url(secured, password=reference).tables() == [public("orders")]


def test_no_message_says_the_password(secured, engine_of_url, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("READER", "wrong-4711")
    with pytest.raises(SourceError) as caught:
        engine_of_url(secured, password=READER).tables()
    assert caught.value.code == "DQ-CONN-013"
    assert "password authentication failed" in caught.value.message
    with pytest.raises(ConfigError, match="DQ-CONF-040") as missing:
        engine_of_url(secured, password=NOT_THERE).tables()
    monkeypatch.setenv("READER", SECRET)
    engine = engine_of_url(secured, password=READER)
    with pytest.raises(SourceError) as failed, engine.session("test", "") as session:
        session.query("SELECT missing")
    with_password = secured.replace("postgresql://reader@", "postgresql+psycopg://reader:wrong-4711@")
    user_engine = sqlalchemy.create_engine(with_password, poolclass=sqlalchemy.NullPool)
    with pytest.raises(SourceError) as handed_over:
        SQLAlchemyEngine.of(user_engine).tables()
    told = (
        caplog.text
        + repr(engine)
        + repr(vars(engine))
        + "".join(text for error in (caught, missing, failed, handed_over) for text in (repr(error.value), *traceback.format_exception(error.value)))
    )
    assert "4711" not in told
    assert SECRET not in told


@pytest.mark.parametrize("url", ["postgresql://ann@127.0.0.1:1/shop", "postgresql://ann@/shop?host=/nowhere", "postgresql://ann@/shop?no_such_option=4711"])
def test_a_server_that_does_not_answer_is_named(url, engine_of_url):
    with pytest.raises(SourceError, match="the PostgreSQL database shop on ") as caught:
        engine_of_url(url, connect_timeout_s=1).tables()
    assert caught.value.code == "DQ-CONN-013"
    assert "4711" not in str(caught.value)


def test_an_engine_of_the_callers_is_used_and_left_as_it_was(url):
    made = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=1, max_overflow=0, pool_reset_on_return=None)
    engine = SQLAlchemyEngine.of(made, schemas=["public"], statement_timeout_s=7)
    with engine.session("test", "1") as session:
        assert session.query("SELECT current_setting('TimeZone') AS z, current_setting('statement_timeout') AS t").to_pylist() == [{"z": "UTC", "t": "7s"}]
    with made.connect() as connection:
        left = "SELECT current_setting('TimeZone'), current_setting('statement_timeout'), current_setting('transaction_read_only')"
        assert connection.exec_driver_sql(left).fetchone() == ("Asia/Tokyo", "0", "off")
        assert connection.get_isolation_level() == "READ COMMITTED"
    assert engine.tables() == [public("orders")]
    made.dispose()


def test_an_engine_for_something_else_is_refused_with_what_is_supported():
    asynchronous = sqlalchemy.create_engine("postgresql+psycopg_async://ann:hunter2@db/shop")
    others = [sqlalchemy.create_engine("sqlite://"), asynchronous, "postgresql://ann:hunter2@db/shop"]
    for other in others:
        with pytest.raises(ConfigError) as caught:
            SQLAlchemyEngine.of(other)
        assert caught.value.code == "DQ-CONN-011"
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"for sqlite\+pysqlite is not supported; supported is: postgresql\+psycopg"):
        SQLAlchemyEngine.of(others[0])
    with pytest.raises(ConfigError, match=r"psycopg \(asynchronous\) is not supported"):
        SQLAlchemyEngine.of(asynchronous)


def test_psycopg_reads_a_percent_sign_only_where_there_are_parameters(url):
    """A characterization: therefore text without parameters goes to the cursor without any, and expressions number theirs."""
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 7 % 4").fetchall() == [(3,)]
        with pytest.raises(psycopg.ProgrammingError):
            connection.execute("SELECT 7 % 4", {})
        assert psycopg.RawCursor(connection).execute("SELECT 7 % $1::int", [4]).fetchall() == [(3,)]


def test_sqlalchemy_gives_psycopg_parameters_even_where_there_are_none(url):
    """A characterization: therefore statements do not go through SQLAlchemy's connection."""
    made = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sqlalchemy.NullPool)
    with made.connect() as connection, pytest.raises(sqlalchemy.exc.ProgrammingError):
        connection.exec_driver_sql("SELECT 7 % 4")
