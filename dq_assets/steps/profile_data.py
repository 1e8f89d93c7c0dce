"""Profile what somebody hands over in Python: find out what it is, open it, profile it, and let go of it.

Decision: whatever it is, it becomes a session with one relation in it, and from there on goes the way of every table.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator

from dq_assets.errors import ConfigError
from dq_assets.profiling.findings import Found, find, finding
from dq_assets.profiling.masking import masked, pii_risk, policy_for
from dq_assets.profiling.plan import TablePlan
from dq_assets.profiling.table_profile import BatchProfiles, TableProfile
from dq_assets.records.base import Record
from dq_assets.records.batches import WHOLE, BatchSpec, Grain, batch_key
from dq_assets.records.enums import GeneralType, StoreValues
from dq_assets.records.sampling import Sampling
from dq_assets.records.tables import TableName
from dq_assets.settings import DuckDBConnection, Timezone
from dq_assets.steps.measure import Question
from dq_assets.steps.profile_relation import Identity, profile_relation
from dq_assets.steps.sampled import sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlglot import exp

    from dq_assets.errors import SourceError
    from dq_assets.profiling.masking import ValuePolicy
    from dq_assets.records.engine import Capabilities, Engine, Session
    from dq_assets.records.tables import Column

FRAME_SCHEMA = "main"


class DataOptions(Record):
    """How data that was handed over is profiled."""

    table: str | None = None
    batch: BatchSpec = WHOLE
    name: str | None = Field(default=None, min_length=1)
    timezone: Timezone = "UTC"
    as_of: datetime
    store_values: StoreValues = StoreValues.MASKED
    sample: Sampling = Sampling()
    memory_limit: str | None = None
    threads: int | None = Field(default=None, ge=1)
    timeout_s: float | None = Field(default=None, gt=0)
    whole_rows: bool = True

    @field_validator("batch", mode="before")
    @classmethod
    def _batch(cls, given: object) -> object:
        if given is None:
            return WHOLE
        return {"column": given[0], "grain": given[1]} if isinstance(given, (tuple, list)) and len(given) == 2 else given

    @field_validator("sample", mode="before")
    @classmethod
    def _sample(cls, given: object) -> object:
        return Sampling() if given is None else given

    @classmethod
    def of(cls, **given: object) -> DataOptions:
        """Return the options given.

        Raises:
            ConfigError: ``DQ-PROF-001`` when one has a value that cannot be used.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in wrong["loc"])
            raise ConfigError("DQ-PROF-001", f"{where} is {wrong['input']!r}.", f"{wrong['msg']}.") from None

    @property
    def wall_clock(self) -> datetime:
        """``as_of`` as naive time of the zone."""
        moment = self.as_of if self.as_of.tzinfo else self.as_of.replace(tzinfo=UTC)
        return moment.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)


class _Opened(NamedTuple):
    session: Session
    capabilities: Capabilities
    table: TableName
    columns: list[Column]
    relation: exp.Expr


def profile_data(data: object, options: DataOptions, progress: Callable[[str], None]) -> TableProfile | BatchProfiles:
    """Profile ``data``; see ``dq_assets.profile``."""
    with _opened(data, options) as opened:
        batch = _batch_of(opened, options)
        question = Question(
            session=opened.session,
            capabilities=opened.capabilities,
            relation=opened.relation,
            columns=opened.columns,
            timezone=options.timezone,
            as_of=options.wall_clock,
            batch=batch,
            timeout_s=options.timeout_s,
            whole_rows=options.whole_rows,
            progress=progress,
        )
        shown = TableName(schema_name=opened.table.schema_name, table_name=options.name or opened.table.table_name)
        with sampled(question, options.sample, options.batch) as (asked, as_of_all_rows):
            found = profile_relation(asked, Identity(shown))
        grain = options.batch.grain or Grain.DAY
        newest = max((start for start in found.profiles if start is not None), default=None)
        profiles = [
            _told(as_of_all_rows(profile, start), shown, options, found.errors if start == newest else [], batch_key(start, grain) if start else None)
            for start, profile in found.profiles.items()
        ]
    return BatchProfiles(profiles) if options.batch.is_timed else profiles[0]


def _told(profile: TableProfile, table: TableName, options: DataOptions, errors: list[tuple[str | None, str, SourceError]], key: str | None) -> TableProfile:
    """Return the profile with names, findings and masked values; of batches, the newest one says what could not be measured."""
    columns = tuple(with_pii_risk(column) for column in profile.columns)
    findings = [*([] if key is not None else find(table, "", columns)), *not_measured(table, "", errors)]
    policy = policy_of(options.store_values, columns)
    name = table.table_name if table.schema_name == FRAME_SCHEMA else str(table)
    kept = tuple(masked(column, policy, options.batch.column) for column in columns)
    return profile.model_copy(update={"name": name, "batch_key": key, "columns": kept, "findings": tuple(findings)})


