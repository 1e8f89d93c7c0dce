"""A small landing folder with thirty daily batches, and its configuration."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest

from dq_assets.settings_file import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dq_assets.settings import Settings

    from .arrivals import Arrivals
    from .learned_sales import Sales

FIRST_DAY = date(2024, 3, 1)
DAYS = 30

CONFIGURATION = """\
version: 1
metadata: {url: "sqlite:///.dq/metadata.db"}
connections:
  landing: {type: duckdb, path: landing, threads: 1}
table_groups:
  sales:
    connection: landing
    tables:
      orders: {batch: {column: ordered_at, grain: day}}
    schedules: {learn: "0 3 * * 1", validate: "0 6 * * *"}
    fail_run_on: FAIL_RUN_ON
"""


def land_day(folder: Path, number: int, *, broken: bool = False, rows: int = 200) -> None:
    """Land day ``number`` (0-based) of orders, some ``rows``; a broken one has an unknown status in every tenth row."""
    day = FIRST_DAY + timedelta(days=number)
    status = (
        "CASE WHEN i % 10 = 3 THEN 'LOST' ELSE list_extract(['NEW', 'PAID', 'SENT'], 1 + i % 3) END"
        if broken
        else "list_extract(['NEW', 'PAID', 'SENT'], 1 + i % 3)"
    )
    query = f"""
        SELECT {number} * 1000000 + i AS order_id, 1 + i % 20 AS customer, 5.0 + (i * 7919 + {number}) % 100 AS amount, {status} AS status,
               TIMESTAMP '{day}' + INTERVAL (i % 1440) MINUTE AS ordered_at
        FROM range({rows} + ({number} * 37) % 20) AS t(i)
    """
    target = folder / "landing" / "orders"
    target.mkdir(parents=True, exist_ok=True)
    duckdb.sql(query).write_parquet(str(target / f"{day}.parquet"))


def make_project(folder: Path, *, fail_run_on: str = "never", rows: int = 200) -> Settings:
    """Land thirty days of orders and the customers, write ``dq.yaml``, and return its settings."""
    for number in range(DAYS):
        land_day(folder, number, rows=rows)
    (folder / "landing" / "customers").mkdir(exist_ok=True)
    duckdb.sql("SELECT 1 + i AS customer, 'Customer ' || i AS label FROM range(20) AS t(i)").write_parquet(
        str(folder / "landing" / "customers" / "all.parquet")
    )
    (folder / "dq.yaml").write_text(CONFIGURATION.replace("FAIL_RUN_ON", fail_run_on), encoding="utf-8")
    return load_settings(folder / "dq.yaml")


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """The settings of a project whose tables have landed; nothing is registered yet."""
    return make_project(tmp_path)


@pytest.fixture(scope="session")
def learned_sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sales project that was learned from thirty days; copy it before changing anything."""
    from .learned_sales import learn_sales

    folder = tmp_path_factory.mktemp("learned_sales")
    learn_sales(folder)
    return folder


@pytest.fixture
def sales(learned_sales: Path, tmp_path: Path) -> Iterator[Callable[..., Sales]]:
    """Copy the learned project, with group settings of one's own."""
    from .learned_sales import Sales

    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster")) as instance:

        def copied(**group: object) -> Sales:
            shutil.copytree(learned_sales, tmp_path / "sales")
            return Sales(tmp_path / "sales", instance, **group)

        yield copied


@pytest.fixture(scope="session")
def learned_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose group was learned by its ingestion sensor and has judged one batch since."""
    from .arrivals import build_template

    return build_template(tmp_path_factory.mktemp("learned_once"))


@pytest.fixture
def arrivals(request: pytest.FixtureRequest, learned_once: Path, tmp_path: Path) -> Iterator[Arrivals]:
    """A copy of it whose sensor is ticked by hand; validation stands alone unless a test asks for other settings of the group."""
    from .arrivals import from_template

    with from_template(learned_once, tmp_path, **{"learn_after_validation": False, **getattr(request, "param", {})}) as made:
        yield made
