"""Asset checks on the source tables: published by reading back what ``test_results`` and ``profile_run`` stored.

Decision: checks are stable, rules are data. Each table declares one check per dimension and ``dq_hygiene``; which tests stand behind a check may change
without a reload. A check without tests yields no result. A check launched alone evaluates just its own tests.
"""

from collections.abc import Iterator

import dagster as dg

from dq_assets.orchestration import metadata as show
from dq_assets.orchestration.keys import CHECK_OF_DIMENSION, DIMENSION_OF_CHECK, HYGIENE_CHECK, group_key, source_key
from dq_assets.records.table_list import ListedTable
from dq_assets.settings import Settings


def test_checks(settings: Settings, group_name: str, tables: tuple[ListedTable, ...]) -> dg.AssetChecksDefinition:
    """Return the checks that publish test results, nine per table."""
    connection = settings.table_groups[group_name].connection
    by_key = {source_key(connection, table.name): table.name for table in tables}
    results_key = group_key(group_name, "test_results")
    specs = [
        dg.AssetCheckSpec(name, asset=key, additional_deps=[results_key], description=f"Tests of {dimension.value} on {by_key[key]}.")
        for key in by_key
        for dimension, name in CHECK_OF_DIMENSION.items()
    ]

    @dg.multi_asset_check(name=f"{group_name}_checks", specs=specs, can_subset=True)
    def publish(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        from dq_assets.orchestration.requests import run_request, test_run_id
        from dq_assets.records.enums import Verdict
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.test import Selection, test

        steps = StepContext.open(settings)
        group_id = steps.group(group_name).table_group_id
        request = run_request(context.run, context.instance)
        run_id = test_run_id(group_id, request)
        selected = sorted(context.selected_asset_check_keys, key=lambda key: (key.asset_key, key.name))
        if not _is_completed(steps.store.test_run(run_id)):
            only = {Selection(by_key[key.asset_key], DIMENSION_OF_CHECK[key.name]) for key in selected}
            run_id = test(steps, group_name, request, only, context.log.info).test_run_id
        tests = {item.test_id: item for item in steps.store.tests(group_id, enabled_only=False)}
        results = steps.store.test_results(run_id)
        failing = steps.store.failing_since([result.test_id for result in results if result.result_status.is_alarm])
        since = {test_id: moment.isoformat(timespec="minutes") for test_id, moment in failing.items()}
        for key in selected:
            mine = [
                result
                for result in results
                if tests[result.test_id].table == by_key[key.asset_key] and tests[result.test_id].dimension is DIMENSION_OF_CHECK[key.name]
            ]
            judged = [result for result in mine if result.result_status not in (Verdict.SKIPPED, Verdict.LEARNING)]
            if not judged:
                continue
            alarms = [result for result in mine if result.result_status.is_alarm]
            only_warnings = all(result.result_status is Verdict.WARN for result in alarms)
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=not alarms,
                severity=dg.AssetCheckSeverity.WARN if only_warnings and alarms else dg.AssetCheckSeverity.ERROR,
                description=f"{len(alarms)} of {len(judged)} results failed." if alarms else f"{len(judged)} results passed.",
                metadata={
                    "tests": len({result.test_id for result in judged}),
                    "failed_tests": len({result.test_id for result in alarms}),
                    "failed_rows": sum(result.failed_rows or 0 for result in alarms),
                    "test_run_id": run_id,
                    **({"failing_tests": show.failing_tests(alarms, tests, since, one_table=True)} if alarms else {}),
                },
            )

    return publish


def _is_completed(run: object) -> bool:
    from dq_assets.records.enums import RunStatus

    return run is not None and getattr(run, "status", None) is RunStatus.COMPLETED


def hygiene_checks(settings: Settings, group_name: str, tables: tuple[ListedTable, ...]) -> dg.AssetChecksDefinition:
    """Return the check ``dq_hygiene`` of each table: the findings of the newest profile; warnings are WARN, worse is ERROR."""
    connection = settings.table_groups[group_name].connection
    by_key = {source_key(connection, table.name): table.name for table in tables}
    profile_key = group_key(group_name, "profile_run")
    specs = [
        dg.AssetCheckSpec(HYGIENE_CHECK, asset=key, additional_deps=[profile_key], description=f"Findings of the newest profile of {table}.")
        for key, table in by_key.items()
    ]

    @dg.multi_asset_check(name=f"{group_name}_hygiene", specs=specs, can_subset=True)
    def publish_hygiene(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        from dq_assets.profiling.findings import FINDING_TYPES
        from dq_assets.records.enums import Severity
        from dq_assets.steps.context import StepContext

        steps = StepContext.open(settings)
        names = {kind.anomaly_type_id: kind.name for kind in FINDING_TYPES}
        run = steps.store.latest_profile_run(steps.group(group_name).table_group_id)
        if run is None:
            return
        findings = steps.store.findings(run.profile_run_id)
        for key in sorted(context.selected_asset_check_keys, key=lambda key: key.asset_key):
            mine = [item for item in findings if item.table == by_key[key.asset_key]]
            worst = max((item.severity.rank for item in mine), default=0)
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=worst < Severity.WARNING.rank,
                severity=dg.AssetCheckSeverity.WARN if worst == Severity.WARNING.rank else dg.AssetCheckSeverity.ERROR,
                description=f"{len(mine)} findings." if mine else "Nothing odd was found.",
                metadata={"findings": len(mine), "profile_run_id": run.profile_run_id, "what_was_found": show.findings_table(mine, names)},
            )

    return publish_hygiene
