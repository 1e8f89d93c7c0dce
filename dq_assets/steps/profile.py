"""Profile: scan every table of a group, find what is odd, and add to the series that tests are learned from."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from dq_assets.errors import EvaluationError, SourceError
from dq_assets.profiling.findings import Found, finding
from dq_assets.profiling.plan import TablePlan, orphan_count
from dq_assets.records import identity
from dq_assets.records.enums import BaselineStatus, GeneralType, Verdict
from dq_assets.records.profiles import ColumnProfile, Finding, GroupProfile, MetricValue, ProfileRun, StateRow
from dq_assets.steps.profile_table import BatchHistory, ProfiledTable, TableScan, profile_table, skipped_profile, unreadable_profile
from dq_assets.steps.profiling_budget import Budget
from dq_assets.steps.provision import ensure_ready
from dq_assets.steps.reports import write_reports
from dq_assets.steps.sources import readable_columns
from dq_assets.steps.unchanged import last_profiles, unchanged_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from dq_assets.records.engine import Engine, Session
    from dq_assets.records.tables import Column, GroupTable, TableName
    from dq_assets.steps.context import RunRequest, StepContext

PROFILE_VERSION = "2"
Progress = Callable[[str], None]


def profile(context: StepContext, group_name: str, request: RunRequest, progress: Progress = lambda _: None) -> ProfileRun:
    """Profile a group and return the completed run.

    A table that did not change is not scanned again, nor is a batch whose rows and validation stayed. Batches whose validation failed, and batches no
    suite has judged yet, are kept out of learning (``excluded``, ``pending``).

    Raises:
        EvaluationError: the group has no registered table, or no batch in the range asked for (``DQ-RUN-004``).
        SourceError: the source cannot be read; the run is marked failed.
        StoreError: nothing of the run is visible.
    """
    ensure_ready(context, request.started_at)
    group = context.group(group_name)
    tables = context.tables(group_name)
    engine = context.engine(group_name)
    names = [table.name for table in tables]
    versions = engine.change_tokens(names)
    token = request.token or f"{sorted((str(name), version) for name, version in versions.items())}@{request.as_of.isoformat()}{request.batches or ''}"
    run = context.store.start_profile_run(
        ProfileRun(
            profile_run_id=identity.run_id("profile", group.table_group_id, token),
            project_key=group.project_key,
            table_group_id=group.table_group_id,
            as_of=request.as_of,
            started_at=request.started_at,
            profile_version=version_of(context, group_name, tables),
            dagster_run_id=request.dagster_run_id,
            trigger_source=request.trigger_source,
        )
    )
    clicked = perf_counter()
    try:
        found = _scan(context, group_name, request, engine, tables, versions, run.profile_run_id, progress)
        after = engine.change_tokens(names)
        _refuse_nothing(group_name, request, found)
    except BaseException as error:
        context.store.fail_profile_run(run.profile_run_id, str(error) or "cancelled", request.started_at)
        raise
    profiled = _group_profile(found, [name for name in names if after.get(name) != versions.get(name)])
    run = run.model_copy(
        update={
            "completed_at": request.started_at + timedelta(seconds=perf_counter() - clicked),
            "table_count": len(found),
            "column_count": len(profiled.columns),
            "row_count": sum(table.rows for _, table in found),
            "anomaly_count": len(profiled.findings),
        }
    )
    context.store.complete_profile_run(run, profiled)
    write_reports(context, group_name, found, progress)
    return context.store.profile_run(run.profile_run_id) or run


def _scan(
    context: StepContext,
    group_name: str,
    request: RunRequest,
    engine: Engine,
    tables: list[GroupTable],
    versions: Mapping[TableName, str],
    run_id: str,
    progress: Progress,
) -> list[tuple[GroupTable, ProfiledTable]]:
    settings = context.group_settings(group_name)
    group = context.group(group_name)
    verdicts, judged = context.store.batch_verdicts(group.table_group_id), context.store.batch_versions(group.table_group_id)
    tested = {test.table for test in context.store.tests(group.table_group_id)}
    columns, unreadable = readable_columns(engine, [table.name for table in tables])
    before = last_profiles(context.store, group.table_group_id, version_of(context, group_name, tables))
    budget = Budget(settings.limits, engine, [table.name for table in tables])
    found: list[tuple[GroupTable, ProfiledTable]] = []
    with engine.session("profile", run_id) as session:
        for place, table in enumerate(tables, start=1):
            if table.name in unreadable:
                found.append((table, unreadable_profile(table, unreadable[table.name])))
            if table.name not in columns:
                continue
            said = f"table {place} of {len(tables)}, {table.name}"
            progress(f"profiling {said}")
            scan = TableScan(
                session,
                engine.capabilities,
                table,
                table_plan(context, group_name, request, table, columns[table.name]),
                settings.store_values,
                versions.get(table.name),
                request.as_of,
                settings.sample,
                settings.limits.statement_timeout_s,
                _Paced(progress, said),
            )
            known = context.store.profiled_batches(table.table_id)
            history = BatchHistory(
                known=known,
                verdicts={key: (_status(verdict), judged.get((table_id, key))) for (table_id, key), verdict in verdicts.items() if table_id == table.table_id},
                # Without a profile before this one, tests or none, this run begins the history (it may be that first run, repeated).
                default=BaselineStatus.PENDING if table.name in tested and known else BaselineStatus.LEARNED,
                states=context.store.column_states(table.table_id),
                chosen=request.batches,
            )
            try:
                if (carried := unchanged_table(scan, history, before.get(table.table_id))) is not None:
                    found.append((table, carried))
                elif (refusal := budget.refusal(table.name)) is not None:
                    found.append((table, skipped_profile(table, refusal)))
                else:
                    found.append((table, profile_table(scan, history)))
            except SourceError as error:
                found.append((table, unreadable_profile(table, error)))
        return _with_references(session, found, columns)


def version_of(context: StepContext, group_name: str, tables: Sequence[GroupTable]) -> str:
    """Return what tells profiles that compare from others: the version of the metrics, and a digest of the settings that decide what is read and kept."""
    settings = context.group_settings(group_name)
    decides = (settings.sample.model_dump(), settings.store_values, settings.timezone, sorted((str(table.name), repr(table.batch)) for table in tables))
    return f"{PROFILE_VERSION}:{hashlib.sha256(repr(decides).encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def table_plan(context: StepContext, group_name: str, request: RunRequest, table: GroupTable, columns: Sequence[Column]) -> TablePlan:
    """Return what is asked of a table: its columns and batches, as of the request."""
    return TablePlan(
        table=table.name,
        columns=tuple(columns),
        batch=table.batch,
        timezone=context.group_settings(group_name).timezone,
        as_of=context.wall_clock(group_name, request.as_of),
    )


class _Paced:
    """Tells how far a table is, at most once a second: a log keeps every line."""

    def __init__(self, progress: Progress, table: str) -> None:
        self._progress, self._table, self._last = progress, table, perf_counter()

    def __call__(self, how_far: str) -> None:
        if perf_counter() - self._last >= 1:
            self._last = perf_counter()
            self._progress(f"{self._table}: {how_far}")


def _refuse_nothing(group_name: str, request: RunRequest, found: list[tuple[GroupTable, ProfiledTable]]) -> None:
    if request.batches is not None and not any(metric.batch_key for _, table in found for metric in table.series):
        asked = f"from {request.batches.first} to {request.batches.last}"
        raise EvaluationError("DQ-RUN-004", f"no table of group {group_name!r} holds a complete batch {asked}.", "`dq status` shows what was tested.")


def _is_key(column: ColumnProfile) -> bool:
    return column.record_count > 1 and column.distinct_count == column.record_count and column.general_type in (GeneralType.TEXT, GeneralType.NUMBER)


def _status(verdict: Verdict) -> BaselineStatus:
    return BaselineStatus.EXCLUDED if verdict in (Verdict.FAIL, Verdict.ERROR) else BaselineStatus.LEARNED


def _with_references(
    session: Session, found: list[tuple[GroupTable, ProfiledTable]], columns: Mapping[TableName, list[Column]]
) -> list[tuple[GroupTable, ProfiledTable]]:
    """Count, for each column whose namesake is a key of just one table that is one batch, the rows without a match there.

    A name that is a key of several tables (``id``) says nothing about whom it refers to.
    """
    parents: dict[str, list[tuple[TableName, ColumnProfile]]] = defaultdict(list)
    for table, profiled in found:
        for column in profiled.columns:
            if not table.batch.is_timed and _is_key(column):
                parents[column.column_name].append((table.name, column))
    keys = {name: tables[0] for name, tables in parents.items() if len(tables) == 1}
    types = {(name, column.name): column.data_type for name, listed in columns.items() for column in listed}

    carried = {table.name for table, profiled in found if profiled.carried}

    def referring(table: GroupTable, column: ColumnProfile, teaching: exp.Expr | None) -> ColumnProfile:
        known = column.metrics.get("references")
        column = column.model_copy(update={"metrics": {name: value for name, value in column.metrics.items() if name != "references"}})
        parent, key = keys.get(column.column_name, (table.name, column))
        if parent == table.name or types[parent, key.column_name] != column.data_type or column.null_count == column.record_count:
            return column
        if table.name in carried and known:
            # What a carried table refers to stays as it was counted: which of its rows may teach is not known now.
            return column.model_copy(update={"metrics": {**column.metrics, "references": known}})
        query = orphan_count(session.relation(table.name), column.column_name, session.relation(parent), key.column_name, teaching)
        orphans = int(session.query(query).to_pylist()[0]["n"])
        reference = {"schema": parent.schema_name, "table": parent.table_name, "column": key.column_name, "orphans": orphans}
        return column.model_copy(update={"metrics": {**column.metrics, "references": [reference]}})

    return [(table, profiled._replace(columns=[referring(table, column, profiled.teaching) for column in profiled.columns])) for table, profiled in found]


def _group_profile(found: list[tuple[GroupTable, ProfiledTable]], changed: list[TableName]) -> GroupProfile:
    columns: list[ColumnProfile] = []
    series: list[MetricValue] = []
    findings: list[Finding] = []
    states: list[StateRow] = []
    for table, profiled in found:
        states += profiled.states
        columns += profiled.columns
        series += profiled.series
        findings += profiled.findings
        if table.name in changed:
            findings.append(
                finding("not_profiled", table.name, table.table_id, Found("The table was written to while it was read; the next run reads it again."))
            )
    return GroupProfile(columns=tuple(columns), series=tuple(series), findings=tuple(findings), states=tuple(states))
