"""Every rule: a table where it passes, one where it fails with the exact count, nulls, and its bounds."""

from __future__ import annotations

import pytest

from dq_assets.errors import RuleError
from dq_assets.records.enums import Verdict
from dq_assets.records.tests import Bound, Thresholds, Unit
from dq_assets.rules.catalogue import RULE_TYPES, rule_type

ALLOWED = {"allowed": ["a", "b"]}
RANGE = {"minimum": 1, "maximum": 3}
CODE = {"regex": "^[A-Z]{2}$"}
# rule, type of the column, parameters, values that pass, values that fail, failing rows among the latter
ROWS = [
    ("Required", "INTEGER", {}, "1, 2", "1, NULL, NULL", 2),
    ("Unique", "INTEGER", {}, "1, 2, NULL, NULL", "1, 1, 1, 2, NULL, NULL", 2),
    ("Unique", "VARCHAR", {}, "'a', 'A', 'a '", "'a', 'a'", 1),
    ("Value_Range", "INTEGER", RANGE, "1, 3, NULL", "0, 1, 3, 4, NULL", 2),
    ("Value_Range", "DOUBLE", RANGE, "1.0, 3.0, NULL", "0.999999, 3.000001, 'inf'::DOUBLE, '-inf'::DOUBLE, 2, NULL", 4),
    ("Value_Range", "DECIMAL(38, 2)", RANGE, "1.00, 3.00", "0.99, 3.01, 2", 2),
    ("Value_Range", "HUGEINT", {"minimum": -1e30, "maximum": 1e30}, "1, 2", "100000000000000000000000000000000, 1", 1),
    ("LOV_Match", "VARCHAR", ALLOWED, "'a', 'b', NULL", "'a', 'B', 'b ', '', NULL", 3),
    ("LOV_Match", "VARCHAR", {"allowed": [1, 2]}, "'1', '2', NULL", "'1', 'x', '02'", 2),
    ("LOV_Match", "VARCHAR", {"allowed": ["a", 1]}, "'a', '1'", "'a', '1', 'one'", 1),
    ("LOV_Match", "INTEGER", {"allowed": [1, 2]}, "1, 2, NULL", "1, 3, NULL", 1),
    ("LOV_Match", "BIGINT", {"allowed": [2**53 + 1]}, str(2**53 + 1), f"{2**53}, {2**53 + 1}", 1),
    ("LOV_Match", "VARCHAR", {"allowed": ["it's", "');--", ":as_of"]}, "'it''s', ''');--', ':as_of'", "'its'", 1),
    ("Pattern_Match", "VARCHAR", CODE, "'AB', NULL", "'AB', 'ab', 'ABC', '', NULL", 3),
    ("Valid_Characters", "VARCHAR", {}, "'a b', 'x', NULL, ''", "' a', 'a ', '\"a\"', 'a\x07', 'ok', NULL", 4),
    ("Future_Date", "TIMESTAMP", {}, "'2024-06-15 12:00:00', NULL", "'2024-06-15 12:00:00', '2024-06-15 12:00:01', NULL", 1),
    ("Future_Date", "DATE", {}, "'2024-06-15', NULL", "'2024-06-16', '2024-06-15'", 1),
]  # fmt: skip


def _table(data_type, values):
    return f"CREATE TABLE t AS SELECT unnest([{values}]::{data_type}[]) AS c"


@pytest.mark.parametrize(("rule", "data_type", "parameters", "passing", "failing", "count"), ROWS)
def test_a_row_rule_passes_and_fails_with_the_exact_count_and_the_rows_that_fail(judged, make_test, rule, data_type, parameters, passing, failing, count):
    test = make_test(rule, "c", **parameters)

    good = judged(_table(data_type, passing), test).only
    assert (good.result_status, good.measure_value, good.message) == (Verdict.PASS, "0", "")
    bad = judged(_table(data_type, failing), test, sample=100)
    assert (bad.only.result_status, bad.only.failed_rows, bad.only.measure_value) == (Verdict.FAIL, count, str(count))
    # Of repeated values all holders are shown, the measure counts those beyond the first.
    assert len(bad.rows) == count + (1 if rule == "Unique" else 0)
    assert bad.only.message


@pytest.mark.parametrize(("rule", "data_type", "parameters"), [(rule, data_type, parameters) for rule, data_type, parameters, *_ in ROWS if rule != "Required"])
def test_a_column_of_nulls_fails_no_row_rule_but_required(judged, make_test, rule, data_type, parameters):
    assert judged(_table(data_type, "NULL, NULL"), make_test(rule, "c", **parameters)).only.result_status is Verdict.PASS


MEASURES = [
    ("Missing_Pct", "INTEGER", "1, NULL, 2, NULL", 0.5),
    ("Avg_Shift", "INTEGER", "1, 2, 6, NULL", 3.0),
    ("Avg_Shift", "DOUBLE", "1, 3, 'nan'::DOUBLE, 'inf'::DOUBLE", 2.0),
    ("Recency", "DATE", "'2024-06-10', '2024-06-01', NULL", 5),
    ("Recency", "TIMESTAMP", "'2024-06-14 23:59:59'", 1),
]


