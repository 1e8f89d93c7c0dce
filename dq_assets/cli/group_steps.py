"""One step on one group: call it, show what it returned, return that as plain data for the document.

Decision: ``dq run`` and the command of a single step share these, so that both say the same. ``brief`` leaves out what a person asks for by
running the step alone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from dq_assets.cli.output import counted, plain
from dq_assets.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq_assets.cli.invocation import Invocation
    from dq_assets.records.profiles import Finding
    from dq_assets.records.tests import Test, TestResult
    from dq_assets.steps.context import RunRequest, StepContext

PARAMETERS_SHOWN = 60
VERDICTS_SHOWN = ("fail", "warn", "error", "pass", "skipped", "learning")


def registered(call: Invocation, steps: StepContext, group: str, request: RunRequest, *, brief: bool = False) -> dict[str, Any]:
    """Register a group."""
    from dq_assets.steps.register import register

    found = register(steps, group, request.started_at, actor="cli")
    tables = [{"table": str(table.name), "batch": table.batch.model_dump(mode="json"), "columns": len(table.columns)} for table in found.tables]
    timed = sum(table.batch.is_timed for table in found.tables)
    call.output.line(f"{group}: registered {counted(len(tables), 'table')}, {timed} in timed batches; {_changes(found.changes)}.")
    if not brief:
        call.output.table(
            ["table", "columns", "batch"], [(str(table.name), len(table.columns), batch_words(table.batch)) for table in found.tables], right=["columns"]
        )
    return {"tables": tables, "changes": found.changes}


def planned(call: Invocation, steps: StepContext, group: str, request: RunRequest) -> dict[str, Any]:
    """Say what profiling a group would ask of its source."""
    from dq_assets.steps.profile_plan import plan_of_profile

    tables = plan_of_profile(steps, group, request)
    due = [table for table in tables if not table.unchanged]
    statements, known = sum(table.statements for table in due), [table.size_bytes for table in due if table.size_bytes is not None]
    size = f", {_size(sum(known))} in the {counted(len(known), 'table')} whose size is known" if known else ""
    unchanged = len(tables) - len(due)
    left = f"; {counted(unchanged, 'table')} unchanged, of which only dates are read" if unchanged else ""
    call.output.line(f"{group}: {counted(len(due), 'table')} to profile in at most {counted(statements, 'statement')}{size}{left}. Nothing was profiled.")
    rows = [
        (t.table, t.columns, t.batches, t.plan, "" if t.unchanged else t.statements, _size(t.size_bytes), "unchanged" if t.unchanged else "") for t in tables
    ]
    call.output.table(["table", "columns", "batches", "by", "statements", "size", ""], rows, right=["columns", "statements", "size"])
    return {"tables": [table.model_dump(mode="json") for table in tables]}


def _size(number: int | None) -> str:
    if number is None:
        return "unknown"
    from rich.filesize import decimal

    return decimal(number)


def profiled(call: Invocation, steps: StepContext, group: str, request: RunRequest, *, brief: bool = False) -> dict[str, Any]:
    """Profile a group."""
    from dq_assets.steps.profile import profile
    from dq_assets.steps.reports import reports_folder, reports_of

    run = profile(steps, group, request, call.output.progress)
    findings = sorted(steps.store.findings(run.profile_run_id), key=lambda item: (-item.severity.rank, item.table.table_name, item.column_name or ""))
    shown = [_finding(item) for item in findings]
    read = f"{counted(run.table_count, 'table')}, {counted(run.column_count, 'column')}, {counted(run.row_count, 'row')}"
    hint = " (`dq profile` lists them)" if brief and findings else ""
    call.output.line(f"{group}: profiled {read} as of {_moment(run.as_of)}; {counted(len(findings), 'finding')}{hint}.")
    if not brief:
        columns = ["severity", "table", "column", "finding", "detail", "affected_rows"]
        call.output.table([*columns[:-1], "rows"], [[item[column] for column in columns] for item in shown], right=["rows"])
    reports = [str(path) for path in reports_of(steps, group)]
    if reports and not brief:
        call.output.line(f"Reports: {reports[0]}" if len(reports) == 1 else f"Reports: {len(reports)} pages in {reports_folder(steps, group)}")
    return {"run": run, "findings": shown, "reports": reports}


def suggested(call: Invocation, steps: StepContext, group: str, request: RunRequest, *, dropped: bool = False, brief: bool = False) -> dict[str, Any]:
    """Learn a group's suite."""
    from dq_assets.steps.suggest import suggest

    suite = suggest(steps, group, request.started_at, actor="cli")
    changes = {name: len(getattr(suite.change, name)) for name in ("created", "updated", "unchanged", "disabled")}
    tests = [described(test) for test in suite.tests]
    said = ", ".join(f"{number:,} {name}" for name, number in changes.items())
    hint = "" if dropped or brief else " (--dropped lists them)"
    call.output.line(f"{group}: {counted(len(tests), 'test')} in the suite ({said}); {len(suite.dropped):,} considered and dropped{hint}.")
    if not brief:
        columns = ["table", "column", "rule", "parameters", "severity", "expected", "origin"]
        call.output.table(
            columns,
            [[*_where(test), parameters_in_words(test), *(entry[column] for column in columns[4:])] for test, entry in zip(suite.tests, tests, strict=True)],
        )
    if dropped and suite.dropped:
        call.output.line("Considered and dropped:")
        call.output.table(["table", "column", "rule", "why"], [(item.table, item.column, item.rule_type, item.reason) for item in suite.dropped])
    listed = [{"table": item.table, "column": item.column, "rule": item.rule_type, "reason": item.reason} for item in suite.dropped]
    return {"changes": changes, "tests": tests, "dropped": listed if dropped else len(listed)}


