"""A code location made of ``defs.yaml`` files, over two small tables."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import yaml

from dq_assets.components import TableGroupComponent
from dq_assets.records.batches import WHOLE
from dq_assets.records.enums import Dimension, GeneralType
from dq_assets.records.table_list import ListedTable, ListedTest, TableList
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import dagster as dg
    from dagster.components.testing.utils import DefsFolderSandbox

TYPE = "dq_assets.components.TableGroupComponent"
CONNECTION = {"type": "duckdb", "path": "{{ context.project_root }}/data"}


class Location:
    """The project, and what loading it gives."""

    def __init__(self, sandbox: DefsFolderSandbox) -> None:
        self.sandbox = sandbox
        self.root = sandbox.project_root
        self.state = sandbox.defs_folder_path / ".local_defs_state" / "TableGroupComponent__default.sales__" / "state"
        self.registered = self.root / ".dq" / "sales.tables.json"
        for name in ("customers", "orders"):
            (self.root / "data" / name).mkdir(parents=True)
            duckdb.sql("SELECT i AS id, DATE '2024-03-01' AS day FROM range(9) AS t(i)").write_parquet(str(self.root / "data" / name / "all.parquet"))

    def declare(self, folder: str = "sales", **attributes: Any) -> Path:
        """Write a ``defs.yaml`` for a group named after its folder."""
        return self.write(folder, yaml.safe_dump({"type": TYPE, "attributes": {"name": folder, "connection": CONNECTION, **attributes}}))

    def write(self, folder: str, text: str) -> Path:
        path = self.sandbox.defs_folder_path / folder
        path.mkdir(exist_ok=True)
        (path / "defs.yaml").write_text(text, encoding="utf-8")
        return path

    @contextmanager
    def component(self, folder: str = "sales") -> Iterator[TableGroupComponent]:
        with self.sandbox.build_component_tree() as tree:
            yield tree.load_component(self.sandbox.defs_folder_path / folder, TableGroupComponent)

    @contextmanager
    def definitions(self) -> Iterator[dg.Definitions]:
        with self.sandbox.build_all_defs() as definitions:
            yield definitions

    def tables(self) -> set[str]:
        """Return the keys of assets that are no step of the platform."""
        with self.definitions() as definitions:
            keys = definitions.resolve_asset_graph().get_all_asset_keys()
        return {key.to_user_string() for key in keys if key.path[0] != "dq"}


def listing(*tables: str, day: int = 1, group: str = "sales", tested: tuple[str, ...] = ()) -> TableList:
    """Return a list made on a day of March 2024, with one test on each table in ``tested``."""
    names = {name: TableName(schema_name="main", table_name=name) for name in (*tables, *tested)}
    column = Column(name="id", data_type="BIGINT", general_type=GeneralType.NUMBER, position=1)
    return TableList(
        table_group=group,
        tables=tuple(ListedTable(name=names[name], batch=WHOLE, columns=(column,)) for name in tables),
        tests=tuple(
            ListedTest(test_id=name, name="Unique of id", table=names[name], rule_type="Unique", columns=("id",), dimension=Dimension.UNIQUENESS)
            for name in tested
        ),
        discovered_at=datetime(2024, 3, day, tzinfo=UTC),
    )
