"""Small plots for markdown in the Dagster UI.

Decision: plain SVG text made by hand, shown as a ``data:`` image, in which a browser runs no script. It is terse, because Dagster keeps it in its event
log for ever. Colours are of a middle brightness, so that one picture is read on a white page and on a dark one.
"""

from __future__ import annotations

import base64
import itertools
import math
import re
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HEIGHT, MARGIN = 460, 72, 5
PLOT_WIDTH = 270
LINE, BAND, FAILED, TEXT = "#37d", "#295", "#d44", "#777"
MOST_POINTS = 100
LABEL_LENGTH = 24
BREATH = 1.5
"""How far beyond the values, in spans of the values, an end of the band is still drawn to scale."""


class Point(NamedTuple):
    """One measure: what it is of (a batch, a moment), its value, whether it broke the bound."""

    label: str
    value: float
    failed: bool = False


def sparkline(points: Sequence[Point], band: tuple[float | None, float | None] = (None, None), *, unit: str = "") -> str:
    """Return the plot of a measure over time as one SVG document below 8 kB; the same for the same arguments.

    Beside the line stand the highest, the last and the lowest value in words. Failed points are red.

    Args:
        points: in the order of time; those that are not finite are left out, of the others the last 100 are drawn.
        band: the allowed range, shaded; ``None`` leaves an end open.
        unit: stands behind each number, as in `` %``.

    Returns:
        The document; empty where there is nothing to draw.
    """
    drawn = [point for point in points if math.isfinite(point.value)][-MOST_POINTS:]
    if not drawn:
        return ""
    low, high = _scale([point.value for point in drawn], band)

    def y(value: float) -> int:
        # Halved first: the distance of two finite numbers may not be finite.
        spread = high / 2 - low / 2
        place = (value / 2 - low / 2) / spread if spread else 0.5
        return round(MARGIN + (HEIGHT - 2 * MARGIN) * (1 - min(max(place, 0.0), 1.0)))

    step = (PLOT_WIDTH - 2 * MARGIN) / max(len(drawn) - 1, 1)
    places = [(round(MARGIN + step * index), y(point.value)) for index, point in enumerate(drawn)]
    moves = ",".join(f"{right - left},{below - above}" for (left, above), (right, below) in itertools.pairwise(places))
    failed = "".join(f"M{left},{top}h0" for (left, top), point in zip(places, drawn, strict=True) if point.failed)
    dots = [(f"M{places[-1][0]},{places[-1][1]}h0", LINE), *([(failed, FAILED)] if failed else [])]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' style='font:11px sans-serif'>"
        + _shade(band, y)
        + f"<path d='M{places[0][0]},{places[0][1]}l{moves or '0,0'}' fill='none' stroke='{LINE}' stroke-width='1.5'/>"
        + "<g stroke-width='6' stroke-linecap='round'>"
        + "".join(f"<path d='{at}' stroke='{colour}'/>" for at, colour in dots)
        + f"</g><g fill='{TEXT}'>{_labels(drawn, unit)}</g></svg>"
    )


def image(svg: str, words: str) -> str:
    """Return a document as an image in markdown.

    Args:
        svg: the document.
        words: what is said instead where no image is shown; our own, without brackets.
    """
    return f"![{words}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def number(value: float, unit: str = "") -> str:
    """Return a number as people read it, to six digits."""
    return f"{value:,.6g}{unit}"


def _scale(values: Sequence[float], band: tuple[float | None, float | None]) -> tuple[float, float]:
    """Return the lowest and highest value shown: all values, and the ends of the band that do not flatten them."""
    low, high = lowest, highest = min(values), max(values)
    # Equal values have no span of their own; the band's ends tell what is far.
    span = high - low or max((abs(end - low) for end in band if end is not None and math.isfinite(end)), default=0.0) or abs(low) or 1.0
    for end in band:
        if end is not None and lowest - BREATH * span <= end <= highest + BREATH * span:
            low, high = min(low, end), max(high, end)
    return (low, high) if low < high else (low - span / 2, high + span / 2)


def _shade(band: tuple[float | None, float | None], y: Callable[[float], int]) -> str:
    low, high = band
    if low is None and high is None:
        return ""
    top = MARGIN - 3 if high is None else y(high)
    height = (HEIGHT - MARGIN + 3 if low is None else y(low)) - top
    # A band without height, as of a test that allows no failing row, is a line.
    return f"<rect y='{top}' width='{PLOT_WIDTH}' height='{max(height, 1)}' fill='{BAND}' opacity='{'.2' if height > 1 else '.7'}'/>"


def _labels(points: Sequence[Point], unit: str) -> str:
    highest, lowest = max(points, key=lambda point: point.value), min(points, key=lambda point: point.value)
    found = []
    for top, name, point in ((16, "max", highest), (40, "last", points[-1]), (64, "min", lowest)):
        colour = f" fill='{FAILED}'" if point.failed else ""
        found.append(f"<text x='{PLOT_WIDTH + 8}' y='{top}'{colour}>{escape(f'{name} {number(point.value, unit)}, {_plain(point.label)}')}</text>")
    return "".join(found)


def _plain(label: str) -> str:
    """Return a label without what XML does not take, cut to what fits."""
    return re.sub(r"[^\u0020-\u007e\u00a0-\ud7ff]", "?", label)[:LABEL_LENGTH]
