"""Runs whose end was never written, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from dq_assets.records.base import Record
from dq_assets.records.enums import RunStatus


class UnfinishedRun(Record):
    """A profile run or test run that waits or runs, as far as its row says."""

    kind: Literal["profile", "test"]
    run_id: str
    table_group_id: str
    dagster_run_id: str | None
    """The Dagster run that worked on it last; None where the command line did."""
    started_at: datetime
    """Of the first attempt."""


class ClosedRun(Record):
    """An unfinished run that was closed, and why."""

    run: UnfinishedRun
    status: RunStatus
    message: str
