"""A table group declared in a ``defs.yaml``: what may stand there, what becomes of it, and who declares what several share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import dagster as dg
import jsonschema
import pytest
import yaml
from dagster.components.testing import create_defs_folder_sandbox

from dq_assets import TableGroupTranslator
from dq_assets.components import TableGroupComponent
from dq_assets.components.scaffolder import TableGroupParameters, TableGroupScaffolder, group_name
from dq_assets.errors import ConfigError
from dq_assets.orchestration import build_defs
from dq_assets.records.table_list import write_table_list
from dq_assets.records.tables import TableName
from dq_assets.settings import DuckDBConnection, MetadataSettings, PostgreSQLConnection, TableGroupOptions, TableGroupSettings
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

from .component_location import TYPE, Location, listing
from .test_definitions import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_assets.settings import Settings

pytestmark = [
    # Dagster 1.13 reads the YAML of components with pydantic's parse_obj_as, and points from assets to it with classes in beta.
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated:pydantic.warnings.PydanticDeprecatedSince20"),
    # A component without a state warns; test_component_state.py says when and how.
    pytest.mark.filterwarnings("ignore:Table group '.*there is no state yet:UserWarning"),
]

SCHEMA = TableGroupComponent.get_model_cls().model_json_schema()


class Marts(TableGroupTranslator):
    """A rule that no pattern can say."""

    def asset_key(self, group: TableGroupOptions, table: TableName) -> dg.AssetKey:
        return dg.AssetKey(["marts", table.table_name.upper()])


class Lost(TableGroupTranslator):
    def asset_spec(self, table: TableName, spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(key=dg.AssetKey("elsewhere"))


@pytest.fixture
def location() -> Iterator[Location]:
    with create_defs_folder_sandbox() as sandbox:
        yield Location(sandbox)


def refused(location: Location) -> list[str]:
    """Return what loading the component says, line by line, without the file's folder."""
    with pytest.raises(Exception, match="Error while loading component") as caught, location.component():
        pass
    error = caught.value.__cause__
    assert isinstance(error, ConfigError)
    assert error.code == "DQ-CONF-001"
    return error.message.replace(f"{location.sandbox.defs_folder_path}/", "").splitlines()[1:]


def test_a_component_makes_the_same_definitions_as_a_dq_yaml(project: Settings, tmp_path: Path, location: Location) -> None:
    register(StepContext.open(project), "sales", NOW)
    location.declare(
        connection_name="landing",
        connection={"type": "duckdb", "path": str(tmp_path / "landing")},
        metadata={"url": project.metadata.url},
        table_group={
            "tables": {"orders": {"batch": {"column": "ordered_at", "grain": "day"}}},
            "schedules": {"learn": "0 3 * * 1", "validate": "0 6 * * *"},
            "fail_run_on": "never",
        },
    )
    expected = build_defs(project)
    with location.definitions() as found:
        assert found.resolve_asset_graph().get_all_asset_keys() == expected.resolve_asset_graph().get_all_asset_keys()
        assert found.resolve_asset_graph().asset_check_keys == expected.resolve_asset_graph().asset_check_keys
        for kind in ("jobs", "schedules", "sensors"):
            assert {item.name for item in getattr(found, kind)} == {item.name for item in getattr(expected, kind)}
    with location.component() as component:
        assert component.settings.table_groups == project.table_groups


def test_the_settings_of_a_component_are_those_of_a_dq_yaml(repository: Path) -> None:
    settings = load_settings(repository / "examples" / "dq.yaml")
    settings = settings.model_copy(update={"connections": {"warehouse": settings.connections["warehouse"]}})
    group = settings.table_groups["sales"].model_dump(by_alias=True, exclude={"connection"})
    component = TableGroupComponent(
        name="sales", connection=settings.connections["warehouse"], connection_name="warehouse", table_group=group, metadata=settings.metadata
    )
    assert component.settings == settings
    assert set(TableGroupSettings.model_fields) == {*TableGroupOptions.model_fields, "connection"}


