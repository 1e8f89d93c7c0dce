"""Looking after runs: what a killed process left is closed and done again, and a run that fails tells somebody.

Decision: both sensors decide from Dagster's records alone and keep only how far they have looked. Whatever a tick did before it died, the next one
finds again: a closed run by why it failed, a redo by its run key, an alert by its id. A redo is the same run of ours (same token, same data time), so
its rows replace those of the first try.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from dq_assets.errors import ConfigError, StoreError
from dq_assets.orchestration.failures import ON_PURPOSE, causes
from dq_assets.orchestration.keys import TAG_AS_OF, TAG_REDO_OF, TAG_TABLE_GROUP, TAG_TOKEN, TAG_TRIGGER, TAG_WORKER
from dq_assets.orchestration.workers import was_cut_off, worker_is_gone
from dq_assets.settings import Settings

if TYPE_CHECKING:
    from dq_assets.records.alerts import Alert
    from dq_assets.steps.reconcile import Ending

MINIMUM_INTERVAL_S = 30
MAX_REDOS = 2
FIRST_LOOK_BACK = timedelta(days=1)
"""How far back the first tick looks."""
OVERLAP = timedelta(minutes=1)
"""How much of what a tick has seen the next one looks at again: a run's time of change is written a little after it."""
IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
ROOT_RUN_TAG, WILL_RETRY_TAG = "dagster/root_run_id", "dagster/will_retry"
TAGS_KEPT = frozenset(
    {
        "dagster/partition",
        "dagster/asset_partition_range_start",
        "dagster/asset_partition_range_end",
        "dagster/priority",
        "dagster/max_runtime",
    }
)
"""Dagster's own tags that say what is to be done and how; the others say what became of a run."""
GONE = "The process that worked on this run is gone: it was killed, or its machine was restarted."


