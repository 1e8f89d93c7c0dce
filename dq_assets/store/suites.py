"""Test suites: the working set of tests and their append-only versions.

Decision: learning never takes anything from a person. A list of tests changes no locked test, and a generated one no manual test either; a test that is
no longer proposed is disabled and keeps its history; mutes and locks stay until a person lifts them. What a person switches or bounds at run time is kept
by a lock. Only whether a manual test is there at all is the file's alone: locked or not, one that vanished from the file is disabled.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Row, bindparam, func, insert, select, update

from dq_assets.errors import StoreError
from dq_assets.records.enums import Origin
from dq_assets.records.tables import TableName
from dq_assets.records.tests import Test, Thresholds
from dq_assets.store import audit
from dq_assets.store.column_types import canonical_json
from dq_assets.store.schema import test_suites, test_versions, tests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection as Transaction

    from dq_assets.records.tables import TableGroup
    from dq_assets.records.tests import TestEdit

_DECLARED = (Origin.GENERATED.value, Origin.MANUAL.value)
_BY_HAND = "person"
"""What computed the bounds that a person set."""


@dataclass(frozen=True)
class SuiteChange:
    """What applying a suite did, as test ids: each given test is created, updated or unchanged; ``muted`` are those of them that are muted now."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()


class TestChange(NamedTuple):
    """An edited test as it stands now, and what changed, ``field`` to ``{"old": …, "new": …}``; empty when nothing did."""

    test: Test
    changes: dict[str, dict[str, Any]]


def apply(transaction: Transaction, group: TableGroup, test_suite_key: str, given: Sequence[Test], *, now: datetime, actor: str) -> SuiteChange:
    """Make the given tests the suite's working set.

    Raises:
        StoreError: ``DQ-STORE-007`` when the suite belongs to another group, ``DQ-STORE-008`` when two given tests share a name or an id.
    """
    _upsert_suite(transaction, group, test_suite_key, now)
    _refuse_repeated(given)
    wanted = {test.test_id: test for test in given}
    stored = {
        row.test_id: row
        for row in transaction.execute(select(tests).where(tests.c.table_group_id == group.table_group_id, tests.c.test_suite_key == test_suite_key))
    }
    kept = {test_id for test_id, test in wanted.items() if test_id in stored and _belongs_to_person(stored[test_id], test)}
    gone = {test_id for test_id, row in stored.items() if test_id not in wanted and row.enabled and _ends_with_its_list(row)}
    if gone:
        # The lock of a manual test goes with it: once the file has it again, it is as the file says.
        disable = update(tests).where(tests.c.test_id == bindparam("gone")).values(enabled=False, locked=False, updated_at=now)
        transaction.execute(disable, [{"gone": test_id} for test_id in sorted(gone)])
    _free_names(transaction, wanted, kept, stored, gone)
    others = stored.keys() - wanted.keys() - gone
    taken = {stored[test_id].name for test_id in kept | {other for other in others if stored[other].locked or stored[other].origin not in _DECLARED}}
    created: list[Test] = []
    updated: list[str] = []
    unchanged: list[str] = []
    for test_id, test in wanted.items():
        row = stored.get(test_id)
        if test_id in kept:
            unchanged.append(test_id)
        elif row is None:
            created.append(_named(test, taken))
        else:
            (updated if _update(transaction, row, _named(test, taken), now) else unchanged).append(test_id)
    _insert(transaction, created, test_suite_key, now)
    change = SuiteChange(
        created=tuple(test.test_id for test in created),
        updated=tuple(updated),
        unchanged=tuple(unchanged),
        disabled=tuple(sorted(gone)),
        muted=tuple(sorted(set(wanted).intersection(_muted(transaction, group.table_group_id, now)))),
    )
    if change.created or change.updated or change.disabled:
        audit.record(
            transaction,
            project_key=group.project_key,
            entity_type="test_suite",
            entity_id=test_suite_key,
            action="update" if stored else "create",
            changes={field: {"old": None, "new": list(getattr(change, field))} for field in ("created", "updated", "disabled") if getattr(change, field)},
            now=now,
            actor=actor,
        )
    return change


