"""What a person sees in the Dagster UI.

Decision: everything that may come from customers' tables (names, messages, values) goes into table records, which the UI shows as text, or through
``escaped`` where it stands in markdown, whose sanitiser leaves links open.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.records.profiles import Finding
    from dq_assets.records.table_list import ListedTable
    from dq_assets.records.tests import Test, TestResult
    from dq_assets.rules.suggest import Dropped

ROWS_SHOWN = 50


def escaped(text: str) -> str:
    """Return text that markdown and HTML show as it is."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~:])", r"\\\1", plain).replace("\n", " ")


def column_schema(table: ListedTable) -> dg.TableSchema:
    """Return the table's columns for the Columns tab."""
    return dg.TableSchema(
        [dg.TableColumn(name=column.name, type=column.data_type, constraints=dg.TableColumnConstraints(nullable=column.nullable)) for column in table.columns]
    )


def _table(rows: Sequence[dict[str, str | int | float | bool | None]]) -> dg.TableMetadataValue | dg.TextMetadataValue:
    if not rows:
        return dg.MetadataValue.text("none")
    schema = dg.TableSchema([dg.TableColumn(name=name) for name in rows[0]])
    return dg.MetadataValue.table(records=[dg.TableRecord(row) for row in rows[:ROWS_SHOWN]], schema=schema)


def failing_tests(results: Sequence[TestResult], tests: dict[str, Test], since: dict[str, str], *, one_table: bool) -> dg.MetadataValue:
    """Return the table of failing tests, worst first.

    Args:
        results: what failed.
        tests: by id.
        since: when the current streak of failures began, by test id; no column where it says nothing of these results.
        one_table: leave out the table's name, which the page says already.
    """
    ordered = sorted(results, key=lambda r: (-(r.severity.rank if r.severity else 2), r.table_name, r.column_name or "", r.batch_key or ""))
    with_since = any(result.test_id in since for result in results)
    return _table(
        [
            {
                **({} if one_table else {"table": result.table_name}),
                "column": result.column_name,
                "test": tests[result.test_id].rule_type if result.test_id in tests else result.test_id,
                "batch": result.batch_key,
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
    return _table(
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

    return _table(
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
    return _table([{"table": item.table, "column": item.column, "test": item.rule_type, "why": item.reason} for item in dropped])
