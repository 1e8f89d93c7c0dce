"""Scanning a folder: which entries are tables, and what a session sees of them."""

from __future__ import annotations

import gzip

import duckdb
import pytest
from sqlglot import exp

from dq_assets.errors import SourceError
from dq_assets.records.tables import TableName


def main(name):
    return TableName(schema_name="main", table_name=name)


def rows_of(engine, name):
    with engine.session("test", "") as session:
        return session.query(exp.select("*").from_(session.relation(main(name)))).to_pylist()


def test_sub_folders_and_files_are_tables_of_schema_main(folder, engine_of):
    assert engine_of(folder).tables() == [main("customers"), main("orders"), main("visits")]


def test_a_table_has_the_rows_of_all_its_files_at_any_depth(folder, engine_of):
    engine = engine_of(folder)
    assert len(rows_of(engine, "orders")) == 20
    assert rows_of(engine, "visits") == [{"id": 1, "page": "home"}, {"id": 2, "page": "cart"}]
    assert rows_of(engine, "customers") == [{"customer": "c1"}, {"customer": "c2"}]


def test_columns_are_those_of_all_files_by_name(folder, engine_of):
    (folder / "orders" / "3.parquet").unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'x' AS note, 1::BIGINT AS id) TO '{folder}/orders/3.parquet' (FORMAT parquet)")
    columns = engine_of(folder).columns([main("orders"), main("nowhere")])
    assert {table: [(column.name, column.general_type) for column in found] for table, found in columns.items()} == {
        main("orders"): [("day", "N"), ("id", "N"), ("note", "A")]
    }
    assert {"day": None, "id": 1, "note": "x"} in rows_of(engine_of(folder), "orders")


def test_compressed_csv_is_read(folder, engine_of):
    (folder / "zipped.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert rows_of(engine_of(folder), "zipped") == [{"a": 1, "b": 2}]


def test_hidden_and_private_entries_and_other_files_are_passed_over(folder, engine_of):
    (folder / ".hidden.csv").write_text("a\n1\n")
    (folder / "_temporary.csv").write_text("a\n1\n")
    (folder / "README.md").write_text("# notes")
    (folder / ".csv").write_text("a\n1\n")
    (folder / "empty").mkdir()
    (folder / "visits" / "_committed.parquet").write_text("not parquet")
    (folder / "visits" / ".tmp").mkdir()
    (folder / "visits" / ".tmp" / "b.csv").write_text("id,page\n3,gone\n")
    assert engine_of(folder).tables() == [main("customers"), main("orders"), main("visits")]
    assert len(rows_of(engine_of(folder), "visits")) == 2


def test_a_missing_folder_is_named(tmp_path, engine_of):
    with pytest.raises(SourceError, match="nowhere does not exist") as caught:
        engine_of(tmp_path / "nowhere").tables()
    assert caught.value.code == "DQ-CONN-001"


def test_a_table_that_mixes_formats_is_an_error_naming_both(folder, engine_of):
    (folder / "orders" / "late.csv").write_text("day,id\n3,1\n")
    with pytest.raises(SourceError, match=r"'orders'.*orders/1\.parquet and orders/late\.csv") as caught:
        engine_of(folder).tables()
    assert caught.value.code == "DQ-CONN-004"


@pytest.mark.parametrize("twin", ["orders.csv", "ORDERS.csv", "customers.csv.gz"])
def test_two_entries_of_one_name_are_an_error_naming_both(twin, folder, engine_of):
    (folder / twin).write_text("id\n1\n")
    with pytest.raises(SourceError, match=rf"'{twin}'.*are both table") as caught:
        engine_of(folder).tables()
    assert caught.value.code == "DQ-CONN-004"


@pytest.mark.parametrize(
    "name", ["a*b", "q?", "[x]", "it's", 'quo"te', "line\nbreak", "🦆", "{a,b}", "x%20y", "back\\slash", "dots.in.it", "orders2'; DROP", "~"]
)
def test_a_hostile_file_name_is_only_a_name(name, folder, engine_of):
    (folder / f"{name}.csv").write_text("a\n7\n")
    (folder / "axxb.csv").write_text("a\n8\n")
    (folder / name).mkdir()
    (folder / name / f"{name}.txt").write_text("no table")
    engine = engine_of(folder)
    assert main(name) in engine.tables()
    assert rows_of(engine, name) == [{"a": 7}]
    assert engine.columns([main(name)])[main(name)][0].name == "a"
    assert list(engine.change_tokens([main(name)])) == [main(name)]


def test_a_session_keeps_the_list_of_files_it_began_with(folder, engine_of):
    engine = engine_of(folder)
    with engine.session("test", "") as session:
        (folder / "visits" / "late.csv").write_text("id,page\n3,late\n")
        (folder / "new.csv").write_text("a\n1\n")
        assert session.query("SELECT count(*) AS rows FROM visits").to_pylist() == [{"rows": 2}]
        with pytest.raises(SourceError, match="new"):
            session.query("SELECT * FROM new")
    assert len(rows_of(engine, "visits")) == 3


def test_a_broken_file_is_an_error_of_its_table_only(folder, engine_of):
    (folder / "orders" / "3.parquet").write_text("not parquet")
    engine = engine_of(folder)
    assert len(rows_of(engine, "customers")) == 2
    with pytest.raises(SourceError, match=r"main\.orders.*3\.parquet") as caught:
        rows_of(engine, "orders")
    assert caught.value.code == "DQ-CONN-005"
    with pytest.raises(SourceError, match=r"main\.orders"):
        engine.columns([main("orders")])
    assert list(engine.columns([main("customers")])) == [main("customers")]


def test_an_empty_folder_has_no_tables(tmp_path, engine_of):
    assert engine_of(tmp_path).tables() == []
    with engine_of(tmp_path).session("test", "") as session:
        assert session.query("SELECT 1 AS one").num_rows == 1
