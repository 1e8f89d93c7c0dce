"""A group's own assets: each is one step.

Decision: what runs is made from the settings that the definitions were loaded with, not from a resource: Dagster reloads definitions in each
process, so a closure is always there, and two groups with settings of their own never fight over a resource key. Steps are
imported inside the functions, so that loading definitions stays light.
"""

import itertools
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dq_assets.orchestration import metadata as show
from dq_assets.orchestration.checks import judged_before
from dq_assets.orchestration.failures import failed_tests, told
from dq_assets.orchestration.graph import GroupGraph
from dq_assets.orchestration.keys import METADATA_SCHEMA
from dq_assets.orchestration.sensors import arrival_condition, following_condition
from dq_assets.records.batches import BatchVersion
from dq_assets.settings import Settings

PLATFORM_GROUP = "dq_platform"
PARTITIONS_REPORTED = 400
"""Dagster takes some 10 ms to note a partition, and a first run may profile the days of ten years; older ones can still be chosen."""
DESCRIPTIONS = {
    "table_group": "The group's tables, found in the source and registered.",
    "profile_run": "Every table profiled in place: metrics, per batch too, and findings.",
    "test_suite": "Tests learned from the series of batch profiles: the working set that judges the next batches.",
    "test_results": "The batches that arrived, judged by the suite that was learned before them.",
    "alerts": "Alerts of failed tests and serious findings.",
}


