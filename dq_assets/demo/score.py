"""Holding alarms against the answer key.

Decision: an alarm finds a defect when it is on its table and day, and on its column where the defect has one. Lost and repeated rows shift
every average of their day: alarms of that table and day are theirs. Whatever else alarms is a false alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.records.base import Record
from dq_assets.records.enums import Dimension

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.demo.faults import Planted
    from dq_assets.records.tests import Test, TestResult


class Alarm(Record):
    """A failing test of one batch, as the report shows it."""

    table: str
    column: str | None
    batch: str | None
    rule_type: str
    verdict: str
    message: str
    dimension: Dimension


class Score(Record):
    """Defects found and missed (each as ``kind: what``), and alarms that no defect explains."""

    planted: int
    found: tuple[str, ...]
    missed: tuple[str, ...]
    false_alarms: tuple[Alarm, ...]


def alarms(results: Sequence[TestResult], tests: dict[str, Test]) -> list[Alarm]:
    """Return the results that are warn, fail or error."""
    return [
        Alarm(
            table=result.table_name,
            column=result.column_name,
            batch=result.batch_key,
            rule_type=tests[result.test_id].rule_type,
            verdict=result.result_status,
            message=result.error_message or result.message,
            dimension=tests[result.test_id].dimension,
        )
        for result in results
        if result.result_status.is_alarm
    ]


def explains(planted: Planted, alarm: Alarm) -> bool:
    """Whether an alarm is about a planted defect."""
    if planted.table != alarm.table or planted.day != alarm.batch:
        return False
    if planted.day is None:
        return alarm.dimension is Dimension.SCHEMA
    return planted.column in (None, alarm.column)


def score(key: Sequence[Planted], raised: Sequence[Alarm]) -> Score:
    """Return which defects were found, and which alarms nothing explains."""
    found = [planted for planted in key if any(explains(planted, alarm) for alarm in raised)]
    return Score(
        planted=len(key),
        found=tuple(f"{planted.kind}: {planted.what}" for planted in found),
        missed=tuple(f"{planted.kind}: {planted.what}" for planted in key if planted not in found),
        false_alarms=tuple(alarm for alarm in raised if not any(explains(planted, alarm) for planted in key)),
    )
