"""The report's plots, as SVG text.

Decision: no plotting library. A plot is a few rectangles or one line whose colours are the page's CSS classes, so that it follows dark, light and print;
every label is escaped here, which is why a ``Svg`` may enter the page as it is. Each plot says in ``aria-label`` what it shows.
"""

from __future__ import annotations

import itertools
import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from dq_assets.profiling.report.numbers import figure, moment, percent, short, ticks, time_ticks
from dq_assets.profiling.report.text import NAME_LENGTH, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 175, 40, 10, 8, 20
BOX = 16
"""Height of the strip for the box of quantiles."""
WIDEST = 40
"""How wide a bar for a whole number is at most: two of them are not to look like walls."""
LETTER = 5.8
"""Width of a letter of a label, at the font size that the style sheet gives it."""
SPARK_WIDTH, SPARK_HEIGHT = 96, 24
TREND_WIDTH, TREND_HEIGHT = 240, 56
CELL_WIDTH, CELL_HEIGHT = 640, 16
SHADES = (0.0, 0.01, 0.05, 0.2, 0.5, 0.95)
"""Above which share of missing values a cell of the heat map is one shade darker."""


class Svg(str):
    """A document of ours whose labels are escaped; Jinja2 takes it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


class Bar(NamedTuple):
    """Rows between two numbers."""

    lower: float
    upper: float
    rows: int


def _open(box: str, label: str, kind: str) -> str:
    return f'<svg class="{kind}" viewBox="{box}" role="img" aria-label="{escape(label)}">'


def _at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _drawable(bars: Sequence[Bar]) -> list[Bar]:
    """Return the bars that have a place; none where there is nothing to see: no rows, or bounds that are not apart."""
    found = [bar for bar in bars if math.isfinite(bar.lower) and math.isfinite(bar.upper)]
    if not any(bar.rows for bar in found):
        return []
    low, high = _span(found)
    return found if low < high and math.isfinite(1 / (high - low)) and math.isfinite(high - low) else []


def _span(bars: Sequence[Bar]) -> tuple[float, float]:
    return min(bar.lower for bar in bars), max(bar.upper for bar in bars)


def histogram(
    bars: Sequence[Bar], what: str, *, dates: bool = False, integers: bool = False, quantiles: Mapping[str, float] | None = None, spoken: bool = True
) -> Svg:
    """Return a histogram with axes, and beneath it the box of the quantiles; empty where there is nothing to see.

    Args:
        bars: in the order of their bounds.
        what: what is counted, as in "Histogram of price".
        dates: the bounds are seconds since 1970.
        integers: the bars stand for whole numbers, each at its middle.
        quantiles: by metric name; the box needs p05, p25, p50, p75, p95.
        spoken: whether each bar tells its rows when it is pointed at.
    """
    bars = _drawable(bars)
    if not bars:
        return Svg()
    (low, high), most = _span(bars), max(bar.rows for bar in bars)
    box = quantiles is not None and {"p05", "p25", "p50", "p75", "p95"} <= quantiles.keys()
    base = HEIGHT - BOTTOM - (BOX if box else 0)
    scale_x, scale_y = (WIDTH - LEFT - RIGHT) / (high - low), (base - TOP) / most

    def x(value: float) -> float:
        return LEFT + (value - low) * scale_x

    def said(value: float) -> str:
        return moment(value, high - low) if dates else short(value)

    tallest = max(bars, key=lambda bar: bar.rows)
    bounds = figure(round(tallest.lower + 0.5)) if integers else f"{said(tallest.lower)} to {said(tallest.upper)}"
    found = [_open(f"0 0 {WIDTH} {HEIGHT}", f"{what}: from {said(low)} to {said(high)}; most rows ({most:,}) at {bounds}", "plot")]
    for tick in ticks(0, most, 3):
        if tick == int(tick):
            top = _at(base - tick * scale_y)
            found.append(f'<path class="grid" d="M{LEFT} {top}H{WIDTH - RIGHT}"/><text x="{LEFT - 5}" y="{top}" dy="3" text-anchor="end">{short(tick)}</text>')
    outlines = []
    for bar in bars:
        if not bar.rows:
            continue
        # A single row among millions is still a row.
        tall = max(bar.rows * scale_y, 1.0)
        slot = (bar.upper - bar.lower) * scale_x
        wide = min(max(slot - 1, 1.2), WIDEST if integers else slot)
        left = x(bar.lower) + (slot - wide) / 2 if integers else x(bar.lower)
        outline = f"M{_at(left)} {_at(base)}v-{_at(tall)}h{_at(wide)}v{_at(tall)}z"
        if spoken or integers:
            place = figure(round(bar.lower + 0.5)) if integers else f"{said(bar.lower)} to {said(bar.upper)}"
            outline = f'<path class="bar" d="{outline}"><title>{place}: {bar.rows:,} rows</title></path>'
        outlines.append(outline)
    found.append("".join(outlines) if spoken or integers else _skyline(bars, x, base, scale_y))
    if quantiles is not None and box:
        found.append(_box([x(min(max(quantiles[name], low), high)) for name in ("p05", "p25", "p50", "p75", "p95")], base + BOX / 2 + 2))
    found.append(f'<path class="axis" d="M{LEFT} {base}H{WIDTH - RIGHT}"/>')
    marks = [tick for tick in ticks(low, high, 6) if tick == int(tick)] if integers else time_ticks(low, high) if dates else ticks(low, high)
    found.append(_labels([(x(tick), said(tick)) for tick in marks] or [(x(low), said(low)), (x(high), said(high))]))
    return Svg("".join(found) + "</svg>")


def _box(places: Sequence[float], middle: float) -> str:
    p05, p25, p50, p75, p95 = places
    return (
        f'<path class="whisker" d="M{_at(p05)} {_at(middle)}H{_at(p95)}"/><rect class="box" x="{_at(p25)}" y="{_at(middle - 4)}" '
        f'width="{_at(max(p75 - p25, 1))}" height="8"/><path class="median" d="M{_at(p50)} {_at(middle - 6)}v12"/>'
    )


def _labels(marks: Sequence[tuple[float, str]]) -> str:
    """Return the labels of the horizontal axis, without those that would touch the one before."""
    found, free = [], 0.0
    for place, label in marks:
        half = len(label) * LETTER / 2
        middle = min(max(place, half), WIDTH - half)
        if middle - half >= free:
            found.append(f'<text x="{_at(middle)}" y="{HEIGHT - 5}" text-anchor="middle">{escape(label)}</text>')
            free = middle + half + LETTER
    return "".join(found)


def spark(bars: Sequence[Bar], what: str) -> Svg:
    """Return a histogram of a few letters' size; empty where there is nothing to see."""
    bars = _drawable(bars)
    if not bars:
        return Svg()
    (low, high), most = _span(bars), max(bar.rows for bar in bars)
    scale = SPARK_WIDTH / (high - low)
    drawn = _skyline(bars, lambda value: (value - low) * scale, SPARK_HEIGHT, (SPARK_HEIGHT - 2) / most)
    return Svg(f"{_open(f'0 0 {SPARK_WIDTH} {SPARK_HEIGHT}', what, 'spark')}{drawn}</svg>")


