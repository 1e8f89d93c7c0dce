"""Which alarm is about which planted defect."""

from __future__ import annotations

from typing import Any

import pytest

from dq_assets.demo.faults import Planted
from dq_assets.demo.score import Alarm, defects, explains, score

NULLS = Planted(kind="nulls", table="orders", columns=("amount",), landing=2, day="2013-12-09", batches=("2013-12-09",), rows=5, what="lost")
LOST = Planted(kind="lost", table="orders", columns=(), landing=2, day="2013-12-10", batches=("2013-12-10",), rows=50, what="not delivered")
EPOCH = Planted(kind="epoch", table="orders", columns=("at",), landing=2, day="2013-12-11", batches=("2013-12-11", "1969-12-31"), rows=9, what="zero")
DRIFT = Planted(kind="drift", table="orders", columns=("gate",), landing=2, day="2013-12-12", batches=(), rows=99, what="unannounced")
KEY = [NULLS, LOST, EPOCH, DRIFT]


def alarm(**changes: Any) -> Alarm:
    given = {"landing": 2, "table": "orders", "column": "amount", "batch": "2013-12-09", "rule_type": "Required", "verdict": "fail", "message": "said"}
    return Alarm.model_validate({**given, "dimension": "completeness", **changes})


def test_an_alarm_on_the_defects_table_batch_and_column_is_about_it() -> None:
    assert explains(NULLS, alarm())


@pytest.mark.parametrize("elsewhere", [{"table": "customers"}, {"batch": "2013-12-08"}, {"column": "status"}, {"column": None}, {"landing": 1}])
def test_an_alarm_elsewhere_is_not(elsewhere: dict[str, Any]) -> None:
    assert not explains(NULLS, alarm(**elsewhere))


def test_a_day_that_was_not_delivered_may_be_told_of_when_the_next_one_is_there() -> None:
    assert explains(LOST, alarm(batch="2013-12-10", column=None, landing=3))


def test_what_is_still_said_once_the_rest_has_come_is_about_nothing() -> None:
    late = LOST.model_copy(update={"mended": 3})
    assert explains(late, alarm(batch="2013-12-10", column=None))
    assert not explains(late, alarm(batch="2013-12-10", column=None, landing=3))


@pytest.mark.parametrize("column", [None, "amount", "status"])
def test_lost_rows_explain_every_alarm_of_their_day(column: str | None) -> None:
    assert explains(LOST, alarm(batch="2013-12-10", column=column))


def test_rows_on_an_impossible_date_explain_every_alarm_there_but_on_their_own_day_only_their_column() -> None:
    assert explains(EPOCH, alarm(batch="1969-12-31", column=None))
    assert explains(EPOCH, alarm(batch="2013-12-11", column="at"))
    assert not explains(EPOCH, alarm(batch="2013-12-11", column="amount"))


def test_a_new_column_explains_schema_alarms_from_its_landing_on() -> None:
    told = {"batch": None, "column": None, "dimension": "schema"}
    assert not explains(DRIFT, alarm(**told, landing=1))
    assert explains(DRIFT, alarm(**told))
    assert explains(DRIFT, alarm(**told, landing=3))
    assert not explains(DRIFT, alarm(batch=None, column=None))


def test_what_nothing_explains_is_a_false_alarm_and_what_nothing_found_is_missed() -> None:
    stray = alarm(landing=3, batch="2013-12-20")
    scored = score(KEY, [alarm(), stray])
    assert scored.found == ("nulls: lost",)
    assert scored.missed == ("lost: not delivered", "epoch: zero", "drift: unannounced")
    assert scored.false_alarms == (stray,)


def test_the_gravest_alarm_stands_first() -> None:
    mild, grave = alarm(verdict="warn", rule_type="Missing_Pct"), alarm()
    assert [item.rule_type for item in defects([NULLS], [mild, grave])[0].found_by] == ["Required", "Missing_Pct"]
