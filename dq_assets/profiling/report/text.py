"""Text of the data in a form that a person can read and a page can hold.

Decision: nothing hides. Control characters and marks of direction are written as code points, so a value takes one line and says what is in it; what is
long is cut and tells its full length. Escaping is not done here: it belongs to the page (Jinja2's autoescape), the plots and the markdown.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

VALUE_LENGTH, NAME_LENGTH, SENTENCE_LENGTH = 120, 80, 600
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""The joiners that emoji and some scripts are made with are none of them."""


class Words(NamedTuple):
    """What is shown of a text.

    ``length`` is that of the whole text where it was cut, else 0; ``blank`` says that ``text`` names something invisible; ``foreign`` that it comes from the
    data, so that its direction is its own.
    """

    text: str
    length: int = 0
    blank: bool = False
    foreign: bool = False

    def __str__(self) -> str:
        return f"{self.text} ({self.length:,} characters)" if self.length else self.text


def shown(text: object, limit: int = VALUE_LENGTH) -> Words:
    """Return a text of the data as people read it: at most about ``limit`` characters of it, nothing hidden."""
    whole = str(text)
    if not whole.strip(" "):
        return Words(f"({len(whole):,} spaces)" if len(whole) > 1 else "(a space)" if whole else "(empty text)", blank=True)
    if len(whole) <= limit:
        return Words(_visible(whole), foreign=True)
    return Words(_visible(whole[:limit].rstrip("\u200d")) + "…", len(whole), foreign=True)


def _visible(text: str) -> str:
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_code_point, text)


def _code_point(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def width(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return len(text) if text.isascii() else sum(0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)
