"""A guest in a real local Spark: it reads tables and views of every kind, and leaves the session as it was."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import traceback
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlglot import exp

from dq_assets.errors import ConfigError, RuleError, SourceError
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import TableName

pytestmark = pytest.mark.slow  # Spark takes ten seconds to start
ENDLESS = "SELECT count(*) AS n FROM range(1000000000000) WHERE id % 3 = 5"


def default(name):
    return TableName(schema_name="default", table_name=name)


def temporary(name):
    return TableName(schema_name="session", table_name=name)


@pytest.fixture(scope="module")
def engine(spark):
    """The engine of a session with a table of files, a view, a second schema and temporary views."""
    from dq_assets.engines.spark_engine import SparkEngine

    statements = [
        "CREATE TABLE orders USING parquet AS SELECT id, id % 7 AS amount, concat('c', id % 3) AS customer FROM range(1000)",
        "CREATE TABLE visits USING csv AS SELECT id FROM range(10)",
        "CREATE VIEW paid AS SELECT * FROM orders WHERE amount > 3",
        "CREATE SCHEMA archive",
        "CREATE TABLE archive.orders USING parquet AS SELECT 1 AS id",
        "CREATE TEMPORARY VIEW seen AS SELECT 1 AS id, 'x' AS page",
        "CREATE GLOBAL TEMPORARY VIEW everywhere AS SELECT 1 AS id",
    ]
    for statement in statements:
        spark.sql(statement)
    return SparkEngine.of(spark)


def answer(engine, sql, **options):
    with engine.session("test", "") as session:
        return session.query(sql, **options)


def test_a_missing_library_is_told_with_the_extra_that_brings_it():
    program = """
import sys
sys.modules["pyspark"] = sys.modules["py4j"] = None
try:
    import dq_assets.engines.spark_engine
except Exception as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said == "DQ-CONN-010: Spark needs py4j, which is not installed. Fix: pip install 'dq-assets[spark]'.\n"


def test_what_is_no_session_is_refused():
    from dq_assets.engines.spark_engine import SparkEngine

    with pytest.raises(ConfigError, match=r"builtins\.str is not a SparkSession of Spark 4") as caught:
        SparkEngine.of("spark")
    assert caught.value.code == "DQ-CONN-014"


def test_tables_and_views_of_every_schema_and_temporary_ones_are_listed(engine):
    assert [str(table) for table in engine.tables()] == [
        "archive.orders",
        "default.orders",
        "default.paid",
        "default.visits",
        "global_temp.everywhere",
        "session.seen",
    ]


def test_columns_come_in_declared_order_and_a_missing_table_is_absent(engine):
    columns = engine.columns(
        [default("orders"), default("paid"), temporary("seen"), default("nowhere"), TableName(schema_name="global_temp", table_name="everywhere")]
    )
    assert {str(table): [(column.position, column.name, column.data_type) for column in found] for table, found in columns.items()} == {
        "default.orders": [(1, "id", "bigint"), (2, "amount", "bigint"), (3, "customer", "string")],
        "default.paid": [(1, "id", "bigint"), (2, "amount", "bigint"), (3, "customer", "string")],
        "session.seen": [(1, "id", "int"), (2, "page", "string")],
        "global_temp.everywhere": [(1, "id", "int")],
    }
    assert [column.nullable for column in columns[temporary("seen")]] == [False, False]


