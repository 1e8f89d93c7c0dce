"""A group's own assets: each is one step.

Decision: what runs is made from the settings that the definitions were loaded with, not from a resource: Dagster reloads definitions in each
process, so a closure is always there, and two groups with settings of their own never fight over a resource key. Steps are
imported inside the functions, so that loading definitions stays light.
"""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dq_assets.orchestration import metadata as show
from dq_assets.orchestration.keys import METADATA_SCHEMA, TAG_TABLE_GROUP, group_key, source_key
from dq_assets.records.batches import BatchVersion
from dq_assets.records.table_list import ListedTable
from dq_assets.settings import Settings

PLATFORM_GROUP = "dq_platform"
DESCRIPTIONS = {
    "table_group": "The group's tables, found in the source and registered.",
    "profile_run": "Every table profiled in place: metrics, per batch too, and findings.",
    "test_suite": "Tests learned from the series of batch profiles: the working set that judges the next batches.",
    "test_results": "The batches that arrived, judged by the suite that was learned before them.",
    "alerts": "Alerts of failed tests and serious findings.",
}


def source_assets(settings: Settings, group_name: str, tables: tuple[ListedTable, ...]) -> list[dg.AssetSpec]:
    """Return the group's tables as external assets; the physical name is metadata, so keys do not change between environments."""
    group = settings.table_groups[group_name]
    return [
        dg.AssetSpec(
            key=source_key(group.connection, table.name),
            group_name=group_name,
            kinds={settings.connections[group.connection].type, "table"},
            tags={TAG_TABLE_GROUP: group_name},
            description=f"Source table of table group {group_name}.",
            metadata={
                "dagster/table_name": str(table.name),
                "dagster/column_schema": show.column_schema(table),
                "batch": f"{table.batch.column} by {table.batch.grain}" if table.batch.is_timed else "whole table",
            },
        )
        for table in tables
    ]


