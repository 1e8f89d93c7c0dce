"""What `evaluate` promises, on small frames."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

import doctest
import subprocess
import sys
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pytest

import dq_assets.functions
from dq_assets import evaluate
from dq_assets.errors import ConfigError, RuleError, SourceError
from dq_assets.records.enums import Verdict
from dq_assets.settings import ManualTest

NOW = datetime(2024, 3, 2, 12, tzinfo=UTC)


def required(column: str, **fields: object) -> dict[str, object]:
    return {"name": f"{column} is there", "rule_type": "Required", "columns": [column], **fields}


def sql(text: str) -> dict[str, object]:
    return {"name": "query", "rule_type": "CUSTOM", "parameters": {"sql": text}}


def among(table: str, column: str = "status") -> dict[str, object]:
    return {"name": "known", "rule_type": "Combo_Match", "columns": ["status"], "parameters": {"reference_table": table, "reference_column": column}}


@pytest.fixture
def orders() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_id": [1, 2, 2, 4],
            "amount": [10.0, None, -3.0, 5.0],
            "status": ["open", "paid", "paid", "lost"],
            "email": ["ann@example.com", "bob@example.com", "cid@example.com", "dee@example.com"],
            "reach": ["ann@example.org", "bob@example.org", None, "none"],
            "ordered_at": pd.date_range("2024-03-01", periods=4, freq="12h"),
        }
    )


def test_the_example_in_the_documentation_is_true() -> None:
    found = doctest.testmod(dq_assets.functions)
    assert found.attempted > 0
    assert found.failed == 0


def test_each_test_has_one_result_in_the_order_given(orders: pd.DataFrame) -> None:
    tests = [required("amount"), {"name": "rows", "rule_type": "Row_Ct", "low": 5}, required("status")]
    results = evaluate(tests, orders, as_of=NOW)
    assert [(item.name, item.verdict, item.passed) for item in results] == [
        ("amount is there", Verdict.FAIL, False),
        ("rows", Verdict.FAIL, False),
        ("status is there", Verdict.PASS, True),
    ]
    assert results[0].message == "1 rows have no amount (25.00% of 4)"
    assert results[1].message == "4 rows arrived, expected at least 5"
    assert results[0].result.failed_rows == 1
    assert results[2].message == ""


def test_tests_may_be_mappings_settings_or_records_and_judge_alike(orders: pd.DataFrame) -> None:
    written = ManualTest(name="amount is there", rule_type="is_not_null", table="frame", columns=("amount",))
    (first,) = evaluate([required("amount")], orders, as_of=NOW)
    (second,) = evaluate([written], orders, as_of=NOW)
    (third,) = evaluate([first.test], orders, as_of=NOW)
    assert first.result.model_copy(update={"execution_time_ms": 0}) == second.result.model_copy(update={"execution_time_ms": 0})
    assert first.result.model_copy(update={"execution_time_ms": 0}) == third.result.model_copy(update={"execution_time_ms": 0})


def test_severity_filter_and_a_tolerated_number_are_heeded(orders: pd.DataFrame) -> None:
    (warned,) = evaluate([required("amount", severity="warning")], orders, as_of=NOW)
    (filtered,) = evaluate([required("amount", filter="status = 'open'")], orders, as_of=NOW)
    (tolerated,) = evaluate([required("amount", high=1)], orders, as_of=NOW)
    assert warned.verdict is Verdict.WARN
    assert (filtered.verdict, filtered.result.rows_tested) == (Verdict.PASS, 1)
    assert (tolerated.verdict, tolerated.result.failed_rows) == (Verdict.PASS, 1)


def test_a_test_that_cannot_be_evaluated_is_an_error_and_the_others_stand(orders: pd.DataFrame) -> None:
    broken = {
        "DQ-RULE-002": {"name": "parameter", "rule_type": "Value_Range", "columns": ["amount"], "parameters": {"minimum": 0}},
        "DQ-RULE-003": required("nowhere"),
        "DQ-RULE-004": {"name": "type", "rule_type": "Future_Date", "columns": ["status"]},
        "DQ-RULE-006": required("order_id", filter="((("),
        "DQ-RULE-007": among("nowhere"),
        "DQ-RULE-010": {**sql("DROP TABLE frame"), "name": "drop"},
        "DQ-SQL-001": {"name": "pattern", "rule_type": "Pattern_Match", "columns": ["status"], "parameters": {"regex": "((("}},
    }
    results = evaluate([required("amount"), *broken.values(), required("status")], orders, as_of=NOW)
    assert [item.message.partition(":")[0] for item in results[1:-1]] == list(broken)
    assert {item.verdict for item in results[1:-1]} == {Verdict.ERROR}
    assert not any(item.passed for item in results[1:-1])
    assert (results[0].verdict, results[-1].verdict) == (Verdict.FAIL, Verdict.PASS)


def test_a_stored_test_of_a_rule_type_that_is_gone_is_an_error_too(orders: pd.DataFrame) -> None:
    (known,) = evaluate([required("amount")], orders, as_of=NOW)
    gone = known.test.model_copy(update={"rule_type": "Gone", "test_id": "gone", "name": "gone"})
    results = evaluate([gone, known.test], orders, as_of=NOW)
    assert [item.verdict for item in results] == [Verdict.ERROR, Verdict.FAIL]
    assert "DQ-RULE-001" in results[0].message


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ([required("amount"), required("amount")], "2 tests of frame have the name 'amount is there'"),
        ([required("amount", table="customers")], "is about table 'customers', the frame is 'frame'"),
        ([required("amount", colums=["amount"])], "colums: Extra inputs are not permitted"),
        ([{"rule_type": "Required"}], "test 1 of frame: name: Field required"),
        (["Required"], "test 1 of frame is a str"),
        ([required("amount", low=1)], "counts failing rows"),
        ([{"name": "rows", "rule_type": "Row_Ct"}], "has no bound"),
        ([{"name": "x", "rule_type": "Requird", "columns": ["amount"]}], "rule type 'Requird' is not in the catalogue"),
    ],
)
def test_what_is_no_test_is_refused_before_anything_is_judged(tests: list[dict[str, object]], said: str, orders: pd.DataFrame) -> None:
    with pytest.raises((ConfigError, RuleError)) as refused:
        evaluate(tests, orders, as_of=NOW)
    assert said in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("argument", [{"timezone": "Mars/Base"}, {"store_values": "some"}, {"sample": -1}, {"sample": "all"}, {"name": ""}])
def test_an_argument_that_cannot_be_used_is_named(argument: dict[str, object], orders: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match=f"DQ-FRAME-005: {next(iter(argument))} is {next(iter(argument.values()))!r}"):
        evaluate([required("amount")], orders, as_of=NOW, **argument)


@pytest.mark.parametrize("data", [None, 7, "orders", {"a": [1]}, [1], pd.DataFrame, pd.Series([1], name="a"), pa.chunked_array([[1]]), pd.DataFrame()])
def test_what_is_no_frame_is_one_clear_error(data: object) -> None:
    with pytest.raises(SourceError, match=r"DQ-FRAME-001: .*frame"):
        evaluate([required("amount")], data, as_of=NOW)


def test_personal_columns_are_masked_by_name_by_content_and_when_they_are_nested(orders: pd.DataFrame) -> None:
    frame = orders.assign(details=[{"phone": "1"}] * 4)
    (result,) = evaluate([required("amount")], frame, as_of=NOW)
    assert result.failed_rows == (
        {
            "order_id": 2,
            "amount": None,
            "status": "paid",
            "email": "***",
            "reach": "***",
            "ordered_at": "2024-03-01 12:00:00",
            "details": "***",
        },
    )


def test_all_values_or_none_of_them_are_shown_when_that_is_asked_for(orders: pd.DataFrame) -> None:
    (all_of_them,) = evaluate([required("amount")], orders, as_of=NOW, store_values="all")
    (none,) = evaluate([required("amount")], orders, as_of=NOW, store_values="none")
    assert all_of_them.failed_rows[0]["email"] == "bob@example.com"
    assert set(none.failed_rows[0].values()) == {None}


def test_what_a_query_returns_is_masked_whole_since_it_may_rename_what_is_personal(orders: pd.DataFrame) -> None:
    (result,) = evaluate([sql("SELECT email AS city FROM frame WHERE order_id = 1")], orders, as_of=NOW)
    assert result.failed_rows == ({"city": "***"},)


def test_no_more_rows_are_shown_than_asked_for(orders: pd.DataFrame) -> None:
    test = {"name": "none", "rule_type": "LOV_Match", "columns": ["status"], "parameters": {"allowed": ["nothing"]}}
    assert [len(evaluate([test], orders, as_of=NOW, sample=sample)[0].failed_rows) for sample in (0, 2, 10)] == [0, 2, 4]
    assert evaluate([test], orders, as_of=NOW, sample=0)[0].result.failed_rows == 4


def test_queries_read_the_frame_by_its_name_and_the_reference_tables(orders: pd.DataFrame) -> None:
    kinds = pa.table({"status": ["open", "paid"], "good": [True, False]})
    query = sql('SELECT * FROM orders JOIN main.kinds USING (status) JOIN crm."Kinds of old" USING (status) WHERE NOT kinds.good')
    (joined,) = evaluate([query], orders, name="orders", as_of=NOW, reference_tables={"kinds": kinds, "crm.Kinds of old": kinds})
    (itself,) = evaluate([among("frame")], orders, as_of=NOW)
    (found,) = evaluate([among("kinds")], orders, as_of=NOW, reference_tables={"kinds": kinds})
    (far,) = evaluate([among("crm.kinds")], orders, as_of=NOW, reference_tables={"crm.kinds": kinds})
    (column,) = evaluate([among("kinds", "state")], orders, as_of=NOW, reference_tables={"kinds": kinds})
    (missing,) = evaluate([among("kinds")], orders, as_of=NOW)
    assert (joined.verdict, joined.result.failed_rows) == (Verdict.FAIL, 2)
    assert itself.verdict is Verdict.PASS
    assert found.message == "1 values of status are missing from kinds.status (25.00% of 4)"
    assert [row["status"] for row in found.failed_rows] == ["lost"]
    assert far.verdict is Verdict.FAIL
    assert "has no column 'state'" in column.message
    assert "`reference_tables`" in missing.message


def test_a_reference_table_cannot_have_the_frames_own_name(orders: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="DQ-FRAME-005"):
        evaluate([among("frame")], orders, as_of=NOW, reference_tables={"main.frame": orders})


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_text('{file}')",
        "COPY frame TO '{file}'",
        "SELECT * FROM secret",
        "SELECT * FROM python_arrow_scan(1, 2, 3)",
        "ATTACH '{file}'",
    ],
)
def test_a_query_reaches_no_file_and_no_variable_of_the_program(text: str, tmp_path, orders: pd.DataFrame) -> None:
    file = tmp_path / "canary.csv"
    file.write_text("canary\n1\n")
    secret = pa.table({"canary": [1]})
    (result,) = evaluate([sql(text.format(file=file))], orders, as_of=NOW)
    assert result.verdict is Verdict.ERROR
    assert "canary" not in str(result.failed_rows)
    assert file.read_text() == "canary\n1\n"
    assert secret.num_rows == 1


def test_nothing_compares_with_the_clock_but_with_the_time_given() -> None:
    frame = pa.table({"at": pa.array([datetime(2024, 3, 2, 13)], pa.timestamp("us"))})
    future = {"name": "future", "rule_type": "Future_Date", "columns": ["at"]}
    age = {"name": "age", "rule_type": "Recency", "columns": ["at"], "high": 3}

    def verdicts(as_of: datetime, **zone: str) -> list[Verdict]:
        return [item.verdict for item in evaluate([future, age], frame, as_of=as_of, **zone)]

    assert verdicts(NOW) == [Verdict.FAIL, Verdict.PASS]
    assert verdicts(NOW.replace(tzinfo=None)) == [Verdict.FAIL, Verdict.PASS], "without a zone it is UTC"
    assert verdicts(NOW, timezone="Asia/Tokyo") == [Verdict.PASS, Verdict.PASS], "noon in London is evening in Tokyo"
    assert verdicts(datetime(2024, 4, 1, tzinfo=UTC)) == [Verdict.PASS, Verdict.FAIL]
    assert evaluate([age], frame)[0].verdict is Verdict.FAIL, "by the clock the row is years old"


def test_the_same_question_has_the_same_ids_and_another_time_has_others(orders: pd.DataFrame) -> None:
    first, second, later = (evaluate([required("amount")], orders, as_of=moment)[0].result for moment in (NOW, NOW, NOW.replace(hour=13)))
    assert (first.test_result_id, first.detected_at) == (second.test_result_id, NOW)
    assert first.test_result_id != later.test_result_id


def test_an_empty_frame_skips_what_needs_rows_and_fails_what_counts_them() -> None:
    frame = pd.DataFrame({"amount": [], "status": []})
    tests = [
        required("amount"),
        {"name": "pattern", "rule_type": "Pattern_Match", "columns": ["status"], "parameters": {"regex": "^a"}},
        {"name": "unique", "rule_type": "Unique", "columns": ["status"]},
        {"name": "rows", "rule_type": "Row_Ct", "low": 1},
        sql("SELECT * FROM frame"),
    ]
    assert [item.verdict for item in evaluate(tests, frame, as_of=NOW)] == [Verdict.SKIPPED, Verdict.SKIPPED, Verdict.SKIPPED, Verdict.FAIL, Verdict.PASS]


@pytest.mark.parametrize(
    ("rule", "parameters"), [("Value_Range", {"minimum": 0, "maximum": 1}), ("Pattern_Match", {"regex": "^a"}), ("Future_Date", {}), ("Valid_Characters", {})]
)
@pytest.mark.parametrize("values", [pd.Series([None, None], dtype=object), pd.Series([None, None], dtype="float64"), pd.Series([None, None], dtype="str")])
def test_a_column_without_a_value_takes_the_type_its_tests_are_about(rule: str, parameters: dict[str, object], values: pd.Series) -> None:
    test = {"name": "test", "rule_type": rule, "columns": ["discount"], "parameters": parameters}
    results = evaluate([test, required("discount")], pd.DataFrame({"id": [1, 2], "discount": values}), as_of=NOW)
    assert [item.verdict for item in results] == [Verdict.PASS, Verdict.FAIL]


def test_a_column_with_a_value_keeps_its_type() -> None:
    test = {"name": "test", "rule_type": "Pattern_Match", "columns": ["discount"], "parameters": {"regex": "^a"}}
    (result,) = evaluate([test], pd.DataFrame({"discount": [None, 1.0]}), as_of=NOW)
    assert "DQ-RULE-004" in result.message


def test_no_test_is_no_result(orders: pd.DataFrame) -> None:
    assert evaluate([], orders, as_of=NOW) == []


def test_no_metadata_is_opened_and_nothing_is_written(tmp_path) -> None:
    program = (
        "import sys, pyarrow as pa\nfrom dq_assets import evaluate\n"
        "test = {'name': 'a', 'rule_type': 'Required', 'columns': ['a']}\n"
        "print(evaluate([test], pa.table({'a': [1]}))[0].verdict, 'sqlalchemy' in sys.modules, 'dagster' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pass", "False", "False"]
    assert list(tmp_path.iterdir()) == []
