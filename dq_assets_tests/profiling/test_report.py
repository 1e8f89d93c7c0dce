"""The profile report: a page that holds together, says what is exact, and lets no text of the data out of its place."""

from __future__ import annotations

import re
import time
import tomllib
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_assets.profiling.metrics import COLUMN_METRICS, QUANTILES
from dq_assets.profiling.report import fragment, markdown, write_page
from dq_assets.profiling.report.labels import LABELS, MISSING_SHARE
from dq_assets.profiling.report.numbers import figure, moment, percent, short, ticks, time_ticks
from dq_assets.profiling.report.plots import Bar, histogram, spark, trend
from dq_assets.profiling.report.text import shown
from dq_assets.profiling.report.view import histogram_bars, length_bars
from dq_assets.profiling.table_profile import BatchProfiles, TableProfile
from dq_assets.records.enums import GeneralType, Likelihood, Quality, Severity
from dq_assets.records.profiles import ColumnProfile, Estimate, Finding, FrequentValue, HistogramBucket
from dq_assets.records.tables import TableName
from dq_assets_tests.orchestration.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VOID = {"br", "col", "hr", "img", "input", "link", "meta", "wbr", "area", "base", "embed", "source", "track"}
TABLE = TableName(schema_name="main", table_name="t")
SCRIPT = "</script><script>alert(1)</script>"
HOSTILE = [
    SCRIPT, "<img src=x onerror=alert(1)>", "a\"b'c`d|e", "back\\|slash\\", "two\nlines\tand\r\x00\x1b[31m", "``` `", "🦆 👨‍👩‍👧", "שלום\u202eevil",
    "n" * 255, "", "   ", "{{ 7 * 7 }}{% raw %}", "http://evil.example @somebody", "]]>--><!--", "\ud800",
]  # fmt: skip
DAY = 86400.0


