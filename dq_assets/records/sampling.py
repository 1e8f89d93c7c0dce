"""Which part of a table is profiled, and what profiling may cost."""

from __future__ import annotations

from pydantic import Field

from dq_assets.records.base import Record


class Sampling(Record):
    """Which part of the rows is profiled: a ``share`` of them, at most ``rows``, of the last ``days`` days of the batch column. None: all."""

    share: float | None = Field(default=None, gt=0, le=1, description="Which share of the rows is read, chosen by their hash.")
    rows: int | None = Field(default=None, ge=1, description="At most about so many rows.")
    days: int | None = Field(default=None, ge=1, description="Only rows of so many days before the run, by the batch column.")
    seed: int = Field(default=7, description="The same seed takes the same rows.")

    def share_of(self, rows: int) -> float:
        """Return the share of ``rows`` that is taken."""
        capped = self.rows / rows if self.rows is not None and rows else 1.0
        return min(self.share or 1.0, capped, 1.0)

    @property
    def is_on(self) -> bool:
        """Whether anything is left out."""
        return (self.share is not None and self.share < 1) or self.rows is not None or self.days is not None


class ProfilingLimits(Record):
    """What one profiling run of a group may cost; what is beyond is left out with a finding. None: no limit."""

    statement_timeout_s: float | None = Field(default=None, gt=0, description="After how many seconds one statement is ended.")
    seconds: float | None = Field(default=None, gt=0, description="After how many seconds no further table is begun.")
    gigabytes: float | None = Field(default=None, gt=0, description="Tables are left out once those before add up to so many gigabytes.")
    tables: int | None = Field(default=None, ge=1, description="At most so many tables.")
