"""Asset checks on the source tables: published by reading back what ``test_results`` and ``profile_run`` stored.

Decision: checks are stable, rules are data. Which tests stand behind a check may change without a reload; a check without tests yields no result; a
check launched alone evaluates just its own tests. In a blocking group the order is turned around: the step that publishes judges the batches
itself and ``test_results`` reads back, because Dagster lets all that comes after a table wait for its blocking checks, ``test_results`` too.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from dq_assets.orchestration import metadata as show
from dq_assets.orchestration.check_plan import PlannedCheck, is_blocking, planned_checks, tests_behind
from dq_assets.orchestration.check_results import NO_FATAL_TEST, Publication
from dq_assets.orchestration.failures import told
from dq_assets.orchestration.graph import GroupGraph
from dq_assets.orchestration.keys import HYGIENE_CHECK
from dq_assets.orchestration.sensors import checks_condition

if TYPE_CHECKING:
    from dq_assets.records.tests import TestRun
    from dq_assets.steps.context import RunRequest, StepContext

Selected = Mapping[dg.AssetCheckKey, PlannedCheck]
"""The checks to publish, in the order of their keys."""
ALONE = "checks alone"
"""Tells the run of some checks from the run of the whole suite that the same Dagster run may make."""


def test_checks(graph: GroupGraph) -> dg.AssetChecksDefinition:
    """Return the checks that publish test results, as many as the group's granularity says.

    Raises:
        ConfigError: ``DQ-CONF-021`` when there are more than are allowed.
    """
    settings, planned, blocking = graph.settings, planned_checks(graph), is_blocking(graph)
    specs = [
        dg.AssetCheckSpec(
            key.name,
            asset=key.asset_key,
            additional_deps=[] if blocking else [graph.key("test_results")],
            description=check.description,
            metadata=check.metadata,
            blocking=check.place.fatal,
            automation_condition=checks_condition(graph),
        )
        for key, check in planned.items()
    ]

    @dg.multi_asset_check(name=f"{graph.name}_checks", specs=specs, can_subset=True, pool=graph.pool)
    def publish(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        from dq_assets.orchestration.requests import run_request
        from dq_assets.steps.context import StepContext

        with told(context, graph):
            steps = StepContext.open(settings)
            request = run_request(context.run, context.instance, graph.partitions)
            selected = {key: planned[key] for key in sorted(context.selected_asset_check_keys, key=lambda key: (key.asset_key, key.name))}
            whole = blocking and len(selected) == len(planned)
            run = _judged(steps, graph, request, selected, whole=whole, progress=context.log.info)
            results = _results(steps, graph, request, selected, run)
            if run is not None and any(check.place.fatal and not results[key].passed for key, check in selected.items() if key in results):
                _tell(context, steps, graph, request, run)
        yield from results.values()

    return publish


def judged_before(steps: "StepContext", graph: GroupGraph, request: "RunRequest") -> "TestRun | None":
    """Return the run of the whole suite that the checks of a blocking group completed in this very Dagster run; None where they did not."""
    from dq_assets.orchestration.requests import test_run_id
    from dq_assets.records.enums import RunStatus

    run = steps.store.test_run(test_run_id(steps.group(graph.name).table_group_id, request)) if is_blocking(graph) else None
    return run if run is not None and run.status is RunStatus.COMPLETED and run.dagster_run_id == request.dagster_run_id else None


def _judged(
    steps: "StepContext", graph: GroupGraph, request: "RunRequest", selected: Selected, *, whole: bool, progress: Callable[[str], None]
) -> "TestRun | None":
    """Return the completed run that the checks are about; None where no test is behind them.

    A group that never learned has none: its checks may sit on assets of others, whose runs must not fail for that. Otherwise it is that of
    ``test_results``; a run of the ``whole`` suite that ``test_results`` will read back; or else one of just the tests behind the checks.
    """
    from dq_assets.orchestration.requests import test_run_id
    from dq_assets.records.enums import RunStatus
    from dq_assets.steps.provision import ensure_ready
    from dq_assets.steps.test import test

    group_id = steps.group(graph.name).table_group_id
    ensure_ready(steps, request.started_at)
    if not steps.store.tests(group_id):
        progress(f"table group {graph.name} has no tests yet: start the job {graph.name}_learn")
        return None
    if whole:
        return test(steps, graph.name, request, request.tests, progress)
    if not is_blocking(graph):
        run = steps.store.test_run(test_run_id(group_id, request))
        if run is not None and run.status is RunStatus.COMPLETED:
            return run
    only = {item.test_id for placed in tests_behind(selected, steps.store.tests(group_id)).values() for item in placed}
    if request.tests is not None:
        only &= set(request.tests)
    if not only:
        return None
    return test(steps, graph.name, request.model_copy(update={"token": f"{request.token}, {ALONE}"}), only, progress)


def _results(
    steps: "StepContext", graph: GroupGraph, request: "RunRequest", selected: Selected, run: "TestRun | None"
) -> dict[dg.AssetCheckKey, dg.AssetCheckResult]:
    """Return what each check publishes; a check without a result is absent."""
    if run is not None:
        publication = Publication.read(steps, graph, run, selected, request.started_at)
        return {key: result for key, check in selected.items() if (result := publication.result(check)) is not None}
    return {
        key: dg.AssetCheckResult(asset_key=key.asset_key, check_name=key.name, passed=True, description=NO_FATAL_TEST, metadata={"tests": 0})
        for key, check in selected.items()
        if check.place.fatal
    }


def _tell(context: dg.AssetCheckExecutionContext, steps: "StepContext", graph: GroupGraph, request: "RunRequest", run: "TestRun") -> None:
    """Do here and now what the group's assets do: they come after the tables, so they are held back too."""
    from dq_assets.orchestration.requests import note_judged
    from dq_assets.steps.alert import alert

    alert(steps, graph.name, request, run.test_run_id)
    note_judged(context.run, context.instance, {result.batch_key for result in steps.store.test_results(run.test_run_id) if result.batch_key})


