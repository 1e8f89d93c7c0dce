"""Land the shop's data as Parquet: thirty days of orders and the customers; with ``--faulty`` one more day, of which a tenth has a status nobody knows."""

import argparse
from datetime import date, timedelta
from pathlib import Path

import duckdb

DATA = Path(__file__).parent / "data"
FIRST, DAYS = date(2024, 3, 1), 30


def land_day(number: int, *, faulty: bool = False) -> None:
    """Write day ``number``, counted from 0: some 150 orders."""
    unknown = "WHEN i % 10 = 3 THEN 'LOST'" if faulty else ""
    day = FIRST + timedelta(days=number)
    land(
        "orders",
        str(day),
        f"""
        SELECT {number} * 1000 + i AS order_id, 1 + (i * 31 + {number}) % 200 AS customer_id, 5.0 + (i * 7919 + {number} * 13) % 100 AS amount,
               CASE {unknown} WHEN i % 3 = 0 THEN 'NEW' WHEN i % 3 = 1 THEN 'PAID' ELSE 'SENT' END AS status,
               TIMESTAMP '{day}' + to_minutes((i * 7) % 1440) AS ordered_at
        FROM range(140 + ({number} * 37) % 20) AS t(i)
        """,  # noqa: S608 - numbers of our own
    )


def land_customers() -> None:
    """Write the customers."""
    land("customers", "all", "SELECT 1 + i AS customer_id, 'Customer ' || (1 + i) AS label FROM range(200) AS t(i)")


def land(table: str, file: str, query: str) -> None:
    """Write what a query gives as a file of a table."""
    (DATA / table).mkdir(parents=True, exist_ok=True)
    duckdb.sql(query).write_parquet(str(DATA / table / f"{file}.parquet"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faulty", action="store_true", help="land the day after, with a fault")
    if parser.parse_args().faulty:
        land_day(DAYS, faulty=True)
    else:
        land_customers()
        for day_number in range(DAYS):
            land_day(day_number)
