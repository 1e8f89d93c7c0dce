"""``dq tests``: finding a test, and editing it so that runs heed it and learning does not undo it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

DAY_AFTER = "2024-01-27"
ROW_COUNT, KNOWN_STATUS, NEWEST = "main.orders.Row_Ct", "main.orders.status.LOV_Match", "main.orders.ordered_at.Recency"


@pytest.fixture
def sql(shop):
    """Run a statement on the metadata and return its rows."""

    def run(statement, *values):
        with closing(sqlite3.connect(shop.folder / ".dq" / "metadata.db")) as connection:
            rows = connection.execute(statement, values).fetchall()
            connection.commit()
            return rows

    return run


def shown(shop, test):
    result, document = shop.json("tests", "show", test)
    assert result.exit_code == 0
    return document["test"]


def verdicts(shop):
    _, document = shop.json("test", "--as-of", DAY_AFTER)
    (group,) = document["groups"]
    return {entry["name"]: entry["verdict"] for entry in group["failing"]}, sum(group["verdicts"].values())


def test_the_list_says_of_each_test_where_it_looks_what_it_expects_and_how_it_stands(shop):
    result = shop.dq("tests", "list")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "sales: 18 tests."
    assert lines[1].split() == ["id", "table", "column", "test", "severity", "expected", "state"]
    row = next(line for line in lines if "Row_Ct" in line and "orders" in line)
    assert row.split()[1:3] == ["main.orders", "Row_Ct"]
    assert row.endswith("  on")


def test_the_document_of_the_list_holds_every_test(shop):
    result, document = shop.json("tests", "list")
    (group,) = document["groups"]
    assert (result.exit_code, group["group"], len(group["tests"]), group["not_listed"]) == (0, "sales", 18, 0)
    entry = next(entry for entry in group["tests"] if entry["name"] == ROW_COUNT)
    assert {name: entry[name] for name in ("enabled", "locked", "muted_until", "version")} == {
        "enabled": True,
        "locked": False,
        "muted_until": None,
        "version": 1,
    }


def test_what_learning_retired_is_listed_when_asked_for(shop, sql):
    sql("UPDATE dq_tests SET enabled = 0 WHERE name = ?", ROW_COUNT)
    assert "sales: 17 tests; 1 retired one not listed (--all)." in shop.dq("tests", "list").stdout
    assert "sales: 18 tests." in shop.dq("tests", "list", "--all").stdout
    sql("UPDATE dq_tests SET locked = 1 WHERE name = ?", ROW_COUNT)
    assert "off, locked" in shop.dq("tests", "list").stdout, "a person switched it off and may want it back"


def test_a_test_is_shown_with_all_that_is_said_of_it(shop):
    result = shop.dq("tests", "show", KNOWN_STATUS)
    assert result.exit_code == 0
    said = {line[2:14].strip(): line[14:] for line in result.stdout.splitlines()[1:]}
    assert result.stdout.splitlines()[0] == KNOWN_STATUS
    assert said["group"] == "sales"
    assert said["rule"] == "LOV_Match (validity)"
    assert said["of"] == "main.orders, column status"
    assert said["bound"].startswith("error unless at most ")
    assert said["state"] == "on"
    assert said["origin"] == "generated, version 1"


def test_a_test_is_found_by_name_by_id_and_by_the_beginning_of_its_id(shop):
    test_id = shown(shop, ROW_COUNT)["test_id"]
    assert {shown(shop, said)["name"] for said in (test_id, test_id[:8], test_id[:4].upper())} == {ROW_COUNT}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("main.orders.Row_Count", f"close to it: {ROW_COUNT}"),
        ("row_ct", f"{ROW_COUNT}"),
        ("zzzz", "`dq tests list` shows their names and ids."),
        ("abc", "`dq tests list` shows their names and ids."),
    ],
)
def test_a_test_that_is_not_there_is_one_error_with_those_close_to_it(shop, said, says):
    result, document = shop.json("tests", "disable", said)
    assert (result.exit_code, [error["code"] for error in document["errors"]]) == (2, ["DQ-TEST-001"])
    assert f"table group 'sales' has no test {said!r}." in result.stderr
    assert says in result.stderr
    assert result.stderr.count("error:") == 1


def test_what_may_be_several_tests_is_an_error_that_names_them(shop, sql):
    one, other = (shown(shop, name)["test_id"] for name in (ROW_COUNT, KNOWN_STATUS))
    for table in ("dq_test_versions", "dq_tests"):
        sql(f"UPDATE {table} SET test_id = ? WHERE test_id = ?", f"{one[:8]}{other[8:]}", other)
    result, document = shop.json("tests", "mute", one[:8], "--for", "7d")
    assert (result.exit_code, [error["code"] for error in document["errors"]]) == (2, ["DQ-TEST-002"])
    assert f"{one} is {ROW_COUNT} of sales" in result.stderr
    assert f"{one[:8]}{other[8:]} is {KNOWN_STATUS} of sales" in result.stderr


def test_a_name_of_two_groups_is_told_apart_by_the_group(shop):
    text = (shop.folder / "dq.yaml").read_text().replace("table_groups:\n", "table_groups:\n  again: {connection: landing, include: [customers]}\n")
    shop.configure(text.replace("    connection: landing\n", "    connection: landing\n    exclude: [customers]\n"))
    assert shop.dq("run", "again", "--as-of", "2024-01-26").exit_code == 0
    name = "main.customers.label.Required"
    assert shop.json("tests", "show", name)[1]["errors"][0]["code"] == "DQ-TEST-002"
    assert shop.json("tests", "show", name, "--group", "again")[1]["group"] == "again"


def test_a_group_that_is_not_declared_is_an_error(shop):
    result, document = shop.json("tests", "show", ROW_COUNT, "--group", "sails")
    assert (result.exit_code, document["errors"][0]["code"]) == (2, "DQ-CONF-003")


def test_a_store_that_is_not_there_is_an_error(new_shop):
    result, document = new_shop.json("tests", "show", ROW_COUNT)
    assert (result.exit_code, document["errors"][0]["code"]) == (4, "DQ-STORE-004")


def test_a_disabled_test_does_not_run_and_learning_leaves_it_off(shop, bad_day):
    shop.land(bad_day)
    result = shop.dq("tests", "disable", ROW_COUNT)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"sales: {ROW_COUNT} is off and locked: learning leaves it off")
    failing, total = verdicts(shop)
    assert (ROW_COUNT in failing, total) == (False, 17)
    assert shop.dq("suggest").exit_code == 0
    assert not shown(shop, ROW_COUNT)["enabled"]
    assert shop.dq("tests", "enable", ROW_COUNT).exit_code == 0
    assert shown(shop, ROW_COUNT)["enabled"]


def test_a_bound_is_judged_by_from_the_next_run_on_and_outlives_learning(shop, good_day):
    shop.land(good_day)
    result, document = shop.json("tests", "bound", ROW_COUNT, "--low", "1000", "--severity", "fatal", "--only")
    assert result.exit_code == 0
    assert document["test"]["thresholds"]["fatal"] == {"minimum": 1000.0, "maximum": None}
    assert document["test"]["thresholds"]["error"] is None
    assert (document["test"]["version"], document["test"]["locked"]) == (2, True)
    assert verdicts(shop)[0] == {ROW_COUNT: "fail"}
    assert shop.dq("suggest").exit_code == 0
    assert shown(shop, ROW_COUNT)["thresholds"] == document["test"]["thresholds"]


def test_a_bound_of_another_severity_leaves_the_others(shop):
    before = shown(shop, NEWEST)["thresholds"]["warning"]
    result = shop.dq("tests", "bound", NEWEST, "--high", "30", "--severity", "error")
    assert "error unless at most 30; locked" in result.stdout
    after = shown(shop, NEWEST)["thresholds"]
    assert (after["warning"], after["error"]) == (before, {"minimum": None, "maximum": 30.0})
    assert "bounds set by cli" in shop.dq("tests", "show", NEWEST).stdout


def test_a_bound_of_a_person_means_what_it_says_however_many_rows_the_learned_one_forgave(shop):
    assert shown(shop, KNOWN_STATUS)["thresholds"]["support"] > 0
    shop.dq("tests", "bound", KNOWN_STATUS, "--high", "0")
    assert shown(shop, KNOWN_STATUS)["thresholds"]["support"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((ROW_COUNT,), "neither low nor high is given. Fix: give low, high or both."),
        ((ROW_COUNT, "--low", "5", "--high", "4"), "low 5 is above high 4. Fix: swap them."),
        ((ROW_COUNT, "--high", "nan"), "an end is not a finite number."),
        ((KNOWN_STATUS, "--low", "1"), "it counts what fails, which has no lowest good number. Fix: give high alone."),
        ((KNOWN_STATUS, "--high", "5"), "high 5 is no share of the rows. Fix: give it from 0 to 1, as in 0.05 for 5 % of the rows."),
        (("main.orders.order_id.Required", "--high", "-1"), "high -1 is no number of rows. Fix: give 0 or more."),
    ],
)
def test_a_bound_that_makes_no_sense_is_refused_and_changes_nothing(shop, arguments, says):
    before = shown(shop, arguments[0])
    result, document = shop.json("tests", "bound", *arguments)
    assert (result.exit_code, [error["code"] for error in document["errors"]]) == (2, ["DQ-TEST-003"])
    assert says in result.stderr
    assert shown(shop, arguments[0]) == before


def test_a_muted_test_runs_and_raises_no_alert_until_it_is_unmuted(shop, bad_day):
    shop.land(bad_day)
    result, document = shop.json("tests", "mute", ROW_COUNT, "--for", "7d")
    assert result.exit_code == 0
    left = datetime.fromisoformat(document["test"]["muted_until"]) - datetime.now(UTC)
    assert timedelta(days=6.9) < left <= timedelta(days=7)
    assert ROW_COUNT in verdicts(shop)[0]
    assert shop.json("alerts")[1]["groups"][0]["new"] == 3
    assert "on, muted until" in shop.dq("tests", "list").stdout
    assert shop.dq("tests", "unmute", ROW_COUNT).exit_code == 0
    assert shop.json("alerts")[1]["groups"][0]["new"] == 1


def test_a_mute_ends_at_a_day_or_a_moment(shop):
    for said, end in (("2999-12-01", "2999-12-01T00:00:00Z"), ("2999-12-01T18:00+01:00", "2999-12-01T17:00:00Z")):
        assert shop.json("tests", "mute", ROW_COUNT, "--until", said)[1]["test"]["muted_until"] == end
    assert "raises no alerts until 2999-12-01 00:00 UTC;" in shop.dq("tests", "mute", ROW_COUNT, "--until", "2999-12-01").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give either --until or --for"),
        (("--until", "2999-12-01", "--for", "7d"), "give either --until or --for"),
        (("--until", "soon"), "--until 'soon' cannot be read."),
        (("--for", "7y"), "--for '7y' cannot be read."),
        (("--for", "9" * 30 + "w"), "cannot be read."),
        (("--until", "2020-01-01"), "--until '2020-01-01' is over already."),
        (("--for", "0d"), "--for '0d' is over already."),
    ],
)
def test_the_end_of_a_mute_is_one_moment_to_come(shop, arguments, says):
    result, document = shop.json("tests", "mute", ROW_COUNT, *arguments)
    assert (result.exit_code, [error["code"] for error in document["errors"]]) == (2, ["DQ-CLI-004"])
    assert says in result.stderr


def test_a_lock_keeps_a_test_as_it_is_until_it_is_unlocked(shop, sql):
    assert shop.dq("tests", "lock", ROW_COUNT).exit_code == 0
    sql("UPDATE dq_tests SET description = 'as it is' WHERE name = ?", ROW_COUNT)
    shop.dq("suggest")
    assert "as it is" in shop.dq("tests", "show", ROW_COUNT).stdout
    result = shop.dq("tests", "unlock", ROW_COUNT)
    assert "is not locked: the next `dq suggest` makes it what learning says." in result.stdout
    shop.dq("suggest")
    assert "as it is" not in shop.dq("tests", "show", ROW_COUNT).stdout


def test_saying_it_twice_says_that_nothing_changed(shop):
    assert "nothing changed" not in shop.dq("tests", "lock", ROW_COUNT).stdout
    result = shop.dq("tests", "lock", ROW_COUNT)
    assert (result.exit_code, result.stdout.endswith("It was so before; nothing changed.\n")) == (0, True)


def test_every_edit_is_audited_as_the_terminals(shop, sql):
    shop.dq("tests", "disable", ROW_COUNT)
    shop.dq("tests", "mute", ROW_COUNT, "--for", "2w")
    audited = sql("SELECT actor_id, action, changes FROM dq_audit_log WHERE entity_type = 'test' ORDER BY created_at")
    assert [row[:2] for row in audited] == [("cli", "update"), ("cli", "update")]
    assert json.loads(audited[0][2]) == {"enabled": {"old": True, "new": False}, "locked": {"old": False, "new": True}}


def test_the_graph_is_shown_the_tests_that_are_left(shop):
    def listed():
        return {test["name"] for test in json.loads((shop.folder / ".dq" / "sales.tables.json").read_text())["tests"]}

    assert ROW_COUNT in listed()
    shop.dq("tests", "disable", ROW_COUNT)
    assert ROW_COUNT not in listed()