def edit(transaction: Transaction, test_id: str, wanted: TestEdit, *, now: datetime, actor: str) -> TestChange:
    """Change a test as a person wants it.

    Raises:
        StoreError: ``DQ-STORE-012`` when the test is not there.
    """
    found = transaction.execute(_with_current_version().where(tests.c.test_id == test_id)).first()
    if found is None:
        raise StoreError("DQ-STORE-012", f"test {test_id} is not there.", "`dq tests list` shows the tests.")
    before = _test(found)
    after = before.model_copy(update=wanted.given)
    old, new = (test.model_dump(mode="json", include=set(wanted.given)) for test in (before, after))
    changes = {field: {"old": old[field], "new": new[field]} for field in wanted.given if old[field] != new[field]}
    if not changes:
        return TestChange(before, {})
    if "thresholds" in changes:
        after = after.model_copy(update={"version": before.version + 1, "evidence": {"set_by": actor}, "model_version": _BY_HAND})
        transaction.execute(insert(test_versions), _version_row(after, after.version, now))
    row = {field: value for field, value in _row(after).items() if field in {"enabled", "thresholds_json", "severity", "fingerprint"}}
    row |= {"locked": after.locked, "muted_until": after.muted_until, "updated_at": now}
    transaction.execute(update(tests).where(tests.c.test_id == test_id).values(row))
    audit.record(transaction, project_key=after.project_key, entity_type="test", entity_id=test_id, action="update", changes=changes, now=now, actor=actor)
    return TestChange(after, changes)


def read(transaction: Transaction, table_group_id: str, *, enabled_only: bool) -> list[Test]:
    """Return the group's tests with their current versions, by table, columns, rule type and id."""
    query = _with_current_version().where(tests.c.table_group_id == table_group_id)
    if enabled_only:
        query = query.where(tests.c.enabled)
    found = [_test(row) for row in transaction.execute(query)]
    return sorted(found, key=lambda test: (str(test.table), test.columns, test.rule_type, test.test_id))


def _with_current_version() -> Any:
    newest = select(test_versions.c.test_id, func.max(test_versions.c.version).label("version")).group_by(test_versions.c.test_id).subquery()
    is_newest = (newest.c.test_id == test_versions.c.test_id) & (newest.c.version == test_versions.c.version)
    versions = select(test_versions).join(newest, is_newest).subquery()
    return select(tests, versions.c.version, versions.c.evidence_json, versions.c.model_version).join(versions, versions.c.test_id == tests.c.test_id)


def _belongs_to_person(stored: Row[Any], given: Test) -> bool:
    return bool(stored.locked) or (given.origin == Origin.GENERATED and stored.origin == Origin.MANUAL)


def _ends_with_its_list(stored: Row[Any]) -> bool:
    return bool(stored.origin == Origin.MANUAL or (stored.origin == Origin.GENERATED and not stored.locked))


def _refuse_repeated(given: Sequence[Test]) -> None:
    for what, values in (("name", [test.name for test in given]), ("id", [test.test_id for test in given])):
        if repeated := sorted({value for value in values if values.count(value) > 1}) if len(set(values)) < len(values) else []:
            raise StoreError("DQ-STORE-008", f"several tests of the suite share the {what} {repeated[0]!r}.", f"give each test a {what} of its own.")


def _upsert_suite(transaction: Transaction, group: TableGroup, test_suite_key: str, now: datetime) -> None:
    suite = {"project_key": group.project_key, "test_suite_key": test_suite_key}
    owner = transaction.execute(select(test_suites.c.table_group_id).filter_by(**suite)).scalar()
    if owner is None:
        name = f"Tests of {group.name}"
        transaction.execute(insert(test_suites).values(**suite, table_group_id=group.table_group_id, name=name, created_at=now, updated_at=now))
    elif owner != group.table_group_id:
        raise StoreError(
            "DQ-STORE-007", f"test suite {test_suite_key!r} belongs to table group {owner}, not to {group.name!r}.", "use one suite key per table group."
        )


def _free_names(transaction: Transaction, wanted: dict[str, Test], kept: set[str], stored: dict[str, Row[Any]], gone: set[str]) -> None:
    """Move aside the names that given tests need: those of disabled tests, and those that given tests swap among each other."""
    needed = {test.name for test in wanted.values()}
    for test_id, row in stored.items():
        is_renamed = test_id in wanted and test_id not in kept and row.name != wanted[test_id].name
        is_retired = test_id not in wanted and (test_id in gone or not (row.enabled or row.locked))
        if (is_renamed or is_retired) and row.name in needed:
            transaction.execute(update(tests).where(tests.c.test_id == test_id).values(name=_distinct(row.name, test_id)))


