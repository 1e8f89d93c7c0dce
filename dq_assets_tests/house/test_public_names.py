"""The public names, spelled out by hand: adding or losing one is a decision, not an accident."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import dq_assets

PUBLIC = [
    "DQError",
    "Settings",
    "TableGroupComponent",
    "TableGroupSettings",
    "TableGroupTranslator",
    "__version__",
    "build_asset_checks",
    "build_defs",
    "build_table_group_defs",
    "evaluate",
    "load_settings",
    "profile",
]


def test_the_public_names_are_these_and_no_others() -> None:
    assert dq_assets.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_had_and_knows_itself(name: str) -> None:
    value = getattr(dq_assets, name)
    assert name in dir(dq_assets)
    assert name in {"__version__", getattr(value, "__name__", "")}


def test_the_version_is_that_of_the_installed_package() -> None:
    assert dq_assets.__version__ == version("dq-assets")


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match=r"'dq_assets' has no attribute 'profil'"):
        dq_assets.profil  # noqa: B018 - asking is the test


def test_the_package_loads_nothing_until_a_name_is_asked_for() -> None:
    foreign = "(name for name in set(sys.modules) - before if name.partition('.')[0] not in sys.stdlib_module_names)"
    program = f"import sys; before = set(sys.modules); import dq_assets; print(*{foreign})"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["dq_assets"]
