"""One table's tests on its batches: compile, scan, judge, sample the failing rows."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlglot import exp

from dq_assets.errors import DQError, RuleError, SourceError
from dq_assets.profiling.masking import policy_for
from dq_assets.records import identity
from dq_assets.records.batches import Grain, batch_key, utc_window
from dq_assets.records.enums import Verdict
from dq_assets.records.tests import FailedRow, Test, TestResult, TestRun
from dq_assets.rules.catalogue import Form, RuleType
from dq_assets.rules.compile import (
    TableContext,
    aggregates,
    changed_columns,
    checked_rule,
    failing_rows,
    filter_of,
    orphan_condition,
    orphans,
    predicate,
    reference_table,
)
from dq_assets.rules.verdicts import Measured, expectation, judge
from dq_assets.steps.batches import range_condition
from dq_assets.steps.scan import Scan, run_aggregates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.profiling.masking import ValuePolicy
    from dq_assets.profiling.plan import TablePlan
    from dq_assets.records.engine import Session
    from dq_assets.records.tables import Column, GroupTable, TableName

USER_SQL_TIMEOUT_S = 60.0
USER_SQL_ROW_CAP = 10_000
_REFERENCE_FIX = "name a table of the same connection; with a data frame, hand it over under `reference_tables`."


class TestScan(NamedTuple):
    """What judging a table needs; ``batches`` are the keys to judge, empty for a table that is one batch; ``versions`` what they hold."""

    session: Session
    dialect: str
    max_aggregates: int
    run: TestRun
    table: GroupTable
    plan: TablePlan
    known_tables: dict[TableName, list[Column]]
    batches: list[str]
    versions: dict[str, str]
    data_version: str | None
    policy: ValuePolicy
    sample: int


class Outcome(NamedTuple):
    """Results with their sampled rows."""

    results: list[TestResult]
    failed_rows: list[FailedRow]


def judge_table(scan: TestScan, tests: Sequence[Test]) -> Outcome:
    """Return one result per test and batch; a test that cannot be evaluated is ``error`` with its cause, the others stand."""
    results = judged(scan, tests)
    return Outcome(results, failing_rows_of(scan, tests, results))


def judged(scan: TestScan, tests: Sequence[Test]) -> list[TestResult]:
    """Return the results of ``judge_table``; no row of the data is looked at."""
    clicked = perf_counter()
    measured = _measure(scan, tests)
    elapsed = round(1000 * (perf_counter() - clicked))
    results: list[TestResult] = []
    for test in tests:
        for key in _keys(scan, test):
            result = _result(scan, test, key, measured.get((test.test_id, key), Measured(None, 0)), elapsed)
            results.append(result.model_copy(update={"data_version": scan.versions.get(key or "", scan.data_version)}))
    return results


def failing_rows_of(scan: TestScan, tests: Sequence[Test], results: Sequence[TestResult]) -> list[FailedRow]:
    """Return the capped, masked samples of the failing rows of results of ``tests``."""
    by_id = {test.test_id: test for test in tests}
    failed = [result for result in results if scan.sample and result.result_status in (Verdict.FAIL, Verdict.WARN)]
    return [row for result in failed for row in _sample(scan, by_id[result.test_id], result)]


def error_results(run: TestRun, tests: Sequence[Test], error: DQError, batches: Sequence[str | None] = (None,)) -> list[TestResult]:
    """Return an ``error`` result per test and batch: the data could not be reached."""
    return [_error(run, test, key, error) for test in tests for key in batches]


def _keys(scan: TestScan, test: Test) -> Sequence[str | None]:
    try:
        rule = checked_rule(test)
    except RuleError:
        return (None,)
    return scan.batches if scan.plan.batch.is_timed and rule.per_batch else (None,)


def _measure(scan: TestScan, tests: Sequence[Test]) -> dict[tuple[str, str | None], Measured | DQError]:
    """Return, per test and batch, what the engine answered or why it could not."""
    context = TableContext(table=scan.table.name, columns=scan.plan.columns, timezone=scan.plan.timezone, dialect=scan.dialect, as_of=scan.plan.as_of)
    found: dict[tuple[str, str | None], Measured | DQError] = {}
    per_batch: list[tuple[tuple[str, str], exp.Expr]] = []
    whole: list[tuple[tuple[str, str], exp.Expr]] = []
    for test in tests:
        try:
            rule = checked_rule(test)
            if rule.form in (Form.PREDICATE, Form.MEASURE):
                measure, tested = aggregates(test, context)
                wide = per_batch if scan.plan.batch.is_timed and rule.per_batch else whole
                wide += [((test.test_id, "measure"), measure), ((test.test_id, "tested"), tested)]
            else:
                found |= {(test.test_id, key): measured for key, measured in _alone(scan, test, rule).items()}
        except DQError as error:
            found |= {(test.test_id, key): error for key in _keys(scan, test)}
    relation = scan.session.relation(scan.table.name)
    found |= _wide(scan, Scan(relation=relation, dialect=scan.dialect, limit=scan.max_aggregates), whole, [None])
    if scan.batches:
        grouped = Scan(
            relation=relation,
            dialect=scan.dialect,
            where=range_condition(scan.plan, scan.batches),
            group=scan.plan.batch_start(scan.dialect),
            limit=scan.max_aggregates,
        )
        found |= _wide(scan, grouped, per_batch, scan.batches)
    return found


def _wide(
    scan: TestScan, where: Scan, wanted: list[tuple[tuple[str, str], exp.Expr]], keys: Sequence[str | None]
) -> dict[tuple[str, str | None], Measured | DQError]:
    if not wanted:
        return {}
    answers, errors = run_aggregates(scan.session, where, wanted)
    by_key = {_key(scan, start): answer for start, answer in answers.items()}
    found: dict[tuple[str, str | None], Measured | DQError] = {}
    for test_id in dict.fromkeys(test_id for (test_id, _), _ in wanted):
        error = errors.get((test_id, "measure")) or errors.get((test_id, "tested"))
        for key in keys:
            answer = by_key.get(key)
            # A batch without rows has no group: every count in it is 0, every other measure has nothing to say.
            found[test_id, key] = error or (Measured(answer[test_id, "measure"], int(answer[test_id, "tested"])) if answer else Measured(0, 0))
    return found


def _key(scan: TestScan, start: Any) -> str | None:
    return batch_key(start, scan.plan.batch.grain or Grain.DAY) if start is not None else None


def _alone(scan: TestScan, test: Test, rule: RuleType) -> dict[str | None, Measured | DQError]:
    """Evaluate a test that needs its own statement, or none."""
    if rule.form is Form.METADATA:
        return {None: Measured(len(changed_columns(test, scan.plan.columns)), None)}
    if rule.form is Form.QUERY:
        answer = scan.session.query_user_sql(str(test.parameters["sql"]), row_cap=USER_SQL_ROW_CAP, timeout_s=USER_SQL_TIMEOUT_S)
        return {None: Measured(answer.num_rows, None)}
    TableContext(table=scan.table.name, columns=scan.plan.columns, timezone=scan.plan.timezone, dialect=scan.dialect, as_of=scan.plan.as_of).column(
        test.columns[0], test
    )
    parent = _parent(scan, test)
    where = range_condition(scan.plan, scan.batches)
    query = orphans(test, scan.session.relation(scan.table.name), scan.session.relation(parent), where=where, group=scan.plan.batch_start(scan.dialect))
    rows = scan.session.query(query).to_pylist()
    answers: dict[str | None, Measured | DQError] = dict.fromkeys(_keys(scan, test), Measured(0, 0))
    return answers | {_key(scan, row.get("batch_start")): Measured(row["failed"], int(row["tested"])) for row in rows}


def _parent(scan: TestScan, test: Test) -> TableName:
    parent = reference_table(test, scan.known_tables)
    column = str(test.parameters["reference_column"])
    if parent is None:
        wanted = test.parameters["reference_table"]
        raise RuleError("DQ-RULE-007", f"test {test.name!r}: there is no reference table {wanted}.", _REFERENCE_FIX)
    if column not in {known.name for known in scan.known_tables[parent]}:
        raise RuleError("DQ-RULE-007", f"test {test.name!r}: reference table {parent} has no column {column!r}.", "name one of its columns.")
    return parent


def _result(scan: TestScan, test: Test, key: str | None, measured: Measured | DQError, elapsed: int) -> TestResult:
    if isinstance(measured, DQError):
        return _error(scan.run, test, key, measured)
    rule = checked_rule(test)
    judgement = judge(test, rule, measured)
    message = judgement.message
    if message and rule.form is Form.METADATA:
        message += ": " + "; ".join(changed_columns(test, scan.plan.columns))
    window = utc_window(key, scan.plan.batch.grain or Grain.DAY, scan.plan.timezone) if key else (None, None)
    return _base(scan.run, test, key).model_copy(
        update={
            "window_start": window[0],
            "window_end": window[1],
            "result_status": judgement.verdict,
            "severity": judgement.severity,
            "measure_value": judgement.actual,
            "sensor_value": float(measured.measure) if measured.measure is not None else None,
            "expected_value": judgement.expected,
            "actual_value": judgement.actual,
            "message": message,
            "failed_rows": judgement.failed_rows,
            "rows_tested": measured.rows_tested,
            "execution_time_ms": elapsed,
        }
    )


def _base(run: TestRun, test: Test, key: str | None) -> TestResult:
    return TestResult(
        test_result_id=identity.derived_id("test_result", run.test_run_id, test.test_id, key),
        test_run_id=run.test_run_id,
        test_id=test.test_id,
        test_version=test.version,
        project_key=run.project_key,
        table_name=test.table.table_name,
        column_name=test.column_name,
        batch_key=key,
        result_status=Verdict.SKIPPED,
        detected_at=run.started_at,
    )


def _error(run: TestRun, test: Test, key: str | None, error: DQError) -> TestResult:
    try:
        expected = expectation(test)
    except RuleError:
        expected = None
    return _base(run, test, key).model_copy(
        update={
            "result_status": Verdict.ERROR,
            "severity": test.thresholds.severity,
            "expected_value": expected,
            "message": "could not be evaluated",
            "error_message": str(error),
        }
    )


def _sample(scan: TestScan, test: Test, result: TestResult) -> list[FailedRow]:
    """Return a capped, masked sample of the failing rows of one result; a sample that cannot be taken costs no verdict."""
    rule = checked_rule(test)
    relation = scan.session.relation(scan.table.name)
    where = range_condition(scan.plan, [result.batch_key]) if result.batch_key else None
    if (kept := filter_of(test)) is not None:
        where = exp.and_(where, kept) if where is not None else kept
    context = TableContext(table=scan.table.name, columns=scan.plan.columns, timezone=scan.plan.timezone, dialect=scan.dialect, as_of=scan.plan.as_of)
    policy = scan.policy
    try:
        if rule.form is Form.QUERY:
            answer = scan.session.query_user_sql(str(test.parameters["sql"]), row_cap=scan.sample, timeout_s=USER_SQL_TIMEOUT_S).slice(0, scan.sample)
            # A query may rename its columns and read any table, so nothing tells which of them are personal.
            policy = policy_for(policy.store_values, answer.column_names)
        else:
            condition = orphan_condition(test, scan.session.relation(_parent(scan, test))) if rule.form is Form.REFERENCE else predicate(test, rule, context)
            if condition is None:
                return []
            answer = scan.session.query(failing_rows(relation, condition, columns=scan.plan.columns, where=where, limit=scan.sample))
    except SourceError:
        return []
    return [FailedRow(test_result_id=result.test_result_id, row_number=number, row=policy.row(row)) for number, row in enumerate(answer.to_pylist(), start=1)]
