"""The report as HTML: one page that holds all it needs, or the same content as a fragment for a notebook.

Decision: Jinja2 with autoescape for every template, without an exception: no text of the data is ever marked as safe. The fragment has no script, because
notebooks run one where and when they please, and its anchors carry a prefix, because a notebook holds many fragments.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from dq_assets.profiling.report.view import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.profiling.table_profile import TableProfile

NOTHING = "Nothing was profiled."


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html.j2")


def _rendered(profiles: Sequence[TableProfile], *, whole: bool) -> str:
    found = page(profiles)
    said = repr([(profile.name, profile.batch_key, profile.as_of, profile.row_count, profile.schema_fingerprint) for profile in profiles])
    prefix = "" if whole else f"dq-{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:8]}-"
    html = _template().render(page=found, whole=whole, prefix=prefix, opened=whole and found.open, wide=found.wide)
    # No text of the data holds a line break: it is shown as two characters.
    return "\n".join(line for raw in html.split("\n") if (line := raw.strip(" "))) + "\n"


def fragment(profiles: Sequence[TableProfile]) -> str:
    """Return the report as HTML to stand within a page, as ``_repr_html_`` asks for it."""
    return _rendered(profiles, whole=False) if profiles else f"<p>{NOTHING}</p>"


def write_page(profiles: Sequence[TableProfile], path: str | Path) -> Path:
    """Write the report as one HTML file that needs no other and return where it is."""
    target = Path(path)
    html = (
        _rendered(profiles, whole=True)
        if profiles
        else f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Profile</title></head><body><p>{NOTHING}</p></body></html>\n'
    )
    target.write_text(html, encoding="utf-8")
    return target
