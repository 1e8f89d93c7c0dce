"""Small plots: what is drawn, how large it is, and that nobody's text gets out of it."""

from __future__ import annotations

import base64
import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_assets.orchestration.plots import BAND, FAILED, HEIGHT, LINE, PLOT_WIDTH, TEXT, WIDTH, Point, image, sparkline

SVG = "{http://www.w3.org/2000/svg}"
ENDS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


def points(*values: float, failed: set[int] | None = None) -> list[Point]:
    return [Point(f"2024-03-{index + 1:02}", value, index in (failed or set())) for index, value in enumerate(values)]


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own document


def said(svg: str) -> list[str]:
    return [item.text or "" for item in drawn(svg).iter(f"{SVG}text")]


def places(path: str) -> list[tuple[int, int]]:
    """Return where the line of a plot goes, in pixels."""
    start, moves = re.fullmatch(r"M(\d+,\d+)l([-\d,]+)", path).groups()  # type: ignore[union-attr]
    left, top = map(int, start.split(","))
    found, steps = [(left, top)], [int(step) for step in moves.split(",")]
    for right, down in zip(steps[::2], steps[1::2], strict=True):
        found.append((found[-1][0] + right, found[-1][1] + down))
    return found


def line(svg: str) -> list[tuple[int, int]]:
    return places(next(item.attrib["d"] for item in drawn(svg).iter(f"{SVG}path") if item.get("fill") == "none"))


def test_the_line_goes_through_every_measure_from_left_to_right_and_higher_is_more() -> None:
    found = line(sparkline(points(1, 3, 2)))
    assert [left for left, _ in found] == sorted({left for left, _ in found})
    (_, one), (_, three), (_, two) = found
    assert three < two < one


def test_the_highest_the_last_and_the_lowest_value_stand_beside_it() -> None:
    assert said(sparkline(points(10, 1234567, 0.5, 7))) == ["max 1.23457e+06, 2024-03-02", "last 7, 2024-03-04", "min 0.5, 2024-03-03"]
    assert said(sparkline(points(0.25, 12.5), unit=" %"))[0] == "max 12.5 %, 2024-03-02"


def test_failed_points_are_marked_and_named_in_red() -> None:
    svg = sparkline(points(1, 9, 1, failed={1}), (None, 5))
    marks = [item.attrib["d"] for item in drawn(svg).iter(f"{SVG}path") if item.get("stroke") == FAILED]
    assert [mark.count("M") for mark in marks] == [1]
    assert f"M{line(svg)[1][0]},{line(svg)[1][1]}h0" == marks[0]
    assert [item.get("fill") for item in drawn(svg).iter(f"{SVG}text")] == [FAILED, None, None]
    assert FAILED not in sparkline(points(1, 2))


@pytest.mark.parametrize(
    ("band", "inside"),
    [((2, 8), [False, True, False]), ((None, 8), [True, True, False]), ((2, None), [False, True, True]), ((None, None), None), ((0, 10), [True, True, True])],
)
def test_the_band_is_shaded_where_values_are_allowed(band: tuple[float | None, float | None], inside: list[bool] | None) -> None:
    svg = sparkline(points(1, 5, 9), band)
    shades = list(drawn(svg).iter(f"{SVG}rect"))
    assert len(shades) == (0 if inside is None else 1)
    if inside is not None:
        top, height = int(shades[0].attrib["y"]), int(shades[0].attrib["height"])
        assert [top <= y <= top + height for _, y in line(svg)] == inside


def test_a_far_end_of_the_band_does_not_flatten_the_line() -> None:
    assert line(sparkline(points(1, 2, 3), (None, 1e6))) == line(sparkline(points(1, 2, 3)))


def test_nothing_is_drawn_of_nothing_and_what_is_no_number_is_left_out() -> None:
    assert sparkline([]) == ""
    assert sparkline(points(math.nan, math.inf)) == ""
    assert sparkline([*points(math.nan), Point("2024-03-01", 4)]) == sparkline([Point("2024-03-01", 4)])


def test_a_label_is_only_ever_text() -> None:
    svg = sparkline([Point("</text><script>alert(1)</script>", 1.0), Point("\x00\ud800\u202e]]>&", 2.0)])
    assert {item.tag for item in drawn(svg).iter()} <= {f"{SVG}{name}" for name in ("svg", "g", "path", "rect", "text")}
    assert said(svg)[2] == "min 1, </text><script>alert(1)<"


@given(st.lists(st.tuples(st.text(max_size=60), st.floats(), st.booleans()), max_size=130), ENDS, ENDS)
def test_any_measures_give_a_small_document_that_lies_within_its_frame_and_is_always_the_same(
    given_points: list[tuple[str, float, bool]], low: float | None, high: float | None
) -> None:
    series = [Point(*item) for item in given_points]
    svg = sparkline(series, (low, high), unit=" %")
    assert svg == sparkline(series, (low, high), unit=" %")
    assert len(svg.encode()) < 8000
    if svg:
        found = line(svg)
        # A single point is drawn as a line of no length.
        assert len(set(found)) <= len(found) <= 101
        assert all(0 <= left <= PLOT_WIDTH < WIDTH and 0 <= top <= HEIGHT for left, top in found)


def luminance(colour: str) -> float:
    channels = [int(digit * 2, 16) / 255 for digit in colour.removeprefix("#")]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [LINE, FAILED, TEXT, BAND])
def test_colours_are_read_on_a_white_and_on_a_dark_page(colour: str) -> None:
    """Contrast after WCAG 2, at least 3; both pages are Dagster's."""
    assert 1.05 / (luminance(colour) + 0.05) >= 3
    assert (luminance(colour) + 0.05) / (0.006 + 0.05) >= 3


def test_the_image_is_the_document_itself() -> None:
    svg = sparkline(points(1, 2))
    address = re.fullmatch(r"!\[trend\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", image(svg, "trend"))
    assert address is not None
    assert base64.b64decode(address[1]).decode() == svg
