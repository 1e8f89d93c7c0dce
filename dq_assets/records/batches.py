"""Batches: what part of a table arrives, is profiled and is judged as one.

Decision: a batch key is text that sorts in data time within one grain (``2013-12-01``, ``2013-12-01T05``, ``2013-W48``,
``2013-12``); its window is half-open ``[start, end)`` in wall-clock time of the group's timezone. A table without a batch column is
one batch, with key ``None``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from dq_assets.errors import ConfigError
from dq_assets.records.base import Record


class Grain(StrEnum):
    """Length of a time batch."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class BatchSpec(Record):
    """How a table is cut into batches: by a time column, or as a whole.

    ``column`` and ``grain`` come together; neither means the table is reloaded as one.
    """

    column: str | None = Field(default=None, description="The time column that says which batch a row belongs to.")
    grain: Grain | None = Field(default=None, description="Length of a batch.")

    @model_validator(mode="after")
    def _both_or_neither(self) -> BatchSpec:
        if (self.column is None) != (self.grain is None):
            raise ValueError("a time batch needs both `column` and `grain`; leave both out for a table reloaded as a whole")
        return self

    @property
    def is_timed(self) -> bool:
        """True when the table arrives in time windows."""
        return self.column is not None


WHOLE = BatchSpec()

_FORMATS = {Grain.HOUR: "%Y-%m-%dT%H", Grain.DAY: "%Y-%m-%d", Grain.MONTH: "%Y-%m"}
_WEEK = re.compile(r"^(\d{4})-W(\d{2})$")


def batch_key(start: datetime | date, grain: Grain) -> str:
    """Return the key of the batch whose window starts at wall-clock ``start``."""
    if grain is Grain.WEEK:
        year, week, _ = start.isocalendar()
        return f"{year:04d}-W{week:02d}"
    return start.strftime(_FORMATS[grain])


def window(key: str, grain: Grain) -> tuple[datetime, datetime]:
    """Return the wall-clock window ``[start, end)`` of a batch, naive.

    Raises:
        ConfigError: ``DQ-BATCH-001`` when the key is not of the grain.
    """
    try:
        text, pattern = (f"{key}-1" if _WEEK.match(key) else "", "%G-W%V-%u") if grain is Grain.WEEK else (key, _FORMATS[grain])
        start = datetime.strptime(text, pattern)  # noqa: DTZ007 - wall-clock by definition
        lengths = {Grain.HOUR: timedelta(hours=1), Grain.DAY: timedelta(days=1), Grain.WEEK: timedelta(weeks=1)}
        end = start + lengths[grain] if grain in lengths else (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError) as error:
        example = batch_key(datetime(2013, 12, 1, 5), grain)  # noqa: DTZ001 - wall-clock by definition
        raise ConfigError("DQ-BATCH-001", f"{key!r} is no batch by {grain}.", f"write it like {example}.") from error
    return start, end


def utc_window(key: str, grain: Grain, timezone: str) -> tuple[datetime, datetime]:
    """Return the batch's window in UTC, aware; a day across a DST change is 23 or 25 hours long."""
    zone = ZoneInfo(timezone)
    start, end = window(key, grain)
    return start.replace(tzinfo=zone).astimezone(UTC), end.replace(tzinfo=zone).astimezone(UTC)


class BatchVersion(Record):
    """What a judged batch held: the table's version, its rows and their fingerprint. As text it is a result's ``data_version``."""

    table_version: str
    rows: int
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.table_version}:{self.rows}:{self.fingerprint}"

    @classmethod
    def parse(cls, text: str) -> BatchVersion | None:
        """Read what ``str`` wrote; None for any other version."""
        table_version, *rest = text.rsplit(":", 2)
        return cls(table_version=table_version, rows=int(rest[0]), fingerprint=rest[1]) if len(rest) == 2 and rest[0].isdigit() else None


class BatchRange(Record):
    """Batches asked for by hand: all that lie within wall-clock ``[start, end)``, whatever grain a table has."""

    first: str
    last: str
    start: datetime
    end: datetime

    @classmethod
    def parse(cls, text: str) -> BatchRange:
        """Read ``2013-12-01`` or ``2013-12-01..2013-12-31``; each end is a key of any grain.

        Raises:
            ConfigError: ``DQ-BATCH-001`` when an end is no batch key, ``DQ-BATCH-002`` when the range is empty or runs backwards.
        """
        first, separator, last = (part.strip() for part in text.partition(".."))
        last = last if separator else first
        if not first or not last or (start := _any_window(first)[0]) >= (end := _any_window(last)[1]):
            raise ConfigError("DQ-BATCH-002", f"batch range {text!r} is empty or runs backwards.", "write FIRST..LAST, as in 2013-12-01..2013-12-31.")
        return cls(first=first, last=last, start=start, end=end)


def _any_window(key: str) -> tuple[datetime, datetime]:
    """Return the window of a key of whichever grain it is."""
    for grain in Grain:
        try:
            return window(key, grain)
        except ConfigError:
            continue
    example = "2013-12-01 for a day, 2013-12-01T05 for an hour, 2013-W48 or 2013-12"
    raise ConfigError("DQ-BATCH-001", f"{key!r} is no batch.", f"write {example}.")
