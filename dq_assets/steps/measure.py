"""Measure the columns of a relation, over all its rows or per batch: the question, the answers, and what follows from them.

Decision: two plans give the same answers. ``measure_dictionaries`` asks dictionaries of values, where the engine keeps temporary tables (DuckDB);
``measure_rows`` asks the rows, many columns a statement, on every other engine and for the numbers of many batches at once, whose dictionaries would be
as long as the rows. Text goes by dictionary wherever there is one. What an engine cannot aggregate costs a column its own answers and no others'.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from dq_assets.profiling import dictionary
from dq_assets.profiling.dictionary import FORMAT_PREFIX
from dq_assets.profiling.exact_sums import in_digits, total_of
from dq_assets.profiling.metrics import FORMATS, How, metrics_of
from dq_assets.profiling.plan import blanks, knows_nan
from dq_assets.records.enums import GeneralType, Quality
from dq_assets.records.profiles import Estimate

if TYPE_CHECKING:
    from sqlglot import exp

    from dq_assets.errors import SourceError
    from dq_assets.records.engine import Capabilities, Session
    from dq_assets.records.tables import Column

Batch = datetime | None
STEPS = ("min_step", "max_step", "stddev_value")
"""What is asked of the ordered values beside their quantiles."""
Key = tuple[Batch, int]
Progress = Callable[[str], None]


class ColumnAnswer:
    """What was found of one column in one batch, by metric; counts of values as (value, rows) with the most frequent first.

    A list or mapping is made when it is first asked for: the answers of a thousand batches have few of them.
    """

    __slots__ = ("bounds", "buckets", "estimates", "lengths", "metrics", "shapes", "top")
    metrics: dict[str, Any]
    estimates: dict[str, Estimate]
    top: list[tuple[str, int]]
    shapes: list[tuple[str, int]]
    lengths: list[tuple[int, int]]
    bounds: tuple[float, float] | None
    buckets: dict[int, int]

    def __init__(self) -> None:
        """Begin with nothing."""
        self.metrics = {}
        self.bounds = None

    def __getattr__(self, name: str) -> Any:
        if name not in ColumnAnswer.__slots__:
            raise AttributeError(name)
        made: Any = {} if name in ("estimates", "buckets") else []
        setattr(self, name, made)
        return made


class Answers(NamedTuple):
    """What was found of a relation: rows per batch, columns per batch and position, and what could not be asked of which column."""

    rows: dict[Batch, int]
    columns: dict[Key, ColumnAnswer]
    errors: dict[int, tuple[str, SourceError]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is measured: the rows of ``relation`` that ``where`` keeps, cut by ``batch`` where there is one."""

    session: Session
    capabilities: Capabilities
    relation: exp.Expr
    columns: Sequence[Column]
    timezone: str
    as_of: datetime
    batch: exp.Expr | None = None
    where: exp.Expr | None = None
    timeout_s: float | None = None
    whole_rows: bool = True
    """Whether duplicate rows, candidate keys and the order of rows are looked for too."""
    progress: Progress = lambda _: None

    @property
    def dialect(self) -> str:
        """The engine's dialect."""
        return self.capabilities.dialect


class Findings:
    """Where the plans put what they find."""

    def __init__(self, question: Question, rows: int) -> None:
        """Begin with nothing found of ``rows`` rows."""
        self.question = question
        self.rows = rows
        self.found: dict[Key, ColumnAnswer] = defaultdict(ColumnAnswer)
        self.errors: dict[int, tuple[str, SourceError]] = {}

    def fail(self, k: int, what: str, error: SourceError) -> None:
        """Keep the first thing that could not be asked of a column."""
        self.errors.setdefault(k, (what, error))

    def answer(self, row: dict[str, Any]) -> ColumnAnswer:
        """Return the answer that a row with ``k`` and ``b`` belongs to."""
        return self.found[row["b"], row["k"]]

    def take_frequencies(self, row: dict[str, Any]) -> None:
        """Keep what a dictionary's row ``k, b, n, e, m`` says: rows, entropy, the rows of the most frequent value."""
        metrics = self.answer(row).metrics
        metrics["rows"] = int(row["n"])
        if row["m"] is not None:
            metrics["max_frequency"] = int(row["m"])
            metrics["entropy"] = entropy(int(row["n"]) - int(metrics["null_count"]), row["e"])

    def take_buckets(self, row: dict[str, Any]) -> None:
        """Keep a bucket of a histogram, a row ``k, b, lo, hi, bucket, n``."""
        answer = self.answer(row)
        answer.bounds = (float(row["lo"]), float(row["hi"]))
        answer.buckets[int(row["bucket"])] = int(row["n"])

    def answers(self) -> Answers:
        """Return everything found, with what follows from it."""
        rows: dict[Batch, int] = {}
        for (b, _), answer in self.found.items():
            rows[b] = max(rows.get(b, 0), answer.metrics.get("rows", 0))
        if self.question.batch is None:
            rows = {None: self.rows}
        empty = any(in_batch == 0 for in_batch in rows.values())
        defined = [_counted(column, self.question) if empty else [] for column in self.question.columns]
        for b, in_batch in rows.items():
            for k, column in enumerate(self.question.columns):
                answer = self.found[b, k]
                if k not in self.errors or "rows" in answer.metrics:
                    derive(column, answer, in_batch, defined[k])
        return Answers(rows, dict(self.found), self.errors)


