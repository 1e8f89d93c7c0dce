"""Names and values of strangers on the pages of checks: shown as text, never as markup, and never too much of them."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pytest
from dagster_shared.serdes import serialize_value
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dq_assets.orchestration import build_defs
from dq_assets.orchestration.keys import key_part
from dq_assets.orchestration.metadata import code, escaped, fenced, shown, table, within
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.register import register
from dq_assets.steps.suggest import suggest

from .browser import Browser, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from markdown_it.token import Token

    from dq_assets.settings import Settings

TABLE = "<script>alert(1)</script>"
COLUMNS = {
    "image": "![x](javascript:alert(1))",
    "link": ']( data:text/html,<b>x</b> "',
    "ticks": "a`b```c",
    "pipe": "p|q",
    "newline": "line\nbreak",
    "emoji": "😀👩‍👩‍👧",
    "turned": "abc\u202edef",
    "address": "https://evil.example.com www.evil.example.com a@evil.example.com",
    "html": '"><img src=x onerror=alert(2)>',
    "long": "😀" * 250,
    "mail": "e_mail",
}
VALUE = "```\n<script>alert(3)</script>\n![y](javascript:alert(4)) ` | \u202e😀 https://evil.example.com " + "very long " * 500
WRITTEN = "<img src=x onerror=alert(5)> [a](javascript:alert(6)) `b` www.evil.example.com"
FIRST, DAYS = date(2024, 3, 1), 20
TRUSTED_IMAGE = re.compile(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+")
ADDRESS = re.compile(r"(https?://|www(?=\.))([-.\w]+)|([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)", re.IGNORECASE)
"""What Dagster's markdown makes a link of after all escapes are resolved (mdast-util-gfm-autolink-literal)."""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def land(folder: Path, *, broken: bool) -> None:
    """Write the history, or after it one day whose every column holds something new and hostile."""
    with duckdb.connect(str(folder / "w.duckdb")) as source:
        for day in [DAYS] if broken else range(DAYS):
            cells = ", ".join(
                f"CASE WHEN {str(broken).lower()} AND i % 9 = 2 THEN ? ELSE list_extract(['A', 'B', 'C'], 1 + i % 3) END AS {quoted(name)}"
                for name in COLUMNS.values()
            )
            moment = f"TIMESTAMP '{FIRST + timedelta(days=day)}' + INTERVAL (i) MINUTE AS at"
            query = f"SELECT {day} * 1000 + i AS id, {cells}, {moment} FROM range({20 if broken else 100}) AS t(i)"
            values = [f"{name}: {VALUE}" for name in COLUMNS]
            source.execute(f"{'INSERT INTO' if day else 'CREATE TABLE'} {quoted(TABLE)} {'' if day else 'AS'} {query}", values)


def make(folder: Path) -> Settings:
    """Learn from a hostile table and land a broken day on it."""
    land(folder, broken=False)
    by_hand = {"name": WRITTEN, "rule_type": "CUSTOM", "table": TABLE, "severity": "fatal"}
    by_hand["parameters"] = {"sql": f"SELECT * FROM {quoted(TABLE)} WHERE id % 4 = 1 AND 'x' <> '```\n![z](javascript:alert(7))\n```'"}  # type: ignore[assignment]
    endless = {"name": "endless", "rule_type": "LOV_Match", "table": TABLE, "columns": [COLUMNS["pipe"]], "severity": "fatal"}
    endless["parameters"] = {"allowed": [*"ABC", *(f"{number} {'😀' * 40}" for number in range(300))]}  # type: ignore[assignment]
    group = {"connection": "w", "batch": {"column": "at", "grain": "day"}, "tests": [by_hand, endless], "automation": "stopped"}
    configuration = {"version": 1, "connections": {"w": {"type": "duckdb", "path": "w.duckdb"}}, "table_groups": {"hostile": group}}
    (folder / "dq.yaml").write_text(json.dumps(configuration, ensure_ascii=False), encoding="utf-8")
    settings = load_settings(folder / "dq.yaml")
    steps, moment = StepContext.open(settings), datetime(2024, 3, DAYS + 1, 6, tzinfo=UTC)
    register(steps, "hostile", moment)
    profile(steps, "hostile", RunRequest(as_of=moment, started_at=moment))
    suggest(steps, "hostile", moment)
    land(folder, broken=True)
    return settings


def validate(settings: Settings, instance: dg.DagsterInstance) -> dict[str, dg.AssetCheckEvaluation]:
    job = build_defs(settings).resolve_job_def("hostile_validate")
    found = {}
    # Twice, so that measures have a trend.
    for day in (DAYS + 1, DAYS + 2):
        result = job.execute_in_process(instance=instance, tags={"dq/as_of": f"2024-03-{day}T06:00:00+00:00"})
        found = {item.check_name: item for item in result.get_asset_check_evaluations()}
    return found


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def checks(hostile: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dg.AssetCheckEvaluation]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path_factory.mktemp("dagster"))) as instance:
        return validate(hostile, instance)


