"""What the page shows of a table's profiles, ready for the template.

Decision: everything is decided here (what is plotted, cut, marked, left out) and the template only places it. A table beyond ``WIDE`` columns gets the same
sections with terser plots, so that five thousand columns stay below twenty megabytes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.profiling.findings import FINDING_TYPES
from dq_assets.profiling.report import plots
from dq_assets.profiling.report.figures import Figure, Group, Mark, between, bound, column_figure, exactness, groups, mark, table_figure
from dq_assets.profiling.report.history import Course, History
from dq_assets.profiling.report.numbers import figure, number, percent
from dq_assets.profiling.report.text import NAME_LENGTH, SENTENCE_LENGTH, Words, shown
from dq_assets.records.enums import GeneralType, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_assets.profiling.table_profile import TableProfile
    from dq_assets.records.profiles import ColumnProfile, Finding, FrequentValue

WIDE, OPEN = 300, 30
"""Above how many columns plots are terse; up to how many the sections stand open."""
FIRST_FINDINGS, MISSING_ROWS, HEAT_ROWS, KEYS, FIRST_TRENDS = 30, 100, 60, 6, 4
BATCHES, WIDE_BATCHES = 400, 60
LENGTH_BARS = 60
TYPES = {
    GeneralType.TEXT: "text",
    GeneralType.NUMBER: "number",
    GeneralType.DATE: "date or time",
    GeneralType.TIME: "time of day",
    GeneralType.BOOLEAN: "yes or no",
    GeneralType.OTHER: "other",
}
_FINDINGS = {kind.anomaly_type_id: kind.name for kind in FINDING_TYPES}
_KEY_FIGURES: dict[GeneralType, tuple[tuple[str, str], ...]] = {
    GeneralType.NUMBER: (("avg_value", ""), ("p50", "Median"), ("stddev_value", ""), ("zero_count", ""), ("negative_count", ""), ("non_finite_count", "")),
    GeneralType.TEXT: (
        ("min_length", ""),
        ("max_length", ""),
        ("avg_length", "Mean length"),
        ("zero_length_count", ""),
        ("format", ""),
        ("format_departure_count", ""),
    ),
    GeneralType.DATE: (
        ("p50", "Median"),
        ("max_date_days", ""),
        ("distinct_days", ""),
        ("missing_days", ""),
        ("longest_gap_days", ""),
        ("future_date_count", ""),
    ),
    GeneralType.BOOLEAN: (("true_count", ""), ("false_count", "")),
    GeneralType.OTHER: (("min_size", ""), ("max_size", ""), ("avg_size", ""), ("empty_count", "")),
}
_BOUND_LABELS = {GeneralType.TEXT: ("First in order", "Last in order"), GeneralType.DATE: ("Earliest", "Latest"), GeneralType.TIME: ("Earliest", "Latest")}
_SPOKEN_ZERO = frozenset({"true_count", "false_count", "missing_days"})


class Fact(NamedTuple):
    """A number of the header; ``note`` says more of it."""

    label: str
    words: str
    note: str = ""
    mark: Mark | None = None
    names: tuple[tuple[Words, ...], ...] = ()


class Found(NamedTuple):
    """A finding; ``anchor`` is that of its column's section, empty where it has none."""

    severity: str
    name: str
    column: Words | None
    anchor: str
    detail: Words
    rows: str


class Top(NamedTuple):
    """A frequent value or shape: its rows, their share, the width of its bar in percent."""

    words: Words
    rows: str
    share: str
    bar: str


class Plotted(NamedTuple):
    """A course over the batches with its plot."""

    label: str
    last: str
    span: str
    svg: plots.Svg


class Trends(NamedTuple):
    """What is known over the batches: the plots, those beyond the first few, the numbers that are the same in each batch."""

    first: list[Plotted]
    more: list[Plotted]
    steady: list[str]
    left_out: int


class Missing(NamedTuple):
    """A column on the map of missing values; ``svg`` shows the batches where there are some."""

    name: Words
    anchor: str
    share: str
    bar: str
    mark: Mark | None
    svg: plots.Svg


class ColumnView(NamedTuple):
    """A column: its row in the overview, and its section."""

    anchor: str
    name: Words
    data_type: Words
    kind: str
    missing: Figure | None
    missing_share: str
    missing_bar: str
    distinct: Figure | None
    bounds: tuple[Words, ...]
    spark: plots.Svg
    tags: list[tuple[str, str]]
    key_figures: list[Figure]
    findings: list[Found]
    histogram: plots.Svg
    lengths: plots.Svg
    top_values: list[Top]
    shapes: list[Top]
    marks: dict[str, Mark | None]
    groups: list[Group]
    trends: Trends | None


