"""One metric of one column as the report shows it: its number in words, its unit, how sure it is.

Decision: what is not exact is marked wherever its number stands (``≈``), and the mark tells the quality, the rows read and the interval; there is no number
in the report that did not pass here or ``Figure``'s own fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dq_assets.profiling.metrics import COLUMN_METRICS, TABLE_METRICS, UNITS, Unit
from dq_assets.profiling.report.labels import FURTHER, GROUPS, label_of
from dq_assets.profiling.report.numbers import duration, figure, number, percent
from dq_assets.profiling.report.text import Words, shown
from dq_assets.records.enums import GeneralType, Quality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_assets.profiling.table_profile import TableProfile
    from dq_assets.records.profiles import ColumnProfile, Estimate

_SUFFIX = {
    Unit.ROWS: "rows",
    Unit.VALUES: "values",
    Unit.CHARACTERS: "characters",
    Unit.ELEMENTS: "elements",
    Unit.DAYS: "days",
    Unit.WEEKS: "weeks",
    Unit.MONTHS: "months",
    Unit.BITS: "bits",
}
_COUNTS = frozenset({Unit.ROWS, Unit.VALUES})
_NAMES = tuple(dict.fromkeys(metric.name for metric in COLUMN_METRICS))


class Mark(NamedTuple):
    """How a number that is not exact was obtained; ``interval`` is empty where no bound is known, ``brief`` is for a page without room."""

    title: str
    interval: str
    brief: str


class Figure(NamedTuple):
    """A metric in words. ``share`` is that of the rows, where it says something."""

    metric: str
    label: str
    words: Words
    share: str = ""
    mark: Mark | None = None


class Group(NamedTuple):
    """Metrics under one heading, and the counts that are nothing."""

    name: str
    figures: list[Figure]
    none: list[Figure]


def mark(estimate: Estimate | None, metric: str = "", general_type: GeneralType | None = None) -> Mark | None:
    """Return what is said of an estimate; None for an exact number."""
    if estimate is None or estimate.quality is Quality.EXACT:
        return None
    words = [estimate.quality.value]
    if estimate.rows_read is not None:
        words.append(f"{estimate.rows_read:,} rows read")
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        bounds = [round(end) if UNITS.get(metric) in _COUNTS else end for end in (estimate.low, estimate.high)]
        interval = between(*(in_words(metric, end, general_type).text for end in bounds))
        words.append(f"19 times of 20 {interval}")
    return Mark("; ".join(words), interval, f"{words[0]} {interval.removeprefix('from ')}".rstrip())


def between(low: str, high: str) -> str:
    """Return two numbers in words as one range, with their unit once."""
    for unit in _SUFFIX.values():
        if high.endswith((f" {unit}", f" {unit.removesuffix('s')}")):
            low = low.removesuffix(f" {unit}").removesuffix(f" {unit.removesuffix('s')}")
    return f"from {low} to {high}"


def in_words(metric: str, value: object, general_type: GeneralType | None = None) -> Words:
    """Return a metric's value with its unit; text of the data is cut and made visible."""
    found = number(value)
    unit = UNITS.get(metric, Unit.NUMBER)
    if found is None:
        return shown(figure(value))
    if unit is Unit.SHARE:
        return Words(percent(found))
    if general_type is GeneralType.DATE and metric in ("min_step", "max_step"):
        return Words(duration(found))
    said = figure(round(found)) if unit in _COUNTS and found == round(found) else figure(value)
    suffix = _SUFFIX.get(unit, "")
    return Words(f"{said} {suffix.removesuffix('s') if said == '1' else suffix}".rstrip())


def bound(column: ColumnProfile, metric: str) -> Words | None:
    """Return the smallest or largest value of a column in words: ``min_value`` or ``max_value``."""
    text = column.value(metric)
    if text is None:
        found = column.metrics.get(metric.replace("value", "number"))
        return Words(figure(found)) if found is not None else None
    if column.general_type is GeneralType.NUMBER:
        for kind in (int, float):
            try:
                return Words(figure(kind(text)))
            except (ValueError, OverflowError):
                continue
    return shown(text, 60)