@pytest.mark.parametrize(("rule", "data_type", "values", "measure"), MEASURES)
def test_a_measure_is_held_against_bounds_that_include_their_ends(judged, make_test, rule, data_type, values, measure):
    def verdict(**bound):
        return judged(_table(data_type, values), make_test(rule, "c", thresholds=Thresholds(error=Bound(**bound)))).only.result_status

    assert verdict(minimum=measure, maximum=measure) is Verdict.PASS
    assert verdict(minimum=measure + 1e-9) is Verdict.FAIL
    assert verdict(maximum=measure - 1e-9) is Verdict.FAIL


@pytest.mark.parametrize(("rule", "columns"), [("Missing_Pct", ["c"]), ("Avg_Shift", ["c"]), ("Recency", ["d"]), ("Required", ["c"])])
def test_an_empty_table_is_skipped_not_green(judged, make_test, rule, columns):
    test = make_test(rule, *columns, thresholds=Thresholds(error=Bound(maximum=0)))

    assert judged("CREATE TABLE t (c INTEGER, d DATE)", test).only.result_status is Verdict.SKIPPED


def test_an_empty_table_breaks_the_bound_on_its_rows(judged, make_test):
    test = make_test("Row_Ct", thresholds=Thresholds(error=Bound(minimum=1)))

    assert judged("CREATE TABLE t (c INTEGER)", test).only.result_status is Verdict.FAIL


def test_repeated_rows_are_counted_with_nulls_as_equal(judged, make_test):
    table = "CREATE TABLE t AS SELECT * FROM (VALUES (1, NULL), (1, NULL), (1, NULL), (1, 'a')) v(a, b)"

    result = judged(table, make_test("Dupe_Rows"))
    assert (result.only.failed_rows, [row.row for row in result.rows]) == (2, [{"a": 1, "b": None}] * 3)
    assert judged(table, make_test("Dupe_Rows", "a")).only.failed_rows == 3


REFERENCE = {"reference_table": "parents", "reference_column": "id"}


def test_keys_without_a_parent_are_counted_nulls_on_either_side_are_not(judged, make_test):
    tables = ["CREATE TABLE parents AS SELECT unnest([1, 2, 2, NULL]) AS id", "CREATE TABLE t AS SELECT unnest([1, 2, 3, 3, NULL]) AS parent"]

    result = judged(tables, make_test("Combo_Match", "parent", **REFERENCE))
    assert (result.only.result_status, result.only.failed_rows, result.only.rows_tested) == (Verdict.FAIL, 2, 5)
    assert [row.row for row in result.rows] == [{"parent": 3}, {"parent": 3}]
    assert judged(tables, make_test("Combo_Match", "parent", row_filter="parent < 3", **REFERENCE)).only.result_status is Verdict.PASS


@pytest.mark.parametrize(
    ("reference", "says"), [({"reference_table": "nobody"}, "no reference table nobody"), ({"reference_column": "key"}, "no column 'key'")]
)
def test_a_reference_that_is_missing_is_an_error_with_its_cause(judged, make_test, reference, says):
    tables = ["CREATE TABLE parents AS SELECT 1 AS id", "CREATE TABLE t AS SELECT 1 AS parent"]

    result = judged(tables, make_test("Combo_Match", "parent", **(REFERENCE | reference))).only
    assert result.result_status is Verdict.ERROR
    assert says in result.error_message


def test_schema_drift_tells_of_added_dropped_and_changed_columns(judged, make_test):
    known = {"a": "INTEGER", "b": "VARCHAR", "gone": "DATE"}

    result = judged("CREATE TABLE t (a BIGINT, b VARCHAR, more DOUBLE)", _drift(make_test, known)).only
    assert (result.result_status, result.measure_value) == (Verdict.FAIL, "3")
    assert result.message.endswith("more added (DOUBLE); gone dropped; a changed from INTEGER to BIGINT")
    assert judged("CREATE TABLE t (b VARCHAR, a INTEGER, gone DATE)", _drift(make_test, known)).only.result_status is Verdict.PASS


def _drift(make_test, known):
    return make_test("Schema_Drift").model_copy(update={"parameters": {"columns": known}})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "COPY t TO '{written}'",
        "CREATE TABLE u AS SELECT 1",
        "DROP TABLE t",
        "SELECT 1; SELECT 2",
    ],
)
def test_custom_sql_that_reads_a_file_or_writes_is_an_error_and_does_nothing(judged, make_test, tmp_path, sql):
    (tmp_path / "secret.csv").write_text("treasure")
    text = sql.format(secret=tmp_path / "secret.csv", written=tmp_path / "written.csv")

    result = judged("CREATE TABLE t AS SELECT 1 AS a", make_test("CUSTOM", sql=text), make_test("Row_Ct", thresholds=Thresholds(error=Bound(minimum=1))))
    assert [item.result_status for item in result.results] == [Verdict.ERROR, Verdict.PASS]
    assert "treasure" not in repr(result)
    assert not (tmp_path / "written.csv").exists()


