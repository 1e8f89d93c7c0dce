"""A frame is not copied to be judged, and no row of it but the sample becomes a Python object."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dq_assets import evaluate
from dq_assets.engines.frames import arrow_table
from dq_assets.records.enums import Verdict

ROWS = 2_000_000
NOW = datetime(2024, 3, 2, tzinfo=UTC)


def numbers() -> np.ndarray:
    return np.arange(ROWS, dtype="float64")


def address(table: pa.Table, column: str) -> int:
    """Where the values of a column lie."""
    return int(table.column(column).chunk(0).buffers()[1].address)


def test_numbers_of_pandas_numpy_and_polars_are_read_where_they_are() -> None:
    frame = pd.DataFrame({"number": numbers()})
    assert address(arrow_table(frame, "frame"), "number") == frame["number"].to_numpy().ctypes.data
    polar = pl.DataFrame({"number": numbers()})
    assert address(arrow_table(polar, "frame"), "number") == address(polar.to_arrow(), "number")


def test_text_that_pandas_keeps_as_arrow_is_read_where_it_is() -> None:
    text = pd.array(["a", "b"], dtype=pd.ArrowDtype(pa.large_string()))
    frame = pd.DataFrame({"text": text})
    assert address(arrow_table(frame, "frame"), "text") == int(pa.array(text).buffers()[1].address)


def test_two_million_rows_are_judged_in_a_few_megabytes_of_python() -> None:
    frame = pd.DataFrame({"key": np.arange(ROWS) % (ROWS - 5), "amount": numbers(), "state": pd.Series(["open"], dtype="str").repeat(ROWS).to_numpy()})
    frame = frame.astype({"state": "str"})
    frame.loc[7, "amount"] = None
    tests = [
        {"name": "there", "rule_type": "Required", "columns": ["amount"]},
        {"name": "key", "rule_type": "Unique", "columns": ["key"]},
        {"name": "states", "rule_type": "LOV_Match", "columns": ["state"], "parameters": {"allowed": ["paid"]}},
        {"name": "repeated", "rule_type": "Dupe_Rows", "columns": ["key"]},
        {"name": "average", "rule_type": "Avg_Shift", "columns": ["amount"], "low": 0, "high": ROWS},
        {"name": "query", "rule_type": "CUSTOM", "parameters": {"sql": "SELECT * FROM frame WHERE amount > 10"}},
    ]
    evaluate(tests, frame.head(10), as_of=NOW)  # what is imported on first use is not counted
    tracemalloc.start()
    try:
        results = evaluate(tests, frame, as_of=NOW)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [item.result.failed_rows for item in results] == [1, 5, ROWS, 5, None, 10_000]
    assert [item.verdict for item in results].count(Verdict.FAIL) == 5
    assert [len(item.failed_rows) for item in results] == [1, 10, 10, 10, 0, 10]
    assert peak < 8 * 2**20, "a Python object for each row of one column would take 48 MB and more"


@pytest.mark.parametrize("asked", [0, 3])
def test_only_the_rows_asked_for_come_back(asked: int) -> None:
    (result,) = evaluate([{"name": "there", "rule_type": "Required", "columns": ["a"]}], pa.table({"a": pa.nulls(ROWS, pa.int64())}), as_of=NOW, sample=asked)
    assert len(result.failed_rows) == asked
    assert result.result.failed_rows == ROWS
