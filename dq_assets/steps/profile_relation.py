"""Profile a relation: its columns, and what is true of whole rows, over all rows or per batch.

Decision: this is all of profiling that needs no store and no configuration. The step over a table group and the Python function ``profile`` both call it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlglot import exp

from dq_assets.errors import SourceError
from dq_assets.profiling import table_metrics
from dq_assets.profiling.metrics import HISTOGRAM_BUCKETS, QUANTILES
from dq_assets.profiling.table_profile import TableProfile
from dq_assets.records.enums import GeneralType
from dq_assets.records.profiles import ColumnProfile, FrequentValue, HistogramBucket
from dq_assets.steps.measure import Answers, Batch, ColumnAnswer, Question, measure
from dq_assets.steps.measure_rows import with_batches_at_hand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq_assets.records.tables import Column, TableName


class Identity(NamedTuple):
    """Under which ids a table's columns are recorded."""

    table: TableName
    table_id: str = ""
    column_ids: Mapping[str, str] = {}


class Profiled(NamedTuple):
    """The profiles per batch (key None: over all rows), and what could not be measured: column, what, why."""

    profiles: dict[Batch, TableProfile]
    errors: list[tuple[str | None, str, SourceError]]


def count_rows(question: Question) -> int:
    """Return how many rows the question is about."""
    query = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n")).from_(question.relation.copy())
    query = query.where(question.where.copy()) if question.where is not None else query
    return int(question.session.rows(query, timeout_s=question.timeout_s)[0]["n"])


def profile_relation(question: Question, identity: Identity, *, rows: int | None = None) -> Profiled:
    """Profile what the question is about.

    Args:
        question: with a batch, one profile per batch that has rows; rows without a batch are left out.
        identity: names and ids.
        rows: how many rows there are, where that is known.

    Raises:
        SourceError: the rows cannot be counted: nothing can be measured.
    """
    rows = count_rows(question) if rows is None else rows
    question = with_batches_at_hand(question, rows)
    answers = measure(question, rows)
    errors: list[tuple[str | None, str, SourceError]] = [(question.columns[k].name, what, error) for k, (what, error) in sorted(answers.errors.items())]
    fingerprint = schema_fingerprint(question.columns)
    profiles: dict[Batch, TableProfile] = {}
    for batch, in_batch in sorted(answers.rows.items(), key=lambda item: (item[0] is not None, item[0])):
        columns = tuple(
            column_profile(identity, column, answers.columns[batch, k], in_batch, of_batch=batch is not None) for k, column in enumerate(question.columns)
        )
        profiles[batch] = TableProfile.model_construct(
            name=str(identity.table),
            as_of=f"{question.as_of:%Y-%m-%d %H:%M}",
            row_count=in_batch,
            rows_read=in_batch,
            metrics={"row_count": in_batch},
            schema_fingerprint=fingerprint,
            columns=columns,
        )
    if not question.whole_rows:
        return Profiled(profiles, errors)
    if question.batch is None and None in profiles:
        profiles[None] = _with_keys(question, profiles[None], answers, errors)
        profiles[None] = _with_order(question, profiles[None], errors)
    _add_duplicates(question, profiles, errors)
    return Profiled(profiles, errors)


