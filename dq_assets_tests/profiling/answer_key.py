"""What a profile must say, computed in Python from Python values, without any of our SQL.

One function for each group of metrics of the catalogue, after the definitions that stand there. Arithmetic is exact (``int``, ``Fraction``) and rounded once,
at the end. Values of a column by its kind:

- ``integer``, ``decimal``, ``float``, ``real`` (of 32 bits): ``int``, ``Decimal``, ``float``;
- ``text``: ``str``; ``boolean``: ``bool``;
- ``date``, ``timestamp``, ``timestamptz``, ``time``, ``timetz``: text as it is written in SQL, read here by ``moment`` and ``time_of_day``;
- ``other``: anything hashable that is equal when the values are, with ``size`` where the type has one.
"""

# ruff: noqa: DTZ001 - wall-clock times are what is computed

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from dq_assets_tests.profiling.answer_key_text import lengths, texts, top_shapes

if TYPE_CHECKING:
    from decimal import Decimal

INF = math.inf
NUMBERS = frozenset({"integer", "decimal", "float", "real"})
DATES = frozenset({"date", "timestamp", "timestamptz"})
SHARES = {"p01": (1, 100), "p05": (5, 100), "p25": (25, 100), "p50": (50, 100), "p75": (75, 100), "p95": (95, 100), "p99": (99, 100)}
SECOND, DAY = 10**9, 86_400 * 10**9
"""Moments are whole nanoseconds since 1970."""


class Near(NamedTuple):
    """A number that floating-point arithmetic comes near to: within ``1e-12`` of ``scale``, by default of the number itself."""

    value: float
    scale: float = 0.0
    share: float = 1e-12

    def is_met_by(self, found: object) -> bool:
        """Whether an answer is this number; where sums on the way overflow, it may be absent."""
        if math.isinf(self.scale):
            return found is None or (isinstance(found, (int, float)) and math.isfinite(found))
        return isinstance(found, (int, float)) and abs(found - self.value) <= self.share * max(abs(self.value), self.scale)


class Value(NamedTuple):
    """A value of the column, which the engine writes in its own way: what counts is what the text stands for."""

    kind: str
    value: Any

    def is_met_by(self, found: object) -> bool:
        """Whether an answer stands for this value."""
        if not isinstance(found, str):
            return self.kind in NUMBERS and found == (as_double(self.value) if isinstance(found, float) else self.value)
        if self.kind == "text":
            return found == self.value[:1000]
        if self.kind == "boolean":
            return found.lower()[0] == str(self.value).lower()[0]
        if self.kind in DATES:
            return moment(found) == self.value
        if self.kind in ("time", "timetz"):
            return time_of_day(found) == self.value
        if self.kind in ("float", "real"):
            read = float(found)
            read = as_real(read) if self.kind == "real" else read
            return read == self.value or (is_nan(read) and is_nan(self.value))
        return Fraction(found) == self.value


class Key(NamedTuple):
    """What a column's profile must say: metrics that are there (every other one is not), and the lists."""

    metrics: dict[str, Any]
    top_values: list[tuple[Value, int]]
    shapes: list[tuple[str, int]]
    lengths: list[tuple[int, int]]
    histogram: list[tuple[float, float, int]]


def is_nan(value: Any) -> bool:
    """Whether a value is not a number."""
    return isinstance(value, float) and math.isnan(value)


def as_double(value: float | Decimal | Fraction) -> float:
    """Return the DOUBLE nearest to a number."""
    try:
        return float(Fraction(value)) if not isinstance(value, float) else value
    except OverflowError:
        return INF if value > 0 else -INF


