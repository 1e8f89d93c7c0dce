"""What a check says of the results behind it: passed or not, how badly, and what a person needs to see why.

Decision: everything is read once for all checks of a step, one statement a kind, and then told apart by check: recording 300 checks costs Dagster
seconds, and reading must not add to them. A passing check says little; a failing one shows its three worst tests.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from dq_assets.orchestration import metadata as show
from dq_assets.orchestration.check_plan import tests_behind
from dq_assets.orchestration.plots import Point, image, sparkline
from dq_assets.records.enums import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq_assets.orchestration.check_plan import PlannedCheck
    from dq_assets.orchestration.graph import GroupGraph
    from dq_assets.records.table_list import ListedTable
    from dq_assets.records.tables import TableName
    from dq_assets.records.tests import FailedRow, PastMeasure, Test, TestResult, TestRun
    from dq_assets.steps.context import StepContext

TESTS_DETAILED, BATCHES_PLOTTED = 3, 60
SAMPLE_ROWS, SAMPLE_COLUMNS, SAMPLE_LENGTH = 5, 12, 80
"""Failing rows of each detailed test, columns of them (the tested ones first), characters of a value."""
SAMPLE_BUDGET, MUTED_BUDGET, SQL_BUDGET, LABEL_BUDGET = 10_000, 4_000, 2_800, 400
"""Bytes as JSON, so that all metadata of a check stays below 50 kB: of the sample, the muted tests, each statement and each label."""
VOLUME_RULE = "Row_Ct"
"""The rule whose trend a passing check shows: how much arrived is worth a look before it breaks a bound."""
NO_FATAL_TEST = "No test with a fatal bound judged anything."


class Outcome(NamedTuple):
    """The results behind one check: what was judged, what of it fails, and what fails but is muted."""

    judged: list[TestResult]
    failing: list[TestResult]
    muted: list[TestResult]

    @property
    def severity(self) -> dg.AssetCheckSeverity:
        """WARN where only warnings fail (or what has no bound could not be evaluated), else ERROR."""
        severe = (item for item in self.failing if item.result_status is not Verdict.WARN and item.severity is not Severity.INFO)
        return dg.AssetCheckSeverity.ERROR if next(severe, None) or not self.failing else dg.AssetCheckSeverity.WARN


@dataclass(frozen=True)
class Publication:
    """A completed run's results, and what the checks of a step need beside them."""

    tables: Mapping[TableName, ListedTable]
    timezone: str
    run: TestRun
    tests: Mapping[str, Test]
    outcomes: Mapping[dg.AssetCheckKey, Outcome]
    since: Mapping[str, str]
    rows: Mapping[str, Sequence[FailedRow]]
    history: Mapping[str, Sequence[PastMeasure]]
    dialect: str
    as_of: datetime
    """Wall-clock time of the run in the group's zone, naive."""

    @classmethod
    def read(cls, steps: StepContext, graph: GroupGraph, run: TestRun, checks: Mapping[dg.AssetCheckKey, PlannedCheck], now: datetime) -> Publication:
        """Read what the checks will say of a completed run.

        Args:
            steps: settings and store.
            graph: the group.
            run: the run.
            checks: those that will be published.
            now: a test counts as muted whose mute ends after this.
        """
        behind = tests_behind(checks, steps.store.tests(steps.group(graph.name).table_group_id, enabled_only=False))
        by_test: dict[str, list[TestResult]] = defaultdict(list)
        for result in steps.store.test_results(run.test_run_id):
            by_test[result.test_id].append(result)
        outcomes = {key: outcome(check, behind.get(key, ()), by_test, now) for key, check in checks.items()}
        tests = {test.test_id: test for placed in behind.values() for test in placed}
        failing = [result for found in outcomes.values() for result in (*found.failing, *found.muted)]
        plotted = {test_id for found in outcomes.values() for test_id in detailed(found, tests)}
        return cls(
            tables={table.name: table for table in graph.tables},
            timezone=graph.group.timezone,
            run=run,
            tests=tests,
            outcomes=outcomes,
            since={test_id: _minute(began) for test_id, began in steps.store.failing_since(sorted({item.test_id for item in failing})).items()},
            rows=steps.store.failed_rows(run.test_run_id, first=SAMPLE_ROWS) if failing else {},
            history=steps.store.measure_history(sorted(plotted), BATCHES_PLOTTED, including=run.test_run_id) if plotted else {},
            dialect=steps.engine(graph.name).capabilities.dialect if failing else "",
            as_of=steps.wall_clock(graph.name, run.as_of),
        )

    def result(self, check: PlannedCheck) -> dg.AssetCheckResult | None:
        """Return what a check publishes; None where no test behind it judged anything, but a check that holds back always speaks."""
        found = self.outcomes[check.key]
        if not found.judged and not check.place.fatal:
            return None
        return dg.AssetCheckResult(
            asset_key=check.key.asset_key,
            check_name=check.key.name,
            passed=not found.failing,
            severity=found.severity,
            description=self._sentence(found),
            metadata={**self._figures(check, found), **self._details(found)},
        )

    def _sentence(self, found: Outcome) -> str:
        """Return the result in a line of markdown, which is what Dagster takes it for."""
        tests, failing, muted = (len({item.test_id for item in items}) for items in found)
        quiet = f"; {muted} more fail and are muted" if muted else ""
        if failing:
            worst = [_label(self.tests[test_id]) for test_id in detailed(found, self.tests)]
            more = f" and {failing - len(worst)} more" if failing > len(worst) else ""
            return f"{failing} of {tests} tests failed: {', '.join(worst)}{more}{quiet}."
        if not tests:
            return NO_FATAL_TEST
        return f"{tests - muted} of {tests} tests passed{quiet}."

    def _figures(self, check: PlannedCheck, found: Outcome) -> dict[str, Any]:
        """Return the few numbers that Dagster plots over time, the same labels each time."""
        counted = [item for item in found.judged if item.rule_passed is not None]
        figures: dict[str, Any] = {
            "tests": len({item.test_id for item in found.judged}),
            "failed_tests": len({item.test_id for item in found.failing}),
            "failed_rows": sum(item.failed_rows or 0 for item in found.failing),
        }
        if counted:
            figures["pass_rate"] = sum(item.rule_passed is True for item in counted) / len(counted)
        newest = max(found.judged, key=lambda item: item.batch_key or "", default=None)
        if check.place.test_id is not None and newest is not None and newest.sensor_value is not None and math.isfinite(newest.sensor_value):
            figures["measure"] = newest.sensor_value
        return {**figures, "test_run_id": self.run.test_run_id}

    def _details(self, found: Outcome) -> dict[str, Any]:
        ids = detailed(found, self.tests)
        details: dict[str, Any] = {}
        if trends := "\n\n".join(filter(None, map(self._trend, ids))):
            details["trend"] = dg.MetadataValue.md(trends)
        if found.failing:
            failing = worst_results(found.failing)
            highest = max((item.severity or Severity.ERROR for item in found.failing), key=lambda severity: severity.rank)
            batches = Counter(item.test_id for item in found.failing)
            details |= {"severity": highest.value, "failing_tests": show.failing_tests(list(failing.values()), self.tests, self.since, batches=batches)}
            worst = {test_id: failing[test_id] for test_id in ids}
            if sample := self._sample(worst):
                details["sample_rows"] = show.table(sample, SAMPLE_BUDGET, SAMPLE_LENGTH)
            if statements := self._statements(worst):
                details["sql"] = dg.MetadataValue.md(statements)
        if found.muted:
            details["muted_tests"] = show.table([self._muted(item) for item in worst_results(found.muted).values()], MUTED_BUDGET)
        if found.failing and self.run.dagster_run_id:
            details["run"] = dg.MetadataValue.dagster_run(self.run.dagster_run_id)
        return details

    def _sample(self, worst: Mapping[str, TestResult]) -> list[dict[str, object]]:
        """Return the kept failing rows of each test's worst result, masked as they were kept."""
        sampled = [(self.tests[test_id], result, row.row) for test_id, result in worst.items() for row in self.rows.get(result.test_result_id, ())]
        # With `store_values: none` a row is kept without any value: it says nothing.
        sampled = [(test, result, row) for test, result, row in sampled if any(value is not None for value in row.values())]
        tested = [column for test, _, row in sampled for column in test.columns if column in row]
        columns = list(dict.fromkeys([*tested, *(column for _, _, row in sampled for column in row)]))[:SAMPLE_COLUMNS]
        test_heading, batch_heading = (_free(name, columns) for name in ("test", "batch"))
        many = len({test.test_id for test, _, _ in sampled}) > 1
        return [
            {
                **({test_heading: show.test_label(test)} if many else {}),
                **({batch_heading: result.batch_key} if any(item.batch_key for item in worst.values()) else {}),
                **{column: row.get(column) for column in columns},
            }
            for test, result, row in sampled
        ]

    def _statements(self, worst: Mapping[str, TestResult]) -> str:
        from dq_assets.profiling.plan import TablePlan
        from dq_assets.steps.explain import explain

        blocks: list[str] = []
        for test_id, result in worst.items():
            test = self.tests[test_id]
            if (table := self.tables.get(test.table)) is None:
                continue
            plan = TablePlan(table=table.name, columns=table.columns, batch=table.batch, timezone=self.timezone, as_of=self.as_of)
            statement = explain(test, plan, self.dialect, tables=self.tables, batch_key=result.batch_key)
            if statement is not None:
                cut = show.within(statement, SQL_BUDGET)
                note = f"\n\nThe first {len(cut):,} of {len(statement):,} characters." if cut != statement else ""
                blocks.append(f"{_label(test)}\n\n{show.fenced(cut, 'sql')}{note}")
        return "\n\n".join(blocks)

    def _trend(self, test_id: str) -> str | None:
        """Return the plot of a test's last measures with its label; None where there are none to compare."""
        from dq_assets.rules.verdicts import expectation

        test = self.tests[test_id]
        points, band, unit = plotted(test, self.history.get(test_id, ()))
        if len(points) < 2:
            return None
        return f"{_label(test)}, expected {show.escaped(expectation(test))}\n\n{image(sparkline(points, band, unit=unit), 'trend')}"

    def _muted(self, result: TestResult) -> dict[str, object]:
        test = self.tests[result.test_id]
        until = _minute(test.muted_until) if test.muted_until else None
        return {"test": show.test_label(test), "batch": result.batch_key, "what": result.error_message or result.message, "muted until": until}


