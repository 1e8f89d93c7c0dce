"""Test a data frame: the tests of a table, judged in memory on what somebody's own code returned.

Decision: a frame is one more source. It is registered with DuckDB and goes through the same functions as any table, so catalogue, verdicts and messages
are those of tables; nothing is written to the store. Only what a frame cannot know is made up for:

- A column without a single value has whatever type its library gave it, so it takes the type that its tests are about.
- A frame is one batch. By the stored suite of a timed table each complete batch in the frame is judged for itself, unless the store has judged or
  learned the very same rows; days that are not in the frame are no gaps, since it may hold a part of the table.
- Types are those of the library: of a schema learned from the stored table, only a change of family (text, number, time) is a drift.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from dq_assets.engines.duckdb_engine import CAPABILITIES, general_type
from dq_assets.engines.frames import arrow_table, open_frames
from dq_assets.errors import ConfigError, DQError, RuleError
from dq_assets.profiling.masking import pii_risk, policy_for
from dq_assets.profiling.metrics import PATTERNS
from dq_assets.profiling.plan import TablePlan, blanks
from dq_assets.profiling.sql import fill
from dq_assets.records import identity
from dq_assets.records.base import Record
from dq_assets.records.batches import WHOLE
from dq_assets.records.enums import GeneralType, StoreValues, Verdict
from dq_assets.records.table_list import ListedTable
from dq_assets.records.tables import GroupTable, TableName
from dq_assets.records.tests import FailedRow, Test, TestResult, TestRun
from dq_assets.rules.catalogue import rule_type
from dq_assets.steps.batches import complete, named, present_batches
from dq_assets.steps.frame_tests import FRAME_PROJECT, FRAME_SCHEMA
from dq_assets.steps.scan import Scan, run_aggregates
from dq_assets.steps.test_table import TestScan, error_results, failing_rows_of, judged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlglot import exp

    from dq_assets.profiling.masking import ValuePolicy
    from dq_assets.records.engine import Session
    from dq_assets.records.tables import Column
    from dq_assets.steps.batches import PresentBatches
    from dq_assets.steps.context import RunRequest, StepContext
    from dq_assets.steps.frame_tests import FrameOptions

_EMAILS = "count_if(c LIKE '%@%' AND c RLIKE :email)"
"""The first condition costs a tenth of the second and says no to nearly everything."""
_TYPES = {"A": pa.string(), "N": pa.float64(), "D": pa.timestamp("us"), "T": pa.time64("us"), "B": pa.bool_()}


class EvaluatedTest(Record):
    """One test on a frame, or on one batch of it: the verdict, and some of the rows that fail, masked as was asked."""

    test: Test
    result: TestResult
    failed_rows: tuple[dict[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The test's name."""
        return self.test.name

    @property
    def verdict(self) -> Verdict:
        """The outcome."""
        return self.result.result_status

    @property
    def passed(self) -> bool:
        """True for ``pass`` alone: neither for what failed nor for what could not be judged."""
        return self.verdict is Verdict.PASS

    @property
    def message(self) -> str:
        """Why it did not pass, in a sentence; empty where it did."""
        return self.result.error_message or self.result.message


class FrameJudgement(NamedTuple):
    """What judging a frame gave; ``tables`` are the frames as tables, empty where they could not be read."""

    run: TestRun
    """Made up: it is not in the store."""
    tests: Sequence[Test]
    tables: dict[TableName, ListedTable]
    timezone: str
    results: list[TestResult]
    failed_rows: dict[str, list[FailedRow]]
    """By result."""

    def evaluated(self) -> list[EvaluatedTest]:
        """Return each result with its test and its failing rows."""
        by_id = {test.test_id: test for test in self.tests}
        shown = ((result, self.failed_rows.get(result.test_result_id, ())) for result in self.results)
        return [EvaluatedTest(test=by_id[result.test_id], result=result, failed_rows=tuple(failed.row for failed in rows)) for result, rows in shown]


class Asked(NamedTuple):
    """What is tested, and how."""

    table: GroupTable
    run: TestRun
    tests: Sequence[Test]
    timezone: str
    sample: int
    policy: Callable[[Session, TablePlan], ValuePolicy]
    """Says which values of failing rows are shown; asked only where there are some."""
    due: Callable[[TablePlan, PresentBatches], list[str]] | None = None
    """Says which batches of a timed table are judged; without it the frame is one batch."""

    def unread(self, error: DQError) -> FrameJudgement:
        """Return ``error`` for each test."""
        return FrameJudgement(self.run, self.tests, {}, self.timezone, error_results(self.run, self.tests, error), {})


