"""How moments and JSON are kept in columns.

Decision: a moment is aware on both sides and fixed-width UTC text in SQLite, so that text order is time order; JSON is canonical, so that equal
values are equal text and a retry writes the same row.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, as ``2026-01-31T23:59:59.000000Z``.

    Raises:
        ValueError: when a naive moment is written (SQLAlchemy wraps it in ``StatementError``).
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Return the text of an aware moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; metadata timestamps are UTC")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Return the aware moment of the text."""
        return None if value is None else datetime.fromisoformat(value)


class JsonText(TypeDecorator[Any]):
    """A JSON value as canonical text: sorted keys, no spaces, non-finite numbers as ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        """Return the canonical text; ``None`` is NULL."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value of the text."""
        return None if value is None else json.loads(value)


def canonical_json(value: object) -> str:
    """Return the one text of a JSON value; what JSON does not know (dates, decimals) is written as its ``str``."""
    try:
        return _dump(value)
    except ValueError:
        return _dump(_finite(value))


def _dump(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
