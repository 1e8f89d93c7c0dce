"""A group's tables in the graph: external assets of our own, or assets that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from dq_assets.errors import ConfigError
from dq_assets.orchestration import metadata as show

if TYPE_CHECKING:
    from dq_assets.orchestration.graph import GroupGraph
    from dq_assets.records.table_list import ListedTable
    from dq_assets.records.tables import TableName


def source_assets(graph: GroupGraph) -> list[dg.AssetSpec]:
    """Return the group's tables as external assets, none where checks attach to assets that are there already.

    The physical name is metadata, so keys do not change between environments.

    Raises:
        ConfigError: ``DQ-CONF-024`` when the translator returns an asset under another key.
    """
    if graph.group.source_assets == "attach":
        return []
    return [_translated(graph, table.name, _spec(graph, table)) for table in graph.tables]


def _translated(graph: GroupGraph, table: TableName, spec: dg.AssetSpec) -> dg.AssetSpec:
    translated = graph.translator.asset_spec(table, spec)
    if translated.key != spec.key:
        raise ConfigError(
            "DQ-CONF-024",
            f"table group {graph.name!r}: asset_spec of {type(graph.translator).__name__} gives {table} the key {translated.key.to_user_string()}, "
            f"where asset_key says {spec.key.to_user_string()}.",
            "say the key in asset_key; checks and dependencies follow that.",
        )
    return translated


def _spec(graph: GroupGraph, table: ListedTable) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=graph.source_keys[table.name],
        group_name=graph.name,
        kinds={graph.settings.connections[graph.group.connection].type, "table"},
        tags=graph.tags,
        description=f"Source table of table group {graph.name}.",
        metadata={
            "dagster/table_name": str(table.name),
            "dagster/column_schema": show.column_schema(table),
            "batch": f"{table.batch.column} by {table.batch.grain}" if table.batch.is_timed else "whole table",
        },
    )
