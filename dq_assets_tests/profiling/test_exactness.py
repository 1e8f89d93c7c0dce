"""Every cell of every hostile table's profile against an answer key computed in Python.

``python dq_assets_tests/profiling/test_exactness.py`` counts the cells and names those that are wrong.
"""

# ruff: noqa: DTZ001 - wall-clock times are what is computed

from __future__ import annotations

import sys
import tempfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from dq_assets import profile
from dq_assets.profiling.metrics import COLUMN_METRICS
from dq_assets_tests.profiling.answer_key import Key, column_key, duplicate_rows, is_key
from dq_assets_tests.profiling.hostile_schemas import FINE_DECIMAL, SCHEMAS, Col, Schema

AS_OF = datetime(2024, 6, 15, 12)
METRICS = frozenset(metric.name for metric in COLUMN_METRICS)
LETTERS = dict.fromkeys(("integer", "decimal", "float", "real"), "N") | dict.fromkeys(("date", "timestamp", "timestamptz"), "D")
LETTERS |= dict.fromkeys(("time", "timetz"), "T") | {"text": "A", "boolean": "B", "other": "X"}
ON_DUCKDB = [schema for schema in SCHEMAS if "duckdb" in schema.engines]


class Cell(NamedTuple):
    """One answer: of which table and column, what, what it must be, what it is."""

    table: str
    column: str
    what: str
    expected: Any
    found: Any

    @property
    def is_correct(self) -> bool:
        """Whether it is what it must be; numbers as numbers, whatever their type."""
        return _is_met(self.expected, self.found)

    def __str__(self) -> str:
        return f"{self.table[:40]!r}.{self.column[:40]!r}: {self.what} is {str(self.found)[:200]!r}, must be {str(self.expected)[:200]!r}"


def _is_met(expected: Any, found: Any) -> bool:
    if hasattr(expected, "is_met_by"):
        return bool(expected.is_met_by(found))
    if expected is None or found is None:
        return expected is found
    if isinstance(expected, (list, tuple)):
        return len(expected) == len(found) and all(map(_is_met, expected, found))
    return bool(expected == found)


def cells_of_column(table: str, column: Any, key: Key, rows: int, estimates: list[str]) -> list[Cell]:
    """Return a cell for every metric of the catalogue, whether it is there or not, and for what stands beside the metrics."""
    names = METRICS | key.metrics.keys() | column.metrics.keys() | column.percentiles.keys()
    cells = [Cell(table, column.column_name, name, key.metrics.get(name), column.value(name)) for name in sorted(names)]
    found = {
        "record_count": (rows, column.record_count),
        "rows_read": (rows, column.rows_read),
        "estimates": (estimates, sorted(column.approximations)),
        "top_values": (key.top_values, [(top.value, top.frequency) for top in column.top_values]),
        "shapes": (key.shapes, [(top.value, top.frequency) for top in column.shapes]),
        "lengths": (key.lengths, list(column.lengths)),
        "histogram": (key.histogram, [(each.lower, each.upper, each.frequency) for each in column.histogram]),
    }
    values = rows - column.null_count
    ranked = {
        what: ([(n / values, i) for i, (_, n) in enumerate(counted, 1)], [(top.relative_freq, top.rank) for top in there])
        for what, counted, there in (("top shares", key.top_values, column.top_values), ("shape shares", key.shapes, column.shapes))
    }
    return cells + [Cell(table, column.column_name, what, *pair) for what, pair in (found | ranked).items()]


