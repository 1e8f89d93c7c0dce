"""``dq config``, and what every command says to a configuration that is missing or wrong."""

from __future__ import annotations

import pytest

WRONG = """\
version: 1
connections:
  landing: {type: duckdb, path: data}
table_groups:
  sales:
    conection: landing
    timezone: Mars/Olympus
    tests:
      - name: known status
        rule_type: LOV_Macth
        table: orders
        columns: [status]
      - {name: few rows, rule_type: Row_Ct, table: orders}
      - {name: paid, rule_type: LOV_Match, table: orders, columns: [status], parameters: {values: [paid]}}
      - {name: nowhere, rule_type: Required, table: orders}
      - {name: half a filter, rule_type: Required, table: orders, columns: [status], filter: amount >}
      - {name: good, rule_type: Required, table: orders, columns: [status], filter: amount > 0}
      - {nome: not readable}
"""


def test_every_mistake_is_printed_at_once_with_its_line(new_shop):
    new_shop.configure(WRONG)
    result = new_shop.dq("config", "check")
    assert result.exit_code == 2
    *problems, total = result.stdout.splitlines()
    said = sorted((int(line.split(":")[1]), line.split(": ", 1)[1]) for line in problems)
    assert [
        (line, words)
        for line, words in (
            (5, "this key is missing"),
            (6, "did you mean `connection`?"),
            (7, "not an IANA time zone"),
            (9, "rule type 'LOV_Macth' is not in the catalogue"),
            (13, "Row_Ct measures a value and has no bound"),
            (14, "LOV_Match lacks the parameter 'allowed'"),
            (15, "Required is about one column, 0 are named"),
            (16, "the filter is no SQL condition"),
            (18, "unknown key"),
        )
        if not any(number == line and words in text for number, text in said)
    ] == []
    assert not any(number == 17 for number, _ in said)
    assert total == f"{len(problems)} problems in dq.yaml."


def test_mistakes_in_tests_alone_are_mistakes_too(new_shop):
    new_shop.configure(WRONG.replace("conection", "connection").replace("    timezone: Mars/Olympus\n", "").replace("      - {nome: not readable}\n", ""))
    result, document = new_shop.json("config", "check")
    assert result.exit_code == 2
    assert (document["command"], document["exit_code"], document["file"], document["errors"]) == ("config check", 2, "dq.yaml", [])
    assert [(problem["line"], problem["key"]) for problem in document["problems"]] == [
        (8, "table_groups.sales.tests[0]"),
        (12, "table_groups.sales.tests[1]"),
        (13, "table_groups.sales.tests[2]"),
        (14, "table_groups.sales.tests[3]"),
        (15, "table_groups.sales.tests[4]"),
    ]
    assert document["problems"][1]["fix"] == "give it low, high or both."


def test_a_right_configuration_is_ok_and_checking_writes_nothing(new_shop):
    before = sorted(new_shop.folder.rglob("*"))
    result = new_shop.dq("config", "check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "OK: dq.yaml: 1 connection, 1 table group, 0 hand-written tests. No source was asked.\n"
    assert sorted(new_shop.folder.rglob("*")) == before


def test_a_test_that_the_environment_brings_in_is_checked_too(new_shop, monkeypatch):
    monkeypatch.setenv("DQ_TABLE_GROUPS__SALES__TESTS", '[{"name": "t", "rule_type": "Wishful", "table": "orders"}]')
    _, document = new_shop.json("config", "check")
    assert [(problem["line"], problem["key"]) for problem in document["problems"]] == [(None, "table_groups.sales.tests[0]")]


@pytest.mark.parametrize("text", ["", "version: [", "a: &a [*a]", "version: 1\ntable_groups: {sales: {tests: 7}}", "version: 1\ntable_groups: [sales]"])
def test_a_file_that_is_hardly_yaml_is_a_problem_not_a_crash(new_shop, text):
    new_shop.configure(text)
    assert new_shop.dq("config", "check").exit_code == 2


def test_a_wrong_configuration_stops_every_command_before_anything_is_written(new_shop):
    new_shop.configure(WRONG)
    for command in ("provision", "register", "profile", "suggest", "test", "alerts", "run", "status", "ui"):
        result = new_shop.dq(command)
        assert result.exit_code == 2, command
        assert "DQ-CONF-001" in result.stderr
        assert result.stdout == ""
    assert not (new_shop.folder / ".dq").exists()


def test_a_document_tells_of_a_wrong_configuration_as_well(new_shop):
    new_shop.configure(WRONG)
    result, document = new_shop.json("test")
    assert (result.exit_code, document["exit_code"]) == (2, 2)
    assert [(error["group"], error["code"]) for error in document["errors"]] == [(None, "DQ-CONF-001")]


def test_without_a_configuration_the_ways_to_name_one_are_told(new_shop):
    (new_shop.folder / "dq.yaml").rename(new_shop.folder / "elsewhere.yaml")
    result = new_shop.dq("test")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: DQ-CONF-002: ")
    assert all(way in result.stderr for way in ("dq.yaml", "--config", "DQ_CONFIG"))


def test_the_option_wins_over_the_variable_which_wins_over_the_folder(new_shop, monkeypatch):
    for name in ("option", "variable", "folder"):
        (new_shop.folder / f"{name}.yaml").write_text(f"version: 1\nproject: {name}\n", encoding="utf-8")
    (new_shop.folder / "folder.yaml").rename(new_shop.folder / "dq.yaml")
    project = lambda *arguments: new_shop.json(*arguments, "config", "show")[1]["settings"]["project"]  # noqa: E731 - three times the same question
    assert project() == "folder"
    monkeypatch.setenv("DQ_CONFIG", "variable.yaml")
    assert project() == "variable"
    assert project("--config", "option.yaml") == "option"


def test_a_configuration_without_groups_is_told_to_add_one(new_shop):
    new_shop.configure("version: 1\n")
    result, document = new_shop.json("run")
    assert (result.exit_code, [error["code"] for error in document["errors"]]) == (2, ["DQ-CLI-001"])


def test_what_is_shown_is_in_effect_and_hides_secrets(new_shop):
    new_shop.configure("version: 1\nmetadata: {url: 'sqlite:///m.db?token=hunter2'}\n")
    result = new_shop.dq("config", "show")
    assert result.exit_code == 0
    assert "hunter2" not in result.stdout
    assert "data_quality_auto_manage_tables: true" in result.stdout


def test_a_user_interface_has_one_configuration(new_shop):
    result = new_shop.dq("--config", "dq.yaml", "ui", ".")
    assert (result.exit_code, "DQ-CLI-003" in result.stderr) == (2, True)


def test_the_demo_removes_only_what_it_made(new_shop):
    result, document = new_shop.json("demo", "data", "--clean")
    assert (result.exit_code, document["errors"][0]["code"]) == (2, "DQ-DEMO-002")
    assert (new_shop.folder / "data" / "orders").is_dir()
    assert new_shop.dq("demo", "never_made", "--clean").exit_code == 0
