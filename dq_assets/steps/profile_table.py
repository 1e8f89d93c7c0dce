"""One table's profile: ask the plan's statements, put the answers into records."""

from __future__ import annotations

from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlglot import exp

from dq_assets.profiling.findings import Found, find, finding
from dq_assets.profiling.masking import ValuePolicy, pii_risk, policy_for
from dq_assets.profiling.metrics import METRIC_VERSION, QUANTILES, ROW_COUNT
from dq_assets.profiling.plan import DOMAIN_LIMIT, SHAPE_LENGTH, SHAPE_LIMIT, TOP_VALUES, Measurement, TablePlan, blanks, histogram, value_counts
from dq_assets.records import identity
from dq_assets.records.batches import Grain, batch_key, utc_window
from dq_assets.records.enums import BaselineStatus, GeneralType, Severity, StoreValues
from dq_assets.records.profiles import ColumnProfile, Finding, FrequentValue, HistogramBucket, KnownBatch, MetricValue
from dq_assets.steps.batches import PresentBatches, complete, named, only, present_batches, range_condition
from dq_assets.steps.scan import Scan, run_aggregates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from dq_assets.errors import SourceError
    from dq_assets.records.batches import BatchRange
    from dq_assets.records.engine import Session
    from dq_assets.records.tables import Column, GroupTable

VALUES_OF_THE_DATA = {"min_number", "max_number", "avg_value", "p50"}
"""Metrics that are values of the column (an average is, in a batch of one row); kept only where values may be."""
DATES_OF_THE_DATA = {"min_date_days", "max_date_days"}
"""Metrics from which a date of a personal column could be computed."""
IN_OWN_FIELD = {"null_count", "distinct_count", "min_value", "max_value", "avg_value", "stddev_value", *QUANTILES}


class TableScan(NamedTuple):
    """What profiling a table needs: where, what, and which values may be kept."""

    session: Session
    dialect: str
    max_aggregates: int
    table: GroupTable
    plan: TablePlan
    store_values: StoreValues
    data_version: str | None
    as_of: datetime


class TableProfile(NamedTuple):
    """A table's part of a group profile."""

    columns: list[ColumnProfile]
    series: list[MetricValue]
    findings: list[Finding]
    rows: int
    teaching: exp.Expr | None
    """Keeps the rows of batches that may teach; None where all complete batches may."""


class BatchHistory(NamedTuple):
    """What is known of a table's batches: the newest profile of each, and what validation said of it with the version it judged."""

    known: dict[str | None, KnownBatch]
    verdicts: dict[str | None, tuple[BaselineStatus, str | None]]
    default: BaselineStatus
    """Status of a batch that no suite has judged."""
    chosen: BatchRange | None = None
    """Profile these batches again, whatever is known of them, and no others; None: those that are new or changed."""

    def status(self, key: str | None, holds: Callable[[str | None], bool]) -> BaselineStatus:
        """Return whether a batch may teach: what validation or an earlier profile said, as long as it ``holds`` the rows they saw."""
        if key in self.verdicts and holds(self.verdicts[key][1]):
            return self.verdicts[key][0]
        return self.known[key].status if key in self.known and holds(self.known[key].data_version) else self.default


def unreadable_profile(table: GroupTable, error: SourceError) -> TableProfile:
    """Return the profile of a table that could not be read: one serious finding, so that somebody is told."""
    told = finding("not_profiled", table.name, table.table_id, Found(f"The table could not be read: {error.message}"))
    return TableProfile([], [], [told.model_copy(update={"severity": Severity.ERROR})], 0, None)


