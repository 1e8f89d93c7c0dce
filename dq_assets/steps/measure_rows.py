"""Measure columns by aggregates over the rows, many columns a statement and per batch where there are batches.

Decision: one wide aggregate first, cut below what the engine takes in one statement. What needs the frequency of each value (unique values, entropy, top
values) is asked only where the first answer says that the values are few, as a grouped sub-query per column, many columns a statement; an engine that scans
for nothing (DuckDB) is asked about every column.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from dq_assets.errors import SourceError
from dq_assets.profiling import dictionary, wide
from dq_assets.profiling.dictionary import family_of
from dq_assets.profiling.metrics import QUANTILES, SERIES
from dq_assets.records.enums import GeneralType, Quality
from dq_assets.records.profiles import Estimate
from dq_assets.steps.measure import STEPS, calendar, is_held
from dq_assets.steps.scan import Scan, run_aggregates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_assets.profiling.dictionary import Family
    from dq_assets.records.tables import Column
    from dq_assets.steps.measure import Findings, Question

FEW_VALUES, FEW_SHARE = 10_000, 0.05
"""Up to how many values, by number and by share of the rows, a warehouse is asked for the frequency of each."""
COLUMNS_AT_ONCE = 20
KEPT_CELLS = 200_000_000
"""Up to how many cells of many batches DuckDB keeps beside the table, so that each row's batch is computed once."""
ROWS_TABLE = "dq_rows"


_OVERFLOW = re.compile(r"out of range: (over|under)flow|ARITHMETIC_OVERFLOW|NUMERIC_VALUE_OUT_OF_RANGE")


def measure_by_rows(findings: Findings, question: Question, ks: Sequence[int]) -> None:
    """Measure the columns at these positions."""
    aggregate_rows(findings, question, ks, only=SERIES if question.batch is not None else None)
    _frequencies(findings, question, [k for k in ks if k not in findings.errors and _is_worth(findings, k)])
    if question.batch is None:
        few = [k for k in ks if k not in findings.errors and _is_worth(findings, k)]
        _most_frequent(findings, question, [k for k in few if question.columns[k].general_type is not GeneralType.OTHER])
        _histograms(
            findings, question, [k for k in ks if k not in findings.errors and question.columns[k].general_type in (GeneralType.NUMBER, GeneralType.DATE)]
        )
    if not question.capabilities.temporary_tables:
        _over_values(findings, question, [k for k in ks if k not in findings.errors and _is_worth(findings, k)])


def with_batches_at_hand(question: Question, rows: int) -> Question:
    """Return the question over rows that know their batch: computed once where the engine can keep them and they are not too many."""
    from dataclasses import replace

    if question.batch is None or not question.capabilities.temporary_tables or rows * len(question.columns) > KEPT_CELLS:
        return question
    name, taken = wide.BATCH_OF_ROW, {column.name.lower() for column in question.columns}
    while name in taken:
        name += "_"
    kept = exp.select(exp.Star(), exp.alias_(question.batch.copy(), name, quoted=True)).from_(question.relation.copy())
    if question.where is not None:
        kept = kept.where(question.where.copy())
    try:
        question.session.execute_temp(ROWS_TABLE, kept, timeout_s=question.timeout_s)
    except SourceError:
        return question
    return replace(question, relation=exp.to_table(ROWS_TABLE), batch=exp.column(name, quoted=True), where=None)


def aggregate_rows(findings: Findings, question: Question, ks: Sequence[int], *, only: frozenset[str] | None = None) -> None:
    """Ask the wide aggregate of some columns; ``only`` keeps some metrics."""
    dialect = question.dialect
    columns = {k: wide.raw_column(k, question.columns[k], question.timezone, question.as_of, dialect, only=only) for k in ks}
    wanted: list[tuple[Any, str]] = [(None, "count(*)")]
    for k, column in columns.items():
        wanted += [((k, name), aggregate) for name, aggregate in column.aggregates.items()]
        if not question.capabilities.temporary_tables:
            approximate = question.capabilities.approximate_distinct
            wanted.append(((k, "distinct_count"), wide.distinct_estimate(column, question.columns[k], k, dialect, approximate=approximate)))
    where, batch = (part.sql(dialect=dialect) if part is not None else None for part in (question.where, question.batch))
    relation = wide.rows_of(question.relation.sql(dialect=dialect), list(columns.values()), where=where, batch=batch)
    scan = Scan(relation=relation, dialect=dialect, group=wide.BATCH_OF_ROW if batch else None, limit=question.capabilities.max_aggregates)
    answers, errors = run_aggregates(question.session, scan, wanted, timeout_s=question.timeout_s)
    if None in errors:
        # Not even the rows can be counted beside what is computed of some column: that one is found, and named, alone.
        if len(ks) == 1:
            findings.fail(ks[0], "values", errors[None])
        else:
            for k in ks:
                aggregate_rows(findings, question, [k], only=only)
        return
    for key, error in errors.items():
        if _OVERFLOW.search(error.message):
            continue  # a metric that cannot be held is absent
        findings.fail(key[0], key[1], error)
    for b, found in answers.items():
        rows = int(found.pop(None))
        if question.batch is not None and b is None:
            continue
        for k in ks:
            findings.found[b, k].metrics["rows"] = rows
        for (k, name), value in found.items():
            if is_held(value):
                _take(findings, b, k, name, value)


