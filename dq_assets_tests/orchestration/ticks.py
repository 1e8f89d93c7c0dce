"""Evaluating a sensor and launching what it asks for, as Dagster's daemon does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.definitions.sensor_definition import SensorExecutionData


def tick(instance: dg.DagsterInstance, definitions: dg.Definitions, name: str, cursor: str | None = None) -> SensorExecutionData:
    """Evaluate a sensor; the answer has ``run_requests``, ``cursor`` and ``skip_message``."""
    repository = definitions.get_repository_def()
    context = dg.build_sensor_context(instance, cursor=cursor, repository_def=repository, sensor_name=name)
    return repository.get_sensor_def(name).evaluate_tick(context)


def create(instance: dg.DagsterInstance, definitions: dg.Definitions, request: dg.RunRequest) -> dg.DagsterRun:
    """Create the run that is asked for."""
    job = definitions.resolve_job_def(str(request.job_name))
    if request.asset_selection is not None:
        job = job.get_subset(asset_selection=set(request.asset_selection))
    return instance.create_run_for_job(
        job,
        run_config=request.run_config,
        tags={**job.tags, **request.tags, "dagster/run_key": str(request.run_key), "dagster/sensor_name": "dq_reconcile"},
        asset_selection=frozenset(request.asset_selection) if request.asset_selection is not None else None,
    )


def execute(instance: dg.DagsterInstance, definitions: dg.Definitions, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """Run what is asked for in this process."""
    job = definitions.resolve_job_def(str(request.job_name))
    return job.execute_in_process(instance=instance, tags=request.tags, run_config=request.run_config or None, asset_selection=request.asset_selection)
