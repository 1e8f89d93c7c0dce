"""What the README tells a newcomer to do works, and what it counts is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from dq_assets.demo.faults import FAULTS
from dq_assets.profiling.findings import KINDS
from dq_assets.rules.catalogue import RULE_TYPES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def block(readme: str, language: str) -> str:
    """Return the one code block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", readme, flags=re.DOTALL)
    return str(found)


def test_five_lines_of_yaml_and_the_commands_below_them_work_on_a_parquet_folder(readme: str, tmp_path: Path) -> None:
    configuration = block(readme, "yaml")
    assert len(configuration.strip().splitlines()) == 5
    (tmp_path / "dq.yaml").write_text(configuration, encoding="utf-8")
    (tmp_path / "data" / "orders").mkdir(parents=True)
    days = "SELECT i AS order_id, 10.0 + i % 7 AS amount, TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS ordered_at FROM range(480) AS t(i)"
    duckdb.sql(days).write_parquet(str(tmp_path / "data" / "orders" / "january.parquet"))
    environment = {name: value for name, value in os.environ.items() if name != "DQ_CONFIG"}
    commands = [line.split("#")[0].split() for line in block(readme, "bash").strip().splitlines()]
    assert [command[:2] for command in commands] == [["dq", "run"], ["dq", "status"], ["dq", "ui"]]
    for command in commands[:2]:
        done = subprocess.run(
            [sys.executable, "-m", "dq_assets.cli", *command[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "sales" in done.stdout


def test_the_counts_are_those_of_the_catalogues(readme: str) -> None:
    assert f"{len(KINDS)} kinds of findings" in readme
    assert f"{len(RULE_TYPES)} rule types" in readme.replace("\n", " ")
    lines = [line.strip() for line in readme.splitlines() if re.search(r" 2013-12-\d\d .*(MISSED|fail|warn)", line)]
    assert len(lines) == len(FAULTS)
    for fault, line in zip(FAULTS, lines, strict=True):
        assert line.startswith(fault.kind)
        assert f" {fault.table}" in line
        assert f" {fault.date}" in line
    missed = sum(line.endswith("MISSED") for line in lines)
    assert f"found {len(FAULTS) - missed} of {len(FAULTS)} planted defects" in readme


def test_every_file_the_readme_points_to_is_there(readme: str, repository: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert (repository / target).exists(), target