def profile_table(scan: TableScan, history: BatchHistory) -> TableProfile:
    """Profile a table over all its rows, and the batches whose metrics are missing or of other rows than it holds.

    Raises:
        SourceError: the table cannot be read, or its batch column is gone.
    """
    relation = scan.session.relation(scan.table.name)
    measurements = scan.plan.measurements(series_only=False)
    keyed = [((m.column.name if m.column else None, m.metric.name), scan.plan.aggregate(m, scan.dialect)) for m in measurements]
    answers, errors = run_aggregates(scan.session, Scan(relation=relation, limit=scan.max_aggregates), keyed)
    answer = answers.get(None, {})
    rows = int(answer.get((None, ROW_COUNT.name)) or 0)
    if (None, ROW_COUNT.name) in errors:
        raise errors[None, ROW_COUNT.name]
    timed = scan.plan.batch.is_timed
    present = present_batches(scan.session, scan.plan, relation, scan.dialect) if timed else PresentBatches(rows={}, fingerprints={}, in_no_batch=0)
    status = {key: history.status(key, partial(present.holds, key)) for key in complete(present, scan.plan.batch, scan.plan.as_of)} if timed else {}
    learned = {key for key, found in status.items() if found is BaselineStatus.LEARNED}
    teaching = only(scan.plan, present, learned) if len(learned) < len(status) else None
    columns = [_column(scan, relation, column, answer, rows, teaching) for column in scan.plan.columns]
    policy = policy_for(scan.store_values, [column.column_name for column in columns if column.pii_risk])
    if timed:
        known = {key: item for key, item in history.known.items() if key is not None and present.holds(key, item.data_version)}
        if history.chosen is None:
            due = [key for key, found in status.items() if key not in known or known[key].status is not found]
        else:
            due = [key for key in named(history.chosen, present, scan.plan.batch, scan.plan.timezone, scan.plan.as_of) if key in status]
        series = _series(scan, relation, due, status, present)
    else:
        measurements = scan.plan.measurements(series_only=True)
        teaches = history.status(None, lambda version: version == scan.data_version)
        before = history.known.get(None)
        unchanged = before is not None and (before.status, before.data_version) == (teaches, scan.data_version)
        series = [] if unchanged else _metric_values(scan, None, (scan.as_of, scan.as_of), measurements, answer, teaches, scan.data_version)
    hidden = {column.column_id for column in columns if not policy.may_store(column.column_name)}
    series = [metric for metric in series if metric.metric not in VALUES_OF_THE_DATA or metric.column_id not in hidden]
    findings = find(scan.table.name, scan.table.table_id, columns, rows_in_no_batch=present.in_no_batch)
    findings += [
        finding("not_profiled", scan.table.name, scan.table.table_id, Found(f"Metric {metric}: {error.message}"), column_name=column)
        for (column, metric), error in sorted(errors.items(), key=lambda item: (item[0][0] or "", item[0][1]))
    ]
    return TableProfile([_masked(column, policy, scan.plan.batch.column) for column in columns], series, findings, rows, teaching)


def _column(
    scan: TableScan, relation: exp.Table, column: Column, answer: dict[tuple[str | None, str], Any], rows: int, teaching: exp.Expr | None
) -> ColumnProfile:
    metrics = {name: _plain(value) for (owner, name), value in answer.items() if owner == column.name}
    nulls = int(metrics.get("null_count") or 0)
    filled = blanks(column, scan.plan.timezone, scan.dialect)
    further = {name: value for name, value in metrics.items() if name not in IN_OWN_FIELD}
    values, buckets = _values(scan, relation, column, filled, metrics, rows - nulls, further, teaching)
    return ColumnProfile(
        table_id=scan.table.table_id,
        column_id=identity.column_id(scan.table.table_id, column.name),
        table=scan.table.name,
        column_name=column.name,
        ordinal_position=column.position,
        data_type=column.data_type,
        general_type=column.general_type,
        record_count=rows,
        rows_read=rows,
        null_count=nulls,
        distinct_count=metrics.get("distinct_count"),
        min_value=metrics.get("min_value"),
        max_value=metrics.get("max_value"),
        avg_value=metrics.get("avg_value"),
        stddev_value=metrics.get("stddev_value"),
        percentiles={name: metrics[name] for name in QUANTILES if metrics.get(name) is not None},
        metrics=further,
        top_values=values,
        histogram=buckets,
        pii_risk=pii_risk(column.name, column.general_type, values=rows - nulls, emails=int(metrics.get("email_count") or 0)),
    )


