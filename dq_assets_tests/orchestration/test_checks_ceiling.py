"""The ceiling of checks, and the names of checks that stand for one test each."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_assets.errors import ConfigError
from dq_assets.orchestration import build_defs, build_table_group_defs
from dq_assets.orchestration.check_plan import check_names
from dq_assets.records import identity
from dq_assets.records.batches import WHOLE
from dq_assets.records.check_ceiling import CHECK_CEILING, check_count
from dq_assets.records.enums import Dimension, Origin
from dq_assets.records.table_list import ListedTable, ListedTest, TableList, read_table_list
from dq_assets.records.tables import TableName
from dq_assets.settings import ManualTest
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.register import register
from dq_assets.steps.suggest import suggest
from dq_assets.steps.test import test as run_tests

if TYPE_CHECKING:
    from pathlib import Path

    from dq_assets.settings import Settings

NOW = datetime(2024, 4, 1, 6, tzinfo=UTC)
ORDERS = TableName(schema_name="main", table_name="orders")


def listing(tables: int, tests: int = 0) -> TableList:
    names = [TableName(schema_name="main", table_name=f"t{number}") for number in range(tables)]
    placed = [listed(f"c{number}", table=names[number % tables]) for number in range(tests)]
    return TableList(table_group="lake", tables=tuple(ListedTable(name=name, batch=WHOLE, columns=()) for name in names), tests=tuple(placed))


def listed(*columns: str, rule: str = "Required", table: TableName = ORDERS, name: str = "", test_id: str | None = None) -> ListedTest:
    return ListedTest(
        test_id=test_id or identity.derived_id("test", columns, rule, name, str(table)),
        name=name or ".".join((str(table), *columns, rule)),
        table=table,
        rule_type=rule,
        columns=columns,
        dimension=Dimension.COMPLETENESS,
        origin=Origin.MANUAL if name else Origin.GENERATED,
    )


def project(folder: Path, granularity: str, blocking: str = "never") -> Settings:
    group = f"{{connection: w, check_granularity: {granularity}, blocking: {blocking}}}"
    text = f"version: 1\nconnections: {{w: {{type: duckdb, path: w.duckdb}}}}\ntable_groups: {{lake: {group}}}\n"
    (folder / "dq.yaml").write_text(text, encoding="utf-8")
    return load_settings(folder / "dq.yaml")


@pytest.mark.parametrize(
    ("granularity", "blocking", "tables", "tests"),
    [("dimension", "never", 30, 0), ("dimension", "fatal", 27, 0), ("table", "never", 150, 0), ("table", "fatal", 100, 0), ("rule", "never", 10, 290)],
)
def test_a_group_at_the_ceiling_loads_and_one_above_it_is_refused(tmp_path: Path, granularity: str, blocking: str, tables: int, tests: int) -> None:
    settings = project(tmp_path, granularity, blocking)
    fits = listing(tables, tests)
    graph = build_table_group_defs(settings, "lake", table_list=fits).resolve_asset_graph()
    assert len(graph.asset_check_keys) == check_count(fits, granularity, blocking=blocking != "never") <= CHECK_CEILING
    above = listing(tables, tests + 1) if granularity == "rule" else listing(tables + 1, tests)
    with pytest.raises(ConfigError, match=rf"DQ-CONF-021: table group 'lake': .* make 3\d\d checks .* {granularity}; the ceiling is 300"):
        build_table_group_defs(settings, "lake", table_list=above)


def test_the_refusal_names_what_would_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        build_table_group_defs(project(tmp_path, "rule"), "lake", table_list=listing(20, 400))
    assert str(refused.value) == (
        "DQ-CONF-021: table group 'lake': 20 tables and 400 tests make 420 checks with check_granularity rule; the ceiling is 300. "
        "Fix: set check_granularity to dimension (200 checks) or table (40 checks), or split the group in several."
    )
    with pytest.raises(ConfigError, match=r"Fix: split the group in several\.$"):
        build_table_group_defs(project(tmp_path, "table"), "lake", table_list=listing(151))


def test_a_group_that_asks_for_nothing_gets_a_check_a_dimension_and_one_a_table_when_these_are_too_many(tmp_path: Path) -> None:
    settings = project(tmp_path, "null")
    for tables, checks in ((30, 300), (31, 62), (150, 300)):
        definitions = build_table_group_defs(settings, "lake", table_list=listing(tables))
        assert len(definitions.resolve_asset_graph().asset_check_keys) == checks
    with pytest.raises(ConfigError, match="DQ-CONF-021"):
        build_table_group_defs(settings, "lake", table_list=listing(151))


def test_a_source_that_grows_above_the_ceiling_is_refused_when_it_is_registered_and_the_last_list_still_loads(tmp_path: Path) -> None:
    settings = project(tmp_path, "dimension")
    with duckdb.connect(str(tmp_path / "w.duckdb")) as source:
        for number in range(30):
            source.execute(f"CREATE TABLE t{number} AS SELECT 1 AS a")
    steps = StepContext.open(settings)
    register(steps, "lake", NOW)
    before = read_table_list(settings.metadata.folder, "lake")
    with duckdb.connect(str(tmp_path / "w.duckdb")) as source:
        source.execute("CREATE TABLE one_too_many AS SELECT 1 AS a")
    with pytest.raises(ConfigError, match=r"DQ-CONF-021: .* 310 checks .* table \(62 checks\)"):
        register(steps, "lake", NOW)
    assert read_table_list(settings.metadata.folder, "lake") == before
    assert len(steps.tables("lake")) == 30, "nothing is stored of what was refused"
    assert len(build_defs(settings).resolve_asset_graph().asset_check_keys) == CHECK_CEILING


def test_a_suite_above_the_ceiling_is_stored_and_judges_while_the_last_list_still_loads(tmp_path: Path) -> None:
    settings = project(tmp_path, "rule")
    written = tuple(ManualTest(name=f"present {number}", rule_type="Required", table="wide", columns=("a",)) for number in range(CHECK_CEILING))
    group = settings.table_groups["lake"].model_copy(update={"tests": written})
    settings = settings.model_copy(update={"table_groups": {"lake": group}})
    with duckdb.connect(str(tmp_path / "w.duckdb")) as source:
        source.execute("CREATE TABLE wide AS SELECT i AS a FROM range(60) AS t(i)")
    steps = StepContext.open(settings)
    register(steps, "lake", NOW)
    request = RunRequest(as_of=NOW, started_at=NOW)
    profile(steps, "lake", request)
    with pytest.raises(ConfigError, match=r"DQ-CONF-021: .* dimension \(10 checks\)"):
        suggest(steps, "lake", NOW)
    tests = steps.store.tests(steps.group("lake").table_group_id)
    assert len(tests) > CHECK_CEILING
    assert len(build_defs(settings).resolve_asset_graph().asset_check_keys) == 1, "dq_hygiene, as before"
    assert run_tests(steps, "lake", request).total_tests == len(tests)


def test_the_name_of_a_check_says_rule_and_column_or_what_a_person_called_the_test() -> None:
    tests = [
        listed("status", rule="LOV_Match"),
        listed(rule="Row_Ct"),
        listed("order id", test_id="0123456789abcdef"),
        listed("amount", rule="CUSTOM", name="amounts add up!", test_id="fedcba9876543210"),
        listed("amount", rule="Value_Range", name="volume", test_id="00112233445566"),
    ]
    named = check_names(tests, dict.fromkeys((test.test_id for test in tests), "landing__main__orders"))
    assert list(named.values()) == ["dq_lov_match_status", "dq_row_ct", "dq_required_order_id_01234567", "dq_amounts_add_up_fedcba98", "dq_volume_00112233"]


def test_tests_that_would_share_a_name_are_told_apart_by_their_ids() -> None:
    tests = [listed("a", test_id="aaaaaaaa1"), listed("x", rule="CUSTOM", name="required_a", test_id="bbbbbbbb1")]
    assert list(check_names(tests, dict.fromkeys((test.test_id for test in tests), "w__orders")).values()) == [
        "dq_required_a_aaaaaaaa",
        "dq_required_a_bbbbbbbb",
    ]
    # orders + dq_required_dq_b and orders_dq_required + dq_b are one output name in Dagster.
    other = TableName(schema_name="main", table_name="orders_dq_required")
    joined = [listed("dq_b", test_id="aaaaaaaa2"), listed("x", rule="CUSTOM", name="b", table=other, test_id="bbbbbbbb2")]
    owners = {"aaaaaaaa2": "w__orders", "bbbbbbbb2": "w__orders_dq_required"}
    assert list(check_names(joined, owners).values()) == ["dq_required_dq_b_aaaaaaaa", "dq_b_bbbbbbbb"]


@given(st.lists(st.tuples(st.lists(st.text(max_size=130), max_size=2), st.booleans()), max_size=8, unique_by=str), st.randoms(use_true_random=False))
def test_names_are_legal_of_their_own_and_the_same_in_any_order(drawn: list[tuple[list[str], bool]], random) -> None:
    tests = [listed(*columns, name=f"{number} {columns}" if by_hand else "", test_id=f"{number:08x}rest") for number, (columns, by_hand) in enumerate(drawn)]
    owner = dict.fromkeys((test.test_id for test in tests), "w__main__orders")
    named = check_names(tests, owner)
    assert len(set(named.values())) == len(tests)
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,120}", name) for name in named.values())
    random.shuffle(tests)
    assert check_names(tests, owner) == named
    specs = [dg.AssetCheckSpec(name, asset=dg.AssetKey(["w", "main", "orders"])) for name in named.values()]
    if specs:

        @dg.multi_asset_check(specs=specs)
        def checks():
            yield dg.AssetCheckResult(passed=True)
