"""Registering: which tables belong to a group, and what is refused."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dq_assets.errors import ConfigError, SourceError
from dq_assets.records.table_list import read_table_list

TABLES = ("orders", "orders_backup", "customers", "Orders2")


@pytest.fixture
def shop(new_lake):
    def shop_(**group):
        lake = new_lake(**({"tables": {}} | group))
        for table in TABLES:
            lake.write(table, "all", {"id": [1], "day": pa.array([19_000], pa.date32()), "at": pa.array([1], pa.timestamp("us")), "text": ["2024-01-01"]})
        return lake

    return shop_


def _names(registration):
    return [table.name.table_name for table in registration.tables]


@pytest.mark.parametrize(
    ("masks", "chosen"),
    [
        ({}, sorted(TABLES)),
        ({"include": ["orders*"]}, ["orders", "orders_backup"]),
        ({"include": ["main.*"], "exclude": ["*_backup"]}, ["Orders2", "customers", "orders"]),
        ({"include": ["orders"], "exclude": ["other"]}, ["orders"]),
    ],
)
def test_masks_choose_tables_and_exclude_wins(shop, masks, chosen):
    assert _names(shop(**masks).register()) == chosen


def test_masks_that_choose_nothing_are_refused(shop):
    with pytest.raises(ConfigError, match=r"DQ-CONF-010.*nothing_here.*main.orders"):
        shop(include=["nothing_here"]).register()


def test_settings_for_a_table_that_is_not_there_are_refused(shop):
    with pytest.raises(ConfigError, match=r"DQ-CONF-012.*tables\.order .*main\.orders"):
        shop(tables={"order": {}}).register()


@pytest.mark.parametrize(
    ("column", "grain", "found"),
    [("at_", "day", "is not there"), ("text", "day", "is of type VARCHAR"), ("id", "day", "is of type BIGINT"), ("day", "hour", "is of type DATE")],
)
def test_a_batch_column_that_cannot_cut_the_table_is_refused_before_anything_is_written(shop, column, grain, found):
    lake = shop(tables={"orders": {"batch": {"column": column, "grain": grain}}})

    with pytest.raises(ConfigError, match=f"DQ-CONF-011.*{column}.*{found}"):
        lake.register()
    assert lake.sql("SELECT * FROM dq_tables") == []


def test_a_table_that_vanishes_is_dropped_and_comes_back(shop):
    lake = shop()
    lake.register()
    (lake.data / "Orders2" / "all.parquet").rename(lake.root / "aside")
    gone = lake.register()
    (lake.root / "aside").rename(lake.data / "Orders2" / "all.parquet")
    back = lake.register()

    assert gone.changes["table.main.Orders2"] == {"old": "present", "new": "dropped"}
    assert back.changes["table.main.Orders2"] == {"old": "dropped", "new": "present"}


def test_registering_again_changes_nothing(shop):
    lake = shop()
    lake.register()

    assert lake.register().changes == {}


def test_the_graph_gets_the_list_of_tables_with_columns_and_batches(shop):
    lake = shop(tables={"orders": {"batch": {"column": "at", "grain": "hour"}}})
    registration = lake.register()

    listed = read_table_list(lake.settings.metadata.folder, lake.group)
    assert listed is not None
    assert listed.tables == registration.tables
    assert {table.name.table_name: table.batch.column for table in listed.tables}["orders"] == "at"
    assert [column.name for column in listed.tables[0].columns] == ["id", "day", "at", "text"]


def test_a_source_that_is_not_there_is_an_error(new_lake):
    with pytest.raises(SourceError, match="DQ-CONN-001"):
        new_lake().register()