def asked_of(tests: Sequence[Test], options: FrameOptions, as_of: datetime) -> Asked:
    """Return what tests of ``frame_tests`` ask of a frame.

    Args:
        tests: for the frame's name.
        options: how it is judged.
        as_of: what is now to tests that compare with it, aware.
    """
    run_id = identity.run_id("frame", options.name, f"{as_of.isoformat()} {[test.test_id for test in tests]}")
    run = TestRun(test_run_id=run_id, project_key=FRAME_PROJECT, test_suite_key=options.name, as_of=as_of, started_at=as_of)

    def policy(session: Session, plan: TablePlan) -> ValuePolicy:
        return _policy(session, plan, options.store_values)

    table = GroupTable(table_group_id="", name=TableName(schema_name=FRAME_SCHEMA, table_name=options.name))
    return Asked(table, run, tests, options.timezone, options.sample, policy)


def asked_of_suite(context: StepContext, group_name: str, table_name: str, request: RunRequest, wanted: Callable[[Test], bool] = lambda _: True) -> Asked:
    """Return what the stored working set of a table, as it is now, asks of a frame.

    Args:
        context: settings, and the store, which is only read.
        group_name: the table group.
        table_name: one of its tables, as ``table`` or ``schema.table``.
        request: data time, and the tests or batches to judge where not all.
        wanted: says of a test whether it is run.

    Raises:
        ConfigError: ``DQ-CONF-003`` when the group is not declared, ``DQ-FRAME-005`` when it has no such table.
        EvaluationError: ``DQ-RUN-001`` when no table of the group is registered.
        StoreError: the metadata cannot be read.
    """
    from dq_assets.steps.test import known_versions

    settings = context.group_settings(group_name)
    context.store.require_ready()
    group, tables = context.group(group_name), context.tables(group_name)
    table = next((known for known in tables if table_name in (known.name.table_name, str(known.name))), None)
    if table is None:
        names = ", ".join(str(known.name) for known in tables)
        raise ConfigError("DQ-FRAME-005", f"table group {group_name!r} has no table {table_name!r}.", f"its tables are: {names}.")
    chosen = None if request.tests is None else set(request.tests)
    stored = context.store.tests(group.table_group_id)
    tests = [test for test in stored if test.table == table.name and (chosen is None or test.test_id in chosen) and wanted(test)]
    run = TestRun(
        test_run_id=identity.run_id("frame", group.table_group_id, f"{table.name} {request.token}"),
        project_key=group.project_key,
        test_suite_key=group_name,
        as_of=request.as_of,
        started_at=request.started_at,
        dagster_run_id=request.dagster_run_id,
    )

    def due(plan: TablePlan, present: PresentBatches) -> list[str]:
        if request.batches is not None:
            return [key for key in named(request.batches, present, plan.batch, plan.timezone, plan.as_of) if key in present.rows]
        keys, versions = complete(present, plan.batch, plan.as_of), known_versions(context, table)
        return [key for key in keys if not present.holds(key, versions.get(key))] or keys[-1:]

    def policy(_: Session, plan: TablePlan) -> ValuePolicy:
        return context.policies(group_name, {table.name: plan.columns})[table.table_id]

    return Asked(table, run, tests, settings.timezone, settings.failed_row_sample, policy, due)


def judge_frame(asked: Asked, data: object, reference_tables: Mapping[str, object]) -> FrameJudgement:
    """Return one result per test and batch.

    Args:
        asked: of ``asked_of`` or ``asked_of_suite``.
        data: the frame.
        reference_tables: further frames that tests refer to, by ``table`` or ``schema.table``.

    Raises:
        SourceError: ``DQ-FRAME-001`` to ``-003`` when a frame cannot be read.
        ConfigError: ``DQ-FRAME-005`` when a reference table has the frame's name.
    """
    table = asked.table.name
    frames = _frames(table, data, reference_tables)
    frames[table] = _typed(frames[table], asked.tests)
    as_of = asked.run.as_of.astimezone(ZoneInfo(asked.timezone)).replace(tzinfo=None)
    with open_frames(frames) as session:
        columns = session.columns(list(frames))
        plan = TablePlan(table=table, columns=tuple(columns[table]), batch=asked.table.batch, timezone=asked.timezone, as_of=as_of)
        batches = _batches(session, plan, frames[table].num_rows, asked.due)
        if batches is None:
            plan = plan.model_copy(update={"batch": WHOLE})
        scan = TestScan(
            session=session,
            dialect=CAPABILITIES.dialect,
            max_aggregates=CAPABILITIES.max_aggregates,
            run=asked.run,
            table=asked.table,
            plan=plan,
            known_tables=columns,
            batches=batches or [],
            versions={},
            data_version=None,
            policy=policy_for(StoreValues.NONE, ()),
            sample=asked.sample,
        )
        tests = asked.tests if asked.due is None else [_of_library(test, plan.columns) for test in asked.tests]
        results = judged(scan, tests)
        rows: dict[str, list[FailedRow]] = defaultdict(list)
        if asked.sample and any(result.result_status in (Verdict.WARN, Verdict.FAIL) for result in results):
            for failed in failing_rows_of(scan._replace(policy=asked.policy(session, plan)), tests, results):
                rows[failed.test_result_id].append(failed)
    tables = {name: ListedTable(name=name, batch=plan.batch if name == table else WHOLE, columns=tuple(found)) for name, found in columns.items()}
    return FrameJudgement(asked.run, asked.tests, tables, asked.timezone, results, dict(rows))


