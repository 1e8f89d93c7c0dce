"""Each metric as SQL, on file; regenerated as ``dq_assets_tests/rules/test_golden_sql.py`` says."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from sqlglot import exp, parse_one

from dq_assets.profiling.plan import TablePlan
from dq_assets.records.batches import BatchSpec
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column, TableName

GOLDEN = Path(__file__).parent / "golden"
TYPES = {
    "text": ("A", "VARCHAR", "STRING"),
    "number": ("N", "DOUBLE", "DOUBLE"),
    "time": ("D", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
    "boolean": ("B", "BOOLEAN", "BOOLEAN"),
}


@pytest.mark.parametrize("dialect", ["duckdb", "databricks"])
@pytest.mark.parametrize("kind", TYPES)
def test_golden_sql_of_every_metric(kind, dialect):
    letter, duckdb_type, databricks_type = TYPES[kind]
    data_type = duckdb_type if dialect == "duckdb" else databricks_type
    column = Column(name="the column", data_type=data_type, general_type=GeneralType(letter), position=0)
    batch = BatchSpec(column="the column", grain="day") if kind == "time" else BatchSpec()
    plan = TablePlan(
        table=TableName(schema_name="main", table_name="t"), columns=(column,), batch=batch, timezone="Europe/Berlin", as_of=datetime(2024, 6, 15, 12)
    )
    lines = [
        f"-- {measurement.metric.name}\n{plan.aggregate(measurement, dialect).sql(dialect=dialect)};\n" for measurement in plan.measurements(series_only=False)
    ]
    if (start := plan.batch_start(dialect)) is not None:
        lines.append(f"-- batch_start\n{start.sql(dialect=dialect)};\n")
    file = GOLDEN / f"{kind}.{dialect}.sql"
    text = "".join(lines)
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    assert text == file.read_text(encoding="utf-8")
    for line in lines:
        assert not isinstance(parse_one("SELECT " + line.split("\n", 1)[1].rstrip(";\n"), read=dialect), exp.Command)