def column_figure(column: ColumnProfile, metric: str, label: str = "") -> Figure | None:
    """Return a metric of a column; None where it does not apply or was not measured."""
    value = column.value(metric)
    if value is None:
        return None
    found = number(value)
    share = ""
    # That of the most frequent value is ``mode_share``, of the rows that have a value.
    if UNITS.get(metric) is Unit.ROWS and found and column.record_count and metric != "max_frequency":
        share = percent(found / column.record_count)
    elif metric == "distinct_count" and found and column.record_count > column.null_count:
        share = percent(min(found / (column.record_count - column.null_count), 1.0))
    made = mark(column.approximations.get(metric), metric, column.general_type)
    words = bound(column, metric) if metric in ("min_value", "max_value") else None
    known = metric if metric in UNITS else shown(metric).text
    return Figure(known, label or label_of(metric), words or in_words(metric, value, column.general_type), share, made)


def table_figure(profile: TableProfile, metric: str, label: str = "") -> Figure | None:
    """Return a metric of the table; None where it was not measured."""
    value = profile.metrics.get(metric)
    if value is None:
        return None
    found = number(value)
    share = percent(found / profile.row_count) if found and profile.row_count and metric != "row_count" and UNITS.get(metric) is Unit.ROWS else ""
    return Figure(metric, label or label_of(metric), in_words(metric, value), share, mark(profile.approximations.get(metric), metric))


def metric_names(column: ColumnProfile) -> list[str]:
    """Return every metric of a column that has a value, the catalogue's first."""
    names = dict.fromkeys((*_NAMES, *column.percentiles, *column.metrics))
    return [name for name in names if column.value(name) is not None]


def groups(column: ColumnProfile) -> list[Group]:
    """Return all metrics of a column under headings; counts of nothing are named beside, since they are many and say one thing."""
    names = metric_names(column)
    return [group for heading, members in _headings(names, column.general_type) if (group := _group(column, heading, members)).figures or group.none]


def _headings(names: list[str], general_type: GeneralType) -> Iterator[tuple[str, list[str]]]:
    left = dict.fromkeys(names)
    for heading, labels in GROUPS.items():
        # Zero is a number, and text can hold one.
        members = [name for name in labels if name in left and not (name == "zero_count" and heading == "Numbers" and general_type is GeneralType.TEXT)]
        for name in members:
            del left[name]
        yield heading, members
    yield FURTHER, list(left)


def _group(column: ColumnProfile, heading: str, names: list[str]) -> Group:
    figures: list[Figure] = []
    none: list[Figure] = []
    for name in names:
        found = column_figure(column, name)
        if found is not None:
            nothing = UNITS.get(name) in _COUNTS and name not in ("null_count", "distinct_count") and number(column.value(name)) == 0
            (none if nothing else figures).append(found)
    if heading == "Numbers" and column.general_type is not GeneralType.NUMBER:
        heading = "Values"
    return Group(heading, figures, none)


def exactness(profile: TableProfile) -> str:
    """Return how many of a profile's numbers are exact, and how the others were obtained."""
    counts = dict.fromkeys(Quality, 0)
    owners = [([metric.name for metric in TABLE_METRICS if profile.metrics.get(metric.name) is not None], profile.approximations)]
    owners += [(metric_names(column), column.approximations) for column in profile.columns]
    for names, estimates in owners:
        for name in names:
            estimate = estimates.get(name)
            counts[estimate.quality if estimate else Quality.EXACT] += 1
    said = [f"{count:,} metrics {quality.value}" if quality is Quality.EXACT else f"{count:,} {quality.value}" for quality, count in counts.items() if count]
    read = "all rows read" if profile.rows_read >= profile.row_count else f"{profile.rows_read:,} of {profile.row_count:,} rows read"
    return "; ".join([", ".join(said) or "no metrics", read])