def _frames(table: TableName, data: object, reference_tables: Mapping[str, object]) -> dict[TableName, pa.Table]:
    frames = {table: arrow_table(data, table.table_name)}
    for name, rows in reference_tables.items():
        schema, dot, rest = name.partition(".")
        reference = TableName(schema_name=schema, table_name=rest) if dot else TableName(schema_name=table.schema_name, table_name=name)
        if reference == table:
            raise ConfigError("DQ-FRAME-005", f"reference table {name!r} has the frame's own name.", "leave it out; tests may refer to the frame itself.")
        frames[reference] = arrow_table(rows, name)
    return frames


def _batches(session: Session, plan: TablePlan, rows: int, due: Callable[[TablePlan, PresentBatches], list[str]] | None) -> list[str] | None:
    """Return the batches to judge; None where the frame is one: the table is, or the frame has no row or no time that says which batch it is of."""
    if due is None or plan.batch_column is None:
        return None
    present = present_batches(session, plan, session.relation(plan.table), CAPABILITIES.dialect)
    return due(plan, present) if rows > present.in_no_batch else None


def _typed(frame: pa.Table, tests: Sequence[Test]) -> pa.Table:
    """Return the frame with a type that its tests are about for each column that holds no value; any type is true of those."""
    fitting = {name: types for name in frame.column_names if frame.column(name).null_count == frame.num_rows and (types := _fitting_types(name, tests))}
    if not fitting:
        return frame
    table = TableName(schema_name=FRAME_SCHEMA, table_name="empty")
    with open_frames({table: frame.select(list(fitting)).slice(0, 0)}) as session:
        own = {column.name: column.general_type.value for column in session.columns([table])[table]}
    for name, types in fitting.items():
        if own[name] not in types and (letter := next((letter for letter in _TYPES if letter in types), None)):
            frame = frame.set_column(frame.column_names.index(name), name, pa.nulls(frame.num_rows, _TYPES[letter]))
    return frame


def _fitting_types(column: str, tests: Sequence[Test]) -> set[str]:
    """Return the general types that all rules which are placed on the column apply to; empty where there is none."""
    placed: list[set[str]] = []
    for test in tests:
        if test.column_name == column:
            try:
                placed.append(set(rule_type(test.rule_type).applies_to))
            except RuleError:
                continue
    return set.intersection(*placed) if placed else set()


def _of_library(test: Test, columns: Sequence[Column]) -> Test:
    """Return a test of a learned schema with the types of the frame where they are of the same family."""
    learned = test.parameters.get("columns")
    if test.rule_type != "Schema_Drift" or not isinstance(learned, dict):
        return test
    same = {column.name: column.data_type for column in columns if general_type(str(learned.get(column.name))) is column.general_type}
    return test.model_copy(update={"parameters": {**test.parameters, "columns": {**learned, **same}}})


def _policy(session: Session, plan: TablePlan, store_values: StoreValues) -> ValuePolicy:
    """Return the policy of a frame that nobody has profiled: personal are columns named so, those full of e-mail addresses, and what is nested."""
    if store_values is not StoreValues.MASKED:
        return policy_for(store_values, ())
    texts = [column for column in plan.columns if column.general_type is GeneralType.TEXT]
    wanted: list[tuple[tuple[str, str], exp.Expr]] = []
    for column in texts:
        filled = blanks(column, plan.timezone, CAPABILITIES.dialect)
        wanted += [((column.name, "values"), fill("count(c)", filled)), ((column.name, "emails"), fill(_EMAILS, filled, PATTERNS))]
    answers, errors = run_aggregates(
        session, Scan(relation=session.relation(plan.table), dialect=CAPABILITIES.dialect, limit=CAPABILITIES.max_aggregates), wanted
    )
    found = answers.get(None, {})
    hidden = {name for name, _ in errors}
    for column in plan.columns:
        values, emails = (int(found.get((column.name, what)) or 0) for what in ("values", "emails"))
        if column.general_type is GeneralType.OTHER or pii_risk(column.name, column.general_type, values=values, emails=emails):
            hidden.add(column.name)
    return policy_for(store_values, hidden)
