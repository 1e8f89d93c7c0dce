"""Transactions, concurrency and errors of the SQLite file, and the quirks of SQLite that we lean on."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from dq_assets.errors import StoreError
from dq_assets.records.enums import Verdict
from dq_assets.settings import MetadataSettings
from dq_assets.store.column_types import JsonText, UtcDateTime, canonical_json
from dq_assets.store.database import Database
from dq_assets.store.metadata_store import MetadataStore
from dq_assets.store.schema import settings

FORK = multiprocessing.get_context("fork")
PROCESSES, RUNS, RESULTS = 8, 5, 200


def write_runs(url: str, world, number: int, barrier) -> None:
    store = MetadataStore.open(MetadataSettings(url=url))
    test = world.test()
    barrier.wait(60)
    for each in range(RUNS):
        run = world.test_run(f"{number}/{each}")
        store.start_test_run(run)
        results = [world.result(run, test, Verdict.FAIL, f"2026-02-{day:03d}") for day in range(RESULTS)]
        store.complete_test_run(run, results, [world.failed_row(result) for result in results])


def test_eight_processes_writing_results_at_once_lose_and_invent_nothing(store, world, tmp_path, rows) -> None:
    store.apply_suite(world.group, "sales", [world.test()], now=world.now, actor="system")
    barrier = FORK.Barrier(PROCESSES)
    processes = [FORK.Process(target=write_runs, args=(f"sqlite:///{tmp_path}/metadata.db", world, number, barrier)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    assert rows("SELECT count(*) FROM dq_test_runs WHERE status = 'completed'") == [(PROCESSES * RUNS,)]
    assert rows("SELECT DISTINCT count(*) FROM dq_test_results GROUP BY test_run_id") == [(RESULTS,)]
    assert rows("SELECT count(*) FROM dq_test_results") == rows("SELECT count(*) FROM dq_test_failed_rows") == [(PROCESSES * RUNS * RESULTS,)]
    assert rows("PRAGMA integrity_check") == [("ok",)]
    assert rows("PRAGMA foreign_key_check") == []


def test_the_file_is_in_wal_mode_and_connections_are_durable_and_check_keys(store, tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/metadata.db")
    with database.read("pragmas") as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_reader_does_not_wait_for_a_writer_and_sees_the_state_before_it(store, tmp_path, world) -> None:
    database = Database(f"sqlite:///{tmp_path}/metadata.db")
    with database.write("settings") as writer:
        writer.execute(settings.insert().values(key="x", value="1", updated_at=world.now))
        with database.read("settings") as reader:
            assert reader.execute(select(settings.c.value).where(settings.c.key == "x")).scalar() is None
    with database.read("settings") as reader:
        assert reader.execute(select(settings.c.value).where(settings.c.key == "x")).scalar() == "1"


def test_a_write_transaction_holds_the_write_lock_from_its_first_moment(store, tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/metadata.db")
    other = sqlite3.connect(tmp_path / "metadata.db", timeout=0, isolation_level=None)
    with database.write("nothing yet"), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_an_error_inside_a_write_rolls_all_of_it_back(store, tmp_path, world) -> None:
    database = Database(f"sqlite:///{tmp_path}/metadata.db")

    def write_and_fail() -> None:
        with database.write("settings") as connection:
            connection.execute(settings.insert().values(key="x", value="1", updated_at=world.now))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.read("settings") as connection:
        assert connection.execute(select(settings.c.value).where(settings.c.key == "x")).scalar() is None


def test_a_refused_row_is_told_without_its_values(store, world) -> None:
    with pytest.raises(StoreError, match=r"DQ-STORE-001: .*metadata\.db: could not write test run .*FOREIGN KEY constraint failed") as refused:
        world.tested(store, "one", [(world.test("Secret_Rule"), "2026-02-01", Verdict.PASS)])
    assert "INSERT" not in str(refused.value)
    assert store.test_results(world.test_run().test_run_id) == []


def test_a_file_that_is_no_database_is_told(tmp_path) -> None:
    (tmp_path / "m.db").write_text("this is not a database, " * 100)
    with pytest.raises(StoreError, match=r"DQ-STORE-001: .*not a database"):
        MetadataStore.open(MetadataSettings(url=f"sqlite:///{tmp_path}/m.db")).require_ready()


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///"])
def test_a_url_without_a_file_is_refused(url) -> None:
    with pytest.raises(StoreError, match=r"DQ-STORE-009"):
        MetadataStore.open(MetadataSettings(url=url))


def test_a_path_with_odd_characters_is_the_path(tmp_path, world) -> None:
    path = tmp_path / "a b#c%d" / "m.db"
    MetadataStore.open(MetadataSettings(url=f"sqlite:///{path}")).provision(project_key="p", finding_types=[], now=world.now)
    assert path.is_file()


def test_moments_are_aware_and_their_text_sorts_in_time_order() -> None:
    kind = UtcDateTime()
    early = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    late = datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    texts = [kind.process_bind_param(moment, None) for moment in (datetime(33, 1, 1, tzinfo=UTC), early, late)]
    assert texts == ["0033-01-01T00:00:00.000000Z", "2025-12-31T23:30:00.000000Z", "2026-01-01T00:00:00.000001Z"]
    assert kind.process_result_value(texts[1], None) == early
    assert kind.process_result_value(texts[1], None).utcoffset() == timedelta(0)


def test_naive_moments_are_refused(store, tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/metadata.db")
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the point
    with pytest.raises(StoreError, match="has no time zone"), database.write("settings") as connection:
        connection.execute(settings.insert().values(key="x", value="1", updated_at=naive))
    with database.engine.connect() as connection, pytest.raises(StatementError, match="has no time zone"):
        connection.execute(settings.insert().values(key="x", value="1", updated_at=naive))


def test_json_is_canonical_and_survives_what_json_does_not_know() -> None:
    assert canonical_json({"b": 1, "a": [1.5, "ü"]}) == '{"a":[1.5,"ü"],"b":1}'
    assert canonical_json({"x": [float("nan"), float("-inf")]}) == '{"x":["NaN","-Infinity"]}'
    assert JsonText().process_result_value(JsonText().process_bind_param({"a": (1, 2)}, None), None) == {"a": [1, 2]}
    assert JsonText().process_bind_param(None, None) is None


def test_characterization_switching_to_wal_does_not_wait_for_a_busy_database(tmp_path) -> None:
    holder = sqlite3.connect(tmp_path / "m.db", isolation_level=None)
    holder.execute("CREATE TABLE t (a)")
    holder.execute("BEGIN IMMEDIATE")
    other = sqlite3.connect(tmp_path / "m.db", timeout=30, isolation_level=None)
    # With the time-out respected this would take 30 s and the test would be seen to hang.
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("PRAGMA journal_mode = WAL")
    holder.close()
    other.close()


def test_creating_waits_for_whoever_is_busy_with_the_new_file(tmp_path) -> None:
    holder = sqlite3.connect(tmp_path / "m.db", isolation_level=None, check_same_thread=False)
    holder.execute("CREATE TABLE t (a)")
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, holder.execute, ["COMMIT"])
    release.start()
    Database(f"sqlite:///{tmp_path}/m.db").create()
    release.join()
    holder.close()
    reader = sqlite3.connect(tmp_path / "m.db")
    assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    reader.close()


def test_looking_at_the_store_loads_neither_sqlglot_nor_an_engine(store, tmp_path) -> None:
    program = (
        "import sys; from dq_assets.settings import MetadataSettings; from dq_assets.store.metadata_store import MetadataStore;"
        "store = MetadataStore.open(MetadataSettings(url=sys.argv[1])); store.require_ready(); store.unfinished_runs();"
        "print(sorted({'sqlglot', 'duckdb', 'pandas', 'pyarrow', 'dagster'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", program, f"sqlite:///{tmp_path}/metadata.db"], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def test_characterization_sqlite_takes_schema_changes_back_with_their_transaction(tmp_path) -> None:
    connection = sqlite3.connect(tmp_path / "m.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()


def test_characterization_opening_with_mode_rw_creates_no_file(tmp_path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        sqlite3.connect(f"{(tmp_path / 'm.db').as_uri()}?mode=rw", uri=True)
    assert not (tmp_path / "m.db").exists()
