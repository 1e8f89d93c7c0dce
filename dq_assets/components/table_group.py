"""The Dagster component: a table group declared in a ``defs.yaml``.

Decision: two files may know a group's tables, and the newest look at the source wins. The component's *state*, in Dagster's state storage, is written by
``dg utils refresh-defs-state`` and, in ``dagster dev`` and ``dg``, by each load. The *table list* beside the metadata is written when ``table_group`` is
materialized, and carries what no look at the source finds: the tests that were learned. Both say when the source was looked at. So a table that a run
found is not lost to an older state, a state that was renewed after that run is not lost to its list, and the tests are always those learned last.

Webserver and daemon show what the code server loaded. The code server and the workers of runs read the same two files, of a versioned state the version that
Dagster stamps into the run, so they agree but for what was registered since the last reload. That does no harm: a worker that knows of more tables
publishes their checks as well, and one that knows of fewer publishes none for those that are gone.

A state that is broken or cannot be had never stops a code location: it loads with what was known last, and one warning says why. ``dg utils
refresh-defs-state`` fails where the same load would only warn.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Self

import dagster as dg
from dagster.components import DefsStateConfig, DefsStateConfigArgs
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, WithJsonSchema, field_validator

from dq_assets.components.attributes import attributes_of, mistakes, rendered
from dq_assets.components.scaffolder import TableGroupScaffolder
from dq_assets.errors import ConfigError, DQError
from dq_assets.orchestration.factory import build_shared_defs, build_table_group_defs, group_graph
from dq_assets.orchestration.graph import TableGroupTranslator
from dq_assets.records.table_list import TableList, newer_tables, read_table_list, read_table_list_from, write_table_list_to
from dq_assets.settings import AnyConnection, MetadataSettings, Name, Settings, TableGroupOptions, TableGroupSettings
from dq_assets.settings_file import with_absolute_paths

LOCK_WAIT_S = 5.0
"""How long loading definitions waits for a source that somebody else holds; the tables known last will do."""


@dataclass
class _Load:
    """How loading this component's definitions goes; copies of the component share it."""

    hurried: bool = False
    """Whether definitions wait for the state, so that looking must not take long."""
    why_stale: str = ""
    """What kept the state from being renewed or read; empty while nothing did."""
    reached: bool = False
    """Whether the state was handed over: what fails from then on is not about it."""
    keys: frozenset[dg.AssetKey] = frozenset()
    """The assets that the tables are."""