def tokens(markdown: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        yield token
        yield from token.children or []


def assert_harmless(markdown: str) -> None:
    """Hold markdown to what our own words need: paragraphs, code, and images that we drew."""
    for token in tokens(markdown):
        assert token.type in {"paragraph_open", "paragraph_close", "inline", "text", "code_inline", "fence", "image"}, token
        if token.type == "image":
            assert TRUSTED_IMAGE.fullmatch(str(token.attrs["src"]))
        if token.type == "text":
            assert not ADDRESS.search(token.content)
            assert not re.search("script|onerror|javascript", token.content)


def test_everything_failed_that_should(checks: dict[str, dg.AssetCheckEvaluation]) -> None:
    assert {name for name, item in checks.items() if not item.passed} >= {"dq_validity", "dq_accuracy", "dq_volume"}
    assert checks["dq_validity"].metadata["failed_tests"].value > 15  # type: ignore[operator]
    for name in ("dq_validity", "dq_accuracy", "dq_volume"):
        assert {"failing_tests", "sql", "run", "trend", "failed_tests", "failed_rows", "pass_rate", "test_run_id"} <= checks[name].metadata.keys()
    assert {"sample_rows"} <= checks["dq_validity"].metadata.keys() & checks["dq_accuracy"].metadata.keys()


def test_markdown_holds_no_markup_of_strangers(hostile: Settings, checks: dict[str, dg.AssetCheckEvaluation]) -> None:
    for item in checks.values():
        # Dagster renders the description of a check and of its result as markdown, too.
        assert_harmless(item.description or "")
        for value in item.metadata.values():
            if isinstance(value, dg.MarkdownMetadataValue):
                assert_harmless(str(value.value))
    for granularity in ("table", "dimension", "rule"):
        group = hostile.table_groups["hostile"].model_copy(update={"check_granularity": granularity, "blocking": "fatal"})
        graph = build_defs(hostile.model_copy(update={"table_groups": {"hostile": group}})).resolve_asset_graph()
        assert graph.asset_check_keys
        for key in graph.asset_check_keys:
            assert re.fullmatch(r"[A-Za-z0-9_]+", key.name)
            assert_harmless(graph.get(key).description or "")


def test_the_sql_stands_in_its_fence_word_for_word_and_runs(hostile: Settings, checks: dict[str, dg.AssetCheckEvaluation]) -> None:
    written = hostile.table_groups["hostile"].tests[0].parameters["sql"]
    (fence,) = [token for token in tokens(str(checks["dq_accuracy"].metadata["sql"].value)) if token.type == "fence"]
    assert fence.info == "sql"
    assert fence.content.rstrip("\n") == written
    shown_sql = str(checks["dq_validity"].metadata["sql"].value)
    endless, *statements = [token.content for token in tokens(shown_sql) if token.type == "fence"]
    assert re.search(r"\n\nThe first [\d,]+ of 1\d,\d\d\d characters\.\n", shown_sql), "what is too long is cut, and says so"
    assert len(endless) < 1000
    assert len(statements) == 2
    with duckdb.connect(str(hostile.connections["w"].path), read_only=True) as source:
        for statement in statements:
            assert len(source.sql(statement).fetchall()) == 2


def test_tables_hold_text_in_which_nothing_is_hidden(checks: dict[str, dg.AssetCheckEvaluation]) -> None:
    tables = [value for item in checks.values() for value in item.metadata.values() if isinstance(value, dg.TableMetadataValue)]
    texts = [text for found in tables for record in found.records for pair in record.data.items() for text in pair if isinstance(text, str)]
    assert any("<script>alert(3)</script>" in text for text in texts), "as it is: the UI shows cells as text"
    assert any(r"abc\u202edef" in text for text in texts)
    assert any(r"line\nbreak" in text for text in texts)
    for text in texts:
        assert len(text) < 1000
        assert not any(unicodedata.category(character) in ("Cc", "Cs") or character in "\u202e\u2066\u200b" for character in text)


def test_personal_values_stay_masked(checks: dict[str, dg.AssetCheckEvaluation]) -> None:
    sample = checks["dq_accuracy"].metadata["sample_rows"]
    assert isinstance(sample, dg.TableMetadataValue)
    assert {value for record in sample.records for value in record.data.values()} == {"***"}, "nothing tells which columns a query reads"
    everything = "".join(serialize_value(item) for item in checks.values())
    assert "mail: " not in everything
    assert "image: " in everything


def test_all_metadata_of_a_check_stays_small(checks: dict[str, dg.AssetCheckEvaluation]) -> None:
    sizes = {name: len(serialize_value(item)) for name, item in checks.items()}
    assert max(sizes.values()) < 50_000
    assert sizes["dq_validity"] > 5_000


@given(st.text(max_size=400))
def test_code_is_one_span_that_says_what_the_text_says(text: str) -> None:
    (inner,) = [token for token in tokens(f"{code(text)}, expected") if token.type == "inline"]
    first, rest = inner.children or []
    assert (first.type, rest.content) == ("code_inline", ", expected")
    assert first.content == (shown(text) or " ")


@given(st.text(alphabet=st.sampled_from("`~\n ab<![]()"), max_size=60))
def test_a_fence_holds_whatever_it_is_given(text: str) -> None:
    (fence,) = list(tokens(fenced(text, "sql")))
    assert fence.type == "fence"
    assert fence.content == f"{text}\n"


@example("https://evil.example.com WWW.evil.example.com someone@evil.example.com")
@given(st.one_of(st.text(max_size=200), st.text(alphabet=st.sampled_from("https://w.@a_*[]()<>&#`!|~-+ \n"), max_size=60)))
def test_a_sentence_is_shown_as_it_is_and_has_no_links(text: str) -> None:
    sentence = f"a {escaped(text)} b"
    assert_harmless(re.sub("script|onerror", "", sentence, flags=re.IGNORECASE))
    words = "".join(token.content for token in tokens(sentence) if token.type == "text")
    assert words.replace("\u2060", "") == f"a {shown(text)} b"


@given(st.text(max_size=600), st.integers(1, 300))
def test_what_is_shown_is_no_longer_than_its_limit_and_hides_nothing(text: str, limit: int) -> None:
    found = shown(text, limit)
    assert len(found) <= 10 * limit
    assert found.encode("utf-8").decode("utf-8") == found
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in found)


