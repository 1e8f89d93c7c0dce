"""Ask about a part of the rows, and tell what that says of all of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlglot import exp

from dq_assets.profiling.sampling import chosen_rows, of_all_rows
from dq_assets.profiling.sql import literal
from dq_assets.steps.profile_relation import count_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dq_assets.profiling.table_profile import TableProfile
    from dq_assets.records.batches import BatchSpec
    from dq_assets.records.sampling import Sampling
    from dq_assets.steps.measure import Batch, Question

SAMPLE_TABLE = "dq_sample"


@contextmanager
def sampled(question: Question, sampling: Sampling, spec: BatchSpec) -> Iterator[tuple[Question, Callable[[TableProfile, Batch], TableProfile]]]:
    """Yield the question about the sampled rows, and what turns a profile of them into one of all rows (of a batch).

    A window of days is a choice of rows, not an estimate: what it leaves out is not spoken of.
    """
    if not sampling.is_on:
        yield question, lambda profile, _: profile
        return
    asked = _within_days(question, sampling, spec)
    share = sampling.share_of(count_rows(asked))
    if share >= 1:
        yield asked, lambda profile, _: profile
        return
    rows = _rows_per_batch(asked)
    kept = chosen_rows(asked.columns, share, sampling.seed, asked.dialect)
    asked = replace(asked, where=kept if asked.where is None else exp.and_(asked.where, kept))
    if asked.capabilities.temporary_tables:
        # Chosen once, not anew for every column.
        chosen = exp.select(exp.Star()).from_(asked.relation.copy()).where(asked.where.copy() if asked.where is not None else None)
        asked.session.execute_temp(SAMPLE_TABLE, chosen, timeout_s=asked.timeout_s)
        asked = replace(asked, relation=exp.to_table(SAMPLE_TABLE), where=None)
    yield asked, lambda profile, batch: of_all_rows(profile, rows.get(batch, profile.row_count))


def _within_days(question: Question, sampling: Sampling, spec: BatchSpec) -> Question:
    if sampling.days is None or question.batch is None or not spec.is_timed:
        return question
    since = literal(question.as_of - timedelta(days=sampling.days))
    kept = exp.GTE(this=question.batch.copy(), expression=since)
    return replace(question, where=kept if question.where is None else exp.and_(question.where, kept))


def _rows_per_batch(question: Question) -> dict[Batch, int]:
    if question.batch is None:
        return {None: count_rows(question)}
    query = exp.select(exp.alias_(question.batch.copy(), "b"), exp.alias_(exp.Count(this=exp.Star()), "n")).from_(question.relation.copy())
    query = query.where(question.where.copy()) if question.where is not None else query
    return {row["b"]: int(row["n"]) for row in question.session.rows(query.group_by(question.batch.copy()), timeout_s=question.timeout_s)}
