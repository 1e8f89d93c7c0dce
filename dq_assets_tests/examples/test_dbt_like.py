"""The example of checks on somebody's own assets: in the code location that makes them, and in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
import yaml

from .example_project import ExampleProject, failing, outcomes

if TYPE_CHECKING:
    from pathlib import Path

# Dagster 1.13 reads the YAML of components with pydantic's parse_obj_as, and points from assets to it with classes in beta.
pytestmark = [
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated:pydantic.warnings.PydanticDeprecatedSince20"),
]

ORDERS, CUSTOMERS = dg.AssetKey(["marts", "orders"]), dg.AssetKey(["marts", "customers"])
FAILING_ORDERS = {"marts/orders dq_validity": "ERROR", "marts/orders dq_freshness": "WARN"}
FAILING_CUSTOMERS = {"marts/customers dq_uniqueness": "ERROR"}


@pytest.fixture
def example(repository: Path, tmp_path: Path) -> ExampleProject:
    return ExampleProject(repository / "examples" / "dbt_like", tmp_path)


def test_a_fault_turns_the_check_red_on_the_asset_of_whoever_made_it(example: ExampleProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = yaml.safe_load((example.folder / "faulty.yaml").read_text(encoding="utf-8"))
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as instance:

        def run(module: str, job: str, config: dict[str, object] | None = None) -> dict[tuple[str, str], tuple[bool, str]]:
            definitions = example.definitions(module, monkeypatch)
            return outcomes(definitions.resolve_job_def(job).execute_in_process(instance=instance, run_config=config))

        assert run("shop", "build_marts") == {}, "nothing was learned yet, and the shop's own job runs as it always did"
        run("shop", "shop_orders_learn")
        run("quality", "shop_customers_learn")
        assert failing(run("shop", "build_marts")) == {"marts/orders dq_freshness": "WARN"}
        assert failing(run("quality", "shop_customers_validate")) == {}
        assert failing(run("shop", "build_marts", faulty)) == FAILING_ORDERS
        assert failing(run("quality", "shop_customers_validate")) == FAILING_CUSTOMERS


def test_neither_code_location_declares_an_asset_of_the_other(example: ExampleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, quality = (example.definitions(module, monkeypatch).resolve_asset_graph() for module in ("shop", "quality"))
    assert {ORDERS, CUSTOMERS} <= shop.materializable_asset_keys
    assert not {ORDERS, CUSTOMERS} & quality.materializable_asset_keys
    assert dg.AssetKey(["dq", "metadata_schema"]) not in quality.materializable_asset_keys


@pytest.mark.slow
def test_the_readmes_commands_do_what_it_says(example: ExampleProject) -> None:
    built, learned, learned_elsewhere, rebuilt, validated = example.run_readme()
    assert built == {}
    assert set(learned) | set(learned_elsewhere) <= {("marts/orders", "dq_hygiene"), ("marts/customers", "dq_hygiene")}
    assert failing(rebuilt) == FAILING_ORDERS
    assert failing(validated) == FAILING_CUSTOMERS
    assert "`dq_validity` of\n`marts/orders` fails, `dq_freshness` warns" in example.readme
    assert "`dq_uniqueness` of `marts/customers` fails" in example.readme