def with_pii_risk(column: Any) -> Any:
    """Return a column's profile with what kind of personal data it seems to hold."""
    emails = int(column.metrics.get("email_count") or 0)
    risk = pii_risk(column.column_name, column.general_type, values=column.record_count - column.null_count, emails=emails)
    return column.model_copy(update={"pii_risk": risk}) if risk else column


def policy_of(store_values: StoreValues, columns: tuple[Any, ...]) -> ValuePolicy:
    """Return which values of some columns may be kept; what a nested value holds was never looked at."""
    return policy_for(store_values, [column.column_name for column in columns if column.pii_risk or column.general_type is GeneralType.OTHER])


def not_measured(table: TableName, table_id: str, errors: list[tuple[str | None, str, SourceError]]) -> list[Any]:
    """Return a finding for each column of which something could not be measured."""
    return [finding("not_profiled", table, table_id, Found(f"{what}: {error.message}"), column_name=name) for name, what, error in errors]


def _batch_of(opened: _Opened, options: DataOptions) -> exp.Expr | None:
    if not options.batch.is_timed:
        return None
    plan = TablePlan(table=opened.table, columns=tuple(opened.columns), batch=options.batch, timezone=options.timezone, as_of=options.wall_clock)
    column = plan.batch_column
    if column is None or column.general_type is not GeneralType.DATE:
        times = ", ".join(each.name for each in opened.columns if each.general_type is GeneralType.DATE) or "none"
        raise ConfigError("DQ-PROF-001", f"batch: {options.batch.column!r} is no time column of {opened.table}.", f"its time columns are: {times}.")
    return plan.batch_start(opened.capabilities.dialect)


@contextmanager
def _opened(data: Any, options: DataOptions) -> Iterator[_Opened]:
    library = type(data).__module__.partition(".")[0]
    if isinstance(data, (str, PathLike)):
        from dq_assets.engines.duckdb_engine import DuckDBEngine

        connection = _duckdb_connection(Path(data), options)
        with _of_engine(DuckDBEngine(connection), options) as opened:
            yield opened
    elif library == "sqlalchemy":
        from dq_assets.engines.sqlalchemy_engine import SQLAlchemyEngine

        with _of_engine(SQLAlchemyEngine.of(data), options) as opened:
            yield opened
    elif library == "pyspark" and hasattr(data, "createOrReplaceTempView"):
        with _of_spark_frame(data, options) as opened:
            yield opened
    elif library == "pyspark":
        from dq_assets.engines.spark_engine import SparkEngine

        with _of_engine(SparkEngine.of(data), options) as opened:
            yield opened
    elif hasattr(data, "session") and hasattr(data, "capabilities"):
        with _of_engine(data, options) as opened:
            yield opened
    else:
        with _of_frame(data, options) as opened:
            yield opened


def _duckdb_connection(path: Path, options: DataOptions) -> DuckDBConnection:
    try:
        return DuckDBConnection(type="duckdb", path=path, memory_limit=options.memory_limit, threads=options.threads)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        raise ConfigError("DQ-PROF-001", f"{wrong['loc'][0]} is {wrong['input']!r}.", f"{wrong['msg']}.") from None


@contextmanager
def _of_engine(engine: Engine, options: DataOptions) -> Iterator[_Opened]:
    # The session first: what else is asked of a DuckDB file then finds it open.
    with engine.session("profile", "") as session:
        name = _chosen(engine.tables(), options.table)
        columns = engine.columns([name])[name]
        yield _Opened(session, engine.capabilities, name, columns, session.relation(name))


def _chosen(tables: list[TableName], wanted: str | None) -> TableName:
    fitting = [name for name in tables if wanted in (None, name.table_name, str(name))]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(map(str, tables[:10])) + (", …" if len(tables) > 10 else "") or "none"
    what = "table is not given" if wanted is None else f"table is {wanted!r}, which {'several tables are called' if fitting else 'is not there'}"
    raise ConfigError("DQ-PROF-001", f"{what}.", f"tables there are: {there}.")


@contextmanager
def _of_frame(data: Any, options: DataOptions) -> Iterator[_Opened]:
    from dq_assets.engines.duckdb_engine import CAPABILITIES
    from dq_assets.engines.frames import arrow_table, open_frames

    name = TableName(schema_name=FRAME_SCHEMA, table_name=options.name or "frame")
    with open_frames({name: arrow_table(data, name.table_name)}, memory_limit=options.memory_limit, threads=options.threads) as session:
        yield _Opened(session, CAPABILITIES, name, session.columns([name])[name], session.relation(name))


@contextmanager
def _of_spark_frame(data: Any, options: DataOptions) -> Iterator[_Opened]:
    from dq_assets.engines.spark_engine import SparkEngine

    view = f"dq_profile_{uuid4().hex}"
    data.createOrReplaceTempView(view)
    try:
        engine = SparkEngine.of(data.sparkSession)
        with _of_engine(engine, options.model_copy(update={"table": view})) as opened:
            yield opened._replace(table=TableName(schema_name=FRAME_SCHEMA, table_name=options.name or "frame"))
    finally:
        data.sparkSession.catalog.dropTempView(view)
