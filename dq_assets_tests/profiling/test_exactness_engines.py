"""The hostile tables on PostgreSQL and Spark, cell by cell against the same answer key. What differs from DuckDB is listed here, with the reason."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from dq_assets import profile
from dq_assets_tests.profiling.hostile_schemas import SCHEMAS, TEXT, Col, Schema
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
    quick = {
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
    }
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


class Difference(NamedTuple):
    """What is not as on DuckDB, on which engines, of which columns, and why."""

    engines: tuple[str, ...]
    metrics: frozenset[str]
    concerns: Callable[[Col, Any], bool]
    reason: str


def _is_decimal(column: Col, *, digits: int = 0) -> bool:
    return column.typed.kind == "decimal" and int(re.findall(r"\d+", column.typed.duckdb)[0]) >= digits


DIFFERENCES = (
    Difference(("postgres", "spark"), frozenset({"order"}), lambda _, found: found is None, "rows come back in no order that means anything"),
    Difference(
        ("postgres",),
        frozenset({"nan_count", "infinite_count", "minus_infinite_count"}),
        lambda column, found: _is_decimal(column) and found == 0,
        "numeric has NaN, so it is counted; a DECIMAL of other engines has none",
    ),
    Difference(
        ("postgres", "spark"),
        frozenset({"standardized_distinct_count"}),
        lambda column, _: any("ß" in (text or "") for text in column.values),
        "upper() of letters without an upper-case letter of their own: DuckDB makes ẞ of ß, PostgreSQL leaves it, Java makes SS of it",
    ),
    Difference(
        ("spark",),
        frozenset({"sum_value"}),
        lambda column, found: _is_decimal(column, digits=38) and found is None,
        "a sum of more than 38 digits is none that Spark can hold",
    ),
    Difference(
        ("spark",),
        frozenset({"fractional_count", "fractional_sum"}),
        lambda column, _: _is_decimal(column, digits=38),
        "Spark takes a remainder in 38 digits, and loses those behind the point of numbers that have as many before it",
    ),
)


class Tally:
    """How many cells of an engine are correct, and how many differ for a reason that is listed."""

    def __init__(self, engine: str) -> None:
        self.engine, self.cells, self.justified = engine, 0, 0

    def wrong(self, schema: Schema, found: Any) -> str:
        """Return the cells that are neither, in words."""
        broken = [finding.detail for finding in found.findings if finding.anomaly_type_id == NOT_PROFILED]
        cells = [*cells_of(schema, found), Cell(schema.name, "", "not profiled", [], broken)]
        columns = {column.name: column for column in schema.columns}
        differing = [cell for cell in cells if not cell.is_correct]
        unlisted = [cell for cell in differing if cell.column not in columns or not self._is_listed(cell, columns[cell.column])]
        self.cells += len(cells)
        self.justified += len(differing) - len(unlisted)
        return "\n".join(map(str, unlisted))

    def _is_listed(self, cell: Cell, column: Col) -> bool:
        listed = (each for each in DIFFERENCES if self.engine in each.engines and cell.what in each.metrics)
        return any(each.concerns(column, cell.found) for each in listed)

    def __str__(self) -> str:
        return f"{self.engine}: cells {self.cells}, correct {self.cells - self.justified}, justified {self.justified}"


@pytest.fixture(scope="module")
def tally_of() -> Iterator[Callable[[str], Tally]]:
    """Keep one count for each engine, and print it in the end."""
    tallies: dict[str, Tally] = {}
    yield lambda engine: tallies.setdefault(engine, Tally(engine))
    print(*tallies.values(), sep="\n")  # noqa: T201 - shown with -s


def _name(schema: Schema) -> str:
    return schema.name[:30].encode("ascii", "replace").decode()


@pytest.mark.parametrize("schema", on("postgres"), ids=_name)
def test_every_cell_is_correct_on_postgresql(schema: Schema, on_postgres: Callable[[Schema], Any], tally_of: Callable[[str], Tally]) -> None:
    assert tally_of("postgres").wrong(schema, on_postgres(schema)) == ""


FEW = ("unicode", "integers", "daylight_saving")


@pytest.mark.parametrize("schema", [schema for schema in on("spark") if schema.name in FEW], ids=_name)
def test_every_cell_of_some_tables_is_correct_on_spark(schema: Schema, on_spark: Callable[[Schema], Any], tally_of: Callable[[str], Tally]) -> None:
    assert tally_of("spark").wrong(schema, on_spark(schema)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("schema", [schema for schema in on("spark") if schema.name not in FEW], ids=_name)
def test_every_cell_is_correct_on_spark(schema: Schema, on_spark: Callable[[Schema], Any], tally_of: Callable[[str], Tally]) -> None:
    assert tally_of("spark").wrong(schema, on_spark(schema)) == ""


def test_a_column_that_spark_cannot_name_is_a_finding_and_the_others_are_profiled(on_spark: Callable[[Schema], Any]) -> None:
    found = on_spark(Schema("replaced", [Col("${x}", TEXT, ["a", "b"]), Col("plain", TEXT, ["a", "b"])]))

    assert found["plain"].distinct_count == 2
    assert {finding.column_name for finding in found.findings if finding.anomaly_type_id == NOT_PROFILED} >= {"${x}"}
