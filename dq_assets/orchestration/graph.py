"""What one group's part of the graph is made of: its settings, its tables and their asset keys.

Decision: every factory of this package takes a ``GroupGraph``, so that assets, checks, sensors and schedules agree on keys, and nothing of it asks a
source or the store: definitions load in every process of every step.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from dq_assets.errors import ConfigError
from dq_assets.orchestration.keys import TAG_TABLE_GROUP, group_key, key_part
from dq_assets.records.batches import Grain

if TYPE_CHECKING:
    from dq_assets.records.table_list import ListedTable, ListedTest, TableList
    from dq_assets.records.tables import TableName
    from dq_assets.settings import Settings, TableGroupSettings

_CRONS = {Grain.HOUR: "0 * * * *", Grain.DAY: "0 0 * * *", Grain.WEEK: "0 0 * * 1", Grain.MONTH: "0 0 1 * *"}
_PART = re.compile(r"[A-Za-z0-9_.-]+")
PARTITION_FORMATS = {Grain.HOUR: "%Y-%m-%d-%H:%M", Grain.DAY: "%Y-%m-%d", Grain.WEEK: "%Y-%m-%d", Grain.MONTH: "%Y-%m-%d"}


class TableGroupTranslator:
    """Says which asset a source table is. Subclass it to put checks on assets that are named by a rule of your own.

    A translator is asked in every process that loads the definitions, so its answers must be a pure function of what it is given.
    """

    def asset_key(self, group: TableGroupSettings, table: TableName) -> dg.AssetKey:
        """Return the key of a table: the one that is configured, else ``connection/schema/table``."""
        configured = group.asset_key_of(table.schema_name, table.table_name)
        return dg.AssetKey(list(configured) if configured else [group.connection, key_part(table.schema_name), key_part(table.table_name)])

    def asset_spec(self, table: TableName, spec: dg.AssetSpec) -> dg.AssetSpec:
        """Return the asset that a table becomes with ``source_assets: create``, made of ``spec``; its key must stay."""
        return spec


@dataclass(frozen=True)
class GroupGraph:
    """One group in the graph."""

    settings: Settings
    name: str
    listed: TableList | None
    translator: TableGroupTranslator

    @property
    def group(self) -> TableGroupSettings:
        """The group's settings."""
        return self.settings.table_groups[self.name]

    @property
    def tables(self) -> tuple[ListedTable, ...]:
        """The tables as the last registering listed them."""
        return self.listed.tables if self.listed else ()

    @property
    def tests(self) -> tuple[ListedTest, ...]:
        """The tests as the last learning listed them."""
        return self.listed.tests if self.listed else ()

    @property
    def tags(self) -> dict[str, str]:
        """Tags of everything that belongs to the group."""
        return {TAG_TABLE_GROUP: self.name}

    @property
    def pool(self) -> str:
        """Pool of the steps that scan: one per connection, so that a limit protects the source."""
        return f"dq_{self.group.connection}"

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of the group's own assets, as in ``dq/sales/test_results``."""
        return group_key(self.name, asset)

    @cached_property
    def source_keys(self) -> dict[TableName, dg.AssetKey]:
        """The asset key of each table.

        Raises:
            ConfigError: ``DQ-CONF-022`` when two tables get one key, ``DQ-CONF-023`` when Dagster takes no checks on a key.
        """
        keys = {table.name: self.translator.asset_key(self.group, table.name) for table in self.tables}
        owners: dict[dg.AssetKey, list[TableName]] = defaultdict(list)
        for table, key in keys.items():
            owners[key].append(table)
            if not all(_PART.fullmatch(part) for part in key.path):
                raise ConfigError(
                    "DQ-CONF-023",
                    f"table group {self.name!r}: the asset key {key.to_user_string()} of {table} holds other characters than letters, digits, `_`, `.`, `-`; "
                    "Dagster takes no checks on it.",
                    f"give the table a key of its own, as in tables: {{{table.table_name}: {{asset_key: marts/orders}}}}.",
                )
        for key, tables in owners.items():
            if len(tables) > 1:
                named = " and ".join(map(str, tables))
                raise ConfigError(
                    "DQ-CONF-022", f"table group {self.name!r}: {named} share the asset key {key.to_user_string()}.", "put {schema} and {table} into asset_key."
                )
        return keys

    @property
    def grain(self) -> Grain | None:
        """The coarsest grain of the group's tables, which every finer batch fits in; None where no table has timed batches."""
        return max((table.batch.grain for table in self.tables if table.batch.grain is not None), key=list(Grain).index, default=None)

    @cached_property
    def partitions(self) -> dg.TimeWindowPartitionsDefinition | None:
        """The batches that can be chosen in the UI, by ``grain``; None where there are none.

        None with ``trigger: automation`` too: a condition of a partitioned asset asks for each of its partitions, not for what is due.
        """
        if self.grain is None or self.listed is None or self.listed.first_batch is None or self.group.trigger == "automation":
            return None
        return dg.TimeWindowPartitionsDefinition(
            start=self.listed.first_batch, cron_schedule=_CRONS[self.grain], fmt=PARTITION_FORMATS[self.grain], timezone=self.group.timezone
        )
