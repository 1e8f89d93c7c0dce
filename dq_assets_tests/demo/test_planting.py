"""What the answer key says is what landed, counted in the files, and nothing else was touched."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pytest

from dq_assets.demo.faults import FAULTS, NEW_COLUMNS, Change, Planted, plant
from dq_assets.demo.landing import BATCHED, DAY_BY_DAY, DECEMBER, OWN_COLUMNS, Landing, land, source_year

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WANTED = {
    "nulls burst",
    "duplicate keys",
    "orphan codes",
    "unit change",
    "impossible dates",
    "swapped columns",
    "truncated codes",
    "late load",
    "missing rows",
    "schema drift",
    "stuck value",
    "case and space damage",
}


class December(NamedTuple):
    """Landed files beside the rows as they were: tables ``true_flights`` and ``true_weather`` with ``local_day``."""

    connection: duckdb.DuckDBPyConnection
    folder: Path
    key: list[Planted]

    def landed(self, table: str, landing: Landing) -> str:
        return f"read_parquet('{self.folder / table / f'{landing.first}_{landing.last}.parquet'}')"

    def rows(self, query: str) -> int:
        ((number,),) = self.connection.execute(f"SELECT count(*) FROM ({query})").fetchall()
        return int(number)

    def missing(self, table: str, landing: Landing, condition: str = "true") -> int:
        """Return how many true rows of the landing's days did not land with it as they were."""
        columns = self.columns(table)
        days = f"local_day BETWEEN DATE '{landing.first}' AND DATE '{landing.last}'"
        return self.rows(f"SELECT {columns} FROM true_{table} WHERE {days} AND {condition} EXCEPT ALL SELECT {columns} FROM {self.landed(table, landing)}")

    def surplus(self, table: str, landing: Landing) -> int:
        """Return how many rows landed that are no true rows of the landing's days."""
        columns = self.columns(table)
        days = f"local_day BETWEEN DATE '{landing.first}' AND DATE '{landing.last}'"
        return self.rows(f"SELECT {columns} FROM {self.landed(table, landing)} EXCEPT ALL SELECT {columns} FROM true_{table} WHERE {days}")

    def columns(self, table: str) -> str:
        return ", ".join(name for name in self.connection.table(f"true_{table}").columns if name not in OWN_COLUMNS)


def landed_december(tmp: Path, landings: Sequence[Landing]) -> December:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    with source_year() as year:
        for table in BATCHED:
            rows = year.table(table).filter("local_day >= DATE '2013-12-01'").to_arrow_table()  # noqa: F841 - DuckDB reads the name
            connection.execute(f"CREATE TABLE true_{table} AS SELECT * FROM rows")
        key = plant(year, landings)
        for landing in landings:
            land(year, tmp, landing, NEW_COLUMNS)
    return December(connection, tmp, key)


@pytest.fixture(scope="module")
def december(tmp_path_factory: pytest.TempPathFactory) -> December:
    return landed_december(tmp_path_factory.mktemp("landing"), DECEMBER)


@pytest.fixture(scope="module")
def by_day(tmp_path_factory: pytest.TempPathFactory) -> December:
    return landed_december(tmp_path_factory.mktemp("days"), DAY_BY_DAY)


def test_at_least_the_twelve_kinds_are_planted_each_once(december: December) -> None:
    kinds = [planted.kind for planted in december.key]
    assert len(set(kinds)) == len(kinds)
    assert set(kinds) >= WANTED


def test_each_defect_has_a_day_of_its_own(december: December) -> None:
    days = [planted.day for planted in december.key if planted.batches]
    assert len(set(days)) == len(days)


