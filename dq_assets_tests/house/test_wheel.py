"""The wheel carries what the package needs at run time, the linked folders among it, and nothing else."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy by the locked setuptools, without the network."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("dq_assets", "dq_assets_tests", "bench", "examples", "sql", "notebooks"):
        shutil.copytree(repository / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(repository / name, copy / name)
    program = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    built = subprocess.run([sys.executable, "-c", program, "out"], cwd=copy, check=True, capture_output=True, text=True)
    return zipfile.ZipFile(copy / "out" / built.stdout.splitlines()[-1])


def test_every_module_script_and_notebook_is_in_the_wheel(wheel: zipfile.ZipFile, repository: Path) -> None:
    expected = {"dq_assets/py.typed"}
    for folder, pattern in (("dq_assets", "*.py"), ("dq_assets", "*.yaml"), ("sql", "*.sql"), ("notebooks", "*.*")):
        home = "dq_assets" if folder == "dq_assets" else f"dq_assets/{folder}"
        found = {f"{home}/{file.relative_to(repository / folder)}" for file in (repository / folder).rglob(pattern) if "__pycache__" not in file.parts}
        assert found, f"{folder} holds no {pattern}"
        expected |= found
    assert expected - set(wheel.namelist()) == set()


def test_tests_and_benchmarks_are_not_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0] for name in wheel.namelist()} == {"dq_assets", "dq_assets-0.1.0.dist-info"}


def test_the_wheel_declares_its_doors(wheel: zipfile.ZipFile) -> None:
    doors = wheel.read("dq_assets-0.1.0.dist-info/entry_points.txt").decode()
    assert "dq = dq_assets.cli:main" in doors
    assert "[dagster_dg_cli.registry_modules]\ndq_assets = dq_assets.components" in doors


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    metadata = email.message_from_bytes(wheel.read("dq_assets-0.1.0.dist-info/METADATA"))
    assert (metadata["Name"], metadata["License-Expression"], metadata["Requires-Python"]) == ("dq-assets", "Apache-2.0", ">=3.11")
    assert set(metadata.get_all("Provides-Extra", [])) == {"databricks", "demo", "dev", "local-databricks", "postgres", "spark"}