@pytest.mark.parametrize(
    ("family", "types"),
    [
        (GeneralType.TEXT, ["string", "varchar(3)", "char(2)", "string collate UTF8_LCASE"]),
        (GeneralType.NUMBER, ["tinyint", "smallint", "int", "bigint", "float", "double", "decimal(9,2)"]),
        (GeneralType.DATE, ["date", "timestamp", "timestamp_ntz"]),
        (GeneralType.BOOLEAN, ["boolean"]),
        (GeneralType.OTHER, ["binary", "array<int>", "map<string,int>", "struct<a:int>"]),
    ],
)
def test_every_type_belongs_to_its_family_and_is_spelled_as_spark_does(family, types, engine, spark):
    spark.sql(f"CREATE TABLE typed ({', '.join(f'c{position} {type_}' for position, type_ in enumerate(types))}) USING parquet")
    try:
        columns = engine.columns([default("typed")])[default("typed")]
    finally:
        spark.sql("DROP TABLE typed")
    assert [(column.data_type, column.general_type) for column in columns] == [(type_, family) for type_ in types]


@pytest.mark.parametrize(("expression", "family"), [("parse_json('1')", "OTHER"), ("interval 1 month", "OTHER"), ("array(1)", "OTHER")])
def test_types_that_only_views_have_belong_to_their_family_too(expression, family, engine, spark):
    spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW odd AS SELECT {expression} AS a")
    try:
        assert engine.columns([temporary("odd")])[temporary("odd")][0].general_type == GeneralType[family]
    finally:
        spark.catalog.dropTempView("odd")


def test_a_time_of_day_is_a_time(engine, spark):
    from dq_assets.engines import spark_tables

    (column,) = spark_tables.columns(spark.sql("SELECT time'12:30:00' AS a").schema)
    assert column.general_type is GeneralType.TIME
    assert answer(engine, "SELECT time'12:30:00' AS a").to_pylist() == [{"a": clock(12, 30)}]


def test_names_are_lower_case_in_spark_and_found_in_any_case(engine):
    """A characterization: therefore tables of a Spark session go by the names its catalog lists, and names that differ in case only cannot be told apart."""
    assert [column.name for column in engine.columns([default("ORDERS")])[default("ORDERS")]] == ["id", "amount", "customer"]


@pytest.fixture
def logged(spark):
    """What pyspark logs about failed statements, instead of its writing that to stderr."""
    from pyspark.logger import PySparkLogger

    logger, records = PySparkLogger.getLogger("SQLQueryContextLogger"), []
    handlers, logger.handlers = logger.handlers, [logging.NullHandler()]
    logger.handlers[0].handle = records.append
    yield records
    logger.handlers = handlers


def test_spark_logs_the_values_of_what_fails(spark, logged):
    """A characterization: therefore statements of ours are kept out of pyspark's log."""
    with pytest.raises(Exception, match="secret-4711"):
        spark.sql("SELECT CAST('secret-4711' AS INT) AS a").collect()
    assert "secret-4711" in "".join(record.getMessage() for record in logged)


@pytest.mark.parametrize(
    ("expression", "type_", "value"),
    [
        ("7", pa.int32(), 7),
        ("7L", pa.int64(), 7),
        ("CAST('NaN' AS DOUBLE) = CAST('NaN' AS DOUBLE)", pa.bool_(), True),
        ("12.50", pa.decimal128(4, 2), Decimal("12.50")),
        ("'ü'", pa.string(), "ü"),
        ("DATE'2024-02-29'", pa.date32(), date(2024, 2, 29)),
        ("DATE'0001-01-01'", pa.date32(), date(1, 1, 1)),
        ("TIMESTAMP'2024-07-01 12:00:00+02:00'", pa.timestamp("us", "UTC"), datetime(2024, 7, 1, 10, tzinfo=UTC)),
        ("TIMESTAMP'2024-07-01 12:00:00'", pa.timestamp("us", "UTC"), datetime(2024, 7, 1, 12, tzinfo=UTC)),
        ("TIMESTAMP_NTZ'2024-07-01 12:00:00'", pa.timestamp("us"), datetime(2024, 7, 1, 12)),  # noqa: DTZ001 - a wall clock
        ("X'00ff'", pa.binary(), b"\x00\xff"),
        ("array(1, NULL)", pa.list_(pa.int32()), [1, None]),
        ("named_struct('a', 1)", None, {"a": 1}),
        ("map('a', 1)", None, [("a", 1)]),
        ("INTERVAL 1 DAY", pa.duration("us"), timedelta(days=1)),
        ("INTERVAL 14 MONTH", pa.string(), "INTERVAL '14' MONTH"),
        ("make_interval(1, 2)", pa.string(), "1 years 2 months"),
        ("array(INTERVAL 1 MONTH)", pa.string(), "[INTERVAL '1' MONTH]"),
        ("""parse_json('{"a": 1}')""", pa.string(), '{"a":1}'),
        ("NULL", pa.null(), None),
        ("DATE'9999-12-31' + 1", pa.string(), "10000-01-01"),
        ("timestamp_seconds(300000000000)", pa.string(), "11476-08-15 05:20:00.000000Z"),
        ("timestamp_seconds(-100000000000)", pa.string(), "-1199-02-15 14:13:20.000000Z"),
    ],
)
def test_every_value_comes_as_something_that_arrow_and_python_hold(expression, type_, value, engine):
    found = answer(engine, f"SELECT {expression} AS a, {expression} AS a")
    assert found.column_names == ["a", "a"]
    assert type_ is None or found.schema.field(0).type == type_
    assert [column.to_pylist() for column in found.columns] == [[value], [value]]


