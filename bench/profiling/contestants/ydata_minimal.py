"""The description that a minimal report of ydata-profiling is drawn from, without drawing it.

What is no single number (frequencies, a histogram, first rows) counts as one statistic; what says how the column was handled counts as none.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from _child import run
from _read_frame import read_frame
from ydata_profiling import ProfileReport

HANDLING = {"type", "hashable", "ordering", "cast_type", "memory_size"}


def _profile(frame: pd.DataFrame) -> Any:
    return ProfileReport(frame, minimal=True, progress_bar=False).get_description()


def _count(found: Any) -> dict[str, tuple[int, int]]:
    return {name: (sum(_is_there(value) for key, value in column.items() if key not in HANDLING), 0) for name, column in found.variables.items()}


def _is_there(value: Any) -> bool:
    return len(value) > 0 if hasattr(value, "__len__") else not pd.isna(value)


run(read_frame, lambda frame: _profile(frame.head(10)), _profile, _count, ["ydata-profiling", "pandas", "numpy"])
