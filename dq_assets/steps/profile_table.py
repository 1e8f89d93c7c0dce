"""One table's part of a group's profile: its columns, the series of its batches, what is odd, and what tests are learned from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dq_assets.profiling.findings import Found, find, finding
from dq_assets.profiling.masking import VALUES_OF_THE_DATA, masked
from dq_assets.profiling.metrics import METRIC_VERSION, SERIES
from dq_assets.profiling.table_profile import TableProfile
from dq_assets.records import identity
from dq_assets.records.batches import Grain, batch_key, utc_window
from dq_assets.records.enums import BaselineStatus, Quality, Severity, StoreValues
from dq_assets.records.profiles import ColumnProfile, Finding, KnownBatch, MetricValue, StateRow
from dq_assets.steps.batches import PresentBatches, complete, named, only, present_batches
from dq_assets.steps.learned_states import LearnedRows, renewed_states, rows_to_learn, state_rows, taught
from dq_assets.steps.measure import Question
from dq_assets.steps.profile_data import not_measured, policy_of, with_pii_risk
from dq_assets.steps.profile_relation import Identity, profile_relation
from dq_assets.steps.sampled import sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlglot import exp

    from dq_assets.errors import SourceError
    from dq_assets.profiling.plan import TablePlan
    from dq_assets.records.batches import BatchRange
    from dq_assets.records.engine import Capabilities, Session
    from dq_assets.records.sampling import Sampling
    from dq_assets.records.tables import GroupTable


class TableScan(NamedTuple):
    """What profiling a table needs: where, what, how much of it, and which values may be kept."""

    session: Session
    capabilities: Capabilities
    table: GroupTable
    plan: TablePlan
    store_values: StoreValues
    data_version: str | None
    as_of: datetime
    sampling: Sampling
    timeout_s: float | None = None
    progress: Callable[[str], None] = lambda _: None

    @property
    def dialect(self) -> str:
        """The engine's dialect."""
        return self.capabilities.dialect


class ProfiledTable(NamedTuple):
    """A table's part of a group profile."""

    columns: list[ColumnProfile]
    series: list[MetricValue]
    findings: list[Finding]
    rows: int
    teaching: exp.Expr | None
    """Keeps the rows of batches that may teach; None where all complete batches may."""
    profile: TableProfile | None = None
    """The table as a whole, values masked; None where it could not be read."""
    states: tuple[StateRow, ...] = ()
    carried: bool = False
    """Whether it is what an earlier run found, because the table did not change."""


class BatchHistory(NamedTuple):
    """What is known of a table's batches: the newest profile of each, and what validation said of it with the version it judged."""

    known: dict[str | None, KnownBatch]
    verdicts: dict[str | None, tuple[BaselineStatus, str | None]]
    default: BaselineStatus
    """Status of a batch that no suite has judged."""
    states: Mapping[str, StateRow] = {}
    """What is remembered of the table's columns, by column id."""
    chosen: BatchRange | None = None
    """Profile these batches again, whatever is known of them, and no others; None: those that are new or changed."""

    def status(self, key: str | None, holds: Callable[[str | None], bool]) -> BaselineStatus:
        """Return whether a batch may teach: what validation or an earlier profile said, as long as it ``holds`` the rows they saw."""
        if key in self.verdicts and holds(self.verdicts[key][1]):
            return self.verdicts[key][0]
        return self.known[key].status if key in self.known and holds(self.known[key].data_version) else self.default


def unreadable_profile(table: GroupTable, error: SourceError) -> ProfiledTable:
    """Return the profile of a table that could not be read: one serious finding, so that somebody is told."""
    told = finding("not_profiled", table.name, table.table_id, Found(f"The table could not be read: {error.message}"))
    return ProfiledTable([], [], [told.model_copy(update={"severity": Severity.ERROR})], 0, None)


def skipped_profile(table: GroupTable, reason: str) -> ProfiledTable:
    """Return the profile of a table that a limit left out: one finding that says so."""
    return ProfiledTable([], [], [finding("not_profiled", table.name, table.table_id, Found(reason))], 0, None)


