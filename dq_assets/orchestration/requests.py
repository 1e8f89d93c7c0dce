"""From a Dagster run to the request that the steps take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dq_assets.errors import ConfigError
from dq_assets.orchestration.graph import PARTITION_FORMATS
from dq_assets.orchestration.keys import TAG_AS_OF, TAG_BATCH, TAG_JUDGED, TAG_TESTS, TAG_TOKEN, TAG_TRIGGER, trigger_of
from dq_assets.records import identity
from dq_assets.records.batches import BatchRange, batch_key, window
from dq_assets.records.enums import TriggerSource
from dq_assets.steps.context import RunRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import dagster as dg

    from dq_assets.orchestration.graph import GroupGraph

PARTITION, FIRST_PARTITION, LAST_PARTITION = "dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def run_request(run: dg.DagsterRun, instance: dg.DagsterInstance, partitions: dg.TimeWindowPartitionsDefinition | None = None) -> RunRequest:
    """Return what a run asks for: its tags ``dq/as_of``, ``dq/batch``, ``dq/tests``, ``dq/trigger``, ``dq/run_token``; else its root run's time and id.

    A re-execution has the root run of the first attempt, hence the same data time and the same run ids: it is the same run. Chosen partitions of
    ``partitions`` are the batches that lie within them.

    Raises:
        ConfigError: ``DQ-TAG-001`` when a tag cannot be read.
    """
    root_id = run.root_run_id or run.run_id
    record = instance.get_run_record_by_id(root_id) or instance.get_run_record_by_id(run.run_id)
    created = record.create_timestamp.astimezone(UTC) if record else datetime.now(UTC)
    # What a run judged is written on it under the same tag, which a re-execution copies: that is an answer, no question.
    batch = run.tags.get(TAG_BATCH) if run.tags.get(TAG_BATCH) != run.tags.get(TAG_JUDGED) else None
    try:
        as_of = datetime.fromisoformat(run.tags[TAG_AS_OF]) if TAG_AS_OF in run.tags else created
        trigger = TriggerSource(trigger_of(run.tags))
    except ValueError as error:
        fix = f"write {TAG_AS_OF} like 2013-12-01T00:00:00+00:00 and {TAG_TRIGGER} as one of {', '.join(TriggerSource)}."
        raise ConfigError("DQ-TAG-001", f"run tag cannot be read: {error}.", fix) from error
    return RunRequest(
        as_of=as_of.astimezone(UTC) if as_of.tzinfo else as_of.replace(tzinfo=UTC),
        started_at=created,
        token=run.tags.get(TAG_TOKEN, f"dagster:{root_id}"),
        trigger_source=trigger,
        dagster_run_id=run.run_id,
        batches=_chosen(run.tags, partitions) or (BatchRange.parse(batch) if batch else None),
        tests=tuple(run.tags[TAG_TESTS].split(",")) if TAG_TESTS in run.tags else None,
    )


def note_judged(run: dg.DagsterRun, instance: dg.DagsterInstance, batch_keys: Iterable[str]) -> None:
    """Write the batches that a run judged on the run, first to last, where it did not ask for any: runs can be found by what they were about."""
    keys = sorted(batch_keys)
    if keys and run.tags.get(TAG_BATCH) == run.tags.get(TAG_JUDGED):
        span = keys[0] if keys[0] == keys[-1] else f"{keys[0]}..{keys[-1]}"
        instance.add_run_tags(run.run_id, {TAG_BATCH: span, TAG_JUDGED: span})


def partitions_of_batches(graph: GroupGraph, batch_keys: Iterable[str]) -> list[str]:
    """Return the partitions that batches of any grain lie in, in data time; batches before the first partition are in none."""
    if graph.grain is None or graph.listed is None or graph.listed.first_batch is None:
        return []
    starts = {window(batch_key(BatchRange.parse(key).start, graph.grain), graph.grain)[0] for key in batch_keys}
    return sorted(start.strftime(PARTITION_FORMATS[graph.grain]) for start in starts if start >= graph.listed.first_batch)


def _chosen(tags: Mapping[str, str], partitions: dg.TimeWindowPartitionsDefinition | None) -> BatchRange | None:
    first, last = tags.get(PARTITION, tags.get(FIRST_PARTITION)), tags.get(PARTITION, tags.get(LAST_PARTITION))
    if partitions is None or first is None or last is None:
        return None
    start, end = partitions.time_window_for_partition_key(first).start, partitions.time_window_for_partition_key(last).end
    return BatchRange(first=first, last=last, start=start.replace(tzinfo=None), end=end.replace(tzinfo=None))


def test_run_id(table_group_id: str, request: RunRequest) -> str:
    """Return the id of the test run that belongs to a Dagster run's request."""
    return identity.run_id("test", table_group_id, str(request.token))