def outcome(check: PlannedCheck, tests: Iterable[Test], by_test: Mapping[str, Sequence[TestResult]], now: datetime) -> Outcome:
    """Return the results behind a check; of a check that holds back only a broken fatal bound, or what could not be evaluated, fails."""
    found = Outcome([], [], [])
    for test in tests:
        muted = test.muted_until is not None and test.muted_until > now
        for result in by_test.get(test.test_id, ()):
            if result.result_status in (Verdict.SKIPPED, Verdict.LEARNING):
                continue
            found.judged.append(result)
            if result.result_status.is_alarm and (not check.place.fatal or result.severity is Severity.FATAL):
                (found.muted if muted else found.failing).append(result)
    return found


def detailed(found: Outcome, tests: Mapping[str, Test]) -> list[str]:
    """Return the ids of the tests a check shows in detail: its worst failing ones, or while it passes the one that counts rows."""
    if found.failing:
        worst = worst_results(found.failing)
        return sorted(worst, key=lambda test_id: (*(-bad for bad in _badness(worst[test_id])[:2]), show.test_label(tests[test_id])))[:TESTS_DETAILED]
    volumes = {item.test_id for item in found.judged if tests[item.test_id].rule_type == VOLUME_RULE}
    return sorted(volumes)[:1]


def plotted(test: Test, history: Iterable[PastMeasure]) -> tuple[list[Point], tuple[float | None, float | None], str]:
    """Return the points of a test's plot, the band that breaks no bound at all, and the unit: shares are plotted in percent."""
    from dq_assets.records.tests import Unit

    share = test.thresholds.unit is Unit.SHARE
    bounds = [bound for bound in (test.thresholds.warning, test.thresholds.error, test.thresholds.fatal) if bound is not None]
    low = max((bound.minimum for bound in bounds if bound.minimum is not None), default=None)
    high = min((bound.maximum for bound in bounds if bound.maximum is not None), default=None)
    scale = 100.0 if share else 1.0
    points = [
        Point(
            label=item.batch_key or f"{item.at:%Y-%m-%d %H:%M}",
            value=scale * item.value / (item.rows_tested or 1) if share else item.value,
            failed=item.result_status.is_alarm,
        )
        for item in history
    ]
    band = (low if low is None else scale * low, high if high is None else scale * high)
    return points, band, " %" if share else ""


def _badness(result: TestResult) -> tuple[int, int, str]:
    """Return what makes a result worse than another: severity, failed rows, a newer batch."""
    return ((result.severity or Severity.ERROR).rank, result.failed_rows or 0, result.batch_key or "")


def worst_results(results: Iterable[TestResult]) -> dict[str, TestResult]:
    """Return the worst result of each test by test id: by severity, then by failed rows, then the newest batch."""
    worst: dict[str, TestResult] = {}
    for result in results:
        if result.test_id not in worst or _badness(result) > _badness(worst[result.test_id]):
            worst[result.test_id] = result
    return worst


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _label(test: Test) -> str:
    return show.code(show.within(show.test_label(test), LABEL_BUDGET))


def _free(name: str, columns: Sequence[str]) -> str:
    """Return a heading that none of the customers' columns has."""
    while name in columns:
        name = f"({name})"
    return name
