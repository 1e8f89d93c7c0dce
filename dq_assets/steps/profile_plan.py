"""What a profile run would ask, before it asks anything: tables, statements, bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_assets.records.base import Record
from dq_assets.steps.profile import table_plan, version_of
from dq_assets.steps.profiling_budget import known_sizes
from dq_assets.steps.sources import readable_columns

if TYPE_CHECKING:
    from dq_assets.steps.context import RunRequest, StepContext


class PlannedTable(Record):
    """One table: how it is measured, in about how many statements, and its size where the engine tells."""

    table: str
    columns: int
    batches: str
    plan: str
    statements: int
    size_bytes: int | None
    unchanged: bool


def plan_of_profile(context: StepContext, group_name: str, request: RunRequest) -> list[PlannedTable]:
    """Return what profiling a group would ask of its source.

    The number of statements is an upper bound where it depends on what the first one answers.

    Raises:
        EvaluationError: the group has no registered table.
        SourceError: the source cannot be reached.
    """
    from dq_assets.steps.unchanged import last_profiles

    tables, engine = context.tables(group_name), context.engine(group_name)
    names = [table.name for table in tables]
    columns, _ = readable_columns(engine, names)
    sizes, versions = known_sizes(engine, names), engine.change_tokens(names)
    before = last_profiles(context.store, context.group(group_name).table_group_id, version_of(context, group_name, tables))
    planned = []
    for table in tables:
        if table.name not in columns:
            continue
        plan = table_plan(context, group_name, request, table, columns[table.name])
        known = context.store.profiled_batches(table.table_id)
        whole = known.get(None)
        planned.append(
            PlannedTable(
                table=str(table.name),
                columns=len(plan.columns),
                batches=f"{table.batch.grain} of {table.batch.column}" if table.batch.is_timed else "whole table",
                plan="dictionaries" if engine.capabilities.temporary_tables else "wide aggregates",
                statements=statements(plan.columns, engine.capabilities, timed=table.batch.is_timed),
                size_bytes=sizes.get(table.name),
                unchanged=table.table_id in before and whole is not None and whole.data_version == versions.get(table.name),
            )
        )
    return planned


def statements(columns: Any, capabilities: Any, *, timed: bool) -> int:
    """Return how many statements profiling some columns takes at most."""
    from dq_assets.profiling.dictionary import family_of
    from dq_assets.profiling.metrics import metrics_of
    from dq_assets.records.enums import GeneralType
    from dq_assets.steps.measure_rows import COLUMNS_AT_ONCE

    parts = -(-len(columns) // COLUMNS_AT_ONCE)
    aggregates = sum(len(metrics_of(column.general_type)) for column in columns)
    wide = -(-aggregates // capabilities.max_aggregates) + parts
    about_rows = 6
    if capabilities.temporary_tables:
        families = {family_of(column) for column in columns}
        per_family = {GeneralType.NUMBER: 4, GeneralType.DATE: 5, GeneralType.TEXT: 7}
        whole = len(columns) + sum(per_family.get(family.general_type, 2) for family in families)
    else:
        whole = wide + 2 * parts
    # Of each column its values, its shapes and what it refers to are asked for once more, for learning.
    return whole + about_rows + 3 * len(columns) + ((wide + len(columns) + 8) if timed else 0)