def _values(
    scan: TableScan,
    relation: exp.Table,
    column: Column,
    filled: dict[str, exp.Expr],
    metrics: dict[str, Any],
    values: int,
    further: dict[str, Any],
    teaching: exp.Expr | None,
) -> tuple[tuple[FrequentValue, ...], tuple[HistogramBucket, ...]]:
    """Return top values and histogram; adds ``domain`` and ``shapes`` of the rows that may teach, each value with its first batch, to ``further``."""
    if not values or column.general_type is GeneralType.OTHER:
        return (), ()
    start = scan.plan.batch_start(scan.dialect)

    def counted(value: exp.Expr, limit: int, where: exp.Expr | None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = scan.session.query(
            value_counts(relation, value, limit=limit, first_seen=start if limit > TOP_VALUES else None, where=where)
        ).to_pylist()
        return rows

    small = int(metrics.get("distinct_count") or 0) <= DOMAIN_LIMIT
    top = counted(filled["c"], DOMAIN_LIMIT + 1 if small else TOP_VALUES, None)
    # A failed batch full of rubbish must not turn a small domain into a large one.
    domain = (top if small else []) if teaching is None else counted(filled["c"], DOMAIN_LIMIT + 1, teaching)
    if 0 < len(domain) <= DOMAIN_LIMIT:
        further["domain"] = [_seen(scan, row) for row in domain]
    if "shape" in filled and (teaching is not None or int(metrics.get("shape_count") or 0) <= SHAPE_LIMIT):
        shapes = counted(filled["shape"], SHAPE_LIMIT + 1, teaching)
        if 0 < len(shapes) <= SHAPE_LIMIT and max(len(row["v"]) for row in shapes) <= SHAPE_LENGTH:
            further["shapes"] = [_seen(scan, row) for row in shapes]
    frequent = tuple(
        FrequentValue(value=row["v"], frequency=int(row["n"]), relative_freq=int(row["n"]) / values, rank=rank)
        for rank, row in enumerate(top[:TOP_VALUES], start=1)
    )
    return frequent, _histogram(scan, relation, filled, metrics)


def _seen(scan: TableScan, row: dict[str, Any]) -> dict[str, Any]:
    first = row.get("first_seen")
    return {"value": row["v"], "rows": int(row["n"]), "first_batch": batch_key(first, scan.plan.batch.grain or Grain.DAY) if first else None}


def _histogram(scan: TableScan, relation: exp.Table, filled: dict[str, exp.Expr], metrics: dict[str, Any]) -> tuple[HistogramBucket, ...]:
    lower, upper, number = metrics.get("min_number"), metrics.get("max_number"), filled.get("x")
    if "d" in filled:
        seconds: exp.Expr = exp.func("epoch", filled["d"], dialect=scan.dialect)
        bounds = scan.session.query(
            exp.select(exp.alias_(exp.Min(this=seconds), "low"), exp.alias_(exp.Max(this=seconds.copy()), "high")).from_(relation)
        ).to_pylist()[0]
        lower, upper, number = bounds["low"], bounds["high"], seconds
    if number is None or lower is None or upper is None or not lower < upper or not isfinite(upper - lower):
        return ()
    width = (upper - lower) / 20
    counts = {int(row["b"]): int(row["n"]) for row in scan.session.query(histogram(relation, number, float(lower), float(upper))).to_pylist()}
    return tuple(
        HistogramBucket(lower=lower + i * width, upper=upper if i == 19 else lower + (i + 1) * width, frequency=counts.get(i, 0), rank=i + 1) for i in range(20)
    )


def _series(scan: TableScan, relation: exp.Table, due: list[str], status: dict[str, BaselineStatus], present: PresentBatches) -> list[MetricValue]:
    """Return the metrics of batches that are new, or whose rows or status changed since they were profiled."""
    if not due:
        return []
    measurements = scan.plan.measurements(series_only=True)
    keyed = [((m.column.name if m.column else None, m.metric.name), scan.plan.aggregate(m, scan.dialect)) for m in measurements]
    grouped = Scan(relation=relation, where=range_condition(scan.plan, due), group=scan.plan.batch_start(scan.dialect), limit=scan.max_aggregates)
    answers, _ = run_aggregates(scan.session, grouped, keyed)
    grain = scan.plan.batch.grain or Grain.DAY
    by_key = {batch_key(moment, grain): answer for moment, answer in answers.items() if moment is not None}
    series: list[MetricValue] = []
    for key in due:
        window, version = utc_window(key, grain, scan.plan.timezone), present.version(key, scan.data_version)
        series += _metric_values(scan, key, window, measurements, by_key.get(key, {}), status[key], version)
    return series


def _metric_values(
    scan: TableScan,
    key: str | None,
    window: tuple[datetime, datetime],
    measurements: Sequence[Measurement],
    answer: dict[tuple[str | None, str], Any],
    status: BaselineStatus,
    data_version: str | None,
) -> list[MetricValue]:
    rows = int(answer.get((None, ROW_COUNT.name)) or 0)
    found = []
    for measurement in measurements:
        column = measurement.column.name if measurement.column else None
        value = answer.get((column, measurement.metric.name))
        if value is None:
            continue
        found.append(
            MetricValue(
                table_id=scan.table.table_id,
                column_id=identity.column_id(scan.table.table_id, column) if column else None,
                batch_key=key,
                window_start=window[0],
                window_end=window[1],
                metric=measurement.metric.name,
                metric_version=METRIC_VERSION,
                value=float(value),
                value_text=str(_plain(value)),
                rows_read=rows,
                quality=measurement.metric.quality,
                baseline_status=status,
                data_version=data_version,
            )
        )
    return found


def _plain(value: Any) -> Any:
    """Return counts as int (engines answer sums as DECIMAL), the rest as it is."""
    return int(value) if value is not None and not isinstance(value, (str, float, bool)) else value


def _masked(column: ColumnProfile, policy: ValuePolicy, batch_column: str | None) -> ColumnProfile:
    if policy.may_store(column.column_name):
        return column
    # The keys of the batches say as much of the batch column as its newest date does.
    hidden = {"domain", "shapes"} if column.column_name == batch_column else {"domain", "shapes", *DATES_OF_THE_DATA}
    return column.model_copy(
        update={
            "min_value": policy.text(column.column_name, column.min_value),
            "max_value": policy.text(column.column_name, column.max_value),
            "avg_value": None,
            "percentiles": {},
            "histogram": (),
            "top_values": tuple(
                value.model_copy(update={"value": text}) for value in column.top_values if (text := policy.text(column.column_name, value.value)) is not None
            ),
            "metrics": {name: value for name, value in column.metrics.items() if name not in hidden | VALUES_OF_THE_DATA},
        }
    )
