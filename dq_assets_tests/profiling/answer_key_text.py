"""The part of the answer key that is about text: every pattern of the catalogue once more, in Python."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

BLANKS = "\t\n\f\r "
_WORDS = {"blank", "error", "missing", "tbd", "n/a", "#n/a", "#na", "none", "null", "unknown"}
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", re.DOTALL)
_FORMATS = (
    ("integer", r"[-+]?\d+"),
    ("decimal point", r"[-+]?\d*\.\d+"),
    ("decimal comma", r"[-+]?\d+,\d\d?"),
    ("thousands comma", r"[-+]?\d\d?\d?(,\d\d\d)+(\.\d+)?"),
    ("thousands point", r"[-+]?\d\d?\d?(\.\d\d\d)+,\d+"),
    ("percent", r"[-+]?\d+([.,]\d+)? ?%"),
    ("scientific", r"[-+]?\d+(\.\d+)?[eE][-+]?\d+"),
    ("yyyy-mm-dd", r"\d{4}-\d\d-\d\d"),
    ("yyyy/mm/dd", r"\d{4}/\d\d/\d\d"),
    ("slashes, year last", r"\d\d?/\d\d?/\d{2,4}"),
    ("points, year last", r"\d\d?\.\d\d?\.\d{2,4}"),
    ("dashes, year last", r"\d\d?-\d\d?-\d{2,4}"),
    ("timestamp", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[-+]\d\d:?\d\d)?"),
    ("time", r"\d\d?:\d\d(:\d\d)?"),
)


def is_dummy(text: str) -> bool:
    """Whether a text stands for no value."""
    inner = text.strip(BLANKS)
    if len(text) > 30 or not inner:
        return False
    if set(inner) <= set("-.?") or (len(inner) > 1 and set(inner.lower()) in ({"x"}, {"z"}, {"0"}, {"9"})):
        return True
    inner = inner[1:] if inner[0] in "([" else inner
    return (inner[:-1] if inner[-1:] in (")", "]") else inner).lower() in _WORDS


def is_json(text: str) -> bool:
    """Whether a text looks like an object or an array."""
    inner = text.strip(BLANKS)
    if inner[:1] == "{" and inner[-1:] == "}":
        return inner[1:-1].lstrip(BLANKS)[:1] in ("", '"')
    return len(inner) > 1 and inner[0] == "[" and inner[-1] == "]"


def is_mojibake(text: str) -> bool:
    """Whether UTF-8 was read as Latin-1 or Windows-1252, or could not be read."""
    pairs = pairwise(text)
    return any(a in "\xc2\xc3" and "\x80" <= b <= "\xbf" for a, b in pairs) or any(part in text for part in ("\xe2\u20ac", "\xef\xbb\xbf", "\ufffd"))


def is_delimited(text: str) -> bool:
    """Whether a text holds a list: three separators of one kind."""
    return any(text.count(mark) > 2 for mark in "|;^\t") or (text.count(",") > 2 and ", " not in text)


def shape(text: str) -> str:
    """Letters as ``a`` and ``A``, digits as ``N``."""
    classes = {"Ll": "a", "Lo": "a", "Lm": "a", "Lu": "A", "Lt": "A", "Nd": "N"}
    return "".join(classes.get(unicodedata.category(letter), letter) for letter in text)


def standardized(text: str) -> str:
    """Upper case, letter by letter, without blanks, quotes, points and hyphens; a letter whose upper case is several stays, but for the sharp s."""
    return "".join({"ß": "ẞ"}.get(letter, letter if len(letter.upper()) > 1 else letter.upper()) for letter in text if letter not in " \"'.-")


def texts(present: list[str]) -> dict[str, Any]:
    """The metrics of text."""

    def count(test: Any) -> int:
        return sum(1 for text in present if test(text))

    categories = [{unicodedata.category(letter) for letter in text} for text in present]
    cases = Counter((bool(found & {"Lu", "Lt"}), "Ll" in found) for found in categories)
    stripped = [(text, text.strip(BLANKS)) for text in present]
    inner = [text.strip(" ") for text in present]
    key: dict[str, Any] = {
        "zero_length_count": count(lambda text: not text),
        "blank_count": count(lambda text: text and not text.strip(" ")),
        "leading_space_count": count(lambda text: text[:1] == " "),
        "trailing_space_count": count(lambda text: text[-1:] == " "),
        "embedded_space_count": sum(1 for text in inner if " " in text),
        "double_space_count": sum(1 for text in inner if "  " in text),
        "quoted_count": count(lambda text: len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"),
        "dummy_count": count(is_dummy),
        "includes_digit_count": count(lambda text: any("0" <= letter <= "9" for letter in text)),
        "upper_case_count": cases[True, False],
        "lower_case_count": cases[False, True],
        "mixed_case_count": cases[True, True],
        "non_alpha_count": cases[False, False],
        "non_ascii_count": count(lambda text: not text.isascii()),
        "non_printing_count": count(lambda text: any(letter < " " or letter == "\x7f" for letter in text)),
        "zero_width_count": count(lambda text: any(letter in text for letter in "\u200b\u200c\u200d\u2060\ufeff")),
        "mojibake_count": count(is_mojibake),
        "delimited_count": count(is_delimited),
        "json_count": count(is_json),
        "numeric_count": sum(1 for text, bare in stripped if len(text) <= 400 and _NUMBER.fullmatch(bare)),
        "zero_count": sum(1 for text, bare in stripped if len(text) <= 400 and _NUMBER.fullmatch(bare) and Decimal(bare) == 0),
        "date_count": sum(1 for text, bare in stripped if len(text) >= 8 and _DATE.fullmatch(bare)),
        "email_count": count(_EMAIL.fullmatch),
        "standardized_distinct_count": len({standardized(text) for text in present}),
        "shape_count": len({shape(text) for text in present if len(text) <= 40}),
    }
    if present:
        sizes, spaces = [len(text) for text in present], sum(text.count(" ") for text in inner)
        key |= {"min_value": min(present), "max_value": max(present), "min_length": min(sizes), "max_length": max(sizes)}
        key |= {"avg_length": sum(sizes) / len(sizes), "avg_embedded_spaces": spaces / len(present)}
    return key | formats(present)


def formats(present: list[str]) -> dict[str, Any]:
    """The format that at least half of the values are of."""
    counts = {name: sum(1 for text in present if len(text) <= 35 and re.fullmatch(pattern, text, re.ASCII)) for name, pattern in _FORMATS}
    name = max(counts, key=lambda each: counts[each])
    if not present or 2 * counts[name] < len(present):
        return {}
    others = len(present) - counts[name]
    return {"format": name, "format_departure_count": others, "format_departure_share": others / len(present)}


def top_shapes(present: list[str]) -> list[tuple[str, int]]:
    """The 21 most frequent shapes of texts of up to 40 characters."""
    counted = Counter(shape(text) for text in present if len(text) <= 40)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:21]


def lengths(present: list[str]) -> list[tuple[int, int]]:
    """Rows by length, in at most 20 steps of equal width; (shortest length of the step, rows)."""
    sizes = [len(text) for text in present]
    if not sizes:
        return []
    low, width = min(sizes), (max(sizes) - min(sizes)) // 20 + 1
    return sorted(Counter(low + (size - low) // width * width for size in sizes).items())
