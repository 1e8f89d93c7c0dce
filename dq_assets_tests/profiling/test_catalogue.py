"""The catalogue of metrics as such: its names, its version, and that its patterns mean the same wherever they are read."""

from __future__ import annotations

import re

import duckdb
import pytest

from dq_assets.profiling.metrics import COLUMN_METRICS, FORMATS, METRIC_VERSION, PATTERNS, letters_of, pattern_in
from dq_assets_tests.profiling.hostile_schemas import CONTROL, FORMATTED, UNICODE, WORDS

TEXTS = [text for text in (*WORDS, *UNICODE, *CONTROL, *(text for texts in FORMATTED.values() for text in texts)) if text is not None]
REGEXES = {name: pattern for name, pattern in PATTERNS.items() if isinstance(pattern, str) and "%" not in pattern and name != "punctuation"}
REGEXES |= {name: PATTERNS[name] for name in ("email",)} | FORMATS


def test_each_metric_has_one_row_per_type_and_definitions_have_a_version() -> None:
    names = [(letter, metric.name) for metric in COLUMN_METRICS for letter in metric.applies_to]

    assert len(names) == len(set(names))
    assert METRIC_VERSION == 2


@pytest.mark.parametrize("name", REGEXES)
def test_a_pattern_means_the_same_to_duckdb_and_to_python(name: str) -> None:
    pattern = str(REGEXES[name])
    rows = duckdb.execute("SELECT t FROM (SELECT unnest($texts) AS t) WHERE regexp_matches(t, $pattern)", {"texts": TEXTS, "pattern": pattern}).fetchall()

    # Spelled out as for PostgreSQL, since Python knows no classes of Unicode either; its `$` is also before a last line break.
    spelled = re.compile(re.sub(r"\$$", r"\\Z", pattern_in(pattern, "postgres")))
    assert {text for (text,) in rows} == {text for text in TEXTS if spelled.search(text)}


@pytest.mark.parametrize("category", ["Lu", "Lt", "Ll", "Lo", "Lm", "Nd"])
def test_the_letters_of_a_category_are_spelled_out_in_full(category: str) -> None:
    import unicodedata

    spelled = re.compile(f"[{letters_of(category)}]")

    assert {code for code in range(0x110000) if spelled.fullmatch(chr(code))} == {
        code for code in range(0x110000) if unicodedata.category(chr(code)) == category
    }


def test_to_java_a_pattern_ends_with_the_text() -> None:
    assert pattern_in("^a$", "spark") == pattern_in("^a$", "databricks") == "^a\\z"
    assert pattern_in("(?s)^a$", "spark") == "(?s)^a\\z"
    assert pattern_in("^a$", "duckdb") == "^a$"
    assert pattern_in("%$", "spark") == "%$"
