"""Dagster: factories that turn a group's settings into assets, checks, jobs and schedules."""

from dq_assets.orchestration.factory import build_defs, build_table_group_defs

__all__ = ["build_defs", "build_table_group_defs"]
