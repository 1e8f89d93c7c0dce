"""Every statement of a profile, on file; regenerated as ``dq_assets_tests/rules/test_golden_sql.py`` says."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from sqlglot import exp, parse_one

from dq_assets.profiling import dictionary, table_metrics, wide
from dq_assets.profiling.dictionary import Family, family_of
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column

GOLDEN = Path(__file__).parent / "golden"
ZONE, AS_OF = "Europe/Berlin", datetime(2024, 6, 15, 12)
TEXT, NUMBER, DATE, BOOLEAN, OTHER = GeneralType.TEXT, GeneralType.NUMBER, GeneralType.DATE, GeneralType.BOOLEAN, GeneralType.OTHER
FAMILIES = {
    "text": Family(TEXT, "VARCHAR"),
    "bigint": Family(NUMBER, "BIGINT"),
    "hugeint": Family(NUMBER, "HUGEINT"),
    "decimal": Family(NUMBER, "DECIMAL(10,2)"),
    "decimal38": Family(NUMBER, "DECIMAL(38,2)"),
    "double": Family(NUMBER, "DOUBLE"),
    "date": Family(DATE, "DATE"),
    "timestamp_ns": Family(DATE, "TIMESTAMP_NS"),
    "zoned": Family(DATE, "TIMESTAMP WITH TIME ZONE"),
    "boolean": Family(BOOLEAN, "BOOLEAN"),
    "list": Family(OTHER, "INTEGER[]"),
}
KINDS = ("text", "integer", "decimal", "double", "date", "zoned", "boolean", "other")
TYPES = {
    "duckdb": ("VARCHAR", "INTEGER", "DECIMAL(10,2)", "DOUBLE", "DATE", "TIMESTAMP WITH TIME ZONE", "BOOLEAN", "INTEGER[]"),
    "postgres": ("text", "integer", "numeric(10,2)", "double precision", "date", "timestamp with time zone", "boolean", "bytea"),
    "spark": ("string", "int", "decimal(10,2)", "double", "date", "timestamp", "boolean", "array<int>"),
    "databricks": ("STRING", "INT", "DECIMAL(10,2)", "DOUBLE", "DATE", "TIMESTAMP WITH TIME ZONE", "BOOLEAN", "ARRAY<INT>"),
}
GENERAL = dict(zip(KINDS, (TEXT, NUMBER, NUMBER, NUMBER, DATE, DATE, BOOLEAN, OTHER), strict=True))


def _agrees(name: str, dialect: str, statements: dict[str, str]) -> None:
    """Hold statements against the file, and let sqlglot read each in its dialect."""
    text = "".join(f"-- {what}\n{statement};\n" for what, statement in statements.items())
    file = GOLDEN / f"{name}.sql"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    assert text == file.read_text(encoding="utf-8")
    for statement in statements.values():
        assert not isinstance(parse_one(statement, read=dialect), exp.Command)


@pytest.mark.parametrize("kind", FAMILIES)
def test_golden_sql_over_dictionaries(kind: str) -> None:
    family = FAMILIES[kind]
    is_text = family.general_type is TEXT
    statements = {"values": dictionary.value_counts_of('"main"."t"', 3, '"the column"', None, None)}
    statements["values per batch"] = dictionary.value_counts_of('"main"."t"', 3, '"the column"', '"b"', 'NOT "b" IS NULL')
    for what, options in {"aggregates": {}, "aggregates per batch": {"per_batch": True}, "aggregates of a sample": {"sampled": True}}.items():
        statements[what] = dictionary.aggregate_statement(family, ZONE, "duckdb", **options)[0]
    if family.is_ordered:
        statements["ordered"] = dictionary.ordered_statement(family, ZONE, "duckdb")
        statements["histogram"] = dictionary.histogram_statement(family, ZONE, "duckdb")
    if family.general_type is DATE:
        statements["calendar"] = dictionary.days_statement(family, ZONE, "duckdb")
    if is_text:
        statements["lengths"] = dictionary.lengths_statement("duckdb")
        for sampled in (False, True):
            suffix = " of a sample" if sampled else ""
            statements[f"formats{suffix}"] = dictionary.formats_statement("duckdb", sampled=sampled)[0]
            statements[f"shapes{suffix}"] = dictionary.shapes_statement("duckdb", None, sampled=sampled)
            statements[f"shapes of ASCII{suffix}"] = dictionary.shapes_statement("duckdb", "dq_shape_of_ascii", sampled=sampled)
        statements["numbers of shapes"] = dictionary.shape_counts_statement("duckdb")
    if family.general_type is not OTHER:
        statements["most frequent"] = dictionary.most_frequent_statement(family.table, (0, 3), 10, "duckdb", ranked=False, text=is_text)
        statements["most frequent, ranked"] = dictionary.most_frequent_statement(family.table, (0, 3), 10, "duckdb", ranked=True, text=is_text)
    _agrees(f"dictionary.{kind}", "duckdb", statements)


@pytest.mark.parametrize("dialect", TYPES)
@pytest.mark.parametrize("kind", GENERAL)
def test_golden_sql_over_rows(kind: str, dialect: str) -> None:
    column = Column(name="the column", data_type=TYPES[dialect][KINDS.index(kind)], general_type=GENERAL[kind], position=0)
    columns, table = [(3, column)], exp.table_("t", db="main", quoted=True)
    raw = wide.raw_column(3, column, ZONE, AS_OF, dialect)
    named = ", ".join(f"{aggregate} AS {exp.to_identifier(name, quoted=True).sql(dialect=dialect)}" for name, aggregate in raw.aggregates.items())
    statements = {"aggregates": f"SELECT {named} FROM {wide.rows_of(table.sql(dialect=dialect), [raw])}"}
    made = {"frequencies": wide.frequencies_statement, "most frequent": wide.most_frequent_statement}
    if kind in ("integer", "decimal", "double", "date", "zoned"):
        made["histogram"] = wide.histogram_statement
    for what, make in made.items():
        statements[what] = make(table, columns, ZONE, dialect, where=None, batch=None).sql(dialect=dialect)
    family = family_of(column)
    over = {}
    if family.is_ordered:
        over["ordered"] = dictionary.ordered_statement(family, ZONE, dialect)
    if family.general_type is DATE:
        over["calendar"] = dictionary.days_statement(family, ZONE, dialect)
    if family.general_type is TEXT:
        over |= {"lengths": dictionary.lengths_statement(dialect), "shapes": wide.shapes_statement(dialect, 21)}
    if dialect != "duckdb":
        statements |= {what: wide.over_values(text, family, table, columns, ZONE, dialect, where=None, batch=None) for what, text in over.items()}
    _agrees(f"rows.{kind}.{dialect}", dialect, statements)


@pytest.mark.parametrize("dialect", TYPES)
def test_golden_sql_of_whole_rows(dialect: str) -> None:
    columns = [
        Column(name=name, data_type=TYPES[dialect][KINDS.index("integer")], general_type=NUMBER, position=i) for i, name in enumerate(("the column", "other"))
    ]
    table = exp.table_("t", db="main", quoted=True).sql(dialect=dialect)
    statements = {}
    if (hashed := table_metrics.hashed_duplicates(table, columns, dialect, batch=None, where=None)) is not None:
        statements["duplicates by hash"] = hashed
    statements["duplicates"] = table_metrics.compared_duplicates(table, columns, dialect, batch=None, where=None)
    statements["key"] = table_metrics.distinct_rows(table, ("the column", "other"), dialect, where=None)
    statements["key of few rows"] = table_metrics.distinct_rows(table, ("the column", "other"), dialect, where=None, rows=2048)
    if dialect == "duckdb":
        statements["order"] = table_metrics.order_of_columns(table, columns, dialect, where=None, limit=2048)
    _agrees(f"table.{dialect}", dialect, statements)


def test_every_golden_file_has_a_source() -> None:
    made = {f"dictionary.{kind}.sql" for kind in FAMILIES} | {f"rows.{kind}.{dialect}.sql" for kind in GENERAL for dialect in TYPES}
    made |= {f"table.{dialect}.sql" for dialect in TYPES}

    assert {file.name for file in GOLDEN.iterdir()} == made
