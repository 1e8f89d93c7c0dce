"""Generated pages say what the code says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.profiling.metrics_page import metrics_page
from dq_assets.rules.page import rules_page

from .upstream import characterizations, upstream_page

if TYPE_CHECKING:
    from pathlib import Path


def test_the_metrics_page_is_the_catalogue(repository: Path) -> None:
    assert (repository / "docs" / "metrics.md").read_text(encoding="utf-8") == metrics_page()


def test_the_rules_page_is_the_catalogue(repository: Path) -> None:
    assert (repository / "docs" / "rules.md").read_text(encoding="utf-8") == rules_page()


def test_the_page_of_upstream_behaviour_is_what_the_characterization_tests_say(repository: Path) -> None:
    tests = repository / "dq_assets_tests"
    assert len(characterizations(tests)) > 20
    assert (repository / "docs" / "upstream.md").read_text(encoding="utf-8") == upstream_page(tests)
