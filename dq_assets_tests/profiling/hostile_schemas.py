"""Tables that are hard to profile exactly, as data: the types of their columns on each engine, and the Python values in them.

A column's ``values`` are what ``answer_key`` computes from. ``literals`` say how a value is written in SQL, where its text does not do: nested types, bits,
intervals.
"""

# ruff: noqa: RUF001 - characters that look like others are what is tested

from __future__ import annotations

import math
import struct
import unicodedata
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

NAN, INF = math.nan, math.inf
ENGINES = ("duckdb", "postgres", "spark")


class Typed(NamedTuple):
    """A type as DuckDB, PostgreSQL and Spark spell it (None: it has none like it), and its kind in the answer key."""

    kind: str
    duckdb: str
    postgres: str | None = None
    spark: str | None = None


class Col(NamedTuple):
    """A column."""

    name: str
    typed: Typed
    values: list[Any]
    literals: list[str | None] | None = None
    sizes: list[int | None] | None = None


class Schema(NamedTuple):
    """A table: ``zone`` is the time zone it is profiled in, ``before`` are statements that make its types, ``engines`` those that can have it."""

    name: str
    columns: list[Col]
    zone: str = "UTC"
    before: tuple[str, ...] = ()
    engines: tuple[str, ...] = ENGINES

    def on(self, engine: str) -> Schema:
        """Return the table with the columns that an engine has types for."""
        kept = [column for column in self.columns if getattr(column.typed, engine) is not None]
        return self._replace(columns=[column for column in kept if engine != "postgres" or _postgres_holds(column)])


def _postgres_holds(column: Col) -> bool:
    """Return whether PostgreSQL can have a column: no text holds NUL, no name is longer than 63 bytes."""
    return len(column.name.encode()) < 64 and not any(isinstance(value, str) and "\0" in value for value in column.values)


