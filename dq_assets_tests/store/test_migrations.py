"""Provisioning survives being killed, raced, edited and out of date. Real processes, a real file."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from dq_assets.errors import StoreError
from dq_assets.settings import MetadataSettings
from dq_assets.store.database import Database
from dq_assets.store.metadata_store import MetadataStore
from dq_assets.store.migrations import load_scripts, migrate

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORK = multiprocessing.get_context("fork")
SCRIPTS = load_scripts("sqlite")
STATEMENTS = sum(len(script.statements) for script in SCRIPTS)


def database(path: Path) -> Database:
    opened = Database(f"sqlite:///{path}")
    opened.create()
    return opened


def hasty(opened: Database) -> Database:
    """Do not wait for the disk: nobody kills these connections, and thousands of waits would make the sweep slow."""

    @event.listens_for(opened.engine, "connect")
    def _connect(connection, _record) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    return opened


def journal(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    try:
        return dict(connection.execute("SELECT key, value FROM dq_settings"))
    finally:
        connection.close()


def kill_oneself(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after_one_statement(path: Path) -> None:
    migrate(database(path).engine, "sqlite", NOW, scripts=SCRIPTS, after_statement=kill_oneself)


def die_before_the_next_commit(path: Path) -> None:
    opened = database(path)

    @event.listens_for(opened.engine, "commit")
    def _commit(connection) -> None:
        if connection.get_execution_options().get("dq_begin") == "IMMEDIATE":
            kill_oneself()

    migrate(opened.engine, "sqlite", NOW, scripts=SCRIPTS)


def run(target, *arguments: object) -> int | None:
    process = FORK.Process(target=target, args=arguments)
    process.start()
    process.join(60)
    return process.exitcode


def copied(path: Path, folder: Path) -> Path:
    """Copy the database as the killed process left it, write-ahead log included."""
    folder.mkdir()
    for left in path.parent.glob(f"{path.name}*"):
        shutil.copy(left, folder / left.name)
    return folder / path.name


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[str, dict[str, str]]:
    path = tmp_path_factory.mktemp("undisturbed") / "m.db"
    report = migrate(database(path).engine, "sqlite", NOW)
    assert len(report.applied) == STATEMENTS
    assert report.applied[0] == "0001_configuration/001"
    assert report.schema_version == len(SCRIPTS)
    return report.schema_hash, journal(path)


def test_killed_after_every_statement_it_resumes_to_the_same_schema_and_journal(tmp_path, undisturbed, record_property) -> None:
    record_property("kill_points", STATEMENTS)
    path = tmp_path / "killed" / "m.db"
    for killed_after in range(1, STATEMENTS + 1):
        assert run(die_after_one_statement, path) == -signal.SIGKILL
        left = copied(path, tmp_path / str(killed_after))
        assert sum(key.count("/") == 2 for key in journal(left)) == killed_after
        resumed = migrate(hasty(database(left)).engine, "sqlite", NOW, scripts=SCRIPTS)
        assert len(resumed.applied) == STATEMENTS - killed_after
        assert (resumed.schema_hash, journal(left)) == undisturbed
    print(f"killed after each of {STATEMENTS} statements")  # noqa: T201 - the number is the evidence


@pytest.mark.parametrize("completed", [0, 1, 17, 18, STATEMENTS - 1])
def test_killed_between_a_statement_and_its_commit_neither_it_nor_its_journal_row_is_there(tmp_path, undisturbed, completed) -> None:
    path = tmp_path / "m.db"
    migrated: list[int] = []

    class Enough(Exception):  # noqa: N818 - not an error
        pass

    def stop(count: int) -> None:
        migrated.append(count)
        if count == completed:
            raise Enough

    if completed:
        with pytest.raises(Enough):
            migrate(database(path).engine, "sqlite", NOW, after_statement=stop)
    else:
        database(path)
    assert run(die_before_the_next_commit, path) == -signal.SIGKILL
    resumed = migrate(database(path).engine, "sqlite", NOW)
    assert len(resumed.applied) == STATEMENTS - completed
    assert (resumed.schema_hash, journal(path)) == undisturbed


def provision(path: Path, barrier, queue) -> None:
    barrier.wait(30)
    store = MetadataStore.open(MetadataSettings(url=f"sqlite:///{path}"))
    report = store.provision(project_key="p", finding_types=[], now=NOW)
    queue.put((report.applied, report.schema_hash))


def test_several_provisioners_at_once_end_with_one_result(tmp_path, undisturbed) -> None:
    path = tmp_path / "folder" / "m.db"
    barrier, queue = FORK.Barrier(4), FORK.Queue()
    processes = [FORK.Process(target=provision, args=(path, barrier, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    reports = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    applied = [name for names, _ in reports for name in names]
    assert len(applied) == len(set(applied)) == STATEMENTS, "each statement was run by exactly one of them"
    assert {schema_hash for _, schema_hash in reports} == {undisturbed[0]}
    assert journal(path) == undisturbed[1]
    connection = sqlite3.connect(path)
    assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("dq_projects", "dq_organizations", "dq_audit_log")] == [1, 1, 1]
    connection.close()


def test_provisioning_again_runs_nothing_and_adds_no_audit_row(store, world, rows) -> None:
    before = rows("SELECT * FROM dq_audit_log"), rows("SELECT * FROM dq_settings"), rows("SELECT * FROM dq_profile_anomaly_types")
    report = store.provision(project_key="p", finding_types=[world.finding_type], now=world.later(days=1))
    assert report.applied == ()
    assert before == (rows("SELECT * FROM dq_audit_log"), rows("SELECT * FROM dq_settings"), rows("SELECT * FROM dq_profile_anomaly_types"))


def test_an_edited_script_is_refused_by_name_and_checksums(tmp_path, undisturbed) -> None:
    opened = database(tmp_path / "m.db")
    migrate(opened.engine, "sqlite", NOW)
    edited = replace(SCRIPTS[1], text=SCRIPTS[1].text + "\n-- edited\n")
    with pytest.raises(StoreError, match="0002_profiling") as refused:
        migrate(opened.engine, "sqlite", NOW, scripts=[SCRIPTS[0], edited, *SCRIPTS[2:]])
    assert refused.value.code == "DQ-STORE-002"
    assert SCRIPTS[1].checksum[:12] in str(refused.value)
    assert edited.checksum[:12] in str(refused.value)


def test_a_script_edited_before_it_was_completed_is_refused_too(tmp_path) -> None:
    path = tmp_path / "m.db"
    run(die_after_one_statement, path)
    edited = replace(SCRIPTS[0], text=SCRIPTS[0].text + "\n-- edited\n")
    with pytest.raises(StoreError, match=r"DQ-STORE-002"):
        migrate(database(path).engine, "sqlite", NOW, scripts=[edited, *SCRIPTS[1:]])


def test_a_newer_database_is_refused(store, world, tmp_path) -> None:
    connection = sqlite3.connect(tmp_path / "metadata.db")
    connection.execute("UPDATE dq_settings SET value = '99' WHERE key = 'schema_version'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"DQ-STORE-003: the metadata database has schema version 99"):
        store.require_ready()
    with pytest.raises(StoreError, match=r"DQ-STORE-003"):
        store.provision(project_key="p", finding_types=[], now=world.now)


def test_pending_scripts_are_named_until_provisioned(tmp_path) -> None:
    path = tmp_path / "m.db"
    migrate(database(path).engine, "sqlite", NOW, scripts=SCRIPTS[:2])
    store = MetadataStore.open(MetadataSettings(url=f"sqlite:///{path}"))
    with pytest.raises(StoreError, match=r"DQ-STORE-005: .*0003_testing, 0004_alerting"):
        store.require_ready()
    assert store.provision(project_key="p", finding_types=[], now=NOW).applied[0] == "0003_testing/001"
    store.require_ready()


def test_what_was_never_provisioned_is_told_and_not_created(tmp_path) -> None:
    store = MetadataStore.open(MetadataSettings(url=f"sqlite:///{tmp_path}/m.db"))
    with pytest.raises(StoreError, match=r"DQ-STORE-004: .*dq provision"):
        store.require_ready()
    with pytest.raises(StoreError, match=r"DQ-STORE-001: .*no such file.*dq provision"):
        store.tables("g")
    assert not list(tmp_path.iterdir())


def test_the_journal_holds_each_scripts_checksum_and_times(undisturbed) -> None:
    for script in SCRIPTS:
        entry = json.loads(undisturbed[1][f"migration/{script.name}"])
        assert entry == {"checksum": script.checksum, "started_at": NOW.isoformat(), "completed_at": NOW.isoformat()}
    assert undisturbed[1]["schema_version"] == str(len(SCRIPTS))
