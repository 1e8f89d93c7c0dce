"""The configuration as a typed model: one file (``dq.yaml``) or one ``defs.yaml``, overridden by the environment.

Decision: the model is the schema. Whatever it accepts has an effect; an unknown key is an error, not a shrug. Reading a file, finding
line numbers and telling fixes is ``dq_assets.settings_file``; here is only what is valid. Environment variables override the file:
``DQ_METADATA__URL``, ``DQ_CONNECTIONS__WAREHOUSE__PATH``, ``DQ_TABLE_GROUPS__SALES__TIMEZONE`` and so on.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dq_assets.errors import ConfigError
from dq_assets.records.batches import WHOLE, BatchSpec
from dq_assets.records.crons import next_fire, zone
from dq_assets.records.enums import Severity, StoreValues
from dq_assets.records.sampling import ProfilingLimits, Sampling

STORAGE_FORMATS = ("delta",)
POSTGRESQL_SCHEMES = ("postgresql", "postgresql+psycopg")
_IDENTIFIER = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")
_SECRET_REFERENCE = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|databricks:[^/]+/.+)$")


def _name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError("a name starts with a letter and holds letters, digits and underscores only (it becomes part of Dagster names)")
    return value


def _timezone(value: str) -> str:
    zone(value)
    return value


def _secret_reference(value: str) -> str:
    if not _SECRET_REFERENCE.match(value):
        raise ValueError("secrets are referred to, never written down; write env:NAME, file:PATH or databricks:SCOPE/KEY")
    return value


def _cron(value: str) -> str:
    next_fire(value, "UTC", datetime(2024, 1, 1, tzinfo=UTC))
    return value


Name = Annotated[str, AfterValidator(_name)]
Cron = Annotated[str, AfterValidator(_cron)]
Timezone = Annotated[str, AfterValidator(_timezone)]
SecretReference = Annotated[str, AfterValidator(_secret_reference)]


def read_secret(reference: str) -> str:
    """Return what a secret reference stands for; of a file the text without the line break at its end.

    Raises:
        ConfigError: ``DQ-CONF-040`` when it is not there or cannot be read.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        if (value := os.environ.get(name)) is None:
            raise ConfigError("DQ-CONF-040", f"the secret {reference} is not there: no environment variable {name} is set.", "set it.")
        return value
    if kind == "file":
        try:
            return Path(name).expanduser().read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise ConfigError("DQ-CONF-040", f"the secret {reference} cannot be read: {why}.", "let this user read the file, or name another.") from None
    raise ConfigError("DQ-CONF-040", f"the secret {reference} cannot be read from here.", "write env:NAME or file:PATH.")