def measure(question: Question, rows: int) -> Answers:
    """Measure every column, over ``rows`` rows in all.

    Raises:
        SourceError: nothing of the relation can be read.
    """
    from dq_assets.steps.measure_dictionaries import measure_by_dictionary
    from dq_assets.steps.measure_rows import measure_by_rows

    findings = Findings(question, rows)
    positions = range(len(question.columns))
    if not question.capabilities.temporary_tables:
        measure_by_rows(findings, question, positions)
    elif question.batch is None:
        measure_by_dictionary(findings, question, positions)
    else:
        text = [k for k in positions if question.columns[k].general_type is GeneralType.TEXT]
        measure_by_rows(findings, question, [k for k in positions if k not in set(text)])
        measure_by_dictionary(findings, question, text)
    return findings.answers()


def _counted(column: Column, question: Question) -> list[str]:
    """Return the metrics that count, which are 0 where there is no row."""
    filled = blanks(column, question.timezone, question.dialect)
    return [metric.name for metric in metrics_of(column.general_type, How.ROWS, How.VALUES, How.DISTINCT) if dictionary.is_defined(metric, filled)]


def entropy(values: int, sum_n_log_n: float | None) -> float:
    """Return the entropy in bits of a distribution, from the sum of n log2 n over its values: log2(N) - that / N. Rounded where threads would show."""
    return round(max(0.0, math.log2(values) - (sum_n_log_n or 0.0) / values), 9) if values > 0 else 0.0


def is_held(value: Any) -> bool:
    """Whether an answer is one: NULL, NaN and what overflowed say nothing."""
    return value is not None and (not isinstance(value, float) or math.isfinite(value))


def calendar(row: dict[str, Any]) -> dict[str, int]:
    """Return what is there and what is missing between the first and the last day, week and month."""
    found = {}
    for unit in ("day", "week", "month"):
        there = int(row[f"distinct_{unit}s"])
        found[f"distinct_{unit}s"] = there
        found[f"missing_{unit}s"] = int(row[f"last_{unit}"]) - int(row[f"first_{unit}"]) + 1 - there
    if row["longest_gap_days"] is not None:
        found["longest_gap_days"] = int(row["longest_gap_days"])
    return found


def derive(column: Column, answer: ColumnAnswer, rows: int, counted: Sequence[str]) -> None:
    """Add what follows from the answers of a column: counts of 0 where there is no row, shares, the mean of exact sums, the dominant format."""
    metrics = answer.metrics
    if rows == 0:
        metrics.update(dict.fromkeys(counted, 0))
        answer.estimates.clear()
    values = rows - int(metrics.get("null_count", 0))
    metrics.pop("rows", None)
    if values and "max_frequency" in metrics:
        metrics["mode_share"] = metrics["max_frequency"] / values
    if column.general_type is GeneralType.NUMBER:
        _derive_moments(column, answer, values)
    if column.general_type is GeneralType.TEXT:
        if rows == 0:
            metrics["shape_count"] = 0
        _derive_format(answer, values)


def _derive_moments(column: Column, answer: ColumnAnswer, values: int) -> None:
    metrics = answer.metrics
    finite = values - int(metrics.get("non_finite_count", 0))
    total = metrics.get("sum_value")
    if isinstance(total, str):
        exact = total_of(total)
        metrics["sum_value"] = int(exact) if exact.denominator == 1 else in_digits(exact)
        if finite:
            # Beyond what a DOUBLE holds there is no mean to tell.
            with suppress(OverflowError):
                metrics["avg_value"] = float(exact / finite)
    elif total is not None and not knows_nan(column):
        answer.estimates["sum_value"] = Estimate(quality=Quality.APPROXIMATE)


def _derive_format(answer: ColumnAnswer, values: int) -> None:
    answer.metrics.pop(dictionary.FORMATTED.name, None)
    answer.estimates.pop(dictionary.FORMATTED.name, None)
    counts = {name: int(answer.metrics.pop(FORMAT_PREFIX + name, 0)) for name in FORMATS}
    spread = {name: answer.estimates.pop(FORMAT_PREFIX + name, None) for name in FORMATS}
    name, rows = max(counts.items(), key=lambda item: item[1])
    if values and 2 * rows >= values:
        answer.metrics |= {"format": name, "format_departure_count": values - rows, "format_departure_share": (values - rows) / values}
        if (estimate := spread[name]) is not None:
            low, high = estimate.low or 0, estimate.high or values
            answer.estimates["format_departure_count"] = estimate.model_copy(update={"low": values - high, "high": values - low})
            answer.estimates["format_departure_share"] = estimate.model_copy(update={"low": (values - high) / values, "high": (values - low) / values})
