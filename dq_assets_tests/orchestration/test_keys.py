"""Names in the graph."""

from __future__ import annotations

import re

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_assets.orchestration.graph import TableGroupTranslator
from dq_assets.orchestration.keys import CHECK_OF_DIMENSION, DIMENSION_OF_CHECK, key_part
from dq_assets.orchestration.metadata import escaped
from dq_assets.records.tables import TableName
from dq_assets.settings import TableGroupSettings


def test_a_plain_name_stays_as_it_is() -> None:
    key = TableGroupTranslator().asset_key(TableGroupSettings(connection="warehouse"), TableName(schema_name="main", table_name="Orders_2024"))
    assert key == dg.AssetKey(["warehouse", "main", "Orders_2024"])


def test_a_table_takes_its_own_key_before_the_groups_pattern() -> None:
    group = TableGroupSettings.model_validate({"connection": "w", "asset_key": "dbt/{schema}/{table}", "tables": {"orders": {"asset_key": "marts/orders"}}})
    assert group.asset_key_of("main", "orders") == ("marts", "orders")
    assert group.asset_key_of("main", "customers") == ("dbt", "main", "customers")


@given(st.text(min_size=1, max_size=30))
def test_any_name_becomes_a_part_that_dagster_takes(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_]+", key_part(name))


@given(st.text(alphabet="a_u5f2.0 -", min_size=1, max_size=12), st.text(alphabet="a_u5f2.0 -", min_size=1, max_size=12))
def test_two_names_never_share_a_part(one: str, other: str) -> None:
    assert (key_part(one) == key_part(other)) == (one == other)


def test_every_dimension_has_a_check_and_back() -> None:
    assert len(CHECK_OF_DIMENSION) == 9
    assert {DIMENSION_OF_CHECK[name] for name in CHECK_OF_DIMENSION.values()} == set(CHECK_OF_DIMENSION)


@pytest.mark.parametrize("name", ["a%20b", "a b", 'q"uote', "é"])
def test_dagster_refuses_check_outputs_named_after_such_a_key(name: str) -> None:
    """A characterization: when this fails, keys may carry percent-encoding."""
    source = dg.AssetSpec(["w", name])

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="is not a valid name in Dagster"):

        @dg.multi_asset_check(name="checks", specs=[dg.AssetCheckSpec("a", asset=source.key)])
        def checks() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=True)


def test_markdown_and_html_of_strangers_are_shown_as_text() -> None:
    shown = escaped("<script>alert(1)</script> [link](javascript:x) **bold** `code` | cell\nline")
    assert "<" not in shown
    assert "\n" not in shown
    assert r"\[link\]\(javascript\:x\)" in shown
    assert r"\*\*bold\*\*" in shown
