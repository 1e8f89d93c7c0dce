"""The hostile tables on PostgreSQL and Spark, cell by cell against the same answer key. What differs from DuckDB is listed here, with the reason."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dq_assets import profile
from dq_assets_tests.profiling.hostile_schemas import SCHEMAS, Col, Schema
from dq_assets_tests.profiling.test_exactness import NOT_PROFILED, Cell, cells_of, instant, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_COLUMNS = {"postgres": 100, "spark": 20}
"""Beyond so many columns a table takes an engine minutes; the first ones of tables with hostile names, none of the widest."""
REPLACED = "${"
"""Spark replaces what stands in such braces, in names too: no statement can say them."""


def on(engine: str) -> list[Schema]:
    """Return the tables that an engine can have."""
    found = [schema.on(engine) for schema in SCHEMAS if engine in schema.engines and len(schema.columns) <= 100]
    if engine == "spark":
        found = [schema._replace(columns=[column for column in schema.columns if REPLACED not in column.name]) for schema in found]
    return [schema._replace(columns=schema.columns[: MOST_COLUMNS[engine]]) for schema in found if schema.columns]


def _postgres_text(column: Col, place: int) -> str | None:
    value = column.values[place]
    if value is None:
        return None
    if column.typed.postgres == "bytea":
        return "\\x" + value.hex()
    if column.typed.postgres == "integer[]":
        return "{" + ", ".join("NULL" if each is None else str(each) for each in value) + "}"
    if column.literals is not None:
        return re.sub(r"^INTERVAL '(.*)'$", r"\1", column.literals[place] or "")
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return text.replace(" (BC)", "") + " BC" if " (BC)" in text else text


@pytest.fixture(scope="module")
def on_postgres(postgres_database: Callable[..., str]) -> Callable[[Schema], Any]:
    """Return a function that makes a table in PostgreSQL and profiles it."""
    import psycopg
    import sqlalchemy

    url = postgres_database()
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sqlalchemy.NullPool)

    def profiled(schema: Schema) -> Any:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            for statement in schema.before:
                connection.execute(statement)
            declared = ", ".join(f"{quoted(column.name)} {column.typed.postgres}" for column in schema.columns)
            connection.execute(f"CREATE TABLE {quoted(schema.name)} ({declared})")
            casts = ", ".join(f"CAST(${i}::text AS {column.typed.postgres})" for i, column in enumerate(schema.columns, 1))
            cursor = psycopg.RawCursor(connection)
            for place in range(len(schema.columns[0].values)):
                cursor.execute(f"INSERT INTO {quoted(schema.name)} VALUES ({casts})", [_postgres_text(column, place) for column in schema.columns])
        return profile(engine, timezone=schema.zone, as_of=instant(schema.zone), store_values="all")

    return profiled


def _spark_text(column: Col, place: int) -> str | None:
    value = column.values[place]
    if value is None:
        return None
    if column.typed.spark == "BINARY":
        return value.hex()
    if column.typed.spark == "ARRAY<INT>":
        return "[" + ", ".join("null" if each is None else str(each) for each in value) + "]"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


@pytest.fixture(scope="module")
def on_spark(spark: Any) -> Iterator[Callable[[Schema], Any]]:
    """Return a function that makes a frame in Spark and profiles it."""
    from pyspark.sql import functions as sf
    from pyspark.sql import types as st

    # Few rows and many statements: compiling each of them costs more than running it.
    quick = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN", "spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "1"}
    before = {name: spark.conf.get(name) for name in quick}
    for name, value in quick.items():
        spark.conf.set(name, value)

    def profiled(schema: Schema) -> Any:
        places = range(len(schema.columns))
        rows = [tuple(_spark_text(column, place) for column in schema.columns) for place in range(len(schema.columns[0].values))]
        written = spark.createDataFrame(rows, st.StructType([st.StructField(f"_{i}", st.StringType()) for i in places])).coalesce(1)
        made = {"BINARY": "unhex(_{i})", "ARRAY<INT>": "from_json(_{i}, 'ARRAY<INT>')"}
        typed = [
            sf.expr(made.get(column.typed.spark or "", f"CAST(_{{i}} AS {column.typed.spark})").format(i=i)).alias(column.name)
            for i, column in enumerate(schema.columns)
        ]
        return profile(written.select(*typed), name=schema.name, timezone=schema.zone, as_of=instant(schema.zone), store_values="all")

    yield profiled
    for name, value in before.items():
        spark.conf.set(name, value)


def judged(schema: Schema, found: Any) -> list[Cell]:
    """Return the cells of a profile."""
    broken = [finding.detail for finding in found.findings if finding.anomaly_type_id == NOT_PROFILED]
    return [*cells_of(schema, found), Cell(schema.name, "", "not profiled", [], broken)]


def _name(schema: Schema) -> str:
    return schema.name[:30].encode("ascii", "replace").decode()


@pytest.mark.parametrize("schema", on("postgres"), ids=_name)
def test_every_cell_is_correct_on_postgresql(schema: Schema, on_postgres: Callable[[Schema], Any]) -> None:
    assert "\n".join(str(cell) for cell in judged(schema, on_postgres(schema)) if not cell.is_correct) == ""


@pytest.mark.parametrize("schema", on("spark"), ids=_name)
def test_every_cell_is_correct_on_spark(schema: Schema, on_spark: Callable[[Schema], Any]) -> None:
    assert "\n".join(str(cell) for cell in judged(schema, on_spark(schema)) if not cell.is_correct) == ""
