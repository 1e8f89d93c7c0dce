"""Odd frames: each is judged as what it is, or is one clear error that names the column and what to do."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dq_assets import evaluate
from dq_assets.errors import SourceError
from dq_assets.records.enums import Verdict

NOW = datetime(2024, 3, 2, 12, tzinfo=UTC)


def verdicts(data: object, *tests: dict[str, object]) -> list[Verdict]:
    return [item.verdict for item in evaluate(tests, data, as_of=NOW)]


def required(column: str) -> dict[str, object]:
    return {"name": "is there", "rule_type": "Required", "columns": [column]}


def known(column: str, *allowed: object) -> dict[str, object]:
    return {"name": f"{column[:50]} is known", "rule_type": "LOV_Match", "columns": [column], "parameters": {"allowed": allowed}}


def failing(data: object, column: str) -> int | None:
    """How many rows have nothing in a column; it must be judged."""
    (result,) = evaluate([required(column)], data, as_of=NOW)
    assert result.verdict in (Verdict.PASS, Verdict.FAIL), result.message
    return result.result.failed_rows


VALUES = {
    "nullable integers": pd.array([1, None], dtype="Int64"),
    "nullable booleans": pd.array([True, None], dtype="boolean"),
    "strings": pd.array(["a", None], dtype="string"),
    "objects that are text": np.array(["a", None], dtype=object),
    "objects that are decimals": np.array([Decimal("1.5"), None], dtype=object),
    "objects that are dates": np.array([date(2024, 1, 1), None], dtype=object),
    "objects that are times": np.array([time(1), None], dtype=object),
    "objects that are bytes": np.array([b"a", None], dtype=object),
    "objects that are mappings": np.array([{"a": 1}, None], dtype=object),
    "objects that are lists": np.array([[1], None], dtype=object),
    "objects that are UUIDs": np.array([uuid.UUID(int=1), None], dtype=object),
    "categories of text": pd.Categorical(["a", None]),
    "categories of numbers": pd.Categorical([1, None]),
    "ordered categories": pd.Categorical(["a", None], categories=["b", "a"], ordered=True),
    "floats": [1.0, np.nan],
    "infinite floats": [np.inf, None],
    "dates and times": [pd.Timestamp("2024-01-01"), pd.NaT],
    "dates and times in nanoseconds": pd.to_datetime(["2024-01-01", None]).as_unit("ns"),
    "dates and times with a zone": pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Berlin"),
    "durations": pd.to_timedelta([1, None], unit="s"),
    "periods": pd.PeriodIndex(["2024-01", None], freq="M"),
    "Arrow's own": pd.array([1, None], dtype=pd.ArrowDtype(pa.int64())),
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_what_is_missing_in_pandas_is_missing(values: object) -> None:
    assert failing(pd.DataFrame({"value": values}), "value") == 1


REFUSED = {
    "mixes float and int and str": pd.DataFrame({"id": [1, 2, 3], "value": np.array([1, "Smith", 2.5], dtype=object)}),
    "holds values of type object": pd.DataFrame({"id": [1], "value": [object()]}),
    "holds values of type int that fit no column": pd.DataFrame({"id": [1], "value": [2**70]}),
    "has the type complex128": pd.DataFrame({"id": [1], "value": [1j]}),
    "has the type Sparse": pd.DataFrame({"id": [0, 1], "value": pd.arrays.SparseArray([0, 1])}),
    "has the Arrow type halffloat": pd.DataFrame({"id": [1], "value": np.array([1], dtype="float16")}),
    "has the Arrow type decimal256": pa.table({"id": [1], "value": pa.array([Decimal(1)], pa.decimal256(50, 2))}),
    "holds Python objects": pl.DataFrame({"id": [1], "value": pl.Series([object()], dtype=pl.Object)}),
    "has the type Int128": pl.DataFrame({"id": [1], "value": pl.Series([1], dtype=pl.Int128)}),
}


@pytest.mark.parametrize(("said", "data"), REFUSED.items(), ids=REFUSED)
def test_a_column_that_cannot_be_tested_is_named_with_what_it_holds_and_without_its_values(said: str, data: object) -> None:
    with pytest.raises(SourceError, match=r"DQ-FRAME-002: column 'value' of .*frame") as refused:
        evaluate([required("id")], data, as_of=NOW)
    assert said in str(refused.value)
    assert "Smith" not in str(refused.value)
    assert refused.value.__cause__ is None, "what lies beneath quotes values"


@pytest.mark.parametrize("names", [["value", "value"], ["value", "VALUE"], [0, "0"]])
def test_columns_that_sql_does_not_tell_apart_are_refused_by_name(names: list[object]) -> None:
    data = pd.DataFrame([[1, 2]])
    data.columns = pd.Index(names, dtype=object)
    with pytest.raises(SourceError, match="DQ-FRAME-003: columns of frame") as refused:
        evaluate([], data, as_of=NOW)
    assert all(repr(str(name)) in str(refused.value) for name in names)


def test_duplicate_columns_of_an_arrow_table_are_refused_too() -> None:
    with pytest.raises(SourceError, match="DQ-FRAME-003"):
        evaluate([], pa.table([[1], [2]], names=["value", "value"]), as_of=NOW)


def test_a_column_without_a_name_is_refused() -> None:
    with pytest.raises(SourceError, match="DQ-FRAME-003"):
        evaluate([], pa.table({"": [1]}), as_of=NOW)


def test_reference_tables_that_sql_does_not_tell_apart_are_refused() -> None:
    table = pa.table({"a": [1]})
    with pytest.raises(SourceError, match="DQ-FRAME-003: frames"):
        evaluate([], table, as_of=NOW, reference_tables={"kinds": table, "Kinds": table})


HOSTILE_NAMES = [
    " ", 'a"b', "a'b", "a.b", "row", "count(*)", "x; DROP TABLE frame", "-- x", "/*", "\\", "n\nl", "😀", "x" * 300, "null", "select",
    "a0", "k", "f0", "batch_start", "dq_failing", "frame", "main", "temp", ":as_of", "$1", "?", "{column}", "%s",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_any_other_name_of_a_column_is_judged_and_shown(name: str) -> None:
    values = ["a'; DROP TABLE frame; --", None, '"', "\\", "😀", "a'; DROP TABLE frame; --"]
    data = pa.table({name: values, "zz": [1, 2, 3, 4, 5, 1]})
    tests = [
        required(name),
        known(name, *[value for value in values if value and value != "😀"]),
        {"name": "unique", "rule_type": "Unique", "columns": [name]},
        {"name": "rows", "rule_type": "Dupe_Rows"},
        {"name": "pattern", "rule_type": "Pattern_Match", "columns": [name], "parameters": {"regex": "^."}},
        {"name": "among", "rule_type": "Combo_Match", "columns": [name], "parameters": {"reference_table": "frame", "reference_column": name}},
    ]
    results = evaluate(tests, data, as_of=NOW, store_values="all")
    assert [(item.verdict.value, item.result.failed_rows) for item in results] == [
        ("fail", 1), ("fail", 1), ("fail", 1), ("fail", 1), ("pass", 0), ("pass", 0),
    ]  # fmt: skip
    assert results[0].failed_rows == ({name: None, "zz": 2},)
    assert results[1].failed_rows == ({name: "😀", "zz": 5},)
    assert len(results[2].failed_rows) == len(results[3].failed_rows) == 2


@pytest.mark.parametrize("name", ["a b", 'a"b', "frame'; DROP TABLE x", "main", "temp", "memory", "select", "dq_frame_0", "😀", "a.b"])
def test_any_name_of_a_frame_is_judged(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    query = {"name": "query", "rule_type": "CUSTOM", "parameters": {"sql": f"SELECT * FROM main.{quoted}"}}
    results = evaluate([required("value"), query], pa.table({"value": [1, None]}), name=name, as_of=NOW)
    assert [item.result.failed_rows for item in results] == [1, 2]


def test_names_that_are_no_text_are_judged_as_text() -> None:
    numbered = pd.DataFrame([[1, None]])
    assert [failing(numbered, name) for name in ("0", "1")] == [0, 1]
    levels = pd.DataFrame([[1, None]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    assert [failing(levels, name) for name in ("('a', 'x')", "('a', 'y')")] == [0, 1]
    mixed = pd.DataFrame([[1, None, 3]])
    mixed.columns = pd.Index(["a", 2, None], dtype=object)
    assert [failing(mixed, name) for name in ("a", "2", "None")] == [0, 1, 0]


def test_an_index_with_a_name_is_a_column() -> None:
    assert failing(pd.DataFrame({"value": [1, 2]}, index=pd.Index(["a", None], name="key")), "key") == 1
    assert failing(pd.DataFrame({"value": [1, 2]}, index=pd.RangeIndex(2, 6, 2, name="key")), "key") == 0
    assert verdicts(pd.DataFrame({"value": [1, 2]}, index=pd.RangeIndex(2, 6, 2, name="key")), known("key", 2, 4)) == [Verdict.PASS]
    levels = pd.DataFrame({"value": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), (None, 2)], names=["key", None]))
    assert failing(levels, "key") == 1
    assert failing(pd.DataFrame({"value": [1, 2]}, index=pd.Index([1, 2], name=7)), "7") == 0


def test_an_index_without_a_name_is_none_so_repeated_rows_stay_repeated() -> None:
    repeated = pd.DataFrame({"value": [1, 5, 1, 5]}).loc[[0, 3, 2, 1]]
    (result,) = evaluate([{"name": "rows", "rule_type": "Dupe_Rows"}], repeated, as_of=NOW)
    assert result.result.failed_rows == 2
    assert set(result.failed_rows[0]) == {"value"}


def test_an_index_that_fits_no_column_says_how_to_be_rid_of_it() -> None:
    with pytest.raises(SourceError, match=r"DQ-FRAME-002: the index of frame .*reset_index"):
        evaluate([], pd.DataFrame({"value": [1, 2]}, index=pd.Index([1, "x"], dtype=object)), as_of=NOW)


def test_instants_keep_their_instant_and_are_read_in_the_zone_asked_for() -> None:
    moments = pd.DatetimeIndex(["2024-03-02 12:30"]).tz_localize("Europe/Berlin")
    future = {"name": "future", "rule_type": "Future_Date", "columns": ["at"]}
    for unit in ("s", "ms", "us", "ns"):
        frame = pd.DataFrame({"at": moments.as_unit(unit)})
        assert [evaluate([future], frame, as_of=NOW.replace(hour=hour), timezone="Asia/Tokyo")[0].verdict.value for hour in (11, 12)] == ["fail", "pass"]


def test_each_unit_of_time_without_a_zone_is_a_time() -> None:
    future = {"name": "future", "rule_type": "Future_Date", "columns": ["at"]}
    for unit in ("s", "ms", "us", "ns"):
        frame = pa.table({"at": pa.array([datetime(2024, 3, 2, 11), datetime(2024, 3, 2, 13)], pa.timestamp(unit))})
        (result,) = evaluate([future], frame, as_of=NOW)
        assert result.result.failed_rows == 1


def test_in_pandas_a_float_that_is_no_number_is_missing_elsewhere_it_is_a_value() -> None:
    assert failing(pd.DataFrame({"value": [1.0, float("nan")]}), "value") == 1
    assert failing(pl.DataFrame({"value": [1.0, float("nan")]}), "value") == 0
    assert failing(pa.table({"value": [1.0, float("nan")]}), "value") == 0


def test_polars_kinds_are_judged_as_what_they_are() -> None:
    frame = pl.DataFrame(
        {
            "category": pl.Series(["a", None], dtype=pl.Categorical),
            "enum": pl.Series(["a", None], dtype=pl.Enum(["a", "b"])),
            "decimal": [Decimal("1.50"), None],
            "list": [[1], None],
            "struct": [{"a": 1}, None],
            "at": [datetime(2024, 1, 1), None],
            "duration": [timedelta(1), None],
            "time": [time(1), None],
            "binary": [b"a", None],
            "nothing": [None, None],
        }
    )
    assert {column: failing(frame, column) for column in frame.columns} == {**dict.fromkeys(frame.columns, 1), "nothing": 2}
    assert verdicts(frame, known("category", "b"), known("enum", "a")) == [Verdict.FAIL, Verdict.PASS]


def test_record_batches_readers_and_duckdb_relations_are_frames() -> None:
    batch = pa.record_batch({"value": [1, None]})
    connection = duckdb.connect()
    sources = [batch, pa.RecordBatchReader.from_batches(batch.schema, [batch, batch]), connection.sql("SELECT unnest([1, NULL, NULL]) AS value")]
    assert [failing(source, "value") for source in sources] == [1, 2, 2]


def test_a_source_that_breaks_while_it_is_read_is_an_error_without_its_values() -> None:
    with pytest.raises(SourceError, match="DQ-FRAME-001") as refused:
        evaluate([], duckdb.connect().sql("SELECT CAST('Smith' AS INTEGER) AS value"), as_of=NOW)
    assert "Smith" not in str(refused.value)


def test_the_frame_itself_stays_as_it_was() -> None:
    frame = pd.DataFrame({"value": [1.0, None], 2: ["a", "b"]}, index=pd.Index([4, 5]))
    before = frame.copy(deep=True)
    evaluate([required("value")], frame, as_of=NOW)
    pd.testing.assert_frame_equal(frame, before)
