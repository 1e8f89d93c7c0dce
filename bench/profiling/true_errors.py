"""How far the approximate metrics of a column are from the truth: `python true_errors.py JOB`, where JOB is JSON with `database` and `table`, prints JSON.

The profile is taken of a table of one text column; every approximated metric that is a number is then computed exactly by the SQL below. Nothing is timed.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import duckdb

from dq_assets import profile

LOWER, UPPER = r"[\p{Ll}\p{Lo}\p{Lm}]", r"[\p{Lu}\p{Lt}]"

OVER_ROWS = {
    "null_count": "count(*) FILTER (c IS NULL)",
    "min_length": "min(length(c))",
    "max_length": "max(length(c))",
    "avg_length": "avg(length(c))",
    "zero_length_count": "count(*) FILTER (c = '')",
    "blank_count": "count(*) FILTER (c <> '' AND trim(c) = '')",
    "leading_space_count": "count(*) FILTER (c LIKE ' %')",
    "trailing_space_count": "count(*) FILTER (c LIKE '% ')",
    "embedded_space_count": "count(*) FILTER (trim(c) LIKE '% %')",
    "avg_embedded_spaces": "avg(length(trim(c)) - length(replace(trim(c), ' ', '')))",
    "double_space_count": "count(*) FILTER (trim(c) LIKE '%  %')",
    "includes_digit_count": "count(*) FILTER (regexp_matches(c, '[0-9]'))",
    "upper_case_count": f"count(*) FILTER (regexp_matches(c, '{UPPER}') AND NOT regexp_matches(c, '{LOWER}'))",
    "lower_case_count": f"count(*) FILTER (regexp_matches(c, '{LOWER}') AND NOT regexp_matches(c, '{UPPER}'))",
    "mixed_case_count": f"count(*) FILTER (regexp_matches(c, '{LOWER}') AND regexp_matches(c, '{UPPER}'))",
    "non_alpha_count": f"count(*) FILTER (NOT regexp_matches(c, '{LOWER}') AND NOT regexp_matches(c, '{UPPER}'))",
    "non_ascii_count": "count(*) FILTER (strlen(c) <> length(c))",
    "numeric_count": r"count(*) FILTER (regexp_matches(c, '^\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*$'))",
    "email_count": r"count(*) FILTER (regexp_matches(c, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$'))",
    "standardized_distinct_count": """count(DISTINCT upper(translate(c, ' "''.-', '')))""",
}
"""Metric → SQL over the rows, ``c`` being the column."""
OVER_VALUES = {
    "distinct_count": "count(*)",
    "unique_count": "count(*) FILTER (n = 1)",
    "duplicated_count": "count(*) FILTER (n > 1)",
    "max_frequency": "max(n)",
    "mode_share": "max(n) / sum(n)",
    "entropy": "log2(sum(n)) - sum(n * log2(n)) / sum(n)",
}
"""Metric → SQL over the distinct values, ``n`` being the rows that hold one."""


def true_errors(database: str, table: str) -> list[dict[str, Any]]:
    """Return for each approximated number of the only column: what the profile says, its interval, the truth, and how far off it is."""
    (column,) = profile(database, table=table).columns
    said = {name: column.value(name) for name in column.approximations}
    numbers = {name: value for name, value in said.items() if isinstance(value, (int, float)) and not isinstance(value, bool)}
    with duckdb.connect(database, read_only=True) as connection:
        truths = _exact(connection, table, set(numbers))
    return [_compared(name, value, column.approximations[name], truths.get(name)) for name, value in numbers.items()]


def _exact(connection: duckdb.DuckDBPyConnection, table: str, names: set[str]) -> dict[str, float]:
    (column,) = connection.table(table).columns
    rows = f'(SELECT "{column}" AS c FROM {table})'  # noqa: S608 - names of ours
    values = f"(SELECT count(*) AS n FROM {rows} WHERE c IS NOT NULL GROUP BY c)"  # noqa: S608 - as above
    found: dict[str, float] = {}
    for metrics, relation in ((OVER_ROWS, rows), (OVER_VALUES, values)):
        asked = sorted(names & set(metrics))
        if asked:
            answers = connection.execute(f"SELECT {', '.join(metrics[name] for name in asked)} FROM {relation}").fetchall()[0]  # noqa: S608 - as above
            found |= {name: float(answer) for name, answer in zip(asked, answers, strict=True)}
    return found


def _compared(name: str, said: float, estimate: Any, truth: float | None) -> dict[str, Any]:
    low, high = estimate.low, estimate.high
    compared = {"metric": name, "quality": str(estimate.quality), "said": said, "low": low, "high": high, "truth": truth}
    if truth is None:
        return compared | {"reason": "no SQL for it here"}
    error = None if truth == 0 and said else abs(said - truth) / (abs(truth) or 1)
    return compared | {"relative_error": error, "covered": None if low is None or high is None else low <= truth <= high}


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    print(json.dumps(true_errors(wanted["database"], wanted["table"])))
