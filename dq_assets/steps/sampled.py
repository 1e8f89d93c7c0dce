"""Ask about a part of the rows, and tell what that says of all of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlglot import exp

from dq_assets.profiling.sampling import chosen_rows, of_all_rows
from dq_assets.profiling.sql import literal, wall_clock
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
    independent = asked.capabilities.temporary_tables and asked.capabilities.keeps_order
    if independent:
        asked = _kept_sample(asked, share, sampling.seed)
    else:
        kept = chosen_rows(asked.columns, share, sampling.seed, asked.dialect)
        asked = replace(asked, where=kept if asked.where is None else exp.and_(asked.where, kept))
    if not count_rows(asked):
        # So few rows that none was chosen are read as they are.
        yield _within_days(question, sampling, spec), lambda profile, _: profile
        return
    yield asked, lambda profile, batch: of_all_rows(profile, rows.get(batch, profile.row_count), independent=independent)


def _kept_sample(question: Question, share: float, seed: int) -> Question:
    """Choose rows by their place, once and not anew for every column."""
    place, taken = "dq_place", {column.name.lower() for column in question.columns}
    while place in taken:
        place += "_"
    placed = exp.select(exp.Star(), exp.alias_(exp.Window(this=exp.RowNumber()), place)).from_(question.relation.copy())
    if question.where is not None:
        placed = placed.where(question.where.copy())
    chosen = exp.select(exp.Star(except_=[exp.to_identifier(place)])).from_(placed.subquery("placed"))
    chosen = chosen.where(chosen_rows(question.columns, share, seed, question.dialect, place=place))
    question.session.execute_temp(SAMPLE_TABLE, chosen, timeout_s=question.timeout_s)
    return replace(question, relation=exp.to_table(SAMPLE_TABLE), where=None)


def _within_days(question: Question, sampling: Sampling, spec: BatchSpec) -> Question:
    if sampling.days is None or question.batch is None or not spec.is_timed:
        return question
    column = next(each for each in question.columns if each.name == spec.column)
    kept = exp.GTE(this=wall_clock(column, question.timezone, question.dialect), expression=literal(question.as_of - timedelta(days=sampling.days)))
    return replace(question, where=kept if question.where is None else exp.and_(question.where, kept))


def _rows_per_batch(question: Question) -> dict[Batch, int]:
    if question.batch is None:
        return {None: count_rows(question)}
    query = exp.select(exp.alias_(question.batch.copy(), "b"), exp.alias_(exp.Count(this=exp.Star()), "n")).from_(question.relation.copy())
    query = query.where(question.where.copy()) if question.where is not None else query
    return {row["b"]: int(row["n"]) for row in question.session.rows(query.group_by(question.batch.copy()), timeout_s=question.timeout_s)}