BOOLEAN = Typed("boolean", "BOOLEAN", "boolean", "BOOLEAN")
TINYINT = Typed("integer", "TINYINT", None, "TINYINT")
SMALLINT = Typed("integer", "SMALLINT", "smallint", "SMALLINT")
INTEGER = Typed("integer", "INTEGER", "integer", "INT")
BIGINT = Typed("integer", "BIGINT", "bigint", "BIGINT")
HUGEINT, UHUGEINT = Typed("integer", "HUGEINT"), Typed("integer", "UHUGEINT")
UTINYINT, USMALLINT, UINTEGER, UBIGINT = (Typed("integer", name) for name in ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"))
REAL, DOUBLE = Typed("real", "FLOAT", "real", "FLOAT"), Typed("float", "DOUBLE", "double precision", "DOUBLE")
TEXT = Typed("text", "VARCHAR", "text", "STRING")
DATE = Typed("date", "DATE", "date", "DATE")
TIMESTAMP = Typed("timestamp", "TIMESTAMP", "timestamp", "TIMESTAMP_NTZ")
TIMESTAMPTZ = Typed("timestamptz", "TIMESTAMP WITH TIME ZONE", "timestamp with time zone", "TIMESTAMP")
TIMESTAMP_S, TIMESTAMP_MS, TIMESTAMP_NS = (Typed("timestamp", name) for name in ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"))
TIME, TIMETZ = Typed("time", "TIME", "time"), Typed("timetz", "TIME WITH TIME ZONE")
UUIDS = Typed("other", "UUID", "uuid")
BLOB = Typed("other", "BLOB", "bytea", "BINARY")


def decimal(digits: int, scale: int) -> Typed:
    """Return a DECIMAL."""
    return Typed("decimal", f"DECIMAL({digits},{scale})", f"numeric({digits},{scale})", f"DECIMAL({digits},{scale})")


def other(duckdb: str, postgres: str | None = None, spark: str | None = None) -> Typed:
    """Return a type that is only counted."""
    return Typed("other", duckdb, postgres, spark)


FINE_DECIMAL = decimal(38, 30)


def reals(*values: float | None) -> list[float | None]:
    """Return numbers as 32 bits hold them."""
    return [None if value is None else struct.unpack("f", struct.pack("f", value))[0] for value in values]


def nested(name: str, typed: Typed, literals: list[str | None], values: list[Any], sizes: list[int | None] | None = None) -> Col:
    """Return a column of values that are written as SQL."""
    return Col(name, typed, values, literals, sizes)


def texts(*values: str | None) -> list[Col]:
    """Return a text column, once as it is and once with each value three times."""
    return [Col("c", TEXT, list(values)), Col("thrice", TEXT, [value for value in values for _ in range(3)][: len(values)])]


WORDS = [
    "plain", "Plain", "pla in", " leading", "trailing ", " both  ends ", "'quoted'", '"quoted"', '"', "''", '"open', "", " ", "   ", "\t", " \n", "N/A",
        "(none)",
    "[NULL", "unknown]", "??", "-", "...", "99", "000", "0", "x", "xX", "zz", " TBD ", "12", "-1.5", " 7 ", "+.5", "5.", ".", "0.00", "-0", "2024-02-29",
        "2/3/2024",
    "2024-02-29 x", "2024-02-29T12:00:00Z", "2024-2-9", "a.b@example.com", "a@b", "a@b.c", "x y@z.org", "tab\tinside", "AB-12", "cd-34", "a,b,c,d",
        "a, b, c, d",
    "a|b|c|d", "a;b;c", "^^^", "\t\t\t", '{"a": 1}', "{ }", "{}", "[1]", "[", "{a}", " [] ", None, None, "plain", "per cent %", "under_score", "back\\slash",
        "it's",
]  # fmt: skip
UNICODE = [
    "ünï", "ÜNÏ", "日本語", "ß", "ẞ", "Ǆ", "ǅ", "ǆ", "ΑΒΓ", "αβγ", "привет", "e\u0301", "\u00e9", "👍", "👩\u200d👩\u200d👧", "🇩🇪", "\U0001d400", "𐐀𐐨", "٣٤",
        "１２", "a\u200bb",
    "\ufeffbom", "a\u00a0b", "\u00a0", "\u3000 a", "a \u00a0", " \u2003 ", "\u3000", "\u2028", "a\u2029b", "\u0085", "Ã©tÃ©", "â€™", "ï»¿x", "\ufffd", "Â°",
        "Â", "ÃÂ", "ʰ", "ª", "ⅷ", "①", "\u0301", "a\u0300\u0301",
    "שלום", "مرحبا", "\u202eevil", "İ", "ı", "ﬀ", "ŉ", "\U0010ffff", "\ue000", None,
]  # fmt: skip
CONTROL = [
    "\x01",
    "a\x01b",
    "bell\x07",
    "\x7f",
    "\x1b[0m",
    "line\nbreak",
    "carriage\r\nreturn",
    "\n",
    "\r",
    '"two\nlines"',
    '{"a":\n1}',
    "2024-01-01 a\nb",
    "7\n",
    "x@y.org\n",
    "\v7",
    "\f",
    None,
]
NULS = ["\0", "a\0", "a\0b", "a", "\0\0", "", '"\0"', "a\0 b", None]
FORMATTED = {
    "integers": ["1", "-2", "+3", "x", None],
    "points": ["1.5", "-2.25", ".5", "4", None],
    "commas": ["1,5", "2,25", "-3,1", "1,234", None],
    "thousands": ["1,234", "12,345,678", "-1,000.50", "7", None],
    "european": ["1.234,5", "12.345.678,90", "-1.000,00", None, "z"],
    "percent": ["5%", "5.5 %", "-1,5%", "%", None],
    "scientific": ["1e5", "1.5E-3", "-2e+8", "1e", None],
    "days": ["2024-01-01", "2024-02-30", "2024-1-1", "1999-12-31", None],
    "slashes": ["2024/01/01", "1/2/2024", "01/02/24", "2024/12/31", "2024/01/05"],
    "slashes_last": ["1/2/2024", "01/02/24", "3/4/05", "2024/12/31", None],
    "points_last": ["1.2.2024", "01.02.24", "3.4.05", "1.2.3.4", None],
    "dashes_last": ["1-2-2024", "01-02-24", "3-4-05", None, "1-2"],
    "times": ["12:00", "1:02", "23:59:59", "24", None],
    "stamps": ["2024-01-01 12:00", "2024-01-01T12:00:00.123Z", "2024-01-01 12:00:00+02:00", "2024-01-01", None],
    "halves": ["1", "2", "a", "b", None],
    "fewer_than_half": ["1", "2", "a", "b", "c"],
    "long": ["1" * 35, "1" * 36, "2" * 400, "2" * 401, "0" * 401],
}
NUMBERS = [3, 3, 0, -5, 7, 100, None, 2, 2, 2, -5, 99]
DOUBLES = [1.5, -0.0, 0.0, NAN, NAN, INF, -INF, 2.25, None, 1e300, -3.0, 0.1, 0.2, 0.30000000000000004, 5e-324, 1.5]
MOMENTS = [
    "1899-12-31 23:30:00", "1900-01-01 00:30:00", "2024-06-15 12:00:00", "2024-06-15 12:00:01", "2024-06-15 11:59:59.999999", "2030-01-01 00:00:00",
        "2024-05-16 12:00:00",
    "2024-05-16 12:00:00.000001", "2023-06-16 12:00:00", "2019-06-16 12:00:00", "2004-06-15 12:00:00", "1924-06-16 12:00:00", "2044-06-15 12:00:00",
        "2044-06-15 12:00:00.000001",
    "2024-12-30 00:00:00", "2025-01-05 23:59:59", None, "2024-06-15 12:00:00",
]  # fmt: skip
DAYS = [None if moment is None else moment[:10] for moment in MOMENTS]
LONG_AGO = [
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59.999999",
    "1582-10-10 00:00:00",
    "2000-02-29 12:00:00",
    None,
    "1969-12-31 23:59:59.999999",
    "1970-01-01 00:00:00",
]
BEFORE_CHRIST = ["0044-03-15 (BC)", "0001-12-31 (BC)", "4713-01-01 (BC)", "0001-01-01", "12024-05-05", None]
DST = [
    "2024-03-30 23:30:00+00", "2024-03-31 00:30:00+00", "2024-03-31 00:59:59.999999+00", "2024-03-31 01:00:00+00", "2024-03-31 21:59:59+00",
        "2024-03-31 22:00:00+00",
    "2024-10-26 22:00:00+00", "2024-10-27 00:30:00+00", "2024-10-27 01:30:00+00", "2024-10-27 22:59:59+00", "2024-10-27 23:00:00+00", None,
        "2024-06-15 10:00:00+00",
]  # fmt: skip
NAMES = [
    'say "hi"', "it's", "a.b", "😀", "line\nbreak", "select", "from", "order", "c", "x", "d", "v", "n", "b", "k", "w", "h", "row", ":as_of", "$1", "%s", "a0",
        "a1", "batch_start",
    "batch_of_row", "dq_values_bigint", "dq_any_column", "c_0", "rows_read", "--", "`", "\\", " ", "k = 0", "FROM dq_values_bigint", "é", "e\u0301", "ﬀ",
        "\u200b", "${x}", "N" * 255, "/*", ";",
]  # fmt: skip


def _scalar_schemas() -> list[Schema]:
    wide = decimal(38, 2)
    big = 10**35
    return [
        Schema("words", texts(*WORDS)),
        Schema("unicode", texts(*UNICODE)),
        Schema("unicode_decomposed", texts(*(unicodedata.normalize("NFD", each) if each else None for each in UNICODE))),
        Schema("control_characters", texts(*CONTROL)),
        Schema("nul_characters", texts(*NULS)),
        Schema("formats", [Col(name, TEXT, values) for name, values in FORMATTED.items()]),
        Schema("megabyte_strings", texts("x" * 1_000_000, "x" * 999_999 + "y", "日" * 400_000, " " * 1_000_000, "[" + "1," * 400_000 + "1]", "0" * 1_000_000,
            None)),
        Schema("lengths", [Col("c", TEXT, ["a" * (i * i % 97) for i in range(60)]), Col("short", TEXT, ["ab" * (i % 2) for i in range(60)])]),
        Schema("small_integers", [Col("tiny", TINYINT, [-128, 127, 0, None, 1]), Col("small", SMALLINT, [-32768, 32767, 0, None, 1]),
            Col("int", INTEGER, [-(2**31), 2**31 - 1, 0, None, 0])]),
        Schema("unsigned", [
            Col("u8", UTINYINT, [0, 255, 255, None]), Col("u16", USMALLINT, [0, 65535, 1, None]), Col("u32", UINTEGER, [0, 2**32 - 1, 7, 7]),
            Col("u64", UBIGINT, [0, 2**64 - 1, 2**64 - 1, 5]),
        ]),
        Schema("integers", [Col("c", INTEGER, NUMBERS), Col("big", BIGINT, NUMBERS), Col("small", SMALLINT, NUMBERS),
            Col("reverse", INTEGER, list(range(12, 0, -1)))]),
        Schema("bigint_extremes", [
            Col("c", BIGINT, [2**63 - 1, -(2**63), 2**63 - 1, 0, None]), Col("near", BIGINT, [2**53 + 1, 2**53 + 2, 2**53 + 3, 2**53 + 3, None]),
            Col("top", BIGINT, [2**63 - 1] * 5),
        ]),
        Schema("hugeint", [
            Col("c", HUGEINT, [2**127 - 1, -(2**127), 0, None]), Col("near", HUGEINT, [2**100, 2**100 + 1, 2**100 + 2, 2**100 + 2]),
            Col("u", UHUGEINT, [2**128 - 1, 0, 2**128 - 1, None]),
            Col("small", HUGEINT, [1, 2, 2, -3]),
        ]),
        Schema("decimals", [
            Col("money", decimal(10, 2), [Decimal(text) if text else None for text in ("1.10", "0.00", "-7.25", "12345678.90", None, "3.00", "1.15", "1.10")]),
            Col("digits18", decimal(18, 18), [Decimal(text) for text in ("0.1", "0.2", "0.3", "-0.999999999999999999", "0", "0", "0.000000000000000001",
                "0.5")]),
            Col("whole", decimal(18, 0), [Decimal(text) for text in ("999999999999999999", "-999999999999999999", "1", "2", "2", "2", "3", "4")]),
            Col("digits19", decimal(19, 4), [Decimal(text) for text in ("123456789012345.6789", "123456789012345.6788", "-0.0001", "0", "1", "1", "2", "3")]),
        ]),
        Schema("decimals_of_38_digits", [
            Col("c", wide, [Decimal(9) * big + Decimal("0.25"), Decimal("-99999999999999999999999999999999999.99"), Decimal("1.25"), Decimal("1.26"), None,
                Decimal(0)]),
            Col("most", decimal(38, 0), [Decimal(10**38 - 1), Decimal(-(10**38) + 1), Decimal(10**38 - 1), Decimal(5), None, Decimal(0)]),
            Col("fine", FINE_DECIMAL, [Decimal("0.000000000000000000000000000001"), Decimal("1.5"), Decimal("-1.5"), Decimal("12345678.9"), None,
                Decimal("1.5")]),
        ]),
        Schema("doubles", [Col("c", DOUBLE, DOUBLES), Col("real", REAL, reals(*DOUBLES[:9], 3e38, *DOUBLES[10:14], 1e-45, 1.5))]),
        Schema("doubles_that_overflow", [
            Col("c", DOUBLE, [1.7e308, -1.7e308, 1.0, 1.0]), Col("sum", DOUBLE, [1.7e308, 1.6e308, 1.5e308, None]),
            Col("tiny", DOUBLE, [1e-200, 3e-200, 2e-200, 5e-324]),
            Col("large", DOUBLE, [1e200, 3e200, 2e200, -1e200]), Col("close", DOUBLE, [1e15, 1e15 + 0.125, 1e15 + 0.25, None]),
        ]),
        Schema("nan_only", [Col("nan", DOUBLE, [NAN, NAN, NAN]), Col("inf", DOUBLE, [INF, INF, None]), Col("both", DOUBLE, [INF, -INF, NAN]),
            Col("real", REAL, [NAN, INF, None])]),
        Schema("tenths", [Col("c", DOUBLE, [i / 100 for i in range(101)]), Col("d", decimal(5, 2), [Decimal(i) / 100 for i in range(101)]),
            Col("i", INTEGER, [i * i for i in range(101)])]),
        Schema("dates", [Col("c", DATE, DAYS), Col("t", TIMESTAMP, MOMENTS)]),
        Schema("dates_in_new_york", [Col("c", DATE, DAYS), Col("t", TIMESTAMP, MOMENTS),
            Col("z", TIMESTAMPTZ, [each and f"{each}+00" for each in MOMENTS])], "America/New_York"),
        Schema("first_and_last_years", [Col("c", DATE, [each and each[:10] for each in LONG_AGO]), Col("t", TIMESTAMP, LONG_AGO),
            Col("z", TIMESTAMPTZ, [each and f"{each}+00" for each in LONG_AGO])]),
        Schema("before_christ", [Col("c", Typed("date", "DATE", "date"), BEFORE_CHRIST),
            Col("t", Typed("timestamp", "TIMESTAMP", "timestamp"), [each and f"{each} 06:00:00" for each in BEFORE_CHRIST])]),
        Schema("infinite_dates", [
            Col("c", Typed("date", "DATE", "date"), ["infinity", "-infinity", "2024-06-15", "infinity", None]),
            Col("only", Typed("date", "DATE", "date"), ["infinity", None, None, "-infinity", None]),
            Col("t", Typed("timestamp", "TIMESTAMP", "timestamp"), ["infinity", "-infinity", "2024-06-15 00:00:00", None, "2024-06-16 00:00:00"]),
            Col("z", Typed("timestamptz", "TIMESTAMP WITH TIME ZONE", "timestamptz"), ["infinity", "2024-06-15 00:00:00+00", "-infinity", None, "infinity"]),
        ], "Europe/Berlin"),
        Schema("edges_of_time", [
            Col("d", Typed("date", "DATE"), ["5877642-06-25 (BC)", "5881580-07-10", "2024-06-15"]),
            Col("t", Typed("timestamp", "TIMESTAMP"), ["290309-12-22 (BC) 00:00:00", "294247-01-10 04:00:54.775806", "2024-06-15 00:00:00"]),
            Col("ns", TIMESTAMP_NS, ["1677-09-22 00:00:00", "2262-04-11 23:47:16.854775806", "2024-06-15 00:00:00"]),
        ]),
        Schema("precisions", [
            Col("s", TIMESTAMP_S, [each and each[:19] for each in MOMENTS]), Col("ms", TIMESTAMP_MS, [each and each[:23] for each in MOMENTS]),
            Col("ns", TIMESTAMP_NS, MOMENTS),
            Col("finest", TIMESTAMP_NS, ["2024-06-15 12:00:00.000000001", "1969-12-31 23:59:59.999999999", "2024-06-14 23:59:59.999999999",
                *(["2024-06-15 12:00:00"] * 15)]),
        ]),
        Schema("daylight_saving", [Col("z", TIMESTAMPTZ, DST)], "Europe/Berlin"),
        Schema("times", [
            Col("t", TIME, ["00:00:00", "23:59:59.999999", "12:00:00", "12:00:00", None]),
            Col("z", TIMETZ, ["12:00:00+02:00", "11:00:00+01:00", "10:00:00+00:00", "12:00:00-05:30", None]),
            Col("ns", Typed("time", "TIME_NS"), ["00:00:00", "23:59:59.999999999", "12:00:00", "12:00:00", None]),
        ]),
        Schema("booleans", [Col("c", BOOLEAN, [True, False, None, True]), Col("yes", BOOLEAN, [True] * 4), Col("no", BOOLEAN, [False, False, None, None])]),
    ]  # fmt: skip


EVERY = [
    ("text", TEXT, "a"), ("int", INTEGER, 5), ("big", BIGINT, 5), ("huge", HUGEINT, 5), ("double", DOUBLE, 2.5), ("real", REAL, 2.5), ("money", decimal(10,
        2), Decimal("2.50")),
    ("wide", decimal(38, 2), Decimal("2.50")), ("date", DATE, "2024-06-15"), ("stamp", TIMESTAMP, "2024-06-15 12:00:00"), ("zoned", TIMESTAMPTZ,
        "2024-06-15 12:00:00+00"),
    ("time", TIME, "12:00:00"), ("yes", BOOLEAN, True), ("uuid", UUIDS, UUID(int=5)),
]  # fmt: skip


def _structure_schemas() -> list[Schema]:
    def named(names: list[str]) -> list[Col]:
        return [Col(name, BIGINT, [i + 1, 2 * (i + 1), 3 * (i + 1)]) for i, name in enumerate(names)]

    return [
        Schema("empty", [Col(name, typed, []) for name, typed, _ in EVERY]),
        Schema("one_row", [Col(name, typed, [value]) for name, typed, value in EVERY]),
        Schema("two_equal_rows", [Col(name, typed, [value, value]) for name, typed, value in EVERY]),
        Schema("all_null", [Col(name, typed, [None, None, None]) for name, typed, _ in EVERY]),
        Schema("one_null", [Col(name, typed, [None]) for name, typed, _ in EVERY]),
        Schema("one_value_and_nulls", [Col(name, typed, [None, value, None]) for name, typed, value in EVERY]),
        Schema("hostile_names", named(NAMES)),
        Schema("hostile_text_names", [Col(name, TEXT, [name, name[::-1], None, "FROM dq_values_varchar", "k = 0"]) for name in NAMES]),
        Schema('a table "of" its own; -- kind\n😀', named(["c", "C2"])),
        Schema("select", named(["select", "table"])),
        Schema("n" * 63, named(["n" * 63, "m" * 63])),
        Schema("case_only_twins", named(["a", "A", "ä", "Ä"]), engines=("postgres",)),
        Schema("templates", texts(":dummy", ":as_of", "c", "$1", "%s", "{}", "{x}", "%(x)s", "${x}", "k = 0", "FROM dq_shapes", "a\\Nb", "\\'", "''")),
        Schema("constant", [Col("c", INTEGER, [7, 7, 7]), Col("d", DATE, ["2024-01-01"] * 3)]),
        Schema("order", [
            Col("up", INTEGER, [1, 2, 3, 4]), Col("up_or_same", INTEGER, [1, 1, 3, 4]),
            Col("down", DATE, ["2024-01-04", "2024-01-03", "2024-01-02", "2024-01-01"]), Col("gaps", INTEGER, [1, None, 3, 2]),
            Col("one", INTEGER, [None, 5, None, None]), Col("nan", DOUBLE, [1.0, INF, NAN, NAN]), Col("down_or_same", DOUBLE, [3.0, 3.0, 1.0, 1.0]),
            Col("alternating", BIGINT, [None, 9, None, 8]),
        ]),
        Schema("pair_is_key", [Col("a", INTEGER, [1, 1, 2, 2]), Col("b", TEXT, ["x", "y", "x", "y"]), Col("c", BOOLEAN, [True] * 4)]),
        Schema("duplicates", [
            Col("a", INTEGER, [1, 1, 1, None, None, 2, 2, 3, 3]), Col("b", DOUBLE, [None, None, None, None, None, NAN, NAN, 0.0, -0.0]),
            Col("c", TEXT, ["x", "x", "X", None, None, "x", "x", "é", "e\u0301"]),
        ]),
        Schema("most_frequent_ties", [Col("i", INTEGER, [*range(25, 0, -1), 9, 10]), Col("t", TEXT, [chr(0x1F600 - i * 700) for i in range(27)]),
            Col("d", DOUBLE, [*(float(-i) for i in range(24)), NAN, INF, -INF])]),
        Schema("batch_column_names", [Col("b", DATE, ["2024-01-01"] * 2), Col("k", TEXT, ["k", "b"]), Col("v", INTEGER, [1, 2]), Col("n", INTEGER, [3, 3])]),
        Schema("enum_and_text", [
            Col("mood", Typed("text", "mood", "mood"), ["sad", "ok", None, "it's", "ok"]),
            Col("char", Typed("text", "charenum"), ["CHAR", "VARCHAR[]", "CHAR", None, "x"]),
            Col("fixed", Typed("text", "VARCHAR", "varchar(20)", "VARCHAR(20)"), ["a ", "b", None, "a ", "a"]),
        ], before=("CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s')", "CREATE TYPE charenum AS ENUM ('x', 'CHAR', 'VARCHAR[]')")),
        Schema("five_thousand_columns", [Col(f"c{i}", (INTEGER, TEXT, DOUBLE, DATE, BOOLEAN)[i % 5], [(i, str(i), i / 2, "2024-01-01", True)[i % 5],
            None]) for i in range(5000)]),
    ]  # fmt: skip


def _nested_schemas() -> list[Schema]:
    longer, fields = ", ".join(f"field_{i} INTEGER" for i in range(12)), ", ".join(f"'field_{i}': {i}" for i in range(12))
    return [
        Schema("lists", [
            nested("ints", other("INTEGER[]", "integer[]", "ARRAY<INT>"), ["[1, 2]", "[]", "[1, NULL]", None, "[1, 2]"], [(1, 2), (), (1, None), None, (1,
                2)], [2, 0, 2, None, 2]),
            nested("texts", other("VARCHAR[]"), ["['a', 'b']", "['b', 'a']", "[NULL]", "[]", "['a']"], [("a", "b"), ("b", "a"), (None,), (), ("a",)], [2, 2,
                1, 0, 1]),
            nested("lists", other("INTEGER[][]"), ["[[1], []]", "[[1], []]", "[]", None, "[NULL]"], [((1,), ()), ((1,), ()), (), None, (None,)], [2, 2, 0,
                None, 1]),
            nested("fixed", other("INTEGER[2]"), ["[1, 2]", "[3, 4]", "[1, 2]", None, "[1, NULL]"], [(1, 2), (3, 4), (1, 2), None, (1, None)], [2, 2, 2, None,
                2]),
            nested("maps", other("MAP(VARCHAR, INTEGER)[1]"), ["[MAP {'a': 1}]"] * 4 + [None], ["a", "a", "a", "a", None], [1, 1, 1, 1, None]),
        ]),
        Schema("structs_and_maps", [
            nested("struct", other('STRUCT(a INTEGER, "b.c" VARCHAR)'), ["{'a': 1, 'b.c': 'x'}", "{'a': NULL, 'b.c': NULL}", None, "{'a': 1, 'b.c': 'x'}"],
                [(1, "x"), (None, None), None, (1, "x")]),
            nested("map", other("MAP(VARCHAR, INTEGER)"), ["MAP {'a': 1}", "MAP {}", "MAP {'a': 1, 'b': 2}", None], [("a", 1), (), ("a", 1, "b", 2), None],
                [1, 0, 2, None]),
            nested("list", other("STRUCT(a INTEGER)[]"), ["[{'a': 1}]", "[]", "[{'a': 1}, {'a': 1}]", "[{'a': 1}]"], [(1,), (), (1, 1), (1,)], [1, 0, 2, 1]),
            nested("longer", other(f"STRUCT({longer}, tail INTEGER)"), [f"{{{fields}, 'tail': 7}}", f"{{{fields}, 'tail': 7}}", f"{{{fields}, 'tail': 8}}",
                None], [7, 7, 8, None]),
            nested("longer_still", other(f"STRUCT({longer}, tail VARCHAR)"), [f"{{{fields}, 'tail': '07'}}", f"{{{fields}, 'tail': '7'}}", None, None], ["07",
                "7", None, None]),
            nested("case", other('STRUCT(a INTEGER, "B" INTEGER)'), ["{'a': 1, 'B': 2}"] * 4, [1] * 4),
            nested("twin", other('STRUCT("A" INTEGER, b INTEGER)'), ["{'A': 1, 'b': 2}"] * 4, [1] * 4),
            nested("bracket", other('STRUCT("x[]" INTEGER[])'), ["{'x[]': [1]}", None, None, None], [(1,), None, None, None]),
        ]),
        Schema("binary_and_ids", [
            nested("blob", BLOB, [r"'\x00\xFF'::BLOB", "''::BLOB", "'a'::BLOB", None, r"'\x00\xFF'::BLOB"], [b"\0\xff", b"", b"a", None, b"\0\xff"], [2, 0, 1,
                None, 2]),
            Col("uuid", UUIDS, [UUID(int=0), UUID(int=2**128 - 1), UUID(int=7), None, UUID(int=7)]),
            nested("bit", other("BIT"), ["'101'::BIT", "'0101'::BIT", "'101'::BIT", None, "'1'::BIT"], ["101", "0101", "101", None, "1"]),
            nested("json", other("JSON"), ["'{}'", "'[1]'", "'{}'", None, "'{ }'"], ["{}", "[1]", "{}", None, "{ }"]),
            nested("bignum", other("BIGNUM"), ["'1'::BIGNUM", f"'{10**50}'::BIGNUM", "'1'::BIGNUM", None, "'-5'::BIGNUM"], [1, 10**50, 1, None, -5]),
        ]),
        Schema("intervals_and_unions", [
            nested("interval", other("INTERVAL", "interval"), ["INTERVAL '1 month'", "INTERVAL '30 days'", "INTERVAL '720 hours'", "INTERVAL '1 second'",
                None], [30 * 86400] * 3 + [1, None]),
            nested("union", other("UNION(i INTEGER, t VARCHAR)"), ["1", "'1'", "1", None, "2"], [1, "1", 1, None, 2]),
            nested("variant", other("VARIANT"), ["1::VARIANT", "'a'::VARIANT", "1::VARIANT", None, "[1]::VARIANT"], [1, "a", 1, None, (1,)]),
        ]),
    ]  # fmt: skip


SCHEMAS = [*_scalar_schemas(), *_structure_schemas(), *_nested_schemas()]