def tested(call: Invocation, steps: StepContext, group: str, request: RunRequest) -> dict[str, Any]:
    """Test a group; a fail verdict notes exit code 1, an error verdict 3.

    Raises:
        EvaluationError: the group has no tests, or the batches asked for are not there.
    """
    from dq_assets.steps.provision import ensure_ready
    from dq_assets.steps.test import test

    ensure_ready(steps, request.started_at)
    known = {item.test_id: item for item in steps.store.tests(steps.group(group).table_group_id)}
    run = test(steps, group, request, progress=call.output.progress)
    results = steps.store.test_results(run.test_run_id)
    counts = Counter(result.result_status.value for result in results)
    batches = sorted({result.batch_key for result in results if result.batch_key is not None})
    failing = [_result(result, known.get(result.test_id)) for result in sorted(results, key=_worst_first) if result.result_status.is_alarm]
    _show_failing(call, group, failing)
    verdicts = " · ".join(f"{counts[name]:,} {name}" for name in VERDICTS_SHOWN if counts[name] or name in VERDICTS_SHOWN[:4])
    call.output.line(f"{group}: {verdicts} ({counted(len({result.test_id for result in results}), 'test')}; {span(batches, counts)}).", _style(counts))
    if counts["fail"]:
        call.note(1)
    if counts["error"]:
        call.note(EvaluationError.exit_code)
    return {"run": run, "verdicts": dict(counts), "batches": batches, "failing": failing}


def alerted(call: Invocation, steps: StepContext, group: str, request: RunRequest, test_run_id: str | None = None) -> dict[str, Any]:
    """Write the alerts of a test run, the newest in data time by default, and of the newest profile."""
    from dq_assets.steps.alert import alert

    told = alert(steps, group, request, test_run_id)
    call.output.line(f"{group}: {counted(len(told.alerts), 'alert')}, {told.new:,} new.")
    return {"alerts": len(told.alerts), "new": told.new}


def batch_words(batch: Any) -> str:
    """Return a batch specification in words."""
    return f"{batch.grain} of {batch.column}" if batch.is_timed else "whole table"


def span(batches: Sequence[str], verdicts: Mapping[str, int]) -> str:
    """Return what was judged in words: the span of sorted batch keys, else whole tables, else nothing where every verdict is an error."""
    if not batches:
        return "whole tables" if any(verdicts[name] for name in verdicts if name != "error") else "nothing judged"
    return f"batch {batches[0]}" if len(batches) == 1 else f"{len(batches):,} batches, {batches[0]} to {batches[-1]}"