@pytest.mark.parametrize(
    ("section", "models"), [("connection", (DuckDBConnection, PostgreSQLConnection)), ("table_group", (TableGroupOptions,)), ("metadata", (MetadataSettings,))]
)
def test_the_editor_is_shown_every_setting_with_its_description(section: str, models: tuple[type[Any], ...]) -> None:
    shown = SCHEMA["properties"][section]["properties"]
    assert {name: setting.get("description") for name, setting in shown.items()} == {
        field.alias or name: field.description for model in models for name, field in model.model_fields.items()
    }
    assert SCHEMA["properties"][section]["description"]
    assert SCHEMA["properties"][section]["examples"]


def test_every_attribute_is_described() -> None:
    assert [name for name, attribute in SCHEMA["properties"].items() if not attribute.get("description")] == []
    assert SCHEMA["required"] == ["name", "connection"]


def test_the_page_lists_every_attribute(repository: Path) -> None:
    page = (repository / "docs" / "component.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE) == list(TableGroupComponent.model_fields)


def test_the_translator_of_the_page_works(repository: Path) -> None:
    page = (repository / "docs" / "component.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - our own page
    group = TableGroupSettings(connection="warehouse")
    assert names["Marts"]().asset_key(group, TableName(schema_name="main", table_name="fct_orders")) == dg.AssetKey(["marts", "orders"])
    assert names["Marts"]().asset_spec(None, dg.AssetSpec("a")).owners == ["team:shop"]


def test_the_full_example_is_valid_for_the_editor(repository: Path) -> None:
    example = yaml.safe_load((repository / "examples" / "dq.yaml").read_text(encoding="utf-8"))
    group = {key: value for key, value in example["table_groups"]["sales"].items() if key != "connection"}
    attributes = {"name": "sales", "connection": example["connections"]["warehouse"], "table_group": group, "metadata": example["metadata"]}
    jsonschema.validate(attributes, SCHEMA)


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"connection": {"type": "duckdb", "path": "x", "thread": 1}}, ["connection"]),
        ({"connection": {"type": "duckdb", "path": "x", "threads": "many"}}, ["connection", "threads"]),
        ({"connection": {"type": "duckdb", "path": "x", "threads": 0}}, ["connection", "threads"]),
        ({"table_group": {"tables": {"orders": {"batch": {"grain": "days"}}}}}, ["table_group", "tables", "orders", "batch", "grain"]),
        ({"table_group": {"tests": [{"name": "a", "rule_type": "Unique"}]}}, ["table_group", "tests", 0]),
        ({"table_grup": {}}, []),
    ],
)
def test_the_editor_finds_a_mistake_where_it_stands(attributes: dict[str, Any], place: list[str | int]) -> None:
    whole = {"name": "sales", "connection": {"type": "duckdb", "path": "x"}, **attributes}
    assert [list(error.absolute_path) for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(whole)] == [place]