def _named(test: Test, taken: set[str]) -> Test:
    return test.model_copy(update={"name": _distinct(test.name, test.test_id)}) if test.name in taken else test


def _distinct(name: str, test_id: str) -> str:
    return f"{name} [{test_id[:8]}]"


def _muted(transaction: Transaction, table_group_id: str, now: datetime) -> list[str]:
    return list(transaction.execute(select(tests.c.test_id).where(tests.c.table_group_id == table_group_id, tests.c.muted_until > now)).scalars())


def _insert(transaction: Transaction, created: Sequence[Test], test_suite_key: str, now: datetime) -> None:
    if not created:
        return
    initial = {"test_suite_key": test_suite_key, "tags": [], "created_at": now, "updated_at": now}
    rows = [
        {**_row(test), **initial, "test_id": test.test_id, "project_key": test.project_key, "locked": test.locked, "muted_until": test.muted_until}
        for test in created
    ]
    transaction.execute(insert(tests), rows)
    transaction.execute(insert(test_versions), [_version_row(test, 1, now) for test in created])


def _update(transaction: Transaction, stored: Row[Any], test: Test, now: datetime) -> bool:
    row = _row(test) | {"locked": stored.locked or test.locked, "muted_until": test.muted_until or stored.muted_until}
    changed = {field: value for field, value in row.items() if canonical_json(getattr(stored, field)) != canonical_json(value)}
    if not changed:
        return False
    transaction.execute(update(tests).where(tests.c.test_id == test.test_id).values({**changed, "updated_at": now}))
    if "fingerprint" in changed:
        newest = transaction.execute(select(func.max(test_versions.c.version)).where(test_versions.c.test_id == test.test_id)).scalar() or 0
        transaction.execute(insert(test_versions), _version_row(test, newest + 1, now))
    return True


def _version_row(test: Test, version: int, now: datetime) -> dict[str, Any]:
    # A version carries its parameters beside the evidence, so that an old verdict can be replayed after a parameter changed.
    return {
        "test_id": test.test_id,
        "version": version,
        "thresholds_json": test.thresholds.model_dump(mode="json"),
        "evidence_json": {"evidence": test.evidence, "parameters": test.parameters},
        "model_version": test.model_version,
        "valid_from": now,
        "project_key": test.project_key,
    }


def _row(test: Test) -> dict[str, Any]:
    thresholds = test.thresholds.model_dump(mode="json")
    return {
        "connection_id": test.connection_id,
        "table_group_id": test.table_group_id,
        "name": test.name,
        "rule_type": test.rule_type,
        "definition": {"rule_type": test.rule_type, "columns": list(test.columns), "parameters": test.parameters, "filter": test.filter},
        "target_type": "column" if test.columns else "table",
        **test.table.model_dump(),
        "column_name": test.column_name,
        "dimension": test.dimension.value,
        "severity": test.thresholds.severity.value,
        "thresholds_json": thresholds,
        "enabled": test.enabled,
        "origin": test.origin.value,
        "fingerprint": hashlib.sha256(canonical_json([test.parameters, thresholds]).encode()).hexdigest(),
        "description": test.description,
    }


def _test(row: Row[Any]) -> Test:
    plain = (
        "test_id",
        "project_key",
        "connection_id",
        "table_group_id",
        "test_suite_key",
        "name",
        "rule_type",
        "dimension",
        "enabled",
        "muted_until",
        "locked",
        "origin",
        "version",
    )
    return Test.model_validate(
        {
            **{field: getattr(row, field) for field in plain},
            "table": TableName(schema_name=row.schema_name, table_name=row.table_name),
            "columns": tuple(row.definition["columns"]),
            "parameters": row.definition["parameters"],
            "filter": row.definition["filter"],
            "thresholds": Thresholds.model_validate(row.thresholds_json),
            "description": row.description or "",
            "evidence": (row.evidence_json or {}).get("evidence", {}),
            "model_version": row.model_version or "",
        }
    )
