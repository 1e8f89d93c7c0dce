"""What the page on data frames shows runs as it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import dagster as dg
    import pytest


def blocks(repository: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (repository / "docs" / "dataframes.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_first_example_prints_a_verdict_a_test(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(blocks(repository)[0], {})  # noqa: S102 - the page's own code
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["fail", "warn", "fail"]
    assert "ann@example.com" not in "".join(said)


def test_the_second_example_publishes_its_check(repository: Path) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    exec(blocks(repository)[1], names)  # noqa: S102 - the page's own code
    definitions: dg.Definitions = names["defs"]
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process()
    assert [(item.check_name, item.passed) for item in result.get_asset_check_evaluations()] == [("dq_uniqueness", True)]
