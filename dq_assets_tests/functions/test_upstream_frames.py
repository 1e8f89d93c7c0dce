"""What judging frames leans on in DuckDB, pandas, polars and pyarrow: when one of these fails after an upgrade, the design is to be read again."""

from __future__ import annotations

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest


def test_a_registered_table_is_read_after_external_access_is_off_and_a_variable_is_not() -> None:
    """A characterization: therefore frames are registered, and a query in a test reads no variable of the program around it."""
    rows = pa.table({"a": [1]})
    with duckdb.connect() as session:
        session.execute("SET enable_external_access = false")
        session.execute("SET lock_configuration = true")
        session.register("registered", rows)
        session.execute("CREATE VIEW memory.main.seen AS SELECT * FROM temp.main.registered")
        assert session.sql("SELECT * FROM seen").fetchall() == [(1,)]
        with pytest.raises(duckdb.Error):
            session.sql("SELECT * FROM rows").fetchall()


def test_columns_that_differ_in_case_only_are_renamed_when_a_table_is_registered() -> None:
    """A characterization: a test of the second column would judge nothing, so such frames are refused."""
    with duckdb.connect() as session:
        session.register("registered", pa.table({"a": [1], "A": [2]}))
        assert [column[0] for column in session.execute("SELECT * FROM registered").description or ()] == ["a", "A_1"]


def test_pandas_hands_over_an_index_as_a_column_and_names_one_that_has_no_name() -> None:
    """A characterization: a filtered frame would gain a column in which every row differs, so an index without a name is dropped."""
    assert pa.table(pd.DataFrame({"a": [1, 2]}, index=[7, 3])).column_names == ["a", "__index_level_0__"]
    assert pa.table(pd.DataFrame({"a": [1, 2]}, index=pd.Index([7, 3], name="key"))).column_names == ["a", "key"]
    assert pa.table(pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(2, name="key"))).column_names == ["a"], "a range is left out, named or not"


def test_polars_hands_over_python_objects_as_their_addresses() -> None:
    """A characterization: judged, they would be bytes without a meaning, so such a column is refused."""
    assert pa.table(pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)})).schema.field("a").type == pa.binary(8)