class Page(NamedTuple):
    """All that the template places."""

    title: str
    name: Words
    subtitle: list[str]
    facts: list[Fact]
    findings: list[Found]
    columns: list[ColumnView]
    missing: list[Missing]
    missing_more: int
    complete: int
    batches: list[Words]
    trends: Trends | None
    wide: bool
    open: bool
    first_findings: int
    estimated: bool


def page(profiles: Sequence[TableProfile]) -> Page:
    """Return what is shown of the batches of a table in data time; the newest is shown in full."""
    newest = profiles[-1]
    wide = len(newest.columns) > WIDE
    history = History(profiles, wide=wide)
    anchors = {column.column_name: f"c{position}" for position, column in enumerate(newest.columns, 1)}
    found = sorted(newest.findings, key=lambda finding: -finding.severity.rank)
    by_column: dict[str, list[Found]] = {}
    for finding in found:
        by_column.setdefault(finding.column_name or "", []).append(_finding(finding, anchors))
    keys = {key[0] for key in newest.candidate_keys if len(key) == 1}
    columns = [
        _column(column, f"c{position}", by_column.get(column.column_name, []), history, wide=wide, key=column.column_name in keys)
        for position, column in enumerate(newest.columns, 1)
    ]
    missing = _missing(newest, history)
    shown_rows = HEAT_ROWS if history.batches else MISSING_ROWS
    name = shown(newest.name, 200)
    return Page(
        title=f"Profile of {name.text}",
        name=name,
        subtitle=_subtitle(newest, history),
        facts=list(_facts(newest)),
        findings=[_finding(finding, anchors) for finding in found],
        columns=columns,
        missing=[_missing_row(worst, position, column, history) for worst, position, column in missing[:shown_rows]],
        missing_more=max(len(missing) - shown_rows, 0),
        complete=len(newest.columns) - len(missing),
        batches=[shown(key, 40) for key in history.batches[-BATCHES:]],
        trends=_trends(history.courses(), history, None, wide=False),
        wide=wide,
        open=len(newest.columns) <= OPEN,
        first_findings=FIRST_FINDINGS,
        estimated=any(column.approximations for column in newest.columns) or bool(newest.approximations),
    )


def _subtitle(profile: TableProfile, history: History) -> list[str]:
    said = []
    if profile.batch_key is not None:
        said.append(f"batch {shown(profile.batch_key, 40)}" + (f", the newest of {len(history.batches)}" if len(history.batches) > 1 else ""))
    elif len(history.batches) > 1:
        said.append(f"{len(history.batches):,} batches from {shown(history.batches[0], 40)} to {shown(history.batches[-1], 40)}")
    return [*said, f"as of {shown(profile.as_of, 40)}"] if profile.as_of else said


def _facts(profile: TableProfile) -> Iterator[Fact]:
    yield Fact("Rows", f"{profile.row_count:,}", mark=mark(profile.approximations.get("row_count"), "row_count"))
    yield Fact("Columns", f"{len(profile.columns):,}")
    cells = sum(column.record_count for column in profile.columns)
    nulls = sum(column.null_count for column in profile.columns)
    estimated = next((column.approximations["null_count"] for column in profile.columns if "null_count" in column.approximations), None)
    yield Fact(
        "Missing cells",
        percent(nulls / cells) if cells else "none",
        f"{nulls:,} of {cells:,}",
        mark(estimated.model_copy(update={"low": None, "high": None}) if estimated else None),
    )
    duplicates = table_figure(profile, "duplicate_row_count")
    yield (
        Fact("Duplicate rows", figure(profile.metrics["duplicate_row_count"]), duplicates.share, duplicates.mark)
        if duplicates
        else Fact("Duplicate rows", "not counted")
    )
    names = tuple(tuple(shown(name, NAME_LENGTH) for name in key) for key in profile.candidate_keys[:KEYS])
    more = len(profile.candidate_keys) - len(names)
    yield Fact("Candidate keys", "" if names else "none found", f"and {more:,} more" if more > 0 else "", names=names)
    exact, _, read = exactness(profile).partition("; ")
    yield Fact("How exact", exact, read)