def metadata_schema_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset that creates and upgrades the metadata tables; its data version is the schema version."""

    @dg.asset(key=METADATA_SCHEMA, group_name=PLATFORM_GROUP, kinds={"sqlite"}, description="The dq_* metadata tables, brought to this version's schema.")
    def metadata_schema() -> dg.MaterializeResult[None]:
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.provision import provision

        report = provision(StepContext.open(settings), datetime.now(UTC))
        return dg.MaterializeResult(
            data_version=dg.DataVersion(str(report.schema_version)),
            metadata={"schema_version": report.schema_version, "statements_applied": len(report.applied), "schema_hash": report.schema_hash},
        )

    return metadata_schema


def group_assets(settings: Settings, group_name: str, sources: list[dg.AssetSpec]) -> list[dg.AssetsDefinition]:
    """Return table_group, profile_run, test_suite, test_results and alerts of a group, in this order."""
    group = settings.table_groups[group_name]
    source_keys = [source.key for source in sources]
    tags = {TAG_TABLE_GROUP: group_name}

    @dg.asset(key=group_key(group_name, "table_group"), deps=[METADATA_SCHEMA], group_name=group_name, tags=tags, description=DESCRIPTIONS["table_group"])
    def table_group() -> dg.MaterializeResult[None]:
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.register import register

        found = register(StepContext.open(settings), group_name, datetime.now(UTC))
        return dg.MaterializeResult(
            metadata={
                "tables": len(found.tables),
                "table_list": dg.MetadataValue.text(", ".join(str(table.name) for table in found.tables)),
                "changes": dg.MetadataValue.json(found.changes),
            }
        )

    @dg.asset(
        key=group_key(group_name, "profile_run"),
        deps=[group_key(group_name, "table_group"), *source_keys],
        group_name=group_name,
        tags=tags,
        description=DESCRIPTIONS["profile_run"],
    )
    def profile_run(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.orchestration.requests import run_request
        from dq_assets.profiling.findings import FINDING_TYPES
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.profile import profile

        steps = StepContext.open(settings)
        run = profile(steps, group_name, run_request(context.run, context.instance), context.log.info)
        rows = {column.table: column.record_count for column in steps.store.column_profiles(run.profile_run_id)}
        for table, count in rows.items():
            observed: dict[str, Any] = {"dagster/row_count": count, "profile_run_id": run.profile_run_id}
            context.log_event(dg.AssetObservation(source_key(group.connection, table), metadata=observed))
        findings = steps.store.findings(run.profile_run_id)
        return dg.MaterializeResult(
            metadata={
                "profile_run_id": run.profile_run_id,
                "as_of": dg.MetadataValue.timestamp(run.as_of),
                "tables": run.table_count,
                "columns": run.column_count,
                "dagster/row_count": run.row_count,
                "findings": run.anomaly_count,
                "what_was_found": show.findings_table(findings, {kind.anomaly_type_id: kind.name for kind in FINDING_TYPES}),
            }
        )

    @dg.asset(key=group_key(group_name, "test_suite"), deps=[profile_run], group_name=group_name, tags=tags, description=DESCRIPTIONS["test_suite"])
    def test_suite(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.orchestration.requests import run_request
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.suggest import suggest

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
        key=group_key(group_name, "test_results"), deps=[test_suite, *source_keys], group_name=group_name, tags=tags, description=DESCRIPTIONS["test_results"]
    )
    def test_results(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.orchestration.requests import run_request
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.test import test

        steps = StepContext.open(settings)
        run = test(steps, group_name, run_request(context.run, context.instance), progress=context.log.info)
        results = steps.store.test_results(run.test_run_id)
        alarms = [result for result in results if result.result_status.is_alarm]
        tests = {item.test_id: item for item in steps.store.tests(steps.group(group_name).table_group_id)}
        versions = {tests[result.test_id].table: result.data_version for result in results if result.data_version and result.test_id in tests}
        for table, text in versions.items():
            version = batch.table_version if (batch := BatchVersion.parse(text)) else text
            # No data version tag: it would come after this asset's own materialization and mark it as out of sync.
            context.log_event(dg.AssetObservation(source_key(group.connection, table), metadata={"data_version": version, "test_run_id": run.test_run_id}))
        return dg.MaterializeResult(
            metadata={
                "test_run_id": run.test_run_id,
                "as_of": dg.MetadataValue.timestamp(run.as_of),
                "total_tests": run.total_tests,
                "failed_tests": run.failed_tests,
                "warning_tests": run.warning_tests,
                "error_tests": run.error_tests,
                "batches": dg.MetadataValue.text(", ".join(sorted({result.batch_key for result in results if result.batch_key})) or "whole tables"),
                "failing_tests": show.failing_tests(alarms, tests, {}, one_table=False),
            }
        )

    @dg.asset(key=group_key(group_name, "alerts"), deps=[test_results], group_name=group_name, tags=tags, description=DESCRIPTIONS["alerts"])
    def alerts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dq_assets.orchestration.requests import run_request, test_run_id
        from dq_assets.records.alerts import AlertSource
        from dq_assets.records.enums import Severity
        from dq_assets.steps.alert import alert
        from dq_assets.steps.context import StepContext

        steps = StepContext.open(settings)
        request = run_request(context.run, context.instance)
        run_id = test_run_id(steps.group(group_name).table_group_id, request)
        told = alert(steps, group_name, request, run_id if steps.store.test_run(run_id) else None)
        titles = "\n".join(item.title for item in told.alerts) or "none"
        metadata: dict[str, Any] = {"alerts": len(told.alerts), "new_alerts": told.new, "what": dg.MetadataValue.text(titles)}
        failed = [item for item in told.alerts if item.source_type is not AlertSource.PROFILE_ANOMALY]
        if group.fail_run_on != "never" and any(item.severity.rank >= Severity(group.fail_run_on).rank for item in failed):
            message = f"Tests failed with severity {group.fail_run_on} or worse; fail_run_on asks for the run to fail."
            raise dg.Failure(message, metadata=metadata, allow_retries=False)
        return dg.MaterializeResult(metadata=metadata)

    return [table_group, profile_run, test_suite, test_results, alerts]
