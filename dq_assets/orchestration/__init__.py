"""Dagster: factories that turn a group's settings into assets, checks, jobs and schedules, and tests into checks on assets of others."""

from dq_assets.orchestration.factory import build_defs, build_table_group_defs
from dq_assets.orchestration.frames import build_asset_checks

__all__ = ["build_asset_checks", "build_defs", "build_table_group_defs"]
