"""A table whose change token is that of the last profile is not scanned again: what was found is carried over.

Decision: only what depends on the time of the run is measured again, which is columns of dates: their age, and how many lie ahead. A timed table is carried
over as long as no further batch has closed since and no batch's validation changed; else its batches are counted, as ever.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.errors import SourceError
from dq_assets.profiling.findings import BY_CODE, find
from dq_assets.profiling.masking import masked
from dq_assets.profiling.table_profile import TableProfile
from dq_assets.records.batches import BatchVersion, Grain, batch_key
from dq_assets.records.enums import GeneralType
from dq_assets.steps.measure import Question
from dq_assets.steps.profile_data import policy_of, with_pii_risk
from dq_assets.steps.profile_relation import Identity, profile_relation, schema_fingerprint
from dq_assets.steps.profile_table import BatchHistory, ProfiledTable, TableScan

if TYPE_CHECKING:
    from datetime import datetime

    from dq_assets.records.profiles import ColumnProfile, Finding
    from dq_assets.store.metadata_store import MetadataStore


class LastProfile(NamedTuple):
    """What the newest completed run stored of a table."""

    as_of: datetime
    columns: list[ColumnProfile]
    findings: list[Finding]


def last_profiles(store: MetadataStore, table_group_id: str, profile_version: str) -> dict[str, LastProfile]:
    """Return, per table id, what the newest completed run of a group found; nothing of a run that measured or kept something else than this one does."""
    run = store.latest_profile_run(table_group_id)
    if run is None or run.profile_version != profile_version:
        return {}
    columns: dict[str, list[ColumnProfile]] = defaultdict(list)
    findings: dict[str, list[Finding]] = defaultdict(list)
    for column in store.column_profiles(run.profile_run_id):
        columns[column.table_id].append(column)
    for finding in store.findings(run.profile_run_id):
        findings[finding.table_id].append(finding)
    return {table_id: LastProfile(run.as_of, listed, findings[table_id]) for table_id, listed in columns.items()}


def unchanged_table(scan: TableScan, history: BatchHistory, before: LastProfile | None) -> ProfiledTable | None:
    """Return a table's profile without scanning it, or None where it has to be scanned.

    Raises:
        SourceError: its dates cannot be read.
    """
    if before is None or history.chosen is not None or scan.sampling.is_on or not _is_unchanged(scan, history, before):
        return None
    if any(finding.anomaly_type_id == BY_CODE["not_profiled"].anomaly_type_id for finding in before.findings):
        # What could not be measured may be by now.
        return None
    stored = {column.column_name: column for column in before.columns}
    policy = policy_of(scan.store_values, tuple(before.columns))
    dates = [column for column in scan.plan.columns if column.general_type is GeneralType.DATE]
    if any(int(stored[column.name].metrics.get("max_date_days") or 0) < 0 for column in dates):
        # Dates that lay ahead of the last run may have come by now, which changes what the batches say of them.
        return None
    again = {column.column_name: column for column in _measured_again(scan, dates)} if dates else {}
    columns = [_renewed(stored[column.name], again.get(column.name)) for column in scan.plan.columns]
    kept = [masked(column, policy, scan.plan.batch.column) for column in columns]
    of_dates = {column.name for column in dates}
    recency = {BY_CODE[code].anomaly_type_id for code in ("recency_one_year", "recency_six_months")}
    findings = [finding for finding in before.findings if finding.column_name not in of_dates and finding.anomaly_type_id not in recency]
    findings += [
        finding for finding in find(scan.table.name, scan.table.table_id, columns) if finding.column_name in of_dates or finding.anomaly_type_id in recency
    ]
    rows = max(column.record_count for column in before.columns)
    shown = TableProfile(
        name=str(scan.table.name),
        as_of=f"{scan.plan.as_of:%Y-%m-%d %H:%M}",
        row_count=rows,
        rows_read=0,
        metrics={"row_count": rows},
        schema_fingerprint=schema_fingerprint(scan.plan.columns),
        columns=tuple(kept),
        findings=tuple(findings),
    )
    return ProfiledTable(kept, [], findings, rows, None, shown, carried=True)


def _is_unchanged(scan: TableScan, history: BatchHistory, before: LastProfile) -> bool:
    if scan.data_version is None or [(column.column_name, column.data_type) for column in before.columns] != [
        (column.name, column.data_type) for column in scan.plan.columns
    ]:
        return False
    if not history.known:
        return False
    if not scan.plan.batch.is_timed:
        known = history.known.get(None)
        return (
            known is not None and known.data_version == scan.data_version and history.status(None, lambda version: version == scan.data_version) is known.status
        )
    grain = scan.plan.batch.grain or Grain.DAY
    then = scan.plan.as_of - (scan.as_of - before.as_of)
    if batch_key(then, grain) != batch_key(scan.plan.as_of, grain):
        return False
    versions = [BatchVersion.parse(known.data_version) for known in history.known.values() if known.data_version]
    return (
        len(versions) == len(history.known)
        and any(version is not None and version.table_version == scan.data_version for version in versions)
        and all(history.status(key, lambda _: True) is known.status for key, known in history.known.items())
    )


def _measured_again(scan: TableScan, dates: list) -> list[ColumnProfile]:  # type: ignore[type-arg]
    question = Question(
        session=scan.session,
        capabilities=scan.capabilities,
        relation=scan.session.relation(scan.table.name),
        columns=dates,
        timezone=scan.plan.timezone,
        as_of=scan.plan.as_of,
        timeout_s=scan.timeout_s,
        progress=scan.progress,
    )
    found = profile_relation(replace(question, batch=None), Identity(scan.table.name, scan.table.table_id))
    if found.errors:
        raise SourceError("DQ-SQL-001", found.errors[0][2].message)
    return [with_pii_risk(column) for column in found.profiles[None].columns]


def _renewed(stored: ColumnProfile, again: ColumnProfile | None) -> ColumnProfile:
    """Return a stored column with what was measured again; what it taught stays."""
    if again is None:
        return stored
    taught = {name: stored.metrics[name] for name in ("domain", "shapes", "references") if name in stored.metrics}
    return again.model_copy(update={"column_id": stored.column_id, "metrics": {**again.metrics, **taught}, "pii_risk": stored.pii_risk})
