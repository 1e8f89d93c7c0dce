"""``dq schedules``: one a target, kept in the store, listed beside those of the configuration file."""

from __future__ import annotations

import re
import shlex
import sqlite3
from contextlib import closing

import pytest

ROW_COUNT = "main.orders.Row_Ct"


@pytest.fixture
def zoned(shop):
    """The shop in Berlin, with a schedule in its file."""
    text = (shop.folder / "dq.yaml").read_text()
    shop.configure(text.replace("    connection: landing\n", "    connection: landing\n    timezone: Europe/Berlin\n    schedules: {validate: '30 6 * * *'}\n"))
    return shop


def listed(shop, *arguments):
    result, document = shop.json("schedules", "list", *arguments)
    assert result.exit_code == 0
    return [(item["table_group"], item["verb"], item["test"], item["cron_expression"], item["timezone"], item["kept_in"]) for item in document["schedules"]]


def test_without_a_schedule_the_list_says_how_to_make_one(shop):
    result = shop.dq("schedules", "list")
    assert (result.exit_code, result.stdout) == (0, "No schedule: `dq schedules set GROUP CRON` makes one.\n")


def test_each_target_has_its_schedule_in_the_groups_zone(zoned):
    for arguments in (("0 3 * * 1",), ("0 7 * * *", "--suite"), ("*/5 * * * *", "--test", ROW_COUNT, "--timezone", "UTC")):
        result = zoned.dq("schedules", "set", "sales", *arguments)
        assert (result.exit_code, result.stderr) == (0, "")
    assert listed(zoned) == [
        ("sales", "validate", None, "30 6 * * *", "Europe/Berlin", "file"),
        ("sales", "learn", None, "0 3 * * 1", "Europe/Berlin", "store"),
        ("sales", "validate", None, "0 7 * * *", "Europe/Berlin", "store"),
        ("sales", "validate", ROW_COUNT, "*/5 * * * *", "UTC", "store"),
    ]


def test_setting_says_what_starts_when_and_who_fires_it(zoned):
    first, second = zoned.dq("schedules", "set", "sales", "0 3 1 1 *").stdout.splitlines()
    assert re.fullmatch(r"sales learns at '0 3 1 1 \*' in Europe/Berlin: next \d{4}-01-01 03:00 CET\.", first)
    assert second == "The sensor dq_schedules fires it while Dagster's daemon runs (`dq ui` starts one)."
    assert zoned.dq("schedules", "set", "sales", "0 3 1 1 *", "--suite").stdout.startswith("suite of sales validates at ")


def test_setting_again_changes_it_and_keeps_its_zone(zoned):
    zoned.dq("schedules", "set", "sales", "0 3 * * 1", "--timezone", "America/New_York")
    result, document = zoned.json("schedules", "set", "sales", "0 4 * * 1")
    assert (result.exit_code, document["changes"]) == (0, {"cron_expression": {"old": "0 3 * * 1", "new": "0 4 * * 1"}})
    assert document["schedule"]["timezone"] == "America/New_York"
    assert "nothing changed" in zoned.dq("schedules", "set", "sales", "0 4 * * 1").stdout


def test_a_schedule_is_switched_off_and_on_and_set_switches_it_on(shop):
    shop.dq("schedules", "set", "sales", "0 3 * * 1", "--suite")
    assert "suite of sales validates at '0 3 * * 1' in UTC: switched off." in shop.dq("schedules", "disable", "sales", "--suite").stdout
    assert "switched off" in shop.dq("schedules", "list").stdout
    assert shop.json("schedules", "list")[1]["schedules"][0]["next_run_at"] is None
    assert ": next " in shop.dq("schedules", "enable", "sales", "--suite").stdout
    shop.dq("schedules", "disable", "sales", "--suite")
    assert shop.json("schedules", "set", "sales", "0 3 * * 1", "--suite")[1]["schedule"]["enabled"]


