"""Reading what a source holds, table by table where one of them is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.records.engine import Engine
    from dq_assets.records.tables import Column, TableName


def readable_columns(engine: Engine, names: Sequence[TableName]) -> tuple[dict[TableName, list[Column]], dict[TableName, SourceError]]:
    """Return the columns of the tables that can be read, and why the others cannot.

    Raises:
        SourceError: nothing at all can be read.
    """
    try:
        return engine.columns(names), {}
    except SourceError:
        if len(names) == 1:
            raise
    columns: dict[TableName, list[Column]] = {}
    unreadable: dict[TableName, SourceError] = {}
    for name in names:
        try:
            columns |= engine.columns([name])
        except SourceError as error:
            unreadable[name] = error
    if not columns and unreadable:
        raise next(iter(unreadable.values()))
    return columns, unreadable
