"""The commands that run steps: what they say, what they return, which exit code they end with."""

from __future__ import annotations

import shutil

import pytest

from dq_assets.cli.invocation import Invocation
from dq_assets.records.enums import BaselineStatus
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext

AS_OF, DAY_AFTER = "2024-01-26", "2024-01-27"
FAILING = {
    ("main.orders", None, "Row_Ct"),
    ("main.orders", "amount", "LOV_Match"),
    ("main.orders", "order_id", "Required"),
    ("main.orders", "status", "LOV_Match"),
}


def steps_of(shop):
    return StepContext.open(load_settings(shop.folder / "dq.yaml"))


def test_step_by_step_a_new_project_gets_a_suite_and_a_green_test_run(new_shop):
    for command, says in (
        (("provision",), "schema version"),
        (("register",), "sales: registered 2 tables, 1 in timed batches; recorded for the first time."),
        (("profile", "--as-of", AS_OF), "sales: profiled 2 tables, 6 columns, 2,550 rows as of 2024-01-26 00:00 UTC"),
        (("suggest",), "0 disabled"),
        (("test", "--as-of", AS_OF), "sales: 0 fail · 0 warn · 0 error · "),
    ):
        result = new_shop.dq(*command)
        assert (result.exit_code, result.stderr) == (0, "")
        assert says in result.stdout


def test_a_group_without_a_suite_learns_one_before_it_is_tested(new_shop):
    result, document = new_shop.json("run", "--as-of", AS_OF)
    assert result.exit_code == 0
    assert list(document) == ["command", "exit_code", "provision", "groups", "errors"]
    assert list(document["groups"][0]) == ["group", "register", "profile", "suggest", "test", "alerts"]


def test_a_group_with_a_suite_is_tested_before_it_learns_so_that_a_bad_batch_teaches_nothing(shop, bad_day):
    shop.land(bad_day)
    result, document = shop.json("run", "--as-of", DAY_AFTER)
    assert result.exit_code == 1
    assert list(document["groups"][0]) == ["group", "register", "test", "alerts", "profile", "suggest"]
    assert document["groups"][0]["alerts"] == {"alerts": 4, "new": 4}
    orders = next(table for table in steps_of(shop).tables("sales") if table.name.table_name == "orders")
    assert steps_of(shop).store.profiled_batches(orders.table_id)["2024-01-26"][0] is BaselineStatus.EXCLUDED


