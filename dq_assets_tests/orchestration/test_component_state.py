"""Where a component has its tables from: the newest look at the source, whatever became of the other ones."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from dq_assets.components import table_group
from dq_assets.records.table_list import newer_tables, read_table_list_from, write_table_list_to
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

from .component_location import Location, listing
from .test_definitions import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    # Dagster 1.13 reads the YAML of components with pydantic's parse_obj_as, and points from assets to it with classes in beta.
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated:pydantic.warnings.PydanticDeprecatedSince20"),
]


@pytest.fixture
def location() -> Iterator[Location]:
    with create_defs_folder_sandbox() as sandbox:
        location = Location(sandbox)
        location.declare()
        yield location


@pytest.fixture
def development(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``dagster dev`` and ``dg`` load definitions."""
    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")


def loaded(location: Location) -> tuple[set[str], list[str]]:
    """Return the names of the tables, and our warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        names = {key.rpartition("/")[2] for key in location.tables()}
    return names, [str(item.message) for item in caught if "Table group" in str(item.message)]


def refresh(location: Location) -> None:
    with location.component() as component:
        asyncio.run(component.refresh_state(location.root))


def test_a_state_shows_the_tables_before_anything_is_registered(location: Location) -> None:
    refresh(location)
    assert loaded(location) == ({"orders", "customers"}, [])
    assert not location.registered.exists()
    assert not (location.root / ".dq").exists(), "looking registers nothing"


def test_the_state_says_what_registering_would_say(location: Location) -> None:
    refresh(location)
    state = read_table_list_from(location.state, "sales")
    with location.component() as component:
        register(StepContext.open(component.settings), "sales", NOW)
    listed = read_table_list_from(location.registered, "sales")
    assert state is not None
    assert listed is not None
    assert state.model_copy(update={"discovered_at": None}) == listed.model_copy(update={"discovered_at": None})


@pytest.mark.parametrize(("state_day", "registered_day", "expected"), [(1, 2, {"registered"}), (2, 1, {"looked_up"}), (1, 1, {"registered"})])
def test_the_newest_look_at_the_source_wins(location: Location, state_day: int, registered_day: int, expected: set[str]) -> None:
    write_table_list_to(location.state, listing("looked_up", day=state_day))
    write_table_list_to(location.registered, listing("registered", day=registered_day))
    assert loaded(location) == (expected, [])


def test_what_was_learned_after_the_state_was_made_is_kept(location: Location) -> None:
    location.declare(table_group={"check_granularity": "rule"})
    write_table_list_to(location.registered, listing("orders", "gone", day=1, tested=("orders", "gone")))
    write_table_list_to(location.state, listing("orders", "late", day=2))
    with location.definitions() as definitions:
        checks = {(key.asset_key.path[-1], key.name) for key in definitions.resolve_asset_graph().asset_check_keys}
    assert len([name for table, name in checks if table == "orders" and name != "dq_hygiene"]) == 1
    assert {table for table, _ in checks} == {"orders", "late"}


def test_a_list_that_was_made_without_looking_never_wins() -> None:
    blind = listing("a").model_copy(update={"discovered_at": None})
    assert newer_tables(listing("b"), blind).tables == listing("b").tables
    assert newer_tables(blind, listing("b")) == listing("b")
    assert newer_tables(listing("b"), None) == listing("b")


DAMAGED = {
    "half a file": '{"table_group": "sales", "tab',
    "nothing": "",
    "no list": "[1]",
    "another group's": json.dumps(listing("a", group="b").model_dump(mode="json")),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_state_is_replaced_by_the_list_of_the_last_registering(location: Location, text: str) -> None:
    location.state.parent.mkdir(parents=True)
    location.state.write_text(text, encoding="utf-8")
    write_table_list_to(location.registered, listing("registered", day=7))
    tables, (said,) = loaded(location)
    assert tables == {"registered"}
    known, _, fix = said.partition(" Fix: ")
    assert known == "Table group 'sales': the state is damaged; the tables are those known since 2024-03-07 00:00 UTC."
    assert fix == "run `dg utils refresh-defs-state` or materialize dq/sales/table_group, then reload."


def test_a_state_that_is_no_file_stops_nothing(location: Location) -> None:
    location.state.mkdir(parents=True)
    tables, said = loaded(location)
    assert tables == set()
    assert len(said) == 1


def test_without_state_and_list_the_group_has_no_tables_yet(location: Location) -> None:
    tables, (said,) = loaded(location)
    assert tables == set()
    assert said.startswith("Table group 'sales': there is no state yet; there are no tables yet. Fix: run `dg utils refresh-defs-state` or materialize")
    with pytest.warns(UserWarning, match="there is no state yet"), location.definitions() as definitions:
        assert dg.AssetKey(["dq", "sales", "table_group"]) in definitions.resolve_asset_graph().get_all_asset_keys()


def test_a_list_that_cannot_be_read_is_as_good_as_none(location: Location) -> None:
    location.registered.mkdir(parents=True)
    assert loaded(location)[0] == set()


@pytest.mark.parametrize(("blocking", "published"), [("never", set()), ("fatal", {"dq_fatal"})])
def test_a_job_of_somebody_else_goes_well_before_anything_was_learned(location: Location, tmp_path: Path, blocking: str, published: set[str]) -> None:
    @dg.asset(key=["marts", "orders"])
    def orders() -> None:
        """An asset of theirs, which happens to be a table of ours."""

    location.declare(table_group={"include": ["orders"], "source_assets": "attach", "asset_key": "marts/{table}", "blocking": blocking})
    refresh(location)
    jobs = [
        dg.define_asset_job("build", selection=dg.AssetSelection.assets(orders)),
        dg.define_asset_job("look", selection=dg.AssetSelection.checks(dg.AssetCheckKey(orders.key, "dq_hygiene"))),
    ]
    with location.definitions() as ours, dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        definitions = dg.Definitions.merge(ours, dg.Definitions(assets=[orders], jobs=jobs))
        assert definitions.resolve_job_def("look").execute_in_process(instance=instance).success
        job = definitions.resolve_job_def("build")
        assert {key.name for key in job.asset_layer.asset_graph.asset_check_keys} >= {"dq_validity", "dq_hygiene"}
        result = job.execute_in_process(instance=instance)
    assert result.success
    assert {item.check_name for item in result.get_asset_check_evaluations() if item.passed} == published
    assert all(item.passed for item in result.get_asset_check_evaluations())


def test_a_component_sees_its_neighbours(location: Location) -> None:
    """A characterization: contexts have a ``component_tree``, which is not among their documented attributes."""
    location.declare("billing")
    with location.sandbox.build_component_tree() as tree:
        assert tree.load_context.component_tree is tree
        assert {component.name for component in tree.get_all_components(of_type=table_group.TableGroupComponent)} == {"billing", "sales"}


@pytest.mark.usefixtures("development")
class TestDevelopment:
    """Where loading renews the state."""

    def test_a_new_table_appears_on_the_next_load(self, location: Location) -> None:
        assert loaded(location) == ({"orders", "customers"}, [])
        (location.root / "data" / "orders").rename(location.root / "data" / "renamed")
        assert loaded(location) == ({"renamed", "customers"}, [])

    def test_a_source_that_is_gone_leaves_the_last_state_and_one_warning(self, location: Location) -> None:
        refresh(location)
        kept = location.state.read_text(encoding="utf-8")
        (location.root / "data").rename(location.root / "moved")
        tables, (said,) = loaded(location)
        assert tables == {"orders", "customers"}
        assert said.startswith(f"Table group 'sales': DQ-CONN-001: {location.root}/data does not exist. Fix: ")
        assert " Until then the tables are those known since 2" in said
        assert location.state.read_text(encoding="utf-8") == kept

    def test_a_source_that_was_never_there_leaves_one_warning(self, location: Location) -> None:
        (location.root / "data").rename(location.root / "moved")
        tables, (said,) = loaded(location)
        assert tables == set()
        assert said.endswith("Until then there are no tables yet.")

    def test_a_configuration_that_fits_no_table_is_told_and_stops_nothing(self, location: Location) -> None:
        location.declare(table_group={"include": ["invoices"]})
        tables, (said,) = loaded(location)
        assert tables == set()
        assert "DQ-CONF-010: table group 'sales': include ['invoices'] selects no table." in said

    def test_loading_waits_seconds_not_a_minute_for_a_file_that_somebody_writes(self, location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table_group, "LOCK_WAIT_S", 0.2)
        path = location.root / "shop.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
        location.declare(connection={"type": "duckdb", "path": str(path), "lock_wait_s": 600})
        program = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
        with subprocess.Popen([sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "held\n"
            tables, (said,) = loaded(location)
            writer.communicate("")
        assert tables == set()
        assert "DQ-CONN-002" in said
        assert " 0.2 s" in said
        with location.component() as component:
            assert component.settings.connections["sales"].lock_wait_s == 600, "steps wait as long as they are told to"

    def test_whoever_asks_for_it_is_spared_the_look(self, location: Location) -> None:
        location.declare(defs_state={"management_type": "LOCAL_FILESYSTEM", "refresh_if_dev": False})
        assert loaded(location)[0] == set()
        assert not location.state.exists()


def test_a_state_storage_that_is_not_there_leaves_the_list_and_one_warning(location: Location) -> None:
    location.declare(defs_state={"management_type": "VERSIONED_STATE_STORAGE"})
    write_table_list_to(location.registered, listing("registered"))
    tables, (said,) = loaded(location)
    assert tables == {"registered"}
    assert said.startswith("Table group 'sales': the state cannot be had: DagsterInvalidInvocationError: ")


def test_a_renewal_that_was_asked_for_fails_with_the_reason(location: Location) -> None:
    (location.root / "data").rename(location.root / "moved")
    with pytest.raises(Exception, match="DQ-CONN-001"):
        refresh(location)
