"""Test runs, their results and the samples of failing rows.

Decision: as with profiles, a run's rows are replaced in one transaction whose last statement completes the run.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import and_, case, delete, func, insert, or_, select, update

from dq_assets.errors import StoreError
from dq_assets.records.enums import RunStatus, Verdict
from dq_assets.records.identity import table_id
from dq_assets.records.tests import FailedRow, PastMeasure, TestResult, TestRun
from dq_assets.records.unfinished_runs import UnfinishedRun
from dq_assets.store.schema import profiles, test_failed_rows, test_results, test_runs, test_suites, tests
from dq_assets.store.visibility import UNFINISHED, completed, newest_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Row, Select
    from sqlalchemy import Connection as Transaction

    from dq_assets.records.unfinished_runs import ClosedRun

_RESULT_FIELDS = tuple(TestResult.model_fields)
_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.LEARNING, Verdict.SKIPPED)
_ALARMS = [verdict.value for verdict in Verdict if verdict.is_alarm]
_IDS_PER_STATEMENT = 10_000


def start(transaction: Transaction, run: TestRun) -> TestRun:
    """Write a run as running; a run that is there runs again and keeps its first ``started_at``."""
    stored = find(transaction, run.test_run_id)
    begun = run.model_copy(
        update={
            "status": RunStatus.RUNNING,
            "started_at": stored.started_at if stored else run.started_at,
            "completed_at": None,
            "duration_ms": None,
            "error_message": None,
        }
    )
    if stored is None:
        transaction.execute(insert(test_runs).values({**begun.model_dump(), "created_at": begun.started_at}))
    else:
        transaction.execute(update(test_runs).where(test_runs.c.test_run_id == run.test_run_id).values(begun.model_dump()))
    return begun


def complete(transaction: Transaction, run: TestRun, results: Sequence[TestResult], failed_rows: Sequence[FailedRow]) -> None:
    """Replace the run's rows and complete it, the run row last.

    Raises:
        StoreError: ``DQ-STORE-010`` when the run was never started.
    """
    stored = find(transaction, run.test_run_id)
    if stored is None:
        raise StoreError("DQ-STORE-010", f"test run {run.test_run_id} is completed but was never started.", "start it first.")
    of_run = select(test_results.c.test_result_id).where(test_results.c.test_run_id == run.test_run_id)
    transaction.execute(delete(test_failed_rows).where(test_failed_rows.c.test_result_id.in_(of_run)))
    transaction.execute(delete(test_results).where(test_results.c.test_run_id == run.test_run_id))
    if results:
        transaction.execute(insert(test_results), [_result_row(result) for result in results])
    if failed_rows:
        detected = {result.test_result_id: result.detected_at for result in results}
        rows = [
            {
                "test_result_id": failed.test_result_id,
                "project_key": run.project_key,
                "row_number": failed.row_number,
                "row_json": failed.row,
                "captured_at": detected.get(failed.test_result_id, stored.started_at),
            }
            for failed in failed_rows
        ]
        transaction.execute(insert(test_failed_rows), rows)
    ended = {"status": RunStatus.COMPLETED, "started_at": stored.started_at, "completed_at": run.completed_at or run.started_at, "error_message": None}
    transaction.execute(update(test_runs).where(test_runs.c.test_run_id == run.test_run_id).values({**run.model_dump(), **ended}))


def fail(transaction: Transaction, test_run_id: str, error: str, now: datetime) -> None:
    """Mark a run as failed; a completed run stays completed."""
    unfinished = update(test_runs).where(test_runs.c.test_run_id == test_run_id, ~completed(test_runs))
    transaction.execute(unfinished.values(status=RunStatus.FAILED.value, error_message=error, completed_at=now))


def find(transaction: Transaction, test_run_id: str) -> TestRun | None:
    """Return a run in any state, or None."""
    row = transaction.execute(select(*_run_columns()).where(test_runs.c.test_run_id == test_run_id)).first()
    return None if row is None else _run(row)


def latest(transaction: Transaction, table_group_id: str) -> TestRun | None:
    """Return the newest completed run of a whole suite of the group, or None."""
    of_group = (test_suites.c.table_group_id == table_group_id, completed(test_runs), _whole_suite())
    query = select(*_run_columns()).join(test_suites, _same_suite()).where(*of_group)
    row = transaction.execute(query.order_by(*newest_first(test_runs)).limit(1)).first()
    return None if row is None else _run(row)


def read(transaction: Transaction, test_run_id: str) -> list[TestResult]:
    """Return the results of a completed run by table, test and batch; empty when the run is not completed."""
    query = select(*(test_results.c[field] for field in _RESULT_FIELDS)).join(test_runs).where(test_results.c.test_run_id == test_run_id, completed(test_runs))
    query = query.order_by(test_results.c.table_name, test_results.c.test_id, test_results.c.batch_key)
    return [TestResult.model_validate({**row, "message": row["message"] or ""}) for row in transaction.execute(query).mappings()]


def failed_rows(transaction: Transaction, test_run_id: str, first: int | None) -> dict[str, list[FailedRow]]:
    """Return the sampled failing rows of a completed run by result, in order; only the ``first`` of each result where that is given."""
    query = select(test_failed_rows).join(test_results, test_results.c.test_result_id == test_failed_rows.c.test_result_id).join(test_runs)
    query = query.where(test_results.c.test_run_id == test_run_id, completed(test_runs)).order_by(
        test_failed_rows.c.test_result_id, test_failed_rows.c.row_number
    )
    if first is not None:
        query = query.where(test_failed_rows.c.row_number <= first)
    found: dict[str, list[FailedRow]] = defaultdict(list)
    for row in transaction.execute(query):
        found[row.test_result_id].append(FailedRow(test_result_id=row.test_result_id, row_number=row.row_number, row=row.row_json))
    return dict(found)


def _whole_suite() -> ColumnElement[bool]:
    """Return the predicate of runs of a whole suite: a check launched alone says nothing of the batch."""
    return test_runs.c.test_id.is_(None)


def batch_verdicts(transaction: Transaction, table_group_id: str) -> dict[tuple[str, str | None], Verdict]:
    """Return the worst verdict per table id and batch, of the newest completed run that judged the batch."""
    place = func.dense_rank().over(partition_by=(tests.c.schema_name, tests.c.table_name, test_results.c.batch_key), order_by=newest_first(test_runs))
    judged = (
        select(tests.c.schema_name, tests.c.table_name, test_results.c.batch_key, test_results.c.result_status, place.label("place"))
        .select_from(test_results.join(tests).join(test_runs, test_runs.c.test_run_id == test_results.c.test_run_id))
        .where(tests.c.table_group_id == table_group_id, completed(test_runs), _whole_suite())
        .subquery()
    )
    found: dict[tuple[str, str | None], Verdict] = {}
    query = select(judged.c.schema_name, judged.c.table_name, judged.c.batch_key, judged.c.result_status).where(judged.c.place == 1).distinct()
    for schema_name, table_name, batch_key, status in transaction.execute(query):
        key = (table_id(table_group_id, schema_name, table_name), batch_key)
        found[key] = min(found.get(key, Verdict(status)), Verdict(status), key=_WORST_FIRST.index)
    return found


def batch_versions(transaction: Transaction, table_group_id: str) -> dict[tuple[str, str | None], str]:
    """Return the data version per table id and batch, of the newest completed run that judged the batch."""
    place = func.row_number().over(partition_by=(tests.c.schema_name, tests.c.table_name, test_results.c.batch_key), order_by=newest_first(test_runs))
    judged = (
        select(tests.c.schema_name, tests.c.table_name, test_results.c.batch_key, test_results.c.data_version, place.label("place"))
        .select_from(test_results.join(tests).join(test_runs, test_runs.c.test_run_id == test_results.c.test_run_id))
        .where(tests.c.table_group_id == table_group_id, completed(test_runs), _whole_suite(), test_results.c.data_version.is_not(None))
        .subquery()
    )
    query = select(judged.c.schema_name, judged.c.table_name, judged.c.batch_key, judged.c.data_version).where(judged.c.place == 1)
    return {(table_id(table_group_id, schema, table), batch_key): version for schema, table, batch_key, version in transaction.execute(query)}


def failing_since(transaction: Transaction, test_ids: Sequence[str]) -> dict[str, datetime]:
    """Return per test that fails now the ``detected_at`` of the first alarm since it last passed.

    Verdicts that judge nothing (skipped, learning) neither begin nor end such a streak.
    """
    found: dict[str, datetime] = {}
    for first in range(0, len(test_ids), _IDS_PER_STATEMENT):
        found |= _failing_since(transaction, test_ids[first : first + _IDS_PER_STATEMENT])
    return found


def measure_history(transaction: Transaction, test_ids: Sequence[str], limit: int, including: str | None) -> dict[str, list[PastMeasure]]:
    """Return per test the measures of its last ``limit`` batches in data time, as the newest completed run that judged each batch found them.

    Runs of a part of a suite say nothing of a batch, but that of ``including`` counts. Where a table is one batch, each run is a point.
    """
    found: dict[str, list[PastMeasure]] = defaultdict(list)
    for first in range(0, len(test_ids), _IDS_PER_STATEMENT):
        for row in _measures(transaction, test_ids[first : first + _IDS_PER_STATEMENT], limit, including):
            found[row.test_id].append(PastMeasure.model_validate({field: getattr(row, field) for field in PastMeasure.model_fields}))
    return dict(found)


def unfinished(transaction: Transaction, table_group_id: str | None) -> list[UnfinishedRun]:
    """Return the runs that wait or run, profile runs before test runs, by start."""
    suite_runs = (
        select(test_runs.c.test_run_id, test_suites.c.table_group_id, test_runs.c.dagster_run_id, test_runs.c.started_at)
        .join(test_suites, _same_suite())
        .where(test_runs.c.status.in_(UNFINISHED))
        .order_by(test_runs.c.started_at)
    )
    profile_runs = (
        select(profiles.c.profile_run_id, profiles.c.table_group_id, profiles.c.dagster_run_id, profiles.c.started_at)
        .where(profiles.c.status.in_(UNFINISHED))
        .order_by(profiles.c.started_at)
    )
    if table_group_id is not None:
        profile_runs = profile_runs.where(profiles.c.table_group_id == table_group_id)
        suite_runs = suite_runs.where(test_suites.c.table_group_id == table_group_id)
    queries: tuple[tuple[Literal["profile", "test"], Select[Any]], ...] = (("profile", profile_runs), ("test", suite_runs))
    return [
        UnfinishedRun(kind=kind, run_id=run_id, table_group_id=group_id, dagster_run_id=dagster_run_id, started_at=started_at)
        for kind, query in queries
        for run_id, group_id, dagster_run_id, started_at in transaction.execute(query)
    ]


def close(transaction: Transaction, closed: ClosedRun, now: datetime) -> bool:
    """Write what became of a run and return whether it was so: not when it ended meanwhile, or when another Dagster run took it up."""
    runs = profiles if closed.run.kind == "profile" else test_runs
    still = update(runs).where(
        next(iter(runs.primary_key)) == closed.run.run_id, runs.c.status.in_(UNFINISHED), runs.c.dagster_run_id.is_not_distinct_from(closed.run.dagster_run_id)
    )
    return transaction.execute(still.values(status=closed.status.value, error_message=closed.message, completed_at=now)).rowcount == 1


def _failing_since(transaction: Transaction, test_ids: Sequence[str]) -> Iterable[tuple[str, datetime]]:
    results = test_results.c
    in_order = (results.detected_at, results.window_start, results.batch_key, results.test_result_id)
    judged = (
        select(
            results.test_id, results.detected_at, results.result_status, func.row_number().over(partition_by=results.test_id, order_by=in_order).label("place")
        )
        .join(test_runs)
        .where(results.test_id.in_(test_ids), completed(test_runs))
        .subquery()
    )
    passed = (
        select(judged.c.test_id, func.max(case((judged.c.result_status == Verdict.PASS.value, judged.c.place), else_=0)).label("place"))
        .group_by(judged.c.test_id)
        .subquery()
    )
    query = (
        select(judged.c.test_id, func.min(judged.c.detected_at))
        .join(passed, and_(passed.c.test_id == judged.c.test_id, judged.c.place > passed.c.place))
        .where(judged.c.result_status.in_(_ALARMS))
        .group_by(judged.c.test_id)
    )
    return transaction.execute(query).all()


def _measures(transaction: Transaction, test_ids: Sequence[str], limit: int, including: str | None) -> Sequence[Row[Any]]:
    results = test_results.c
    at = func.coalesce(results.window_start, test_runs.c.as_of)
    occasion = func.coalesce(results.batch_key, results.test_run_id)
    attempt = func.row_number().over(partition_by=(results.test_id, occasion), order_by=newest_first(test_runs))
    judged = (
        select(
            *(results.test_id, results.batch_key, results.rows_tested, results.result_status),
            *(at.label("at"), results.sensor_value.label("value"), attempt.label("attempt")),
        )
        .join(test_runs)
        .where(results.test_id.in_(test_ids), completed(test_runs), or_(_whole_suite(), test_runs.c.test_run_id == including))
        .subquery()
    )
    place = func.row_number().over(partition_by=judged.c.test_id, order_by=(judged.c.at.desc(), judged.c.batch_key.desc()))
    recent = select(judged, place.label("place")).where(judged.c.attempt == 1, judged.c.value.is_not(None)).subquery()
    return transaction.execute(select(recent).where(recent.c.place <= limit).order_by(recent.c.test_id, recent.c.place.desc())).all()


def _same_suite() -> Any:
    return and_(test_suites.c.project_key == test_runs.c.project_key, test_suites.c.test_suite_key == test_runs.c.test_suite_key)


def _run_columns() -> list[Any]:
    return [test_runs.c[field] for field in TestRun.model_fields]


def _run(row: Row[Any]) -> TestRun:
    return TestRun.model_validate({field: value for field in TestRun.model_fields if (value := getattr(row, field)) is not None})


def _result_row(result: TestResult) -> dict[str, Any]:
    row = dict(result)
    row["result_status"] = result.result_status.value
    row["severity"] = result.severity.value if result.severity else None
    row["rule_passed"] = result.rule_passed
    return row
