"""The report as markdown: a headline and one row per column.

Decision: every text of the data stands in a code span, the one form in which markdown and GitHub turn nothing into a link, a mention or HTML. The table is
padded, so that a terminal shows it as a table too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dq_assets.profiling.report.figures import Figure, bound, column_figure, exactness, table_figure
from dq_assets.profiling.report.numbers import percent
from dq_assets.profiling.report.page import NOTHING
from dq_assets.profiling.report.text import shown, width
from dq_assets.profiling.report.view import KEYS, oddities
from dq_assets.records.enums import GeneralType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dq_assets.profiling.table_profile import TableProfile
    from dq_assets.records.profiles import ColumnProfile, Finding

NAME_LENGTH, CELL_LENGTH, LEAST_SHARE = 60, 30, 0.001
_TITLES = ("Column", "Type", "Filled", "Distinct", "Min", "Max", "Mean or most frequent", "Oddities")
_TO_THE_RIGHT = frozenset({"Filled", "Distinct"})


def markdown(profiles: Sequence[TableProfile]) -> str:
    """Return the newest of the batches of a table in data time as markdown."""
    if not profiles:
        return f"{NOTHING}\n"
    newest = profiles[-1]
    findings: dict[str, list[Finding]] = {}
    for finding in newest.findings:
        findings.setdefault(finding.column_name or "", []).append(finding)
    rows = [_row(column, findings.get(column.column_name, [])) for column in newest.columns]
    table = _table(rows) if rows else "No columns.\n"
    return f"**Profile of {code(newest.name, 200, cell=False)}**: {', '.join(_headline(profiles))}.\n\n{' '.join(_second_line(newest))}\n\n{table}"


def code(text: object, limit: int = CELL_LENGTH, *, cell: bool = True) -> str:
    """Return a text of the data as code within a cell of a table in markdown, or else within a line."""
    words = shown(text, limit)
    if words.blank:
        return words.text
    # A backslash before the one that escapes the bar would escape that one.
    plain = re.sub(r"\\+(?=\|)", lambda run: "\u2216" * len(run[0]), words.text).replace("|", r"\|") if cell else words.text
    ticks = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    pad = " " if plain[0] in "` " or plain[-1] in "` " else ""
    return f"{ticks}{pad}{plain}{pad}{ticks}" + (f" ({words.length:,} characters)" if words.length else "")


def _headline(profiles: Sequence[TableProfile]) -> Iterable[str]:
    newest = profiles[-1]
    rows = table_figure(newest, "row_count")
    yield f"{'≈' if rows and rows.mark else ''}{newest.row_count:,} rows"
    yield f"{len(newest.columns):,} columns"
    if newest.batch_key is not None:
        yield f"batch {code(newest.batch_key, cell=False)}" + (f" (the newest of {len(profiles):,})" if len(profiles) > 1 else "")
    if newest.as_of:
        yield f"as of {code(newest.as_of, 40, cell=False)}"


def _second_line(profile: TableProfile) -> Iterable[str]:
    cells, nulls = sum(column.record_count for column in profile.columns), sum(column.null_count for column in profile.columns)
    yield f"Missing cells: {percent(nulls / cells) if cells else 'none'}."
    duplicates = table_figure(profile, "duplicate_row_count")
    yield f"Duplicate rows: {_said(duplicates) if duplicates else 'not counted'}."
    keys = [" + ".join(code(name, NAME_LENGTH, cell=False) for name in key) for key in profile.candidate_keys[:KEYS]]
    more = len(profile.candidate_keys) - len(keys)
    yield f"Candidate keys: {', '.join(keys) or 'none found'}{f' and {more:,} more' if more > 0 else ''}."
    if profile.findings:
        yield f"Findings: {len(profile.findings):,}."
    yield f"How exact: {exactness(profile)}."


def _said(figure: Figure) -> str:
    return f"{'≈' if figure.mark else ''}{figure.words.text.removesuffix('s').removesuffix(' row').removesuffix(' value')}"


def _row(column: ColumnProfile, findings: Sequence[Finding]) -> tuple[str, ...]:
    share = 1 - column.null_count / column.record_count if column.record_count else None
    filled = "" if share is None else f"{'≈' if 'null_count' in column.approximations else ''}{percent(share)}"
    distinct = column_figure(column, "distinct_count")
    low, high = bound(column, "min_value"), bound(column, "max_value")
    numeric = column.general_type is GeneralType.NUMBER

    def end(metric: str, found: object) -> str:
        if found is None:
            return ""
        if not numeric:
            return code(column.value(metric))
        return f"{'≈' if metric in column.approximations else ''}{found}"

    mean = column_figure(column, "avg_value") if numeric else None
    usual = _said(mean) if mean else ""
    top = column.top_values[0] if column.top_values else None
    # The most frequent of values that hardly repeat says nothing.
    if not usual and top and top.relative_freq >= LEAST_SHARE:
        usual = f"{code(top.value)} {'≈' if 'top_values' in column.approximations else ''}{percent(top.relative_freq)}"
    return (
        code(column.column_name, NAME_LENGTH),
        code(column.data_type),
        filled,
        _said(distinct) if distinct else "",
        end("min_value", low),
        end("max_value", high),
        usual,
        ", ".join(oddities(column, findings)),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(3, *(width(row[place]) for row in (_TITLES, *rows))) for place in range(len(_TITLES))]
    right = [title in _TO_THE_RIGHT for title in _TITLES]

    def line(cells: Sequence[str]) -> str:
        blanks = [" " * (size - width(cell)) for cell, size in zip(cells, widths, strict=True)]
        padded = [blank + cell if end else cell + blank for cell, blank, end in zip(cells, blanks, right, strict=True)]
        return f"| {' | '.join(padded)} |\n"

    rule = "| " + " | ".join("-" * (size - 1) + (":" if end else "-") for size, end in zip(widths, right, strict=True)) + " |\n"
    return line(_TITLES) + rule + "".join(line(row) for row in rows)