def schema_fingerprint(columns: Sequence[Column]) -> str:
    """Return 16 hexadecimal characters that change with the names, the types or the order of the columns."""
    return hashlib.sha256(repr([(column.name, column.data_type) for column in columns]).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def column_profile(identity: Identity, column: Column, answer: ColumnAnswer, rows: int, *, of_batch: bool = False) -> ColumnProfile:
    """Put one column's answer into the record that is stored and shown; of a batch there are no counts of single values."""
    metrics = answer.metrics
    if rows and "null_count" not in metrics:
        # Nothing is known of a column that could not be counted: nothing of it was read.
        rows = 0
    nulls = int(metrics.pop("null_count", 0))
    values = rows - nulls
    own = {name: metrics.pop(name, None) for name in _OWN}
    percentiles = {name: metrics.pop(name) for name in QUANTILES if name in metrics}
    counted: dict[str, Any] = {"top_values": (), "shapes": (), "lengths": (), "histogram": ()}
    if not of_batch:
        counted = {
            "top_values": _ranked(answer.top, values),
            "shapes": _ranked(answer.shapes, values),
            "lengths": tuple(sorted(answer.lengths)),
            "histogram": _histogram(answer),
        }
    return ColumnProfile.model_construct(
        table_id=identity.table_id,
        column_id=identity.column_ids.get(column.name, ""),
        table=identity.table,
        column_name=column.name,
        ordinal_position=column.position,
        data_type=column.data_type,
        general_type=column.general_type,
        record_count=rows,
        rows_read=rows,
        null_count=nulls,
        percentiles=percentiles,
        metrics=metrics,
        approximations=answer.estimates,
        **own,
        **counted,
    )


_OWN = ("distinct_count", "min_value", "max_value", "avg_value", "stddev_value")


def _ranked(counted: Sequence[tuple[str, int]], values: int) -> tuple[FrequentValue, ...]:
    return tuple(
        FrequentValue.model_construct(value=value, frequency=rows, relative_freq=rows / values, rank=rank)
        for rank, (value, rows) in enumerate(counted, start=1)
    )


def _histogram(answer: ColumnAnswer) -> tuple[HistogramBucket, ...]:
    if answer.bounds is None:
        return ()
    low, high = answer.bounds
    width = (high - low) / HISTOGRAM_BUCKETS
    edges = [*(low + i * width for i in range(HISTOGRAM_BUCKETS)), high]
    return tuple(
        HistogramBucket.model_construct(lower=edges[i], upper=edges[i + 1], frequency=answer.buckets.get(i, 0), rank=i + 1) for i in range(HISTOGRAM_BUCKETS)
    )


def _texts(question: Question) -> tuple[str, str | None, str | None]:
    dialect = question.dialect
    where, batch = (part.sql(dialect=dialect) if part is not None else None for part in (question.where, question.batch))
    return question.relation.sql(dialect=dialect), where, batch


def _add_duplicates(question: Question, profiles: dict[Batch, TableProfile], errors: list[tuple[str | None, str, SourceError]]) -> None:
    """Add ``duplicate_row_count`` to the profiles: none where there is a key, else counted."""
    readable = question.columns
    if not readable:
        return
    if all(profile.candidate_keys or not profile.row_count for profile in profiles.values()):
        for profile in profiles.values():
            profile.metrics["duplicate_row_count"] = 0
        return
    relation, where, batch = _texts(question)
    try:
        hashed = table_metrics.hashed_duplicates(relation, readable, question.dialect, batch=batch, where=where)
        counted = _per_batch(question, hashed) if hashed else None
        if counted is None or any(counted.values()):
            counted = _per_batch(question, table_metrics.compared_duplicates(relation, readable, question.dialect, batch=batch, where=where))
    except SourceError as error:
        _tell(errors, "duplicate_row_count", error)
        return
    for start, profile in profiles.items():
        profile.metrics["duplicate_row_count"] = counted.get(start, 0)


def _tell(errors: list[tuple[str | None, str, SourceError]], what: str, error: SourceError) -> None:
    """Add what failed of whole rows, unless a column failed, which is why they did and was told."""
    if not any(name for name, _, _ in errors):
        errors.append((None, what, error))


def _per_batch(question: Question, statement: str) -> dict[Batch, int]:
    return {row.get("b"): int(row["n"]) for row in question.session.rows(statement, timeout_s=question.timeout_s)}


def _with_keys(question: Question, profile: TableProfile, answers: Answers, errors: list[tuple[str | None, str, SourceError]]) -> TableProfile:
    """Add the candidate keys: every column whose rows all differ, else a pair; a column that was sampled is counted in full before it is called a key."""
    rows = profile.row_count
    if rows < 2:
        return profile
    columns: list[ColumnProfile] = []
    keys: list[tuple[str, ...]] = []
    for k, column in enumerate(profile.columns):
        verified = _counted_in_full(question, column, rows, errors) if k not in answers.errors else column
        columns.append(verified)
        if verified.distinct_count == rows and "distinct_count" not in verified.approximations and verified.general_type in _IDENTIFYING:
            keys.append((column.column_name,))
    if not keys:
        keys = _key_pairs(question, columns, rows, errors)
    return profile.model_copy(update={"columns": tuple(columns), "candidate_keys": tuple(keys)})


_IDENTIFYING = (GeneralType.TEXT, GeneralType.NUMBER, GeneralType.DATE, GeneralType.OTHER)


def _counted_in_full(question: Question, column: ColumnProfile, rows: int, errors: list[tuple[str | None, str, SourceError]]) -> ColumnProfile:
    estimate = column.approximations.get("distinct_count")
    if estimate is None or column.null_count or column.metrics.get("duplicated_count"):
        return column
    relation, where, _ = _texts(question)
    try:
        found = question.session.rows(table_metrics.distinct_rows(relation, (column.column_name,), question.dialect, where=where), timeout_s=question.timeout_s)
    except SourceError as error:
        errors.append((column.column_name, "candidate key", error))
        return column
    if found[0]["d"] != rows:
        return column
    exact: dict[str, Any] = {"unique_count": rows, "duplicated_count": 0, "max_frequency": 1, "mode_share": 1 / rows}
    approximations = {name: value for name, value in column.approximations.items() if name != "distinct_count" and name not in exact}
    return column.model_copy(update={"distinct_count": rows, "metrics": {**column.metrics, **exact}, "approximations": approximations})


def _key_pairs(question: Question, columns: Sequence[ColumnProfile], rows: int, errors: list[tuple[str | None, str, SourceError]]) -> list[tuple[str, ...]]:
    relation, where, _ = _texts(question)
    verified = 0
    try:
        for pair in table_metrics.likely_pairs(columns, rows):
            part = table_metrics.distinct_rows(relation, pair, question.dialect, where=where, rows=rows)
            seen = question.session.rows(part, timeout_s=question.timeout_s)[0]
            if seen["d"] != seen["n"] or verified == table_metrics.PAIRS_VERIFIED:
                continue
            verified += 1
            all_rows = table_metrics.distinct_rows(relation, pair, question.dialect, where=where)
            if question.session.rows(all_rows, timeout_s=question.timeout_s)[0]["d"] == rows:
                return [pair]
    except SourceError as error:
        _tell(errors, "candidate keys", error)
    return []


def _with_order(question: Question, profile: TableProfile, errors: list[tuple[str | None, str, SourceError]]) -> TableProfile:
    """Add the order in which the values of numbers and dates were written, where the engine keeps one."""
    single = {column.column_name for column in profile.columns if column.distinct_count == 1}
    ordered = [column for column in question.columns if table_metrics.is_ordered_type(column) and column.name not in single]
    if not question.capabilities.keeps_order or profile.row_count < 2:
        return profile
    relation, where, _ = _texts(question)
    found = dict.fromkeys(single, "constant")
    # The head says all of a short column without NULLs.
    short = {column.column_name for column in profile.columns if not column.null_count and column.record_count <= table_metrics.HEAD_ROWS}
    try:
        statement = table_metrics.order_of_columns(relation, ordered, question.dialect, where=where, limit=table_metrics.HEAD_ROWS)
        head = question.session.rows(statement, timeout_s=question.timeout_s)[0] if ordered else {}
        for index, column in enumerate(ordered):
            name = table_metrics.direction(head[f"up{index}"], head[f"same{index}"], head[f"down{index}"])
            if name != "none" and column.name not in short:
                alone = table_metrics.order_of_columns(relation, [column], question.dialect, where=where)
                steps = question.session.rows(alone, timeout_s=question.timeout_s)[0]
                name = table_metrics.direction(steps["up0"], steps["same0"], steps["down0"])
            found[column.name] = name
    except SourceError as error:
        # One column that cannot be compared costs its own order and no other's.
        if len(ordered) > 1:
            for column in ordered:
                profile = _with_order(replace(question, columns=[column]), profile, errors)
            return profile
        errors.append((ordered[0].name, "order", error))
    columns = [
        column.model_copy(update={"metrics": {**column.metrics, "order": found[column.column_name]}})
        if column.column_name in found and column.general_type in (GeneralType.NUMBER, GeneralType.DATE) and column.record_count - column.null_count > 1
        else column
        for column in profile.columns
    ]
    return profile.model_copy(update={"columns": tuple(columns)})
