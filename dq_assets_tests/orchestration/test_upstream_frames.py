"""What checks on frames lean on in Dagster: when one of these fails after an upgrade, `dq_assets/orchestration/frames.py` is to be read again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

DAYS = dg.StaticPartitionsDefinition(["monday", "tuesday"])
ORDERS = dg.AssetKey("orders")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as made:
        yield made


@dg.asset(partitions_def=DAYS)
def orders(context: dg.AssetExecutionContext) -> str:
    return f"the orders of {context.partition_key}"


def check_that_loads(found: list[object], partitions: dg.PartitionsDefinition | None, kind: object = Any) -> dg.AssetChecksDefinition:
    """Return a check that takes down what it loads; ``kind`` is what it says it takes."""

    def load(context: dg.AssetCheckExecutionContext, frame: Any, **others: Any) -> Iterator[dg.AssetCheckResult]:
        found.append(frame)
        yield dg.AssetCheckResult(asset_key=ORDERS, check_name="loads", passed=True)

    load.__annotations__["frame"] = kind
    spec = dg.AssetCheckSpec("loads", asset=ORDERS, partitions_def=partitions)
    return dg.multi_asset_check(name="load_orders", specs=[spec], can_subset=True, ins={"frame": dg.AssetIn(ORDERS)})(load)


@pytest.mark.filterwarnings("ignore:.*partitions_def.*:dagster.PreviewWarning")  # Dagster's own notice, wanted here
def test_a_check_with_the_partitions_of_its_asset_loads_the_partition_of_the_run(instance: dg.DagsterInstance) -> None:
    """A characterization: therefore checks on an asset with partitions declare them too."""
    found: list[object] = []
    result = dg.materialize([orders, check_that_loads(found, DAYS)], instance=instance, partition_key="tuesday")
    assert found == ["the orders of tuesday"]
    assert [item.partition for item in result.get_asset_check_evaluations()] == ["tuesday"]


def test_a_check_without_partitions_asks_for_all_of_its_assets_partitions(instance: dg.DagsterInstance) -> None:
    """A characterization: it fails on the first run of any partition, so declaring partitions is no matter of taste."""
    result = dg.materialize([orders, check_that_loads([], None)], instance=instance, partition_key="tuesday", raise_on_error=False)
    assert not result.success
    assert list(result.get_asset_check_evaluations()) == []


def test_the_type_of_a_checks_input_is_that_of_the_functions_parameter() -> None:
    """A characterization: an input that is an asset's cannot be given a type otherwise, and IO managers for several kinds of frames ask for it."""
    kinds = [check_that_loads([], None, kind).node_def.input_dict["frame"].dagster_type.typing_type for kind in (str, dict)]
    assert kinds == [str, dict]
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="used as both an input"):

        @dg.multi_asset_check(specs=[dg.AssetCheckSpec("loads", asset=ORDERS)], ins={"frame": dg.AssetIn(ORDERS, dagster_type=dg.String)})
        def load(frame: Any) -> None: ...
