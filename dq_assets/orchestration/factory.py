"""One group's Definitions: assets, checks, two jobs, schedules.

Decision: a factory per group, not partitions: a group has its own lineage to its tables, its own jobs and its own cron.
"""

import warnings

import dagster as dg

from dq_assets.errors import ConfigError
from dq_assets.orchestration.assets import group_assets, metadata_schema_asset, source_assets
from dq_assets.orchestration.checks import hygiene_checks, test_checks
from dq_assets.orchestration.keys import METADATA_SCHEMA, TAG_TABLE_GROUP, TAG_TRIGGER, group_key
from dq_assets.records.table_list import ListedTable, read_table_list
from dq_assets.settings import Settings


def build_table_group_defs(settings: Settings, group_name: str, *, metadata_schema: bool = True) -> dg.Definitions:
    """Return the definitions of one group, without ``dq/metadata_schema``, which groups share.

    ``metadata_schema`` says whether this code location declares that asset, so that the learning job may select it.

    The tables are those of the list that the last registering left; without one, the group's assets are there and its tables appear on
    the reload after ``table_group`` was materialized. Nothing is asked of a source or of the store.
    """
    group = settings.table_groups[group_name]
    tables = _listed_tables(settings, group_name)
    sources = source_assets(settings, group_name, tables)
    assets = group_assets(settings, group_name, sources)
    keys = {name: group_key(group_name, name) for name in ("table_group", "profile_run", "test_suite", "test_results", "alerts")}
    checks = [test_checks(settings, group_name, tables), hygiene_checks(settings, group_name, tables)] if tables else []
    learn: dg.AssetSelection = dg.AssetSelection.assets(
        *([METADATA_SCHEMA] if metadata_schema else []), keys["table_group"], keys["profile_run"], keys["test_suite"]
    )
    validate: dg.AssetSelection = dg.AssetSelection.assets(keys["test_results"], keys["alerts"])
    if checks:
        validate |= dg.AssetSelection.checks(checks[0])
        learn |= dg.AssetSelection.checks(checks[1])
    tags = {TAG_TABLE_GROUP: group_name}
    jobs = {
        "learn": dg.define_asset_job(f"{group_name}_learn", selection=learn, tags=tags, description="Profile the group and learn its test suite."),
        "validate": dg.define_asset_job(f"{group_name}_validate", selection=validate, tags=tags, description="Judge what arrived, publish checks, tell."),
    }
    crons = {"learn": group.schedules.learn, "validate": group.schedules.validate_}
    schedules = [
        dg.ScheduleDefinition(
            name=f"{group_name}_{verb}_schedule", job=jobs[verb], cron_schedule=cron, execution_timezone=group.timezone, tags={**tags, TAG_TRIGGER: "schedule"}
        )
        for verb, cron in crons.items()
        if cron
    ]
    return dg.Definitions(assets=[*sources, *assets], asset_checks=checks, jobs=list(jobs.values()), schedules=schedules)


def build_defs(settings: Settings, *, metadata_schema: bool = True) -> dg.Definitions:
    """Return the definitions of every group and, unless another part of the code location declares it, the shared metadata schema.

    Raises:
        ConfigError: ``DQ-CONF-020`` when two groups claim one table.
    """
    owners: dict[dg.AssetKey, str] = {}
    for group_name in settings.table_groups:
        for source in source_assets(settings, group_name, _listed_tables(settings, group_name)):
            if source.key in owners:
                raise ConfigError(
                    "DQ-CONF-020", f"{source.key.to_user_string()} is in two groups, {owners[source.key]!r} and {group_name!r}.", "exclude it from one."
                )
            owners[source.key] = group_name
    groups = [build_table_group_defs(settings, group_name, metadata_schema=metadata_schema) for group_name in settings.table_groups]
    return dg.Definitions.merge(dg.Definitions(assets=[metadata_schema_asset(settings)] if metadata_schema else []), *groups)


def _listed_tables(settings: Settings, group_name: str) -> tuple[ListedTable, ...]:
    tables = read_table_list(settings.metadata.folder, group_name)
    if tables is None:
        how = f"materialize dq/{group_name}/table_group or run `dq register`, then reload."
        warnings.warn(f"Table group {group_name!r} is not registered yet; {how}", stacklevel=2)
    return tuple(tables or ())
