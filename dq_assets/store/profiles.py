"""Profile runs and their rows.

Decision: all rows of a run are replaced in one transaction whose last statement completes the run, and they carry ids and moments of the run, not of
the attempt. So a retry leaves what an undisturbed run would have left.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from dq_assets.errors import StoreError
from dq_assets.records.enums import BaselineStatus, RunStatus
from dq_assets.records.identity import derived_id
from dq_assets.records.profiles import ColumnProfile, Finding, FrequentValue, GroupProfile, HistogramBucket, KnownBatch, MetricValue, ProfileRun, StateRow
from dq_assets.records.tables import TableName
from dq_assets.store.schema import (
    column_states,
    data_column_chars,
    profile_anomaly_results,
    profile_column_values,
    profile_metrics,
    profile_results,
    profiles,
    tables,
)
from dq_assets.store.visibility import completed, newest_first

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection as Transaction
    from sqlalchemy import Row, Table

_RUN_FIELDS = tuple(ProfileRun.model_fields)
_DETAILS = (profile_results, profile_metrics, profile_column_values, profile_anomaly_results)


def start(transaction: Transaction, run: ProfileRun) -> ProfileRun:
    """Write a run as running; a run that is there begins its next attempt and keeps its first ``started_at``."""
    stored = find(transaction, run.profile_run_id)
    if stored is None:
        begun = run.model_copy(update={"status": RunStatus.RUNNING, "completed_at": None})
        transaction.execute(insert(profiles).values(begun.model_dump()))
        return begun
    begun = run.model_copy(
        update={"status": RunStatus.RUNNING, "attempt": stored.attempt + 1, "started_at": stored.started_at, "completed_at": None, "error_message": None}
    )
    transaction.execute(update(profiles).where(profiles.c.profile_run_id == run.profile_run_id).values(begun.model_dump()))
    return begun


def complete(transaction: Transaction, run: ProfileRun, profile: GroupProfile) -> None:
    """Replace the run's rows and complete it, the run row last.

    Raises:
        StoreError: ``DQ-STORE-006`` when a newer attempt of the run has begun, ``DQ-STORE-010`` when the run was never started.
    """
    stored = find(transaction, run.profile_run_id)
    if stored is None:
        raise StoreError("DQ-STORE-010", f"profile run {run.profile_run_id} is completed but was never started.", "start it first.")
    if stored.attempt > run.attempt:
        raise StoreError(
            "DQ-STORE-006",
            f"attempt {run.attempt} of profile run {run.profile_run_id} comes too late: attempt {stored.attempt} has begun. Nothing was written.",
            "let the newer attempt finish; stop this one.",
        )
    ended = run.model_copy(
        update={"status": RunStatus.COMPLETED, "started_at": stored.started_at, "completed_at": run.completed_at or run.started_at, "error_message": None}
    )
    for target in _DETAILS:
        transaction.execute(delete(target).where(target.c.profile_run_id == run.profile_run_id))
    _insert(transaction, profile_results, (_result_row(ended, column) for column in profile.columns))
    _insert(transaction, profile_column_values, (row for column in profile.columns for row in _value_rows(ended, column)))
    of_run = {"profile_run_id": run.profile_run_id, "project_key": run.project_key}
    _insert(
        transaction,
        profile_metrics,
        ({**of_run, **dict(value), "quality": value.quality.value, "baseline_status": value.baseline_status.value} for value in profile.series),
    )
    _insert(transaction, profile_anomaly_results, _finding_rows(ended, profile.findings))
    _write_characteristics(transaction, ended, profile)
    _write_states(transaction, ended, profile.states)
    transaction.execute(update(profiles).where(profiles.c.profile_run_id == run.profile_run_id).values(ended.model_dump()))


def fail(transaction: Transaction, profile_run_id: str, error: str, now: datetime) -> None:
    """Mark a run as failed; a completed run stays completed."""
    unfinished = update(profiles).where(profiles.c.profile_run_id == profile_run_id, ~completed(profiles))
    transaction.execute(unfinished.values(status=RunStatus.FAILED.value, error_message=error, completed_at=now))


def find(transaction: Transaction, profile_run_id: str) -> ProfileRun | None:
    """Return a run in any state, or None."""
    row = transaction.execute(select(*_run_columns()).where(profiles.c.profile_run_id == profile_run_id)).first()
    return None if row is None else _run(row)


def latest(transaction: Transaction, table_group_id: str) -> ProfileRun | None:
    """Return the newest completed run of the group, or None."""
    query = select(*_run_columns()).where(profiles.c.table_group_id == table_group_id, completed(profiles)).order_by(*newest_first(profiles)).limit(1)
    row = transaction.execute(query).first()
    return None if row is None else _run(row)


def columns(transaction: Transaction, profile_run_id: str) -> list[ColumnProfile]:
    """Return the column profiles of a completed run in the order of tables and columns; empty when the run is not completed.

    ``pii_risk`` is what is known of the column now.
    """
    values = defaultdict(list)
    for row in transaction.execute(_of_run(profile_column_values, profile_run_id).order_by(profile_column_values.c.rank)):
        values[row.schema_name, row.table_name, row.column_name].append(row)
    query = (
        _of_run(profile_results, profile_run_id)
        .add_columns(data_column_chars.c.pii_risk)
        .outerjoin(data_column_chars, data_column_chars.c.column_id == profile_results.c.column_id)
        .order_by(profile_results.c.schema_name, profile_results.c.table_name, profile_results.c.ordinal_position)
    )
    return [_column_profile(row, values[row.schema_name, row.table_name, row.column_name]) for row in transaction.execute(query)]


def findings(transaction: Transaction, profile_run_id: str) -> list[Finding]:
    """Return the findings of a completed run, by table, column and type; empty when the run is not completed."""
    profiled = select(profile_results.c.table_id, profile_results.c.schema_name).where(profile_results.c.profile_run_id == profile_run_id)
    known = select(tables.c.table_id, tables.c.schema_name).join(profiles, profiles.c.table_group_id == tables.c.table_group_id)
    schemas = dict(transaction.execute(profiled.union(known.where(profiles.c.profile_run_id == profile_run_id))).all())
    fields = set(Finding.model_fields) - {"table"}
    order = (
        profile_anomaly_results.c.table_name,
        profile_anomaly_results.c.column_name,
        profile_anomaly_results.c.anomaly_type_id,
        profile_anomaly_results.c.detail,
    )
    return [
        Finding.model_validate(
            {field: value for field, value in row.items() if field in fields}
            | {"table": TableName(schema_name=schemas.get(row["table_id"], ""), table_name=row["table_name"])}
        )
        for row in transaction.execute(_of_run(profile_anomaly_results, profile_run_id).order_by(*order)).mappings()
    ]


def series(transaction: Transaction, table_ids: Sequence[str], baseline: Collection[BaselineStatus] | None) -> list[MetricValue]:
    """Return the metrics of the tables, each from the newest completed run that measured it, by table, column, metric and window."""
    metrics = profile_metrics.c
    place = func.row_number().over(partition_by=(metrics.table_id, metrics.column_id, metrics.batch_key, metrics.metric), order_by=newest_first(profiles))
    fields = [metrics[field] for field in MetricValue.model_fields]
    ranked = (
        select(*fields, place.label("place"))
        .join(profiles, profiles.c.profile_run_id == metrics.profile_run_id)
        .where(metrics.table_id.in_(table_ids), completed(profiles))
        .subquery()
    )
    query = select(*(ranked.c[field.name] for field in fields)).where(ranked.c.place == 1)
    if baseline is not None:
        query = query.where(ranked.c.baseline_status.in_([status.value for status in baseline]))
    query = query.order_by(ranked.c.table_id, ranked.c.column_id, ranked.c.metric, ranked.c.window_start, ranked.c.batch_key)
    return [MetricValue.model_validate(dict(row)) for row in transaction.execute(query).mappings()]


def batches_of_run(transaction: Transaction, profile_run_id: str) -> list[str]:
    """Return the keys of the timed batches that a completed run profiled, sorted."""
    measured = select(profile_metrics.c.batch_key).join(profiles, profiles.c.profile_run_id == profile_metrics.c.profile_run_id)
    of_run = (profile_metrics.c.profile_run_id == profile_run_id, profile_metrics.c.batch_key.is_not(None), completed(profiles))
    return list(transaction.execute(measured.where(*of_run).distinct().order_by(profile_metrics.c.batch_key)).scalars())


def profiled_batches(transaction: Transaction, table_id: str) -> dict[str | None, KnownBatch]:
    """Return the profiled batches of a table by key, as the newest completed run read them."""
    metrics = profile_metrics.c
    place = func.row_number().over(partition_by=metrics.batch_key, order_by=newest_first(profiles))
    fields = (metrics.batch_key, metrics.baseline_status, metrics.rows_read, metrics.data_version)
    ranked = (
        select(*fields, place.label("place"))
        .join(profiles, profiles.c.profile_run_id == metrics.profile_run_id)
        .where(metrics.table_id == table_id, metrics.column_id.is_(None), metrics.metric == "row_count", completed(profiles))
        .subquery()
    )
    query = select(*(ranked.c[field.name] for field in fields)).where(ranked.c.place == 1)
    return {key: KnownBatch(BaselineStatus(status), rows, version) for key, status, rows, version in transaction.execute(query)}


def _run_columns() -> list[Any]:
    return [profiles.c[field] for field in _RUN_FIELDS]


def _run(row: Row[Any]) -> ProfileRun:
    return ProfileRun.model_validate({field: value for field in _RUN_FIELDS if (value := getattr(row, field)) is not None})


def _of_run(target: Table, profile_run_id: str) -> Any:
    joined = target.join(profiles, profiles.c.profile_run_id == target.c.profile_run_id)
    return select(target).select_from(joined).where(target.c.profile_run_id == profile_run_id, completed(profiles))


def _insert(transaction: Transaction, target: Table, rows: Iterable[dict[str, Any]]) -> None:
    if batch := list(rows):
        transaction.execute(insert(target), batch)


def _result_row(run: ProfileRun, column: ColumnProfile) -> dict[str, Any]:
    fields = column.model_dump(
        mode="json", exclude={"table", "percentiles", "metrics", "approximations", "top_values", "shapes", "lengths", "histogram", "pii_risk"}
    )
    return {
        **fields,
        "result_id": derived_id("profile_result", run.profile_run_id, column.column_id),
        "profile_run_id": run.profile_run_id,
        "project_key": run.project_key,
        "schema_name": column.table.schema_name,
        "table_name": column.table.table_name,
        "percentiles_json": column.percentiles,
        "top_values_json": [value.model_dump() for value in column.top_values],
        "metrics_json": {**column.metrics, **_counted_json(column)},
        "approximations_json": {metric: estimate.model_dump(mode="json", exclude_none=True) for metric, estimate in column.approximations.items()},
        "generated_at": run.started_at,
    }


_TOP_SHAPES, _LENGTHS = "top_shapes", "length_histogram"
"""Under which names the further metrics hold what is a list."""


def _counted_json(column: ColumnProfile) -> dict[str, Any]:
    lists = {_TOP_SHAPES: [shape.model_dump() for shape in column.shapes], _LENGTHS: [list(pair) for pair in column.lengths]}
    return {name: value for name, value in lists.items() if value}


def _value_rows(run: ProfileRun, column: ColumnProfile) -> Iterable[dict[str, Any]]:
    place = {
        "profile_run_id": run.profile_run_id,
        "project_key": run.project_key,
        **column.table.model_dump(),
        "column_name": column.column_name,
        "generated_at": run.started_at,
    }
    for top in column.top_values:
        digest = hashlib.sha256(top.value.encode("utf-8", "surrogatepass")).hexdigest()
        yield {**place, **top.model_dump(), "value_hash": digest, "bucket_label": None, "bucket_lower_bound": None, "bucket_upper_bound": None}
    filled = sum(bucket.frequency for bucket in column.histogram)
    for bucket in column.histogram:
        yield {
            **place,
            "value": None,
            "value_hash": None,
            "frequency": bucket.frequency,
            "relative_freq": bucket.frequency / filled if filled else None,
            "rank": bucket.rank,
            "bucket_label": f"{bucket.lower:.6g} to {bucket.upper:.6g}",
            "bucket_lower_bound": bucket.lower,
            "bucket_upper_bound": bucket.upper,
        }


def _finding_rows(run: ProfileRun, found: Iterable[Finding]) -> Iterable[dict[str, Any]]:
    seen: Counter[tuple[object, ...]] = Counter()
    for finding in found:
        subject = (finding.anomaly_type_id, finding.table_id, finding.column_id)
        seen[subject] += 1
        yield {
            **finding.model_dump(mode="json", exclude={"table"}),
            "anomaly_result_id": derived_id("finding", run.profile_run_id, *subject, seen[subject]),
            "profile_run_id": run.profile_run_id,
            "project_key": run.project_key,
            "table_name": finding.table.table_name,
            "detected_at": run.started_at,
            "dismissed": False,
        }


def _write_characteristics(transaction: Transaction, run: ProfileRun, profile: GroupProfile) -> None:
    newest = latest(transaction, run.table_group_id)
    is_newest = newest is None or newest.as_of <= run.as_of
    counts = Counter(finding.column_id for finding in profile.findings)
    for column in profile.columns:
        known = {
            "data_type": column.data_type,
            "pii_risk": column.pii_risk,
            "last_complete_profile_run_id": run.profile_run_id,
            "latest_anomaly_ct": counts[column.column_id],
            "latest_run_completed_at": run.completed_at,
            "updated_at": run.completed_at,
        }
        place = {
            "column_id": column.column_id,
            "project_key": run.project_key,
            "table_id": column.table_id,
            **column.table.model_dump(),
            "column_name": column.column_name,
        }
        row = insert(data_column_chars).values({**place, **known, "created_at": run.completed_at})
        transaction.execute(row.on_conflict_do_update(index_elements=["column_id"], set_=known) if is_newest else row.on_conflict_do_nothing())


def _write_states(transaction: Transaction, run: ProfileRun, states: Sequence[StateRow]) -> None:
    """Replace the states; one that a run of a later time has written stays."""
    later = select(column_states.c.column_id).join(profiles, profiles.c.profile_run_id == column_states.c.profile_run_id).where(profiles.c.as_of > run.as_of)
    newer = set(transaction.execute(later).scalars())
    for state in states:
        if state.column_id not in newer:
            known = {
                "state_version": state.state_version,
                "state_json": state.state,
                "batches_digest": state.batches_digest,
                "profile_run_id": run.profile_run_id,
                "updated_at": run.started_at,
            }
            row = insert(column_states).values({"column_id": state.column_id, "project_key": run.project_key, "table_id": state.table_id, **known})
            transaction.execute(row.on_conflict_do_update(index_elements=["column_id"], set_=known))


def states(transaction: Transaction, table_id: str) -> dict[str, StateRow]:
    """Return what is remembered of a table's columns, by column id."""
    rows = transaction.execute(select(column_states).where(column_states.c.table_id == table_id))
    return {
        row.column_id: StateRow(
            column_id=row.column_id, table_id=row.table_id, state_version=row.state_version, state=row.state_json, batches_digest=row.batches_digest
        )
        for row in rows
    }


def _column_profile(row: Row[Any], values: Iterable[Row[Any]]) -> ColumnProfile:
    top: list[FrequentValue] = []
    histogram: list[HistogramBucket] = []
    for value in values:
        if value.bucket_label is None:
            top.append(FrequentValue(value=value.value, frequency=value.frequency, relative_freq=value.relative_freq, rank=value.rank))
        else:
            histogram.append(HistogramBucket(lower=value.bucket_lower_bound, upper=value.bucket_upper_bound, frequency=value.frequency, rank=value.rank))
    plain = {field: getattr(row, field) for field in ColumnProfile.model_fields if hasattr(row, field)}
    metrics = dict(row.metrics_json or {})
    shapes, lengths = metrics.pop(_TOP_SHAPES, ()), metrics.pop(_LENGTHS, ())
    return ColumnProfile.model_validate(
        {
            **plain,
            "table": TableName(schema_name=row.schema_name, table_name=row.table_name),
            "percentiles": row.percentiles_json or {},
            "metrics": metrics,
            "approximations": row.approximations_json or {},
            "shapes": shapes,
            "lengths": lengths,
            "top_values": tuple(top),
            "histogram": tuple(histogram),
        }
    )
