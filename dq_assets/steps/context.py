"""What every step works with: the configuration, the store, the engine of a group, and the request that started it.

Decision: no step reads the clock. ``RunRequest`` carries the data time (``as_of``) and the wall-clock time at which the door was knocked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dq_assets.engines import open_engine
from dq_assets.errors import ConfigError, EvaluationError
from dq_assets.profiling.masking import ValuePolicy, policy_for
from dq_assets.records import identity
from dq_assets.records.base import Record
from dq_assets.records.batches import BatchRange
from dq_assets.records.enums import GeneralType, TriggerSource
from dq_assets.records.tables import Connection, GroupTable, TableGroup
from dq_assets.store.metadata_store import MetadataStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq_assets.records.engine import Engine
    from dq_assets.records.tables import Column, TableName
    from dq_assets.settings import Settings, TableGroupSettings


class RunRequest(Record):
    """Who asked for what, when. ``token`` makes the run's id: the same token is the same run."""

    as_of: datetime
    started_at: datetime
    token: str | None = None
    """None: a pure function of the data versions and ``as_of``."""
    trigger_source: TriggerSource = TriggerSource.MANUAL
    dagster_run_id: str | None = None
    batches: BatchRange | None = None
    tests: tuple[str, ...] | None = None
    """Ids of the tests to run; None runs the whole suite."""

    @classmethod
    def now(cls, as_of: datetime | None = None, batches: BatchRange | None = None) -> RunRequest:
        """Return a request by hand; called by doors, never by steps."""
        started_at = datetime.now(UTC)
        return cls(as_of=as_of or started_at, started_at=started_at, batches=batches)


@dataclass(frozen=True)
class StepContext:
    """Settings and store, and what follows from them."""

    settings: Settings
    store: MetadataStore

    @classmethod
    def open(cls, settings: Settings) -> StepContext:
        """Return a context; nothing is connected yet."""
        return cls(settings, MetadataStore.open(settings.metadata))

    def group_settings(self, name: str) -> TableGroupSettings:
        """Return a group's settings.

        Raises:
            ConfigError: ``DQ-CONF-003`` when the group is not declared.
        """
        try:
            return self.settings.table_groups[name]
        except KeyError:
            known = ", ".join(sorted(self.settings.table_groups)) or "none"
            raise ConfigError("DQ-CONF-003", f"table group {name!r} is not declared.", f"groups declared: {known}.") from None

    def connection(self, group_name: str) -> Connection:
        """Return the connection record of a group."""
        name = self.group_settings(group_name).connection
        project = self.settings.project
        return Connection(connection_id=identity.connection_id(project, name), project_key=project, name=name, type=self.settings.connections[name].type)

    def group(self, name: str) -> TableGroup:
        """Return the group's record, as the configuration declares it."""
        group = self.group_settings(name)
        return TableGroup(
            table_group_id=identity.table_group_id(self.settings.project, name),
            project_key=self.settings.project,
            connection_id=self.connection(name).connection_id,
            name=name,
            description=group.description,
            profiling_include_mask=", ".join(group.include),
            profiling_exclude_mask=", ".join(group.exclude) or None,
            settings=group.model_dump(mode="json", by_alias=True, include={"timezone", "batch", "schedules", "fail_run_on", "store_values"}),
        )

    def engine(self, group_name: str) -> Engine:
        """Return the engine that scans the group's tables."""
        return open_engine(self.settings.connections[self.group_settings(group_name).connection])

    def tables(self, group_name: str) -> list[GroupTable]:
        """Return the registered tables of a group.

        Raises:
            EvaluationError: ``DQ-RUN-001`` when none is registered.
        """
        tables = self.store.tables(self.group(group_name).table_group_id)
        if not tables:
            raise EvaluationError("DQ-RUN-001", f"table group {group_name!r} has no registered table.", "run `dq register`.")
        return tables

    def policies(self, group_name: str, columns: Mapping[TableName, Sequence[Column]]) -> dict[str, ValuePolicy]:
        """Return, per table id, which values of its ``columns`` may be kept: those that the newest profile saw and found not personal."""
        group = self.group(group_name)
        newest = self.store.latest_profile_run(group.table_group_id)
        known = (
            {(column.table_id, column.column_name) for column in self.store.column_profiles(newest.profile_run_id) if not column.pii_risk} if newest else set()
        )

        def hides(table_id: str, column: Column) -> bool:
            # What a nested value holds was never looked at.
            return (table_id, column.name) not in known or column.general_type is GeneralType.OTHER

        return {
            table.table_id: policy_for(
                self.group_settings(group_name).store_values,
                {column.name for column in columns.get(table.name, ()) if hides(table.table_id, column)},
            )
            for table in self.store.tables(group.table_group_id)
        }

    def wall_clock(self, group_name: str, instant: datetime) -> datetime:
        """Return an instant as naive wall-clock time of the group's timezone."""
        return instant.astimezone(ZoneInfo(self.group_settings(group_name).timezone)).replace(tzinfo=None)