def test_rows_come_as_mappings_too(engine):
    with engine.session("test", "") as session:
        assert session.rows("SELECT count(*) AS n FROM orders") == [{"n": 1000}]


@pytest.mark.parametrize("name", ["a`b", "it's", "dots.in.it", "semi;colon --", "🦆", "äö", "select", " lead", ":p", "{x}", "%s", "back\\slash"])
def test_a_hostile_name_is_only_a_name(name, engine, spark):
    spark.createDataFrame([(7,)], [name]).createOrReplaceTempView(exp.to_identifier(name, quoted=True).sql(dialect="spark"))
    table = temporary(name)
    try:
        assert table in engine.tables()
        assert [column.name for column in engine.columns([table])[table]] == [name]
        assert list(engine.change_tokens([table])) == [table]
        with engine.session("test", "") as session:
            select = exp.select(exp.column(name, quoted=True)).from_(session.relation(table))
            assert session.query(select).to_pydict() == {name: [7]}
    finally:
        spark.sql(f"DROP VIEW {exp.to_identifier(name, quoted=True).sql(dialect='spark')}")


@pytest.mark.parametrize("value", ["${env:HOME}", "a${b}${", "$", "it's", "a\\nb", "100%", ":v", "🦆", "line\nbreak"])
def test_values_and_literals_are_taken_as_they_are(value, engine):
    select = exp.select(exp.Literal.string(value).as_("a"), exp.Placeholder(this="v").as_("b"))
    with engine.session("test", "") as session:
        assert session.query(select, {"v": value}).to_pylist() == [{"a": value, "b": value}]


def test_spark_replaces_variables_inside_literals(engine):
    """A characterization: therefore literals that hold ``${`` are taken apart, and user-written SQL that holds it elsewhere is refused."""
    assert answer(engine, "SELECT '${env:HOME}' AS a").to_pylist() == [{"a": os.environ["HOME"]}]


def test_the_time_zone_is_utc_while_any_session_is_open_and_then_as_before(engine, spark):
    def zone():
        return spark.conf.get("spark.sql.session.timeZone")

    before = {key: value for key, value in spark.conf.getAll.items() if key.startswith("spark.sql")}
    first, second = engine.session("first", ""), engine.session("second", "")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert zone() == "UTC"
    second.__exit__(None, None, None)
    assert zone() == "America/New_York"
    with pytest.raises(ZeroDivisionError), engine.session("third", ""):
        raise ZeroDivisionError
    assert {key: value for key, value in spark.conf.getAll.items() if key.startswith("spark.sql")} == before


