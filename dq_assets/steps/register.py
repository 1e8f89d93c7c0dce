"""Register: find the group's tables in the source and record connection, group and tables."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from dq_assets.errors import ConfigError
from dq_assets.records.base import Record
from dq_assets.records.batches import Grain
from dq_assets.records.enums import GeneralType
from dq_assets.records.table_list import ListedTable, TableList, write_table_list
from dq_assets.records.tables import Column, GroupTable, TableName
from dq_assets.steps.provision import ensure_ready

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dq_assets.settings import TableGroupSettings
    from dq_assets.steps.context import StepContext


class Registration(Record):
    """What registering found. ``changes`` is what differs from before, empty when nothing does."""

    tables: tuple[ListedTable, ...]
    changes: dict[str, Any]


def register(context: StepContext, group_name: str, now: datetime, *, actor: str = "system") -> Registration:
    """Record the tables that the group's masks select; tables that vanished are marked dropped.

    Raises:
        ConfigError: ``DQ-CONF-010`` when the masks select nothing, ``-011`` when a batch column is missing or holds no time,
            ``-012`` when ``tables`` names one that is not there.
        SourceError: the source cannot be reached.
    """
    settings = context.group_settings(group_name)
    ensure_ready(context, now)
    engine = context.engine(group_name)
    found = engine.tables()
    chosen = [table for table in found if is_selected(table, settings)]
    if not chosen:
        there = ", ".join(str(table) for table in found[:10]) or "none"
        raise ConfigError("DQ-CONF-010", f"table group {group_name!r}: include {list(settings.include)} selects no table.", f"tables there are: {there}.")
    group = context.group(group_name)
    # What vanishes or breaks later is for the tests to tell, table by table; only what was never there is a mistake of the configuration.
    before = {table.name for table in context.store.tables(group.table_group_id)}
    for key in settings.tables:
        if not any(key in (table.table_name, str(table)) for table in before.union(chosen)):
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
    tables = [GroupTable(table_group_id=group.table_group_id, name=table.name, batch=table.batch) for table in listed]
    changes = context.store.apply_table_group(context.connection(group_name), group, tables, now=now, actor=actor)
    write_table_list(context.settings.metadata.folder, TableList(table_group=group_name, tables=listed))
    return Registration(tables=listed, changes=changes)


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
