"""The example of a project that is nothing but a component over a folder of Parquet files."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from .example_project import ExampleProject, failing, outcomes

if TYPE_CHECKING:
    from pathlib import Path

# Dagster 1.13 reads the YAML of components with pydantic's parse_obj_as, and points from assets to it with classes in beta.
pytestmark = [
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated:pydantic.warnings.PydanticDeprecatedSince20"),
]

FAILING = {"lake/main/orders dq_validity": "ERROR", "lake/main/orders dq_freshness": "WARN"}


@pytest.fixture
def example(repository: Path, tmp_path: Path) -> ExampleProject:
    return ExampleProject(repository / "examples" / "parquet_folder", tmp_path)


def test_a_faulty_day_turns_its_check_red(example: ExampleProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as instance:

        def run(job: str) -> dg.ExecuteInProcessResult:
            return example.definitions("parquet_folder", monkeypatch).resolve_job_def(job).execute_in_process(instance=instance)

        def land(*arguments: str) -> None:
            subprocess.run([sys.executable, "land.py", *arguments], cwd=example.folder, check=True)

        land()
        run("sales_learn")
        assert failing(outcomes(run("sales_validate"))) == {"lake/main/orders dq_freshness": "WARN"}
        land("--faulty")
        result = run("sales_validate")
        assert failing(outcomes(result)) == FAILING
        validity = next(item for item in result.get_asset_check_evaluations() if item.check_name == "dq_validity" and not item.passed)
        table = validity.metadata["failing_tests"]
        assert isinstance(table, dg.TableMetadataValue)
        assert {record.data["batch"] for record in table.records} == {"2024-03-31"}


@pytest.mark.slow
def test_the_readmes_commands_do_what_it_says(example: ExampleProject) -> None:
    learned, validated = example.run_readme()
    assert {check for _, check in learned} <= {"dq_hygiene"}
    assert failing(validated) == FAILING
    assert "`dq_validity` of `lake/main/orders` fails and names the batch. `dq_freshness` warns" in example.readme
