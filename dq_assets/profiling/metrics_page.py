"""The metric catalogue as a page for people: ``python -m dq_assets.profiling.metrics_page > docs/metrics.md``; a test holds the page against the catalogue."""

from __future__ import annotations

from dq_assets.profiling.metrics import COLUMN_METRICS, TABLE_METRICS, How
from dq_assets.records.enums import GeneralType

_INTRODUCTION = """\
# Metrics

What a profile measures. In the SQL, `c` is the value, `len` and `bytes` its characters and UTF-8 bytes, `bare` the text without outer spaces, `up` and
`low` whether it holds an upper-case or lower-case letter, `x` a number as a double without NaN and infinities, `exact` the number in its own type, `d` a
time in the group's timezone (NULL where infinite), `n` how many rows hold a value, `:name` a pattern or moment of `dq_assets/profiling/metrics.py`. A
metric that is not defined for a column is absent, never 0. Those of the series are measured per batch too. Beside them stand the 10 most frequent values,
the most frequent shapes, a histogram of 20 buckets and one of lengths. This page is generated from the catalogue.

| Metric | Of | Unit | Counts, or is | Series |
|---|---|---|---|---|
"""
_KINDS = {
    GeneralType.TEXT: "text",
    GeneralType.NUMBER: "number",
    GeneralType.DATE: "date",
    GeneralType.TIME: "time",
    GeneralType.BOOLEAN: "boolean",
    GeneralType.OTHER: "other",
}
_SAYS = {
    How.ROWS: "rows where `{}`",
    How.VALUES: "distinct values where `{}`",
    How.DISTINCT: "distinct `{}`",
    How.MIN: "smallest `{}`",
    How.MAX: "largest `{}`",
    How.MEAN: "mean of `{}`",
    How.SUM: "sum of `{}`",
    How.QUANTILE: "smallest value that a share of {} of the values does not exceed",
    How.DERIVED: "{}",
}


def metrics_page() -> str:
    """Return the page as markdown."""
    lines = []
    for metric in (*TABLE_METRICS, *COLUMN_METRICS):
        kinds = ", ".join(name for kind, name in _KINDS.items() if kind.value in metric.applies_to) or "table"
        kinds = "any" if len(kinds.split(", ")) == len(_KINDS) else kinds
        says = _SAYS[metric.how].format(metric.sql.replace("|", "\\|"))
        lines.append(f"| `{metric.name}` | {kinds} | {metric.unit.value} | {says} | {'yes' if metric.series else ''} |\n")
    return _INTRODUCTION + "".join(lines)


if __name__ == "__main__":
    print(metrics_page(), end="")  # noqa: T201 - its output is the page