def test_a_removed_schedule_is_gone(shop):
    shop.dq("schedules", "set", "sales", "0 3 * * 1")
    assert shop.dq("schedules", "remove", "sales").stdout == "sales: the schedule '0 3 * * 1' is gone.\n"
    assert listed(shop) == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("set", "sales", "soon"), "DQ-SCHED-001", "'soon' in time zone 'UTC': not a cron expression. Fix: write five fields, as in '0 6 * * *'."),
        (("set", "sales", "0 0 30 2 *"), "DQ-SCHED-001", "'0 0 30 2 *' in time zone 'UTC': not a cron expression"),
        (
            ("set", "sales", "0 6 * * *", "--timezone", "Mars"),
            "DQ-SCHED-001",
            "in time zone 'Mars': not an IANA time zone. Fix: write it like UTC or Europe/Berlin.",
        ),
        (("set", "sails", "0 6 * * *"), "DQ-CONF-003", "table group 'sails' is not declared"),
        (("set", "sales", "0 6 * * *", "--suite", "--test", ROW_COUNT), "DQ-CLI-005", "both --suite and --test are given"),
        (("set", "sales", "0 6 * * *", "--test", "zzzz"), "DQ-TEST-001", "has no test 'zzzz'"),
        (("enable", "sales"), "DQ-SCHED-002", "sales has no schedule in the store. Fix: `dq schedules set` makes one."),
        (("remove", "sales", "--test", ROW_COUNT), "DQ-SCHED-002", f"test {ROW_COUNT} of sales has no schedule in the store."),
    ],
)
def test_a_mistake_is_one_error_and_nothing_is_written(shop, arguments, code, says):
    result, document = shop.json("schedules", *arguments)
    assert (result.exit_code, [error["code"] for error in document["errors"]]) == (2, [code])
    assert says in result.stderr
    assert listed(shop) == []


def test_the_schedules_there_are_are_named_where_one_is_missing(shop):
    shop.dq("schedules", "set", "sales", "0 3 * * 1")
    shop.dq("schedules", "set", "sales", "0 3 * * 1", "--test", ROW_COUNT)
    assert f"Fix: those that have one: sales; test {ROW_COUNT} of sales." in shop.dq("schedules", "disable", "sales", "--suite").stderr


def test_a_schedule_may_be_set_before_anything_ran(new_shop):
    assert new_shop.dq("schedules", "list").exit_code == 4
    assert new_shop.dq("schedules", "set", "sales", "0 3 * * 1").exit_code == 0
    assert len(listed(new_shop)) == 1


def test_what_can_start_nothing_and_what_is_overdue_is_said(shop):
    shop.dq("schedules", "set", "sales", "0 3 1 1 *")
    shop.dq("schedules", "set", "sales", "0 3 1 1 *", "--test", ROW_COUNT)
    shop.dq("tests", "disable", ROW_COUNT)
    with closing(sqlite3.connect(shop.folder / ".dq" / "metadata.db")) as connection:
        connection.execute("UPDATE dq_schedules SET next_run_at = '2024-01-01T03:00:00.000000Z' WHERE target_type = 'table_group'")
        gone = ("s", "shop", "test", "gone", "0 3 * * *", "UTC", 1, "2024-01-01T00:00:00.000000Z", "2024-01-01T00:00:00.000000Z")
        columns = "schedule_id, project_key, target_type, target_id, cron_expression, timezone, enabled, created_at, updated_at"
        connection.execute(f"INSERT INTO dq_schedules ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", gone)
        connection.commit()
    text = shop.dq("schedules", "list").stdout
    assert "overdue since 2024-01-01 03:00 UTC" in text
    assert "as soon as Dagster's daemon runs with the sensor dq_schedules switched on" in text
    assert "the test is switched off" in text
    assert "the test is not there any more" in text


def test_every_change_is_audited_as_the_terminals(shop):
    for arguments in (("set", "sales", "0 3 * * 1"), ("disable", "sales"), ("enable", "sales"), ("remove", "sales")):
        assert shop.dq("schedules", *arguments).exit_code == 0
    with closing(sqlite3.connect(shop.folder / ".dq" / "metadata.db")) as connection:
        audited = connection.execute("SELECT action, actor_id FROM dq_audit_log WHERE entity_type = 'schedule' ORDER BY created_at").fetchall()
    assert audited == [("create", "cli"), ("update", "cli"), ("update", "cli"), ("delete", "cli")]


def test_the_commands_of_the_page_work(shop, repository):
    page = (repository / "docs" / "schedules.md").read_text(encoding="utf-8")
    commands = [shlex.split(line, comments=True)[1:] for line in page.splitlines() if line.startswith("    dq ")]
    assert len(commands) == 11
    for command in commands:
        result = shop.dq(*command)
        assert (result.exit_code, result.stderr) == (0, ""), command
