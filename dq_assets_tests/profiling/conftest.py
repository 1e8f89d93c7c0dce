"""Tables in real DuckDB files, and their profiles."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import duckdb
import pytest

from dq_assets.engines import open_engine
from dq_assets.profiling.plan import TablePlan
from dq_assets.records.batches import WHOLE
from dq_assets.records.enums import BaselineStatus, StoreValues
from dq_assets.records.sampling import Sampling
from dq_assets.records.tables import GroupTable, TableName
from dq_assets.settings import DuckDBConnection
from dq_assets.steps.profile_table import BatchHistory, ProfiledTable, TableScan, profile_table

AS_OF = datetime(2024, 6, 15, 12)


class Profiled(NamedTuple):
    """A table's profile, with a way to ask the table itself."""

    profile: ProfiledTable
    engine: object
    name: TableName

    def column(self, name):
        return next(column for column in self.profile.columns if column.column_name == name)

    def metric(self, column, metric):
        found = self.column(column)
        return ({name: getattr(found, name) for name in type(found).model_fields} | found.percentiles | found.metrics).get(metric)

    def series(self, column, metric):
        column_id = self.column(column).column_id if column else None
        return {value.batch_key: value.value for value in self.profile.series if value.column_id == column_id and value.metric == metric}

    def findings(self):
        return {(item.column_name, item.anomaly_type_id) for item in self.profile.findings}

    def count(self, predicate):
        """How many rows of the table a predicate in Databricks SQL selects."""
        from sqlglot import exp, parse_one

        with self.engine.session("count", "") as session:
            query = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n")).from_(session.relation(self.name)).where(parse_one(predicate, read="databricks"))
            return session.query(query).to_pylist()[0]["n"]


@pytest.fixture
def profiled(tmp_path):
    """Profile the table `t` that the statements make."""

    def profiled_(*statements, batch=WHOLE, timezone="UTC", as_of=AS_OF, store_values=StoreValues.ALL):
        path = tmp_path / "source.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for statement in statements:
                connection.execute(statement)
        engine = open_engine(DuckDBConnection(type="duckdb", path=path))
        name = TableName(schema_name="main", table_name="t")
        columns = engine.columns([name])[name]
        plan = TablePlan(table=name, columns=tuple(columns), batch=batch, timezone=timezone, as_of=as_of)
        with engine.session("profile", "") as session:
            table = GroupTable(table_group_id="g", name=name, batch=batch)
            scan = TableScan(session, engine.capabilities, table, plan, store_values, "v1", as_of.replace(tzinfo=UTC), Sampling())
            return Profiled(profile_table(scan, BatchHistory({}, {}, BaselineStatus.LEARNED)), engine, name)

    return profiled_
