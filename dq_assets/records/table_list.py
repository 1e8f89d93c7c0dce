"""The table list that registering leaves for the graph: a small JSON file per group.

Decision: definitions load in every process of every step, so they never ask a warehouse or the store what tables exist. They read this
file; it is written whole and renamed into place, so a reader sees the old list or the new one.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dq_assets.errors import StoreError
from dq_assets.records.base import Record
from dq_assets.records.batches import BatchSpec
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class ListedTable(Record):
    """A registered table as the graph shows it."""

    name: TableName
    batch: BatchSpec
    columns: tuple[Column, ...]


class TableList(Record):
    """The tables of a group when it was last registered."""

    table_group: str
    tables: tuple[ListedTable, ...]


def write_table_list(folder: Path, table_list: TableList) -> Path:
    """Write the list of a group to ``folder`` and return the file.

    Raises:
        StoreError: ``DQ-STORE-011`` when it cannot be written.
    """
    target = folder / f"{table_list.table_group}.tables.json"
    try:
        _replace(target, json.dumps(table_list.model_dump(mode="json"), indent=1))
    except OSError as error:
        raise StoreError("DQ-STORE-011", f"table list {target} cannot be written: {error.strerror}.", "make room, or let this user write there.") from error
    return target


def _replace(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, suffix=".part", encoding="utf-8") as part:
        part.write(text)
    os.replace(part.name, target)  # noqa: PTH105 - atomic over an existing file, said plainly


def read_table_list(folder: Path, table_group: str) -> Sequence[ListedTable] | None:
    """Return the tables of a group, or None when it was never registered or the file is damaged (registering again mends it)."""
    try:
        return TableList.model_validate_json((folder / f"{table_group}.tables.json").read_text(encoding="utf-8")).tables
    except (FileNotFoundError, ValidationError, UnicodeDecodeError):
        return None
