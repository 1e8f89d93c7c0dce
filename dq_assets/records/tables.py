"""What the configuration and the engines say about connections, groups, tables and columns."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from dq_assets.records import identity
from dq_assets.records.base import Record
from dq_assets.records.batches import WHOLE, BatchSpec
from dq_assets.records.enums import GeneralType


class TableName(Record):
    """A table as its engine names it; compared exactly, never case-folded."""

    schema_name: str
    table_name: str

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.table_name}"


class Column(Record):
    """A column as its engine declares it."""

    name: str
    data_type: str
    general_type: GeneralType
    position: int
    nullable: bool = True


class Connection(Record):
    """A row of ``dq_connections``. Never holds a secret: ``managed_credentials_ref`` names one."""

    connection_id: str
    project_key: str
    name: str
    type: str
    catalog: str | None = None
    schema_name: str | None = None
    http_path: str | None = None
    managed_credentials_ref: str | None = None


class TableGroup(Record):
    """A row of ``dq_table_groups``: tables of one connection that are profiled and tested together."""

    table_group_id: str
    project_key: str
    connection_id: str
    name: str
    description: str | None = None
    profiling_include_mask: str | None = None
    profiling_exclude_mask: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class GroupTable(Record):
    """A row of ``dq_tables`` with the batch specification that the group's settings give it."""

    table_group_id: str
    name: TableName
    batch: BatchSpec = WHOLE

    @property
    def table_id(self) -> str:
        """UUIDv5 of the group and the table's name."""
        return identity.table_id(self.table_group_id, self.name.schema_name, self.name.table_name)