CELLS: st.SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=500), st.lists(st.integers(), max_size=3))


@given(st.lists(st.dictionaries(st.sampled_from(["a", "😀" * 300, "c\n"]), CELLS, min_size=1), min_size=1, max_size=40))
def test_a_table_of_anything_is_valid_json_within_its_budget(rows: list[dict[str, Any]]) -> None:
    found = table(rows, 6_000, 80)
    assert isinstance(found, dg.TableMetadataValue)
    assert len(json.dumps([record.data for record in found.records], allow_nan=False)) < 9_000
    for record in found.records:
        assert all(not isinstance(value, int) or abs(value) <= 2**53 for value in record.data.values())


@given(st.text(max_size=300), st.integers(0, 500))
def test_the_beginning_of_a_text_takes_no_more_than_its_budget(text: str, budget: int) -> None:
    found = within(text, budget)
    assert text.startswith(found)
    assert len(json.dumps(found)) - 2 <= budget
    assert found == text or len(json.dumps(text[: len(found) + 1])) - 2 > budget


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as opened:
        yield opened


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The web UI of an instance on which the hostile table was validated."""
    settings = make(tmp_path)
    with served(tmp_path) as (address, instance):
        validate(settings, instance)
        yield address


BUTTONS = "[...document.querySelectorAll('*')].filter(e => !e.childElementCount && e.textContent == '[Show Markdown]')"
LINKS = "JSON.stringify([...document.querySelectorAll('a')].map(a => a.getAttribute('href') || '').filter(h => /^(javascript|data)|evil/.test(h)))"
IMAGES = "JSON.stringify([...document.querySelectorAll('img')].map(i => [i.src.slice(0, 19), i.complete && i.naturalWidth > 0]))"


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_draws_the_trends_and_runs_nothing_of_strangers(web: str, browser: Browser) -> None:
    browser.open(f"{web}/assets/w/main/{key_part(TABLE)}?view=checks&checkDetail=dq_validity")
    assert browser.wait(f"{BUTTONS}.length") == 2
    browser.wait("document.body.innerText.includes('tests failed')")
    shown_images: list[list[Any]] = []
    for number in range(2):
        browser.ask(f"{BUTTONS}[{number}].click()")
        browser.wait("[...document.querySelectorAll('button')].some(b => b.textContent.trim() == 'Close')")
        time.sleep(1)
        shown_images += [image for image in json.loads(browser.ask(IMAGES)) if image[0].startswith("data:")]
        assert json.loads(browser.ask(LINKS)) == []
        browser.ask("[...document.querySelectorAll('button')].find(b => b.textContent.trim() == 'Close').click()")
        time.sleep(1)
    assert shown_images == [["data:image/svg+xml;", True]] * 3
    assert browser.ask("document.querySelectorAll('[onerror]').length") == 0
    assert browser.dialogs == 0