def test_jobs_are_marked_with_the_purpose_and_the_users_own_mark_comes_back(engine, spark):
    context = spark.sparkContext
    context.setJobGroup("mine", "my jobs")
    try:
        with engine.session("profile", "7") as session:
            session.query("SELECT count(*) FROM orders")
            assert context.statusTracker().getJobIdsForGroup(session._group)
        assert (context.getLocalProperty("spark.jobGroup.id"), context.getLocalProperty("spark.job.description")) == ("mine", "my jobs")
    finally:
        for name in ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel"):
            context.setLocalProperty(name, None)


def test_a_late_statement_is_cancelled_and_the_session_goes_on(engine):
    with engine.session("test", "") as session:
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"the statement ran longer than 0\.5 s") as caught:
            session.query(ENDLESS, timeout_s=0.5)
        assert time.monotonic() - started < 30
        assert caught.value.code == "DQ-SQL-002"
        assert session.query("SELECT 1 AS a", timeout_s=60).num_rows == 1


def test_cancelling_stops_the_statement_of_this_session_only(engine):
    with engine.session("first", "") as first, engine.session("second", "") as second:
        timer = threading.Timer(1, first.cancel)
        timer.start()
        with pytest.raises(SourceError, match=r"(?i)cancelled") as caught:
            first.query(ENDLESS)
        assert caught.value.code == "DQ-SQL-001"
        first.cancel()
        assert [session.query("SELECT count(*) AS n FROM orders").to_pylist() for session in (first, second)] == [[{"n": 1000}]] * 2


def test_a_temporary_table_is_refused_and_the_capabilities_say_so(engine):
    assert (engine.capabilities.dialect, engine.capabilities.temporary_tables, engine.capabilities.approximate_distinct) == ("spark", False, True)
    with engine.session("test", "") as session, pytest.raises(SourceError, match="DQ-SQL-003"):
        session.execute_temp("x", "SELECT 1")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT missing FROM orders", "UNRESOLVED_COLUMN"),
        ("SELECT * FROM nowhere", "TABLE_OR_VIEW_NOT_FOUND"),
        ("SELECT * FORM 'secret-4711'", "PARSE_SYNTAX_ERROR"),
        ("SELECT CAST('secret-4711' AS INT)", "CAST_INVALID_INPUT"),
        ("SELECT CAST(concat('secret-4711', id) AS INT) FROM orders", "CAST_INVALID_INPUT"),
        ("SELECT raise_error(concat('secret-4711', id)) FROM orders", "USER_RAISED_EXCEPTION"),
        ("SELECT 1 / (id - id) FROM orders", "DIVIDE_BY_ZERO"),
    ],
)
def test_an_error_repeats_neither_data_nor_statement_and_logs_nothing(statement, said, engine, logged, capfd):
    with engine.session("test", "") as session:
        with pytest.raises(SourceError) as caught:
            session.query(statement)
        assert session.query("SELECT 1 AS a").num_rows == 1
    assert caught.value.code == "DQ-SQL-001"
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert "4711" not in "".join(traceback.format_exception(caught.value)[-1:]) + "".join(capfd.readouterr())
    assert logged == []
    assert caught.value.__cause__ is None


def another_file(spark, table):
    """Write a copy of a file of a table beside it, as another program would, and return it."""
    folder = Path(spark.sql(f"DESCRIBE TABLE EXTENDED {table}").where("col_name = 'Location'").collect()[0]["data_type"].removeprefix("file:"))
    file = next(folder.glob("*.parquet"))
    pq.write_table(pq.read_table(file), folder / "another.parquet")
    return folder / "another.parquet"


