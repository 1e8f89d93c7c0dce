"""Data quality as Dagster assets: the public names, each loaded when it is first asked for.

Decision: names are lazy, because every Dagster step is a fresh process that pays for what it imports; asking for a setting
must not load Dagster, and loading the definitions must not load a driver. The names are spelled out a second time in a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq_assets.components import TableGroupComponent
    from dq_assets.errors import DQError
    from dq_assets.functions import evaluate, profile
    from dq_assets.orchestration import build_asset_checks, build_defs, build_table_group_defs
    from dq_assets.orchestration.graph import TableGroupTranslator
    from dq_assets.settings import Settings, TableGroupSettings
    from dq_assets.settings_file import load_settings

    __version__: str

__all__ = [
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

_HOMES = {
    "DQError": "dq_assets.errors",
    "Settings": "dq_assets.settings",
    "TableGroupComponent": "dq_assets.components",
    "TableGroupSettings": "dq_assets.settings",
    "TableGroupTranslator": "dq_assets.orchestration.graph",
    "build_asset_checks": "dq_assets.orchestration",
    "build_defs": "dq_assets.orchestration",
    "build_table_group_defs": "dq_assets.orchestration",
    "evaluate": "dq_assets.functions",
    "load_settings": "dq_assets.settings_file",
    "profile": "dq_assets.functions",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("dq-assets")
    elif name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