def _finding(finding: Finding, anchors: dict[str, str]) -> Found:
    name = finding.column_name
    return Found(
        severity=finding.severity.value,
        name=finding_name(finding),
        column=shown(name, NAME_LENGTH) if name is not None else None,
        anchor=anchors.get(name or "", ""),
        detail=shown(finding.detail, SENTENCE_LENGTH),
        rows=f"{finding.affected_rows:,}" if finding.affected_rows is not None else "",
    )


def finding_name(finding: Finding) -> str:
    """Return what the type of a finding is called."""
    return _FINDINGS.get(finding.anomaly_type_id, f"Finding {finding.anomaly_type_id}")


def _column(column: ColumnProfile, anchor: str, findings: list[Found], history: History, *, wide: bool, key: bool) -> ColumnView:
    name = shown(column.column_name, NAME_LENGTH)
    bars, whole = histogram_bars(column)
    dates = column.general_type is GeneralType.DATE
    quantiles = {name: found for name, value in column.percentiles.items() if (found := number(value)) is not None}
    courses = history.courses(column.column_name) if history.batches else []
    share = _missing_share(column)
    lengths, each = length_bars(column.lengths)
    return ColumnView(
        anchor=anchor,
        name=name,
        data_type=shown(column.data_type, NAME_LENGTH),
        kind=TYPES[column.general_type],
        missing=column_figure(column, "null_count"),
        missing_share=percent(share) if column.record_count else "no rows",
        missing_bar=_bar(share),
        distinct=column_figure(column, "distinct_count"),
        bounds=_range(column),
        spark=plots.spark(bars, f"Shape of {name.text}"),
        tags=list(_tags(column, findings, key=key)),
        key_figures=list(_key_figures(column)),
        findings=findings,
        histogram=plots.histogram(bars, f"Histogram of {name.text}", dates=dates, integers=whole, quantiles=quantiles if not dates else None, spoken=not wide),
        lengths=plots.histogram(lengths, f"Lengths of {name.text} in characters", integers=each, spoken=not wide),
        top_values=_tops(column.top_values),
        shapes=_tops(column.shapes),
        marks={part: mark(column.approximations.get(part)) for part in ("histogram", "top_values", "shapes", "lengths")},
        groups=groups(column),
        trends=_trends(courses, history, column.general_type, wide=wide),
    )


def _bar(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.1f}".removesuffix(".0")


def _range(column: ColumnProfile) -> tuple[Words, ...]:
    if column.general_type is GeneralType.TEXT:
        shortest, longest = (column.metrics.get(name) for name in ("min_length", "max_length"))
        if shortest is None or longest is None:
            return ()
        return (Words(f"{figure(shortest)} characters"),) if shortest == longest else (Words(figure(shortest)), Words(f"{figure(longest)} characters"))
    ends = [found for found in (bound(column, "min_value"), bound(column, "max_value")) if found is not None]
    return tuple(dict.fromkeys(ends))


def _tags(column: ColumnProfile, findings: list[Found], *, key: bool) -> Iterator[tuple[str, str]]:
    if key:
        yield "key", "key"
    if column.record_count and column.null_count >= column.record_count:
        yield "empty", "plain"
    elif column.distinct_count == 1:
        yield "constant", "plain"
    if findings:
        worst = max((finding.severity for finding in findings), key=lambda severity: Severity(severity).rank)
        yield (f"{len(findings)} findings" if len(findings) > 1 else findings[0].name), worst


def oddities(column: ColumnProfile, findings: Sequence[Finding]) -> list[str]:
    """Return what is odd about a column in a few words each."""
    return list(dict.fromkeys([*(text for text, kind in _tags(column, [], key=False) if kind == "plain"), *(finding_name(finding) for finding in findings)]))


def _key_figures(column: ColumnProfile) -> Iterator[Figure]:
    for metric in ("null_count", "distinct_count"):
        if found := column_figure(column, metric):
            yield found._replace(label="Missing" if metric == "null_count" else "Distinct")
    for metric, label in zip(("min_value", "max_value"), _BOUND_LABELS.get(column.general_type, ("Smallest", "Largest")), strict=True):
        words = bound(column, metric)
        if words is not None:
            numeric = metric.replace("value", "number")
            yield Figure(metric, label, words, "", mark(column.approximations.get(metric, column.approximations.get(numeric)), numeric))
    for metric, label in _KEY_FIGURES.get(column.general_type, ()):
        found = column_figure(column, metric, label)
        if found and (metric in _SPOKEN_ZERO or not metric.endswith("_count") or number(column.value(metric)) != 0):
            yield found