def profile_table(scan: TableScan, history: BatchHistory) -> ProfiledTable:
    """Profile a table over all its rows, and the batches whose metrics are missing or of other rows than it holds.

    Raises:
        SourceError: the table cannot be read, or its batch column is gone.
    """
    relation, timed = scan.session.relation(scan.table.name), scan.plan.batch.is_timed
    question = Question(
        session=scan.session,
        capabilities=scan.capabilities,
        relation=relation,
        columns=scan.plan.columns,
        timezone=scan.plan.timezone,
        as_of=scan.plan.as_of,
        timeout_s=scan.timeout_s,
        progress=scan.progress,
    )
    present = (
        present_batches(scan.session, scan.plan, relation, scan.dialect, timeout_s=scan.timeout_s)
        if timed
        else PresentBatches(rows={}, fingerprints={}, in_no_batch=0)
    )
    status = {key: history.status(key, partial(present.holds, key)) for key in complete(present, scan.plan.batch, scan.plan.as_of)} if timed else {}
    learned = {key for key, found in status.items() if found is BaselineStatus.LEARNED}
    teaching = only(scan.plan, present, learned) if len(learned) < len(status) else None
    ids = Identity(scan.table.name, scan.table.table_id, {column.name: identity.column_id(scan.table.table_id, column.name) for column in scan.plan.columns})
    with sampled(replace(question, batch=scan.plan.batch_start(scan.dialect) if timed else None), scan.sampling, scan.plan.batch) as (asked, of_all):
        found = profile_relation(replace(asked, batch=None), ids)
        whole = of_all(found.profiles[None], None)
    columns = [with_pii_risk(column) for column in whole.columns]
    policy = policy_of(scan.store_values, tuple(columns))
    findings = find(scan.table.name, scan.table.table_id, columns, rows_in_no_batch=present.in_no_batch)
    errors = list(found.errors)
    if timed:
        known = {key: item for key, item in history.known.items() if key is not None and present.holds(key, item.data_version)}
        if history.chosen is None:
            due = [key for key, state in status.items() if key not in known or known[key].status is not state]
        else:
            due = [key for key in named(history.chosen, present, scan.plan.batch, scan.plan.timezone, scan.plan.as_of) if key in status]
        taken, failed = _batch_profiles(scan, question, ids, due, present)
        series = [
            value
            for key, profile in taken.items()
            for value in _metric_values(
                scan,
                key,
                utc_window(key, scan.plan.batch.grain or Grain.DAY, scan.plan.timezone),
                profile,
                status[key],
                present.version(key, scan.data_version),
            )
        ]
        learning = rows_to_learn(scan, present, learned, taken, history.states)
        errors += [error for error in failed if error[0] not in {name for name, _, _ in errors}]
    else:
        teaches = history.status(None, lambda version: version == scan.data_version)
        before = history.known.get(None)
        unchanged = before is not None and (before.status, before.data_version) == (teaches, scan.data_version)
        series = [] if unchanged else _metric_values(scan, None, (scan.as_of, scan.as_of), whole, teaches, scan.data_version)
        learning = LearnedRows(None, whole.row_count, (whole,), False, None) if teaches is BaselineStatus.LEARNED else None
    states = renewed_states(scan, columns, policy, learning, history.states) if learning is not None else {}
    columns = [column.model_copy(update={"metrics": {**column.metrics, **taught(states[column.column_id])}}) if states else column for column in columns]
    hidden = {column.column_id for column in columns if not policy.may_store(column.column_name)}
    series = [metric for metric in series if metric.metric not in VALUES_OF_THE_DATA or metric.column_id not in hidden]
    findings += not_measured(scan.table.name, scan.table.table_id, errors)
    kept = [masked(column, policy, scan.plan.batch.column) for column in columns]
    shown = whole.model_copy(update={"columns": tuple(kept), "findings": tuple(findings)})
    rows = state_rows(scan, states, learning.digest) if learning is not None else ()
    return ProfiledTable(kept, series, findings, whole.row_count, teaching, shown, states=rows)


def _batch_profiles(
    scan: TableScan, question: Question, ids: Identity, due: list[str], present: PresentBatches
) -> tuple[dict[str, TableProfile], list[tuple[str | None, str, SourceError]]]:
    """Return the profiles of batches that are new, or whose rows or status changed since they were profiled, and what could not be measured."""
    if not due:
        return {}, []
    grain = scan.plan.batch.grain or Grain.DAY
    asked = replace(question, batch=scan.plan.batch_start(scan.dialect), where=only(scan.plan, present, due))
    with sampled(asked, scan.sampling.model_copy(update={"days": None}), scan.plan.batch) as (sample, of_all):
        found = profile_relation(sample, ids, rows=None if scan.sampling.is_on else sum(present.rows[key] for key in due))
        by_key = {batch_key(start, grain): of_all(profile, start) for start, profile in found.profiles.items() if start is not None}
    # Of a batch that is too small for the sample only the rows are known, exactly.
    counted = {key: TableProfile(name=str(scan.table.name), row_count=present.rows[key], rows_read=0, metrics={"row_count": present.rows[key]}) for key in due}
    return {key: by_key.get(key, counted[key]) for key in due}, found.errors


def _metric_values(
    scan: TableScan, key: str | None, window: tuple[datetime, datetime], profile: TableProfile, status: BaselineStatus, data_version: str | None
) -> list[MetricValue]:
    """Return a profile's numbers as points of the series."""
    found: list[MetricValue] = []

    def add(column_id: str | None, metric: str, value: Any, quality: Quality) -> None:
        if metric in SERIES and value is not None and (number := _number(value)) is not None:
            found.append(
                MetricValue.model_construct(
                    table_id=scan.table.table_id,
                    column_id=column_id,
                    batch_key=key,
                    window_start=window[0],
                    window_end=window[1],
                    metric=metric,
                    metric_version=METRIC_VERSION,
                    value=number,
                    value_text=str(value),
                    rows_read=profile.rows_read,
                    quality=quality,
                    baseline_status=status,
                    data_version=data_version,
                )
            )

    def quality_of(holder: TableProfile | ColumnProfile, metric: str) -> Quality:
        return holder.approximations[metric].quality if metric in holder.approximations else Quality.EXACT

    for metric, value in profile.metrics.items():
        add(None, metric, value, quality_of(profile, metric))
    for column in profile.columns:
        if column.record_count == 0 < profile.row_count:
            continue
        own = {"null_count": column.null_count, "distinct_count": column.distinct_count, "avg_value": column.avg_value, "stddev_value": column.stddev_value}
        for metric, value in (own | column.percentiles | column.metrics).items():
            add(column.column_id, metric, value, quality_of(column, metric))
    return found


def _number(value: object) -> float | None:
    """Return a metric as a number, None where it is none or no DOUBLE holds it; an exact sum of decimals comes as text and is one."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
