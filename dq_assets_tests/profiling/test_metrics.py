"""Every metric of the catalogue, against answers computed in Python."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

import math
import re
import statistics
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pytest

from dq_assets.profiling.metrics import COLUMN_METRICS, DUMMY, EMAIL, METRIC_VERSION, QUANTILES, metrics_of
from dq_assets.records.batches import BatchSpec
from dq_assets.records.enums import GeneralType

NAN, INF = float("nan"), float("inf")
TEXTS = [
    "plain",
    "Plain",
    "pla in",
    " leading",
    "trailing ",
    "'quoted'",
    '"quoted"',
    "",
    "  ",
    "N/A",
    "(none)",
    "??",
    "99",
    "000",
    "x",
    "xx",
    "12",
    "-1.5",
    " 7 ",
    "2024-02-29",
    "2/3/2024",
    "2024-02-29 x",
    "a.b@example.com",
    "a@b",
    "tab\tinside",
    "bell\x07",
    "\x7f",
    "AB-12",
    "CD-34",
    "ünï",
    "日本",
    None,
    None,
    "plain",
]
NUMBERS = {
    "INTEGER": [3, 3, 0, -5, 7, 100, None, 2],
    "DOUBLE": [1.5, -0.0, 0.0, NAN, INF, -INF, 2.25, None, 1e300, -3.0],
    "DECIMAL(10, 2)": [Decimal("1.10"), Decimal("0.00"), Decimal("-7.25"), Decimal("12345678.90"), None, Decimal("3.00")],
    "HUGEINT": [2**100, -(2**100), 0, None],
}
MOMENTS = [datetime(1899, 12, 31, 23, 30), datetime(1900, 1, 1, 0, 30), datetime(2024, 6, 15, 12), datetime(2024, 6, 15, 12, 0, 1), datetime(2030, 1, 1), None]
AS_OF = datetime(2024, 6, 15, 12)


def _table(data_type, values):
    quoted = ", ".join(f"({_sql(value)})" for value in values)
    return f"CREATE TABLE t AS SELECT c::{data_type} AS c FROM (VALUES {quoted}) v(c)"


def _sql(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _discrete_quantile(values, p):
    ordered = sorted(values)
    return ordered[max(math.ceil(p * len(ordered)) - 1, 0)]


def _text_key(values):
    texts = [value for value in values if value is not None]

    def count(test):
        return sum(1 for text in texts if test(text))

    def shape(text):
        classes = {"Ll": "a", "Lo": "a", "Lm": "a", "Lu": "A", "Lt": "A", "Nd": "N"}
        return "".join(classes.get(unicodedata.category(letter), letter) for letter in text)

    by_bytes = sorted(texts, key=str.encode)
    return {
        "null_count": values.count(None),
        "distinct_count": len(set(texts)),
        "min_value": by_bytes[0],
        "max_value": by_bytes[-1],
        "min_length": min(map(len, texts)),
        "max_length": max(map(len, texts)),
        "avg_length": statistics.mean(map(len, texts)),
        "zero_length_count": count(lambda t: t == ""),
        "blank_count": count(lambda t: t != "" and t.strip(" ") == ""),
        "leading_space_count": count(lambda t: t.startswith(" ")),
        "trailing_space_count": count(lambda t: t.endswith(" ")),
        "quoted_count": count(lambda t: len(t) > 1 and t[0] == t[-1] and t[0] in "'\""),
        "dummy_count": count(lambda t: t.strip().lower() in ("n/a", "(none)", "??", "99", "000", "xx")),
        "numeric_count": count(lambda t: t.strip() in ("99", "000", "12", "-1.5", "7")),
        "date_count": count(lambda t: t in ("2024-02-29", "2/3/2024", "2024-02-29 x")),
        "email_count": count(lambda t: t == "a.b@example.com"),
        "non_printing_count": count(lambda t: any(ord(c) < 32 or ord(c) == 127 for c in t)),
        "standardized_distinct_count": len({t.translate(str.maketrans("", "", " \"'.-")).upper() for t in texts}),
        "shape_count": len({shape(t) for t in texts}),
    }


def _number_key(values):
    present = [value for value in values if value is not None]
    finite = [value for value in present if not isinstance(value, float) or math.isfinite(value)]
    exact = [float(value) for value in finite]
    key = {
        "null_count": values.count(None),
        "distinct_count": len({str(value + 0 if value else 0) for value in present}),
        "min_number": min(exact),
        "max_number": max(exact),
        "avg_value": math.fsum(exact) / len(exact),
        "stddev_value": statistics.stdev(exact),
        "zero_count": sum(1 for v in present if v == 0),
        "negative_count": sum(1 for v in present if v < 0),
        "non_finite_count": len(present) - len(finite),
        "fractional_count": sum(1 for v in finite if v != int(v)),
    }
    return key | {name: _discrete_quantile(exact, int(name[1:]) / 100) for name in QUANTILES}


def _date_key(moments, zone=None):
    local = [moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if zone else moment for moment in moments if moment is not None]
    return {
        "null_count": moments.count(None),
        "distinct_count": len(set(local)),
        "min_date_days": (AS_OF.date() - min(local).date()).days,
        "max_date_days": (AS_OF.date() - max(local).date()).days,
        "future_date_count": sum(1 for m in local if m > AS_OF),
        "before_1900_count": sum(1 for m in local if m.year < 1900),
        "distinct_days": len({m.date() for m in local}),
    }


def _answers(found, general_type):
    return {metric.name: found.metric("c", metric.name) for metric in metrics_of(general_type)}


def test_every_metric_of_a_text_column(profiled):
    assert _answers(profiled(_table("VARCHAR", TEXTS)), GeneralType.TEXT) == pytest.approx(_text_key(TEXTS))


def test_an_enum_is_profiled_as_the_text_it_shows(profiled):
    values = [text for text in TEXTS if text is None or text.isprintable()]
    words = ", ".join(_sql(text) for text in dict.fromkeys(values) if text is not None)
    found = _answers(profiled(f"CREATE TYPE word AS ENUM ({words})", _table("word", values)), GeneralType.TEXT)

    assert {**found, "min_value": None, "max_value": None} == pytest.approx({**_text_key(values), "min_value": None, "max_value": None})


@pytest.mark.parametrize("data_type", ["INTEGER", "DECIMAL(10, 2)", "HUGEINT"])
def test_every_metric_of_a_number_column(profiled, data_type):
    values = NUMBERS[data_type]
    found = _answers(profiled(_table(data_type, values)), GeneralType.NUMBER)

    texts = {"min_value": str(min(v for v in values if v is not None)), "max_value": str(max(v for v in values if v is not None))}
    assert found == pytest.approx(_number_key(values) | texts)


def test_nan_and_infinities_are_counted_and_spoil_no_other_metric(profiled):
    values = [value for value in NUMBERS["DOUBLE"] if value != 1e300]
    found = _answers(profiled(_table("DOUBLE", values)), GeneralType.NUMBER)

    assert found == pytest.approx(_number_key(values) | {"min_value": "-3.0", "max_value": "2.25"})


def test_numbers_too_far_apart_for_a_histogram_have_none(profiled):
    found = profiled("CREATE TABLE t AS SELECT unnest([1.7e308, -1.7e308, 1.0]) AS c")

    assert found.column("c").histogram == ()
    assert (found.metric("c", "min_number"), found.metric("c", "max_number")) == (-1.7e308, 1.7e308)


@pytest.mark.parametrize(("data_type", "zone"), [("TIMESTAMP", None), ("TIMESTAMPTZ", "America/New_York"), ("TIMESTAMP_NS", None)])
def test_every_metric_of_a_time_column(profiled, data_type, zone):
    moments = MOMENTS if data_type != "TIMESTAMP_NS" else [None if m is None else m.replace(year=max(m.year, 1900)) for m in MOMENTS]
    found = _answers(profiled(_table(data_type, moments), timezone=zone or "UTC"), GeneralType.DATE)

    del found["min_value"], found["max_value"]
    assert found == _date_key(moments, ZoneInfo(zone) if zone else None)


def test_every_metric_of_a_date_column(profiled):
    days = [None if moment is None else moment.date() for moment in MOMENTS]
    found = _answers(profiled(_table("DATE", days)), GeneralType.DATE)

    as_moments = [None if day is None else datetime(day.year, day.month, day.day) for day in days]
    assert found == _date_key(as_moments) | {"min_value": str(date(1899, 12, 31)), "max_value": str(date(2030, 1, 1))}


def test_every_metric_of_a_boolean_column(profiled):
    found = profiled(_table("BOOLEAN", [True, True, False, None]))

    assert _answers(found, GeneralType.BOOLEAN) == {"null_count": 1, "distinct_count": 2, "true_count": 2, "false_count": 1}


@pytest.mark.parametrize(
    "data_type", ["VARCHAR", "INTEGER", "DOUBLE", "DECIMAL(10, 2)", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIME", "BOOLEAN", "UUID", "INTEGER[]"]
)
@pytest.mark.parametrize("rows", [0, 3])
def test_without_values_counts_are_zero_and_what_has_no_answer_is_absent(profiled, data_type, rows):
    found = profiled(f"CREATE TABLE t AS SELECT NULL::{data_type} AS c FROM range({rows})")
    column = found.column("c")

    assert (column.record_count, column.null_count) == (rows, rows)
    counts = {name: value for name, value in column.metrics.items() if name.endswith("_count") or name == "distinct_days"}
    assert set(counts.values()) <= {0}
    others = {name: value for name, value in column.metrics.items() if name not in counts}
    assert set(others.values()) <= {None}
    assert (column.min_value, column.max_value, column.avg_value, column.stddev_value) == (None, None, None, None)
    assert (column.percentiles, column.top_values, column.histogram) == ({}, (), ())
    assert found.series("c", "avg_value") == {}


def test_a_single_row_has_no_deviation(profiled):
    found = profiled("CREATE TABLE t AS SELECT 5 AS c")

    assert (found.column("c").avg_value, found.column("c").stddev_value) == (5.0, None)


def test_metrics_that_do_not_apply_are_absent(profiled):
    found = profiled("CREATE TABLE t AS SELECT 'x' AS a, true AS b")

    assert {"avg_value", "zero_count", "true_count"}.isdisjoint(found.column("a").metrics)
    assert set(found.column("b").metrics) == {"true_count", "false_count", "domain"}


def test_duplicate_rows_count_nulls_as_equal_and_case_twins_apart(profiled):
    found = profiled(
        'CREATE TABLE t (a INTEGER, b DOUBLE, "other A" VARCHAR)',
        "INSERT INTO t VALUES (1, NULL, 'x'), (1, NULL, 'x'), (1, NULL, 'X'), (NULL, NULL, NULL), (NULL, NULL, NULL), (2, 'nan', 'x'), (2, 'nan', 'x')",
    )

    assert found.series(None, "duplicate_row_count") == {None: 3.0}
    assert found.series(None, "row_count") == {None: 7.0}


HOSTILE = [
    'say "hi"',
    "it's",
    "a.b",
    "😀",
    "line\nbreak",
    "select",
    "c",
    "x",
    "d",
    "v",
    "n",
    "b",
    "k",
    "row",
    ":as_of",
    "a0",
    "a1",
    "batch_start",
    "first_seen",
    "dq_failing",
    "c1",
    "f0",
    "--",
    "`",
    "\\",
    " ",
]


def test_hostile_column_names_profile_exactly(profiled):
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in HOSTILE)
    rows = ", ".join("(" + ", ".join(str((i + 1) * r) for i in range(len(HOSTILE))) + f", '2024-01-0{r}')" for r in (1, 2, 3))
    found = profiled(
        f'CREATE TABLE t AS SELECT * REPLACE ("moment, please"::DATE AS "moment, please") FROM (VALUES {rows}) v({names}, "moment, please")',
        batch=BatchSpec(column="moment, please", grain="day"),
    )

    for index, name in enumerate(HOSTILE, start=1):
        column = found.column(name)
        assert (column.min_value, column.max_value, column.avg_value, column.distinct_count) == (str(index), str(3 * index), 2.0 * index, 3), name
        assert [(top.value, top.frequency) for top in column.top_values] == [(str(index * r), 1) for r in sorted((1, 2, 3), key=lambda r: str(index * r))], name
        assert sum(bucket.frequency for bucket in column.histogram) == 3
        assert found.series(name, "avg_value") == {f"2024-01-0{r}": float(index * r) for r in (1, 2, 3)}, name
        assert [entry["first_batch"] for entry in sorted(column.metrics["domain"], key=lambda entry: int(entry["value"]))] == [
            "2024-01-01",
            "2024-01-02",
            "2024-01-03",
        ]


@pytest.mark.parametrize("name", ['say "hi"', "a.b", "line\nbreak", "select", "n", "a0", "batch_start", ":as_of"])
def test_a_batch_column_may_have_any_name(profiled, name):
    quoted = '"' + name.replace('"', '""') + '"'
    found = profiled(
        f"CREATE TABLE t AS SELECT DATE '2024-01-01' + (i % 3)::INTEGER AS {quoted}, i AS payload FROM range(9) r(i)", batch=BatchSpec(column=name, grain="day")
    )

    assert found.series(None, "row_count") == {"2024-01-01": 3.0, "2024-01-02": 3.0, "2024-01-03": 3.0}
    assert found.series("payload", "min_number") == {"2024-01-01": 0.0, "2024-01-02": 1.0, "2024-01-03": 2.0}


def test_values_that_look_like_blanks_of_a_template_stay_values(profiled):
    found = profiled("CREATE TABLE t AS SELECT unnest([':dummy', ':as_of', 'c', '$1', '%s', '{}']) AS c")

    assert found.column("c").distinct_count == 6
    assert {top.value for top in found.column("c").top_values} == {":dummy", ":as_of", "c", "$1", "%s", "{}"}


def test_the_histogram_holds_every_finite_value_once(profiled):
    found = profiled("CREATE TABLE t AS SELECT i::DOUBLE AS c FROM range(101) r(i)", "INSERT INTO t VALUES ('nan'), ('inf'), (NULL)")
    buckets = found.column("c").histogram

    assert [bucket.frequency for bucket in buckets] == [5] * 19 + [6]
    assert (buckets[0].lower, buckets[-1].upper) == (0, 100)


def test_the_catalogue_names_each_metric_once_per_type():
    names = [(letter, metric.name) for metric in COLUMN_METRICS for letter in metric.applies_to]

    assert len(names) == len(set(names))
    assert METRIC_VERSION >= 1


@pytest.mark.parametrize("pattern", [DUMMY, EMAIL])
def test_patterns_are_read_alike_by_the_engine_and_by_python(pattern):
    texts = [text for text in TEXTS if text is not None]
    rows = duckdb.execute("SELECT t FROM (SELECT unnest($texts) AS t) WHERE regexp_matches(t, $pattern)", {"texts": texts, "pattern": pattern}).fetchall()

    assert {text for (text,) in rows} == {text for text in texts if re.search(pattern, text)}
