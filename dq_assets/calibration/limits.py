"""Robust bands over the series of a metric: predict one step ahead, bound by the largest step ever seen.

Decision: a batch is compared with the median of the seven before it, on a scale where the noise is even (logarithm for counts,
arcsine of the root for shares, plain for measures). The limit is ``max(6 s, 1.6 max|e|)`` of the steps ``e``, with s = 1.4826 · MAD(e)
(Rousseeuw & Croux 1993), and a band is kept only if a limit drawn from the first 70 % of the history holds on the rest. It is
simple on purpose: one function, to be replaced as a whole.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dq_assets.records.base import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 7
"""Batches whose median predicts the next."""
MINIMUM_BATCHES = 14
"""Below this many batches no band is proposed."""
SIGMAS, STRETCH = 6.0, 1.6
TRAINING_SHARE, ALLOWED_ALARMS = 0.7, 0.05
MAD_TO_SIGMA = 1.4826


Numbers = npt.NDArray[np.float64]


class Scale(StrEnum):
    """The scale on which a metric's noise is even."""

    COUNT = "count"
    SHARE = "share"
    MEASURE = "measure"


class Band(Record):
    """Limits of the next batches, with what the history says of them.

    ``batches`` values were learned from; of the ``tested`` later ones of the back-test, ``alarms`` lay outside.
    """

    low: float
    high: float
    center: float
    batches: int
    tested: int
    alarms: int

    @property
    def holds(self) -> bool:
        """Whether at most 5 % of the back-tested batches lay outside."""
        return self.alarms <= ALLOWED_ALARMS * self.tested


def forward(values: Sequence[float], scale: Scale) -> Numbers:
    """Return values on their even scale; counts ≥ 0, shares in [0, 1]."""
    array: Numbers = np.asarray(values, dtype=float)
    if scale is Scale.COUNT:
        array = np.log1p(array)
    if scale is Scale.SHARE:
        array = 2 * np.arcsin(np.sqrt(np.clip(array, 0, 1)))
    return array


def backward(value: float, scale: Scale) -> float:
    """Return a value of the even scale in the metric's own unit."""
    if scale is Scale.COUNT:
        return math.expm1(value)
    if scale is Scale.SHARE:
        return math.sin(min(max(value, 0.0), math.pi) / 2) ** 2
    return value


def _steps(series: Numbers) -> Numbers:
    medians = np.array([np.median(series[i - WINDOW : i]) for i in range(WINDOW, len(series))])
    steps: Numbers = series[WINDOW:] - medians
    return steps


def _limit(steps: Numbers) -> float:
    spread = MAD_TO_SIGMA * float(np.median(np.abs(steps - np.median(steps))))
    return max(SIGMAS * spread, STRETCH * float(np.max(np.abs(steps))))


def band(values: Sequence[float], scale: Scale) -> Band | None:
    """Return the band for the next batches.

    Args:
        values: the metric per batch in data time, without gaps or NaN.
        scale: the scale on which its noise is even.

    Returns:
        The band in the metric's own unit, or None with fewer than 14 batches or a metric that never moved.
    """
    if len(values) < MINIMUM_BATCHES:
        return None
    series = forward(values, scale)
    steps = _steps(series)
    limit = _limit(steps)
    if limit == 0:
        return None
    train = max(1, int(len(steps) * TRAINING_SHARE))
    later = np.abs(steps[train:])
    center = float(np.median(series[-WINDOW:]))
    return Band(
        low=backward(center - limit, scale) if scale is not Scale.COUNT else max(0.0, backward(center - limit, scale)),
        high=backward(center + limit, scale),
        center=backward(center, scale),
        batches=len(values),
        tested=len(later),
        alarms=int(np.sum(later > _limit(steps[:train]))),
    )


class Range(Record):
    """A range that no value of the history left, with a margin, and its back-test."""

    low: float
    high: float
    batches: int
    tested: int
    alarms: int

    @property
    def holds(self) -> bool:
        """Whether at most 5 % of the back-tested batches left the range of those before."""
        return self.alarms <= ALLOWED_ALARMS * self.tested


MARGIN = 0.25


def _with_margin(low: float, high: float) -> tuple[float, float]:
    margin = MARGIN * (high - low)
    return (0.0 if low >= 0 and low - margin < 0 else low - margin), (0.0 if high <= 0 and high + margin > 0 else high + margin)


def value_range(minima: Sequence[float], maxima: Sequence[float]) -> Range | None:
    """Return the range of values seen in any batch, widened by a quarter of its width but never across zero.

    Args:
        minima: smallest value per batch, in data time.
        maxima: largest value per batch.

    Returns:
        None with fewer than 14 batches, or when the column holds one value only.
    """
    if len(minima) < MINIMUM_BATCHES or min(minima) == max(maxima):
        return None
    train = int(len(minima) * TRAINING_SHARE)
    low, high = _with_margin(min(minima[:train]), max(maxima[:train]))
    alarms = sum(1 for lowest, highest in zip(minima[train:], maxima[train:], strict=True) if lowest < low or highest > high)
    final_low, final_high = _with_margin(min(minima), max(maxima))
    return Range(low=final_low, high=final_high, batches=len(minima), tested=len(minima) - train, alarms=alarms)


def is_closed(first_seen: Sequence[int], batches: int) -> bool:
    """Whether a set of values stopped growing: each was first seen in the first half of ``batches`` (positions from 0)."""
    return batches >= MINIMUM_BATCHES and max(first_seen, default=batches) < batches / 2
