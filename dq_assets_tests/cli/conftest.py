"""A small shop whose history is learned once; each test works on a copy of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from dq_assets.cli.app import app

CONFIGURATION = """\
version: 1
project: shop
connections:
  landing: {type: duckdb, path: data}
table_groups:
  sales:
    connection: landing
    tables:
      orders: {batch: {column: ordered_at, grain: day}}
"""
AS_OF = "2024-01-26"
"""The day after the 25 that are learned."""
GOOD_DAY = "SELECT 100000 + i AS order_id, TIMESTAMP '2024-01-26' + INTERVAL (i) MINUTE, 'paid', 10.0 + i % 7 FROM range(100) AS r(i)"
BAD_DAY = "SELECT NULL::BIGINT AS order_id, TIMESTAMP '2024-01-26' + INTERVAL (i) MINUTE, 'lost', -900.0 FROM range(5) AS r(i)"


class Shop:
    """A folder with data and ``dq.yaml``, and ``dq`` run in it."""

    def __init__(self, folder, monkeypatch=None):
        self.folder = folder
        self._monkeypatch = monkeypatch

    def dq(self, *arguments):
        """Run ``dq`` in this process; the result has ``exit_code``, ``stdout`` and ``stderr``."""
        self._monkeypatch.chdir(self.folder)
        return CliRunner().invoke(app, arguments, catch_exceptions=False)

    def json(self, *arguments):
        """Run ``dq … --json`` and return the result and its document."""
        result = self.dq(*arguments, "--json")
        return result, json.loads(result.stdout)

    def process(self, *arguments, **options):
        """Run ``dq`` as a process of its own."""
        command = [sys.executable, "-m", "dq_assets.cli", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **options)

    def configure(self, text):
        (self.folder / "dq.yaml").write_text(text, encoding="utf-8")

    def land(self, query, table="orders"):
        """Write the rows of a query as another file of a table; columns are those of the orders."""
        write(self.folder / "data" / table / "landed.parquet", f"SELECT * FROM ({query}) AS t(order_id, ordered_at, status, amount)")


def write(path, query):
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


@pytest.fixture(scope="session")
def history(tmp_path_factory):
    """The shop after 25 days, nothing of it known to dq."""
    folder = tmp_path_factory.mktemp("history")
    day = "TIMESTAMP '2024-01-01' + INTERVAL (i // 100) DAY + INTERVAL (i % 100) MINUTE AS ordered_at"
    status = "['open', 'paid', 'sent'][1 + i % 3] AS status"
    write(folder / "data/orders/history.parquet", f"SELECT i AS order_id, {day}, {status}, 10.0 + i % 7 AS amount FROM range(2500) AS r(i)")
    write(folder / "data/customers/all.parquet", "SELECT i AS customer_id, 'customer ' || i AS label FROM range(50) AS r(i)")
    (folder / "dq.yaml").write_text(CONFIGURATION, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def learned(history, tmp_path_factory):
    """The shop with a suite."""
    folder = tmp_path_factory.mktemp("learned") / "shop"
    shutil.copytree(history, folder)
    answer = Shop(folder).process("run", "--as-of", AS_OF)
    assert answer.returncode == 0, answer.stderr
    return folder


@pytest.fixture
def new_shop(history, tmp_path, monkeypatch):
    """A copy of the shop before dq was ever run."""
    shutil.copytree(history, tmp_path / "shop")
    return Shop(tmp_path / "shop", monkeypatch)


@pytest.fixture
def shop(learned, tmp_path, monkeypatch):
    """A copy of the shop with its suite."""
    shutil.copytree(learned, tmp_path / "shop")
    return Shop(tmp_path / "shop", monkeypatch)


@pytest.fixture
def bad_day():
    """Query for a day after the history: 5 rows instead of 100, no ids, an unknown status, a negative amount."""
    return BAD_DAY


@pytest.fixture
def good_day():
    """Query for a day after the history, like those in it."""
    return GOOD_DAY


@pytest.fixture
def context():
    """What typer gives to a command that was called without ``--config``."""
    return typer.Context(typer.main.get_command(app))
