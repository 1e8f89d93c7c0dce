"""States of columns: merging the states of parts gives the state of the whole."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_assets.profiling.column_states import (
    KEPT_VALUES,
    SKETCH_SIZE,
    ColumnState,
    Moments,
    Seen,
    counts_of,
    hashed_value,
    merged,
    sketch_of,
)

texts = st.text(alphabet="abcé☃ ", max_size=3)


def state(values: list[str], batch: str | None = None, *, hashed: bool = False, limit: int = KEPT_VALUES) -> ColumnState:
    seen = {value: Seen(rows=values.count(value), first_batch=batch) for value in set(values)}
    return ColumnState(rows=len(values), values=counts_of(seen, limit, hashed=hashed), sketch=sketch_of(set(values)))


@given(st.lists(texts), st.lists(texts), st.booleans())
def test_states_of_parts_merge_into_the_state_of_the_whole(one, other, hashed):
    assert merged(state(one, hashed=hashed), state(other, hashed=hashed)) == state(one + other, hashed=hashed)


@given(st.lists(texts, min_size=1), st.lists(texts, min_size=1))
def test_the_first_batch_of_a_value_is_the_earliest(one, other):
    both = merged(state(other, "2024-01-02"), state(one, "2024-01-01"))
    assert {value: seen.first_batch for value, seen in both.values.seen.items()} == {
        value: "2024-01-01" if value in one else "2024-01-02" for value in {*one, *other}
    }


def test_once_hashed_always_hashed():
    both = merged(state(["ann", "bob"], hashed=True), state(["ann"]))
    assert both.values.hashed
    assert both.values.seen == {hashed_value("ann"): Seen(rows=2), hashed_value("bob"): Seen(rows=1)}


def test_more_values_than_are_kept_are_said_to_be_incomplete_and_the_frequent_ones_stay():
    some = state([f"v{i}" for i in range(5)] + ["often"] * 3, limit=3)
    assert (some.values.complete, next(iter(some.values.seen))) == (False, "often")
    assert not merged(some, state(["a"])).values.complete


@pytest.mark.parametrize("distinct", [100, 5_000, 50_000])
def test_a_sketch_tells_the_number_of_values(distinct):
    halves = [sketch_of(f"value {i}" for i in range(start, distinct, 2)) for start in (0, 1)]
    found = merged(ColumnState(rows=1, sketch=halves[0]), ColumnState(rows=1, sketch=halves[1])).distinct
    assert found == pytest.approx(distinct, rel=0 if distinct < SKETCH_SIZE else 4 / math.sqrt(SKETCH_SIZE))


numbers = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30)


def moments(values: list[float]) -> Moments:
    mean = statistics.fmean(values)
    return Moments(count=len(values), mean=mean, squares=math.fsum((value - mean) ** 2 for value in values), low=min(values), high=max(values))


@given(numbers, numbers)
def test_moments_of_parts_merge_into_those_of_the_whole(one, other):
    both = merged(ColumnState(rows=1, numbers=moments(one)), ColumnState(rows=1, numbers=moments(other))).numbers
    whole = moments(one + other)
    assert (both.count, both.low, both.high) == (whole.count, whole.low, whole.high)
    assert both.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    assert both.stddev == pytest.approx(whole.stddev, rel=1e-6, abs=1e-4)


def test_moments_keep_their_digits_far_from_zero():
    far = [1e9 + value for value in (4.0, 7.0, 13.0, 16.0)]
    both = merged(ColumnState(rows=2, numbers=moments(far[:2])), ColumnState(rows=2, numbers=moments(far[2:]))).numbers
    assert both.stddev == pytest.approx(statistics.stdev(far), rel=1e-12)