def test_spark_does_not_see_other_programs_files_by_itself(engine, spark):
    """A characterization: therefore a session refreshes what it reads first."""
    spark.sql("CREATE TABLE stale USING parquet AS SELECT id FROM range(10)")
    try:
        assert spark.table("stale").count() == 10
        file = another_file(spark, "stale")
        assert spark.table("stale").count() == 10
        with engine.session("test", "") as session:
            counted = exp.select(exp.Count(this=exp.Star()).as_("n")).from_(session.relation(default("stale")))
            assert session.query(counted).to_pylist()[0]["n"] > 10
        file.unlink()
        with engine.session("test", "") as session:
            session.relation(default("stale"))
            assert session.query(counted).to_pylist() == [{"n": 10}]
    finally:
        spark.sql("DROP TABLE stale")


@pytest.mark.parametrize("provider", ["parquet", "csv", "json", "orc"])
def test_each_write_to_a_table_of_files_changes_its_token_and_no_other(provider, engine, spark):
    spark.sql(f"CREATE TABLE changing USING {provider} AS SELECT id, concat('c', id % 3) AS customer FROM range(10)")
    try:
        seen = [engine.change_tokens([default("changing"), default("orders")])]
        seen.append(engine.change_tokens([default("changing"), default("orders")]))
        for statement in (
            "INSERT INTO changing VALUES (10, 'c1')",
            "INSERT OVERWRITE changing SELECT 1, 'c9'",
            "ALTER TABLE changing ADD COLUMN note STRING" if provider != "orc" else "TRUNCATE TABLE changing",
        ):
            spark.sql(statement)
            seen.append(engine.change_tokens([default("changing"), default("orders")]))
        tokens = [found[default("changing")] for found in seen]
        assert tokens[0] == tokens[1]
        assert len(set(tokens[1:])) == 4
        assert len({found[default("orders")] for found in seen}) == 1
    finally:
        spark.sql("DROP TABLE changing")


def test_a_file_of_another_program_changes_the_token(engine, spark):
    spark.sql("CREATE TABLE shared USING parquet AS SELECT id FROM range(10)")
    try:
        before = engine.change_tokens([default("shared")])
        another_file(spark, "shared")
        assert engine.change_tokens([default("shared")]) != before
    finally:
        spark.sql("DROP TABLE shared")


CHANGES = [
    ("1 AS a, 2 AS b", "2 AS a, 1 AS b"),
    ("1 AS a, CAST(NULL AS INT) AS b", "CAST(NULL AS INT) AS a, 1 AS b"),
    ("CAST(NULL AS STRING) AS a", "'' AS a"),
    ("map('a', 1) AS a", "map('a', 2) AS a"),
    ("array('null') AS a", "array(CAST(NULL AS STRING)) AS a"),
    ("named_struct('x', 1, 'y', CAST(NULL AS INT)) AS a", "named_struct('x', CAST(NULL AS INT), 'y', 1) AS a"),
    ("parse_json('1') AS a", "parse_json('2') AS a"),
    ("INTERVAL 1 MONTH AS a", "INTERVAL 2 MONTH AS a"),
    ("make_interval(1) AS a", "make_interval(2) AS a"),
    ("map('a', INTERVAL 1 MONTH) AS a", "map('a', INTERVAL 2 MONTH) AS a"),
    ("'A' COLLATE UTF8_LCASE AS a", "'a' COLLATE UTF8_LCASE AS a"),
    ("TIMESTAMP'2024-01-01 00:00:00.000001' AS a", "TIMESTAMP'2024-01-01 00:00:00.000002' AS a"),
    ("1 AS a", "1L AS a"),
    ("1 AS a", "1 AS b"),
    ("1 AS a", "explode(array(1, 1)) AS a"),
]


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_each_change_of_a_views_rows_changes_its_token(before, after, engine, spark):
    seen = []
    for select in (before, before, after):
        spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW changing AS SELECT {select}")
        seen.append(engine.change_tokens([temporary("changing")])[temporary("changing")])
    spark.catalog.dropTempView("changing")
    assert [token == seen[0] for token in seen] == [True, True, False]


def test_spark_hashes_pass_over_nulls(engine):
    """A characterization: therefore each column is hashed together with whether it is null."""
    assert answer(engine, "SELECT xxhash64(NULL, 1) = xxhash64(1, NULL) AS same").to_pylist() == [{"same": True}]


