"""Tests judged on real DuckDB tables, with the statements counted."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import duckdb
import pytest

from dq_assets.engines import open_engine
from dq_assets.profiling.masking import policy_for
from dq_assets.profiling.plan import TablePlan
from dq_assets.records.batches import WHOLE
from dq_assets.records.enums import StoreValues
from dq_assets.records.tables import GroupTable, TableName
from dq_assets.records.tests import Bound, Test, TestRun, Thresholds, Unit
from dq_assets.rules.catalogue import rule_type
from dq_assets.settings import DuckDBConnection
from dq_assets.steps.test_table import TestScan, judge_table

AS_OF = datetime(2024, 6, 15, 12)
TABLE = TableName(schema_name="main", table_name="t")


class CountingSession:
    """A real session that remembers how many statements it ran."""

    def __init__(self, session) -> None:
        self._session = session
        self.statements = 0

    def query(self, *arguments, **named):
        self.statements += 1
        return self._session.query(*arguments, **named)

    def rows(self, *arguments, **named):
        self.statements += 1
        return self._session.rows(*arguments, **named)

    def __getattr__(self, name):
        return getattr(self._session, name)


class Judged(NamedTuple):
    results: list
    rows: list
    statements: int

    @property
    def only(self):
        (result,) = self.results
        return result


@pytest.fixture
def make_test():
    """A test on table `t`; without bounds, no failing row and no measure above 0 is allowed."""

    def make(rule, *columns, name=None, row_filter=None, thresholds=None, **parameters):
        known = rule_type(rule)
        return Test(
            test_id=Test.identity("g", TABLE, columns, known.name, row_filter, name),
            project_key="p",
            connection_id="c",
            table_group_id="g",
            test_suite_key="s",
            name=name or f"{rule} {columns}",
            rule_type=rule,
            table=TABLE,
            columns=columns,
            parameters=parameters,
            filter=row_filter,
            dimension=known.dimension,
            thresholds=thresholds or Thresholds(error=Bound(maximum=0), unit=Unit.COUNT),
        )

    return make


@pytest.fixture
def judged(tmp_path):
    """Judge tests on the tables that the statements make; `t` is the one tested."""

    def judged_(statements, *tests, batch=WHOLE, batches=(), sample=5, timezone="UTC"):
        path = tmp_path / "source.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            for statement in [statements] if isinstance(statements, str) else statements:
                connection.execute(statement)
        engine = open_engine(DuckDBConnection(type="duckdb", path=path))
        columns = engine.columns(engine.tables())
        plan = TablePlan(table=TABLE, columns=tuple(columns[TABLE]), batch=batch, timezone=timezone, as_of=AS_OF)
        moment = AS_OF.replace(tzinfo=UTC)
        run = TestRun(test_run_id="r", project_key="p", test_suite_key="s", as_of=moment, started_at=moment)
        with engine.session("test", "") as session:
            counting = CountingSession(session)
            table = GroupTable(table_group_id="g", name=TABLE, batch=batch)
            scan = TestScan(counting, "duckdb", 400, run, table, plan, columns, list(batches), {}, "v1", policy_for(StoreValues.ALL, ()), sample)
            outcome = judge_table(scan, tests)
        return Judged(outcome.results, outcome.failed_rows, counting.statements)

    return judged_
