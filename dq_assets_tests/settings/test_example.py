"""The one full example says everything there is to say, and is valid."""

from __future__ import annotations

import typing

import pytest
import yaml
from pydantic import BaseModel

from dq_assets.settings import Settings
from dq_assets.settings_file import check_settings, load_settings


def sections(model):
    """Yield every model of the settings, each with the keys it allows."""
    yield model.__name__, {field.alias or name for name, field in model.model_fields.items()}
    parts = [field.annotation for field in model.model_fields.values()]
    while parts:
        part = parts.pop()
        parts.extend(typing.get_args(part))
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from sections(part)


def keys(data):
    found = set()
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        found |= {key} | keys(value)
    return found


@pytest.fixture
def example(repository):
    """The path of the example."""
    return repository / "examples" / "dq.yaml"


def test_the_example_is_valid(example):
    assert check_settings(example) == []
    group = load_settings(example).table_groups["sales"]
    assert (group.batch_of("main", "orders").column, group.batch_of("main", "customers").is_timed) == ("ordered_at", False)


def test_the_example_shows_every_setting(example):
    shown = keys(yaml.safe_load(example.read_text()))
    assert {name: allowed - shown for name, allowed in sections(Settings)} == {name: set() for name, _ in sections(Settings)}


def test_every_line_of_the_example_is_explained(example):
    # A name that users give, and what was explained a level above, need no word of their own.
    named = {"warehouse:", "orders_db:", "sales:", "orders:", "customers:", "batch:"}
    lines = [line for line in example.read_text().splitlines() if line.strip()]
    assert [line for line in lines if "#" not in line and line.strip() not in named] == []


def test_values_said_to_be_defaults_are_the_defaults(example):
    settings = load_settings(example)
    said = {"metadata": settings.metadata, "group": settings.table_groups["sales"], "postgresql": settings.connections["orders_db"]}
    same = {
        "metadata": ["data_quality_schema", "data_quality_storage_format", "data_quality_auto_manage_tables"],
        "group": ["include", "timezone", "batch", "fail_run_on", "store_values", "failed_row_sample"],
        "postgresql": ["connect_timeout_s", "statement_timeout_s"],
    }
    for name, fields in same.items():
        defaults = type(said[name]).model_fields
        assert {field: getattr(said[name], field) for field in fields} == {field: defaults[field].default for field in fields}
