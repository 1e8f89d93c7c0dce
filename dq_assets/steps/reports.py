"""The profile of each table as a page that a person reads, beside the metadata.

Decision: one page a table, renewed by every run, so that they stay few. It is written beside its place and then moved there, so that a reader never sees half of
one. What it shows went through the group's ``store_values`` before.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import quote

from dq_assets.profiling.report import write_page
from dq_assets.records.enums import BaselineStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dq_assets.records.tables import GroupTable, TableName
    from dq_assets.steps.context import StepContext
    from dq_assets.steps.profile_table import ProfiledTable

TRENDS_SHOWN = 366
"""How many batches a page shows, the newest."""
TREND_METRICS = frozenset({"row_count", "duplicate_row_count", "null_count", "distinct_count", "avg_value", "p50", "avg_length", "shape_count", "true_count"})


def report_path(context: StepContext, group_name: str, table: TableName) -> Path:
    """Return where the page of a table is."""
    # A name may hold what no file name does, and be longer than one.
    name = quote(str(table), safe=" ")[:180]
    return reports_folder(context, group_name) / f"{name}.html"


def reports_folder(context: StepContext, group_name: str) -> Path:
    """Return the folder of a group's pages."""
    return context.settings.metadata.folder / "reports" / group_name


def reports_of(context: StepContext, group_name: str) -> list[Path]:
    """Return the pages of a group's registered tables that are there."""
    paths = [report_path(context, group_name, table.name) for table in context.tables(group_name)]
    return [path for path in paths if path.is_file()]


def write_reports(context: StepContext, group_name: str, found: Sequence[tuple[GroupTable, ProfiledTable]]) -> None:
    """Write the page of every table that was scanned, with the course of its numbers over the batches that may teach."""
    shown = [(table, profiled.profile) for table, profiled in found if profiled.profile is not None and not profiled.carried]
    if not shown:
        return
    names = {column.column_id: column.column_name for _, profile in shown for column in profile.columns}
    trends: dict[str, dict[str, dict[str, list[tuple[str, float]]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for value in context.store.metric_series([table.table_id for table, _ in shown], baseline={BaselineStatus.LEARNED, BaselineStatus.PENDING}):
        if value.metric in TREND_METRICS and value.batch_key is not None and value.value is not None:
            trends[value.table_id][names.get(value.column_id or "", "")][value.metric].append((value.batch_key, value.value))
    for table, profile in shown:
        path = report_path(context, group_name, table.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        courses = {column: {metric: tuple(points[-TRENDS_SHOWN:]) for metric, points in metrics.items()} for column, metrics in trends[table.table_id].items()}
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        write_page([profile.model_copy(update={"trends": courses})], unfinished)
        unfinished.replace(path)
