"""Developer command: draft the SQLite and PostgreSQL texts of a script from its Databricks text.

Decision: the three texts are committed and only they are run, so that no upgrade of a library changes DDL that was applied; this module merely
saves typing. ``python -m dq_assets.store.drafting 0002_profiling`` writes both drafts next to the Databricks text.
"""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Literal

import sqlglot
from sqlglot import exp

Target = Literal["sqlite", "postgresql"]

_TYPES: dict[Target, dict[str, str]] = {
    "sqlite": {"BIGINT": "BIGINT", "INT": "INTEGER", "DOUBLE": "REAL", "BOOLEAN": "BOOLEAN", "TIMESTAMP": "TEXT", "STRING": "TEXT", "JSON": "TEXT"},
    "postgresql": {
        "BIGINT": "BIGINT",
        "INT": "INTEGER",
        "DOUBLE": "DOUBLE PRECISION",
        "BOOLEAN": "BOOLEAN",
        "TIMESTAMP": "TIMESTAMPTZ",
        "STRING": "TEXT",
        "JSON": "JSONB",
    },
}
_NOW: dict[Target, str] = {"sqlite": "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))", "postgresql": "now()"}
_SQLGLOT: dict[Target, str] = {"sqlite": "sqlite", "postgresql": "postgres"}
_PARTITIONED = {"dq_test_results": "detected_at", "dq_audit_log": "created_at"}
_ONLY_ELSEWHERE = "--: "


def draft(text: str, dialect: Target) -> str:
    """Return a script for ``dialect`` from its Databricks text.

    Column comments that start with ``JSON:`` make a JSON column; lines that start with ``--:`` become statements; large tables are
    partitioned on PostgreSQL, where the partition column joins the primary key.

    Args:
        text: a script of ``sql/databricks``.
        dialect: ``sqlite`` or ``postgresql``.

    Raises:
        ValueError: when the text holds a statement that is neither a table nor a view.
    """
    parts = ["-- Drafted from the Databricks text by dq_assets.store.drafting, then committed: what stands here is what runs.\n"]
    databricks: list[str] = []
    for line in [*text.splitlines(), _ONLY_ELSEWHERE]:
        if not line.startswith(_ONLY_ELSEWHERE):
            databricks.append(line)
            continue
        parts += [
            _statement(statement, dialect) for statement in sqlglot.parse("\n".join(databricks), read="databricks") if isinstance(statement, exp.Expression)
        ]
        databricks = []
        if index := line.removeprefix(_ONLY_ELSEWHERE):
            parts.append(f"{index}\n")
    return "\n".join(parts)


def _statement(statement: exp.Expression, dialect: Target) -> str:
    if isinstance(statement, exp.Semicolon):
        return ""
    if isinstance(statement, exp.Create) and statement.kind == "TABLE":
        return _table(statement, dialect)
    if isinstance(statement, exp.Create) and statement.kind == "VIEW":
        return _view(statement, dialect)
    raise ValueError(f"{type(statement).__name__} is neither a table nor a view: {statement.sql('databricks')[:80]}")


def _table(statement: exp.Create, dialect: Target) -> str:
    schema = statement.this
    name = schema.this.name
    partition = _PARTITIONED.get(name) if dialect == "postgresql" else None
    lines = [_column(part, dialect) if isinstance(part, exp.ColumnDef) else _constraint(part, partition) for part in schema.expressions]
    body = "\n".join(
        f"  {code}{'' if position == len(lines) else ','}{f' -- {comment}' if comment else ''}" for position, (code, comment) in enumerate(lines, start=1)
    )
    described = statement.find(exp.SchemaCommentProperty)
    head = f"-- {described.this.name}\n" if described else ""
    text = f"{head}CREATE TABLE IF NOT EXISTS {name} (\n{body}\n)"
    if partition:
        text += f" PARTITION BY RANGE ({partition});\n\nCREATE TABLE IF NOT EXISTS {name}_default PARTITION OF {name} DEFAULT"
    return f"{text};\n"


def _column(column: exp.ColumnDef, dialect: Target) -> tuple[str, str]:
    comment = next((part.kind.this.name for part in column.constraints if isinstance(part.kind, exp.CommentColumnConstraint)), "")
    declared = column.kind.sql("databricks") if column.kind else ""
    if declared == "STRING" and comment.startswith("JSON:"):
        declared = "JSON"
    code = f"{column.name} {_TYPES[dialect].get(declared, declared)}"
    for part in column.constraints:
        if isinstance(part.kind, exp.NotNullColumnConstraint):
            code += " NOT NULL"
        elif isinstance(part.kind, exp.DefaultColumnConstraint):
            default = part.kind.this
            code += f" DEFAULT {_NOW[dialect] if isinstance(default, exp.CurrentTimestamp) else default.sql(_SQLGLOT[dialect])}"
    return code, comment


def _constraint(constraint: exp.Expression, partition: str | None) -> tuple[str, str]:
    code = constraint.sql("databricks")
    if partition and constraint.find(exp.PrimaryKey):
        code = re.sub(r"\)$", f", {partition})", code)
    return code, ""


def _view(statement: exp.Create, dialect: Target) -> str:
    def portable(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.JSONExtractScalar):
            return node
        key = node.expression.expressions[-1].this
        if dialect == "sqlite":
            return exp.Anonymous(this="json_extract", expressions=[node.this, exp.Literal.string(f"$.{key}")])
        return exp.Anonymous(this="jsonb_extract_path_text", expressions=[node.this, exp.Literal.string(key)])

    head = "CREATE VIEW IF NOT EXISTS" if dialect == "sqlite" else "CREATE OR REPLACE VIEW"
    return f"{head} {statement.this.name} AS\n{statement.expression.transform(portable).sql(_SQLGLOT[dialect], pretty=True)};\n"


def main(scripts: list[str]) -> int:
    """Write the drafts of the named scripts and return the exit code: 0, or 2 when none was named."""
    if not scripts:
        sys.stderr.write("name the scripts to draft, as in 0002_profiling\n")
        return 2
    folder = Path(str(files("dq_assets") / "sql"))
    targets: tuple[Target, ...] = ("sqlite", "postgresql")
    for script in scripts:
        text = (folder / "databricks" / f"{script}.sql").read_text(encoding="utf-8")
        for dialect in targets:
            (folder / dialect / f"{script}.sql").write_text(draft(text, dialect), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
