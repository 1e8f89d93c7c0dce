"""Checks on the frame that an asset returns: loaded through its IO manager, judged in memory, published like checks on tables."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dq_assets import build_asset_checks
from dq_assets.errors import ConfigError, RuleError

from .learned_sales import AFTER, Published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TESTS = [
    {"name": "amounts", "rule_type": "Required", "columns": ["amount"]},
    {"name": "states", "rule_type": "LOV_Match", "columns": ["status"], "parameters": {"allowed": ["NEW", "PAID"]}},
    {"name": "rows", "rule_type": "Row_Ct", "high": 3, "severity": "warning"},
]
CLEAN = pd.DataFrame({"order_id": [1, 2, 3], "amount": [1.0, 2.0, 3.0], "status": ["NEW", "PAID", "NEW"]})
BROKEN = CLEAN.assign(status=["NEW", "LOST", "NEW"], email="ann@example.com")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "home")) as made:
        yield made


def returning(frame: object, name: str = "orders", **fields: Any) -> dg.AssetsDefinition:
    @dg.asset(name=name, **fields)
    def returned():
        return frame

    return returned


def run(instance: dg.DagsterInstance, *definitions: Any, selection: Any = None, tags: dict[str, str] | None = None, **given: Any) -> Published:
    """Run assets and checks in one process, as of a day after they were made."""
    asked = {"dq/as_of": AFTER, **(tags or {})}
    result = dg.materialize(list(definitions), instance=instance, selection=selection, tags=asked, raise_on_error=False, **given)
    return Published(result)


def test_checks_run_after_the_asset_one_a_dimension_that_has_tests(instance: dg.DagsterInstance) -> None:
    orders = returning(CLEAN)
    published = run(instance, orders, build_asset_checks(orders, TESTS))
    assert published.success
    assert set(published.checks) == {("orders", "dq_completeness"), ("orders", "dq_validity"), ("orders", "dq_volume")}
    assert published.failed == set()
    assert published.of("dq_validity").description == "1 of 1 tests passed."


def test_a_failing_check_says_how_badly_and_shows_masked_rows_and_sql_and_leaves_the_run_green(instance: dg.DagsterInstance) -> None:
    orders = returning(pd.concat([BROKEN, CLEAN]))
    published = run(instance, orders, build_asset_checks(orders, TESTS))
    assert published.success
    assert published.failed == {("orders", "dq_validity"), ("orders", "dq_volume")}
    assert published.of("dq_validity").severity is dg.AssetCheckSeverity.ERROR
    assert published.of("dq_volume").severity is dg.AssetCheckSeverity.WARN
    metadata = published.of("dq_validity").metadata
    assert {name: metadata[name].value for name in ("tests", "failed_tests", "failed_rows", "severity")} == {
        "tests": 1, "failed_tests": 1, "failed_rows": 1, "severity": "error",
    }  # fmt: skip
    assert metadata["failing_tests"].records[0].data["what"] == "1 values of status are not in the list of known values (16.67% of 6)"  # type: ignore[union-attr]
    (row,) = (record.data for record in metadata["sample_rows"].records)  # type: ignore[union-attr]
    assert row == {"status": "LOST", "order_id": 2, "amount": 2.0, "email": "***"}
    assert 'FROM "main"."orders"' in metadata["sql"].value
    assert metadata["run"].value == published.result.run_id
    assert "test_run_id" not in metadata, "no store knows the run"


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
def test_frames_of_each_library_are_judged(make: Callable[[Any], object], instance: dg.DagsterInstance) -> None:
    orders = returning(make({"amount": [1.0, None], "status": ["NEW", "PAID"]}))
    published = run(instance, orders, build_asset_checks(orders, TESTS))
    assert published.failed == {("orders", "dq_completeness")}


def test_a_check_launched_alone_loads_what_the_asset_wrote_and_runs_its_own_tests(instance: dg.DagsterInstance) -> None:
    made: list[str] = []

    @dg.asset
    def orders() -> pd.DataFrame:
        made.append("once")
        return BROKEN

    checks = build_asset_checks(orders, TESTS)
    run(instance, orders, checks)
    alone = run(instance, orders, checks, selection=dg.AssetSelection.checks(dg.AssetCheckKey(orders.key, "dq_validity")))
    assert alone.failed == set(alone.checks) == {("orders", "dq_validity")}
    assert made == ["once"]
    said = [entry.message for entry in instance.all_logs(alone.result.run_id) if not entry.is_dagster_event]
    assert "1 tests, 1 results." in said


@pytest.mark.parametrize(
    ("granularity", "names"),
    [("table", {"dq_table"}), ("dimension", {"dq_completeness", "dq_validity", "dq_volume"}), ("rule", {"dq_amounts", "dq_states", "dq_rows"})],
)
def test_checks_are_as_fine_as_asked_for(granularity: Any, names: set[str], instance: dg.DagsterInstance) -> None:
    orders = returning(BROKEN)
    published = run(instance, orders, build_asset_checks(orders, TESTS, granularity=granularity))
    assert {name for _, name in published.checks} == names
    assert len(published.failed) == 1


def test_a_frame_that_cannot_be_read_fails_every_check_and_says_why(instance: dg.DagsterInstance) -> None:
    orders = returning(CLEAN.assign(mixed=[1, "Smith", 2.5]).astype({"mixed": object}))
    published = run(instance, orders, build_asset_checks(orders, TESTS))
    assert published.success
    assert published.failed == set(published.checks)
    assert len(published.checks) == 3
    said = published.of("dq_completeness").metadata["failing_tests"].records[0].data["what"]  # type: ignore[union-attr]
    assert said.startswith("DQ-FRAME-002: column 'mixed' of orders mixes float and int and str")
    assert "Smith" not in str(published.of("dq_completeness").metadata)


def test_a_test_that_cannot_be_evaluated_fails_its_check_and_no_other(instance: dg.DagsterInstance) -> None:
    orders = returning(CLEAN)
    published = run(instance, orders, build_asset_checks(orders, [*TESTS, {"name": "gone", "rule_type": "Unique", "columns": ["gone"]}]))
    assert published.failed == {("orders", "dq_uniqueness")}
    assert published.of("dq_uniqueness").severity is dg.AssetCheckSeverity.ERROR


def test_queries_and_references_read_other_assets(instance: dg.DagsterInstance) -> None:
    orders, kinds = returning(BROKEN), returning(pl.DataFrame({"status": ["NEW", "PAID"]}), "kinds")
    tests = [
        {"name": "reference", "rule_type": "Combo_Match", "columns": ["status"], "parameters": {"reference_table": "kinds", "reference_column": "status"}},
        {"name": "query", "rule_type": "CUSTOM", "parameters": {"sql": "SELECT * FROM orders ANTI JOIN crm.kinds USING (status)"}},
    ]
    checks = build_asset_checks(orders, tests, reference_tables={"kinds": kinds, "crm.kinds": kinds})
    published = run(instance, orders, kinds, checks)
    assert published.failed == {("orders", "dq_consistency"), ("orders", "dq_accuracy")}
    assert published.value("dq_consistency", "failed_rows") == published.value("dq_accuracy", "failed_rows") == 1


@pytest.mark.parametrize("blocking", [False, True])
def test_a_failing_check_holds_back_what_comes_after_only_when_asked_to(blocking: bool, instance: dg.DagsterInstance) -> None:
    orders = returning(BROKEN)
    report = returning(CLEAN, "report", deps=[orders])
    published = run(instance, orders, report, build_asset_checks(orders, TESTS, blocking=blocking))
    assert ("report" in published.materialized) is not blocking
    assert published.success is not blocking


def test_an_asset_with_partitions_is_judged_partition_by_partition(instance: dg.DagsterInstance) -> None:
    days = dg.StaticPartitionsDefinition(["monday", "tuesday"])

    @dg.asset(partitions_def=days)
    def orders(context) -> pd.DataFrame:
        return CLEAN if context.partition_key == "monday" else BROKEN

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not even Dagster's own notice that partitions of checks are in preview
        checks = build_asset_checks(orders, TESTS)
    days_run = {day: run(instance, orders, checks, partition_key=day) for day in ("monday", "tuesday")}
    assert [bool(found.failed) for found in days_run.values()] == [False, True]
    assert [found.of("dq_validity").partition for found in days_run.values()] == ["monday", "tuesday"]
    alone = dg.AssetSelection.checks(checks)
    again = run(instance, orders, checks, selection=alone, tags={"dagster/partition": "tuesday"})
    assert again.failed == {("orders", "dq_validity")}


def test_the_io_manager_is_asked_for_the_type_that_the_asset_returns(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    asked: list[object] = []

    class Typed(dg.IOManager):
        def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
            obj.write_parquet(tmp_path / "orders.parquet")

        def load_input(self, context: dg.InputContext) -> object:
            asked.append(context.dagster_type.typing_type)
            return pl.read_parquet(tmp_path / "orders.parquet")

    @dg.asset(io_manager_key="typed")
    def orders() -> pl.DataFrame:
        return pl.DataFrame(CLEAN)

    published = run(instance, orders, build_asset_checks(orders, TESTS), resources={"typed": Typed()})
    assert published.success
    assert asked == [pl.DataFrame]


@pytest.mark.parametrize("asset", ["shop/orders", ["shop", "orders"], dg.AssetKey(["shop", "orders"]), dg.AssetSpec(["shop", "orders"])], ids=str)
def test_an_asset_may_be_named_by_its_key(asset: Any, instance: dg.DagsterInstance) -> None:
    orders = returning(BROKEN, key_prefix="shop")
    published = run(instance, orders, build_asset_checks(asset, TESTS, store_values="all"))
    assert published.failed == {("orders", "dq_validity")}
    assert published.of("dq_validity").metadata["sample_rows"].records[0].data["email"] == "ann@example.com"  # type: ignore[union-attr]


def two_assets() -> dg.AssetsDefinition:
    @dg.multi_asset(outs={"a": dg.AssetOut(), "b": dg.AssetOut()})
    def both() -> tuple[int, int]:
        return 1, 2

    return both


def nothing() -> dg.AssetsDefinition:
    @dg.asset
    def orders() -> None: ...

    return orders


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "tests is missing, and so is suite"),
        ({"tests": TESTS, "suite": "sales.orders"}, "tests is given beside suite"),
        ({"tests": []}, "makes 0 checks"),
        ({"tests": TESTS, "granularity": "column"}, "granularity is 'column'"),
        ({"tests": TESTS, "timezone": "Mars"}, "timezone is 'Mars'"),
        ({"tests": TESTS, "reference_tables": {"orders": "orders"}}, "reference_tables is the asset itself"),
        ({"tests": [{**TESTS[0], "table": "customers"}]}, "is about table 'customers'"),
        ({"tests": [{**TESTS[0], "rule_type": "Requird"}]}, "'Requird' is not in the catalogue"),
        ({"suite": "sales"}, "write GROUP.TABLE"),
        ({"suite": "sales.orders"}, "without settings"),
        ({"asset": two_assets(), "tests": TESTS}, "a definition of 2 assets"),
        ({"asset": nothing(), "tests": TESTS}, "whose function returns nothing"),
    ],
)
def test_a_mistake_shows_when_the_definitions_load(given: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ConfigError, RuleError)) as refused:
        build_asset_checks(**{"asset": "orders", **given})
    assert said in str(refused.value)


def test_building_checks_loads_nothing_heavy() -> None:
    program = (
        "import sys, dagster; before = set(sys.modules)\n"
        "from dq_assets import build_asset_checks\n"
        "build_asset_checks('orders', [{'name': 'a', 'rule_type': 'Required', 'columns': ['a'], 'filter': 'a > 0'}])\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert set(loaded) & {"duckdb", "numpy", "pandas", "pyarrow", "sqlalchemy", "sqlglot"} == set()
    assert "dq_assets" in loaded