def test_sizes_are_those_of_the_files_and_views_have_none(engine, spark):
    sizes = engine.size_bytes([default("orders"), default("visits"), default("paid"), temporary("seen"), default("nowhere")])
    assert set(sizes) == {default("orders"), default("visits")}
    assert sizes[default("visits")] == 20
    assert 3_000 < sizes[default("orders")] < 30_000


NOT_ALLOWED = [
    ("DROP TABLE orders", "a DROP statement"),
    ("SET x = secret-4711", "a SET statement"),
    ("SELECT 1; SELECT 2", "several statements"),
    ("INSERT INTO orders VALUES (1)", "a INSERT statement"),
    ("SELECT TRANSFORM(id) USING 'cat' FROM orders", "QUERYTRANSFORM inside it"),
    ("SELECT * FROM parquet.`/etc`", "parquet.`/etc`, which is no table"),
    ("SELECT * FROM text.`/etc/passwd`", "text.`/etc/passwd`, which is no table"),
    ("SELECT * FROM `org.apache.spark.sql.parquet`.`/etc`", "which is no table"),
    ("SELECT * FROM identifier('text.`/etc/passwd`')", "the table function identifier"),
    ("SELECT * FROM read_files('/etc')", "the table function read_files"),
    ("SELECT java_method('java.lang.System', 'getenv', 'HOME')", "the function java_method"),
    ("SELECT reflect('java.lang.System', 'getenv', 'HOME')", "the function reflect"),
    ("SELECT my_own_function(id) FROM orders", "the function my_own_function"),
    ("SELECT ${env:HOME} FROM orders", "a variable"),
    ("SELECT `${env:HOME}` FROM orders", "a variable"),
    ("WITH orders AS (SELECT 1 AS a) SELECT * FROM text.orders", "text.orders, which is no table"),
]


@pytest.mark.parametrize(("sql", "found"), NOT_ALLOWED)
def test_user_sql_that_is_not_one_harmless_select_is_refused(sql, found, engine, spark):
    spark.udf.register("my_own_function", lambda value: value)
    with engine.session("test", "") as session, pytest.raises(RuleError) as caught:
        session.query_user_sql(sql, row_cap=10, timeout_s=30)
    assert caught.value.code == "DQ-RULE-010"
    assert found in caught.value.message
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM orders",
        "WITH o AS (SELECT * FROM default.orders) SELECT count(*) AS n FROM o",
        "SELECT count(*) AS n FROM orders o JOIN orders p ON o.id = p.id AND p.customer RLIKE '^c\\\\d$'",
        "SELECT count(DISTINCT id) AS n FROM orders LATERAL VIEW explode(array(1, 2)) x AS y",
        "SELECT (SELECT count(*) FROM orders) + count(*) - 3 AS n FROM range(3)",
        "SELECT count_if(date_trunc('day', current_timestamp()) IS NOT NULL AND '${env:HOME}' LIKE '$%' AND xxhash64(id) IS NOT NULL) AS n FROM orders",
    ],
)
def test_ordinary_selects_run(sql, engine):
    with engine.session("test", "") as session:
        assert session.query_user_sql(sql, row_cap=10, timeout_s=60).to_pylist() == [{"n": 1000}]
        assert session.query_user_sql("SELECT page FROM seen", row_cap=10, timeout_s=60).num_rows == 1


def test_user_sql_has_a_row_cap_and_a_time_out(engine):
    with engine.session("test", "") as session:
        assert session.query_user_sql("SELECT id FROM orders ORDER BY id DESC", row_cap=2, timeout_s=60).column(0).to_pylist() == [999, 998]
        with pytest.raises(SourceError, match=r"user SQL ran longer than 0\.5 s"):
            session.query_user_sql(ENDLESS, row_cap=2, timeout_s=0.5)
