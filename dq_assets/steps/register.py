"""Register: find the group's tables in the source and record connection, group and tables."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from dq_assets.errors import ConfigError
from dq_assets.profiling.plan import TablePlan
from dq_assets.records.base import Record
from dq_assets.records.batches import Grain, batch_key, window
from dq_assets.records.check_ceiling import granularity_of
from dq_assets.records.enums import GeneralType
from dq_assets.records.table_list import ListedTable, TableList, read_table_list, write_table_list
from dq_assets.records.tables import Column, GroupTable, TableName
from dq_assets.steps.batches import batch_span
from dq_assets.steps.provision import ensure_ready

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from dq_assets.records.engine import Engine
    from dq_assets.settings import TableGroupSettings
    from dq_assets.steps.context import StepContext


BATCHES_SHOWN = {Grain.HOUR: timedelta(days=90), Grain.DAY: timedelta(days=3660), Grain.WEEK: timedelta(days=7320), Grain.MONTH: timedelta(days=14640)}
"""How far back from the newest batch others can be chosen in the UI: a row with a placeholder date must not make a century of them."""


class Registration(Record):
    """What registering found. ``changes`` is what differs from before, empty when nothing does."""

    tables: tuple[ListedTable, ...]
    changes: dict[str, Any]


def register(context: StepContext, group_name: str, now: datetime, *, actor: str = "system") -> Registration:
    """Record the tables that the group's masks select; tables that vanished are marked dropped.

    Raises:
        ConfigError: what ``discover`` raises; nothing is stored then.
        SourceError: the source cannot be reached.
    """
    ensure_ready(context, now)
    group = context.group(group_name)
    found = discover(context, group_name, now, {table.name for table in context.store.tables(group.table_group_id)})
    tables = [GroupTable(table_group_id=group.table_group_id, name=table.name, batch=table.batch) for table in found.tables]
    changes = context.store.apply_table_group(context.connection(group_name), group, tables, now=now, actor=actor)
    write_table_list(context.settings.metadata.folder, found)
    return Registration(tables=found.tables, changes=changes)


def discover(context: StepContext, group_name: str, now: datetime, before: Collection[TableName]) -> TableList:
    """Look up the tables that the group's masks select, and record nothing.

    Args:
        context: settings; of the store nothing is asked.
        group_name: the table group.
        now: when this happens.
        before: the tables that were known. What vanishes or breaks later is for the tests to tell, table by table; only what was never there is a
            mistake of the configuration.

    Returns:
        The tables, with the tests that the group's table list holds for them.

    Raises:
        ConfigError: ``DQ-CONF-010`` when the masks select nothing, ``-011`` when a batch column is missing or holds no time,
            ``-012`` when ``tables`` names one that is not there, ``-021`` when the tables make more checks than are allowed.
        SourceError: the source cannot be reached.
    """
    settings = context.group_settings(group_name)
    engine = context.engine(group_name)
    found = engine.tables()
    chosen = [table for table in found if is_selected(table, settings)]
    if not chosen:
        there = ", ".join(str(table) for table in found[:10]) or "none"
        raise ConfigError("DQ-CONF-010", f"table group {group_name!r}: include {list(settings.include)} selects no table.", f"tables there are: {there}.")
    for key in settings.tables:
        if not any(key in (table.table_name, str(table)) for table in [*before, *chosen]):
            raise ConfigError(
                "DQ-CONF-012", f"table group {group_name!r}: tables.{key} is not among its tables.", f"its tables are: {', '.join(map(str, chosen))}."
            )
    columns = engine.columns(chosen)
    listed = tuple(
        ListedTable(name=table, batch=settings.batch_of(table.schema_name, table.table_name), columns=tuple(columns[table]))
        for table in chosen
        if table in columns
    )
    for table in listed:
        if table.name not in before:
            _check_batch(group_name, table)
    listed_before = read_table_list(context.settings.metadata.folder, group_name)
    kept = tuple(test for test in listed_before.tests if test.table in {table.name for table in listed}) if listed_before else ()
    renewed = TableList(table_group=group_name, tables=listed, tests=kept, discovered_at=now)
    # A source that grew too large is taken whole or not at all.
    # Refuses what is above the ceiling, before it is stored.
    granularity_of(renewed, settings.check_granularity, blocking=settings.blocking != "never")
    return renewed.model_copy(update={"first_batch": _first_batch(context, group_name, engine, listed, listed_before, now)})


def _first_batch(
    context: StepContext, group_name: str, engine: Engine, tables: Sequence[ListedTable], before: TableList | None, now: datetime
) -> datetime | None:
    """Return the wall-clock start of the oldest batch of the coarsest grain, at most ``BATCHES_SHOWN`` before the newest.

    What an earlier registering of the same tables found stays.
    """
    grain = max((table.batch.grain for table in tables if table.batch.grain is not None), key=list(Grain).index, default=None)
    if grain is None:
        return None
    known = before.first_batch if before else None
    if known is not None and before is not None and before.tables == tuple(tables):
        return known
    as_of = context.wall_clock(group_name, now)
    starts: list[datetime] = []
    with engine.session("register", group_name) as session:
        for table in tables:
            plan = TablePlan(table=table.name, columns=table.columns, batch=table.batch, timezone=context.group_settings(group_name).timezone, as_of=as_of)
            if plan.batch_column is not None:
                starts += batch_span(session, plan, session.relation(table.name), engine.capabilities.dialect)
    # Counted back from the newest batch, not from today: data may be old.
    oldest, newest = min(starts, default=as_of), max(starts, default=as_of)
    return window(batch_key(max(oldest, newest - BATCHES_SHOWN[grain]), grain), grain)[0]


def is_selected(table: TableName, settings: TableGroupSettings) -> bool:
    """Whether a table matches an include mask and no exclude mask; masks are globs over ``table`` or ``schema.table``, case counts."""

    def matches(masks: Sequence[str]) -> bool:
        return any(fnmatchcase(name, mask) for mask in masks for name in (table.table_name, str(table)))

    return matches(settings.include) and not matches(settings.exclude)


def _cuts(column: Column, *, hours: bool) -> bool:
    return column.general_type is GeneralType.DATE and not (hours and column.data_type.upper() == "DATE")


def _check_batch(group_name: str, table: ListedTable) -> None:
    if not table.batch.is_timed:
        return
    column: Column | None = next((column for column in table.columns if column.name == table.batch.column), None)
    hours_wanted = table.batch.grain is Grain.HOUR
    if column is None or not _cuts(column, hours=hours_wanted):
        found = "is not there" if column is None else f"is of type {column.data_type}"
        times = ", ".join(column.name for column in table.columns if _cuts(column, hours=hours_wanted)) or "none"
        raise ConfigError(
            "DQ-CONF-011",
            f"table group {group_name!r}: batch column {table.batch.column!r} of {table.name} {found}.",
            f"{'its time columns' if hours_wanted else 'its date and time columns'} are: {times}; "
            f"where it is reloaded as one, write tables: {{{table.name.table_name}: {{batch: {{}}}}}}.",
        )
