"""What the demo found, as ``result.json`` has it."""

from __future__ import annotations

from typing import Any

from dq_assets.demo.score import Alarm, Defect, Score
from dq_assets.records.base import Record

KINDS_TO_FIND = 12


class LandingReport(Record):
    """One landing of December: what was planted in it and what was said of it.

    Attributes:
        judged: results by verdict.
        alarms: those that are warn, fail or error.
        seconds: what noticing, validating and learning took.
    """

    number: int
    first: str
    last: str
    planted: int
    found: int
    judged: dict[str, int]
    alarms: int
    false_alarms: int
    seconds: dict[str, float]

    @property
    def days(self) -> str:
        """The days as a reader wants them."""
        return self.first if self.first == self.last else f"{self.first} to {self.last}"


class DemoReport(Record):
    """What the demo found.

    Attributes:
        profiled: tables, columns and rows of the newest profile.
        tests: tests of the suite after the last learning.
        judged: results of all landings by verdict.
        clean_alarms: false alarms on landings in which nothing was planted.
        defects: what was planted, each with the alarms that are about it.
        seconds: by phase, and ``total``.
    """

    folder: str
    profiled: dict[str, int]
    findings: int
    tests: int
    tests_by_rule: dict[str, int]
    judged: dict[str, int]
    clean_alarms: tuple[Alarm, ...]
    defects: tuple[Defect, ...]
    score: Score
    landings: tuple[LandingReport, ...]
    seconds: dict[str, float]

    @property
    def ok(self) -> bool:
        """Whether at least twelve of the planted kinds were found and no clean landing raised an alarm."""
        return len(self.score.found) >= KINDS_TO_FIND and not self.clean_alarms

    @property
    def false_alarms(self) -> int:
        """Alarms on any landing that no defect explains."""
        return len(self.score.false_alarms)

    def to_json_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON, with the headline counts beside it."""
        return {**self.model_dump(mode="json"), "ok": self.ok, "found": len(self.score.found), "planted": self.score.planted, "false_alarms": self.false_alarms}
