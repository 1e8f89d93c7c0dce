"""The shop's models, as dbt would build them: two assets that write tables into one DuckDB file. Nothing here knows of data quality."""

from pathlib import Path

import dagster as dg
import duckdb

WAREHOUSE = Path(__file__).parents[2] / "warehouse.duckdb"
# DuckDB lets one process write at a time; whoever reads the file holds it for a moment.
PATIENCE = dg.RetryPolicy(max_retries=5, delay=1)


class Load(dg.Config):
    """What the run loads."""

    days: int = 30
    """Days of orders, from 1 March 2024."""
    faulty: bool = False
    """Whether something went wrong: a status that nobody knows on the last day, a customer twice."""


@dg.asset(key=["marts", "customers"], group_name="marts", kinds={"duckdb"}, retry_policy=PATIENCE)
def customers(config: Load) -> dg.MaterializeResult:
    """Who buys; reloaded as one."""
    rows = 201 if config.faulty else 200
    return build(
        "customers",
        f"""
        SELECT 1 + i % 200 AS customer_id, 'Customer ' || (1 + i % 200) AS label, list_extract(['north', 'south', 'west'], 1 + (i % 200) % 3) AS region
        FROM range({rows}) AS t(i)
        """,  # noqa: S608 - numbers of our own
    )


@dg.asset(key=["marts", "orders"], group_name="marts", kinds={"duckdb"}, deps=[customers], retry_policy=PATIENCE)
def orders(config: Load) -> dg.MaterializeResult:
    """What they buy, by day; some 150 orders each."""
    unknown = f"WHEN day = {config.days - 1} AND i % 10 = 3 THEN 'LOST'" if config.faulty else ""
    return build(
        "orders",
        f"""
        SELECT day * 1000 + i AS order_id, 1 + (i * 31 + day) % 200 AS customer_id, 5.0 + (i * 7919 + day * 13) % 100 AS amount,
               CASE {unknown} WHEN i % 3 = 0 THEN 'NEW' WHEN i % 3 = 1 THEN 'PAID' ELSE 'SENT' END AS status,
               TIMESTAMP '2024-03-01' + to_days(day::INTEGER) + to_minutes((i * 7) % 1440) AS ordered_at
        FROM range({config.days}) AS d(day), range(160) AS t(i)
        WHERE i < 140 + (day * 37) % 20
        """,  # noqa: S608 - numbers of our own
    )


def build(table: str, query: str) -> dg.MaterializeResult:
    """Replace a table by what a query gives."""
    with duckdb.connect(str(WAREHOUSE)) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS marts")
        connection.execute(f"CREATE OR REPLACE TABLE marts.{table} AS {query}")
        (count,) = connection.execute(f"SELECT count(*) FROM marts.{table}").fetchone()  # noqa: S608 - names of our own
    return dg.MaterializeResult(metadata={"dagster/row_count": count})