def metadata_schema_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset that creates and upgrades the metadata tables; its data version is the schema version."""

    @dg.asset(key=METADATA_SCHEMA, group_name=PLATFORM_GROUP, kinds={"sqlite"}, description="The dq_* metadata tables, brought to this version's schema.")
    def metadata_schema(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.provision import provision

        with told(context):
            report = provision(StepContext.open(settings), datetime.now(UTC))
        return dg.MaterializeResult(
            data_version=dg.DataVersion(str(report.schema_version)),
            metadata={"schema_version": report.schema_version, "statements_applied": len(report.applied), "schema_hash": report.schema_hash},
        )

    return metadata_schema


def group_assets(graph: GroupGraph) -> list[dg.AssetsDefinition]:
    """Return table_group, profile_run, test_suite, test_results and alerts of a group, in this order."""
    with warnings.catch_warnings():
        # Backfill policies are in beta in Dagster 1.13; whoever loads our definitions can do nothing about it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _group_assets(graph)


def _group_assets(graph: GroupGraph) -> list[dg.AssetsDefinition]:
    settings, group_name, group = graph.settings, graph.name, graph.group
    source_keys = list(graph.source_keys.values())
    # One run for any range: a scan of thirty days costs little more than one of a day.
    backfill = dg.BackfillPolicy.single_run() if graph.partitions else None

    @dg.asset(
        key=graph.key("table_group"),
        group_name=group_name,
        tags=graph.tags,
        description=DESCRIPTIONS["table_group"],
        deps=[METADATA_SCHEMA],
        pool=graph.pool,
    )
    def table_group(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.register import register

        with told(context, graph):
            found = register(StepContext.open(settings), group_name, datetime.now(UTC))
        return dg.MaterializeResult(
            metadata={
                "tables": len(found.tables),
                "table_list": dg.MetadataValue.text(", ".join(str(table.name) for table in found.tables)),
                "changes": dg.MetadataValue.json(found.changes),
            }
        )

    @dg.asset(
        key=graph.key("profile_run"),
        group_name=group_name,
        tags=graph.tags,
        description=DESCRIPTIONS["profile_run"],
        deps=[graph.key("table_group"), *source_keys],
        pool=graph.pool,
        partitions_def=graph.partitions,
        backfill_policy=backfill,
    )
    def profile_run(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.orchestration.requests import run_request
        from dq_assets.profiling.findings import FINDING_TYPES
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.profile import profile
        from dq_assets.steps.reports import report_path, reports_of

        steps = StepContext.open(settings)
        with told(context, graph):
            run = profile(steps, group_name, run_request(context.run, context.instance, graph.partitions), context.log.info)
        for table, columns in itertools.groupby(steps.store.column_profiles(run.profile_run_id), lambda column: column.table):
            if table in graph.source_keys:
                profiled = list(columns)
                observed: dict[str, Any] = {
                    "dagster/row_count": profiled[0].record_count,
                    "profile_run_id": run.profile_run_id,
                    "profile": show.profile_of(table, profiled),
                }
                if (page := report_path(steps, group_name, table)).is_file():
                    observed["profile_report"] = dg.MetadataValue.path(str(page.absolute()))
                context.log_event(dg.AssetObservation(graph.source_keys[table], metadata=observed))
        findings = steps.store.findings(run.profile_run_id)
        pages = reports_of(steps, group_name)
        _report_partitions(context, graph, steps.store.batches_of_profile(run.profile_run_id))
        return dg.MaterializeResult(
            metadata={
                "profile_run_id": run.profile_run_id,
                "as_of": dg.MetadataValue.timestamp(run.as_of),
                "tables": run.table_count,
                "columns": run.column_count,
                "dagster/row_count": run.row_count,
                "findings": run.anomaly_count,
                **({"profile_reports": dg.MetadataValue.path(str((pages[0].parent if len(pages) > 1 else pages[0]).absolute()))} if pages else {}),
                "what_was_found": show.findings_table(findings, {kind.anomaly_type_id: kind.name for kind in FINDING_TYPES}),
            }
        )

    @dg.asset(
        key=graph.key("test_suite"),
        group_name=group_name,
        tags=graph.tags,
        description=DESCRIPTIONS["test_suite"],
        deps=[profile_run],
    )
    def test_suite(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.orchestration.requests import run_request
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.suggest import suggest

        with told(context, graph):
            suite = suggest(StepContext.open(settings), group_name, run_request(context.run, context.instance).started_at)
        return dg.MaterializeResult(
            metadata={
                "tests": len(suite.tests),
                "created": len(suite.change.created),
                "updated": len(suite.change.updated),
                "disabled": len(suite.change.disabled),
                "suite": show.tests_table(suite.tests),
                "considered_and_dropped": show.dropped_table(suite.dropped),
            }
        )

    @dg.asset(
        key=graph.key("test_results"),
        group_name=group_name,
        tags=graph.tags,
        description=DESCRIPTIONS["test_results"],
        deps=[test_suite, *source_keys],
        pool=graph.pool,
        partitions_def=graph.partitions,
        backfill_policy=backfill,
        automation_condition=arrival_condition(graph),
    )
    def test_results(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.orchestration.requests import note_judged, run_request
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.test import test

        steps = StepContext.open(settings)
        with told(context, graph):
            request = run_request(context.run, context.instance, graph.partitions)
            run = judged_before(steps, graph, request) or test(steps, group_name, request, request.tests, context.log.info)
            results = steps.store.test_results(run.test_run_id)
        alarms = [result for result in results if result.result_status.is_alarm]
        tests = {item.test_id: item for item in steps.store.tests(steps.group(group_name).table_group_id)}
        versions = {tests[result.test_id].table: result.data_version for result in results if result.data_version and result.test_id in tests}
        for table, text in versions.items():
            if table in graph.source_keys:
                version = batch.table_version if (batch := BatchVersion.parse(text)) else text
                # No data version tag: it would come after this asset's own materialization and mark it as out of sync.
                context.log_event(dg.AssetObservation(graph.source_keys[table], metadata={"data_version": version, "test_run_id": run.test_run_id}))
        batch_keys = {result.batch_key for result in results if result.batch_key}
        note_judged(context.run, context.instance, batch_keys)
        _report_partitions(context, graph, batch_keys)
        return dg.MaterializeResult(
            metadata={
                "test_run_id": run.test_run_id,
                "as_of": dg.MetadataValue.timestamp(run.as_of),
                "total_tests": run.total_tests,
                "failed_tests": run.failed_tests,
                "warning_tests": run.warning_tests,
                "error_tests": run.error_tests,
                "batches": dg.MetadataValue.text(", ".join(sorted(batch_keys)) or "whole tables"),
                "failing_tests": show.failing_tests(alarms, tests, {}),
            }
        )

    @dg.asset(
        key=graph.key("alerts"),
        group_name=group_name,
        tags=graph.tags,
        description=DESCRIPTIONS["alerts"],
        deps=[test_results],
        automation_condition=following_condition(graph),
    )
    def alerts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.orchestration.requests import run_request, test_run_id
        from dq_assets.records.alerts import AlertSource
        from dq_assets.records.enums import Severity
        from dq_assets.steps.alert import alert
        from dq_assets.steps.context import StepContext

        steps = StepContext.open(settings)
        with told(context, graph):
            request = run_request(context.run, context.instance)
            run_id = test_run_id(steps.group(group_name).table_group_id, request)
            raised = alert(steps, group_name, request, run_id if steps.store.test_run(run_id) else None)
        titles = "\n".join(item.title for item in raised.alerts) or "none"
        metadata: dict[str, Any] = {"alerts": len(raised.alerts), "new_alerts": raised.new, "what": dg.MetadataValue.text(titles)}
        failed = [item for item in raised.alerts if item.source_type is not AlertSource.PROFILE_ANOMALY]
        if group.fail_run_on != "never" and any(item.severity.rank >= Severity(group.fail_run_on).rank for item in failed):
            raise failed_tests(group.fail_run_on, metadata)
        return dg.MaterializeResult(metadata=metadata)

    return [table_group, profile_run, test_suite, test_results, alerts]


def _report_partitions(context: dg.AssetExecutionContext, graph: GroupGraph, batch_keys: Iterable[str]) -> None:
    """Show the batches that a run without chosen partitions was about as materialized ones; with chosen ones Dagster does that."""
    if graph.partitions is None or context.has_partition_key or context.has_partition_key_range:
        return
    from dq_assets.orchestration.requests import partitions_of_batches

    for partition in partitions_of_batches(graph, batch_keys)[-PARTITIONS_REPORTED:]:
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=partition))
