"""One set of rows, one set of verdicts: whichever library holds the frame, and as a Parquet table through the engine of tables."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_assets import evaluate
from dq_assets.records.enums import Verdict
from dq_assets.settings import Settings
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.register import register
from dq_assets.steps.suggest import suggest
from dq_assets.steps.test import test as run_tests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dq_assets.steps.test_frame import EvaluatedTest

NOW = datetime(2024, 3, 2, 12, tzinfo=UTC)
ROWS, SAMPLE = 240, 10


def orders() -> pa.Table:
    """Rows of every family of types, clean and not."""
    numbers = range(ROWS)
    return pa.table(
        {
            "order_id": [i if i != 7 else 8 for i in numbers],
            "customer": pa.array([i % 20 if i % 50 else None for i in numbers], pa.int32()),
            "amount": [None if i % 40 == 3 else (i * 37 % 1000) / 10 - 5 for i in numbers],
            "price": pa.array([Decimal(i * 17 % 900) / 100 for i in numbers], pa.decimal128(9, 2)),
            "status": [["open", "paid", "shipped", "lost' --"][i % 4] if i % 30 else None for i in numbers],
            "code": [f"AB-{1000 + i}" if i % 80 else " x\u00a0😀" for i in numbers],
            "express": pa.array([None if i % 60 == 1 else i % 3 == 0 for i in numbers]),
            "day": [date(2024, 2, 1) + timedelta(days=i % 40) for i in numbers],
            "ordered_at": pa.array([datetime(2024, 2, 1) + timedelta(hours=4 * i) for i in numbers], pa.timestamp("us")),
            "paid_at": pa.array([datetime(2024, 2, 1, tzinfo=UTC) + timedelta(hours=3 * i) for i in numbers], pa.timestamp("us", "UTC")),
        }
    )


CUSTOMERS = pa.table({"customer": pa.array(range(15), pa.int32()), "city": [f"city {i}" for i in range(15)]})


def written(name: str, rule_type: str, *columns: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "rule_type": rule_type, "table": "orders", "columns": list(columns), **fields}


TESTS = [
    written("status", "Required", "status"),
    written("status of the dear", "Required", "status", filter="amount > 20 AND code LIKE 'AB%'"),
    written("missing", "Missing_Pct", "amount", high=0.01, severity="warning"),
    written("key", "Unique", "order_id"),
    written("range", "Value_Range", "amount", parameters={"minimum": 0, "maximum": 90}, high=3),
    written("price", "Value_Range", "price", parameters={"minimum": 0.25, "maximum": 8.5}),
    written("list", "LOV_Match", "status", parameters={"allowed": ["open", "paid", "shipped"]}, severity="fatal"),
    written("numbers", "LOV_Match", "customer", parameters={"allowed": list(range(19))}),
    written("form", "Pattern_Match", "code", parameters={"regex": "^[A-Z]{2}-[0-9]+$"}),
    written("characters", "Valid_Characters", "code"),
    written("future", "Future_Date", "ordered_at"),
    written("future of an instant", "Future_Date", "paid_at"),
    written("future of a day", "Future_Date", "day"),
    written("average", "Avg_Shift", "amount", low=0, high=10, severity="warning"),
    written("rows", "Row_Ct", low=ROWS, high=ROWS),
    written("repeated", "Dupe_Rows"),
    written("repeated days", "Dupe_Rows", "status", "day"),
    written("newest", "Recency", "day", high=-30),
    written("customers", "Combo_Match", "customer", parameters={"reference_table": "customers", "reference_column": "customer"}),
    written("query", "CUSTOM", parameters={"sql": "SELECT order_id FROM orders JOIN main.customers USING (customer) WHERE amount < 0"}),
    written("no such column", "Required", "nowhere"),
    written("no such type", "Future_Date", "status"),
]


def judged(results: list[EvaluatedTest]) -> dict[str, tuple[object, ...]]:
    """What was found, by name, without ids and times of running."""
    return {item.name: (*_said(item.result), _rows(item.failed_rows)) for item in results}


def _rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | int:
    """The rows in an order of ours, or their number where there may be more: which ones those are is nowhere promised."""
    return len(rows) if len(rows) == SAMPLE else sorted(rows, key=lambda row: str(row.get("order_id")))


def _said(result: Any) -> tuple[object, ...]:
    return (
        result.result_status, result.severity, result.message, result.error_message, result.failed_rows, result.rows_tested,
        result.measure_value, result.sensor_value, result.expected_value, result.column_name,
    )  # fmt: skip


KINDS = {
    "pandas": lambda table: table.to_pandas(),
    "pandas with Arrow's types": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "pandas with types that know a missing value": lambda table: table.to_pandas().convert_dtypes(),
    "polars": pl.from_arrow,
    "a DuckDB relation": lambda table: duckdb.connect().from_arrow(table),
}


def expected() -> dict[str, tuple[object, ...]]:
    return judged(evaluate(TESTS, orders(), name="orders", as_of=NOW, store_values="all", reference_tables={"customers": CUSTOMERS}))


def test_the_rows_hold_something_for_every_verdict() -> None:
    found = expected()
    assert {said[0] for said in found.values()} == {Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.ERROR}
    assert len([said for said in found.values() if said[-1]]) >= 12
    assert [name for name, said in found.items() if said[0] is Verdict.ERROR] == ["no such column", "no such type"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_library_gives_the_same_verdicts_on_the_same_rows(kind: str) -> None:
    make = KINDS[kind]
    found = judged(evaluate(TESTS, make(orders()), name="orders", as_of=NOW, store_values="all", reference_tables={"customers": make(CUSTOMERS)}))
    # pandas has no integers with a missing value, so it shows the customer 3 as 3.0, which equals 3.
    assert found == expected()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> StepContext:
    """The same rows as Parquet tables of a group, with the hand-written tests that a suite takes, profiled and learned."""
    root: Path = tmp_path_factory.mktemp("conformance")
    for name, table in {"orders": orders(), "customers": CUSTOMERS}.items():
        (root / "data").mkdir(exist_ok=True)
        pq.write_table(table, root / "data" / f"{name}.parquet")
    group = {"connection": "lake", "store_values": "all", "tests": [test for test in TESTS if not test["name"].startswith("no such column")]}
    context = StepContext.open(
        Settings(
            version=1,
            metadata={"url": f"sqlite:///{root}/metadata.db"},
            connections={"lake": {"type": "duckdb", "path": root / "data", "threads": 2}},
            table_groups={"shop": group},
        )
    )
    request = RunRequest(as_of=NOW, started_at=NOW)
    register(context, "shop", NOW)
    profile(context, "shop", request)
    suggest(context, "shop", NOW)
    return context


def test_a_frame_has_the_verdicts_messages_and_rows_of_the_table_it_was_written_to(project: StepContext) -> None:
    run = run_tests(project, "shop", RunRequest(as_of=NOW, started_at=NOW))
    tests = {test.test_id: test for test in project.store.tests(project.group("shop").table_group_id) if test.table.table_name == "orders"}
    assert len(tests) > len(TESTS), "the learned tests are held to it too"
    results = [result for result in project.store.test_results(run.test_run_id) if result.test_id in tests]
    rows = project.store.failed_rows(run.test_run_id)
    stored = {
        tests[result.test_id].name: (*_said(result), _rows([row.row for row in rows.get(result.test_result_id, ())])) for result in results
    }  # fmt: skip
    found = evaluate(tests.values(), orders(), name="orders", as_of=NOW, store_values="all", reference_tables={"customers": CUSTOMERS})
    assert judged(found) == stored


CELLS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-5, 5)),
        st.one_of(st.none(), st.floats(-10, 10, allow_nan=False)),
        st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)),
        st.one_of(st.none(), st.booleans()),
    ),
    max_size=12,
)


@given(CELLS)
@settings(max_examples=8)
def test_libraries_agree_on_any_rows(cells: list[tuple[object, ...]]) -> None:
    number, measure, text, flag = (list(column) for column in zip(*cells, strict=True)) if cells else ([], [], [], [])
    types = {"number": (number, pa.int64()), "measure": (measure, pa.float64()), "text": (text, pa.string()), "flag": (flag, pa.bool_())}
    table = pa.table({name: pa.array(values, kind) for name, (values, kind) in types.items()})
    tests = [
        {"name": f"{rule} {column}", "rule_type": rule, "columns": [column], **fields}
        for column in types
        for rule, fields in {"Required": {}, "Missing_Pct": {"high": 0.3}}.items()
    ]
    tests += [
        {"name": "unique", "rule_type": "Unique", "columns": ["text"]},
        {"name": "range", "rule_type": "Value_Range", "columns": ["number"], "parameters": {"minimum": -2, "maximum": 2}},
        {"name": "average", "rule_type": "Avg_Shift", "columns": ["measure"], "low": -1, "high": 1},
        {"name": "repeated", "rule_type": "Dupe_Rows"},
        {"name": "characters", "rule_type": "Valid_Characters", "columns": ["text"]},
        {"name": "rows", "rule_type": "Row_Ct", "low": 3},
    ]
    answers = [[_said(item.result) for item in evaluate(tests, make(table), as_of=NOW, sample=0)] for make in (lambda arrow: arrow, *KINDS.values())]
    assert all(answer == answers[0] for answer in answers)