@dg.scaffold_with(TableGroupScaffolder)
class TableGroupComponent(dg.StateBackedComponent, dg.Model, dg.Resolvable):
    """Profile, test and watch the tables of one connection.

    The tables become assets with checks on them (or the checks go onto assets of yours), followed by the group's own assets, two jobs, its sensor and its
    schedules. `connection`, `table_group` and `metadata` take the keys that `connections.<name>`, `table_groups.<name>` and `metadata` take in a `dq.yaml`.

    In a `defs.yaml` relative paths count from its folder, and the metadata of all components lies in `.dq/metadata.db` of the project unless `metadata` says
    otherwise; in Python relative paths count from the working directory. Environment variables have their say through templates, `{{ env.NAME }}`, only.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    name: Name = Field(description="Name of the table group; part of its asset keys and job names.", examples=["sales"])
    connection: AnyConnection = Field(
        description="Where the tables are: the keys of `connections.<name>` of a `dq.yaml`.",
        examples=[{"type": "duckdb", "path": "{{ context.project_root }}/data"}],
    )
    connection_name: Name | None = Field(
        default=None, description="First part of the tables' asset keys, and name of the pool of what scans them; default: the group's name."
    )
    table_group: TableGroupOptions = Field(
        default_factory=TableGroupOptions,
        description="Which tables, how they arrive, what is done with them: the keys of `table_groups.<name>` of a `dq.yaml`, without `connection`.",
        examples=[{"batch": {"column": "ordered_at", "grain": "day"}}],
    )
    metadata: MetadataSettings = Field(
        default_factory=MetadataSettings,
        description="Where the results are kept: the keys of `metadata` of a `dq.yaml`; default: .dq/metadata.db of the project.",
        examples=[{"url": "sqlite:///{{ context.project_root }}/.dq/metadata.db"}],
    )
    project: Name = Field(default="default", description="Goes into every id.")
    translator: Annotated[TableGroupTranslator | None, WithJsonSchema({"type": "string"})] = Field(
        default=None,
        description="Dotted path of a subclass of dq_assets.TableGroupTranslator, which says which asset a table is.",
        examples=["shop.naming.MartsTranslator"],
    )
    shared: bool | None = Field(
        default=None, description="Whether this component declares dq/metadata_schema; default: the first component of the code location does."
    )
    defs_state: DefsStateConfigArgs = Field(
        default_factory=DefsStateConfigArgs.local_filesystem, description="Where the list of tables is kept between loads, and whether development renews it."
    )

    _load: _Load = PrivateAttr(default_factory=_Load)

    @field_validator("translator", mode="before")
    @classmethod
    def _translator(cls, value: object) -> object:
        if isinstance(value, str):
            module, _, name = value.rpartition(".")
            try:
                value = getattr(import_module(module), name)
            except (ImportError, AttributeError, ValueError) as error:
                raise ValueError(f"cannot be imported ({error}); write the dotted path of a class, as in shop.naming.MartsTranslator") from error
        if isinstance(value, type) and issubclass(value, TableGroupTranslator):
            return value()
        if value is None or isinstance(value, TableGroupTranslator):
            return value
        raise ValueError("not a translator; write a subclass of dq_assets.TableGroupTranslator")

    @field_validator("table_group", mode="after")
    @classmethod
    def _test_names(cls, value: TableGroupOptions) -> TableGroupOptions:
        names = [test.name for test in value.tests]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two tests are named {twice!r}; give each test of a group its own name")
        return value

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Return what the component makes, for Dagster's lists."""
        return dg.ComponentTypeSpec(tags=["data quality"], produces=["asset", "asset_check", "job", "schedule", "sensor"])

    @classmethod
    def model(cls) -> type[BaseModel]:
        """Return the model of the attributes, with the schema of the settings models."""
        return attributes_of(cls)

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Self:
        """Return the component that attributes describe, their templates rendered.

        Raises:
            pydantic.ValidationError: they describe none.
        """
        return cls(**rendered(context, dict(model.model_extra or {})))

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Return the component that a ``defs.yaml`` declares, with absolute paths.

        Raises:
            ConfigError: ``DQ-CONF-001`` with every mistake, one a line.
        """
        try:
            component = super().load(attributes, context)
        except ValidationError as error:
            raise mistakes(error, cls, context.resolution_context) from None
        here = with_absolute_paths(component.settings, context.resolution_context.resolve_source_relative_path("."))
        project = with_absolute_paths(component.settings, context.project_root)
        metadata = (here if "url" in component.metadata.model_fields_set else project).metadata
        (connection,) = here.connections.values()
        return component.model_copy(update={"connection": connection, "metadata": metadata})

    @property
    def settings(self) -> Settings:
        """The configuration that a ``dq.yaml`` with this group alone would give; the environment adds nothing."""
        group = TableGroupSettings.model_validate({"connection": self._connection_name, **self.table_group.model_dump(by_alias=True)})
        return Settings.model_construct(
            version=1,
            project=self.project,
            metadata=self.metadata,
            connections={self._connection_name: self.connection},
            table_groups={self.name: group},
        )

    @property
    def _connection_name(self) -> str:
        return self.connection_name or self.name

    @property
    def defs_state_config(self) -> DefsStateConfig:
        """Where the state is kept; its key is made of project and group."""
        return DefsStateConfig.from_args(self.defs_state, default_key=f"TableGroupComponent[{self.project}.{self.name}]")

    def write_state_to_path(self, state_path: Path) -> None:
        """Look up the group's tables in the source, as registering does, and write their list; nothing is registered.

        Raises:
            ConfigError: the masks select nothing, or tables and batches do not fit together.
            SourceError: the source cannot be reached.
            StoreError: ``DQ-STORE-011`` when the state cannot be written.
        """
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.register import discover

        looking = self.model_copy(update={"connection": self.connection.hurried(LOCK_WAIT_S)}) if self._load.hurried else self
        known = read_table_list(self.metadata.folder, self.name)
        before = {table.name for table in known.tables} if known else set()
        write_table_list_to(state_path, discover(StepContext.open(looking.settings), self.name, datetime.now(UTC), before))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the group's definitions, with the tables that state and table list know of, newest first.

        Raises:
            ConfigError: what ``build_defs_from_state`` raises; nothing about the state.
        """
        self._load = _Load(hurried=True)
        for refresh in dict.fromkeys((self.defs_state.refresh_if_dev, False)):
            attempt = self.model_copy(update={"defs_state": self.defs_state.model_copy(update={"refresh_if_dev": refresh})})
            try:
                return dg.StateBackedComponent.build_defs(attempt, context)
            except Exception as error:
                if self._load.reached:
                    raise
                self._load.why_stale = self._load.why_stale or _said(error)
        return self.build_defs_from_state(context, None)

    def build_defs_from_state(self, context: dg.ComponentLoadContext, state_path: Path | None) -> dg.Definitions:
        """Return the group's definitions with the tables of the state, or of the table list where that is newer.

        Warns once where there is no state, or none that can be read: then the tables are those registered last, else none.

        Raises:
            ConfigError: ``DQ-CONF-020`` when another component has one of the tables, ``-025`` when it has the group's name, and what
                ``build_table_group_defs`` raises.
        """
        self._load.reached = True
        listed = self._listed(state_path)
        neighbours = context.component_tree.get_all_components(of_type=TableGroupComponent)
        self._load.keys = frozenset(group_graph(self.settings, self.name, self.translator, listed).source_keys.values())
        if [other.name for other in neighbours].count(self.name) > 1:
            raise ConfigError("DQ-CONF-025", f"two components declare the table group {self.name!r}.", "give one of them another name.")
        for other in neighbours:
            if other.name != self.name and (both := self._load.keys & other.asset_keys):
                table = min(key.to_user_string() for key in both)
                raise ConfigError("DQ-CONF-020", f"{table} is in two groups, {other.name!r} and {self.name!r}.", "exclude it from one.")
        declares, declared = self._sharing(neighbours)
        group = build_table_group_defs(self.settings, self.name, shared=declared, translator=self.translator, table_list=listed)
        return dg.Definitions.merge(build_shared_defs(self.settings, list(group.jobs or []), shared=declares), group)

    @property
    def asset_keys(self) -> frozenset[dg.AssetKey]:
        """The assets that the group's tables are; none before the definitions were built."""
        return self._load.keys

    def _listed(self, state_path: Path | None) -> TableList:
        learned = read_table_list(self.metadata.folder, self.name)
        state = read_table_list_from(state_path, self.name) if state_path else None
        listed = newer_tables(state, learned) if state else learned
        if not state or self._load.why_stale:
            since = listed.discovered_at if listed else None
            known = f"the tables are those known since {since:%Y-%m-%d %H:%M} UTC." if since else "there are no tables yet."
            why = "there is no state yet" if state_path is None else "the state is damaged"
            how = f"run `dg utils refresh-defs-state` or materialize dq/{self.name}/table_group, then reload."
            said = f"{self._load.why_stale} Until then {known}" if self._load.why_stale else f"{why}; {known} Fix: {how}"
            warnings.warn(f"Table group {self.name!r}: {said}", stacklevel=2)
        return listed or TableList(table_group=self.name, tables=())

    def _sharing(self, components: Sequence["TableGroupComponent"]) -> tuple[bool, bool]:
        """Return whether this component declares ``dq/metadata_schema``, and whether any of the code location does: where none is told to, the first."""
        told = self.shared or any(component.shared for component in components)
        untold = [component.name for component in components if component.shared is None] or [self.name]
        mine = self.shared if self.shared is not None else not told and untold[0] == self.name
        return mine, told or mine or any(component.shared is None for component in components)


def _said(error: Exception) -> str:
    """Return why the state cannot be had, as a sentence."""
    text = str(error) if isinstance(error, DQError) else f"the state cannot be had: {type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
    return f"{text.rstrip('.')}."
