"""Polars' ``describe`` of a frame read from Parquet: a row per statistic, null where a type has none."""

from __future__ import annotations

import polars as pl
from _child import run


def _count(found: pl.DataFrame) -> dict[str, tuple[int, int]]:
    return {name: (int(found[name].count()), 0) for name in found.columns if name != "statistic"}


run(
    lambda job: pl.read_parquet(job["parquet"]),
    lambda frame: frame.head(10).describe(),
    pl.DataFrame.describe,
    _count,
    ["polars"],
)
