"""The SQL a person is given: run as it stands, it finds what the test found."""

from __future__ import annotations

import duckdb
import pytest

from dq_assets.engines import open_engine
from dq_assets.profiling.plan import TablePlan
from dq_assets.records.batches import WHOLE, BatchSpec
from dq_assets.settings import DuckDBConnection
from dq_assets.steps.explain import ROWS, explain

from .conftest import AS_OF, TABLE

DAY = "2024-01-02"
NASTY = 'a "b" ```\n<script>'
STATEMENTS = [
    "CREATE TABLE parent AS SELECT i AS id FROM range(15) r(i)",
    f"""CREATE TABLE t AS SELECT i, i % 4 AS small, CASE WHEN i % 5 = 0 THEN NULL ELSE 'n' || i % 7 END AS word, i / 2.0 AS amount,
        CASE WHEN i % 3 = 0 THEN 'it''s ```' || chr(10) || '![x](y)' ELSE 'fine' END AS "{NASTY.replace('"', '""')}",
        TIMESTAMP '2024-01-01' + INTERVAL (i // 20) DAY AS at FROM range(60) r(i)""",
]


@pytest.fixture
def explained(tmp_path):
    """Return the SQL of a test on the table that was judged, and what it answers by itself."""

    def explained_(test, batch=WHOLE, batch_key=None):
        path = tmp_path / "source.duckdb"
        engine = open_engine(DuckDBConnection(type="duckdb", path=path))
        columns = engine.columns(engine.tables())
        plan = TablePlan(table=TABLE, columns=tuple(columns[TABLE]), batch=batch, timezone="UTC", as_of=AS_OF)
        sql = explain(test, plan, "duckdb", tables=columns, batch_key=batch_key)
        if sql is None:
            return None, None
        with duckdb.connect(str(path), read_only=True) as connection:
            return sql, connection.sql(sql).to_arrow_table().to_pylist()

    return explained_


ROW_RULES = [
    ("Required", ["word"], {}),
    ("Value_Range", ["amount"], {"minimum": 1, "maximum": 15}),
    ("LOV_Match", ["word"], {"allowed": ["n1", "it's", "```"]}),
    ("LOV_Match", [NASTY], {"allowed": ["fine"]}),
    ("Pattern_Match", ["word"], {"regex": "^n[1-3]$"}),
    ("Unique", ["small"], {}),
    ("Dupe_Rows", [], {}),
    ("Combo_Match", ["i"], {"reference_table": "parent", "reference_column": "id"}),
    ("CUSTOM", [], {"sql": "SELECT * FROM t WHERE i > 50"}),
]


@pytest.mark.parametrize(("rule", "columns", "parameters"), ROW_RULES)
@pytest.mark.parametrize("batch", [WHOLE, BatchSpec(column="at", grain="day")])
def test_the_statement_selects_the_failing_rows(judged, make_test, explained, batch, rule, columns, parameters):
    key = DAY if batch.is_timed and rule != "CUSTOM" else None
    test = make_test(rule, *columns, **parameters)
    found = judged(STATEMENTS, test, batch=batch, batches=[key] if key else [], sample=ROWS)
    _, rows = explained(test, batch, key)
    kept = [row.row for row in found.rows]
    plain = [{name: value if isinstance(value, (int, float, str, type(None))) else str(value) for name, value in row.items()} for row in rows]
    assert sorted(map(str, plain)) == sorted(map(str, kept))
    assert (len(rows) > 0) == (rule != "Dupe_Rows")


def test_a_filter_is_part_of_the_statement(judged, make_test, explained):
    test = make_test("Required", "word", row_filter="amount > 10 OR small = 1")
    failed = judged(STATEMENTS, test, sample=ROWS).only.failed_rows
    assert len(explained(test)[1]) == failed > 0


@pytest.mark.parametrize(("rule", "columns"), [("Missing_Pct", ["word"]), ("Avg_Shift", ["amount"]), ("Row_Ct", []), ("Recency", ["at"])])
def test_where_a_failure_has_no_rows_the_statement_measures(judged, make_test, explained, rule, columns):
    batch = BatchSpec(column="at", grain="day")
    key = None if rule == "Recency" else DAY
    test = make_test(rule, *columns)
    result = judged(STATEMENTS, test, batch=batch, batches=[DAY]).only
    _, (answer,) = explained(test, batch, key)
    assert (float(answer["measure"]), answer["rows_tested"]) == (result.sensor_value, result.rows_tested)


def test_the_statement_reads_well(judged, make_test, explained):
    test = make_test("LOV_Match", "word", allowed=["n1", "n2"])
    judged(STATEMENTS, test)
    assert explained(test, BatchSpec(column="at", grain="day"), DAY)[0] == (
        "SELECT\n  *\n"
        'FROM "main"."t"\n'
        "WHERE\n"
        "  \"at\" >= CAST('2024-01-02 00:00:00' AS TIMESTAMP)\n"
        "  AND \"at\" < CAST('2024-01-03 00:00:00' AS TIMESTAMP)\n"
        "  AND NOT \"word\" IN ('n1', 'n2')\n"
        f"LIMIT {ROWS}"
    )


@pytest.mark.parametrize(
    ("rule", "columns", "parameters"),
    [
        ("Schema_Drift", [], {"columns": {}}),
        ("Required", ["gone"], {}),
        ("LOV_Match", ["word"], {}),
        ("Combo_Match", ["i"], {"reference_table": "gone", "reference_column": "id"}),
    ],
)
def test_what_has_no_statement_or_compiles_no_more_is_not_explained(judged, make_test, explained, rule, columns, parameters):
    judged(STATEMENTS)
    assert explained(make_test(rule, *columns, **parameters)) == (None, None)
