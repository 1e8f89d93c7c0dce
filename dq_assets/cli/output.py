"""What a person or a program reads.

Decision: stdout is the answer (text or one JSON document), stderr is everything on the way (errors, progress). A pipe gets plain lines that are
never cut; a terminal gets colours and tables that fit. Text from customers' tables is never taken as markup nor as terminal control. Rich is
imported when something is printed, since ``--help`` does without.
"""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_assets.errors import DQError

STYLES = {"pass": "green", "ok": "green", "warn": "yellow", "warning": "yellow", "fail": "red", "error": "red", "fatal": "bold red"}
_WIDER_THAN_ANY_LINE = 100_000


def plain(value: object) -> str:
    """Return a value as one line of printable text; None is empty, integers have thousands separators."""
    if value is None:
        return ""
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return "".join(letter if letter.isprintable() else " " if letter == "\n" else letter.encode("unicode_escape").decode() for letter in text)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 table``, ``2 tables``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


class Output:
    """Where a command's words go.

    Args:
        as_json: lines and tables are left out, ``document`` is printed.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def line(self, text: str, style: str = "") -> None:
        """Print a line of the answer; no line of it is broken."""
        if not self.as_json:
            _print(plain(text), style=style)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
        """Print a table, nothing for no rows; cells that are a verdict or a severity are coloured."""
        if self.as_json or not rows:
            return
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(highlight=False)
        table = Table(box=SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, justify="right" if column in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in map(plain, row)))
        if console.is_terminal:
            console.print(table)
            return
        rendered = io.StringIO()
        Console(file=rendered, width=_WIDER_THAN_ANY_LINE, color_system=None).print(table)
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in rendered.getvalue().splitlines()))

    def text(self, text: str) -> None:
        """Print text that is ours as it is, line breaks included."""
        if not self.as_json:
            sys.stdout.write(text)

    def document(self, content: dict[str, Any]) -> None:
        """Print the JSON document: ASCII, moments in ISO form, no NaN."""
        if self.as_json:
            from pydantic_core import to_jsonable_python

            sys.stdout.write(json.dumps(to_jsonable_python(content, inf_nan_mode="null"), indent=2, allow_nan=False) + "\n")

    def error(self, error: DQError, group: str | None = None) -> None:
        """Tell of an error on stderr: one line, and one more for each problem it lists."""
        self.complain(f"{group + ': ' if group else ''}{error}")

    def complain(self, text: str) -> None:
        """Print what went wrong on stderr."""
        first, *others = text.splitlines()
        _print(plain(first), lead=("error: ", "bold red"), stderr=True)
        for other in others:
            _print(f"  {plain(other)}", stderr=True)

    def progress(self, text: str) -> None:
        """Tell of progress on stderr, if somebody is watching."""
        if sys.stderr.isatty():
            _print(plain(text), style="dim", stderr=True)


def _print(text: str, *, style: str = "", lead: tuple[str, str] = ("", ""), stderr: bool = False) -> None:
    """Print a line as it is, without markup and without breaking it; ``lead`` is a styled text before it."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=stderr, highlight=False).print(Text.assemble(lead, (text, style)), soft_wrap=True)
