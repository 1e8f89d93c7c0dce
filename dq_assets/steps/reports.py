"""The profile of each table as a page that a person reads, beside the metadata.

Decision: one page a table, renewed by every run, so that they stay few. It is written beside its place and then moved there, so that a reader never
sees half of one. What it shows went through the group's ``store_values`` before.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from dq_assets.profiling.masking import VALUES_OF_THE_DATA
from dq_assets.profiling.report import write_page
from dq_assets.records.enums import BaselineStatus
from dq_assets.steps.profile_data import policy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dq_assets.records.tables import GroupTable, TableName
    from dq_assets.steps.context import StepContext
    from dq_assets.steps.profile_table import ProfiledTable

LONGEST_NAME = 180
TRENDS_SHOWN = 366
"""How many batches a page shows, the newest."""
TREND_METRICS = frozenset({"row_count", "duplicate_row_count", "null_count", "distinct_count", "avg_value", "p50", "avg_length", "shape_count", "true_count"})


def report_path(context: StepContext, group_name: str, table: TableName) -> Path:
    """Return where the page of a table is."""
    # A name may hold what no file name does, and be longer than one.
    name = quote(str(table), safe=" ")
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return reports_folder(context, group_name) / f"{name}.html"


def reports_folder(context: StepContext, group_name: str) -> Path:
    """Return the folder of a group's pages."""
    return context.settings.metadata.folder / "reports" / group_name


def reports_of(context: StepContext, group_name: str) -> list[Path]:
    """Return the pages of a group's registered tables that are there."""
    paths = [report_path(context, group_name, table.name) for table in context.tables(group_name)]
    return [path for path in paths if path.is_file()]


def write_reports(
    context: StepContext, group_name: str, found: Sequence[tuple[GroupTable, ProfiledTable]], progress: Callable[[str], None] = lambda _: None
) -> None:
    """Write the page of every table that was scanned, with the course of its numbers over the batches that may teach.

    A page that cannot be written is told of: the run, which is stored by then, stands.
    """
    shown = [(table, profiled.profile) for table, profiled in found if profiled.profile is not None and not profiled.carried]
    if not shown:
        return
    names = {column.column_id: column.column_name for _, profile in shown for column in profile.columns}
    trends: dict[str, dict[str, dict[str, list[tuple[str, float]]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    store_values = context.group_settings(group_name).store_values
    hidden = {
        column.column_id for _, profile in shown for column in profile.columns if not policy_of(store_values, profile.columns).may_store(column.column_name)
    }
    for value in context.store.metric_series([table.table_id for table, _ in shown], baseline={BaselineStatus.LEARNED, BaselineStatus.PENDING}):
        is_shown = value.column_id is None or (value.column_id in names and not (value.column_id in hidden and value.metric in VALUES_OF_THE_DATA))
        if is_shown and value.metric in TREND_METRICS and value.batch_key is not None and value.value is not None:
            trends[value.table_id][names[value.column_id] if value.column_id else ""][value.metric].append((value.batch_key, value.value))
    for table, profile in shown:
        path = report_path(context, group_name, table.name)
        courses = {column: {metric: tuple(points[-TRENDS_SHOWN:]) for metric, points in metrics.items()} for column, metrics in trends[table.table_id].items()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as folder:
                write_page([profile.model_copy(update={"trends": courses})], Path(folder, "page.html")).replace(path)
        except OSError as error:
            progress(f"the page of {table.name} could not be written: {error.strerror}")
