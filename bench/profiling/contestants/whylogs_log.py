"""What whylogs logs of a pandas frame, as its table. Cardinality, quantiles and frequent items come from sketches, hence are estimates."""

from __future__ import annotations

from typing import Any

import pandas as pd
import whylogs
from _child import run
from _read_frame import read_frame

ESTIMATED = ("cardinality/", "distribution/q_", "distribution/median", "frequent_items/")


def _profile(frame: pd.DataFrame) -> pd.DataFrame:
    return whylogs.log(pandas=frame).view().to_pandas()


def _count(found: pd.DataFrame) -> dict[str, tuple[int, int]]:
    counted = {}
    for name, row in found.iterrows():
        there = [key for key, value in row.items() if key != "type" and _is_there(value)]
        estimated = sum(key.startswith(ESTIMATED) for key in there)
        counted[str(name)] = (len(there) - estimated, estimated)
    return counted


def _is_there(value: Any) -> bool:
    return len(value) > 0 if isinstance(value, list) else not pd.isna(value)


run(read_frame, lambda frame: _profile(frame.head(10)), _profile, _count, ["whylogs", "pandas", "numpy"])
