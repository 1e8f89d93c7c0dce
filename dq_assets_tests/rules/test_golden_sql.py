"""Each rule and metric as SQL, on file: a change of a template or of sqlglot shows as a change of these files.

Regenerate with ``UPDATE_GOLDEN=1 pytest dq_assets_tests/rules dq_assets_tests/profiling -k golden`` and read the difference.
"""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from sqlglot import exp, parse_one

from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column
from dq_assets.rules.catalogue import RULE_TYPES, Form
from dq_assets.rules.compile import TableContext, aggregates, orphan_condition, orphans, predicate

GOLDEN = Path(__file__).parent / "golden"
COLUMNS = {
    "duckdb": {"A": "VARCHAR", "N": "DOUBLE", "D": "TIMESTAMP WITH TIME ZONE"},
    "databricks": {"A": "STRING", "N": "DOUBLE", "D": "TIMESTAMP WITH TIME ZONE"},
}
PARAMETERS = {
    "Value_Range": {"minimum": -1.5, "maximum": 10},
    "LOV_Match": {"allowed": ["a", "it's"]},
    "Pattern_Match": {"regex": r"^[A-Z]{2}\d'$"},
    "Combo_Match": {"reference_table": "parents", "reference_column": "id"},
}
CASES = [(rule, dialect) for rule in RULE_TYPES if rule.form not in (Form.QUERY, Form.METADATA) for dialect in COLUMNS]


def _statements(rule, dialect, make_test):
    letter = next(letter for letter in "AND" if letter in rule.applies_to)
    columns = tuple(
        Column(name=f"col {name}", data_type=kind, general_type=GeneralType(name), position=i) for i, (name, kind) in enumerate(COLUMNS[dialect].items())
    )
    test = make_test(rule.name, *([] if rule.scope == "table" else [f"col {letter}"]), **PARAMETERS.get(rule.name, {}))
    context = TableContext(table=test.table, columns=columns, timezone="Europe/Berlin", dialect=dialect, as_of=datetime(2024, 6, 15, 12))
    table, parents = exp.table_("t", db="main", quoted=True), exp.table_("parents", db="main", quoted=True)
    if rule.form is Form.REFERENCE:
        return [orphans(test, table, parents, where=None, group=None), exp.select("*").from_(table).where(orphan_condition(test, parents))]
    found = [exp.select(*(exp.alias_(item, f"a{i}") for i, item in enumerate(aggregates(test, context)))).from_(table)]
    if (rows := predicate(test, rule, context)) is not None:
        found.append(exp.select(exp.alias_(rows, "failing")).from_(table))
    return found


@pytest.mark.parametrize(("rule", "dialect"), CASES, ids=lambda value: getattr(value, "name", value))
def test_golden_sql_of_every_rule(rule, dialect, make_test):
    text = "".join(f"{statement.sql(dialect=dialect, pretty=True)};\n" for statement in _statements(rule, dialect, make_test))
    file = GOLDEN / f"{rule.name}.{dialect}.sql"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    assert text == file.read_text(encoding="utf-8")
    for statement in text.split(";\n")[:-1]:
        assert not isinstance(parse_one(statement, read=dialect), exp.Command)


def test_no_golden_file_outlives_its_rule():
    assert {file.name for file in GOLDEN.iterdir()} == {f"{rule.name}.{dialect}.sql" for rule, dialect in CASES}
