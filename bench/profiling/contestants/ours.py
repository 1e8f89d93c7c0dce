"""`dq_assets.profile` of the table in the database file; what it opens it opens within the time measured.

Statistics are the metrics, the percentiles, and the fixed fields of a column's profile that have a value, each name counted once. Top values count as one
statistic, and so do a histogram and their like. A statistic is estimated where the profile says that it is an approximation. Of several batches, those of
the first are counted.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import duckdb
from _child import run

from dq_assets import profile

NO_STATISTICS = {"table_id", "column_id", "table", "column_name", "ordinal_position", "data_type", "general_type", "rows_read"}
HOLDERS = {"metrics", "percentiles", "approximations"}


def _profile(job: dict[str, Any]) -> Any:
    # JSON has no tuples, and `batch` is one.
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in job["options"].items()}
    return profile(job["database"], table=job["table"], **options)


def _warm_up(job: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        small = str(Path(folder) / "small.duckdb")
        with duckdb.connect(small) as connection:
            connection.execute(f"ATTACH '{job['database']}' AS source (READ_ONLY)")
            connection.execute(f"CREATE TABLE {job['table']} AS SELECT * FROM source.{job['table']} LIMIT 10")  # noqa: S608 - names of ours
        _profile(job | {"database": small})


def _count(found: Any) -> dict[str, tuple[int, int]]:
    first = found[0] if isinstance(found, list) else found
    counted = {}
    for column in first.columns:
        fixed = {name: getattr(column, name) for name in type(column).model_fields if name not in NO_STATISTICS | HOLDERS}
        there = {name for name, value in (fixed | column.metrics | column.percentiles).items() if value not in (None, (), [], {})}
        estimated = there & {name for name, estimate in column.approximations.items() if estimate.quality != "exact"}
        counted[column.column_name] = (len(there - estimated), len(estimated))
    return counted


def _notes(found: Any) -> dict[str, object]:
    return {"batches": len(found)} if isinstance(found, list) else {}


run(lambda job: job, _warm_up, _profile, _count, ["dq-assets", "duckdb"], _notes)
