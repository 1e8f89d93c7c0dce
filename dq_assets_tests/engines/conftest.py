"""Real DuckDB files, real folders, real other processes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

import duckdb
import pytest

from dq_assets.engines import open_engine
from dq_assets.settings import DuckDBConnection

HOLD = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline() if sys.argv[2] == "forever" else time.sleep(float(sys.argv[2]))
connection.close()
"""
WRITE = "import sys, duckdb; duckdb.connect(sys.argv[1]).execute('CREATE TABLE written (i INTEGER)')"


@pytest.fixture(scope="session")
def engine_of():
    """Open the engine of a path."""

    def open_(path, **settings):
        return open_engine(DuckDBConnection(type="duckdb", path=path, **settings))

    return open_


@pytest.fixture(scope="session")
def write():
    """Run statements on a database file as its owner does, and close it."""

    def write_(path, *statements):
        connection = duckdb.connect(str(path))
        for statement in statements:
            connection.execute(statement)
        connection.close()
        return path

    return write_


@pytest.fixture
def held():
    """Let another process hold a file for some seconds, or until the block ends (`forever`)."""

    @contextmanager
    def held_(path, seconds):
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), seconds], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.communicate("\n")

    return held_


@pytest.fixture
def another_process_can_write():
    """Tell whether another process gets to write to a file now."""

    def can_write(path):
        done = subprocess.run([sys.executable, "-c", WRITE, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "Could not set lock" in done.stderr
        return done.returncode == 0

    return can_write


@pytest.fixture(scope="session")
def build_database(write):
    """Write a database file with two tables, a view, and a second schema."""

    def build(path):
        return write(
            path,
            "CREATE TABLE orders AS SELECT i AS id, i % 7 AS amount, 'c' || (i % 3) AS customer FROM range(1000) r(i)",
            "CREATE TABLE customers AS SELECT 'c' || i AS customer FROM range(3) r(i)",
            "CREATE VIEW paid AS SELECT * FROM orders WHERE amount > 3",
            "CREATE SCHEMA archive",
            "CREATE TABLE archive.orders AS SELECT 1 AS id",
        )

    return build


@pytest.fixture(scope="session")
def build_folder():
    """Write a folder with a table in several Parquet files, one in nested CSV, one a single file."""

    def build(root):
        (root / "orders").mkdir(parents=True)
        (root / "visits" / "year=2024").mkdir(parents=True)
        with duckdb.connect() as connection:
            for day in (1, 2):
                connection.execute(f"COPY (SELECT {day} AS day, i AS id FROM range(10) r(i)) TO '{root}/orders/{day}.parquet' (FORMAT parquet)")
        (root / "visits" / "year=2024" / "a.csv").write_text("id,page\n1,home\n2,cart\n")
        (root / "customers.csv").write_text("customer\nc1\nc2\n")
        return root

    return build


@pytest.fixture
def database(tmp_path, build_database):
    """A database file of one's own."""
    return build_database(tmp_path / "shop.duckdb")


@pytest.fixture
def folder(tmp_path, build_folder):
    """A folder of one's own."""
    return build_folder(tmp_path / "shop")