def _take(findings: Findings, b: Any, k: int, name: str, value: Any) -> None:
    answer, question = findings.found[b, k], findings.question
    if name == "quantiles":
        answer.metrics |= {quantile: item for quantile, item in zip(QUANTILES, value, strict=True) if item is not None}
        return
    answer.metrics[name] = value if isinstance(value, (str, float, bool, int)) else int(value) if value == int(value) else float(value)
    if name == "distinct_count" and question.capabilities.approximate_distinct and not question.capabilities.temporary_tables:
        slack = 3 * wide.HLL_ERROR * value
        answer.estimates[name] = Estimate(quality=Quality.APPROXIMATE, low=max(0, int(value - slack)), high=int(value + slack) + 1)


def _is_worth(findings: Findings, k: int) -> bool:
    if findings.question.capabilities.temporary_tables:
        return True
    counts = [(answer.metrics.get("distinct_count", 0), answer.metrics.get("rows", 0)) for (_, position), answer in findings.found.items() if position == k]
    return all(distinct <= FEW_VALUES and (distinct <= FEW_SHARE * rows or rows <= FEW_VALUES) for distinct, rows in counts)


def _frequencies(findings: Findings, question: Question, ks: Sequence[int]) -> None:
    """Ask how often each value occurs: distinct, unique and repeated values, entropy, the most frequent one's rows."""
    for part, rows in _in_parts(findings, question, ks, wide.frequencies_statement, "frequencies"):
        del part
        for row in rows:
            if question.batch is not None and row["b"] is None:
                continue
            answer = findings.answer(row)
            names = ("distinct_count", "unique_count", "duplicated_count", "standardized_distinct_count")
            answer.metrics |= {name: int(row[name]) for name in names if row[name] is not None}
            answer.estimates.pop("distinct_count", None)
            findings.take_frequencies(row)


def _most_frequent(findings: Findings, question: Question, ks: Sequence[int]) -> None:
    for _, rows in _in_parts(findings, question, ks, wide.most_frequent_statement, "top values"):
        for row in sorted(rows, key=lambda row: int(row["place"])):
            findings.answer(row).top.append((row["v"], int(row["n"])))


def _histograms(findings: Findings, question: Question, ks: Sequence[int]) -> None:
    for _, rows in _in_parts(findings, question, ks, wide.histogram_statement, "histogram"):
        for row in rows:
            findings.take_buckets(row)


def _over_values(findings: Findings, question: Question, ks: Sequence[int]) -> None:
    """Ask of columns with few values what the dictionaries tell: steps and exact quantiles, the calendar, lengths, shapes; per batch the shapes only."""
    members: dict[Family, list[int]] = defaultdict(list)
    for k in ks:
        members[family_of(question.columns[k])].append(k)
    dialect, zone = question.dialect, question.timezone
    for family, of_family in members.items():
        if family.is_ordered and question.batch is None:
            for row in _rows_over(findings, question, family, of_family, "quantiles", dictionary.ordered_statement(family, zone, dialect)):
                findings.answer(row).metrics |= {name: value for name in (*QUANTILES, *STEPS) if is_held(value := row.get(name))}
        if family.general_type is GeneralType.DATE and question.batch is None:
            for row in _rows_over(findings, question, family, of_family, "calendar", dictionary.days_statement(family, zone, dialect)):
                findings.answer(row).metrics |= calendar(row)
        if family.general_type is GeneralType.TEXT:
            if question.batch is None:
                for row in _rows_over(findings, question, family, of_family, "lengths", dictionary.lengths_statement(dialect)):
                    findings.answer(row).lengths.append((int(row["lo"]), int(row["n"])))
            _shapes(findings, question, family, of_family)


def _shapes(findings: Findings, question: Question, family: Family, ks: Sequence[int]) -> None:
    limit = dictionary.top_shapes() if question.batch is None else 1
    rows = list(_rows_over(findings, question, family, ks, "shapes", wide.shapes_statement(question.dialect, limit)))
    for (_, k), answer in findings.found.items():
        if k in ks and k not in findings.errors:
            answer.metrics["shape_count"] = 0
    for row in sorted(rows, key=lambda row: int(row["place"])):
        answer = findings.answer(row)
        answer.metrics["shape_count"] = int(row["shape_count"])
        if question.batch is None:
            answer.shapes.append((row["v"], int(row["n"])))


def _rows_over(findings: Findings, question: Question, family: Family, ks: Sequence[int], what: str, over: str) -> Iterator[dict[str, Any]]:
    def statement(relation: exp.Expr, columns: Sequence[tuple[int, Column]], timezone: str, dialect: str, **parts: exp.Expr | None) -> str:
        return wide.over_values(over, family, relation, columns, timezone, dialect, where=parts["where"], batch=parts["batch"])

    for _, rows in _in_parts(findings, question, ks, statement, what):
        yield from (row for row in rows if question.batch is None or row["b"] is not None)


def _in_parts(findings: Findings, question: Question, ks: Sequence[int], statement: Any, what: str) -> list[tuple[Sequence[int], list[dict[str, Any]]]]:
    """Ask a statement about some columns at a time; where it fails, about each of them alone."""
    found: list[tuple[Sequence[int], list[dict[str, Any]]]] = []
    pending = [ks[i : i + COLUMNS_AT_ONCE] for i in range(0, len(ks), COLUMNS_AT_ONCE)]
    while pending:
        part = pending.pop(0)
        columns = [(k, question.columns[k]) for k in part]
        query = statement(question.relation, columns, question.timezone, question.dialect, where=question.where, batch=question.batch)
        try:
            found.append((part, question.session.rows(query, timeout_s=question.timeout_s)))
        except SourceError as error:
            if len(part) == 1:
                findings.fail(part[0], what, error)
            else:
                pending[:0] = [[k] for k in part]
    return found
