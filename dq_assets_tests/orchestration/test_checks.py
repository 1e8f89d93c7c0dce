"""What checks publish, at each granularity, and what changes it without a reload."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dq_assets.orchestration import build_table_group_defs
from dq_assets.orchestration.check_plan import Place, PlannedCheck
from dq_assets.orchestration.check_results import outcome
from dq_assets.records.enums import Severity, Verdict
from dq_assets.records.table_list import read_table_list
from dq_assets.records.tests import Bound, TestResult, Thresholds, Unit

from .learned_sales import ORDERS
from .test_definitions import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_assets.records.tests import Test

    from .learned_sales import Sales

AGAIN = {"dq/run_token": "once"}
LOV_CHECK = {"table": "dq_table", "dimension": "dq_validity", "rule": "dq_lov_match_status"}


def names(definitions: dg.Definitions) -> set[str]:
    return {key.name for key in definitions.resolve_asset_graph().asset_check_keys if key.asset_key == ORDERS}


def test_granularity_says_which_checks_a_table_has(sales: Callable[..., Sales]) -> None:
    project = sales(check_granularity="table")
    assert names(project.definitions()) == {"dq_table", "dq_hygiene"}
    group = project.settings.table_groups["sales"].model_copy(update={"check_granularity": "rule"})
    by_rule = project.settings.model_copy(update={"table_groups": {"sales": group}})
    found = names(build_table_group_defs(by_rule, "sales"))
    tests = [test for test in project.store.tests(project.group_id) if test.table.table_name == "orders"]
    assert found >= {"dq_lov_match_status", "dq_row_ct", "dq_required_order_id", "dq_hygiene"}
    assert len(found) == len(tests) + 1


@pytest.mark.parametrize("granularity", list(LOV_CHECK))
def test_at_every_granularity_what_is_published_is_what_was_judged(sales: Callable[..., Sales], granularity: str) -> None:
    project = sales(check_granularity=granularity)
    project.land(broken=True)
    published = project.run(project.definitions())
    run = project.store.latest_test_run(project.group_id)
    assert published.success
    assert run is not None
    lov = project.test("LOV_Match", "status")
    assert project.alarms(run.test_run_id) == {lov.test_id}
    assert published.failed == {("orders", LOV_CHECK[granularity])}
    assert sum(item.metadata["failed_tests"].value for item in published.checks.values()) == 1
    judged = {item.test_id for item in project.store.test_results(run.test_run_id) if item.result_status in (Verdict.PASS, Verdict.FAIL, Verdict.WARN)}
    assert sum(item.metadata["tests"].value for item in published.checks.values()) == len(judged)


@pytest.mark.parametrize("granularity", list(LOV_CHECK))
def test_a_check_launched_alone_evaluates_its_own_tests_and_no_other(sales: Callable[..., Sales], granularity: str) -> None:
    project = sales(check_granularity=granularity)
    project.land(broken=True)
    name = LOV_CHECK[granularity]
    published = project.run(project.definitions(), dg.AssetSelection.checks(dg.AssetCheckKey(ORDERS, name)))
    assert published.failed == set(published.checks) == {("orders", name)}
    ran = {item.test_id for item in project.store.test_results(published.value(name, "test_run_id"))}
    behind = [test for test in project.store.tests(project.group_id) if test.table.table_name == "orders"]
    lov = project.test("LOV_Match", "status")
    wanted = {"table": behind, "dimension": [test for test in behind if test.dimension is lov.dimension], "rule": [lov]}
    assert ran == {test.test_id for test in wanted[granularity]}
    assert project.store.latest_test_run(project.group_id) is None, "a part of the suite is no verdict"


def test_a_check_launched_alone_again_looks_at_the_data_again(sales: Callable[..., Sales]) -> None:
    project = sales()
    definitions, alone = project.definitions(), dg.AssetSelection.checks(dg.AssetCheckKey(ORDERS, "dq_validity"))
    project.land(broken=True)
    assert not project.run(definitions, alone, tags=AGAIN).of("dq_validity").passed
    project.land(broken=False)
    assert project.run(definitions, alone, tags=AGAIN).of("dq_validity").passed


def test_a_test_learned_after_loading_is_judged_and_breaks_no_publishing(sales: Callable[..., Sales]) -> None:
    project = sales(check_granularity="rule")
    listed = read_table_list(project.settings.metadata.folder, "sales")
    assert listed is not None
    lov = project.test("LOV_Match", "status")
    older = listed.model_copy(update={"tests": tuple(test for test in listed.tests if test.test_id != lov.test_id)})
    project.land(broken=True)
    published = project.run(build_table_group_defs(project.settings, "sales", shared=False, table_list=older))
    run = project.store.latest_test_run(project.group_id)
    assert published.success
    assert run is not None
    assert project.alarms(run.test_run_id) == {lov.test_id}
    assert not published.failed
    assert project.store.alerts("default"), "what no check shows is told all the same"


def test_switching_a_test_off_muting_it_and_moving_its_bound_need_no_reload(sales: Callable[..., Sales]) -> None:
    project = sales(check_granularity="rule")
    definitions, lov, name = project.definitions(), project.test("LOV_Match", "status"), LOV_CHECK["rule"]
    project.land(broken=True)
    assert not project.run(definitions).of(name).passed

    project.edit(lov, muted_until=NOW + timedelta(days=36500))
    muted = project.run(definitions)
    assert muted.of(name).passed
    assert muted.value(name, "failed_tests") == 0
    assert [record.data["test"] for record in muted.of(name).metadata["muted_tests"].records] == ["LOV_Match of status"]  # type: ignore[union-attr]
    assert "1 more fail and are muted" in str(muted.of(name).description)
    run = project.store.latest_test_run(project.group_id)
    assert run is not None
    assert project.alarms(run.test_run_id) == {lov.test_id}, "the result is stored as it is"

    project.edit(lov, muted_until=None, thresholds=Thresholds(error=Bound(maximum=0.5), unit=Unit.SHARE))
    moved = project.run(definitions)
    assert moved.of(name).passed
    assert "muted_tests" not in moved.of(name).metadata

    project.edit(lov, enabled=False)
    off = project.run(definitions)
    assert ("orders", name) not in off.checks, "a check whose only test is off says nothing"
    assert off.checks
    assert not off.failed


def result(test: Test, status: Verdict, severity: Severity | None, batch: str | None = None) -> TestResult:
    return TestResult(
        test_result_id=f"{test.test_id}{batch}",
        test_run_id="r",
        test_id=test.test_id,
        test_version=1,
        project_key="p",
        table_name="orders",
        batch_key=batch,
        result_status=status,
        severity=severity,
        detected_at=NOW,
    )


@pytest.mark.parametrize(
    ("given", "passed", "severity"),
    [
        ([(Verdict.PASS, None)], True, "ERROR"),
        ([(Verdict.PASS, Severity.INFO)], True, "ERROR"),
        ([(Verdict.PASS, None), (Verdict.WARN, Severity.WARNING)], False, "WARN"),
        ([(Verdict.WARN, Severity.WARNING), (Verdict.FAIL, Severity.ERROR)], False, "ERROR"),
        ([(Verdict.FAIL, Severity.FATAL)], False, "ERROR"),
        ([(Verdict.ERROR, Severity.WARNING)], False, "ERROR"),
        ([(Verdict.ERROR, Severity.INFO)], False, "WARN"),
        ([(Verdict.SKIPPED, None), (Verdict.LEARNING, None)], True, "ERROR"),
    ],
)
def test_verdicts_become_a_colour(sales: Callable[..., Sales], given: list[tuple[Verdict, Severity | None]], passed: bool, severity: str) -> None:
    test = sales().test("LOV_Match", "status")
    results = [result(test, status, level, f"2024-03-{day:02}") for day, (status, level) in enumerate(given, start=1)]
    check = PlannedCheck(dg.AssetCheckKey(ORDERS, "dq_table"), Place(test.table), "")
    found = outcome(check, [test], {test.test_id: results}, NOW)
    assert (not found.failing, found.severity.value) == (passed, severity)
    assert len(found.judged) == sum(status not in (Verdict.SKIPPED, Verdict.LEARNING) for status, _ in given)


@pytest.mark.parametrize(
    ("status", "severity", "holds_back"),
    [
        (Verdict.FAIL, Severity.FATAL, True),
        (Verdict.ERROR, Severity.FATAL, True),
        (Verdict.FAIL, Severity.ERROR, False),
        (Verdict.WARN, Severity.WARNING, False),
        (Verdict.PASS, None, False),
    ],
)
def test_a_test_with_a_fatal_bound_holds_back_only_when_it_breaks_that_or_cannot_be_evaluated(
    sales: Callable[..., Sales], status: Verdict, severity: Severity | None, holds_back: bool
) -> None:
    test = sales().test("LOV_Match", "status")
    check = PlannedCheck(dg.AssetCheckKey(ORDERS, "dq_fatal"), Place(test.table, fatal=True), "")
    assert bool(outcome(check, [test], {test.test_id: [result(test, status, severity)]}, NOW).failing) == holds_back


def test_a_mute_that_has_ended_counts_no_more(sales: Callable[..., Sales]) -> None:
    test = sales().test("LOV_Match", "status").model_copy(update={"muted_until": NOW})
    check = PlannedCheck(dg.AssetCheckKey(ORDERS, "dq_table"), Place(test.table), "")
    failing = {test.test_id: [result(test, Verdict.FAIL, Severity.ERROR)]}
    assert outcome(check, [test], failing, NOW).failing
    assert not outcome(check, [test], failing, NOW - timedelta(seconds=1)).failing
