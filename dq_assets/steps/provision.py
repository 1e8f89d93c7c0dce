"""Provision: create or upgrade the metadata tables and seed what the catalogues say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.profiling.findings import FINDING_TYPES

if TYPE_CHECKING:
    from datetime import datetime

    from dq_assets.steps.context import StepContext
    from dq_assets.store.migrations import MigrationReport


def provision(context: StepContext, now: datetime, *, actor: str = "system") -> MigrationReport:
    """Bring the metadata schema to this version; safe to repeat and to interrupt.

    Raises:
        StoreError: an applied script was edited, the database is newer, or it cannot be written.
    """
    return context.store.provision(project_key=context.settings.project, finding_types=FINDING_TYPES, now=now, actor=actor)


def ensure_ready(context: StepContext, now: datetime) -> None:
    """Provision when the configuration lets runs do so; else only check.

    Raises:
        StoreError: the schema is missing or old and ``data_quality_auto_manage_tables`` is false.
    """
    if context.settings.metadata.data_quality_auto_manage_tables:
        provision(context, now)
    else:
        context.store.require_ready()