def reconcile_sensor(settings: Settings, jobs: Sequence[Any], name: str = "dq_reconcile") -> dg.SensorDefinition:
    """Return the sensor that closes runs whose process is gone, in Dagster and in the store, and asks for their work again, at most ``MAX_REDOS`` times.

    Args:
        settings: whose groups it looks after.
        jobs: their jobs.
        name: of the sensor.
    """

    @dg.sensor(
        name=name,
        jobs=jobs,
        minimum_interval_seconds=MINIMUM_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Closes runs whose process was killed, and runs them again.",
    )
    def reconcile(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        closed = _close_lost_runs(context, settings)
        try:
            rows = _close_rows(context, settings)
        except StoreError as error:
            return dg.SkipReason(f"{error} Nothing is lost: the next tick looks again.")
        failed, cursor = _failed_runs(context, settings)
        requests = [request for record in failed if (request := _redo(context, record, jobs)) is not None]
        did = f"Closed {closed} runs and {rows} rows of the metadata." if closed or rows else "Every run in progress has its process."
        return dg.SensorResult(run_requests=requests, cursor=cursor, skip_reason=None if requests else did)

    return reconcile


def run_failure_sensor(settings: Settings, jobs: Sequence[Any], name: str = "dq_run_failures") -> dg.SensorDefinition:
    """Return the sensor that writes one alert for each failed run; runs of it again, by whomever, are the same alert.

    Not Dagster's ``run_failure_sensor``: that one sees neither the runs of ``dagster job execute``, nor, when it is given jobs, those of single
    assets; without jobs it writes into the log of everybody's failed runs.

    Args:
        settings: whose groups it looks after.
        jobs: their jobs.
        name: of the sensor.
    """

    @dg.sensor(
        name=name,
        jobs=jobs,
        minimum_interval_seconds=MINIMUM_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Writes an alert for each run that failed.",
    )
    def run_failures(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        failed, cursor = _failed_runs(context, settings)
        alerts = [alert for record in failed if (alert := _alert(context.instance, settings, record)) is not None]
        try:
            new = _save(settings, alerts) if alerts else 0
        except StoreError as error:
            return dg.SkipReason(f"{error} Nothing is lost: the next tick looks again.")
        return dg.SensorResult(cursor=cursor, skip_reason=f"{new} new alerts." if new else "No run failed.")

    return run_failures


def _runs(context: dg.SensorEvaluationContext, settings: Settings, filters: Mapping[str, Any], **how: Any) -> list[dg.RunRecord]:
    """Return the runs of the settings' groups, those of this code location and those that no code location was asked for."""
    records = context.instance.get_run_records(dg.RunsFilter(tags={TAG_TABLE_GROUP: list(settings.table_groups)}, **filters), **how)
    here = context.code_location_origin.location_name if context.code_location_origin else None
    origins = [record.dagster_run.remote_job_origin for record in records]
    places = [origin.repository_origin.code_location_origin.location_name if origin else here for origin in origins]
    return [record for record, place in zip(records, places, strict=True) if here in (place, None)]


def _close_lost_runs(context: dg.SensorEvaluationContext, settings: Settings) -> int:
    instance = context.instance
    closed = 0
    for record in _runs(context, settings, {"statuses": IN_PROGRESS}):
        run = record.dagster_run
        if not worker_is_gone(instance, run):
            continue
        # A process writes how its run ended before it goes.
        now = instance.get_run_by_id(run.run_id)
        if now is None or now.status not in IN_PROGRESS:
            continue
        if now.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(now, f"{GONE} It had been told to stop.")
        else:
            instance.report_run_failed(now, GONE)
        context.log.info("Closed run %s of %s: its process is gone.", run.run_id, run.job_name)
        closed += 1
    return closed


def _close_rows(context: dg.SensorEvaluationContext, settings: Settings) -> int:
    from dq_assets.steps.context import StepContext
    from dq_assets.steps.reconcile import reconcile

    steps = StepContext.open(settings)
    try:
        steps.store.require_ready()
    except StoreError:
        # Without tables there is no row; without a database that can be read, the next step says so.
        return 0
    closed = reconcile(steps, datetime.now(UTC), endings=_endings(context.instance))
    for item in closed:
        context.log.info("%s run %s: %s", item.run.kind, item.run.run_id, item.message)
    return len(closed)


def _endings(instance: dg.DagsterInstance) -> "Callable[[Collection[str]], Mapping[str, Ending | None]]":
    from dq_assets.records.enums import RunStatus
    from dq_assets.steps.reconcile import Ending

    ends = {
        dg.DagsterRunStatus.SUCCESS: Ending(RunStatus.FAILED, "succeeded without ending it"),
        dg.DagsterRunStatus.FAILURE: Ending(RunStatus.FAILED, "failed"),
        dg.DagsterRunStatus.CANCELED: Ending(RunStatus.CANCELLED, "was cancelled"),
    }

    def endings(run_ids: Collection[str]) -> Mapping[str, Ending | None]:
        records = instance.get_run_records(dg.RunsFilter(run_ids=list(run_ids))) if run_ids else []
        return {record.dagster_run.run_id: ends.get(record.dagster_run.status) for record in records}

    return endings


def _failed_runs(context: dg.SensorEvaluationContext, settings: Settings) -> tuple[list[dg.RunRecord], str]:
    """Return the runs that failed since the last tick, oldest first, and the cursor after them."""
    seen = datetime.fromisoformat(context.cursor) if context.cursor else datetime.now(UTC) - FIRST_LOOK_BACK
    filters = {"statuses": [dg.DagsterRunStatus.FAILURE], "updated_after": seen - OVERLAP}
    records = _runs(context, settings, filters, order_by="update_timestamp", ascending=True)
    return records, max([seen, *(record.update_timestamp.replace(tzinfo=UTC) for record in records)]).isoformat()


def _root(run: dg.DagsterRun) -> str:
    return run.tags.get(TAG_REDO_OF) or run.root_run_id or run.run_id


def _redo(context: dg.SensorEvaluationContext, record: dg.RunRecord, jobs: Sequence[Any]) -> dg.RunRequest | None:
    """Return the request for a run's work again, or None where it did not fail by being cut off, or somebody asked for it again already."""
    from dq_assets.orchestration.requests import run_request

    instance, run = context.instance, record.dagster_run
    if run.tags.get(WILL_RETRY_TAG) == "true" or not was_cut_off(instance, run):
        return None
    if instance.event_log_storage.supports_global_concurrency_limits:
        # What the killed process held would stay taken.
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    try:
        asked = run_request(run, instance)
    except ConfigError:
        return None
    family = _family(instance, run, str(asked.token))
    redos = sum(TAG_REDO_OF in member.dagster_run.tags and member.dagster_run.parent_run_id is None for member in family)
    target = _target(context, run, jobs)
    if target is None or redos >= MAX_REDOS or any(member.storage_id > record.storage_id for member in family):
        return None
    job, assets, checks = target
    own = {key: value for key, value in run.tags.items() if key in TAGS_KEPT or not key.startswith(("dagster/", ".dagster/"))}
    own.pop(TAG_WORKER, None)
    same = {TAG_TOKEN: str(asked.token), TAG_AS_OF: asked.as_of.isoformat(), TAG_TRIGGER: asked.trigger_source.value, TAG_REDO_OF: _root(run)}
    return dg.RunRequest(
        run_key=f"redo:{_root(run)}:{redos + 1}",
        job_name=job,
        run_config=dict(run.run_config),
        tags={**own, **same},
        asset_selection=assets,
        asset_check_keys=checks,
    )


def _family(instance: dg.DagsterInstance, run: dg.DagsterRun, token: str) -> list[dg.RunRecord]:
    """Return the runs that are the same run as this one: re-executions and redos of its root, and those of its job that were asked for with its token."""
    same_token = dg.RunsFilter(job_name=run.job_name, tags={TAG_TOKEN: token, TAG_TABLE_GROUP: run.tags[TAG_TABLE_GROUP]})
    filters = (dg.RunsFilter(tags={ROOT_RUN_TAG: _root(run)}), dg.RunsFilter(tags={TAG_REDO_OF: _root(run)}), same_token)
    return list({record.storage_id: record for kin in filters for record in instance.get_run_records(kin)}.values())


def _target(
    context: dg.SensorEvaluationContext, run: dg.DagsterRun, jobs: Sequence[Any]
) -> tuple[str, list[dg.AssetKey] | None, list[dg.AssetCheckKey] | None] | None:
    """Return the job and the selection that do a run's work: its own, or for a run of single assets the job that has all of them."""
    assets = None if run.asset_selection is None else sorted(run.asset_selection)
    checks = None if run.asset_check_selection is None else sorted(run.asset_check_selection, key=lambda key: (key.asset_key, key.name))
    names = [job.name for job in jobs]
    if run.job_name in names:
        return run.job_name, assets, checks
    repository = context.repository_def
    wanted = {*(assets or ()), *(checks or ())}
    if repository is None or not wanted:
        return None
    layers = {name: repository.get_job(name).asset_layer for name in names}
    fitting = (name for name, layer in layers.items() if wanted <= layer.selected_asset_keys | layer.asset_graph.asset_check_keys)
    return next(((name, assets or [], checks) for name in fitting), None)


def _alert(instance: dg.DagsterInstance, settings: Settings, record: dg.RunRecord) -> "Alert | None":
    from dq_assets.alerting.alerts import run_failure_alert
    from dq_assets.steps.context import StepContext

    run = record.dagster_run
    found = causes(instance, run.run_id)
    if any(cause.code == ON_PURPOSE for cause in found):
        return None
    if was_cut_off(instance, run):
        said = f"{GONE} It is run again by itself, at most {MAX_REDOS} times."
    else:
        ends = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        said = "\n".join(cause.text for cause in found) or (ends[-1].get_dagster_event().message if ends else None) or "It failed."
    group = StepContext.open(settings).group(run.tags[TAG_TABLE_GROUP])
    return run_failure_alert(group, run.job_name, _root(run), said, record.update_timestamp.replace(tzinfo=UTC))


def _save(settings: Settings, alerts: "Sequence[Alert]") -> int:
    from dq_assets.steps.context import StepContext

    store = StepContext.open(settings).store
    store.require_ready()
    return store.save_alerts(alerts, run_id=alerts[0].source_ref)
