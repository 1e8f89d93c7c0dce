"""The audit log: one row per thing that was done, with an id derived from it, so that doing it again adds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.sqlite import insert

from dq_assets.records.identity import derived_id
from dq_assets.store.column_types import canonical_json
from dq_assets.store.schema import audit_log

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

SYSTEM = "system"


def record(
    connection: Connection,
    *,
    project_key: str,
    entity_type: str,
    entity_id: str,
    action: str,
    changes: dict[str, Any],
    now: datetime,
    actor: str,
    audit_id: str | None = None,
) -> None:
    """Append a row; the same thing at the same moment is one row.

    Args:
        connection: a write transaction.
        project_key: project in which it happened.
        entity_type: what kind of thing was touched, at most 50 characters.
        entity_id: its id.
        action: what was done, at most 20 characters.
        changes: field to ``{"old": …, "new": …}``.
        now: when it happened.
        actor: who did it; ``system`` is the platform itself.
        audit_id: overrides the id, for what is the same event at any time.
    """
    row = {
        "audit_id": audit_id or derived_id("audit", project_key, entity_type, entity_id, action, now.isoformat(), canonical_json(changes)),
        "project_key": project_key,
        "entity_type": entity_type,
        "entity_id": entity_id,
        "action": action,
        "actor_type": "system" if actor == SYSTEM else "person",
        "actor_id": actor,
        "changes": changes,
        "created_at": now,
    }
    connection.execute(insert(audit_log).values(row).on_conflict_do_nothing(index_elements=["audit_id"]))
