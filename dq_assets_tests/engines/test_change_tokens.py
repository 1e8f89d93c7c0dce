"""A token changes when the rows of its table do."""

from __future__ import annotations

import os
import re
import time

import duckdb
import pytest

from dq_assets.engines import duckdb_engine
from dq_assets.errors import SourceError
from dq_assets.records.tables import TableName

ORDERS, CUSTOMERS, PAID = (TableName(schema_name="main", table_name=name) for name in ("orders", "customers", "paid"))
CHANGES = {
    "insert": "INSERT INTO orders VALUES (5000, 1, 'c9')",
    "update": "UPDATE orders SET amount = 3 WHERE id = 5",
    "update to null": "UPDATE orders SET amount = NULL WHERE id = 5",
    "delete": "DELETE FROM orders WHERE id = 77",
    "delete all": "DELETE FROM orders",
    "exchange of two values": "UPDATE orders SET customer = CASE id WHEN 0 THEN 'c1' ELSE 'c0' END WHERE id IN (0, 1)",
    "add a column": "ALTER TABLE orders ADD COLUMN note VARCHAR",
    "rename a column": "ALTER TABLE orders RENAME COLUMN amount TO price",
    "replace": "CREATE OR REPLACE TABLE orders AS SELECT 1 AS id",
}


def tokens(engine):
    return engine.change_tokens([ORDERS, CUSTOMERS, PAID])


@pytest.mark.parametrize("leave", ["checkpointed", "in the log"])
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_rows_changes_the_token_of_this_table_only(change, leave, database, engine_of, write):
    engine = engine_of(database)
    before = tokens(engine)
    write(database, *(["PRAGMA disable_checkpoint_on_shutdown"] if leave == "in the log" else []), CHANGES[change])
    assert (database.parent / f"{database.name}.wal").exists() == (leave == "in the log")
    after = tokens(engine)
    assert after[ORDERS] != before[ORDERS]
    assert after[CUSTOMERS] == before[CUSTOMERS]


def test_a_second_update_is_seen_as_well(database, engine_of, write):
    seen = [tokens(engine_of(database))[ORDERS]]
    for amount in (3, 4, 5, 6):
        write(database, f"UPDATE orders SET amount = {amount} WHERE id = 5")
        seen.append(tokens(engine_of(database))[ORDERS])
    assert len(set(seen)) == len(seen) - 1  # row 5 began with 5
    assert seen[3] == seen[0]


def test_a_token_stays_put_when_the_file_is_opened_checkpointed_and_closed(database, engine_of, write):
    before = tokens(engine_of(database))
    write(database, "CHECKPOINT")
    write(database)
    after = tokens(engine_of(database))
    assert (after[ORDERS], after[CUSTOMERS]) == (before[ORDERS], before[CUSTOMERS])


@pytest.mark.parametrize("leave", ["checkpointed", "in the log"])
def test_a_view_changes_with_the_file(leave, database, engine_of, write):
    before = tokens(engine_of(database))
    write(database, *(["PRAGMA disable_checkpoint_on_shutdown"] if leave == "in the log" else []), CHANGES["update"])
    assert tokens(engine_of(database))[PAID] != before[PAID]


def test_a_table_too_large_to_hash_changes_with_the_file(database, engine_of, write, monkeypatch):
    monkeypatch.setattr(duckdb_engine, "HASHED_VALUES", 100)
    before = tokens(engine_of(database))
    write(database, CHANGES["update"])
    after = tokens(engine_of(database))
    assert after[ORDERS] != before[ORDERS]
    assert after[CUSTOMERS] == before[CUSTOMERS]


def test_tokens_are_short_text_and_a_missing_table_has_none(database, folder, engine_of):
    nowhere = TableName(schema_name="main", table_name="nowhere")
    for path in (database, folder):
        found = engine_of(path).change_tokens([ORDERS, nowhere])
        assert list(found) == [ORDERS]
        assert re.fullmatch("[0-9a-f]{16}", found[ORDERS])
    assert engine_of(database).change_tokens([]) == {}


def test_a_database_file_that_nobody_wrote_to_is_not_opened_again(database, engine_of, held):
    engine = engine_of(database, lock_wait_s=0)
    os.utime(database, ns=(0, 0))
    before = tokens(engine)
    paid = engine.change_tokens([PAID])
    with held(database, "forever"):
        assert tokens(engine) == before == {**before, **paid}
        with pytest.raises(SourceError, match="DQ-CONN-002"):
            engine.change_tokens([ORDERS, TableName(schema_name="archive", table_name="orders")])


def test_a_file_written_a_moment_ago_is_opened_again_since_its_time_may_not_tell(database, engine_of, held):
    engine = engine_of(database, lock_wait_s=0)
    moment = time.time_ns() + 10**12  # as if the file system were ahead of this clock
    os.utime(database, ns=(moment, moment))
    tokens(engine)
    with held(database, "forever"), pytest.raises(SourceError, match="DQ-CONN-002"):
        tokens(engine)


def test_every_type_can_be_hashed(tmp_path, engine_of, write):
    engine = engine_of(write(tmp_path / "all.duckdb", "CREATE TABLE t AS SELECT * FROM test_all_types()"))
    table = TableName(schema_name="main", table_name="t")
    before = engine.change_tokens([table])
    write(tmp_path / "all.duckdb", "UPDATE t SET struct = NULL")
    assert engine.change_tokens([table]) != before


def test_a_column_called_like_the_row_does_not_hide_the_others(tmp_path, engine_of, write):
    engine = engine_of(write(tmp_path / "x.duckdb", 'CREATE TABLE t AS SELECT 1 AS "ROW", 1 AS row_, 2 AS other'))
    table = TableName(schema_name="main", table_name="t")
    before = engine.change_tokens([table])
    write(tmp_path / "x.duckdb", "UPDATE t SET other = 3")
    assert engine.change_tokens([table]) != before


def test_a_table_of_a_folder_changes_with_its_files_only(folder, engine_of):
    engine, seen = engine_of(folder), []

    def look():
        found = engine.change_tokens(engine.tables())
        seen.append(found[TableName(schema_name="main", table_name="visits")])
        return found[ORDERS]

    orders = look()
    file = folder / "visits" / "year=2024" / "a.csv"
    file.write_text("id,page\n1,home\n2,cart\n3,more\n")
    assert look() == orders
    state = file.stat()
    file.write_text("id,page\n1,home\n2,cart\n3,less\n")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert look() == orders
    (folder / "visits" / "b.csv").write_text("id,page\n")
    assert look() == orders
    file.rename(folder / "visits" / "c.csv")
    assert look() == orders
    assert len(set(seen)) == len(seen) == 5


def storage(path, table):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(f"SELECT * FROM pragma_storage_info('{table}')").fetchall()


def test_why_storage_information_is_no_token(database, write):
    """When this fails, DuckDB tells more than it did, and tokens may become cheaper."""
    begin = storage(database, "orders")
    write(database, "DELETE FROM orders WHERE id = 77")
    assert storage(database, "orders") == begin
    write(database, "UPDATE orders SET amount = 3 WHERE id = 5")
    first = storage(database, "orders")
    write(database, "UPDATE orders SET amount = 4 WHERE id = 5")
    write(database, "UPDATE orders SET amount = 6 WHERE id = 5")
    assert storage(database, "orders") == first
