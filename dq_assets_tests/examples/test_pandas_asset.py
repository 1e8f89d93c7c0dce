"""The example of a pandas asset does what its README says: on an instance of its own, and with a process for each step."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECKS = {"dq_accuracy", "dq_completeness", "dq_consistency", "dq_uniqueness", "dq_validity", "dq_volume"}


@pytest.fixture
def example(repository: Path) -> Path:
    return repository / "examples" / "pandas_asset"


def hold_to_the_readme(evaluations: Iterable[dg.AssetCheckEvaluation], readme: str) -> None:
    """Hold what a run published against the example's own words."""
    found = {item.check_name: item for item in evaluations}
    assert set(found) == CHECKS
    assert {item.asset_key.to_user_string() for item in found.values()} == {"orders"}
    assert [name for name, item in found.items() if not item.passed] == ["dq_validity"]
    failed = found["dq_validity"]
    assert failed.severity is dg.AssetCheckSeverity.ERROR
    assert failed.metadata["failed_rows"].value == 12
    assert "`dq_validity` fails on twelve rows" in readme
    samples = failed.metadata["sample_rows"]
    assert isinstance(samples, dg.TableMetadataValue)
    assert {record.data["status"] for record in samples.records} == {"on hold"}
    table = failed.metadata["failing_tests"]
    assert isinstance(table, dg.TableMetadataValue)
    assert table.records[0].data["what"] == "12 values of status are not in the list of known values (6.00% of 200)"
    assert found["dq_volume"].metadata["tests"].value == 1


def test_the_example_publishes_what_its_readme_says(example: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("pandas_asset", example / "definitions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = module.defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
        assert result.success
        hold_to_the_readme(result.get_asset_check_evaluations(), (example / "README.md").read_text(encoding="utf-8"))
        alone = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("orders"), "dq_validity"))
        again = dg.materialize([*module.defs.assets, *module.defs.asset_checks], selection=alone, instance=instance)
        assert [(item.check_name, item.passed) for item in again.get_asset_check_evaluations()] == [("dq_validity", False)]
        assert again.get_asset_materialization_events() == [], "it judged what the asset had written"


@pytest.mark.slow
def test_the_example_publishes_the_same_with_a_process_for_each_step(example: Path, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    program = Path(sysconfig.get_path("scripts")) / "dagster"
    command = [program, "job", "execute", "-f", example / "definitions.py", "-j", "__ASSET_JOB"]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        (run,) = instance.get_runs()
        starts = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_WORKER_STARTED)
        assert len(starts) == 3, "the two assets and the checks, each in a process of its own"
        events = [entry.get_dagster_event() for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)]
        hold_to_the_readme([event.asset_check_evaluation_data for event in events], (example / "README.md").read_text(encoding="utf-8"))