class Page(HTMLParser):
    """What a page is made of. Fails on an element that is not closed where it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(text for tag, text in self.texts if tag not in ("script", "style"))


def tops(*values: str) -> tuple[FrequentValue, ...]:
    return tuple(FrequentValue(value=value, frequency=20 - rank, relative_freq=(20 - rank) / 100, rank=rank + 1) for rank, value in enumerate(values))


def column(name: str = "c", general_type: GeneralType = GeneralType.NUMBER, **fields: Any) -> ColumnProfile:
    given_fields = {"data_type": "DOUBLE", "record_count": 100, "rows_read": 100, "null_count": 0, "ordinal_position": 1, **fields}
    return ColumnProfile(table_id="t", column_id=name, table=TABLE, column_name=name, general_type=general_type, **given_fields)


def table(*columns: ColumnProfile, **fields: Any) -> TableProfile:
    return TableProfile(
        **{"name": "shop.orders", "as_of": "2024-06-15", "row_count": 100, "rows_read": 100, "metrics": {"row_count": 100}, "columns": columns, **fields}
    )


def finding(name: str | None, detail: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(
        anomaly_type_id=1009, table_id="t", table=TABLE, column_name=name, severity=severity, likelihood=Likelihood.LIKELY, detail=detail, affected_rows=3
    )


def buckets(low: float, high: float, *rows: int) -> tuple[HistogramBucket, ...]:
    step = (high - low) / len(rows)
    return tuple(HistogramBucket(lower=low + place * step, upper=low + (place + 1) * step, frequency=count, rank=place + 1) for place, count in enumerate(rows))


def price(**fields: Any) -> ColumnProfile:
    values = {"distinct_count": 40, "min_value": "-2.5", "max_value": "1200.0", "avg_value": 17.25, "top_values": tops("17.0", "18.0")}
    values |= {"percentiles": {name: place * 100 for name, place in QUANTILES.items()}, "histogram": buckets(-2.5, 1200, *range(20))}
    return column("price", **{**values, "metrics": {"sum_value": 1725.0, "zero_count": 3, "nan_count": 0, "fractional_count": 7}, **fields})


def page_of(profile: TableProfile, path: Path) -> Page:
    html = profile.to_html(path / "report.html").read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>\n<html lang=")
    return Page(html)


def hostile_table() -> TableProfile:
    """Every place that takes a text of the data holds each of the hostile ones."""
    estimates = {"distinct_count": Estimate(quality=Quality.SAMPLED, rows_read=50, low=7, high=12)}
    shared = {"null_count": 48, "distinct_count": 8, "top_values": tops(*HOSTILE[:10]), "shapes": tops(*HOSTILE[10:]), "approximations": estimates}

    def of(text: str, other: str) -> ColumnProfile:
        metrics = {"min_length": 0, "max_length": 9, "format": text, text or "metric": text}
        return column(text, GeneralType.TEXT, data_type=text, min_value=text, max_value=other, percentiles={"p50": text}, metrics=metrics, **shared)

    columns = [of(text, HOSTILE[index - 1]) for index, text in enumerate(HOSTILE)]
    findings = tuple(finding(text, text, severity) for text, severity in zip(HOSTILE, list(Severity) * 4, strict=False))
    trends = {text: {"distinct_count": ((HOSTILE[0], 1.0), (HOSTILE[1], 3.0), (text, float("nan")))} for text in ("", *HOSTILE)}
    keys = ((HOSTILE[0],), (HOSTILE[1], HOSTILE[2]))
    return table(*columns, name=SCRIPT, batch_key=SCRIPT, as_of=SCRIPT, findings=findings, trends=trends, candidate_keys=keys)


def batches() -> BatchProfiles:
    return BatchProfiles(
        table(price(null_count=nulls, avg_value=10.0 + nulls), column("note", GeneralType.TEXT), batch_key=f"2024-0{month}", row_count=90 + month)
        for month, nulls in ((1, 0), (2, 30), (3, 5))
    )


def check(page: Page) -> None:
    """Hold what is true of every page and fragment."""
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for tag, attributes in page.elements:
        assert tag not in {"img", "iframe", "link", "object", "base", "form"}
        assert not {name for name in attributes if name.startswith("on") or name in {"src", "srcset", "action", "srcdoc", "xlink:href"}}
    for link in page.all("a"):
        assert link["href"].startswith("#"), link  # type: ignore[union-attr]
        assert link["href"][1:] in ids, link  # type: ignore[index]
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.all("svg"))
    assert all(cell["scope"] in ("col", "row") for cell in page.all("th"))
    for tag, text in page.texts:
        if tag == "style":
            assert not re.search(r"url\(|@import|@font-face|https?:", text)
        if tag == "script":
            assert not re.search(r"https?:|fetch|XMLHttp|innerHTML|eval|import\(", text)


@pytest.mark.parametrize("profiles", [[table()], [table(price())], batches(), [hostile_table()]], ids=["no columns", "one", "batches", "hostile"])
def test_page_and_fragment_are_well_formed_and_ask_for_nothing_from_outside(profiles: list[TableProfile], tmp_path: Path) -> None:
    whole = Page(write_page(profiles, tmp_path / "report.html").read_text(encoding="utf-8"))
    part = Page(fragment(profiles))
    check(whole)
    check(part)
    policy = next(meta["content"] for meta in whole.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert len(whole.all("script")) == 1
    assert not {"html", "head", "body", "script", "meta"} & {tag for tag, _ in part.elements}
    assert set(part.text.split()) >= set(whole.text.split()) - {"Skip", "Filter", "Open", "Close", "all", "to", "columns", "the"} - set(
        whole.texts[0][1].split()
    )


def test_no_text_of_the_data_leaves_its_place(tmp_path: Path) -> None:
    page = page_of(hostile_table(), tmp_path)
    assert len(page.all("script")) == 1
    assert not page.all("img")
    for text in HOSTILE[:3]:
        assert text in page.text
    assert "{{ 7 * 7 }}{% raw %}" in page.text
    assert "two\\nlines\\tand\\r\\x00\\x1b[31m" in page.text
    assert "שלום\\u202eevil" in page.text
    assert "(empty text)" in page.text
    assert "(3 spaces)" in page.text
    assert "(255 characters)" in page.text
    assert "👨‍👩‍👧" in page.text


def test_the_template_marks_nothing_as_safe(repository: Path) -> None:
    folder = repository / "dq_assets" / "profiling" / "report"
    assert not re.search(r"\|\s*safe|autoescape|Markup", (folder / "report.html.j2").read_text(encoding="utf-8"))


def test_a_value_of_a_megabyte_is_cut_and_tells_its_length(tmp_path: Path) -> None:
    value = "x" * 1_000_000
    profile = table(column("blob", GeneralType.TEXT, min_value=value, top_values=tops(value)))
    html = profile.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(html) < 60_000
    assert "(1,000,000 characters)" in Page(html).text
    assert len(profile.to_markdown()) < 1000


def test_what_is_not_exact_is_marked_with_how_it_was_obtained(tmp_path: Path) -> None:
    estimates = {
        "distinct_count": Estimate(quality=Quality.APPROXIMATE, rows_read=100, low=38.2, high=41.9),
        "avg_value": Estimate(quality=Quality.SAMPLED, rows_read=50, low=16.5, high=18.0),
        "nan_count": Estimate(quality=Quality.SAMPLED, rows_read=50),
        "top_values": Estimate(quality=Quality.SAMPLED, rows_read=50),
        "sum_value": Estimate(quality=Quality.EXACT),
    }
    page = page_of(table(price(approximations=estimates), rows_read=50), tmp_path)
    titles = [mark["title"] for mark in page.all("abbr") if "title" in mark]
    assert set(titles) == {
        "approximate; 100 rows read; 19 times of 20 from 38 to 42 values",
        "sampled; 50 rows read; 19 times of 20 from 16.5 to 18",
        "sampled; 50 rows read",
    }
    # The overview, the key figures and all metrics; a mean stands in the last two only.
    assert titles.count("approximate; 100 rows read; 19 times of 20 from 38 to 42 values") == 3
    assert titles.count("sampled; 50 rows read; 19 times of 20 from 16.5 to 18") == 2
    assert "1 approximate, 2 sampled" in page.text
    assert "50 of 100 rows read" in page.text
    assert "from 38 to 42 values" in page.text
    text = markdown([table(price(approximations=estimates))])
    assert "≈40" in text
    assert "≈17.25" in text


def test_an_exact_profile_has_no_mark(tmp_path: Path) -> None:
    page = page_of(table(price()), tmp_path)
    assert page.all("abbr") == []
    assert "≈" not in page.text + markdown([table(price())])
    assert "all rows read" in page.text


@pytest.mark.parametrize("general_type", GeneralType)
def test_every_metric_of_the_catalogue_appears(general_type: GeneralType, tmp_path: Path) -> None:
    names = [metric.name for metric in COLUMN_METRICS if metric.applies(general_type)]
    own = {"null_count": 11, "distinct_count": 12, "min_value": "a", "max_value": "b"}
    rest = {name: 100 + place for place, name in enumerate(names) if name not in {*own, *QUANTILES, "avg_value", "stddev_value"}}
    profile = table(
        column("c", general_type, **own, avg_value=1.5, stddev_value=2.5, percentiles=dict.fromkeys(QUANTILES, 1.0), metrics={**rest, "brand_new": 7})
    )
    words = page_of(profile, tmp_path).text.split()
    assert {*names, "brand_new"} - set(words) == set()
    assert set(LABELS) >= set(names)


def test_counts_of_nothing_are_named_together_and_not_left_out(tmp_path: Path) -> None:
    page = page_of(table(price()), tmp_path)
    assert "None:" in page.text
    assert {"title": "nan_count"} in page.all("span")


def test_the_header_says_what_the_table_is(tmp_path: Path) -> None:
    profile = table(price(null_count=25), metrics={"row_count": 100, "duplicate_row_count": 4}, candidate_keys=(("price",), ("a", "b")))
    page = page_of(profile, tmp_path)
    said = re.sub(r"\s+", " ", page.text)
    for words in ("shop.orders", "as of 2024-06-15", "Missing cells 25 %", "25 of 100", "Duplicate rows 4 4 %"):
        assert words in said
    assert "Candidate keys: `price`, `a` + `b`." in markdown([profile])
    assert "Duplicate rows: not counted." in markdown([table(price())])


def test_findings_are_listed_worst_first_and_lead_to_their_columns(tmp_path: Path) -> None:
    found = (finding(None, "Of the table.", Severity.INFO), finding("price", "Of the price.", Severity.FATAL))
    page = page_of(table(price(), findings=found), tmp_path)
    assert page.text.index("Of the price.") < page.text.index("Of the table.")
    assert {"href": "#c1"} in page.all("a")
    assert "Leading spaces" in markdown([table(price(), findings=found)])


def test_batches_show_the_newest_and_the_course_of_each_number(tmp_path: Path) -> None:
    page = Page(batches().to_html(tmp_path / "report.html").read_text(encoding="utf-8"))
    labels = [svg["aria-label"] for svg in page.all("svg")]
    assert "Rows over 3 batches: from 91 to 93" in labels
    assert "Mean over 3 batches: from 10 to 40" in labels
    assert "Share missing over 3 batches: from 0 to 0.3" in labels
    courses = [label for label in labels if label and "over 3 batches" in label]
    assert [course.split(" over")[0] for course in courses[:3]] == ["Rows", "Share missing", "Mean"]
    assert "Missing values of price per batch, at most 30 %" in labels
    assert any("2024-02: 30 % missing" in text for _, text in page.texts)
    assert "batch 2024-03, the newest of 3" in page.text
    assert "batch `2024-03` (the newest of 3)" in batches().to_markdown()


def test_trends_of_a_single_profile_are_drawn_too() -> None:
    trends = {"": {"row_count": (("a", 10.0), ("b", 20.0))}, "price": {"null_count": (("a", 1.0), ("b", 4.0)), "avg_value": (("a", 1.0), ("b", 2.0))}}
    labels = [svg["aria-label"] for svg in Page(fragment([table(price(), trends=trends)])).all("svg")]
    assert "Share missing over 2 batches: from 0.1 to 0.2" in labels
    assert "Mean over 2 batches: from 1 to 2" in labels


def test_nothing_is_drawn_where_there_is_nothing_to_see(tmp_path: Path) -> None:
    constant = column("k", histogram=buckets(5, 5, 100), lengths=((3, 100),))
    assert page_of(table(constant, column("e", null_count=100)), tmp_path).all("svg") == []
    assert histogram([], "x") == spark([Bar(0, 1, 0)], "x") == trend([1.0, None], ["a", "b"], "x") == ""
    assert histogram([Bar(float("-inf"), 1, 3)], "x") == ""


def test_dates_are_dates() -> None:
    begin = 15_706 * DAY
    plot = histogram([Bar(begin + day * 10 * DAY, begin + (day + 1) * 10 * DAY, day + 1) for day in range(20)], "x", dates=True)
    assert "from 2013-01 to 2013-07" in plot
    assert re.findall(r">(\d{4}-\d\d)</text>", plot) == ["2013-01", "2013-04", "2013-07"]


def test_whole_numbers_in_narrow_buckets_get_a_bar_each() -> None:
    months = column(
        histogram=buckets(1, 12, *(1 if place in {0, 1, 3, 5, 7, 9, 10, 12, 14, 16, 18, 19} else 0 for place in range(20))), metrics={"fractional_count": 0}
    )
    bars, whole = histogram_bars(months)
    assert whole
    assert [(bar.lower + 0.5, bar.rows) for bar in bars] == [(month, 1) for month in range(1, 13)]
    assert histogram_bars(price())[1] is False


def test_lengths_far_apart_fall_into_twenty_bars() -> None:
    bars, each = length_bars(((0, 3), (7, 4), (1_000_000, 1)))
    assert (len(bars), each, sum(bar.rows for bar in bars)) == (20, False, 8)


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_tables_stay_tables(name: str) -> None:
    text = markdown([table(column(name, GeneralType.TEXT, min_value=name, top_values=tops(name)), price(), name=name, batch_key=name)])
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert len(rows) == 4
    assert len(text.split("\n\n")) == 3
    for row in rows:
        # What GitHub's own scanner takes for the text of a cell: an escaped character, or any but a bar.
        assert len(re.findall(r"(?:\\[!-/:-@\[-`{-~]|[^|\n])+(?=\|)", row)) == 8, row
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"[<>@]|://", outside), outside


@given(st.text(max_size=200))
def test_any_text_is_shown_in_one_line_without_anything_hidden(text: str) -> None:
    found = shown(text, 50)
    assert found.text
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", found.text)
    assert found.length == (len(text) if len(text) > 50 and text.strip(" ") else 0)


@given(st.floats(), st.floats())
def test_any_bounds_give_few_ticks_between_them(one: float, other: float) -> None:
    for found in (ticks(one, other), time_ticks(one, other)):
        assert len(found) <= 7
        assert found == sorted(found)
        assert all(one <= tick <= other for tick in found)


@given(st.lists(st.tuples(st.floats(), st.floats(), st.integers(0, 10**18)), max_size=25), st.booleans(), st.booleans())
def test_any_buckets_give_a_well_formed_plot(values: list[tuple[float, float, int]], dates: bool, integers: bool) -> None:
    bars = [Bar(min(pair), max(pair), rows) for *pair, rows in values]
    for plot in (histogram(bars, "a<b", dates=dates, integers=integers), spark(bars, 'c"d')):
        assert "nan" not in plot
        assert len(Page(plot).all("svg")) == (1 if plot else 0)


def test_numbers_are_written_for_people() -> None:
    assert [figure(value) for value in (0, 1234567, 0.1 + 0.2, 1234567.891, 1e20, True, "x", float("nan"))] == [
        "0", "1,234,567", "0.3", "1,234,567.9", "1e+20", "true", "x", "nan",
    ]  # fmt: skip
    assert [short(value) for value in (0, 950, 1200, 35e6, 2e9, 0.00001)] == ["0", "950", "1.2k", "35M", "2bn", "1e-05"]
    assert [percent(share) for share in (0, 0.0001, 0.025, 0.99999, 1)] == ["0 %", "< 0.1 %", "2.5 %", "> 99.9 %", "100 %"]
    assert [moment(0, span * DAY) for span in (0.001, 1, 30, 365, 9999)] == ["00:00:00", "1970-01-01 00:00", "1970-01-01", "1970-01", "1970"]
    assert moment(1e18, 1e18).startswith("year 31,")
    assert LABELS[MISSING_SHARE]


def test_nothing_profiled_is_said(tmp_path: Path) -> None:
    assert "Nothing was profiled." in BatchProfiles().to_html(tmp_path / "x.html").read_text(encoding="utf-8")
    assert "Nothing was profiled." in BatchProfiles()._repr_html_() + BatchProfiles().to_markdown()
    assert "No columns." in markdown([table()])
    assert "no rows" in page_of(table(column(record_count=0, rows_read=0), row_count=0), tmp_path).text


@pytest.mark.slow
def test_a_wide_table_is_a_page_all_the_same(tmp_path: Path) -> None:
    text = column(
        "t",
        GeneralType.TEXT,
        data_type="VARCHAR",
        distinct_count=9,
        top_values=tops(*"abcdefghij"),
        lengths=((1, 5), (3, 95)),
        metrics={"min_length": 1, "max_length": 3},
    )
    profile = table(*((price() if place % 2 else text).model_copy(update={"column_name": f"sensor_{place}"}) for place in range(5000)))
    began = time.monotonic()
    path = profile.to_html(tmp_path / "report.html")
    assert time.monotonic() - began < 60
    assert path.stat().st_size < 20_000_000
    check(page := Page(path.read_text(encoding="utf-8")))
    assert [details for details in page.all("details") if "open" in details] == []
    assert len([details for details in page.all("details") if details["class"] == "column"]) == 5000


def test_the_page_is_in_the_wheel(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["dq_assets"]
    packed = {file for pattern in patterns for file in (repository / "dq_assets").glob(pattern)}
    assert set((repository / "dq_assets" / "profiling" / "report").glob("report.*")) <= packed


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_read_on_its_page(theme: str, repository: Path) -> None:
    """Contrast after WCAG 2: 4.5 for text, 3 for what is drawn."""
    css = (repository / "dq_assets" / "profiling" / "report" / "report.css").read_text(encoding="utf-8")
    body = css.split(f"macro {theme}()")[1].split("endmacro")[0]
    colours = {name: luminance(colour) for name, colour in re.findall(r"--(\w+):(#\w+)", body)}

    def contrast(one: str, other: str) -> float:
        low, high = sorted((colours[one], colours[other]))
        return (high + 0.05) / (low + 0.05)

    for ground in ("page", "soft"):
        assert [name for name in ("text", "quiet", "ink", "focus", "info", "warning", "error", "fatal") if contrast(name, ground) < 4.5] == []
    assert [name for name in ("fill", "s4") if contrast(name, "page") < 3] == []
    shades = [colours[f"s{place}"] for place in range(7)]
    assert shades == sorted(shades, reverse=theme == "light")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as opened:
        yield opened


def look(browser: Browser, path: Path, *, theme: str = "light", wide: int = 1400) -> None:
    browser._call("Emulation.setDeviceMetricsOverride", width=wide, height=900, deviceScaleFactor=1, mobile=False)
    browser._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    browser.open(path.as_uri())
    browser.wait(f"location.href.startsWith('{path.as_uri()}') && document.readyState == 'complete'")


def press(browser: Browser, key: str, code: int, text: str = "") -> None:
    browser._call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, text=text)
    browser._call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)


TOUCHING = """[...document.querySelectorAll('svg.plot')].flatMap(plot => {
  const boxes = [...plot.querySelectorAll('text')].map(text => text.getBoundingClientRect());
  return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
}).length"""


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_browser_shows_the_page_in_its_theme_and_at_any_width(browser: Browser, theme: str, tmp_path: Path) -> None:
    pages = [write_page(profiles, tmp_path / f"{name}.html") for name, profiles in (("batches", batches()), ("hostile", [hostile_table()]))]
    for path, wide in ((path, wide) for path in pages for wide in (1400, 400)):
        look(browser, path, theme=theme, wide=wide)
        assert browser.ask("document.documentElement.scrollWidth") <= wide
        assert browser.ask(TOUCHING) == 0
        light = browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert light == (theme == "light")
        assert browser.ask("performance.getEntriesByType('resource').length") == 0
    assert browser.dialogs == 0


@pytest.mark.browser
def test_a_person_with_a_keyboard_reaches_everything(browser: Browser, tmp_path: Path) -> None:
    look(browser, batches().to_html(tmp_path / "report.html"))
    press(browser, "Tab", 9)
    assert browser.ask("document.activeElement.className") == "skip"
    assert browser.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press(browser, "Enter", 13, "\r")
    browser.wait("location.hash == '#columns'")
    press(browser, "Tab", 9)
    assert browser.ask("document.activeElement.tagName") == "INPUT"
    browser._call("Input.insertText", text="NOTE")
    assert browser.wait("document.querySelector('output').textContent") == "1 of 2 columns"
    assert browser.ask("[...document.querySelectorAll('.column')].map(column => column.hidden).join()") == "true,false"
    browser.ask("document.querySelector('button[value=close]').click()")
    for _ in range(2):  # past the frame that scrolls, to the link of the column
        press(browser, "Tab", 9)
    assert browser.ask("document.activeElement.hash") == "#c2"
    press(browser, "Enter", 13, "\r")
    browser.wait("document.activeElement.tagName == 'SUMMARY' && document.activeElement.parentElement.open")
    press(browser, " ", 32, " ")
    browser.wait("!document.activeElement.parentElement.open")


@pytest.mark.browser
def test_the_page_is_read_without_its_script(browser: Browser, tmp_path: Path) -> None:
    browser._call("Emulation.setScriptExecutionDisabled", value=True)
    look(browser, batches().to_html(tmp_path / "report.html"))
    assert browser.ask("document.querySelector('.tools').hidden")
    assert browser.ask("document.querySelector('.column').open")
