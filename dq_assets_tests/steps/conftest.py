"""A lake of thirty daily batches of orders with their customers, learned once; each test works on a copy."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq_assets.records.enums import Verdict
from dq_assets.settings import Settings
from dq_assets.steps.alert import alert
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.register import register
from dq_assets.steps.suggest import suggest
from dq_assets.steps.test import test as run_tests

if TYPE_CHECKING:
    from pathlib import Path

FIRST = datetime(2024, 1, 1)
LEARNED_DAYS = 30
SEPARATE_DAYS = 5
"""The first days lie in files of their own, the rest of the history in one: each file costs every query its opening."""
CUSTOMERS = 400
CODES = [f"{'ABCDEFGHIJ'[i % 10]}{'KLMNOPQRST'[i // 10 % 10]}-{1000 + 7 * i}" for i in range(500)]
NOTES = [f"{word} {'very ' * (i % 3)}{i}x" for i in range(100) for word in ("fragile", "gift", "call before")]


def orders_of(day: int) -> dict[str, list]:
    """The clean orders of a day, counted from 0; the same ones each time."""
    random = np.random.default_rng(day)
    rows = int(random.integers(95, 106))
    moment = FIRST + timedelta(days=day)
    return {
        "day": [moment.day] * rows,
        "order_id": [100_000 * day + i for i in range(rows)],
        "customer_id": random.integers(1, CUSTOMERS + 1, rows).tolist(),
        "amount": np.clip(random.normal(100, 10, rows), 60, 140).round(2).tolist(),
        "status": random.choice(["open", "paid", "shipped", "returned"], rows, p=[0.3, 0.4, 0.2, 0.1]).tolist(),
        "code": random.choice(CODES, rows).tolist(),
        "note": random.choice(NOTES, rows).tolist(),
        "discount": [None if missing else 0.5 for missing in random.random(rows) < 0.2],
        "ordered_at": [moment + timedelta(minutes=int(minute)) for minute in np.sort(random.integers(0, 1440, rows))],
    }


class Lake:
    """A folder of Parquet, its metadata, and the steps on them."""

    group = "shop"

    def __init__(self, root: Path, **group) -> None:
        self.root = root
        self.data = root / "data"
        self.settings = Settings(
            version=1,
            metadata={"url": f"sqlite:///{root}/metadata.db"},
            connections={"lake": {"type": "duckdb", "path": self.data, "threads": 2}},
            table_groups={self.group: {"connection": "lake", "tables": {"orders": {"batch": {"column": "ordered_at", "grain": "day"}}}, **group}},
        )
        self.context = StepContext.open(self.settings)

    @staticmethod
    def rows(day: int) -> dict[str, list]:
        return orders_of(day)

    @staticmethod
    def key(day: int) -> str:
        return f"{FIRST + timedelta(days=day):%Y-%m-%d}"

    @staticmethod
    def after(day: int) -> datetime:
        """The morning after a day, when its batch is complete."""
        return (FIRST + timedelta(days=day + 1, hours=6)).replace(tzinfo=UTC)

    def write(self, table: str, name: str, rows: dict[str, list]) -> None:
        (self.data / table).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(rows), self.data / table / f"{name}.parquet")

    def arrive(self, day: int, spoil=lambda _rows: None) -> None:
        rows = orders_of(day)
        spoil(rows)
        self.write("orders", self.key(day), rows)

    def begin(self, days: int = LEARNED_DAYS) -> None:
        self.write("customers", "all", {"customer_id": list(range(1, CUSTOMERS + 1)), "city": [f"city {i % 40}" for i in range(CUSTOMERS)]})
        for day in range(min(days, SEPARATE_DAYS)):
            self.arrive(day)
        if days > SEPARATE_DAYS:
            months = [orders_of(day) for day in range(SEPARATE_DAYS, days)]
            self.write("orders", "history", {column: [value for rows in months for value in rows[column]] for column in months[0]})

    def request(self, day: int, **fields) -> RunRequest:
        return RunRequest(as_of=self.after(day), started_at=self.after(day), **fields)

    def register(self):
        return register(self.context, self.group, self.after(0))

    def profile(self, day: int, **fields):
        return profile(self.context, self.group, self.request(day, **fields))

    def suggest(self, day: int):
        return suggest(self.context, self.group, self.after(day))

    def test(self, day: int, **fields):
        return run_tests(self.context, self.group, self.request(day, **fields))

    def alert(self, day: int):
        return alert(self.context, self.group, self.request(day))

    def learn(self, day: int):
        self.profile(day)
        return self.suggest(day)

    def results(self, run) -> list:
        return self.context.store.test_results(run.test_run_id)

    def alarms(self, run) -> set[tuple[str, str | None, str | None, str]]:
        """Rule, column, batch and verdict of all that is not green."""
        tests = {test.test_id: test for test in self.tests(enabled_only=False)}
        quiet = (Verdict.PASS, Verdict.SKIPPED)
        return {
            (tests[result.test_id].rule_type, result.column_name, result.batch_key, result.result_status.value)
            for result in self.results(run)
            if result.result_status not in quiet
        }

    def tests(self, **given) -> list:
        return self.context.store.tests(self.context.group(self.group).table_group_id, **given)

    def bounds(self) -> dict[str, tuple]:
        return {test.name: (test.thresholds, test.parameters) for test in self.tests()}

    def table_id(self, name: str) -> str:
        return next(table.table_id for table in self.context.tables(self.group) if table.name.table_name == name)

    def batches(self, name: str = "orders") -> dict:
        return self.context.store.profiled_batches(self.table_id(name))

    def sql(self, query: str) -> list[tuple]:
        connection = sqlite3.connect(self.root / "metadata.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def forget_states(self) -> None:
        with sqlite3.connect(self.root / "metadata.db") as connection:
            connection.execute("DELETE FROM dq_column_states")
        connection.close()

    def dump(self) -> str:
        """Every table of the metadata as text."""
        tables = [name for (name,) in self.sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return "\n".join(str(row) for table in tables for row in self.sql(f'SELECT * FROM "{table}"'))


@pytest.fixture(scope="session")
def learned_root(tmp_path_factory) -> Path:
    """A lake after register, profile and suggest on thirty days."""
    lake = Lake(tmp_path_factory.mktemp("learned"))
    lake.begin()
    lake.register()
    lake.learn(LEARNED_DAYS - 1)
    return lake.root


@pytest.fixture
def lake(learned_root, tmp_path) -> Lake:
    """A copy of the learned lake; the next day is number 30."""
    shutil.copytree(learned_root, tmp_path / "lake")
    return Lake(tmp_path / "lake")


@pytest.fixture
def new_lake(tmp_path):
    """Make a lake with no data yet, with group settings of one's own."""
    return lambda **group: Lake(tmp_path / "new", **group)