class Section(BaseModel):
    """A part of the configuration: frozen, unknown keys refused; its errors do not repeat what they found, which may be a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class MetadataSettings(Section):
    """Where the ``dq_*`` tables live."""

    url: str = Field(default="sqlite:///.dq/metadata.db", description="SQLAlchemy URL without a password; relative paths count from this file.")
    data_quality_schema: str = Field(default="dq_metadata", description="Schema of the metadata tables (not used by SQLite, which has none).")
    data_quality_storage_format: str = Field(default="delta", description="Storage format of the metadata tables on Databricks.")
    data_quality_auto_manage_tables: bool = Field(default=True, description="Runs create and upgrade the metadata tables; if false, only `dq provision` does.")

    @property
    def folder(self) -> Path:
        """The folder of the SQLite file; files that belong to the metadata lie beside it."""
        return Path(self.url.removeprefix("sqlite:///")).parent

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if re.match(r"^[^:]+://[^/@]*:[^/@]*@", value):
            raise ValueError("the URL carries a password; secrets are referred to, never written down: leave it out of the URL")
        if not value.startswith("sqlite:///"):
            raise ValueError("metadata is kept in SQLite in this version; write sqlite:///PATH")
        return value

    @field_validator("data_quality_schema")
    @classmethod
    def _schema(cls, value: str) -> str:
        if len(value) > 120:
            raise ValueError(f"{len(value)} characters; a schema name has at most 120")
        if not _IDENTIFIER.match(value):
            raise ValueError("not a Databricks identifier; it starts with a letter or underscore and holds letters, digits and underscores only")
        return value

    @field_validator("data_quality_storage_format")
    @classmethod
    def _storage_format(cls, value: str) -> str:
        if value not in STORAGE_FORMATS:
            raise ValueError(f"not supported; supported is: {', '.join(STORAGE_FORMATS)}")
        return value


class DuckDBConnection(Section):
    """A DuckDB database file, or a folder in which each sub-folder or file of Parquet or CSV is a table."""

    type: Literal["duckdb"] = Field(description="Which engine scans the tables.")
    path: Path = Field(description="Database file or folder; a relative path counts from the configuration file.")
    lock_wait_s: float = Field(default=60, ge=0, le=3600, description="Seconds to wait for a database file that another process holds.")
    memory_limit: str | None = Field(default=None, pattern=r"^\d+(\.\d+)?\s?(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$", description="Like 4GB; default: DuckDB's own.")
    threads: int | None = Field(default=None, ge=1, le=1024, description="DuckDB's threads; default: all cores.")

    def below(self, folder: Path) -> Self:
        """Return the connection with its relative path counted from ``folder``."""
        return self.model_copy(update={"path": folder / self.path.expanduser()})

    def hurried(self, seconds: float) -> Self:
        """Return the connection with at most so many seconds of waiting for its source."""
        return self.model_copy(update={"lock_wait_s": min(self.lock_wait_s, seconds)})


class PostgreSQLConnection(Section):
    """A PostgreSQL database."""

    type: Literal["postgresql"] = Field(description="Which engine scans the tables.")
    url: str = Field(description="Like postgresql://USER@HOST:5432/DATABASE?sslmode=require; without a password.")
    password: SecretReference | None = Field(
        default=None, description="Where the password is: env:NAME or file:PATH, a relative path counts from the configuration file; default: none."
    )
    schemas: tuple[str, ...] = Field(default=(), description="Schemas to look into; default: all but PostgreSQL's own.")
    connect_timeout_s: float = Field(default=10, ge=1, le=3600, description="Seconds to wait for the server to answer.")
    statement_timeout_s: float = Field(default=3600, ge=0.001, le=604800, description="Seconds after which the server stops a statement.")

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        unreadable = ValueError("this URL cannot be read; write postgresql://USER@HOST:5432/DATABASE, with odd characters percent-encoded")
        try:
            url = urlsplit(value)
            asked = dict(parse_qsl(url.query, keep_blank_values=True))
            _ = url.port
        except ValueError:
            raise unreadable from None
        if url.password is not None or asked.keys() & {"password", "sslpassword"}:
            raise ValueError("the URL carries a password; secrets are referred to, never written down: leave it out and set `password`")
        if url.scheme not in POSTGRESQL_SCHEMES:
            raise ValueError("not the URL of a PostgreSQL database; write postgresql://USER@HOST:5432/DATABASE")
        if url.fragment or "@" in url.path or not url.path.strip("/"):
            raise unreadable
        return value

    @field_validator("password")
    @classmethod
    def _password(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("databricks:"):
            raise ValueError("a Databricks secret is not read outside Databricks in this version; write env:NAME or file:PATH")
        return value

    def below(self, folder: Path) -> Self:
        """Return the connection with the relative path of its password's file counted from ``folder``."""
        if self.password is None or not self.password.startswith("file:"):
            return self
        return self.model_copy(update={"password": f"file:{folder / Path(self.password.removeprefix('file:')).expanduser()}"})

    def hurried(self, seconds: float) -> Self:
        """Return the connection with at most so many seconds of waiting for its source."""
        return self.model_copy(update={"connect_timeout_s": min(self.connect_timeout_s, seconds)})


AnyConnection = Annotated[DuckDBConnection | PostgreSQLConnection, Field(discriminator="type")]


def _asset_key(value: str) -> str:
    try:
        parts = value.format(schema="s", table="t").split("/")
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError("not an asset key; write parts between slashes, with {schema} and {table} where they belong") from error
    if not all(re.fullmatch(r"[A-Za-z0-9_.-]+", part) for part in parts):
        raise ValueError("not an asset key; write parts between slashes, with {schema} and {table} where they belong")
    return value


AssetKeyText = Annotated[str, AfterValidator(_asset_key)]


class TableSettings(Section):
    """What differs for one table of a group."""

    batch: BatchSpec | None = Field(default=None, description="How this table is cut into batches; default: the group's.")
    asset_key: AssetKeyText | None = Field(default=None, description="The table's asset in the graph, as in `marts/orders`; default: the group's pattern.")


class ScheduleSettings(Section):
    """Cron expressions; a job without one is started by hand or by a sensor."""

    learn: Cron | None = Field(default=None, description="Profile again and renew the tests.")
    validate_: Cron | None = Field(default=None, alias="validate", description="Test what has arrived.")
    timezone: Timezone | None = Field(default=None, description="Zone of the two; default: the group's.")


class ManualTest(Section):
    """A test written by hand. ``parameters`` are those of the rule type (``docs/rules.md``).

    ``low`` and ``high`` bound the measure, both included; of a rule that counts failing rows only ``high``, 0 where it is left out.
    """

    name: str = Field(min_length=1, max_length=200, description="Unique in the group.")
    rule_type: str = Field(description="Which rule; docs/rules.md lists them.")
    table: str = Field(description="`table` or `schema.table`.")
    columns: tuple[str, ...] = Field(default=(), description="Which columns the rule looks at.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Those of the rule type.")
    filter: str | None = Field(default=None, description="Only rows where this condition holds.")
    low: float | None = Field(default=None, description="Lowest good measure, for rules that measure.")
    high: float | None = Field(default=None, description="Highest good measure; of a rule that counts failing rows, how many may fail.")
    severity: Literal[Severity.WARNING, Severity.ERROR, Severity.FATAL] = Field(default=Severity.ERROR, description="What a failure counts as.")
    description: str = Field(default="", description="What the test is for.")