def test_custom_sql_fails_on_the_rows_it_returns(judged, make_test):
    result = judged("CREATE TABLE t AS SELECT i AS a FROM range(9) r(i)", make_test("CUSTOM", sql="SELECT a FROM t WHERE a > 4"), sample=2)

    assert (result.only.failed_rows, [row.row for row in result.rows]) == (4, [{"a": 5}, {"a": 6}])


def test_a_filter_limits_failing_and_tested_rows(judged, make_test):
    table = "CREATE TABLE t AS SELECT * FROM (VALUES (NULL, 'x'), (NULL, 'y'), (1, 'x'), (NULL, NULL)) v(a, kind)"

    result = judged(table, make_test("Required", "a", row_filter="kind = 'x'"))
    assert (result.only.failed_rows, result.only.rows_tested, len(result.rows)) == (1, 2, 1)
    assert judged(table, make_test("Required", "a", row_filter="kind = 'z'")).only.result_status is Verdict.SKIPPED


def test_a_filter_that_is_null_in_every_row_leaves_nothing_to_judge(judged, make_test):
    table = "CREATE TABLE t AS SELECT NULL::INTEGER AS a, NULL::VARCHAR AS kind"

    assert judged(table, make_test("Required", "a", row_filter="kind = 'x'")).only.result_status is Verdict.SKIPPED


@pytest.mark.parametrize("unsafe", ["(SELECT 1) = 1", "a > 0; DROP TABLE t", "my_function(a)", "count(*) > 1", "a > :x", "row_number() OVER () > 1", "a >", ""])
def test_a_filter_that_is_no_plain_condition_is_an_error(judged, make_test, unsafe):
    result = judged("CREATE TABLE t AS SELECT 1 AS a", make_test("Required", "a", row_filter=unsafe)).only

    assert result.result_status is Verdict.ERROR
    assert "DQ-RULE-006" in result.error_message


@pytest.mark.parametrize("rule", RULE_TYPES, ids=lambda rule: rule.name)
def test_a_rule_answers_to_all_its_names_in_any_case(rule):
    for name in (rule.name, *rule.aliases):
        assert rule_type(name) is rule_type(name.upper()) is rule


def test_no_name_belongs_to_two_rules():
    names = [name.lower() for rule in RULE_TYPES for name in (rule.name, *rule.aliases)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("rule", "columns", "parameters", "says"),
    [
        ("Value_Range", ["a"], {"minimum": 1}, ["lacks the parameter 'maximum'", "give it a number"]),
        ("Value_Range", ["a"], {"minimum": "1", "maximum": 2}, ["parameter 'minimum'", "'1'", "give it a number"]),
        ("Value_Range", ["a"], {"minimum": True, "maximum": 2}, ["'minimum'", "True"]),
        ("LOV_Match", ["a"], {"allowed": []}, ["'allowed'", "[]", "list of values"]),
        ("LOV_Match", ["a"], {"allowed": [True, False]}, ["'allowed'", "True", "list of values"]),
        ("Pattern_Match", ["a"], {"regex": ""}, ["'regex'", "''", "regex"]),
        ("Required", ["a"], {"nulls": 1}, ["no parameter 'nulls'", "none"]),
        ("Required", [], {}, ["one column, 0 are named"]),
        ("Required", ["b"], {}, ["no column 'b'", "its columns are: a"]),
        ("Avg_Shift", ["a"], {}, ["does not apply", "'a'", "VARCHAR"]),
    ],
)
def test_a_test_that_cannot_be_compiled_is_an_error_naming_what_is_wrong_and_the_fix(judged, make_test, rule, columns, parameters, says):
    result = judged("CREATE TABLE t AS SELECT 'x' AS a", make_test(rule, *columns, **parameters)).only

    assert result.result_status is Verdict.ERROR
    assert all(part in result.error_message for part in says), result.error_message


def test_an_unknown_rule_is_refused_with_the_ones_there_are():
    with pytest.raises(RuleError, match=r"DQ-RULE-001.*'Nope'.*Required, Missing_Pct"):
        rule_type("Nope")


@pytest.mark.parametrize(("failing", "verdict"), [(1, Verdict.PASS), (2, Verdict.PASS), (3, Verdict.FAIL)])
def test_support_and_share_let_stray_rows_pass(judged, make_test, failing, verdict):
    thresholds = Thresholds(error=Bound(maximum=0.02), unit=Unit.SHARE, support=2)
    table = f"CREATE TABLE t AS SELECT CASE WHEN i >= {failing} THEN i END AS c FROM range(100) r(i)"

    assert judged(table, make_test("Required", "c", thresholds=thresholds)).only.result_status is verdict