def _tops(values: Sequence[FrequentValue]) -> list[Top]:
    most = max((value.relative_freq for value in values), default=0.0) or 1.0
    return [Top(shown(value.value), f"{value.frequency:,}", percent(value.relative_freq), _bar(value.relative_freq / most)) for value in values]


def histogram_bars(column: ColumnProfile) -> tuple[list[plots.Bar], bool]:
    """Return the bars of a column's histogram, and whether each is one whole number.

    Of whole numbers, a bucket narrower than 1 holds at most one, so each number gets a bar of its own instead of a comb of full and empty buckets.
    """
    bars = [plots.Bar(bucket.lower, bucket.upper, bucket.frequency) for bucket in column.histogram]
    # An integer type has no fractions to count; a single value has no distribution to draw.
    if (
        len(bars) < 2
        or column.general_type is not GeneralType.NUMBER
        or column.metrics.get("fractional_count")
        or any(bar.upper - bar.lower >= 1 for bar in bars)
    ):
        return bars, False
    last = len(bars) - 1
    # The last bucket is closed: it holds its upper bound.
    places = [math.floor(bar.upper + 1e-6) if index == last else math.ceil(bar.lower - 1e-6) for index, bar in enumerate(bars)]
    return [plots.Bar(place - 0.5, place + 0.5, bar.rows) for place, bar in zip(places, bars, strict=True) if bar.rows], True


def length_bars(lengths: Sequence[tuple[int, int]]) -> tuple[list[plots.Bar], bool]:
    """Return a bar per length, or for lengths far apart a bar per twentieth of their range, and which it is; none for a single length."""
    if len(lengths) < 2:
        return [], False
    low, high = min(length for length, _ in lengths), max(length for length, _ in lengths)
    if high - low < LENGTH_BARS:
        return [plots.Bar(length - 0.5, length + 0.5, rows) for length, rows in sorted(lengths)], True
    step = (high - low) / 20
    rows_by_bar = [0] * 20
    for length, rows in lengths:
        rows_by_bar[min(int((length - low) / step), 19)] += rows
    return [plots.Bar(low + index * step, low + (index + 1) * step, rows) for index, rows in enumerate(rows_by_bar)], False


def _missing(profile: TableProfile, history: History) -> list[tuple[float, int, ColumnProfile]]:
    """Return the columns with missing values, in the newest batch or before, with the largest share and their position; the emptiest first."""
    found = []
    for position, column in enumerate(profile.columns, 1):
        past = [share for share in history.missing(column.column_name) if share is not None] if history.batches else []
        worst = max(_missing_share(column), *past, 0.0)
        if worst > 0:
            found.append((worst, position, column))
    return sorted(found, key=lambda each: -each[0])


def _missing_row(worst: float, position: int, column: ColumnProfile, history: History) -> Missing:
    name, share = shown(column.column_name, NAME_LENGTH), _missing_share(column)
    drawn = plots.Svg()
    past = history.missing(column.column_name)[-BATCHES:]
    if sum(known is not None for known in past) > 1:
        said = f"Missing values of {name.text} per batch, at most {percent(worst)}"
        drawn = plots.heat(past, history.batches[-BATCHES:], said)
    return Missing(name, f"c{position}", percent(share), _bar(share), mark(column.approximations.get("null_count"), "null_count"), drawn)


def _missing_share(column: ColumnProfile) -> float:
    return column.null_count / column.record_count if column.record_count else 0.0


def _trends(courses: list[Course], history: History, general_type: GeneralType | None, *, wide: bool) -> Trends | None:
    if not courses:
        return None
    newest = WIDE_BATCHES if wide else BATCHES
    labels = history.batches[-newest:]
    changing = [course for course in courses if course.changes]
    kept = changing[: FIRST_TRENDS // 2] if wide else changing
    drawn = [
        Plotted(
            course.label,
            course.words(course.known[-1], general_type),
            between(course.words(min(course.known), general_type), course.words(max(course.known), general_type)),
            plots.trend(course.values[-newest:], labels, course.label, spoken=not wide and len(labels) <= LENGTH_BARS),
        )
        for course in kept
    ]
    steady = [f"{course.label} ({course.words(course.known[-1], general_type)})" for course in courses if not course.changes and course.known[-1]]
    return Trends(drawn[:FIRST_TRENDS], drawn[FIRST_TRENDS:], [] if wide else steady, len(changing) - len(kept))
