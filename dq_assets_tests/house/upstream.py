"""The behaviours of other people's software that the design leans on, as the characterization tests state them.

``python dq_assets_tests/house/upstream.py > docs/upstream.md`` writes the page.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple

MARK = "A characterization:"
HEAD = """# What the design leans on upstream

Each line is a behaviour of Dagster, DuckDB, PostgreSQL, Spark, SQLite or the libraries between them that is not promised by their documentation, or that
surprises. A test pins it: when an upgrade changes it, that test fails and says which part of the design to read again. This page is written from the tests.

| Behaviour | Why it matters | Test |
|---|---|---|
"""


class Characterization(NamedTuple):
    """One pinned behaviour."""

    file: str
    test: str
    why: str


def characterizations(tests: Path) -> list[Characterization]:
    """Return the pinned behaviours of a folder of tests, by file and place."""
    found = []
    for file in sorted(tests.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            if text and text.startswith(MARK) and isinstance(node, ast.FunctionDef):
                why = " ".join(text.removeprefix(MARK).split()).rstrip(".")
                found.append(Characterization(str(file.relative_to(tests)), node.name, why))
    return found


def upstream_page(tests: Path) -> str:
    """Return the page as markdown."""
    rows = (f"| {item.test.removeprefix('test_').replace('_', ' ')} | {item.why} | `{item.file}` |\n" for item in characterizations(tests))
    return HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(upstream_page(Path(__file__).parents[1]))
