"""What `evaluate` costs on a pandas frame of two million rows, beside the same checks written by hand in pandas.

Both run in turn, each time in a process of its own that makes the same frame first; memory is what the process takes at its peak beyond the frame.
Printed are the medians and their ratio (evaluate over pandas).
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from dq_assets import evaluate

ROWS, ROUNDS, SEED, SAMPLE = 2_000_000, 3, 7, 10
STATES, CODE = ["open", "paid", "shipped", "returned"], r"^[A-Z]{2}-[0-9]{4}$"
AS_OF = datetime(2024, 6, 1, tzinfo=UTC)
TESTS = [
    {"name": "amount is there", "rule_type": "Required", "columns": ["amount"]},
    {"name": "key", "rule_type": "Unique", "columns": ["order_id"]},
    {"name": "range", "rule_type": "Value_Range", "columns": ["amount"], "parameters": {"minimum": 0, "maximum": 190}},
    {"name": "states", "rule_type": "LOV_Match", "columns": ["status"], "parameters": {"allowed": STATES[:3]}},
    {"name": "codes", "rule_type": "Pattern_Match", "columns": ["code"], "parameters": {"regex": CODE}},
    {"name": "future", "rule_type": "Future_Date", "columns": ["ordered_at"]},
    {"name": "average", "rule_type": "Avg_Shift", "columns": ["amount"], "low": 90, "high": 110},
    {"name": "rows", "rule_type": "Row_Ct", "low": 1},
]


def frame() -> pd.DataFrame:
    """Return the orders: six columns, some cells of each wrong."""
    random = np.random.default_rng(SEED)
    key = np.arange(ROWS)
    key[random.integers(0, ROWS, 500)] = 1
    amount = random.normal(100, 25, ROWS)
    amount[random.integers(0, ROWS, 1000)] = np.nan
    codes = np.array([f"{'ABCDE'[i % 5]}{'KLMNO'[i // 5 % 5]}-{1000 + i}" for i in range(5000)] + ["?"])
    return pd.DataFrame(
        {
            "order_id": key,
            "customer_id": random.integers(0, 50_000, ROWS),
            "amount": amount,
            "status": pd.Series(np.array(STATES)[random.choice(4, ROWS, p=[0.5, 0.3, 0.1999, 0.0001])], dtype="str"),
            "code": pd.Series(codes[random.integers(0, len(codes), ROWS)], dtype="str"),
            "ordered_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 160 * 86_400, ROWS), unit="s"),
        }
    )


def by_hand(orders: pd.DataFrame) -> dict[str, int]:
    """Return the failing rows of each check as pandas counts them, having looked at a few of them."""
    amount, now = orders["amount"], pd.Timestamp(AS_OF).tz_localize(None)
    failing = {
        "amount is there": amount.isna(),
        "key": orders["order_id"].duplicated(),
        "range": amount.notna() & ~amount.between(0, 190),
        "states": orders["status"].notna() & ~orders["status"].isin(STATES[:3]),
        "codes": orders["code"].notna() & ~orders["code"].str.match(CODE),
        "future": orders["ordered_at"] > now,
    }
    found = {name: int(rows.sum()) for name, rows in failing.items()}
    for rows in failing.values():
        orders[rows].head(SAMPLE).to_dict("records")
    return found | {"average": int(not 90 <= amount.mean() <= 110), "rows": int(len(orders) < 1)}


def by_evaluate(orders: pd.DataFrame) -> dict[str, int]:
    """Return the failing rows of each test."""
    return {item.name: item.result.failed_rows or 0 for item in evaluate(TESTS, orders, as_of=AS_OF, sample=SAMPLE)}


def measure(way: str) -> dict[str, object]:
    """Return seconds, megabytes beyond the frame, and what was found, of one way in this process."""
    orders = frame()
    run = {"evaluate": by_evaluate, "pandas": by_hand}[way]
    run(orders.head(1000))  # libraries load and warm up
    before = _megabytes()
    _forget_peak()
    clicked = perf_counter()
    found = run(orders)
    seconds = perf_counter() - clicked
    size = orders.memory_usage(deep=True).sum() / 2**20
    return {"seconds": seconds, "megabytes": _megabytes(peak=True) - before, "found": found, "frame": size}


def _megabytes(*, peak: bool = False) -> float:
    field = "VmHWM" if peak else "VmRSS"
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main() -> None:
    """Measure both ways in turn and print."""
    found: dict[str, list[dict[str, object]]] = {"evaluate": [], "pandas": []}
    for _ in range(ROUNDS):
        for way, measured in found.items():
            done = subprocess.run([sys.executable, __file__, way], check=True, capture_output=True, text=True)
            measured.append(json.loads(done.stdout))
    answers = [measured["found"] for way in found.values() for measured in way]
    if any(answer != answers[0] for answer in answers):
        raise SystemExit(f"the two ways disagree: {answers}")
    print(f"{ROWS:,} rows, {found['evaluate'][0]['frame']:.0f} MB, {len(TESTS)} tests, seed {SEED}, {ROUNDS} rounds")
    print(f"pandas {pd.__version__}, duckdb {duckdb.__version__}, pyarrow {pa.__version__}, children's peak {_children_peak():.0f} MB")
    for label, unit in (("seconds", "s"), ("megabytes", "MB")):
        ours, theirs = (statistics.median(float(str(measured[label])) for measured in found[way]) for way in ("evaluate", "pandas"))
        print(f"{label:10} evaluate {ours:8.2f} {unit:2}  pandas {theirs:8.2f} {unit:2}  ratio {ours / theirs:.2f}")


def _children_peak() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
