"""One group's Definitions: assets, checks, two jobs, its sensor, schedules; and what all groups of a code location share.

Decision: a factory per group, not partitions: a group has its own lineage to its tables, its own jobs and its own cron.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from dq_assets.errors import ConfigError
from dq_assets.orchestration.assets import group_assets, metadata_schema_asset
from dq_assets.orchestration.checks import hygiene_checks, test_checks
from dq_assets.orchestration.graph import GroupGraph, TableGroupTranslator
from dq_assets.orchestration.keys import METADATA_SCHEMA, TAG_TRIGGER
from dq_assets.orchestration.schedules import stored_schedules_sensor
from dq_assets.orchestration.sensors import automation_sensor, ingestion_sensor
from dq_assets.orchestration.sources import source_assets
from dq_assets.orchestration.upkeep import reconcile_sensor, run_failure_sensor
from dq_assets.records.table_list import TableList, read_table_list
from dq_assets.settings import Settings


def build_table_group_defs(
    settings: Settings,
    group_name: str,
    *,
    shared: bool = True,
    translator: TableGroupTranslator | None = None,
    table_list: TableList | None = None,
) -> dg.Definitions:
    """Return the definitions of one group, without what ``build_shared_defs`` returns.

    The tables are those of the list that the last registering left; without one, the group's assets are there and its tables appear on
    the reload after ``table_group`` was materialized. Nothing is asked of a source or of the store.

    Args:
        settings: the whole configuration.
        group_name: one of its table groups.
        shared: whether this code location declares ``dq/metadata_schema``, so that the learning job may select it.
        translator: says which asset a table is; default: what the settings say.
        table_list: take this list instead of the one in the metadata's folder.

    Raises:
        ConfigError: ``DQ-CONF-022`` when two tables get one asset key, ``DQ-CONF-023`` and ``-024`` when a key cannot be used.
    """
    return _group_defs(group_graph(settings, group_name, translator, table_list), shared=shared)


def _group_defs(graph: GroupGraph, *, shared: bool) -> dg.Definitions:
    group_name = graph.name
    sources = source_assets(graph)
    assets = group_assets(graph)
    checks = [test_checks(graph), hygiene_checks(graph)] if graph.tables else []
    learn: dg.AssetSelection = dg.AssetSelection.assets(
        *([METADATA_SCHEMA] if shared else []), graph.key("table_group"), graph.key("profile_run"), graph.key("test_suite")
    )
    validate: dg.AssetSelection = dg.AssetSelection.assets(graph.key("test_results"), graph.key("alerts"))
    if checks:
        validate |= dg.AssetSelection.checks(checks[0])
        learn |= dg.AssetSelection.checks(checks[1])
    jobs = {
        "learn": dg.define_asset_job(f"{group_name}_learn", selection=learn, tags=graph.tags, description="Profile the group and learn its test suite."),
        "validate": dg.define_asset_job(f"{group_name}_validate", selection=validate, tags=graph.tags, description="Judge what arrived, publish checks, tell."),
    }
    return dg.Definitions(
        assets=[*sources, *assets],
        asset_checks=checks,
        jobs=list(jobs.values()),
        schedules=_schedules(graph, jobs),
        sensors=[
            ingestion_sensor(graph, jobs["learn"], jobs["validate"]),
            *([automation_sensor(graph, checks[:1])] if graph.group.trigger == "automation" else []),
        ],
    )


def build_shared_defs(settings: Settings, jobs: Sequence[Any], *, shared: bool = True) -> dg.Definitions:
    """Return what the groups of a configuration share: the metadata schema and the sensors that look after all of them.

    Args:
        settings: the whole configuration.
        jobs: every job of its groups.
        shared: whether this is the one configuration of the code location that declares ``dq/metadata_schema``; the sensors of any other one are
            named after its first group.
    """
    suffix = "" if shared else f"_{next(iter(settings.table_groups), '')}"
    sensors = {"dq_schedules": stored_schedules_sensor, "dq_reconcile": reconcile_sensor, "dq_run_failures": run_failure_sensor}
    return dg.Definitions(
        assets=[metadata_schema_asset(settings)] if shared else [],
        sensors=[sensor(settings, jobs, f"{name}{suffix}") for name, sensor in sensors.items()] if jobs else [],
    )


def build_defs(settings: Settings, *, shared: bool = True, translator: TableGroupTranslator | None = None) -> dg.Definitions:
    """Return the definitions of every group and, unless another part of the code location declares it, what they share.

    Raises:
        ConfigError: ``DQ-CONF-020`` when two groups claim one table, ``DQ-CONF-022`` when two tables get one asset key.
    """
    graphs = [group_graph(settings, group_name, translator) for group_name in settings.table_groups]
    owners: dict[dg.AssetKey, str] = {}
    for graph in graphs:
        for key in graph.source_keys.values():
            if key in owners:
                raise ConfigError("DQ-CONF-020", f"{key.to_user_string()} is in two groups, {owners[key]!r} and {graph.name!r}.", "exclude it from one.")
            owners[key] = graph.name
    groups = [_group_defs(graph, shared=shared) for graph in graphs]
    jobs = [job for group in groups for job in group.jobs or []]
    return dg.Definitions.merge(build_shared_defs(settings, jobs, shared=shared), *groups)


def group_graph(settings: Settings, group_name: str, translator: TableGroupTranslator | None = None, table_list: TableList | None = None) -> GroupGraph:
    """Return what a group's part of the graph is made of; warns where its tables are not known yet."""
    listed = table_list or read_table_list(settings.metadata.folder, group_name)
    if listed is None:
        how = f"materialize dq/{group_name}/table_group or run `dq register`, then reload."
        warnings.warn(f"Table group {group_name!r} is not registered yet; {how}", stacklevel=3)
    return GroupGraph(settings, group_name, listed, translator or TableGroupTranslator())


def _schedules(graph: GroupGraph, jobs: Mapping[str, Any]) -> list[dg.ScheduleDefinition]:
    declared = graph.group.schedules
    crons = {"learn": declared.learn, "validate": declared.validate_}
    running = dg.DefaultScheduleStatus.RUNNING if graph.group.automation == "running" else dg.DefaultScheduleStatus.STOPPED
    return [
        dg.ScheduleDefinition(
            name=f"{graph.name}_{verb}_schedule",
            job=jobs[verb],
            cron_schedule=cron,
            execution_timezone=declared.timezone or graph.group.timezone,
            tags={**graph.tags, TAG_TRIGGER: "schedule"},
            default_status=running,
        )
        for verb, cron in crons.items()
        if cron
    ]
