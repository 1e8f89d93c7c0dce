"""The defects the demo plants, and the answer key.

Decision: every defect lies on a day of its own, so that an alarm can be attributed; which rows are hit follows from a seeded hash of their
number, and the key counts them in the data, not in the plan. Kinds that the platform is known to be weak at are planted too. The key is written before
anything is learned, and only the scoring reads it.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.records.base import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from dq_assets.demo.landing import Landing

SEED = 20131216
EPOCH = "TIMESTAMPTZ '1970-01-01 00:00:00+00'"
EPOCH_BATCH = "1969-12-31"
"""The day in New York at the moment that a zero stands for."""


class Change(StrEnum):
    """What happens to the rows that are hit."""

    SET = "set"
    REPEAT = "repeat"
    LOSE = "lose"
    DELAY = "delay"
    ADD = "add column"


class Fault(NamedTuple):
    """A planned defect: ``share`` of the rows of ``table`` on a ``day`` of December are changed; ``values`` are new values, as SQL, by column."""

    kind: str
    table: str
    day: int
    share: float
    change: Change
    values: dict[str, str]
    what: str

    @property
    def date(self) -> date:
        """The day whose rows are hit; of a new column the first with it."""
        return date(2013, 12, self.day)


class Planted(Record):
    """An entry of the answer key.

    Attributes:
        landing: number of the landing it came with, from 1.
        day: whose rows were hit; of a new column the first with it.
        batches: where it can be seen; none where it is seen in the table as a whole.
        mended: the landing that makes up for it, if one does.
        rows: how many were changed, counted in what landed.
    """

    kind: str
    table: str
    columns: tuple[str, ...]
    landing: int
    day: str
    batches: tuple[str, ...]
    mended: int | None = None
    rows: int
    what: str


_C = Change
# fmt: off
FAULTS: tuple[Fault, ...] = (
    Fault("nulls burst",           "weather", 9,  0.30, _C.SET,    {"humid": "NULL"},                           "three readings in ten lost"),
    Fault("duplicate keys",        "flights", 10, 0.05, _C.REPEAT, {},                                          "flights delivered twice"),
    Fault("orphan codes",          "flights", 11, 0.04, _C.SET,    {"carrier": "'XX'"},                         "a carrier that is not among the airlines"),
    Fault("unit change",           "flights", 12, 0.10, _C.SET,    {"air_time": "air_time * 60"},               "seconds instead of minutes"),
    Fault("impossible dates",      "flights", 13, 0.05, _C.SET,    {"time_hour": EPOCH},                        "zero where the hour was lost: 1970-01-01"),
    Fault("swapped columns",       "flights", 14, 0.10, _C.SET,    {"origin": "dest", "dest": "origin"},        "origin and destination exchanged"),
    Fault("stuck value",           "weather", 15, 0.50, _C.SET,    {"pressure": "1013.0"},                      "a sensor that repeats itself"),
    Fault("late load",             "weather", 16, 0.50, _C.DELAY,  {},                                          "half of the day comes with the next landing"),
    Fault("missing rows",          "flights", 23, 0.60, _C.LOSE,   {},                                          "more than half of the day not delivered"),
    Fault("schema drift",          "flights", 23, 1.00, _C.ADD,    {"gate": "'A1'"},                            "a column nobody announced, from this day on"),
    Fault("truncated codes",       "flights", 24, 0.05, _C.SET,    {"dest": "left(dest, 2)"},                   "airport codes cut to two letters"),
    Fault("case and space damage", "flights", 26, 0.05, _C.SET,    {"tailnum": "' ' || lower(tailnum) || ' '"}, "tail numbers in lower case, spaces around"),
    Fault("new category",          "flights", 27, 0.04, _C.SET,    {"origin": "'TTN'"},                         "an airport the group never flew from"),
    Fault("missing batch",         "weather", 28, 1.00, _C.LOSE,   {},                                          "a whole day not delivered"),
    Fault("disguised missing",     "flights", 29, 0.03, _C.SET,    {"distance": "-999"},                        "-999 where the distance is unknown"),
    Fault("category shift",        "flights", 30, 0.20, _C.SET,    {"origin": "'JFK'"},                         "a known airport on the wrong rows"),
)
# fmt: on
NEW_COLUMNS = {column: fault.date for fault in FAULTS if fault.change is Change.ADD for column in fault.values}
"""Columns that nobody announced, and the first day that has them."""


def plant(connection: duckdb.DuckDBPyConnection, landings: Sequence[Landing]) -> list[Planted]:
    """Damage what will be sent in December and return the answer key, in the order of ``FAULTS``.

    Args:
        connection: that of ``landing.source_year``; ``flights_sent`` and ``weather_sent`` are changed in place.
        landings: what will arrive at once; late rows come with the landing after their own.
    """
    numbers = [next(number for number, landing in enumerate(landings, start=1) if landing.first <= fault.date <= landing.last) for fault in FAULTS]
    rows = [_plant(connection, fault, SEED + place, landings[number - 1]) for place, (fault, number) in enumerate(zip(FAULTS, numbers, strict=True))]
    return [
        Planted(
            kind=fault.kind,
            table=fault.table,
            columns=tuple(fault.values),
            landing=number,
            day=str(fault.date),
            batches=_batches(fault),
            mended=number + 1 if fault.change is Change.DELAY else None,
            rows=hit,
            what=fault.what,
        )
        for fault, number, hit in zip(FAULTS, numbers, rows, strict=True)
    ]


def _batches(fault: Fault) -> tuple[str, ...]:
    if fault.change is Change.ADD:
        return ()
    return (str(fault.date), EPOCH_BATCH) if EPOCH in fault.values.values() else (str(fault.date),)


def _plant(connection: duckdb.DuckDBPyConnection, fault: Fault, seed: int, landing: Landing) -> int:
    """Plant one defect and return the rows it changed."""
    table = f"{fault.table}_sent"
    hit = f"local_day = DATE '{fault.date}' AND hash(row_no, {seed}) % 10000 < {round(fault.share * 10000)}"
    if fault.change is Change.ADD:
        for column in fault.values:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR")
        hit = f"local_day >= DATE '{fault.date}'"
    if fault.change is Change.REPEAT:
        statement = f"INSERT INTO {table} SELECT * FROM {table} WHERE {hit}"  # noqa: S608 - names of ours
    elif fault.change is Change.LOSE:
        statement = f"DELETE FROM {table} WHERE {hit}"  # noqa: S608 - names of ours
    elif fault.change is Change.DELAY:
        statement = f"UPDATE {table} SET sent_on = DATE '{landing.last + timedelta(days=1)}' WHERE {hit}"  # noqa: S608 - names of ours
    else:
        new = ", ".join(f"{column} = {value}" for column, value in fault.values.items())
        differs = " OR ".join(f"{column} IS DISTINCT FROM {value}" for column, value in fault.values.items())
        statement = f"UPDATE {table} SET {new} WHERE {hit} AND ({differs})"  # noqa: S608 - names of ours
    answer = connection.execute(statement).fetchone()
    return int(answer[0]) if answer else 0
