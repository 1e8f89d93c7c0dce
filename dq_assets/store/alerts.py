"""Alerts.

Decision: an alert is written once. Its id is derived, so that raising it again changes nothing, least of all that somebody acknowledged it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from dq_assets.records.alerts import Alert
from dq_assets.store import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection as Transaction


def save(transaction: Transaction, given: Sequence[Alert]) -> int:
    """Write the alerts that are not there yet and return how many that were."""
    new = 0
    for alert in given:
        row = insert(schema.alerts).values(alert.model_dump()).on_conflict_do_nothing(index_elements=["alert_id"])
        new += transaction.execute(row).rowcount
    return new


def read(transaction: Transaction, project_key: str, *, open_only: bool, limit: int) -> list[Alert]:
    """Return the project's alerts, newest first, at most ``limit``; ``open_only`` leaves out the acknowledged."""
    columns = [schema.alerts.c[field] for field in Alert.model_fields]
    query = (
        select(*columns).where(schema.alerts.c.project_key == project_key).order_by(schema.alerts.c.created_at.desc(), schema.alerts.c.alert_id).limit(limit)
    )
    if open_only:
        query = query.where(~schema.alerts.c.acknowledged)
    return [Alert.model_validate({**row, "details": row["details"] or ""}) for row in transaction.execute(query).mappings()]
