"""The table list that registering leaves for the graph: a small JSON file per group.

Decision: definitions load in every process of every step, so they never ask a warehouse or the store what tables exist. They read this
file; it is written whole and renamed into place, so a reader sees the old list or the new one. The state file of a component is such a list too; where
both are there, ``newer_tables`` says what counts.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dq_assets.errors import StoreError
from dq_assets.records.base import Record
from dq_assets.records.batches import BatchSpec
from dq_assets.records.enums import Dimension, Origin
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    from pathlib import Path


class ListedTable(Record):
    """A registered table as the graph shows it."""

    name: TableName
    batch: BatchSpec
    columns: tuple[Column, ...]


class ListedTest(Record):
    """A test of the working set as the graph shows it."""

    test_id: str
    name: str
    table: TableName
    rule_type: str
    columns: tuple[str, ...]
    dimension: Dimension
    origin: Origin = Origin.GENERATED


class TableList(Record):
    """The tables of a group when it was last registered, and its tests when they were last learned."""

    table_group: str
    tables: tuple[ListedTable, ...]
    tests: tuple[ListedTest, ...] = ()
    first_batch: datetime | None = None
    """Wall-clock start (naive) of the oldest batch that can be chosen by hand; None where no table has timed batches."""
    discovered_at: datetime | None = None
    """When the tables were looked up in the source (UTC); None in a list that was made without looking."""


def newer_tables(one: TableList, learned: TableList | None) -> TableList:
    """Return the tables of the list that was discovered last, with the tests of ``learned`` where there is one: only learning changes these.

    Args:
        one: a list made by looking at the source.
        learned: the list that registering and learning keep; it wins when both were discovered at the same moment.
    """
    if learned is None:
        return one
    if one.discovered_at is None or (learned.discovered_at is not None and learned.discovered_at >= one.discovered_at):
        return learned
    names = {table.name for table in one.tables}
    return one.model_copy(update={"tests": tuple(test for test in learned.tests if test.table in names)})


def write_table_list(folder: Path, table_list: TableList) -> Path:
    """Write the list of a group to ``folder`` and return the file.

    Raises:
        StoreError: ``DQ-STORE-011`` when it cannot be written.
    """
    target = folder / f"{table_list.table_group}.tables.json"
    write_table_list_to(target, table_list)
    return target


def write_table_list_to(target: Path, table_list: TableList) -> None:
    """Write a list to a file, whole or not at all.

    Raises:
        StoreError: ``DQ-STORE-011`` when it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, suffix=".part", encoding="utf-8") as part:
            part.write(json.dumps(table_list.model_dump(mode="json"), indent=1))
        os.replace(part.name, target)  # noqa: PTH105 - atomic over an existing file, said plainly
    except OSError as error:
        raise StoreError("DQ-STORE-011", f"table list {target} cannot be written: {error.strerror}.", "make room, or let this user write there.") from error


def read_table_list(folder: Path, table_group: str) -> TableList | None:
    """Return the list of a group, or None when it was never registered or cannot be read (registering again mends it, or tells why not)."""
    return read_table_list_from(folder / f"{table_group}.tables.json", table_group)


def read_table_list_from(source: Path, table_group: str) -> TableList | None:
    """Return the list in a file, or None when it is not there, cannot be read, is damaged, or is another group's."""
    try:
        found = TableList.model_validate_json(source.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
    return found if found.table_group == table_group else None
