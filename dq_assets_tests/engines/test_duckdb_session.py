"""What a DuckDB session can do beside reading: temporary tables, time-outs, cancelling; and what the engine knows of sizes."""

from __future__ import annotations

import threading
import time

import pytest
from sqlglot import exp

from dq_assets.errors import SourceError
from dq_assets.records.tables import TableName

ENDLESS = "SELECT count(*) AS rows FROM range(1000000000000) a(i) WHERE i % 3 = 5"
COUNTS = "SELECT customer, count(*) AS n FROM orders GROUP BY customer"


def main(name):
    return TableName(schema_name="main", table_name=name)


@pytest.fixture(params=["database", "folder"])
def engine(request, tmp_path, engine_of, write):
    """The engine of a database file, then of a folder, each with a table `orders` of three customers."""
    if request.param == "folder":
        (tmp_path / "shop").mkdir()
        (tmp_path / "shop" / "orders.csv").write_text("id,customer\n" + "".join(f"{i},c{i % 3}\n" for i in range(9)))
        return engine_of(tmp_path / "shop", memory_limit="120MB")
    path = write(tmp_path / "shop.duckdb", "CREATE TABLE orders AS SELECT i AS id, 'c' || (i % 3) AS customer FROM range(9) r(i)")
    return engine_of(path, memory_limit="120MB")


def test_the_capabilities_say_that_it_can(engine):
    assert (engine.capabilities.dialect, engine.capabilities.temporary_tables, engine.capabilities.approximate_distinct) == ("duckdb", True, True)


def test_rows_kept_are_read_by_later_queries_as_text_and_as_expression(engine):
    with engine.session("test", "") as session:
        session.execute_temp("dq_counts", COUNTS)
        session.execute_temp("dq_counts", exp.select(exp.Literal.string("c9").as_("customer"), exp.Literal.number(4).as_("n")), insert=True)
        assert session.query("SELECT sum(n) AS n FROM dq_counts").to_pylist() == [{"n": 13}]
        assert session.query(exp.select(exp.Count(this=exp.Star()).as_("n")).from_(exp.to_table("dq_counts"))).to_pylist() == [{"n": 4}]


def test_a_statement_may_begin_with_common_table_expressions(engine):
    with engine.session("test", "") as session:
        for insert in (False, True):
            session.execute_temp("dq_counts", "WITH c AS (SELECT * FROM orders) SELECT count(*) AS n FROM c", insert=insert)
        assert session.query("SELECT n FROM dq_counts").to_pydict() == {"n": [9, 9]}


def test_a_table_kept_twice_is_replaced(engine):
    with engine.session("test", "") as session:
        session.execute_temp("dq_x", "SELECT 1 AS a")
        session.execute_temp("dq_x", "SELECT 2 AS b")
        assert session.query("SELECT * FROM dq_x").to_pylist() == [{"b": 2}]


@pytest.mark.parametrize("name", ['a"b', "it's", "dots.in.it", "semi;colon --", "🦆", "select"])
def test_a_hostile_name_is_only_a_name(name, engine):
    with engine.session("test", "") as session:
        session.execute_temp(name, "SELECT 7 AS a")
        assert session.query(exp.select("*").from_(exp.table_(name, quoted=True))).to_pylist() == [{"a": 7}]


def test_sessions_of_one_process_keep_their_temporary_tables_apart_and_the_source_unwritten(engine):
    with engine.session("first", "") as first, engine.session("second", "") as second:
        first.execute_temp("dq_x", "SELECT 1 AS a")
        second.execute_temp("dq_x", "SELECT 2 AS a")
        assert [session.query("SELECT a FROM dq_x").to_pylist() for session in (first, second)] == [[{"a": 1}], [{"a": 2}]]
        assert list(first.columns([main("dq_x")])) == []
    assert engine.tables() == [main("orders")]
    with engine.session("third", "") as third, pytest.raises(SourceError, match="dq_x does not exist"):
        third.query("SELECT * FROM dq_x")


