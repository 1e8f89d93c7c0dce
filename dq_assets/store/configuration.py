"""Organizations, projects, connections, table groups and tables: what the configuration declares.

Decision: the file rules. Applying a group writes the difference and audits it; what vanished is marked, never deleted, because results refer to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, select, update
from sqlalchemy.dialects.sqlite import insert

from dq_assets.records.batches import BatchSpec
from dq_assets.records.identity import derived_id
from dq_assets.records.tables import GroupTable, TableName
from dq_assets.store import audit
from dq_assets.store.column_types import canonical_json
from dq_assets.store.schema import connections, organizations, profile_anomaly_types, projects, table_groups, tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection as Transaction

    from dq_assets.records.profiles import FindingType
    from dq_assets.records.tables import Connection, TableGroup

_ORGANIZATION = "default"
_BATCHES = "batches"


def seed(transaction: Transaction, *, project_key: str, finding_types: Sequence[FindingType], schema_version: int, now: datetime, actor: str) -> None:
    """Write the default organization, the project and the finding types, and audit the provisioning once per schema version."""
    organization_id = derived_id("organization", _ORGANIZATION)
    stamps = {"created_at": now, "updated_at": now}
    transaction.execute(insert(organizations).values(organization_id=organization_id, name=_ORGANIZATION, **stamps).on_conflict_do_nothing())
    transaction.execute(
        insert(projects)
        .values(project_key=project_key, organization_id=organization_id, name=project_key, sql_flavor="databricks", **stamps)
        .on_conflict_do_nothing()
    )
    for finding_type in finding_types:
        row = finding_type.model_dump(mode="json")
        _upsert(transaction, profile_anomaly_types, {"anomaly_type_id": row.pop("anomaly_type_id")}, row, now)
    audit.record(
        transaction,
        project_key=project_key,
        entity_type="schema",
        entity_id=str(schema_version),
        action="provision",
        changes={"schema_version": {"old": None, "new": schema_version}},
        now=now,
        actor=actor,
        audit_id=derived_id("audit", "provision", project_key, schema_version),
    )


def apply_table_group(
    transaction: Transaction, connection: Connection, group: TableGroup, group_tables: Sequence[GroupTable], *, now: datetime, actor: str
) -> dict[str, dict[str, Any]]:
    """Write a group as declared and return what changed, ``field`` to ``{"old": …, "new": …}``.

    Fields of the connection are named ``connection.<field>``, tables ``table.<schema>.<table>`` with the states ``present`` and ``dropped``.
    """
    row = connection.model_dump(mode="json")
    changes = {
        f"connection.{field}": change
        for field, change in _upsert(
            transaction, connections, {"connection_id": row.pop("connection_id")}, {**row, "managed_by": "file", "is_active": True}, now, status="unknown"
        ).items()
    }
    row = group.model_dump(mode="json")
    settings = {**row.pop("settings"), _BATCHES: {str(table.name): table.batch.model_dump(mode="json") for table in group_tables}}
    key = {"table_group_id": row.pop("table_group_id")}
    is_new = transaction.execute(select(table_groups.c.name).filter_by(**key)).first() is None
    changes |= _upsert(transaction, table_groups, key, {**row, "settings_json": settings, "managed_by": "file", "is_active": True}, now)
    changes |= _apply_tables(transaction, group, group_tables, now)
    if changes:
        audit.record(
            transaction,
            project_key=group.project_key,
            entity_type="table_group",
            entity_id=group.table_group_id,
            action="create" if is_new else "update",
            changes=changes,
            now=now,
            actor=actor,
        )
    return changes


def tables_of(transaction: Transaction, table_group_id: str) -> list[GroupTable]:
    """Return the group's tables that were not dropped, with their batch specifications, by schema and table."""
    settings = transaction.execute(select(table_groups.c.settings_json).where(table_groups.c.table_group_id == table_group_id)).scalar() or {}
    batches = settings.get(_BATCHES, {})
    rows = transaction.execute(
        select(tables.c.schema_name, tables.c.table_name)
        .where(tables.c.table_group_id == table_group_id, tables.c.dropped_at.is_(None))
        .order_by(tables.c.schema_name, tables.c.table_name)
    )
    names = [TableName(schema_name=schema_name, table_name=table_name) for schema_name, table_name in rows]
    return [GroupTable(table_group_id=table_group_id, name=name, batch=BatchSpec.model_validate(batches.get(str(name), {}))) for name in names]


def _apply_tables(transaction: Transaction, group: TableGroup, group_tables: Sequence[GroupTable], now: datetime) -> dict[str, dict[str, Any]]:
    stored = {row.table_id: row for row in transaction.execute(select(tables).where(tables.c.table_group_id == group.table_group_id))}
    given = {table.table_id: table for table in group_tables}
    changes: dict[str, dict[str, Any]] = {}
    for table_id, table in given.items():
        row = stored.get(table_id)
        if row is not None and row.dropped_at is None:
            continue
        values = {"table_id": table_id, "project_key": group.project_key, "table_group_id": group.table_group_id, **table.name.model_dump(), "created_at": now}
        transaction.execute(insert(tables).values(values).on_conflict_do_update(index_elements=["table_id"], set_={"dropped_at": None}))
        changes[f"table.{table.name}"] = {"old": None if row is None else "dropped", "new": "present"}
    for table_id, row in stored.items():
        if table_id not in given and row.dropped_at is None:
            transaction.execute(update(tables).where(tables.c.table_id == table_id).values(dropped_at=now))
            changes[f"table.{row.schema_name}.{row.table_name}"] = {"old": "present", "new": "dropped"}
    return changes


def _upsert(
    transaction: Transaction, target: Table, key: Mapping[str, Any], values: Mapping[str, Any], now: datetime, **initial: object
) -> dict[str, dict[str, Any]]:
    """Insert or update one row and return the fields that changed; ``initial`` is written on insert only."""
    stored = transaction.execute(select(target).filter_by(**key)).mappings().first()
    if stored is None:
        transaction.execute(insert(target).values({**key, **values, **initial, "created_at": now, "updated_at": now}))
        return {field: {"old": None, "new": value} for field, value in values.items() if value is not None}
    changed = {field: value for field, value in values.items() if canonical_json(stored[field]) != canonical_json(value)}
    if changed:
        transaction.execute(update(target).filter_by(**key).values({**changed, "updated_at": now}))
    return {field: {"old": stored[field], "new": value} for field, value in changed.items()}
