"""Dagster's own tools find the project through each of its doors: pyproject.toml for `dg` and `dagster dev`, workspace.yaml for the rest."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def output_of(*command: str, cwd: Path) -> str:
    """Run one of the environment's programs in ``cwd``, without telemetry or a look for updates, and return what it printed."""
    program = Path(sysconfig.get_path("scripts")) / command[0]
    environment = {**os.environ, "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0", "COLUMNS": "200"}
    done = subprocess.run([program, *command[1:]], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """The project as links in an empty folder, so that the tools leave nothing in the checkout."""
    for name in ("pyproject.toml", "workspace.yaml", "dq_assets"):
        (tmp_path / name).symlink_to(repository / name)
    return tmp_path


def test_dg_reads_the_project_and_loads_its_definitions(project: Path) -> None:
    assert "All definitions loaded successfully" in output_of("dg", "check", "defs", cwd=project)


def test_dg_offers_the_table_group_component(project: Path) -> None:
    assert "dq_assets.components.TableGroupComponent" in output_of("dg", "list", "components", cwd=project)


def test_the_workspace_file_loads_the_code_location(project: Path) -> None:
    assert "Validation successful for code location dq_assets" in output_of("dagster", "definitions", "validate", "-w", "workspace.yaml", cwd=project)


def test_dagster_finds_the_definitions_without_a_flag(project: Path) -> None:
    assert "All code locations passed validation" in output_of("dagster", "definitions", "validate", cwd=project)
