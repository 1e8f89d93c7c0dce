"""Schedules that are stored, fired by one sensor.

Decision: the sensor's cursor, which Dagster keeps only together with the runs of its tick, is the one truth about what was handed out. Whatever is made
of a fire (run key, run token, hence the ids of our runs) is a pure function of schedule and instant, so a tick that is killed anywhere and evaluated
again asks for runs that Dagster knows already. The columns ``last_run_at``, ``next_run_at`` and ``last_run_id`` are written from the cursor as it was
kept, one tick late: they never name a run that nobody asked for.

A fire carries no ``dq/as_of``: data time is when the run is made. A late or collapsed fire judges what is there then; as of the instant it was due, rows
that came since would lie in the future.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from dq_assets.orchestration.keys import TAG_TABLE_GROUP, TAG_TESTS, TAG_TOKEN, TAG_TRIGGER
from dq_assets.records import identity
from dq_assets.records.enums import TriggerSource
from dq_assets.records.schedules import Fire, Schedule, ScheduleTarget, due, mirrored
from dq_assets.settings import Settings

if TYPE_CHECKING:
    from dq_assets.steps.schedules import PlacedSchedule

MINIMUM_INTERVAL_S = 30
NOT_PROVISIONED = ("DQ-STORE-004", "DQ-STORE-005")


class Tick(NamedTuple):
    """What one evaluation comes to: runs to ask for, the cursor to keep with them, schedules to mirror, and what to tell of the others."""

    requests: list[dg.RunRequest]
    cursor: str
    mirror: list[Schedule]
    said: list[str]


def stored_schedules_sensor(settings: Settings, jobs: Sequence[Any], name: str) -> dg.SensorDefinition:
    """Return the sensor that fires the stored schedules of the configuration's table groups.

    Args:
        settings: the whole configuration.
        jobs: the jobs ``<group>_learn`` and ``<group>_validate`` of each of its groups; at least one.
        name: of the sensor.
    """
    running = any(group.automation == "running" for group in settings.table_groups.values())

    @dg.sensor(
        name=name,
        jobs=jobs,
        minimum_interval_seconds=MINIMUM_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Starts learning and validation by the schedules in the store (`dq schedules`).",
    )
    def stored_schedules(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        from dq_assets.errors import StoreError
        from dq_assets.store.metadata_store import MetadataStore

        store = MetadataStore.open(settings.metadata)
        try:
            schedules = store.schedules(settings.project)
        except StoreError:
            try:
                store.require_ready()
            except StoreError as error:
                if error.code in NOT_PROVISIONED:
                    return dg.SkipReason(str(error))
                raise
            raise
        tick = evaluate(settings, schedules, context.cursor, datetime.now(UTC))
        if tick.mirror:
            try:
                store.note_fires(tick.mirror)
            except StoreError as error:
                context.log.warning("The table dq_schedules does not show the last fires yet; the next tick writes them. %s", error)
        silence = None if tick.requests else " ".join(tick.said) or f"None of {len(schedules)} schedules is due."
        return dg.SensorResult(run_requests=tick.requests, cursor=tick.cursor, skip_reason=silence)

    return stored_schedules


def evaluate(settings: Settings, schedules: Sequence[Schedule], cursor: str | None, now: datetime) -> Tick:
    """Return what a tick does, from what is stored, the cursor that was kept and the clock; nothing is read or written.

    A schedule whose group is not in the configuration, whose test is gone or switched off, or whose expression cannot be read is told of and stops no
    other.
    """
    from dq_assets.steps.schedules import place

    kept = parse_cursor(cursor)
    placed = {item.schedule.schedule_id: item for item in place(settings, schedules)}
    said = [_sentence(item.schedule, item.problem) for item in placed.values() if item.problem]
    ours = {schedule_id: item for schedule_id, item in placed.items() if item.table_group is not None}
    found = due([item.schedule for item in ours.values() if item.problem is None], kept, now)
    said += [_sentence(schedule, reason) for schedule, reason in found.broken]
    waiting = {schedule_id: kept[schedule_id] for schedule_id, item in ours.items() if item.problem is not None and schedule_id in kept}
    requests = [_request(ours[fire.schedule.schedule_id], fire) for fire in found.fires]
    shown = [
        mirrored(item.schedule, kept.get(schedule_id), identity.table_group_id(settings.project, str(item.table_group))) for schedule_id, item in ours.items()
    ]
    return Tick(requests, format_cursor(waiting | found.cursor), [item for item in shown if item != ours[item.schedule_id].schedule], said)


def parse_cursor(text: str | None) -> dict[str, datetime]:
    """Return schedule id to last fire; empty where there is no cursor or it cannot be read: every schedule then starts from its last change."""
    try:
        return {str(schedule_id): datetime.fromisoformat(moment).astimezone(UTC) for schedule_id, moment in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def format_cursor(fires: Mapping[str, datetime]) -> str:
    """Return the text of a cursor; the same fires are the same text."""
    return json.dumps({schedule_id: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for schedule_id, moment in sorted(fires.items())}, separators=(",", ":"))


def _request(placed: "PlacedSchedule", fire: Fire) -> dg.RunRequest:
    only = {TAG_TESTS: fire.schedule.target_id} if fire.schedule.target_type is ScheduleTarget.TEST else {}
    tags = {TAG_TABLE_GROUP: str(placed.table_group), TAG_TRIGGER: TriggerSource.SCHEDULE.value, TAG_TOKEN: fire.key, **only}
    return dg.RunRequest(run_key=fire.key, job_name=f"{placed.table_group}_{placed.verb}", tags=tags)


def _sentence(schedule: Schedule, problem: str) -> str:
    what = f"test {schedule.test.name}" if schedule.test else f"{schedule.target_type} {schedule.target_id}"
    return f"Schedule {schedule.cron_expression!r} on {what} starts nothing: {problem}."