def as_real(value: float) -> float:
    """Return the number of 32 bits nearest to a number."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


# -- dates and times ---------------------------------------------------------------------------------------------------------------------------------------

_MOMENT = re.compile(
    r"(-?\d{1,7})-(\d\d)-(\d\d)(?: \(?(BC)\)?)?(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(?:(Z)|([-+])(\d\d)(?::?(\d\d))?(?::(\d\d))?)?(?: (BC))?"
)


def days_of(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01 in the Gregorian calendar, extended to all years; year 0 is 1 BC."""
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def calendar_of(days: int) -> tuple[int, int]:
    """Return year and month of a day since 1970-01-01."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month


def moment(text: str) -> float:
    """Return nanoseconds since 1970 of a date or time as SQL writes it; the infinities stay infinite."""
    if text.lstrip("-").lower() == "infinity":
        return -INF if text.startswith("-") else INF
    match = _MOMENT.fullmatch(text)
    assert match, text
    year, month, day, before, hour, minute, second, fraction, _, sign, *offset, after = match.groups()
    days = days_of(1 - int(year) if before or after else int(year), int(month), int(day))
    seconds = int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
    away = sum(int(part or 0) * unit for part, unit in zip(offset, (3600, 60, 1), strict=True)) * (-1 if sign == "-" else 1)
    return days * DAY + (seconds - away) * SECOND + int((fraction or "0").ljust(9, "0"))


def time_of_day(text: str) -> tuple[int, int]:
    """Return a time of day as a sorting pair: nanoseconds in UTC, and seconds west of it."""
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([-+])(\d\d)(?::(\d\d))?(?::(\d\d))?)?", text)
    assert match, text
    hour, minute, second, fraction, sign, *offset = match.groups()
    east = sum(int(part or 0) * unit for part, unit in zip(offset, (3600, 60, 1), strict=True)) * (-1 if sign == "-" else 1)
    return (int(hour) * 3600 + int(minute) * 60 + int(second) - east) * SECOND + int((fraction or "0").ljust(9, "0")), -east


def wall_clock(value: float, kind: str, zone: str) -> int:
    """Return a finite moment as microseconds of wall-clock time since 1970; what is finer is cut off."""
    micros = int(value) // 1000
    if kind != "timestamptz":
        return micros
    # Beyond the years of Python's calendar every zone is at its oldest local mean time, or goes on as it does now.
    epoch, first, last = datetime(1970, 1, 1, tzinfo=UTC), datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 28, tzinfo=UTC)
    low, high = ((edge - epoch) // timedelta(microseconds=1) for edge in (first, last))
    offset = (epoch + timedelta(microseconds=min(max(micros, low), high))).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return micros + offset // timedelta(microseconds=1)


# -- any type ----------------------------------------------------------------------------------------------------------------------------------------------


def read(kind: str, value: Any) -> Any:
    """Return a value as it is compared: moments as numbers, one NaN, one zero."""
    if value is None:
        return None
    if kind in DATES:
        return moment(value)
    if kind in ("time", "timetz"):
        return time_of_day(value)
    if kind in ("float", "real"):
        return math.nan if is_nan(value) else float(value) + 0.0
    return Fraction(value) if kind == "decimal" else value


def _place(value: Any) -> Any:
    """Return where a value sorts: NaN above all numbers, text by its code points."""
    return (True, 0.0) if is_nan(value) else (False, value)


def _counts(present: list[Any]) -> list[tuple[Any, int]]:
    # NaN is unlike itself in Python only.
    counted = Counter("NaN" if is_nan(value) else value for value in present)
    return [(math.nan if value == "NaN" and isinstance(present[0], (float, int)) else value, rows) for value, rows in counted.items()]


def frequencies(values: list[Any], present: list[Any]) -> dict[str, Any]:
    """The metrics of any type."""
    rows = [n for _, n in _counts(present)]
    key: dict[str, Any] = {
        "null_count": len(values) - len(present),
        "distinct_count": len(rows),
        "unique_count": rows.count(1),
        "duplicated_count": len(rows) - rows.count(1),
    }
    if present:
        shares = [Fraction(n, len(present)) for n in rows]
        bits = math.log2(len(present)) - math.fsum(n * math.log2(n) for n in rows) / len(present) if len(rows) > 1 else 0.0
        key |= {"max_frequency": max(rows), "mode_share": float(max(shares)), "entropy": Near(bits, 1.0, 6e-10 / max(bits, 1.0))}
    return key


def top_values(kind: str, present: list[Any]) -> list[tuple[Value, int]]:
    """The ten most frequent values; of equally frequent ones the smaller first."""
    if kind == "other":
        return []
    ranked = sorted(_counts(present), key=lambda item: (-item[1], _place(item[0])))
    return [(Value(kind, value), rows) for value, rows in ranked[:10]]


def order(present: list[Any]) -> str | None:
    """The order of the rows, NULLs passed over."""
    if len(present) < 2:
        return None
    places = [_place(value) for value in present]
    steps = list(pairwise(places))
    up, down, same = (any(test(a, b) for a, b in steps) for test in (lambda a, b: a < b, lambda a, b: a > b, lambda a, b: a == b))
    if up and down:
        return "none"
    if not up and not down:
        return "constant"
    return {(True, False): "increasing", (True, True): "non-decreasing", (False, False): "decreasing", (False, True): "non-increasing"}[up, same]


# -- numbers and dates -------------------------------------------------------------------------------------------------------------------------------------


def quantile(ordered: list[Any], share: tuple[int, int]) -> Any:
    """The smallest value whose cumulative frequency reaches the share."""
    p, q = share
    return ordered[max(-(-p * len(ordered) // q) - 1, 0)]


def numbers(kind: str, present: list[Any]) -> dict[str, Any]:
    """The metrics of numbers; see the catalogue."""
    finite = [value for value in present if not isinstance(value, float) or math.isfinite(value)]
    exact = sorted(Fraction(value) for value in finite)
    key: dict[str, Any] = {
        "zero_count": sum(1 for value in present if value == 0),
        "negative_count": sum(1 for value in finite if value < 0),
        "non_finite_count": len(present) - len(finite),
    }
    if kind in ("float", "real"):
        key |= {
            "nan_count": sum(map(is_nan, present)),
            "infinite_count": present.count(INF),
            "minus_infinite_count": present.count(-INF),
        }
    if kind != "integer":
        parts = [abs(value) - math.floor(abs(value)) for value in exact]
        key["fractional_count"] = sum(1 for part in parts if part)
        key |= {"fractional_sum": Near(as_double(sum(parts)))} if exact else {}
    return key | (_moments(kind, exact) if exact else {}) | steps(sorted(set(exact)), 1)


def _moments(kind: str, exact: list[Fraction]) -> dict[str, Any]:
    total, count = sum(exact), len(exact)
    mean, size = total / count, as_double(sum(map(abs, exact)))
    key: dict[str, Any] = {
        "min_value": Value(kind, exact[0]),
        "max_value": Value(kind, exact[-1]),
        "min_number": as_double(exact[0]),
        "max_number": as_double(exact[-1]),
    }
    element = int if kind == "integer" else as_double
    key |= {name: element(quantile(exact, share)) for name, share in SHARES.items()}
    if exact[-1] > 0:
        key["min_positive"] = as_double(min(value for value in exact if value > 0))
    if kind in ("integer", "decimal"):
        key |= {"sum_value": Value("decimal", total), "avg_value": Near(as_double(mean), share=3e-16)}
    else:
        key |= {"sum_value": Near(as_double(total), size), "avg_value": Near(as_double(mean), size / count)}
    if count > 1 and as_double(exact[-1] - exact[0]) < INF:
        squares = sum((value - mean) ** 2 for value in exact) / (count - 1)
        key["stddev_value"] = Near(_root(squares))
    return key


def _root(square: Fraction) -> float:
    """Return the square root of a fraction of any size."""
    if not square:
        return 0.0
    shift = (square.numerator.bit_length() - square.denominator.bit_length() - 200) // 2
    scaled = square / Fraction(4) ** shift
    return float(Fraction(math.isqrt(scaled.numerator // scaled.denominator)) * Fraction(2) ** shift)


def steps(distinct: list[Any], unit: int) -> dict[str, Any]:
    """The smallest and the largest difference of neighbouring values."""
    if len(distinct) < 2:
        return {}
    between = [Fraction(b) - Fraction(a) for a, b in pairwise(distinct)]
    found = {"min_step": min(between) / unit, "max_step": max(between) / unit}
    return {name: Near(as_double(step), share=3e-16) for name, step in found.items() if as_double(step) < INF}


def histogram(found: list[tuple[float, int]]) -> list[tuple[float, float, int]]:
    """Twenty buckets of equal width over numbers with their rows, each closed below and open above but for the last, which is closed."""
    if not found:
        return []
    low, high = min(value for value, _ in found), max(value for value, _ in found)
    width = (high - low) / 20
    if not low < high or width == INF or low + width / 4 == low or high - width / 4 == high:
        return []
    edges = [*(low + i * width for i in range(20)), high]
    rows = [0] * 20
    for value, n in found:
        rows[next(i for i in range(19, -1, -1) if edges[i] <= value or i == 0)] += n
    return list(zip(edges, edges[1:], rows, strict=False))


def dates(kind: str, present: list[float], zone: str, as_of: datetime) -> tuple[dict[str, Any], list[tuple[float, int]]]:
    """The metrics of dates, and seconds of wall-clock time since 1970 with their rows."""
    # What is beyond DuckDB's timestamps has no wall-clock time.
    finite = sorted(value for value in present if abs(value) < 2**63 * 1000)
    local = [wall_clock(value, kind, zone) for value in finite]
    now = (as_of - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    day = 86_400 * 10**6
    ago = {name: now - days * day for name, days in (("month", 30), ("year", 365), ("5", 1826), ("20", 7305), ("100", 36_524))}
    key: dict[str, Any] = {
        "infinite_count": len(present) - len(finite),
        "future_date_count": sum(1 for value in local if value > now),
        "distant_future_count": sum(1 for value in local if value > now + 7305 * day),
        "within_1_month_count": sum(1 for value in local if ago["month"] < value <= now),
        "within_1_year_count": sum(1 for value in local if ago["year"] < value <= now),
        "before_1_year_count": sum(1 for value in local if value <= ago["year"]),
        "before_1900_count": sum(1 for value in local if value < days_of(1900, 1, 1) * day),
        "midnight_count": sum(1 for value in local if value % day == 0),
    } | {f"before_{years}_years_count": sum(1 for value in local if value <= ago[years]) for years in ("5", "20", "100")}
    if present:
        key |= {"min_value": Value(kind, min(present)), "max_value": Value(kind, max(present))}
    if finite:
        days = sorted({value // day for value in local})
        months = {year * 12 + month for year, month in map(calendar_of, days)}
        weeks = {(value + 3) // 7 for value in days}
        key |= {name: Value(kind, quantile(finite, share)) for name, share in SHARES.items()}
        key |= {"min_date_days": now // day - days[0], "max_date_days": now // day - days[-1]}
        for unit, there in (("days", set(days)), ("weeks", weeks), ("months", months)):
            key |= {f"distinct_{unit}": len(there), f"missing_{unit}": max(there) - min(there) + 1 - len(there)}
        if len(days) > 1:
            key["longest_gap_days"] = max(b - a for a, b in pairwise(days))
        key |= steps(sorted(set(finite)), SECOND)
    return key, [(float(value) / 1e6, rows) for value, rows in Counter(local).items()]


# -- a column, a table -------------------------------------------------------------------------------------------------------------------------------------


def column_key(kind: str, values: list[Any], zone: str, as_of: datetime, sizes: list[int | None] | None = None) -> Key:
    """Return what the profile of a column must say."""
    read_values = [read(kind, value) for value in values]
    present = [value for value in read_values if value is not None]
    metrics, shapes_, lengths_, buckets = frequencies(values, present), [], [], []
    if kind in NUMBERS:
        metrics |= numbers(kind, present)
        doubles = [as_double(value) for value in present]
        buckets = histogram(list(Counter(value for value in doubles if math.isfinite(value)).items()))
    elif kind in DATES:
        more, seconds = dates(kind, present, zone, as_of)
        metrics, buckets = metrics | more, histogram(seconds)
    elif kind == "text":
        metrics, shapes_, lengths_ = metrics | texts(present), top_shapes(present), lengths(present)
        metrics |= {name: Value("text", metrics[name]) for name in ("min_value", "max_value") if name in metrics}
    elif kind == "boolean":
        metrics |= {"true_count": present.count(True), "false_count": present.count(False)}
    if kind in ("time", "timetz", "boolean") and present:
        metrics |= {"min_value": Value(kind, min(present)), "max_value": Value(kind, max(present))}
    if sizes is not None:
        known = [size for size in sizes if size is not None]
        metrics["empty_count"] = known.count(0)
        metrics |= {"min_size": min(known), "max_size": max(known), "avg_size": Near(sum(known) / len(known))} if known else {}
    if kind in NUMBERS | DATES and (written := order(present)) is not None:
        metrics["order"] = written
    return Key(metrics, top_values(kind, present), shapes_, lengths_, buckets)


def comparable(kind: str, value: Any) -> Any:
    """Return a cell such that two are equal as SQL tells values apart, NULLs alike."""
    found = read(kind, value)
    return "NaN" if is_nan(found) else found


def duplicate_rows(kinds: list[str], rows: list[tuple[Any, ...]]) -> int:
    """Rows beyond the first of each distinct row; NULLs are alike."""
    return len(rows) - len({tuple(map(comparable, kinds, row)) for row in rows})


def is_key(kinds: list[str], rows: list[tuple[Any, ...]]) -> bool:
    """Whether rows of some columns hold no NULL and all differ."""
    return all(value is not None for row in rows for value in row) and not duplicate_rows(kinds, rows)