def test_two_landings_carry_defects_and_two_are_clean(december: December) -> None:
    faulty = {planted.landing for planted in december.key}
    assert faulty == {2, 4}
    late = next(planted for planted in december.key if planted.kind == "late load")
    for table in BATCHED:
        for number in (1, 3):
            assert december.missing(table, DECEMBER[number - 1]) == 0
            # What came late in the landing before is all that a clean landing has besides its own days.
            assert december.surplus(table, DECEMBER[number - 1]) == (late.rows if (table, number) == (late.table, late.landing + 1) else 0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
def test_the_key_counts_what_landed(december: December, fault: Any) -> None:
    planted = next(item for item in december.key if item.kind == fault.kind)
    landing = DECEMBER[planted.landing - 1]
    on_its_day = f"local_day = DATE '{planted.day}'"
    assert planted.rows > 0
    if fault.change is Change.REPEAT:
        landed = december.landed(planted.table, landing)
        columns = december.columns(planted.table)
        assert december.rows(f"SELECT {columns} FROM {landed}") - december.rows(f"SELECT DISTINCT {columns} FROM {landed}") == planted.rows
    elif fault.change is Change.ADD:
        assert december.rows(f"SELECT * FROM {december.landed(planted.table, landing)} WHERE {planted.columns[0]} IS NOT NULL") == planted.rows
        assert planted.columns[0] not in december.connection.sql(f"SELECT * FROM {december.landed(planted.table, DECEMBER[planted.landing - 2])}").columns
    else:
        assert december.missing(planted.table, landing, on_its_day) == planted.rows


def test_what_is_late_comes_with_the_next_landing(december: December) -> None:
    planted = next(item for item in december.key if item.kind == "late load")
    landing, following = DECEMBER[planted.landing - 1 : planted.landing + 1]
    assert planted.mended == planted.landing + 1
    columns = december.columns(planted.table)
    both = " UNION ALL ".join(f"SELECT {columns} FROM {december.landed(planted.table, item)}" for item in (landing, following))
    day = f"SELECT {columns} FROM true_{planted.table} WHERE local_day = DATE '{planted.day}'"
    assert december.missing(planted.table, landing, f"local_day = DATE '{planted.day}'") == planted.rows
    assert december.rows(f"{day} EXCEPT ALL ({both})") == 0


def test_the_same_defects_are_planted_every_time_and_day_by_day_too(december: December, by_day: December) -> None:
    def without_landing(key: Sequence[Planted]) -> list[dict[str, Any]]:
        return [planted.model_dump(exclude={"landing", "mended"}) for planted in key]

    assert without_landing(december.key) == without_landing(by_day.key)


def test_day_by_day_a_day_that_nothing_was_planted_on_is_as_it_was(by_day: December) -> None:
    planted = {(item.table, item.day) for item in by_day.key if item.batches}
    late = next(item for item in by_day.key if item.kind == "late load")
    arrived = str(DAY_BY_DAY[late.landing].first)
    for table in BATCHED:
        for landing in DAY_BY_DAY:
            true_rows = by_day.rows(f"SELECT * FROM true_{table} WHERE local_day = DATE '{landing.first}'")
            if (table, str(landing.first)) in planted or not true_rows:
                continue
            assert by_day.missing(table, landing) == 0
            assert by_day.surplus(table, landing) == (late.rows if (table, str(landing.first)) == (late.table, arrived) else 0)


def test_a_batch_that_was_not_delivered_leaves_no_file(by_day: December) -> None:
    lost = next(item for item in by_day.key if item.kind == "missing batch")
    assert not (by_day.folder / lost.table / f"{lost.day}_{lost.day}.parquet").exists()


def test_the_landings_are_december_without_a_gap() -> None:
    for landings in (DECEMBER, DAY_BY_DAY):
        assert (str(landings[0].first), str(landings[-1].last)) == ("2013-12-01", "2013-12-31")
        for before, after in pairwise(landings):
            assert after.first == before.last + timedelta(days=1)


def test_a_landing_is_looked_at_at_six_in_the_morning_after_its_last_day_in_new_york() -> None:
    assert DECEMBER[-1].looked_at.isoformat() == "2014-01-01T06:00:00-05:00"
