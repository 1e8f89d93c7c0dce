"""Test: judge the batches that arrived by the suite that was learned before them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from dq_assets.errors import ConfigError, DQError, EvaluationError, SourceError
from dq_assets.profiling.plan import TablePlan
from dq_assets.records import identity
from dq_assets.records.enums import BaselineStatus, Verdict
from dq_assets.records.tests import FailedRow, Test, TestResult, TestRun
from dq_assets.steps.batches import PresentBatches, complete, lost_batch_column, named, present_batches, with_gaps
from dq_assets.steps.provision import ensure_ready
from dq_assets.steps.sources import readable_columns
from dq_assets.steps.test_table import Outcome, TestScan, error_results, judge_table

if TYPE_CHECKING:
    from dq_assets.profiling.masking import ValuePolicy
    from dq_assets.records.engine import Engine, Session
    from dq_assets.records.tables import Column, GroupTable, TableName
    from dq_assets.steps.context import RunRequest, StepContext

Progress = Callable[[str], None]


def test(
    context: StepContext,
    group_name: str,
    request: RunRequest,
    only: Collection[str] | None = None,  # noqa: PT028 - a verb, no pytest test
    progress: Progress = lambda _: None,  # noqa: PT028
) -> TestRun:
    """Run the group's active tests and return the completed run; its results are in the store.

    Judged are the complete batches that were not judged yet (or the newest one, when there is no new one), or those the request names. A source
    that cannot be read gives ``error`` for every test, never green.

    Args:
        context: settings and store.
        group_name: the table group.
        request: data time, batches, and what makes the run's id.
        only: ids of the tests to run; None runs all.
        progress: told of each table.

    Raises:
        EvaluationError: the group has no registered table, no test (``DQ-RUN-003``), or no batch in the range asked for (``DQ-RUN-004``).
        StoreError: nothing of the run is visible.
    """
    ensure_ready(context, request.started_at)
    group = context.group(group_name)
    tables = context.tables(group_name)
    tests = [item for item in context.store.tests(group.table_group_id) if only is None or item.test_id in only]
    if not tests and only is None:
        raise EvaluationError("DQ-RUN-003", f"table group {group_name!r} has no tests.", "run `dq profile`, then `dq suggest`; or `dq run`.")
    engine = context.engine(group_name)
    versions, unreachable = _versions(engine, tables)
    run = context.store.start_test_run(
        TestRun(
            test_run_id=identity.run_id("test", group.table_group_id, request.token or _token(request, versions, tests)),
            project_key=group.project_key,
            test_suite_key=group_name,
            test_id=tests[0].test_id if only is not None and tests else None,
            as_of=request.as_of,
            started_at=request.started_at,
            trigger_source=request.trigger_source,
            dagster_run_id=request.dagster_run_id,
        )
    )
    clicked = perf_counter()
    try:
        outcome = (
            Outcome(error_results(run, tests, unreachable), [])
            if unreachable
            else _judge(context, group_name, request, run, tables, tests, engine, versions, progress)
        )
    except Exception as error:
        context.store.fail_test_run(run.test_run_id, str(error), request.started_at)
        raise
    if request.batches is not None and not any(result.batch_key or result.result_status is Verdict.ERROR for result in outcome.results):
        asked = f"from {request.batches.first} to {request.batches.last}"
        nothing = EvaluationError("DQ-RUN-004", f"no table of group {group_name!r} holds a batch {asked}.", "`dq status` shows what was tested.")
        context.store.fail_test_run(run.test_run_id, str(nothing), request.started_at)
        raise nothing
    elapsed = timedelta(seconds=perf_counter() - clicked)
    counts = Counter(result.result_status for result in outcome.results)
    run = run.model_copy(
        update={
            "completed_at": request.started_at + elapsed,
            "duration_ms": round(elapsed.total_seconds() * 1000),
            "total_tests": len(outcome.results),
            "failed_tests": counts[Verdict.FAIL],
            "warning_tests": counts[Verdict.WARN],
            "error_tests": counts[Verdict.ERROR],
            "skipped_tests": counts[Verdict.SKIPPED] + counts[Verdict.LEARNING],
        }
    )
    context.store.complete_test_run(run, outcome.results, outcome.failed_rows)
    return context.store.test_run(run.test_run_id) or run


def _token(request: RunRequest, versions: dict[TableName, str], tests: Iterable[Test]) -> str:
    """Return a pure function of data, suite, data time and batches: the same question is the same run."""
    suite = sorted((test.test_id, test.version) for test in tests)
    data = sorted((str(name), version) for name, version in versions.items())
    return identity.derived_id("token", data, suite, request.as_of.isoformat(), str(request.batches))


def _versions(engine: Engine, tables: list[GroupTable]) -> tuple[dict[TableName, str], DQError | None]:
    try:
        return engine.change_tokens([table.name for table in tables]), None
    except SourceError as error:
        return {}, error


def _judge(
    context: StepContext,
    group_name: str,
    request: RunRequest,
    run: TestRun,
    tables: list[GroupTable],
    tests: list[Test],
    engine: Engine,
    versions: dict[TableName, str],
    progress: Progress,
) -> Outcome:
    by_table: dict[TableName, list[Test]] = defaultdict(list)
    for item in tests:
        by_table[item.table].append(item)
    registered = {table.name: table for table in tables}
    results: list[TestResult] = []
    rows: list[FailedRow] = []
    try:
        columns, unreadable = readable_columns(engine, [table.name for table in tables])
        policies = context.policies(group_name, columns)
        with engine.session("test", run.test_run_id) as session:
            for name, placed in by_table.items():
                progress(f"testing {name}")
                if name in unreadable:
                    results += error_results(run, placed, unreadable[name])
                    continue
                if name not in columns or name not in registered:
                    gone = SourceError(
                        "DQ-SRC-001",
                        f"table {name} is not in the source.",
                        "restore it; or exclude it from the group, then run `dq register` and `dq suggest`.",
                    )
                    results += error_results(run, placed, gone)
                    continue
                try:
                    outcome = _judge_table(context, group_name, request, run, registered[name], placed, engine, session, columns, versions, policies)
                except (SourceError, ConfigError) as error:
                    outcome = Outcome(error_results(run, placed, error), [])
                results += outcome.results
                rows += outcome.failed_rows
    except SourceError as error:
        done = {result.test_id for result in results}
        results += error_results(run, [item for item in tests if item.test_id not in done], error)
    return Outcome(results, rows)


def _judge_table(
    context: StepContext,
    group_name: str,
    request: RunRequest,
    run: TestRun,
    table: GroupTable,
    tests: list[Test],
    engine: Engine,
    session: Session,
    columns: dict[TableName, list[Column]],
    versions: dict[TableName, str],
    policies: dict[str, ValuePolicy],
) -> Outcome:
    settings = context.group_settings(group_name)
    plan = TablePlan(
        table=table.name, columns=tuple(columns[table.name]), batch=table.batch, timezone=settings.timezone, as_of=context.wall_clock(group_name, request.as_of)
    )
    lost: SourceError | None
    if table.batch.is_timed and plan.batch_column is None:
        lost = lost_batch_column(plan)
        per_table = [item for item in tests if item.rule_type == "Schema_Drift"]
        others = [item for item in tests if item.rule_type != "Schema_Drift"]
    else:
        lost, per_table, others = None, tests, []
    batches: list[str] = []
    contents: dict[str, str] = {}
    if table.batch.is_timed and lost is None:
        present = present_batches(session, plan, session.relation(table.name), engine.capabilities.dialect)
        batches = _batches(context, request, table, plan, present)
        contents = {key: present.version(key, versions.get(table.name)) for key in batches}
    scan = TestScan(
        session=session,
        dialect=engine.capabilities.dialect,
        max_aggregates=engine.capabilities.max_aggregates,
        run=run,
        table=table,
        plan=plan,
        known_tables=columns,
        batches=batches,
        versions=contents,
        data_version=versions.get(table.name),
        policy=policies[table.table_id],
        sample=settings.failed_row_sample,
    )
    outcome = judge_table(scan, per_table)
    return Outcome(outcome.results + (error_results(run, others, lost) if lost else []), outcome.failed_rows)


def _batches(context: StepContext, request: RunRequest, table: GroupTable, plan: TablePlan, present: PresentBatches) -> list[str]:
    """Return the batches to judge, in data time: those nobody judged, those that hold other rows than were judged, and gaps."""
    if request.batches is not None:
        return named(request.batches, present, table.batch, plan.timezone, plan.as_of)
    keys = complete(present, table.batch, plan.as_of)
    versions = known_versions(context, table)
    known = {key for key in versions if key is not None}
    due = [key for key in keys if key not in known or not present.holds(key, versions[key])]
    if due:
        return with_gaps(due, table.batch, max(known, default=None), plan.timezone)
    # A table that lost all its rows is judged by the newest batch it ever held.
    return keys[-1:] or sorted(known)[-1:]


def known_versions(context: StepContext, table: GroupTable) -> dict[str | None, str | None]:
    """Return what each batch held when it was judged or learned from, by batch; a batch that was only profiled still waits for its verdict."""
    profiled = context.store.profiled_batches(table.table_id)
    versions = {key: known.data_version for key, known in profiled.items() if known.status is not BaselineStatus.PENDING}
    return versions | {key: version for (table_id, key), version in context.store.batch_versions(table.table_group_id).items() if table_id == table.table_id}