def _changes(changes: dict[str, Any]) -> str:
    """Return what registering changed in words; whether the group was there before shows in its name."""
    if not changes:
        return "nothing changed"
    if "name" in changes:
        return "recorded for the first time"
    moved = [
        f"{key.removeprefix('table.')} {'added' if change['new'] == 'present' else change['new']}"
        for key, change in changes.items()
        if key.startswith("table.")
    ]
    return ", ".join([*moved, *(["settings changed"] if len(moved) < len(changes) else [])])


def _show_failing(call: Invocation, group: str, failing: Sequence[dict[str, Any]]) -> None:
    judged = [entry for entry in failing if entry["verdict"] != "error"]
    columns = ["table", "column", "rule", "batch", "verdict", "message", "expected", "failed_rows"]
    if judged:
        call.output.line(f"{group}: failing tests")
    call.output.table([*columns[:-1], "rows"], [[entry[column] for column in columns] for entry in judged], right=["rows"])
    # A source that cannot be read errs every test alike: say it once, where errors are said.
    causes = Counter(str(entry["error"]) for entry in failing if entry["verdict"] == "error")
    for cause, times in causes.items():
        call.output.complain(f"{group}: {counted(times, 'result')} could not be evaluated: {plain(cause)}")


def _worst_first(result: TestResult) -> tuple[int, str, str, str, str]:
    rank = result.severity.rank if result.severity else 0
    return (-rank, result.table_name, result.column_name or "", result.test_id, result.batch_key or "")


def _style(counts: Counter[str]) -> str:
    return "red" if counts["fail"] or counts["error"] else "yellow" if counts["warn"] else "green"


def _where(test: Test) -> tuple[str, str, str]:
    return str(test.table), ", ".join(test.columns), test.rule_type if test.origin.value == "generated" else f"{test.rule_type}: {test.name}"


def parameters_in_words(test: Test) -> str:
    """Return a test's parameters in one line, cut where it is long."""
    from dq_assets.rules.catalogue import rule_type

    def words(name: str, value: object) -> str:
        if isinstance(value, dict):
            return counted(len(value), "column")
        said = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else f"{value:.6g}" if isinstance(value, float) else str(value)
        return f"{name} {said}"

    text = plain("; ".join(words(name, test.parameters[name]) for name in rule_type(test.rule_type).parameters if name in test.parameters))
    return text if len(text) <= PARAMETERS_SHOWN else f"{text[: PARAMETERS_SHOWN - 1]}…"


def described(test: Test) -> dict[str, Any]:
    """Return a test as plain data for the document."""
    from dq_assets.rules.verdicts import expectation

    return {
        "test_id": test.test_id,
        "name": test.name,
        "table": str(test.table),
        "columns": list(test.columns),
        "rule": test.rule_type,
        "parameters": test.parameters,
        "dimension": test.dimension.value,
        "severity": test.thresholds.severity.value,
        "expected": expectation(test),
        "origin": test.origin.value,
        "version": test.version,
    }


def _result(result: TestResult, test: Test | None) -> dict[str, Any]:
    where = _where(test) if test else (result.table_name, result.column_name, result.test_id)
    return {
        "test_id": result.test_id,
        "name": test.name if test else result.test_id,
        "table": where[0],
        "column": where[1] or None,
        "rule": where[2],
        "batch": result.batch_key,
        "verdict": result.result_status.value,
        "severity": result.severity.value if result.severity else None,
        "message": result.message,
        "error": result.error_message,
        "expected": result.expected_value,
        "actual": result.actual_value,
        "failed_rows": result.failed_rows,
        "rows_tested": result.rows_tested,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "likelihood": finding.likelihood.value,
        "table": str(finding.table),
        "column": finding.column_name,
        "finding": _finding_name(finding.anomaly_type_id),
        "detail": finding.detail,
        "affected_rows": finding.affected_rows,
    }


def _finding_name(anomaly_type_id: int) -> str:
    from dq_assets.profiling.findings import FINDING_TYPES

    return next((kind.name for kind in FINDING_TYPES if kind.anomaly_type_id == anomaly_type_id), str(anomaly_type_id))


def _moment(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
