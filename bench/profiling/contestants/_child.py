"""What every contestant does: open the data, warm up on ten rows of it, profile it between two looks at the clock, print one line of JSON.

It runs in the environment of each contestant, hence on the standard library alone. CPU is user and system time of all threads of the process.
"""

from __future__ import annotations

import importlib.metadata
import json
import resource
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WARMED = "the same on ten rows of the table: libraries, compiled code and cached SQL are loaded"


def run(
    open_data: Callable[[dict[str, Any]], Any],
    warm_up: Callable[[Any], object],
    profile: Callable[[Any], Any],
    count: Callable[[Any], dict[str, tuple[int, int]]],
    packages: Sequence[str],
    notes: Callable[[Any], dict[str, object]] = lambda _: {},
) -> None:
    """Measure one contestant and print.

    Args:
        open_data: from the job (``database``, ``parquet``, ``table``, ``options``) to whatever the other functions take.
        warm_up: profiles ten rows, so that what is loaded or compiled once is not counted.
        profile: what is measured.
        count: from what was found to exact and estimated statistics of each column, where None, NaN and empty count as none at all.
        packages: whose versions are of interest.
        notes: what else is to be known of what was found.
    """
    job = json.loads(sys.argv[1])
    opening = _clock()
    data = open_data(job)
    opened = _since(opening)
    warm_up(data)
    start = _clock()
    found = profile(data)
    inside = _since(start)
    statistics = count(found)
    versions = {"python": sys.version.split()[0]} | {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps({"inside": inside, "opening": opened, "warmed": WARMED, "statistics": statistics, "versions": versions, "notes": notes(found)}))


def _clock() -> tuple[float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, perf_counter()


def _since(start: tuple[float, float]) -> dict[str, float]:
    cpu, wall = _clock()
    return {"cpu": cpu - start[0], "wall": wall - start[1]}
