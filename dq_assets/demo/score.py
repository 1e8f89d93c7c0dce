"""Holding alarms against the answer key.

Decision: an alarm finds a defect when it is on its table and batch, and on one of its columns where it has some, and came with the defect's landing or
later: a day that was not delivered is a gap only once the next day is there. Lost and repeated rows shift every average of their day, and rows with an
impossible date are all there is on that date: any alarm of that table and batch is theirs. Whatever else alarms is a false alarm, and so is what is
still said of a batch after the rest of it has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.demo.faults import Planted
from dq_assets.records.base import Record
from dq_assets.records.enums import Dimension, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.records.tests import Test, TestResult

WORST_FIRST = (Verdict.FAIL.value, Verdict.ERROR.value, Verdict.WARN.value)


class Alarm(Record):
    """A failing test of one batch, as the report shows it."""

    landing: int
    table: str
    column: str | None
    batch: str | None
    rule_type: str
    verdict: str
    message: str
    dimension: Dimension


class Defect(Record):
    """A planted defect and the alarms that are about it, worst first; none: it was missed."""

    planted: Planted
    found_by: tuple[Alarm, ...]


class Score(Record):
    """Defects found and missed (each as ``kind: what``), and alarms that no defect explains."""

    planted: int
    found: tuple[str, ...]
    missed: tuple[str, ...]
    false_alarms: tuple[Alarm, ...]


def alarms(landing: int, results: Sequence[TestResult], tests: dict[str, Test]) -> list[Alarm]:
    """Return the results that are warn, fail or error."""
    return [
        Alarm(
            landing=landing,
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
    if planted.table != alarm.table or alarm.landing < planted.landing or (planted.mended is not None and alarm.landing >= planted.mended):
        return False
    if not planted.batches:
        return alarm.dimension is Dimension.SCHEMA
    return alarm.batch in planted.batches and (alarm.batch != planted.day or not planted.columns or alarm.column in planted.columns)


def defects(key: Sequence[Planted], raised: Sequence[Alarm]) -> list[Defect]:
    """Return each planted defect with what found it."""
    ordered = sorted(raised, key=lambda alarm: WORST_FIRST.index(alarm.verdict))
    return [Defect(planted=planted, found_by=tuple(alarm for alarm in ordered if explains(planted, alarm))) for planted in key]


def score(key: Sequence[Planted], raised: Sequence[Alarm]) -> Score:
    """Return which defects were found, and which alarms nothing explains."""
    named = [(f"{defect.planted.kind}: {defect.planted.what}", bool(defect.found_by)) for defect in defects(key, raised)]
    return Score(
        planted=len(key),
        found=tuple(name for name, found in named if found),
        missed=tuple(name for name, found in named if not found),
        false_alarms=tuple(alarm for alarm in raised if not any(explains(planted, alarm) for planted in key)),
    )