def test_sessions_fill_their_temporary_tables_at_the_same_time(engine):
    sums = {}

    def work(factor):
        with engine.session("test", "") as session:
            session.execute_temp("dq_x", f"SELECT i * {factor} AS a FROM range(200000) r(i)")
            session.execute_temp("dq_x", f"SELECT i * {factor} AS a FROM range(200000) r(i)", insert=True)
            sums[factor] = session.query("SELECT sum(a)::BIGINT AS a FROM dq_x").to_pylist()[0]["a"]

    with engine.session("outer", ""):
        threads = [threading.Thread(target=work, args=(factor,)) for factor in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sums == {factor: factor * 199_999 * 200_000 for factor in (1, 2, 3, 4)}


def test_a_table_larger_than_the_memory_limit_is_kept(engine):
    with engine.session("test", "") as session:
        session.execute_temp("dq_big", "SELECT i, repeat(md5(i::VARCHAR), 3) AS text FROM range(2000000) r(i)")  # about 200 MB under a limit of 120 MB
        assert session.query("SELECT count(*) AS n FROM dq_big WHERE length(text) = 96").to_pylist() == [{"n": 2_000_000}]


def test_a_failure_is_told_without_the_statement(engine):
    with engine.session("test", "") as session:
        with pytest.raises(SourceError, match="DQ-SQL-001") as caught:
            session.execute_temp("dq_x", "SELECT missing FROM orders")
        assert "FROM orders" not in str(caught.value)
        assert session.query("SELECT 1 AS one").num_rows == 1


def test_a_temporary_table_hides_a_table_of_the_source_from_all_but_the_relation(engine):
    """A characterization: therefore temporary tables have names that no source has, since DuckDB looks into `temp` first, even for `main.orders`."""
    with engine.session("test", "") as session:
        session.execute_temp("orders", "SELECT 7 AS a")
        for name in ("orders", "main.orders"):
            assert session.query(f"SELECT * FROM {name}").to_pylist() == [{"a": 7}]
        assert session.query(exp.select("*").from_(session.relation(main("orders")))).num_rows == 9


def test_a_late_statement_is_interrupted_and_the_session_goes_on(engine):
    with engine.session("test", "") as session:
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"the statement ran longer than 0\.2 s") as caught:
            session.query(ENDLESS, timeout_s=0.2)
        assert time.monotonic() - started < 5
        assert caught.value.code == "DQ-SQL-002"
        assert session.query("SELECT 1 AS one", timeout_s=5).num_rows == 1


def test_a_statement_that_fails_in_time_is_not_late(engine):
    with engine.session("test", "") as session, pytest.raises(SourceError, match="DQ-SQL-001"):
        session.query("SELECT missing", timeout_s=5)


def test_cancelling_once_stops_a_statement_whenever_it_comes(engine):
    with engine.session("first", "") as first, engine.session("second", "") as second:
        second.execute_temp("dq_x", "SELECT 1 AS a")
        for run in (lambda: first.query(ENDLESS), lambda: first.execute_temp("dq_x", ENDLESS)):
            timer = threading.Timer(0.1, first.cancel)
            timer.start()
            with pytest.raises(SourceError, match="Interrupted") as caught:
                run()
            assert caught.value.code == "DQ-SQL-001"
        assert second.query("SELECT a FROM dq_x").num_rows == 1


def test_cancelling_nothing_does_nothing(engine):
    with engine.session("test", "") as session:
        session.cancel()
        assert session.query("SELECT 1 AS one").num_rows == 1


def test_the_size_of_a_folders_table_is_that_of_its_files(folder, engine_of):
    sizes = engine_of(folder).size_bytes([main("orders"), main("customers"), main("nowhere")])
    files = sorted((folder / "orders").iterdir())
    assert sizes == {main("orders"): sum(file.stat().st_size for file in files), main("customers"): (folder / "customers.csv").stat().st_size}


def test_a_table_whose_file_is_gone_has_no_size(folder, engine_of):
    (folder / "orders" / "gone.parquet").symlink_to(folder / "nowhere")
    assert list(engine_of(folder).size_bytes([main("orders"), main("customers")])) == [main("customers")]


def test_the_size_of_a_databases_table_is_that_of_its_blocks(tmp_path, engine_of, write):
    path = write(
        tmp_path / "shop.duckdb",
        "CREATE TABLE large AS SELECT hash(i) AS a, md5(i::VARCHAR) AS b FROM range(500000) r(i)",
        "CREATE TABLE small AS SELECT hash(i) AS a FROM range(10000) r(i)",
        'CREATE TABLE "it\'s.""odd""" AS SELECT hash(i) AS a FROM range(100000) r(i)',
        "CREATE VIEW seen AS SELECT * FROM large",
    )
    names = [main(name) for name in ("large", "small", 'it\'s."odd"', "seen", "nowhere")]
    sizes = engine_of(path).size_bytes(names)
    assert list(sizes) == names[:3]
    assert 10_000_000 < sizes[names[0]] <= path.stat().st_size
    assert 800_000 <= sizes[names[2]] < 2_000_000
    assert sizes[names[1]] < 1_000_000
    assert engine_of(path).size_bytes([names[3]]) == {}


def test_the_shape_of_ascii_text_is_what_the_expressions_say(engine):
    texts = "(SELECT CASE WHEN i = 7 THEN NULL ELSE chr(i::INTEGER) || 'Ab-9 ' || (i * 37)::VARCHAR END AS v FROM range(1, 128) r(i) UNION ALL SELECT '')"
    by_expressions = "regexp_replace(regexp_replace(regexp_replace(v, '[\\p{Ll}\\p{Lo}\\p{Lm}]', 'a', 'g'), '[\\p{Lu}\\p{Lt}]', 'A', 'g'), '\\p{Nd}', 'N', 'g')"
    with engine.session("one", "") as one, engine.session("other", "") as other:
        for session in (one, other):
            name = session.shape_function()
            rows = session.rows(f"SELECT {name}(v) AS fast, {by_expressions} AS slow FROM {texts} AS t")
            assert [row["fast"] for row in rows] == [row["slow"] for row in rows]
            assert len(rows) == 128
