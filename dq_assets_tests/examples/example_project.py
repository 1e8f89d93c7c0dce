"""A copy of an example, run in this process or by the commands of its README."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pytest

LEFT_BEHIND = shutil.ignore_patterns("__pycache__", ".dagster", ".dq", ".dg", ".local_defs_state", "data", "warehouse.duckdb*")
Evaluations = dict[tuple[str, str], tuple[bool, str]]


class ExampleProject:
    """A copy of an example in a folder of its own."""

    def __init__(self, example: Path, folder: Path) -> None:
        self.folder = folder / example.name
        shutil.copytree(example, self.folder, ignore=LEFT_BEHIND)
        self.readme = (self.folder / "README.md").read_text(encoding="utf-8")

    def definitions(self, module: str, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
        """Load a module's definitions anew, as a code server would; what the platform warns of is no matter here."""
        root = self.folder / module if (self.folder / module / module).exists() else self.folder
        monkeypatch.syspath_prepend(str(root))
        for name in [name for name in sys.modules if name.partition(".")[0] == module]:
            del sys.modules[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = importlib.import_module(f"{module}.definitions").defs()
        assert isinstance(loaded, dg.Definitions)
        return loaded

    def commands(self) -> list[str]:
        """Return the README's commands but the last, which opens the UI, and what goes to the example's folder."""
        (block,) = re.findall(r"```bash\n(.*?)```", self.readme, flags=re.DOTALL)
        first, *commands, last = block.strip().splitlines()
        assert first == f"cd examples/{self.folder.name}"
        assert last.startswith(("dagster dev", "dg dev"))
        return commands

    def run_readme(self) -> list[Evaluations]:
        """Run the README's commands in one shell, and return what the checks of each run said, by asset and check."""
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0"}
        done = subprocess.run(
            ["bash", "-e", "-c", "\n".join(self.commands())], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with dg.DagsterInstance.from_config(str(self.folder / ".dagster")) as instance:
            return [dict(evaluations(instance, record.dagster_run.run_id)) for record in reversed(instance.get_run_records())]


def evaluations(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[tuple[str, str], tuple[bool, str]]]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        if entry.dagster_event is not None:
            item = entry.dagster_event.asset_check_evaluation_data
            yield (item.asset_key.to_user_string(), item.check_name), (item.passed, item.severity.value)


def outcomes(result: dg.ExecuteInProcessResult) -> Evaluations:
    assert result.success
    return {(item.asset_key.to_user_string(), item.check_name): (item.passed, item.severity.value) for item in result.get_asset_check_evaluations()}


def failing(found: Mapping[tuple[str, str], tuple[bool, str]]) -> dict[str, str]:
    """Return the severity of each failing check, by asset and check."""
    return {f"{asset} {check}": severity for (asset, check), (passed, severity) in found.items() if not passed}
