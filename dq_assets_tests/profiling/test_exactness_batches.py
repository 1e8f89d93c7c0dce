"""Profiles per batch against the answer key of the batch's rows: zones, days of 23 and 25 hours, rows without a time."""

# ruff: noqa: DTZ001 - wall-clock times are what is computed

from __future__ import annotations

import math
import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dq_assets import profile
from dq_assets.profiling.metrics import COLUMN_METRICS
from dq_assets_tests.profiling.answer_key import column_key, duplicate_rows, moment, wall_clock
from dq_assets_tests.profiling.hostile_schemas import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    HUGEINT,
    INTEGER,
    NAMES,
    REAL,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMP_NS,
    WORDS,
    Col,
    Schema,
    Typed,
    decimal,
    nested,
    other,
    reals,
)  # fmt: skip
from dq_assets_tests.profiling.test_exactness import AS_OF, METRICS, NOT_PROFILED, Cell, instant, write_duckdb

if TYPE_CHECKING:
    from pathlib import Path

SERIES = {(letter, metric.name) for metric in COLUMN_METRICS if metric.series for letter in metric.applies_to}
EPOCH = datetime(1970, 1, 1)
ROWS = 240


def _payload(chance: random.Random) -> list[Col]:
    def some(*values: Any) -> list[Any]:
        return [chance.choice(values) for _ in range(ROWS)]

    return [
        Col("text", TEXT, some(*WORDS, "ü", "日本", "1,5", "2,5", "3,5")),
        Col("int", INTEGER, some(1, 2, 3, -5, 0, None)),
        Col("big", BIGINT, some(2**63 - 1, -(2**63), 2**53 + 1, 7)),
        Col("huge", HUGEINT, some(2**127 - 1, -(2**127), 2**100, None)),
        Col("money", decimal(10, 2), some(*map(Decimal, ("1.10", "-7.25", "0", "3.00")), None)),
        Col("wide", decimal(38, 2), some(*map(Decimal, ("999999999999999999999999999999999999.99", "-0.01", "0")), None)),
        Col("double", DOUBLE, some(0.1, 0.2, -0.0, math.nan, math.inf, -math.inf, 2.5, None)),
        Col("real", REAL, reals(*some(0.1, 1e30, -2.5))),
        Col("far", DOUBLE, some(1e300, -1e300, 1.0)),
        Col("date", DATE, some("2024-06-15", "0001-01-01", "1899-12-31", None)),
        Col("stamp", TIMESTAMP, some("2024-06-15 12:00:00", "2024-06-15 12:00:00.000001", "2024-06-14 00:00:00")),
        Col("ns", TIMESTAMP_NS, some("2024-06-15 12:00:00.000000001", "2024-06-14 23:59:59.999999999", None)),
        Col("time", TIME, some("12:00:00", "23:59:59.999999", None)),
        Col("yes", BOOLEAN, some(True, False, None)),
        nested("list", other("INTEGER[]"), *_lists(some(0, 1, 2, None))),
        Col("nothing", INTEGER, [None] * ROWS),
    ]


def _lists(sizes: list[int | None]) -> tuple[list[str | None], list[Any], list[int | None]]:
    return [None if n is None else str([7] * n) for n in sizes], [None if n is None else (7,) * n for n in sizes], sizes


def _instants(chance: random.Random, suffix: str) -> list[str | None]:
    """Return times about the last Sunday of March, most of them near midnight, some missing, some without end."""
    near = [datetime(2024, 3, 30, 20) + timedelta(minutes=chance.randrange(60 * 56)) for _ in range(ROWS - 12)]
    edges = [
        "2024-03-30 22:59:59.999999",
        "2024-03-30 23:00:00",
        "2024-03-31 21:59:59.999999",
        "2024-03-31 22:00:00",
        "2024-10-26 22:00:00",
        "2024-10-27 22:59:59",
    ]
    found = [f"{each:%Y-%m-%d %H:%M:%S}" for each in near] + edges
    chance.shuffle(found)
    return [None, None, "infinity", "-infinity", *(text + suffix for text in found), None, None]


def _key_of(text: str | None, kind: str, zone: str, grain: str) -> str | None:
    if text is None or "inf" in text:
        return None
    local = EPOCH + timedelta(microseconds=wall_clock(moment(text), kind, zone))
    if grain == "week":
        year, week, _ = local.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{local:{ {'hour': '%Y-%m-%dT%H', 'day': '%Y-%m-%d', 'month': '%Y-%m'}[grain] }}"


