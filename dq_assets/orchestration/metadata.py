"""What a person sees in the Dagster UI.

Decision: everything that may come from customers' tables (names, messages, values) goes into table records, which the UI shows as text, or through
``escaped``, ``code`` and ``fenced`` where it stands in markdown, whose sanitiser leaves links open. Each piece of metadata has a budget, because
Dagster stores it in its event log and sends it again with every page.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import unicodedata
from typing import TYPE_CHECKING

import dagster as dg

from dq_assets.records.enums import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq_assets.records.profiles import ColumnProfile, Finding
    from dq_assets.records.table_list import ListedTable
    from dq_assets.records.tables import TableName
    from dq_assets.records.tests import Test, TestResult
    from dq_assets.rules.suggest import Dropped

ROWS_SHOWN, CELL_LENGTH = 50, 320
TABLE_BUDGET = 12_000
"""Bytes of a table's cells as JSON."""
EXACT_INTEGER = 2**53
"""Larger integers lose digits in a browser."""
_INVISIBLE = re.compile(r"[\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks that hide text or turn its direction round; the joiner that emoji are made with is none of them."""

Cell = str | int | float | bool | None


def shown(text: str, limit: int = CELL_LENGTH) -> str:
    """Return text in which nothing is hidden: control characters and marks of direction as code points, at most ``limit`` characters of it."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(_seen(character) for character in cut)


def _seen(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cs") or _INVISIBLE.match(character):
        return character.encode("unicode_escape").decode()
    return character


def escaped(text: str) -> str:
    """Return a sentence that markdown and HTML show as it is; addresses in it do not become links."""
    # What looks like an address is made a link after escapes are resolved, so it must not look like one.
    plain = re.sub(r":(?=//)|@|www(?=\.)", "\\g<0>\u2060", shown(text), flags=re.IGNORECASE)
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~:])", r"\\\1", plain)


def code(text: str) -> str:
    """Return text as code within a line of markdown."""
    plain = shown(text)
    ticks = "`" * (_longest_run(plain) + 1)
    # Of text that begins and ends with a space, one on both sides is taken away again.
    pad = " " if plain.strip() and (plain[0] in "` " or plain[-1] in "` ") else ""
    return f"{ticks}{pad}{plain or ' '}{pad}{ticks}"


def fenced(text: str, language: str) -> str:
    """Return text as a block of code in markdown, whatever fences it holds; line breaks stay."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    lines = "\n".join(shown(line, len(line)) for line in text.expandtabs(4).split("\n"))
    return f"{ticks}{language}\n{lines}\n{ticks}"


def within(text: str, budget: int) -> str:
    """Return the beginning of a text that takes at most ``budget`` bytes as JSON."""
    sizes = itertools.accumulate(len(json.dumps(character)) - 2 for character in text)
    return text[: sum(1 for _ in itertools.takewhile(lambda size: size <= budget, sizes))]


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


PROFILE_BUDGET = 30_000
"""Bytes of a table's profile as markdown; of a wider table only the page shows everything."""


def profile_of(name: TableName, columns: Sequence[ColumnProfile]) -> dg.MarkdownMetadataValue:
    """Return a table's profile: a row per column, as many as the budget takes."""
    from dq_assets.profiling.table_profile import TableProfile

    shown = list(columns)
    while True:
        profile = TableProfile(name=str(name), row_count=columns[0].record_count, rows_read=columns[0].rows_read, columns=tuple(shown))
        text = profile.to_markdown()
        if len(json.dumps(text)) <= PROFILE_BUDGET or len(shown) == 1:
            left = len(columns) - len(shown)
            return dg.MetadataValue.md(text + (f"\n\nand {left:,} more columns" if left else ""))
        shown = shown[: max(1, len(shown) // 2)]


def column_schema(table: ListedTable) -> dg.TableSchema:
    """Return the table's columns for the Columns tab."""
    return dg.TableSchema(
        [dg.TableColumn(name=column.name, type=column.data_type, constraints=dg.TableColumnConstraints(nullable=column.nullable)) for column in table.columns]
    )


def table(rows: Sequence[Mapping[str, object]], budget: int = TABLE_BUDGET, length: int = CELL_LENGTH) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Return the first rows as a table; the columns of the first row are those of all.

    Args:
        rows: by column name.
        budget: bytes that all cells take as JSON, at most.
        length: characters of a cell, at most.
    """
    if not rows:
        return dg.MetadataValue.text("none")
    records: list[dict[str, Cell]] = []
    for row in rows[:ROWS_SHOWN]:
        record = _record(row, list(rows[0]), budget, length)
        budget -= len(json.dumps(record))
        if records and budget < 0:
            break
        records.append(record)
    schema = dg.TableSchema([dg.TableColumn(name=name) for name in records[0]])
    return dg.MetadataValue.table(records=[dg.TableRecord(record) for record in records], schema=schema)


def _record(row: Mapping[str, object], names: Sequence[str], budget: int, length: int) -> dict[str, Cell]:
    record: dict[str, Cell] = {}
    for shorter in (length, length // 4, length // 16):
        record = {shown(name, length): _cell(row.get(name), shorter) for name in names}
        if len(json.dumps(record)) <= budget:
            break
    return record


def _cell(value: object, length: int) -> Cell:
    if isinstance(value, str):
        return shown(value, length)
    plain = value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= EXACT_INTEGER)
    if plain or (isinstance(value, float) and math.isfinite(value)):
        return value  # type: ignore[return-value]
    return shown(str(value), length)


def rule_label(test: Test) -> str:
    """Return what a test is called where its column stands beside it: its rule, and the name that a person gave it."""
    return test.rule_type if test.origin is Origin.GENERATED else f"{test.rule_type}: {test.name}"


def test_label(test: Test) -> str:
    """Return what a test is called where it stands alone."""
    return f"{rule_label(test)} of {', '.join(test.columns)}" if test.columns else rule_label(test)


def failing_tests(
    results: Sequence[TestResult], tests: Mapping[str, Test], since: Mapping[str, str], *, batches: Mapping[str, int] | None = None
) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Return the table of failing tests, worst first.

    Args:
        results: what failed.
        tests: by id.
        since: when the current streak of failures began, by test id; no column where it says nothing of these results.
        batches: how many batches a test failed on, by test id, where ``results`` holds one of each; the table's name, which the page says, is left out.
    """
    ordered = sorted(results, key=lambda r: (-(r.severity.rank if r.severity else 2), r.table_name, r.column_name or "", r.batch_key or ""))
    with_since = any(result.test_id in since for result in results)
    return table(
        [
            {
                **({"table": result.table_name} if batches is None else {}),
                "column": ", ".join(tests[result.test_id].columns) if result.test_id in tests else result.column_name,
                "test": rule_label(tests[result.test_id]) if result.test_id in tests else result.test_id,
                "batch": result.batch_key,
                **({"failed batches": batches[result.test_id]} if batches and max(batches.values()) > 1 else {}),
                "severity": result.severity.value if result.severity else None,
                "what": result.error_message or result.message,
                "failed rows": result.failed_rows,
                "measure": f"{result.sensor_value:.6g}" if result.sensor_value is not None else None,
                "expected": result.expected_value,
                **({"failing since": since.get(result.test_id)} if with_since else {}),
            }
            for result in ordered
        ]
    )


def findings_table(findings: Sequence[Finding], names: dict[int, str]) -> dg.MetadataValue:
    """Return the table of findings, worst first."""
    ordered = sorted(findings, key=lambda item: (-item.severity.rank, item.table.table_name, item.column_name or ""))
    return table(
        [
            {
                "table": item.table.table_name,
                "column": item.column_name,
                "finding": names.get(item.anomaly_type_id, str(item.anomaly_type_id)),
                "severity": item.severity.value,
                "likelihood": item.likelihood.value,
                "what": item.detail,
                "rows": item.affected_rows,
            }
            for item in ordered
        ]
    )


def tests_table(tests: Sequence[Test]) -> dg.MetadataValue:
    """Return the table of a suite's tests."""
    from dq_assets.rules.verdicts import expectation

    return table(
        [
            {
                "table": test.table.table_name,
                "column": test.column_name,
                "test": test.rule_type,
                "dimension": test.dimension.value,
                "severity": test.thresholds.severity.value,
                "expected": expectation(test),
                "version": test.version,
                "origin": test.origin.value,
            }
            for test in tests
        ]
    )


def dropped_table(dropped: Sequence[Dropped]) -> dg.MetadataValue:
    """Return the table of tests that were considered and dropped."""
    return table([{"table": item.table, "column": item.column, "test": item.rule_type, "why": item.reason} for item in dropped])
