"""Schedules that people change at run time.

Decision: ``updated_at`` moves only when a person changes a schedule, because it fires at instants after that; what the sensor writes back are other
columns, without an audit, and only onto the schedule as the sensor read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, insert, select, update

from dq_assets.records.schedules import Schedule, ScheduledTest, ScheduleTarget
from dq_assets.store import audit
from dq_assets.store.column_types import UtcDateTime
from dq_assets.store.schema import schedules, tests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection as Transaction

_FIELDS = tuple(name for name in Schedule.model_fields if name != "test")
_CHOSEN = ("cron_expression", "timezone", "enabled")


def read(transaction: Transaction, project_key: str) -> list[Schedule]:
    """Return the project's schedules with the tests they are about, by target; one statement."""
    is_test = and_(schedules.c.target_type == ScheduleTarget.TEST.value, tests.c.test_id == schedules.c.target_id)
    query = (
        select(schedules, tests.c.table_group_id, tests.c.name, tests.c.enabled.label("is_on"))
        .outerjoin(tests, is_test)
        .where(schedules.c.project_key == project_key)
        .order_by(schedules.c.target_type, schedules.c.target_id)
    )
    return [
        Schedule.model_validate(
            {field: getattr(row, field) for field in _FIELDS}
            | {"test": ScheduledTest(table_group_id=row.table_group_id, name=row.name, enabled=row.is_on) if row.table_group_id is not None else None}
        )
        for row in transaction.execute(query)
    ]


def save(transaction: Transaction, schedule: Schedule, *, actor: str) -> dict[str, dict[str, Any]]:
    """Write what a person chose and return what changed; the moment of it is the schedule's ``updated_at``."""
    stored = transaction.execute(select(schedules).where(schedules.c.schedule_id == schedule.schedule_id)).mappings().first()
    chosen = {field: getattr(schedule, field) for field in _CHOSEN}
    changes = {field: {"old": stored[field] if stored else None, "new": value} for field, value in chosen.items() if stored is None or stored[field] != value}
    if stored is None:
        transaction.execute(insert(schedules).values(schedule.model_dump(include=set(_FIELDS))))
    elif changes:
        written = {**chosen, "next_run_at": schedule.next_run_at, "updated_at": schedule.updated_at}
        transaction.execute(update(schedules).where(schedules.c.schedule_id == schedule.schedule_id).values(written))
    if changes:
        _audit(transaction, schedule, "update" if stored else "create", changes, schedule.updated_at, actor)
    return changes


def remove(transaction: Transaction, schedule: Schedule, *, now: datetime, actor: str) -> bool:
    """Delete a schedule and return whether it was there."""
    removed = transaction.execute(delete(schedules).where(schedules.c.schedule_id == schedule.schedule_id)).rowcount
    if removed:
        _audit(transaction, schedule, "delete", {field: {"old": getattr(schedule, field), "new": None} for field in _CHOSEN}, now, actor)
    return bool(removed)


def note_fires(transaction: Transaction, noted: Sequence[Schedule]) -> None:
    """Write the mirrored columns of schedules; one that a person has changed since it was read, or removed, is left alone."""
    statement = (
        update(schedules)
        .where(schedules.c.schedule_id == bindparam("noted_id"), schedules.c.updated_at == bindparam("as_read", type_=UtcDateTime))
        .values({field: bindparam(field) for field in ("last_run_at", "next_run_at", "last_run_id")})
    )
    rows = [
        {
            "noted_id": schedule.schedule_id,
            "as_read": schedule.updated_at,
            "last_run_at": schedule.last_run_at,
            "next_run_at": schedule.next_run_at,
            "last_run_id": schedule.last_run_id,
        }
        for schedule in noted
    ]
    if rows:
        transaction.execute(statement, rows)


def _audit(transaction: Transaction, schedule: Schedule, action: str, changes: dict[str, dict[str, Any]], now: datetime, actor: str) -> None:
    about = {"target": {"old": None, "new": f"{schedule.target_type} {schedule.target_id}"}}
    audit.record(
        transaction,
        project_key=schedule.project_key,
        entity_type="schedule",
        entity_id=schedule.schedule_id,
        action=action,
        changes=changes | (about if action == "create" else {}),
        now=now,
        actor=actor,
    )
