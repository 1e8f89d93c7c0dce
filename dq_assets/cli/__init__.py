"""The terminal door: ``dq``.

Decision: a command parses, calls the step that Dagster and notebooks call too, and shows what it returned; nothing is computed here. What scans and
stores is imported when a command runs, so that ``dq --help`` answers at once.
"""

from __future__ import annotations

import sys
import traceback

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit: 0 ok, 1 failed checks, 2 usage or configuration, 3 could not evaluate, 4 not stored, 130 interrupted."""
    from dq_assets.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name from a customer's table must not end a run because the terminal's encoding lacks a character.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception:  # noqa: BLE001 - Python would exit with 1, which says that checks failed
        traceback.print_exc()
        sys.exit(3)
