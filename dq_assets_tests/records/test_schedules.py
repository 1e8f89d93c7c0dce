"""Which schedules are due, what a cursor remembers, what the table mirrors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dq_assets.records import identity
from dq_assets.records.schedules import Fire, Schedule, ScheduleTarget, due, mirrored

MADE = datetime(2024, 5, 1, 12, 30, 15, tzinfo=UTC)
SIX = datetime(2024, 5, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)


def schedule(name: str = "a", cron: str = "0 6 * * *", **fields) -> Schedule:
    given = {"target_type": ScheduleTarget.TEST_SUITE, "target_id": name, "created_at": MADE, "updated_at": MADE}
    return Schedule(schedule_id=name, project_key="p", cron_expression=cron, **given | fields)


def handed_out(*schedules: Schedule, cursor: dict[str, datetime] | None = None, now: datetime) -> dict[str, datetime]:
    return {fire.schedule.schedule_id: fire.at for fire in due(schedules, cursor or {}, now).fires}


def test_a_schedule_fires_at_its_time_and_not_before() -> None:
    assert handed_out(schedule(), now=SIX - timedelta(seconds=1)) == {}
    found = due([schedule()], {}, SIX)
    assert [(fire.schedule.schedule_id, fire.at) for fire in found.fires] == [("a", SIX)]
    assert found.cursor == {"a": SIX}


def test_what_was_handed_out_is_not_handed_out_again() -> None:
    cursor = due([schedule()], {}, SIX).cursor
    assert due([schedule()], cursor, SIX + DAY - timedelta(minutes=1)) == ([], cursor, [])
    assert handed_out(schedule(), cursor=cursor, now=SIX + DAY) == {"a": SIX + DAY}


def test_evaluated_again_from_the_same_cursor_it_hands_out_the_same() -> None:
    assert due([schedule()], {}, SIX) == due([schedule()], {}, SIX + timedelta(hours=5))


def test_missed_fires_collapse_into_the_latest() -> None:
    assert handed_out(schedule(), cursor={"a": SIX}, now=SIX + 9 * DAY + timedelta(hours=1)) == {"a": SIX + 9 * DAY}


def test_a_new_schedule_starts_from_its_making_not_from_the_beginning_of_time() -> None:
    assert handed_out(schedule(updated_at=SIX), now=SIX + timedelta(hours=1)) == {}


def test_a_schedule_changed_while_the_sensor_was_away_starts_from_the_change() -> None:
    changed = schedule(cron="0 5 * * *", updated_at=SIX + 3 * DAY)
    assert handed_out(changed, cursor={"a": SIX}, now=SIX + 3 * DAY + timedelta(hours=1)) == {}
    assert handed_out(changed, cursor={"a": SIX}, now=SIX + 4 * DAY) == {"a": SIX + 4 * DAY - timedelta(hours=1)}


def test_a_disabled_schedule_fires_nothing_and_keeps_its_place() -> None:
    assert due([schedule(enabled=False)], {"a": SIX}, SIX + 9 * DAY) == ([], {"a": SIX}, [])


def test_a_schedule_that_is_gone_leaves_the_cursor() -> None:
    assert due([], {"a": SIX}, SIX).cursor == {}


def test_a_clock_that_went_back_hands_out_nothing() -> None:
    assert due([schedule()], {"a": SIX + DAY}, SIX) == ([], {"a": SIX + DAY}, [])


@pytest.mark.parametrize("fields", [{"cron": "soon"}, {"timezone": "Mars/Phobos"}])
def test_one_that_cannot_be_read_is_named_and_stops_no_other(fields: dict[str, str]) -> None:
    broken = schedule("b", **fields)
    found = due([broken, schedule()], {"b": SIX}, SIX)
    assert [fire.schedule.schedule_id for fire in found.fires] == ["a"]
    assert [item for item, _ in found.broken] == [broken]
    assert found.cursor == {"a": SIX, "b": SIX}


def test_all_names_of_a_fire_follow_from_schedule_and_instant() -> None:
    fire = Fire(schedule(), SIX)
    assert fire.key == "schedule:a@2024-05-02T06:00Z"
    assert fire.run_id("g") == identity.run_id("test", "g", fire.key)
    assert Fire(schedule(target_type=ScheduleTarget.TABLE_GROUP), SIX).run_id("g") == identity.run_id("profile", "g", fire.key)


def test_the_table_shows_the_last_fire_that_was_kept_and_the_next_one() -> None:
    shown = mirrored(schedule(), SIX, "g")
    assert (shown.last_run_at, shown.next_run_at, shown.last_run_id) == (SIX, SIX + DAY, Fire(schedule(), SIX).run_id("g"))


def test_before_the_first_fire_and_after_a_lost_cursor_the_table_keeps_what_it_shows() -> None:
    stored = schedule(last_run_at=SIX - 9 * DAY, last_run_id="r")
    shown = mirrored(stored, None, "g")
    assert (shown.last_run_at, shown.last_run_id, shown.next_run_at) == (SIX - 9 * DAY, "r", SIX)


@pytest.mark.parametrize("fields", [{"enabled": False}, {"cron": "soon"}])
def test_what_is_off_or_unreadable_has_no_next_fire(fields: dict) -> None:
    assert mirrored(schedule(**fields, next_run_at=SIX), None, "g").next_run_at is None