def cells_of(schema: Schema, found: Any) -> list[Cell]:
    """Return all cells of a profile."""
    kinds, names = [column.typed.kind for column in schema.columns], [column.name for column in schema.columns]
    rows = list(zip(*(column.values for column in schema.columns), strict=True))
    single = [
        (column.name,) for column in schema.columns if column.typed.kind not in ("boolean", "time", "timetz") and _identifies(schema, (column.name,), rows)
    ]
    keys = list(found.candidate_keys)
    # Which pair is tried is a matter of cost; that it is a key is not.
    sound = keys == single if single or not keys else len(keys) == 1 and _identifies(schema, keys[0], rows)
    cells = [
        Cell(schema.name, "", "row_count", len(rows), found.row_count),
        Cell(schema.name, "", "duplicate_row_count", duplicate_rows(kinds, rows), found.metrics.get("duplicate_row_count")),
        Cell(schema.name, "", "candidate_keys", True, sound or (single, keys)),
        Cell(schema.name, "", "columns", names, [column.column_name for column in found.columns]),
        Cell(schema.name, "", "general types", [LETTERS[kind] for kind in kinds], [column.general_type.value for column in found.columns]),
    ]
    for column, there in zip(schema.columns, found.columns, strict=True):
        # The sum of numbers with more than 18 digits after the point is exact, or it says that it is not.
        estimates = ["sum_value"] if column.typed == FINE_DECIMAL and isinstance(there.value("sum_value"), float) else []
        cells += cells_of_column(schema.name, there, _key_of(column, schema.zone), len(rows), estimates)
    return cells


def _key_of(column: Col, zone: str) -> Key:
    return column_key(column.typed.kind, column.values, zone, AS_OF, column.sizes)


def _identifies(schema: Schema, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> bool:
    places = [i for i, column in enumerate(schema.columns) if column.name in names]
    kinds = [schema.columns[i].typed.kind for i in places]
    return len(rows) > 1 and is_key(kinds, [tuple(row[i] for i in places) for row in rows])


def quoted(name: str) -> str:
    """Return a name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def write_duckdb(path: Path, schema: Schema) -> None:
    """Make the table in a DuckDB file, each value from its text in SQL."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in schema.before:
            connection.execute(statement)
        declared = ", ".join(f"{quoted(column.name)} {column.typed.duckdb}" for column in schema.columns)
        connection.execute(f"CREATE TABLE {quoted(schema.name)} ({declared})")
        for place in range(len(schema.columns[0].values)):
            written, parameters = [], []
            for column in schema.columns:
                value = column.values[place]
                if column.literals is not None:
                    literal = column.literals[place]
                    written.append("NULL" if literal is None else literal)
                else:
                    written.append(f"CAST(? AS {column.typed.duckdb})")
                    parameters.append(None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value))
            connection.execute(f"INSERT INTO {quoted(schema.name)} VALUES ({', '.join(written)})", parameters)


def cells_on_duckdb(schema: Schema, folder: Path) -> list[Cell]:
    """Return the cells of the table's profile on DuckDB."""
    path = folder / "hostile.duckdb"
    path.unlink(missing_ok=True)
    write_duckdb(path, schema)
    found = profile(path, table=schema.name, timezone=schema.zone, as_of=instant(schema.zone), store_values="all")
    broken = [finding.detail for finding in found.findings if finding.anomaly_type_id == NOT_PROFILED]
    return [*cells_of(schema, found), Cell(schema.name, "", "not profiled", [], broken)]


NOT_PROFILED = 2002


def instant(zone: str) -> datetime:
    """Return the time of the run as an instant of a zone."""
    from zoneinfo import ZoneInfo

    return AS_OF.replace(tzinfo=ZoneInfo(zone))


def _named(schema: Schema) -> Any:
    marks = [pytest.mark.slow] if len(schema.columns) > 1_000 else []
    return pytest.param(schema, id=schema.name[:30].encode("ascii", "replace").decode(), marks=marks)


@pytest.mark.parametrize("schema", [_named(schema) for schema in ON_DUCKDB])
def test_every_cell_is_correct_on_duckdb(schema: Schema, tmp_path: Path) -> None:
    assert [str(cell) for cell in cells_on_duckdb(schema, tmp_path) if not cell.is_correct] == []


def main() -> int:
    """Count the cells on DuckDB and name the wrong ones."""
    cells = []
    for schema in ON_DUCKDB:
        with tempfile.TemporaryDirectory() as folder:
            cells += cells_on_duckdb(schema, Path(folder))
    wrong = [cell for cell in cells if not cell.is_correct]
    print(*wrong, sep="\n")  # noqa: T201 - a script
    print(f"tables {len(ON_DUCKDB)}, cells {len(cells)}, correct {len(cells) - len(wrong)} ({(len(cells) - len(wrong)) / len(cells):.2%})")  # noqa: T201 - a script
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
