"""Each Dagster step is a fresh process that imports the definitions first, so they must not load what scans and stores."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest

HEAVY = {"databricks", "duckdb", "numpy", "pandas", "pyarrow", "sqlalchemy", "sqlglot"}


@cache
def loaded(statement: str) -> set[str]:
    """Return the top-level modules of a fresh process after ``statement``."""
    program = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(answer.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["dq_assets.definitions", "dq_assets.components"])
def test_what_a_step_imports_loads_no_heavy_library_that_dagster_does_not_load_itself(module: str) -> None:
    assert (loaded(f"import {module}") - loaded("import dagster")) & HEAVY == set()


def test_the_command_line_starts_without_dagster_and_without_heavy_libraries() -> None:
    assert loaded("import dq_assets.cli") & (HEAVY | {"dagster"}) == set()
