"""When a cron expression fires.

Decision: two readings, told apart by what the hours say. An expression that names every hour (``30 * * * *``) follows real time: it fires whenever the
clock of its zone shows such a time, in both passes of an hour that comes twice, and never at a time that a change to summer time leaves out. Any other
expression names times of the day, and each of them comes once: in the first pass where the clock shows it twice, right after the gap where it is left out.
That is Debian's cron, except that there ``*/2`` and a minute that starts with a star follow real time too.

cronsim reads the expression and enumerates the times on a clock that is never moved; when such a time comes is decided here. With a zone of its own
cronsim goes back to the first pass of a repeated hour, and leaves times out where the clock is moved by half an hour
(``dq_assets_tests/records/test_upstream_cronsim.py``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

ALIASES = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *"}
_HOURS_OF_A_DAY = 24
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_FIELD = r"(?:L|(?:[0-9*,/-]|[A-Z]{3})+)"
# What cronsim knows beyond this (seconds, LW, 5L, MON#1), Dagster refuses or reads otherwise. Steps over a single number (5-5/10) it reads as 5/10.
_EXPRESSION = re.compile(rf"(?!.*\b(\w+)-\1/){_FIELD}(?:\s+{_FIELD}){{4}}", re.IGNORECASE)


@lru_cache(maxsize=256)  # zoneinfo itself keeps no more than eight
def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not an IANA time zone; write it like UTC or Europe/Berlin") from error


def next_fire(expression: str, timezone: str, after: datetime) -> datetime:
    """Return the first instant (UTC) after ``after`` (aware) at which the expression fires in the zone.

    Raises:
        ValueError: the expression is no cron expression, or never fires; or the zone is no time zone.
    """
    here = zone(timezone)
    read = _read(expression)
    reading = after.astimezone(here).replace(tzinfo=None)
    fire = _first(read, reading, after, here)
    # If the clock is about to be set back, times that it has shown already come again. It is moved once a day at most.
    if read.names_every_hour and (set_back := _offset(after, here) - _offset(after + _DAY, here)) > timedelta(0):
        fire = min(filter(None, (fire, _first(read, reading - set_back, after, here))), default=None)
    if fire is None:
        raise ValueError("a cron expression that never fires; write five fields, as in '0 6 * * *'")
    return fire


def latest_fire(expression: str, timezone: str, after: datetime, until: datetime) -> datetime | None:
    """Return the last instant (UTC) in ``(after, until]`` at which the expression fires, or None; fires before it are missed and collapse into it.

    It is found by halving the time in question, so a year of missed minutes costs some forty calls of ``next_fire``, which is all it leans on.

    Raises:
        ValueError: as ``next_fire``.
    """
    fire, end = next_fire(expression, timezone, after), until
    if fire > until:
        return None
    while next_fire(expression, timezone, fire) <= until:
        middle = fire + (end - fire) / 2
        later = next_fire(expression, timezone, middle)
        if later <= until:
            fire = later
        else:
            end = middle
    return fire


class _Read(NamedTuple):
    text: str
    names_every_hour: bool


@lru_cache(maxsize=1024)
def _read(expression: str) -> _Read:
    text = ALIASES.get(expression.strip().lower(), expression.strip())
    try:
        if _EXPRESSION.fullmatch(text):
            return _Read(text, len(CronSim(text, datetime.min).hours) == _HOURS_OF_A_DAY)  # noqa: DTZ901 - an unmoved clock
    except (CronSimError, ValueError):
        pass
    raise ValueError("not a cron expression; write five fields, as in '0 6 * * *'")


def _first(read: _Read, start: datetime, after: datetime, here: ZoneInfo) -> datetime | None:
    """Return the first instant after ``after`` that stands for a time after ``start`` (naive) that the expression names."""
    for time in CronSim(read.text, start):
        instants = _instants(time, here)
        if not read.names_every_hour:
            while not instants:
                time += _MINUTE  # noqa: PLW2901 - to the end of the gap
                instants = _instants(time, here)
            del instants[1:]
        for instant in instants:
            if instant > after:
                return instant
    return None


def _instants(time: datetime, here: ZoneInfo) -> list[datetime]:
    """Return when the clock shows a time: once, twice where it is set back over it, never where it is moved past it."""
    passes = {time.replace(tzinfo=here, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(instant for instant in passes if instant.astimezone(here).replace(tzinfo=None) == time)


def _offset(instant: datetime, here: ZoneInfo) -> timedelta:
    return instant.astimezone(here).utcoffset() or timedelta(0)
