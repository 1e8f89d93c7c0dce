"""What the demo says: misses and false alarms as openly as finds, and a live line only where somebody watches."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from dq_assets.cli.output import Output
from dq_assets.demo.faults import Planted
from dq_assets.demo.report import KINDS_TO_FIND, DemoReport, LandingReport
from dq_assets.demo.score import Alarm, defects, score
from dq_assets.demo.telling import tell


def planted(kind: str, day: int) -> Planted:
    return Planted(kind=kind, table="orders", columns=("amount",), landing=1, day=f"2013-12-{day:02}", batches=(f"2013-12-{day:02}",), rows=5, what="broken")


def alarm(batch: str, **changes: Any) -> Alarm:
    said = "5 rows have no amount " + "and more is said of it " * 5
    given = {"landing": 1, "table": "orders", "column": "amount", "batch": batch, "rule_type": "Required", "verdict": "fail", "message": said}
    return Alarm.model_validate({**given, "dimension": "completeness", **changes})


def report(key: list[Planted], raised: list[Alarm], clean_alarms: tuple[Alarm, ...] = ()) -> DemoReport:
    scored = score(key, raised)
    landing = LandingReport(
        number=1, first="2013-12-01", last="2013-12-08", planted=len(key), found=len(scored.found), judged={"pass": 90, "fail": 2},
        alarms=len(raised), false_alarms=len(scored.false_alarms), seconds={"validate": 7.0, "learn": 20.0},
    )  # fmt: skip
    return DemoReport(
        folder="/demo", profiled={"tables": 1, "columns": 4, "rows": 9}, findings=0, tests=3, tests_by_rule={"Required": 3}, judged={"pass": 90, "fail": 2},
        clean_alarms=clean_alarms, defects=tuple(defects(key, raised)), score=scored, landings=(landing,), seconds={"land": 2.0, "total": 29.4},
    )  # fmt: skip


def test_every_defect_has_its_line_and_what_nothing_planted_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    key = [planted("nulls", 2), planted("stuck", 3), planted("gap", 4)]
    told = report(key, [alarm("2013-12-02"), alarm("2013-12-04", landing=2), alarm("2013-12-05", verdict="warn", rule_type="Missing_Pct")])
    tell(told, "out", Output(as_json=False))
    lines = capsys.readouterr().out.splitlines()
    (found,) = [line.split() for line in lines if line.startswith("nulls")]
    assert found[:6] == ["nulls", "orders.amount", "2013-12-02", "5", "fail", "Required:"]
    (missed,) = [line.split() for line in lines if line.startswith("stuck")]
    assert missed[-1] == "MISSED"
    assert next(line for line in lines if line.startswith("gap")).endswith("; with landing 2")
    (false,) = [line for line in lines if line.startswith("orders.amount")]
    assert "2013-12-05" in false
    assert "Missing_Pct" in false
    assert "found 2 of 3 planted defects, 1 false alarms, in 29 s" in lines
    assert any(line.startswith("dq ui out ") for line in lines)


def test_as_json_nothing_is_said_but_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    tell(report([planted("nulls", 2)], []), "out", Output(as_json=True))
    assert capsys.readouterr().out == ""


def test_the_demo_is_ok_when_enough_kinds_are_found_and_clean_landings_are_silent() -> None:
    key = [planted(f"kind {number}", number) for number in range(1, KINDS_TO_FIND + 3)]
    enough = [alarm(item.day) for item in key[:KINDS_TO_FIND]]
    assert report(key, enough).ok
    assert not report(key, enough[1:]).ok
    assert not report(key, enough, clean_alarms=(alarm("2013-12-20"),)).ok


LIVE = "from dq_assets.demo.telling import LiveLine\nwith LiveLine(2).doing('learning') as watch: watch('profile_run')\nprint('the answer')"


@pytest.mark.parametrize("watched", [True, False])
def test_the_live_line_is_drawn_on_stderr_and_only_where_somebody_watches(watched: bool) -> None:
    reader, writer = pty.openpty() if watched else os.pipe()
    try:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
        done = subprocess.run([sys.executable, "-c", LIVE], stdout=subprocess.PIPE, stderr=writer, env=environment, timeout=60, check=True)
        os.write(writer, b"|end|")
        drawn = b""
        while b"|end|" not in drawn:
            drawn += os.read(reader, 65536)
    finally:
        os.close(reader)
        os.close(writer)
    assert done.stdout == b"the answer\n"
    assert (b"learning: profile_run" in drawn) == watched
    assert watched or drawn == b"|end|"