class OnConnection(Section):
    """What is declared on a connection."""

    connection: Name = Field(description="One of `connections`.")


class TableGroupOptions(Section):
    """Everything about a table group but its connection: what ``table_group`` of a component holds."""

    description: str | None = Field(default=None, description="What the tables are about.")
    include: tuple[str, ...] = Field(default=("*",), min_length=1, description="Glob masks over `schema.table` or `table`.")
    exclude: tuple[str, ...] = Field(default=(), description="Glob masks; they win over include.")
    timezone: Timezone = Field(default="UTC", description="Batches are cut and naive timestamps are read in this zone.")
    batch: BatchSpec = Field(default=WHOLE, description="How tables are cut into batches unless `tables` says otherwise.")
    tables: dict[str, TableSettings] = Field(default_factory=dict, description="Per table, by `table` or `schema.table`.")
    schedules: ScheduleSettings = Field(default_factory=ScheduleSettings, description="When the group's jobs start by themselves.")
    automation: Literal["running", "stopped"] = Field(
        default="running", description="Whether the group's sensor and schedules start by themselves; the UI switches each of them on and off."
    )
    trigger: Literal["sensor", "automation"] = Field(
        default="sensor",
        description="Who starts validation when data arrives: the ingestion sensor, or automation conditions on what it or your own assets report.",
    )
    learn_after_validation: bool = Field(default=True, description="Renew the tests after each validation; batches that failed teach nothing.")
    source_assets: Literal["create", "attach"] = Field(
        default="create", description="Whether the tables become assets of this code location, or checks attach to assets that are there already."
    )
    asset_key: AssetKeyText | None = Field(
        default=None, description="Pattern of the tables' asset keys, with {schema} and {table}, as in `marts/{table}`; default: `connection/schema/table`."
    )
    check_granularity: Literal["table", "dimension", "rule"] | None = Field(
        default=None, description="One check a table, one a table and dimension, or one a test; default: dimension, or table where that makes too many."
    )
    blocking: Literal["never", "fatal"] = Field(default="never", description="Whether a failed test of severity fatal holds back what comes after the table.")
    fail_run_on: Literal["never", "error", "fatal"] = Field(default="never", description="From which severity a failed test fails the Dagster run.")
    store_values: StoreValues = Field(default=StoreValues.MASKED, description="Which values may leave the engine: none, masked (PII columns masked) or all.")
    sample: Sampling = Field(default_factory=Sampling, description="Which part of the rows is profiled; default: all of them.")
    limits: ProfilingLimits = Field(default_factory=ProfilingLimits, description="What profiling may cost; what is beyond becomes a finding.")
    failed_row_sample: int = Field(default=10, ge=0, le=1000, description="How many failing rows are kept per failed test and batch.")
    tests: tuple[ManualTest, ...] = Field(default=(), description="Tests written by hand, beside those that are proposed.")

    def batch_of(self, schema_name: str, table_name: str) -> BatchSpec:
        """Return the batch specification of a table: its own entry, else the group's."""
        for key in (f"{schema_name}.{table_name}", table_name):
            if key in self.tables and (batch := self.tables[key].batch) is not None:
                return batch
        return self.batch

    def asset_key_of(self, schema_name: str, table_name: str) -> tuple[str, ...] | None:
        """Return the parts of the asset key that is configured for a table, or None where none is."""
        own = (self.tables[key].asset_key for key in (f"{schema_name}.{table_name}", table_name) if key in self.tables)
        pattern = next((key for key in own if key is not None), self.asset_key)
        return tuple(part.format(schema=schema_name, table=table_name) for part in pattern.split("/")) if pattern else None


class TableGroupSettings(TableGroupOptions, OnConnection):
    """Tables of one connection that are profiled and tested together."""


class Settings(BaseSettings):
    """The whole configuration. Build it with ``dq_assets.settings_file.load_settings``, which knows the file."""

    model_config = SettingsConfigDict(env_prefix="DQ_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1] = Field(description="Version of this file's format.")
    project: Name = "default"
    metadata: MetadataSettings = Field(default_factory=MetadataSettings)
    connections: dict[Name, AnyConnection] = Field(default_factory=dict)
    table_groups: dict[Name, TableGroupSettings] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _references(self) -> Settings:
        for name, group in self.table_groups.items():
            if group.connection not in self.connections:
                known = ", ".join(sorted(self.connections)) or "none"
                raise ValueError(f"table_groups.{name}.connection names {group.connection!r}, which is not declared; connections declared: {known}")
        return self
