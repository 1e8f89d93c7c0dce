"""Ids the platform makes itself: UUIDv5 of what the row is about, so that a repeated write is the same row."""

from __future__ import annotations

import json
import uuid

NAMESPACE = uuid.UUID("8f2d6d5e-5f0c-5d7e-9a55-0d2f6b1c9e11")


def derived_id(kind: str, *parts: object) -> str:
    """Return the UUIDv5 of ``kind`` and ``parts``.

    Parts are joined as a JSON list, so ``("a", "bc")`` and ``("ab", "c")`` differ and any text is safe.
    """
    return str(uuid.uuid5(NAMESPACE, json.dumps([kind, *parts], ensure_ascii=False, default=str)))


def connection_id(project_key: str, name: str) -> str:
    """Id of a connection."""
    return derived_id("connection", project_key, name)


def table_group_id(project_key: str, name: str) -> str:
    """Id of a table group."""
    return derived_id("table_group", project_key, name)


def table_id(group_id: str, schema_name: str, table_name: str) -> str:
    """Id of a table in a group."""
    return derived_id("table", group_id, schema_name, table_name)


def column_id(table: str, column_name: str) -> str:
    """Id of a column of the table with id ``table``."""
    return derived_id("column", table, column_name)


def test_suite_id(project_key: str, test_suite_key: str) -> str:
    """Id of a test suite where one column must name it; its own table is keyed by the two parts."""
    return derived_id("test_suite", project_key, test_suite_key)


def schedule_id(project_key: str, target_type: str, target_id: str) -> str:
    """Id of the one schedule of a target."""
    return derived_id("schedule", project_key, target_type, target_id)


def run_id(kind: str, group_id: str, token: str) -> str:
    """Id of a run: ``token`` is a pure function of what made it (data versions, schedule tick, root run id)."""
    return derived_id("run", kind, group_id, token)
