"""From a Dagster run to the request that the steps take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dq_assets.errors import ConfigError
from dq_assets.orchestration.keys import TAG_AS_OF, TAG_BATCH, TAG_TOKEN, TAG_TRIGGER
from dq_assets.records import identity
from dq_assets.records.batches import BatchRange
from dq_assets.records.enums import TriggerSource
from dq_assets.steps.context import RunRequest

if TYPE_CHECKING:
    import dagster as dg


def run_request(run: dg.DagsterRun, instance: dg.DagsterInstance) -> RunRequest:
    """Return what a run asks for: its tags ``dq/as_of``, ``dq/batch``, ``dq/trigger``, ``dq/run_token``; else its root run's time and id.

    A re-execution has the root run of the first attempt, hence the same data time and the same run ids: it is the same run.

    Raises:
        ConfigError: ``DQ-TAG-001`` when a tag cannot be read.
    """
    root_id = run.root_run_id or run.run_id
    record = instance.get_run_record_by_id(root_id) or instance.get_run_record_by_id(run.run_id)
    created = record.create_timestamp.astimezone(UTC) if record else datetime.now(UTC)
    batch = run.tags.get(TAG_BATCH)
    scheduled = "dagster/schedule_name" in run.tags
    try:
        as_of = datetime.fromisoformat(run.tags[TAG_AS_OF]) if TAG_AS_OF in run.tags else created
        trigger = TriggerSource(run.tags.get(TAG_TRIGGER, TriggerSource.SCHEDULE if scheduled else TriggerSource.MANUAL))
    except ValueError as error:
        fix = f"write {TAG_AS_OF} like 2013-12-01T00:00:00+00:00 and {TAG_TRIGGER} as one of {', '.join(TriggerSource)}."
        raise ConfigError("DQ-TAG-001", f"run tag cannot be read: {error}.", fix) from error
    return RunRequest(
        as_of=as_of.astimezone(UTC) if as_of.tzinfo else as_of.replace(tzinfo=UTC),
        started_at=created,
        token=run.tags.get(TAG_TOKEN, f"dagster:{root_id}"),
        trigger_source=trigger,
        dagster_run_id=run.run_id,
        batches=BatchRange.parse(batch) if batch else None,
    )


def test_run_id(table_group_id: str, request: RunRequest) -> str:
    """Return the id of the test run that belongs to a Dagster run's request."""
    return identity.run_id("test", table_group_id, str(request.token))
