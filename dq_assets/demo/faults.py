"""The defects the demo plants, and the answer key.

Decision: every defect lies on a day of its own, so that an alarm can be attributed; which rows are hit follows from a seeded hash of their
number, and the key counts them in the data, not in the plan. Kinds that the platform is known to be weak at are planted too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb

SEED = 20131216


class Fault(NamedTuple):
    """A planned defect: ``share`` of the rows of ``table`` on ``day`` get ``column = expression``, or are repeated or lost."""

    kind: str
    table: str
    column: str | None
    day: str
    share: float
    expression: str | None
    what: str


class Planted(NamedTuple):
    """An entry of the answer key. ``day`` None: the defect is not of one day."""

    kind: str
    table: str
    column: str | None
    day: str | None
    rows: int
    what: str


# fmt: off
FAULTS: tuple[Fault, ...] = (
    Fault("missing",           "flights", "origin",   "2013-12-17", 0.05, "NULL",                        "airport of departure lost"),
    Fault("disguised missing", "flights", "distance", "2013-12-18", 0.03, "-999",                        "-999 where the distance is unknown"),
    Fault("new category",      "flights", "carrier",  "2013-12-19", 0.04, "'ZZ'",                        "a carrier nobody knows"),
    Fault("format change",     "flights", "tailnum",  "2013-12-20", 0.05, "' ' || lower(tailnum) || ' '", "tail numbers in lower case with spaces around"),
    Fault("unit change",       "flights", "air_time", "2013-12-21", 0.10, "air_time * 60",               "seconds instead of minutes"),
    Fault("duplicate rows",    "flights", None,       "2013-12-22", 0.05, None,                          "rows delivered twice"),
    Fault("lost rows",         "flights", None,       "2013-12-23", 0.60, None,                          "more than half of the day not delivered"),
    Fault("missing surge",     "weather", "humid",    "2013-12-24", 0.30, "NULL",                        "a sensor that is out for hours"),
    Fault("stuck value",       "weather", "pressure", "2013-12-26", 0.50, "1013.0",                      "a sensor that repeats itself"),
    Fault("category shift",    "flights", "origin",   "2013-12-27", 0.20, "'JFK'",                       "known airport, wrong rows"),
    Fault("missing batch",     "weather", None,       "2013-12-28", 1.00, None,                          "a whole day not delivered"),
)
# fmt: on
EXTRA_COLUMN = Planted("schema change", "flights", None, None, 0, "a column nobody announced (gate)")


def plant(connection: duckdb.DuckDBPyConnection, first: str, last: str) -> tuple[dict[str, str], list[Planted]]:
    """Make defective copies of the batched tables for the days ``first`` to ``last``.

    Returns:
        The names of the copies by table, and the answer key.
    """
    for table, order in (("flights", "time_hour, carrier, flight, origin"), ("weather", "time_hour, origin")):
        connection.execute(
            f"CREATE OR REPLACE TABLE {table}_faulty AS SELECT *, row_number() OVER (ORDER BY {order}) AS row_no FROM {table} "  # noqa: S608 - names of ours
            f"WHERE local_day BETWEEN DATE '{first}' AND DATE '{last}'"
        )
    key = []
    for number, fault in enumerate(FAULTS):
        hit = f"local_day = DATE '{fault.day}' AND hash(row_no, {SEED + number}) % 10000 < {round(fault.share * 10000)}"
        key.append(Planted(fault.kind, fault.table, fault.column, fault.day, _apply(connection, fault, hit), fault.what))
    connection.execute("ALTER TABLE flights_faulty ADD COLUMN gate VARCHAR DEFAULT 'A1'")
    for table in ("flights", "weather"):
        connection.execute(f"ALTER TABLE {table}_faulty DROP COLUMN row_no")
    return {"flights": "flights_faulty", "weather": "weather_faulty"}, [*key, EXTRA_COLUMN]


def _apply(connection: duckdb.DuckDBPyConnection, fault: Fault, hit: str) -> int:
    """Plant one defect and return the rows it changed."""
    table = f"{fault.table}_faulty"
    if fault.column is not None:
        hit += f" AND {fault.column} IS DISTINCT FROM {fault.expression}"
        statement = f"UPDATE {table} SET {fault.column} = {fault.expression} WHERE {hit}"  # noqa: S608 - names of ours
    elif fault.kind == "duplicate rows":
        statement = f"INSERT INTO {table} SELECT * FROM {table} WHERE {hit}"  # noqa: S608 - names of ours
    else:
        statement = f"DELETE FROM {table} WHERE {hit}"  # noqa: S608 - names of ours
    answer = connection.execute(statement).fetchone()
    return int(answer[0]) if answer else 0