def test_a_bad_batch_exits_1_and_names_the_failing_tests(shop, bad_day):
    shop.land(bad_day)
    result = shop.dq("test", "--as-of", DAY_AFTER)
    assert (result.exit_code, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert lines[1].split() == ["table", "column", "rule", "batch", "verdict", "message", "expected", "rows"]
    row = next(line for line in lines if "status" in line)
    assert "2024-01-26  fail     5 values of status are not in the list of known values" in row
    assert lines[-1].startswith("sales: 4 fail · 0 warn · 0 error · 14 pass (18 tests; batch 2024-01-26).")


def test_the_document_of_a_test_holds_each_failing_result(shop, bad_day):
    shop.land(bad_day)
    result, document = shop.json("test", "--as-of", DAY_AFTER)
    (group,) = document["groups"]
    assert (result.exit_code, document["command"], document["exit_code"], document["errors"]) == (1, "test", 1, [])
    assert (group["group"], group["verdicts"], group["batches"]) == ("sales", {"pass": 14, "fail": 4}, ["2024-01-26"])
    assert group["run"]["failed_tests"] == 4
    assert {(entry["table"], entry["column"], entry["rule"]) for entry in group["failing"]} == FAILING
    required = next(entry for entry in group["failing"] if entry["rule"] == "Required")
    assert {name: required[name] for name in ("batch", "verdict", "severity", "expected", "failed_rows", "rows_tested")} == {
        "batch": "2024-01-26",
        "verdict": "fail",
        "severity": "error",
        "expected": "at most 0 rows",
        "failed_rows": 5,
        "rows_tested": 5,
    }


def test_a_good_batch_exits_0(shop, good_day):
    shop.land(good_day)
    result, document = shop.json("test", "--as-of", DAY_AFTER)
    assert (result.exit_code, document["groups"][0]["batches"], document["groups"][0]["failing"]) == (0, ["2024-01-26"], [])


def test_a_warning_is_shown_and_exits_0(shop):
    result = shop.dq("test", "--as-of", "2024-02-20")
    assert result.exit_code == 0
    assert "warn     the newest ordered_at is 26 days old" in result.stdout


def test_a_hand_written_test_is_called_by_its_name(shop):
    sql = "SELECT * FROM orders WHERE amount < 11"
    tests = f"    tests:\n      - {{name: nothing is cheap, rule_type: CUSTOM, table: orders, severity: fatal, parameters: {{sql: {sql}}}}}\n"
    shop.configure((shop.folder / "dq.yaml").read_text() + tests)
    assert "CUSTOM: nothing is cheap" in shop.dq("suggest").stdout
    result = shop.dq("test", "--as-of", AS_OF)
    assert result.exit_code == 1
    assert "CUSTOM: nothing is cheap" in result.stdout


def test_an_unreadable_source_exits_3_says_so_once_and_is_never_green(shop):
    shutil.rmtree(shop.folder / "data")
    result = shop.dq("test", "--as-of", AS_OF)
    assert result.exit_code == 3
    assert "18 error · 0 pass (18 tests; nothing judged)" in result.stdout
    assert result.stderr.count("DQ-CONN-001") == 1
    assert result.stderr.startswith("error: sales: 18 results could not be evaluated: DQ-CONN-001: ")


def test_an_outage_is_judged_and_told_of_even_when_a_later_run_was_green(shop):
    assert shop.dq("test", "--as-of", DAY_AFTER).exit_code == 0
    shutil.rmtree(shop.folder / "data")
    result, document = shop.json("run", "--as-of", AS_OF)
    (group,) = document["groups"]
    assert result.exit_code == 3
    assert group["test"]["verdicts"] == {"error": 18}
    assert group["alerts"]["new"] == 1
    assert {"profile", "suggest"}.isdisjoint(group)
    assert [(error["group"], error["code"]) for error in document["errors"]] == [("sales", "DQ-CONN-001")]
    assert "no test could be evaluated" in shop.dq("alerts").stdout


def test_an_outage_of_a_new_project_exits_3_and_records_no_green_run(new_shop):
    shutil.rmtree(new_shop.folder / "data")
    result, document = new_shop.json("run")
    assert result.exit_code == 3
    assert document["groups"] == [{"group": "sales"}]


def test_a_group_without_tests_is_not_green(new_shop):
    assert new_shop.dq("register").exit_code == 0
    result, document = new_shop.json("test")
    assert (result.exit_code, document["errors"][0]["code"]) == (3, "DQ-RUN-003")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("--batch", "2031-01-01"), 3, "DQ-RUN-004"),
        (("--batch", "January"), 2, "DQ-BATCH-001"),
        (("--batch", "2024-01-20..2024-01-02"), 2, "DQ-BATCH-002"),
        (("--as-of", "yesterday"), 2, "DQ-CLI-002"),
    ],
)
def test_what_cannot_be_judged_is_an_error_and_leaves_no_run_behind(shop, arguments, exit_code, code):
    result, document = shop.json("test", *arguments)
    assert (result.exit_code, [error["code"] for error in document["errors"]]) == (exit_code, [code])
    assert code in result.stderr
    assert steps_of(shop).store.unfinished_runs() == []


def test_the_batches_asked_for_are_those_judged(shop):
    _, document = shop.json("test", "--batch", "2024-01-03..2024-01-05", "--as-of", AS_OF)
    assert document["groups"][0]["batches"] == ["2024-01-03", "2024-01-04", "2024-01-05"]


def test_the_batches_asked_for_are_profiled_again_and_no_others(shop):
    result, document = shop.json("profile", "--as-of", AS_OF, "--batch", "2024-01-05..2024-01-08")
    assert result.exit_code == 0
    run_id = document["groups"][0]["run"]["profile_run_id"]
    assert steps_of(shop).store.batches_of_profile(run_id) == [f"2024-01-0{day}" for day in range(5, 9)]
    refused = shop.dq("profile", "--as-of", AS_OF, "--batch", "2031-01-05")
    assert (refused.exit_code, "DQ-RUN-004" in refused.stderr) == (3, True)


def test_a_time_without_a_zone_is_utc(shop):
    documents = [shop.json("test", "--as-of", text)[1] for text in ("2024-01-26T05:00", "2024-01-26T00:00-05:00")]
    assert {document["groups"][0]["run"]["as_of"] for document in documents} == {"2024-01-26T05:00:00Z"}


def test_an_undeclared_group_exits_2_and_nothing_is_done_for_the_others(new_shop):
    result, document = new_shop.json("register", "sales", "sails")
    assert (result.exit_code, [error["code"] for error in document["errors"]]) == (2, ["DQ-CONF-003"])
    assert not (new_shop.folder / ".dq").exists()


def test_one_groups_error_does_not_stop_the_others_and_3_comes_before_1(shop, bad_day):
    shop.configure(
        (shop.folder / "dq.yaml")
        .read_text()
        .replace("table_groups:\n", "table_groups:\n  gone: {connection: nowhere}\n")
        .replace("connections:\n", "connections:\n  nowhere: {type: duckdb, path: nowhere}\n")
    )
    shop.land(bad_day)
    result, document = shop.json("run", "--as-of", DAY_AFTER)
    assert [group["group"] for group in document["groups"]] == ["gone", "sales"]
    assert document["groups"][1]["test"]["verdicts"]["fail"] == 4
    assert (result.exit_code, document["exit_code"]) == (3, 3)


