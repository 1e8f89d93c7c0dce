"""An asset that returns a pandas frame, and tests of the frame as asset checks. Some of its rows are wrong on purpose."""

from datetime import UTC, datetime

import dagster as dg
import pandas as pd

from dq_assets import build_asset_checks

ORDERS = 200
NEW_STATUS = 17
"""Every so many orders have a status that the tests do not know."""

TESTS = [
    {"name": "Every order has an amount", "rule_type": "Required", "columns": ["amount"]},
    {"name": "An order comes once", "rule_type": "Unique", "columns": ["order_id"]},
    {
        "name": "Every order has a known status",
        "rule_type": "LOV_Match",
        "columns": ["status"],
        "parameters": {"allowed": ["open", "paid", "shipped"]},
    },
    {"name": "There are as many orders as ever", "rule_type": "Row_Ct", "low": 150, "high": 250, "severity": "warning"},
    {
        "name": "No order costs more than its customer may spend",
        "rule_type": "CUSTOM",
        "parameters": {"sql": "SELECT order_id, amount, credit FROM orders JOIN customers USING (customer_id) WHERE amount > credit"},
    },
    {"name": "The average order is as ever", "rule_type": "Avg_Shift", "columns": ["amount"], "low": 40, "high": 60, "severity": "warning"},
]


@dg.asset
def customers() -> pd.DataFrame:
    """Return the customers and what each may spend at once."""
    return pd.DataFrame({"customer_id": range(20), "credit": [1000.0] * 20})


@dg.asset
def orders() -> pd.DataFrame:
    """Return the orders of a day, some with a status that nobody announced."""
    numbers = pd.RangeIndex(ORDERS)
    status = pd.Series(["open", "paid", "shipped", "shipped"] * (ORDERS // 4)).mask(numbers % NEW_STATUS == 0, "on hold")
    return pd.DataFrame(
        {
            "order_id": numbers,
            "customer_id": numbers % 20,
            "amount": 50.0 + numbers % 7,
            "status": status,
            "ordered_at": pd.date_range(datetime(2024, 3, 1, tzinfo=UTC), periods=ORDERS, freq="7min"),
        }
    )


defs = dg.Definitions(assets=[customers, orders], asset_checks=[build_asset_checks(orders, TESTS, reference_tables={"customers": customers})])