def hygiene_checks(graph: GroupGraph) -> dg.AssetChecksDefinition:
    """Return the checks that publish findings, one per table."""
    settings, group_name = graph.settings, graph.name
    by_key = {key: table for table, key in graph.source_keys.items()}
    profile_key = graph.key("profile_run")
    specs = [
        dg.AssetCheckSpec(HYGIENE_CHECK, asset=key, additional_deps=[profile_key], description=f"Findings of the newest profile of {show.code(str(table))}.")
        for key, table in by_key.items()
    ]

    @dg.multi_asset_check(name=f"{group_name}_hygiene", specs=specs, can_subset=True)
    def publish_hygiene(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        from dq_assets.profiling.findings import FINDING_TYPES
        from dq_assets.records.enums import Severity
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.provision import ensure_ready

        with told(context, graph):
            steps = StepContext.open(settings)
            ensure_ready(steps, datetime.now(UTC))
            names = {kind.anomaly_type_id: kind.name for kind in FINDING_TYPES}
            run = steps.store.latest_profile_run(steps.group(group_name).table_group_id)
            by_table = defaultdict(list)
            for item in steps.store.findings(run.profile_run_id) if run else ():
                by_table[item.table].append(item)
        if run is None:
            return
        for key in sorted(context.selected_asset_check_keys, key=lambda key: key.asset_key):
            mine = by_table[by_key[key.asset_key]]
            worst = max((item.severity.rank for item in mine), default=0)
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=worst < Severity.WARNING.rank,
                severity=dg.AssetCheckSeverity.WARN if worst == Severity.WARNING.rank else dg.AssetCheckSeverity.ERROR,
                description=f"{len(mine)} finding{'s' if len(mine) > 1 else ''}." if mine else "Nothing odd was found.",
                metadata={"findings": len(mine), "profile_run_id": run.profile_run_id, "what_was_found": show.findings_table(mine, names)},
            )

    return publish_hygiene