@pytest.mark.parametrize(("codes", "gravest"), [((), 0), ((1,), 1), ((1, 3), 3), ((3, 2, 1), 2), ((1, 2, 3, 4), 4), ((4, 2), 4)])
def test_the_gravest_exit_code_wins(codes, gravest, context):
    call = Invocation(context, "test", as_json=True)
    for code in codes:
        call.note(code)
    assert call.exit_code == gravest


def test_what_was_considered_and_dropped_is_listed_when_asked_for(shop):
    plain, asked = shop.dq("suggest"), shop.dq("suggest", "--dropped")
    assert "1 of 14 batches are known" not in plain.stdout
    assert "1 of 14 batches are known" in asked.stdout
    _, document = shop.json("suggest", "--dropped")
    assert {"table": "main.customers", "column": "label", "rule": "Pattern_Match", "reason": "1 of 14 batches are known"} in document["groups"][0]["dropped"]
    assert document["groups"][0]["changes"] == {"created": 0, "updated": 0, "unchanged": 18, "disabled": 0}


def test_registering_says_which_tables_came_and_went(shop, good_day):
    shop.land(good_day, table="returns")
    shutil.rmtree(shop.folder / "data" / "customers")
    assert "main.returns added, main.customers dropped, settings changed." in shop.dq("register").stdout


def test_profiling_lists_its_findings(shop, bad_day):
    shop.land(bad_day)
    result, document = shop.json("profile", "--as-of", DAY_AFTER)
    assert result.exit_code == 0
    (finding,) = document["groups"][0]["findings"]
    assert (finding["table"], finding["column"], finding["affected_rows"]) == ("main.orders", "order_id", 5)
    assert finding["detail"] in shop.dq("profile", "--as-of", DAY_AFTER).stdout


def test_alerts_are_written_once_and_listed_until_acknowledged(shop, bad_day):
    shop.land(bad_day)
    shop.dq("test", "--as-of", DAY_AFTER)
    assert shop.json("alerts")[1]["groups"] == [{"group": "sales", "alerts": 4, "new": 4}]
    _, document = shop.json("alerts")
    assert document["groups"][0]["new"] == 0
    assert {alert["title"] for alert in document["alerts"]} >= {"main.orders: Row_Ct fail"}
    assert (len(document["alerts"]), document["more"]) == (4, False)
    assert "4 alerts in project shop." in shop.dq("alerts", "--all").stdout


def test_status_tells_where_a_new_project_stands(new_shop):
    assert new_shop.dq("status").exit_code == 4
    new_shop.dq("provision")
    result = new_shop.dq("status")
    assert result.exit_code == 0
    for says in (
        "none; run `dq register`",
        "never; run `dq profile`",
        "no test; run `dq suggest`",
        "never; run `dq test`",
        "no run",
        "open alerts in project shop: none",
    ):
        assert says in result.stdout


def test_status_tells_where_a_learned_project_stands_and_asks_no_source(shop, bad_day):
    shop.land(bad_day)
    shop.dq("test", "--as-of", DAY_AFTER)
    shop.dq("alerts")
    shutil.rmtree(shop.folder / "data")
    result, document = shop.json("status")
    (group,) = document["groups"]
    assert result.exit_code == 0
    assert group["tables"] == [{"table": "main.customers", "batch": "whole table"}, {"table": "main.orders", "batch": "day of ordered_at"}]
    assert (group["tests"], group["verdicts"], group["batches"]) == ({"generated": 18}, {"pass": 14, "fail": 4}, ["2024-01-26"])
    assert (group["profile_run"]["row_count"], group["unfinished_runs"]) == (2550, [])
    assert document["open_alerts"] == {"total": 4, "by_severity": {"error": 4}}
    assert "4 fail · 14 pass; batch 2024-01-26" in shop.dq("status").stdout


def test_provisioning_again_finds_nothing_to_do(new_shop):
    assert new_shop.json("provision")[1]["applied"] != []
    result, document = new_shop.json("provision")
    assert (result.exit_code, document["applied"]) == (0, [])
    assert "up to date" in new_shop.dq("provision").stdout


def test_where_runs_may_not_touch_the_schema_only_provision_does(new_shop):
    new_shop.configure((new_shop.folder / "dq.yaml").read_text() + "metadata: {data_quality_auto_manage_tables: false}\n")
    result, document = new_shop.json("run")
    assert (result.exit_code, document["errors"][0]["code"]) == (4, "DQ-STORE-004")
    assert new_shop.dq("provision").exit_code == 0
    assert new_shop.dq("register").exit_code == 0
