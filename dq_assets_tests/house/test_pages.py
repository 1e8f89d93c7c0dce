"""Generated pages say what the code says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.rules.page import rules_page

if TYPE_CHECKING:
    from pathlib import Path


def test_the_rules_page_is_the_catalogue(repository: Path) -> None:
    assert (repository / "docs" / "rules.md").read_text(encoding="utf-8") == rules_page()
