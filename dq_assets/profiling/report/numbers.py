"""Numbers and times as people read them.

Decision: two lengths. ``figure`` is for tables, where a count is exact to the last digit; ``short`` is for axes, where there is room for four characters.
A number that no notation fits is shown as it is, never left out.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock by definition
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
YEAR = 365.2425 * DAY
_SHORT = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e3, "k"))
_TIMES = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400, 14 * 86400)
_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000)


def number(value: object) -> float | None:
    """Return a metric as a finite float, None for what is no number or too large for one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return None
    return found if math.isfinite(found) else None


def figure(value: object) -> str:
    """Return a number for a table: integers in full, others to about six digits; anything else as its text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**30 else f"{Decimal(value):.4g}"
    found = number(value)
    if found is None:
        return str(value)
    size = abs(found)
    if found == int(found) and size < 1e15:
        return f"{found:,.0f}"
    if size >= 1e15 or size < 1e-4:
        return f"{found:.4g}"
    return f"{found:,.1f}" if size >= 1e6 else f"{found:,.6g}"


def short(value: float) -> str:
    """Return a number for an axis: ``1.2k``, ``35M``, ``0.02``."""
    size = abs(value)
    if size >= 1e16 or 0 < size < 1e-4:
        return f"{value:.2g}".replace("e+", "e")
    for factor, suffix in _SHORT:
        if size >= factor:
            return f"{value / factor:.3g}{suffix}" if size < factor * 1000 else f"{value / factor:,.0f}{suffix}"
    return f"{value:.4g}"


def percent(share: float) -> str:
    """Return a share of 1; one that is not quite nothing or not quite all never looks like it."""
    hundredths = 100 * share
    if 0 < hundredths < 0.1:
        return "< 0.1 %"
    if 99.9 < hundredths < 100:
        return "> 99.9 %"
    return f"{hundredths:.1f}".removesuffix(".0") + " %"


def duration(seconds: float) -> str:
    """Return a length of time in the largest unit that it fills."""
    for size, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if abs(seconds) >= size:
            count = figure(round(seconds / size, 2))
            return f"{count} {name}" if count == "1" else f"{count} {name}s"
    return f"{figure(seconds)} s"


def moment(seconds: float, span: float) -> str:
    """Return a time, given in seconds since 1970, as finely as an axis over ``span`` seconds needs it."""
    try:
        when = EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"year {1970 + seconds / YEAR:,.0f}"
    day = f"{when.year:04}-{when.month:02}"
    if span > 8 * YEAR:
        return f"{when.year:04}"
    if span > 150 * DAY:
        return day
    day += f"-{when.day:02}"
    if span > 3 * DAY:
        return day
    return f"{day} {when:%H:%M}" if span > 10 * MINUTE else f"{when:%H:%M:%S}"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from ``low`` to ``high``, at most about ``most``."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return []
    rough = span / most
    size = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else rough
    step = next((size * times for times in (1, 2, 5, 10) if size * times >= rough), size * 10)
    first = math.ceil(low / step)
    found = [(first + index) * step for index in range(most + 2)]
    return [tick for tick in found if low <= tick <= high]


def time_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Return times from ``low`` to ``high``, seconds since 1970, where a minute, hour, day, month or year begins."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return []
    for step in _TIMES:
        if span / step <= most and step <= 14 * DAY:
            first = math.ceil(low / step)
            return [float((first + index) * step) for index in range(most + 1) if (first + index) * step <= high]
    try:
        begin, end = EPOCH + timedelta(seconds=low), EPOCH + timedelta(seconds=high)
    except OverflowError:
        return ticks(low, high, most)
    months = (end.year - begin.year) * 12 + end.month - begin.month
    step = next((each for each in _MONTHS if months / each <= most), _MONTHS[-1])
    first = -(-(begin.year * 12 + begin.month - 1) // step) * step
    found = []
    for index in range(most + 2):
        year, month = divmod(first + index * step, 12)
        if 1 <= year <= 9999:
            found.append((datetime(year, month + 1, 1) - EPOCH).total_seconds())  # noqa: DTZ001 - as above
    return [tick for tick in found if low <= tick <= high]
