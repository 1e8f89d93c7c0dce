"""Bands and ranges over series of known nature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_assets.calibration.limits import MINIMUM_BATCHES, Scale, backward, band, forward, is_closed, value_range
from dq_assets.records.tests import Bound, Thresholds


def _noise(seed, center, spread, length=60):
    return (center + spread * np.random.default_rng(seed).standard_normal(length)).tolist()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("scale", "center", "spread"), [(Scale.COUNT, 1000, 30), (Scale.SHARE, 0.2, 0.02), (Scale.MEASURE, -5, 1)])
def test_a_band_from_even_noise_holds_and_lets_the_next_batches_in(scale, center, spread, seed):
    series = _noise(seed, center, spread, 120)
    found = band(series[:60], scale)

    assert found.holds
    assert all(found.low <= value <= found.high for value in series[60:])


@pytest.mark.parametrize(("scale", "center", "spread", "broken"), [(Scale.COUNT, 1000, 30, 300), (Scale.SHARE, 0.2, 0.02, 0.6), (Scale.MEASURE, -5, 1, 10)])
def test_a_band_does_not_let_in_what_never_was(scale, center, spread, broken):
    found = band(_noise(1, center, spread), scale)

    assert not found.low <= broken <= found.high


def test_a_slow_trend_is_followed():
    found = band([1000 + 5 * day for day in range(60)], Scale.COUNT)

    assert found.holds
    assert found.low < 1000 + 5 * 60 < found.high


def test_a_steep_change_of_nature_is_dropped_with_its_figures():
    found = band([10.0 + 0.1 * (i % 3) for i in range(40)] + [10.0 * 1.5**i for i in range(20)], Scale.MEASURE)

    assert not found.holds
    assert 0 < found.alarms <= found.tested


def test_a_week_with_quiet_sundays_is_followed():
    found = band([1000 if day % 7 else 400 for day in range(63)], Scale.COUNT)

    assert found.holds
    assert found.low < 400
    assert found.high > 1000


@pytest.mark.parametrize("scale", Scale)
def test_a_short_or_motionless_series_has_no_band(scale):
    assert band(_noise(1, 0.5, 0.01, MINIMUM_BATCHES - 1), scale) is None
    assert band([0.25] * 60, scale) is None
    assert band(_noise(1, 0.5, 0.01, MINIMUM_BATCHES), scale) is not None


def test_limits_stay_where_the_metric_can_be():
    counts, shares = band([0, 3] * 20, Scale.COUNT), band([0.0, 0.4] * 20, Scale.SHARE)

    assert counts.low >= 0
    assert 0 <= shares.low < shares.high <= 1


def test_a_counter_has_no_range_that_holds():
    assert not value_range([100.0 * i for i in range(30)], [100.0 * i + 99 for i in range(30)]).holds


def test_a_range_has_a_margin_and_never_crosses_zero():
    found = value_range([1.0] * 30, [9.0] * 30)
    below = value_range([-9.0] * 30, [-1.0] * 30)

    assert (found.low, found.high, found.holds) == (0.0, 11.0, True)
    assert (below.low, below.high) == (-11.0, 0.0)
    assert value_range([5.0] * 30, [5.0] * 30) is None
    assert value_range([1.0] * 13, [9.0] * 13) is None


@pytest.mark.parametrize(
    ("first_seen", "batches", "closed"),
    [([0, 0, 6], 14, True), ([0, 7], 14, False), ([0, 13], 30, True), ([0, 15], 30, False), ([0], 13, False), ([], 30, False)],
)
def test_a_domain_is_closed_when_nothing_new_came_in_the_second_half(first_seen, batches, closed):
    assert is_closed(first_seen, batches) is closed


@given(st.sampled_from(Scale), st.floats(0, 1), st.floats(0, 1e12))
def test_a_scale_can_be_undone(scale, share, number):
    value = share if scale is Scale.SHARE else number

    assert math.isclose(backward(float(forward([value], scale)[0]), scale), value, rel_tol=1e-9, abs_tol=1e-12)


@given(st.sampled_from(Scale), st.floats(0, 1), st.floats(0, 1))
def test_a_scale_keeps_order(scale, one, other):
    low, high = sorted((one, other))

    assert forward([low], scale)[0] <= forward([high], scale)[0]


NUMBERS = st.floats(-1e9, 1e9)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_bound_includes_its_ends_and_nothing_beyond(one, other, value):
    low, high = sorted((one, other))
    bound = Bound(minimum=low, maximum=high)

    assert bound.allows(low)
    assert bound.allows(high)
    assert bound.allows(value) == (low <= value <= high)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_the_further_out_a_value_the_worse_its_severity(warning, error, fatal, one, other):
    highs = sorted((warning, error, fatal))
    thresholds = Thresholds(**{name: Bound(maximum=high) for name, high in zip(("warning", "error", "fatal"), highs, strict=True)})
    ranks = [found.rank if (found := thresholds.broken(value)) else -1 for value in sorted((one, other))]

    assert ranks == sorted(ranks)