def _skyline(bars: Sequence[Bar], x: Callable[[float], float], base: float, scale: float) -> str:
    """Return bars that touch one another as one short path."""
    path, end = "", math.nan
    for bar in bars:
        # A single row among millions is still a row.
        top = base - max(bar.rows * scale, 1.0) if bar.rows else base
        path += "" if bar.lower == end else f"{f'V{_at(base)}' if path else ''}M{_at(x(bar.lower))} {_at(base)}"
        path += f"V{_at(top)}H{_at(x(bar.upper))}"
        end = bar.upper
    return f'<path class="bar" d="{path}V{_at(base)}z"/>'


def trend(values: Sequence[float | None], labels: Sequence[str], what: str, *, spoken: bool = True) -> Svg:
    """Return the course of a number over batches, with gaps where it is missing; empty below two values."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return Svg()
    low, high = min(value for _, value in known), max(value for _, value in known)
    pad, step = 4, (TREND_WIDTH - 8) / max(len(values) - 1, 1)

    def at(index: int, value: float) -> tuple[str, str]:
        # Halved first: the distance of two finite numbers may not be finite.
        spread = high / 2 - low / 2
        place = (value / 2 - low / 2) / spread if spread else 0.5
        return _at(pad + step * index), _at(pad + (TREND_HEIGHT - 2 * pad) * (1 - place))

    path, before = "", -2
    for index, value in known:
        left, top = at(index, value)
        path += f"{'L' if index == before + 1 else 'M'}{left} {top}" + ("" if index == before + 1 else "h0")
        before = index
    found = [
        _open(f"0 0 {TREND_WIDTH} {TREND_HEIGHT}", f"{what} over {len(values)} batches: from {figure(low)} to {figure(high)}", "trend"),
        f'<path class="line" d="{path}"/>',
    ]
    if spoken:
        for index, value in known:
            left, top = at(index, value)
            found.append(f'<circle cx="{left}" cy="{top}" r="6"><title>{escape(shown(labels[index], NAME_LENGTH).text)}: {figure(value)}</title></circle>')
    left, top = at(*known[-1])
    found.append(f'<path class="last" d="M{left} {top}h0"/>')
    return Svg("".join(found) + "</svg>")


def heat(shares: Sequence[float | None], labels: Sequence[str], what: str) -> Svg:
    """Return one line of the map of missing values: a cell per batch, the darker the more is missing; a batch that was not seen is left out."""
    wide = CELL_WIDTH / max(len(shares), 1)
    gap = 1 if wide > 4 else 0
    found = [_open(f"0 0 {CELL_WIDTH} {CELL_HEIGHT}", what, "heat")[:-1] + ' preserveAspectRatio="none">']
    cells = [(share, [index for index, _ in group]) for share, group in itertools.groupby(enumerate(shares), key=lambda cell: cell[1])]
    for share, places in cells:
        if share is None:
            continue
        # Neighbours of the same share are one cell, else a long history of a wide table weighs megabytes.
        first, last = places[0], places[-1]
        said = shown(labels[first], NAME_LENGTH).text + (f" to {shown(labels[last], NAME_LENGTH).text}" if last > first else "")
        left, cell = _at(first * wide), _at((last - first + 1) * wide - gap)
        shade = sum(share > least for least in SHADES)
        found.append(f'<path class="s{shade}" d="M{left} 0h{cell}v{CELL_HEIGHT}H{left}z"><title>{escape(said)}: {percent(share)} missing</title></path>')
    return Svg("".join(found) + "</svg>")
