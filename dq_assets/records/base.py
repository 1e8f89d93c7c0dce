"""The base of all records: frozen, strict about unknown fields, JSON by pydantic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value that travels between layers."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)
