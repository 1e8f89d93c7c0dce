"""An independent enumeration of fires: every minute of a span is looked up on the clock of a zone and held against the fields, one by one.

It shares nothing with the code under test: expressions are built from sets of numbers, which are what is matched here, and no cron library is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALL = {"minute": range(60), "hour": range(24), "day": range(1, 32), "month": range(1, 13), "weekday": range(7)}


@dataclass(frozen=True)
class Field:
    """A cron field as it is written, and the numbers it stands for."""

    text: str
    numbers: frozenset[int]


@dataclass(frozen=True)
class Cron:
    """An expression and what it stands for; Sunday is 0."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    def __str__(self) -> str:
        return " ".join(field.text for field in (self.minute, self.hour, self.day, self.month, self.weekday))


def star(name: str) -> Field:
    return Field("*", frozenset(ALL[name]))


def cron(**fields: str) -> Cron:
    """Return a cron of plain numbers and ranges, as in ``hour="2,5-7"``; what is not given is a star."""

    def field(name: str) -> Field:
        text = fields.get(name)
        if text is None:
            return star(name)
        ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
        return Field(text, frozenset(number for low, *high in ends for number in range(low, (high[0] if high else low) + 1)))

    return Cron(*(field(name) for name in ALL))


def expected_fires(expression: Cron, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Return every instant (UTC) in ``(start, end]`` at which the expression fires, in order."""
    first, last = _minute(start) - 2 * 1440, _minute(end)
    minutes = np.arange(first, last + 1)
    readings = minutes + _offsets(zone, first, last)
    if len(expression.hour.numbers) == 24:
        fires = _matches(expression, readings)
    else:
        seen = np.maximum.accumulate(readings)
        before = np.concatenate([[readings[0] - 1], seen[:-1]])
        fires = _matches(expression, readings) & (readings > before)
        for jump in np.flatnonzero(readings > before + 1):
            fires[jump] |= bool(_matches(expression, np.arange(before[jump] + 1, readings[jump])).any())
    found = [EPOCH + timedelta(minutes=int(minute)) for minute in minutes[fires]]
    return [fire for fire in found if start < fire <= end]


def transitions(zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Return the instants at which the clock of a zone is moved, to the minute."""
    first = _minute(start)
    offsets = _offsets(zone, first, _minute(end))
    return [EPOCH + timedelta(minutes=first + 1 + int(position)) for position in np.flatnonzero(np.diff(offsets))]


@lru_cache(maxsize=64)
def _offsets(zone: str, first: int, last: int) -> np.ndarray:
    """Return the minutes that the clock is ahead of UTC, at every minute from ``first`` to ``last``."""
    here = ZoneInfo(zone)

    def offset(minute: int) -> int:
        ahead = (EPOCH + timedelta(minutes=minute)).astimezone(here).utcoffset()
        assert ahead is not None
        return int(ahead.total_seconds()) // 60

    hours = range(first, last + 61, 60)
    sampled = [offset(minute) for minute in hours]
    offsets = np.repeat(np.array(sampled), 60)
    for position in range(len(sampled) - 1):
        if sampled[position] != sampled[position + 1]:
            offsets[position * 60 : position * 60 + 60] = [offset(hours[position] + minute) for minute in range(60)]
    return offsets[: last - first + 1]


def _matches(expression: Cron, readings: np.ndarray) -> np.ndarray:
    days = readings // 1440
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    in_month = _one_of(expression.day, (dates - months).astype(int) + 1)
    in_week = _one_of(expression.weekday, (days + 4) % 7)
    both = expression.day.text.startswith("*") or expression.weekday.text.startswith("*")
    return (
        _one_of(expression.minute, readings % 60)
        & _one_of(expression.hour, readings // 60 % 24)
        & _one_of(expression.month, months.astype(int) % 12 + 1)
        & (in_month & in_week if both else in_month | in_week)
    )


def _one_of(field: Field, values: np.ndarray) -> np.ndarray:
    table = np.zeros(60, dtype=bool)
    table[list(field.numbers)] = True
    return table[values]


def _minute(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds() // 60)