ZONED, NAIVE = Typed("timestamptz", "TIMESTAMP WITH TIME ZONE"), Typed("timestamp", "TIMESTAMP")
CASES = [
    ("Europe/Berlin", ZONED, "+00", "day"),
    ("UTC", NAIVE, "", "day"),
    ("Europe/Berlin", ZONED, "+00", "month"),
    ("America/New_York", ZONED, "+00", "week"),
    ("Asia/Kolkata", ZONED, "+00", "hour"),
]


@pytest.mark.parametrize(("zone", "typed", "suffix", "grain"), CASES, ids=lambda each: each if isinstance(each, str) else each.kind)
def test_every_cell_of_every_batch_is_correct(zone: str, typed: Typed, suffix: str, grain: str, tmp_path: Path) -> None:
    chance = random.Random(f"{zone} {typed} {grain}")  # noqa: S311 - the same table each time
    columns = [Col('at, "when"', typed, _instants(chance, suffix)), *_payload(chance)]
    path = tmp_path / "batches.duckdb"
    write_duckdb(path, Schema("batches", columns))

    found = profile(path, batch=(columns[0].name, grain), timezone=zone, as_of=instant(zone), store_values="all")

    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(columns[0].values):
        if (key := _key_of(text, typed.kind, zone, grain)) is not None:
            rows_of[key].append(row)
    assert [batch.batch_key for batch in found] == sorted(rows_of)
    cells = [cell for batch in found for cell in _cells(columns, batch, rows_of[batch.batch_key], zone)]
    assert "\n".join(str(cell) for cell in cells if not cell.is_correct) == ""
    assert len(cells) > 200 * len(found)
    assert [finding for batch in found for finding in batch.findings if finding.anomaly_type_id == NOT_PROFILED] == []


@pytest.mark.parametrize("name", ["b", "k", "batch_of_row", "batch_start", "line\nbreak", 'say "hi"', "a.b"])
def test_batches_of_a_table_with_hostile_names_are_correct(name: str, tmp_path: Path) -> None:
    days = ["2024-01-01", "2024-01-02", "2024-01-01", None, "2024-01-02", "2024-01-01"]
    others = [each for each in NAMES if each != name]
    columns = [Col(name, DATE, days), *(Col(each, INTEGER, [i, i, i + 1, i + 2, None, i + 1]) for i, each in enumerate(others))]
    columns += [Col(f"{each} as text", TEXT, [each, None, each, "x", "1", "2"]) for each in others]
    path = tmp_path / "batches.duckdb"
    write_duckdb(path, Schema("batches", columns))

    found = profile(path, batch=(name, "day"), as_of=instant("UTC"), store_values="all")

    rows_of = {key: [row for row, day in enumerate(days) if day == key] for key in ("2024-01-01", "2024-01-02")}
    assert [batch.batch_key for batch in found] == [*rows_of]
    cells = [cell for batch in found for cell in _cells(columns, batch, rows_of[batch.batch_key], "UTC")]
    assert "\n".join(str(cell) for cell in cells if not cell.is_correct) == ""


def _cells(columns: list[Col], batch: Any, rows: list[int], zone: str) -> list[Cell]:
    kinds, table = [column.typed.kind for column in columns], [tuple(column.values[row] for column in columns) for row in rows]
    cells = [
        Cell(batch.batch_key, "", "row_count", len(rows), batch.row_count),
        Cell(batch.batch_key, "", "duplicate_row_count", duplicate_rows(kinds, table), batch.metrics["duplicate_row_count"]),
    ]
    for column, there in zip(columns, batch.columns, strict=True):
        sizes = column.sizes and [column.sizes[row] for row in rows]
        key = column_key(column.typed.kind, [column.values[row] for row in rows], zone, AS_OF, sizes)
        if column.name == "far" and there.distinct_count != 1:
            # Over rows the engine's own deviation is asked, whose squares overflow here.
            key.metrics.pop("stddev_value", None)
        # The metrics of the series are there; of the others what is there is right.
        names = sorted(METRICS | key.metrics.keys() | there.metrics.keys())
        asked = [name for name in names if (there.general_type.value, name) in SERIES or there.value(name) is not None]
        cells += [Cell(batch.batch_key, column.name, name, key.metrics.get(name), there.value(name)) for name in asked]
        cells.append(Cell(batch.batch_key, column.name, "estimates", [], sorted(there.approximations)))
    return cells