def test_a_template_may_stand_for_any_single_value(location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADS", "3")
    monkeypatch.setenv("SWITCH", "stopped")
    attributes = {
        "connection": {"type": "duckdb", "path": "{{ context.project_root }}/data", "threads": "{{ env.THREADS }}"},
        "table_group": {"automation": "{{ env.SWITCH }}", "tables": {"orders": {"asset_key": "{{ env('MARTS', 'marts') }}/{table}"}}},
    }
    jsonschema.validate({"name": "sales", **attributes}, SCHEMA)
    location.declare(**attributes)
    with location.component() as component:
        assert component.connection.path == location.root / "data"
        assert component.connection.threads == 3
        assert component.table_group.automation == "stopped"
        assert component.table_group.tables["orders"].asset_key == "marts/{table}"


def test_text_that_looks_like_something_else_stays_text(location: Location) -> None:
    written = {"name": "Codes", "rule_type": "LOV_Match", "table": "orders", "columns": ["id"], "parameters": {"allowed": ["1", "None", "2024-03-01", "[1]"]}}
    location.declare(table_group={"tests": [written], "description": "10"})
    with location.component() as component:
        assert component.table_group.tests[0].parameters == written["parameters"]
        assert component.table_group.description == "10"


def test_dagster_reads_any_text_as_a_template_that_may_become_a_number() -> None:
    """A characterization: why attributes are rendered by ourselves."""
    assert dg.ResolutionContext.default().resolve_value("10") == 10


def test_every_mistake_is_told_with_its_line(location: Location) -> None:
    location.write(
        "sales",
        f"""\
type: {TYPE}
attributes:
  name: 9
  conection_name: warehouse
  connection: {{type: duckdb, pathh: data}}
  table_group:
    timezone: Mars/Phobos
    tables:
      orders: {{batch: {{grain: days}}}}
    fail_run_on: "{{{{ env.NOT_SET }}}}"
  translator: dq_assets.settings.Settings
""",
    )
    assert refused(location) == [
        "sales/defs.yaml:3: name = 9: expected a valid string. Fix: write text, in quotes where YAML reads it as something else.",
        "sales/defs.yaml:4: conection_name = 'warehouse': unknown key. Fix: did you mean `connection_name`?",
        "sales/defs.yaml:5: connection.path: this key is missing. Fix: add `path: …`.",
        "sales/defs.yaml:5: connection.pathh = 'data': unknown key. Fix: did you mean `path`?",
        "sales/defs.yaml:7: table_group.timezone = 'Mars/Phobos': not an IANA time zone. Fix: write it like UTC or Europe/Berlin.",
        "sales/defs.yaml:9: table_group.tables.orders.batch.grain = 'days': not one of the choices. Fix: write 'hour', 'day', 'week' or 'month'.",
        "sales/defs.yaml:10: table_group.fail_run_on = None: not one of the choices. Fix: write 'never', 'error' or 'fatal'.",
        "sales/defs.yaml:11: translator = 'dq_assets.settings.Settings': not a translator. Fix: write a subclass of dq_assets.TableGroupTranslator.",
    ]


@pytest.mark.parametrize("rest", ["", "attributes: {}\n"])
def test_a_component_without_attributes_is_told_what_is_missing(location: Location, rest: str) -> None:
    location.write("sales", f"type: {TYPE}\n{rest}")
    assert [re.sub(r"yaml:\d", "yaml", line) for line in refused(location)] == [
        "sales/defs.yaml: name: this key is missing. Fix: add `name: …`.",
        "sales/defs.yaml: connection: this key is missing. Fix: add `connection: …`.",
    ]


def test_two_tests_of_one_name_are_refused(location: Location) -> None:
    test = {"name": "a", "rule_type": "Unique", "table": "orders", "columns": ["id"]}
    location.declare(table_group={"tests": [test, test]})
    (line,) = refused(location)
    assert "two tests are named 'a'. Fix: give each test of a group its own name." in line


def test_the_environment_has_no_say_but_through_templates(location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DQ_METADATA__URL", "sqlite:///elsewhere.db")
    monkeypatch.setenv("DQ_PROJECT", "elsewhere")
    location.declare()
    with location.component() as component:
        assert component.settings.project == "default"
        assert component.settings.metadata.url == f"sqlite:///{location.root}/.dq/metadata.db"


def test_paths_count_from_the_file_and_the_metadata_is_the_projects(location: Location) -> None:
    folder = location.declare(connection={"type": "duckdb", "path": "tables"})
    with location.component() as component:
        assert component.connection.path == folder / "tables"
        assert component.metadata.url == f"sqlite:///{location.root}/.dq/metadata.db"
    location.declare(connection={"type": "duckdb", "path": "tables"}, metadata={"url": "sqlite:///mine.db"})
    with location.component() as component:
        assert component.metadata.url == f"sqlite:///{folder}/mine.db"


def declared(location: Location) -> dict[str, list[str]]:
    """Return the shared asset as often as it is declared, and the sensors by name."""
    with location.definitions() as definitions:
        keys = [key.to_user_string() for key in definitions.resolve_asset_graph().materializable_asset_keys]
        for job in definitions.jobs or []:
            definitions.resolve_job_def(job.name)
        return {"assets": [key for key in keys if key == "dq/metadata_schema"], "sensors": sorted(sensor.name for sensor in definitions.sensors or [])}


def test_several_components_share_one_metadata_schema_without_being_told(location: Location) -> None:
    for name in ("sales", "billing", "stock"):
        location.declare(name, table_group={"include": ["orders" if name == "sales" else "nothing"]})
    found = declared(location)
    assert found["assets"] == ["dq/metadata_schema"]
    assert len(found["sensors"]) == len(set(found["sensors"]))
    assert {"billing_ingestion", "dq_reconcile", "dq_reconcile_sales", "dq_reconcile_stock"} <= set(found["sensors"])


def test_a_component_can_be_told_to_declare_it_or_not_to(location: Location) -> None:
    location.declare("billing", table_group={"include": ["nothing"]})
    location.declare("sales", shared=True)
    assert {"dq_reconcile", "dq_reconcile_billing"} <= set(declared(location)["sensors"])
    location.declare("sales", shared=False)
    assert {"dq_reconcile", "dq_reconcile_sales"} <= set(declared(location)["sensors"])
    location.declare("billing", shared=False, table_group={"include": ["nothing"]})
    assert declared(location)["assets"] == []


def test_two_components_in_one_file_are_two_groups(location: Location) -> None:
    documents = [
        {"type": TYPE, "attributes": {"name": name, "connection": {"type": "duckdb", "path": "{{ context.project_root }}/data"}}} for name in ("one", "two")
    ]
    location.write("both", yaml.safe_dump_all(documents))
    assert declared(location)["assets"] == ["dq/metadata_schema"]


@pytest.mark.parametrize("attached", [False, True])
def test_two_components_on_one_table_are_an_error_that_names_both(location: Location, attached: bool) -> None:
    group = {"source_assets": "attach", "asset_key": "marts/{table}"} if attached else {}
    for name in ("billing", "sales"):
        location.declare(name, connection_name="warehouse", table_group=group)
        write_table_list(location.root / ".dq", listing("orders", group=name))
    with pytest.raises(Exception, match="Error while building definitions") as caught:
        location.tables()
    key = "marts/orders" if attached else "warehouse/main/orders"
    assert str(caught.value.__cause__) == f"DQ-CONF-020: {key} is in two groups, 'billing' and 'sales'. Fix: exclude it from one."


@pytest.mark.filterwarnings("ignore:Multiple components have the same defs state key")  # Dagster's own word on it, before ours
def test_two_components_of_one_name_are_an_error(location: Location) -> None:
    for folder in ("one", "two"):
        location.declare(folder, name="sales")
    with pytest.raises(Exception, match="Error while building definitions") as caught:
        location.tables()
    assert "DQ-CONF-025: two components declare the table group 'sales'." in str(caught.value.__cause__)


@pytest.mark.usefixtures("registered")
class TestKeys:
    """Which assets the tables are."""

    @pytest.fixture
    def registered(self, location: Location) -> None:
        location.declare()
        with location.component() as component:
            register(StepContext.open(component.settings), "sales", NOW)

    def test_keys_begin_with_the_group_unless_the_connection_is_named(self, location: Location) -> None:
        assert location.tables() == {"sales/main/customers", "sales/main/orders"}
        location.declare(connection_name="warehouse")
        assert location.tables() == {"warehouse/main/customers", "warehouse/main/orders"}

    @pytest.mark.parametrize("named", [f"{__name__}.Marts", "{{ marts }}"])
    def test_a_translator_names_the_assets(self, location: Location, named: str) -> None:
        folder = location.declare(translator=named)
        if "{{" in named:
            program = f"import dagster as dg\nfrom {__name__} import Marts\n\n@dg.template_var\ndef marts():\n    return Marts()\n"
            (folder / "names.py").write_text(program, encoding="utf-8")
            text = (folder / "defs.yaml").read_text(encoding="utf-8")
            (folder / "defs.yaml").write_text(f"{text}template_vars_module: .names\n", encoding="utf-8")
        assert location.tables() == {"marts/CUSTOMERS", "marts/ORDERS"}

    def test_a_translator_must_not_move_the_asset_that_it_dresses(self, location: Location) -> None:
        location.declare(translator=f"{__name__}.Lost")
        with pytest.raises(Exception, match="Error while building definitions") as caught:
            location.tables()
        assert "DQ-CONF-024: table group 'sales': asset_spec of Lost gives main.customers the key elsewhere" in str(caught.value.__cause__)

    def test_a_key_that_dagster_takes_no_checks_on_is_refused(self, location: Location) -> None:
        location.declare(table_group={"tables": {"orders": {"asset_key": "marts/orders"}}}, translator=f"{__name__}.Marts")
        (location.root / "data" / "odd name").mkdir()
        (location.root / "data" / "orders" / "all.parquet").rename(location.root / "data" / "odd name" / "all.parquet")
        location.declare(table_group={"asset_key": "marts/{table}"})
        with location.component() as component:
            register(StepContext.open(component.settings), "sales", NOW)
        with pytest.raises(Exception, match="Error while building definitions") as caught:
            location.tables()
        assert "DQ-CONF-023: table group 'sales': the asset key marts/odd name of main.odd name holds other characters" in str(caught.value.__cause__)

    def test_attached_checks_sit_on_assets_that_somebody_else_declares(self, location: Location) -> None:
        location.declare(table_group={"source_assets": "attach", "asset_key": "marts/{table}"})
        with location.definitions() as definitions:
            graph = definitions.resolve_asset_graph()
            assert {key.asset_key.to_user_string() for key in graph.asset_check_keys} == {"marts/customers", "marts/orders"}
            assert not [spec for spec in definitions.assets or [] if isinstance(spec, dg.AssetSpec)]
            assert dg.AssetKey(["marts", "orders"]) in graph.get(dg.AssetKey(["dq", "sales", "test_results"])).parent_keys


def scaffolded(folder: Path, *, scaffold_format: str = "yaml", **parameters: Any) -> str:
    folder.mkdir()
    TableGroupScaffolder().scaffold(
        dg.ScaffoldRequest(
            type_name=TYPE,
            target_path=folder,
            scaffold_format=scaffold_format,  # type: ignore[arg-type]
            project_root=None,
            params=TableGroupParameters(**parameters),
        )
    )
    (written,) = folder.iterdir()
    return written.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, {"connection": {"type": "duckdb", "path": "{{ context.project_root }}/data"}}),
        ({"path": "a: b #c"}, {"connection": {"type": "duckdb", "path": "a: b #c"}}),
        ({"batch_column": "at", "grain": "hour"}, {"table_group": {"batch": {"column": "at", "grain": "hour"}}}),
        ({"asset_key": "marts/{table}"}, {"table_group": {"source_assets": "attach", "asset_key": "marts/{table}"}}),
    ],
)
def test_what_is_scaffolded_is_valid_as_it_stands(tmp_path: Path, parameters: dict[str, Any], expected: dict[str, Any]) -> None:
    document = yaml.safe_load(scaffolded(tmp_path / "2024-sales", **parameters))
    assert document["type"] == TYPE
    attributes = document["attributes"]
    jsonschema.validate(attributes, SCHEMA)
    assert attributes["name"] == "group_2024_sales"
    for section, settings in expected.items():
        assert {key: attributes[section][key] for key in settings} == settings
    TableGroupComponent(**attributes)


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")  # Dagster itself loads Python files with a function in preview.
def test_the_same_is_scaffolded_as_python(location: Location) -> None:
    folder = location.sandbox.defs_folder_path / "sales"
    assert "@dg.component_instance" in scaffolded(folder, scaffold_format="python")
    with location.definitions() as definitions:
        assert {job.name for job in definitions.jobs or []} == {"sales_learn", "sales_validate"}


@pytest.mark.parametrize(("text", "name"), [("sales", "sales"), ("my-sales.eu", "my_sales_eu"), ("9", "group_9"), ("_a", "group__a")])
def test_a_group_gets_a_name_that_it_may_have(text: str, name: str) -> None:
    assert group_name(text) == name
