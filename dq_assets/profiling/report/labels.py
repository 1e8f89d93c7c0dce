"""What the metrics of the catalogue are called in the report, and in which order people want them.

Decision: names for people live here, apart from the catalogue, whose names are for programs. A metric without a row here appears all the same, under its
own name in the last group, so that a new metric is never lost.
"""

from __future__ import annotations

from dq_assets.profiling.report.text import shown

GROUPS: dict[str, dict[str, str]] = {
    "Filled and distinct": {
        "null_count": "Missing (NULL)",
        "distinct_count": "Distinct values",
        "unique_count": "Values that occur once",
        "duplicated_count": "Values that repeat",
        "max_frequency": "Most frequent value",
        "mode_share": "Share of the most frequent value",
        "entropy": "Entropy",
    },
    "Numbers": {
        "min_value": "Smallest value",
        "max_value": "Largest value",
        "min_number": "Smallest finite number",
        "max_number": "Largest finite number",
        "min_positive": "Smallest above zero",
        "sum_value": "Sum",
        "avg_value": "Mean",
        "stddev_value": "Standard deviation",
        "fractional_sum": "Sum of the decimals",
        "fractional_count": "With decimals",
        "zero_count": "Zero",
        "negative_count": "Negative",
        "nan_count": "Not a number (NaN)",
        "infinite_count": "Infinite",
        "minus_infinite_count": "Minus infinite",
        "non_finite_count": "NaN or infinite",
    },
    "Quantiles": {
        "p01": "1 % quantile",
        "p05": "5 % quantile",
        "p25": "First quartile (25 %)",
        "p50": "Median (50 %)",
        "p75": "Third quartile (75 %)",
        "p95": "95 % quantile",
        "p99": "99 % quantile",
    },
    "Order and steps": {
        "order": "Order of the rows",
        "min_step": "Smallest step between values",
        "max_step": "Largest step between values",
    },
    "Length": {
        "min_length": "Shortest",
        "max_length": "Longest",
        "avg_length": "Mean",
        "zero_length_count": "Empty text",
        "min_size": "Fewest elements",
        "max_size": "Most elements",
        "avg_size": "Mean number of elements",
        "empty_count": "Without elements",
    },
    "Spaces and fillers": {
        "blank_count": "Only spaces",
        "leading_space_count": "Leading spaces",
        "trailing_space_count": "Trailing spaces",
        "embedded_space_count": "Spaces inside",
        "avg_embedded_spaces": "Mean number of spaces inside",
        "double_space_count": "Two spaces in a row",
        "quoted_count": "In quotes",
        "dummy_count": "Filler words (n/a, unknown, …)",
    },
    "Letters and characters": {
        "includes_digit_count": "With a digit",
        "upper_case_count": "Upper case",
        "lower_case_count": "Lower case",
        "mixed_case_count": "Mixed case",
        "non_alpha_count": "Without letters",
        "non_ascii_count": "Beyond ASCII",
        "non_printing_count": "Control characters",
        "zero_width_count": "Zero-width characters",
        "mojibake_count": "Wrongly decoded (mojibake)",
    },
    "What the text holds": {
        "numeric_count": "Numbers",
        "zero_count": "Zero",
        "date_count": "Dates",
        "email_count": "E-mail addresses",
        "json_count": "JSON",
        "delimited_count": "Delimited lists",
        "standardized_distinct_count": "Distinct without case and punctuation",
        "shape_count": "Distinct shapes",
        "format": "Dominant format",
        "format_departure_count": "Not of the dominant format",
        "format_departure_share": "Share not of the dominant format",
    },
    "Time": {
        "min_date_days": "Age of the earliest",
        "max_date_days": "Age of the latest",
        "future_date_count": "In the future",
        "distant_future_count": "More than 20 years ahead",
        "within_1_month_count": "Within the last month",
        "within_1_year_count": "Within the last year",
        "before_1_year_count": "Older than a year",
        "before_5_years_count": "Older than 5 years",
        "before_20_years_count": "Older than 20 years",
        "before_100_years_count": "Older than 100 years",
        "before_1900_count": "Before 1900",
        "midnight_count": "At midnight",
        "distinct_days": "Days with a value",
        "distinct_weeks": "Weeks with a value",
        "distinct_months": "Months with a value",
        "missing_days": "Days without a value",
        "missing_weeks": "Weeks without a value",
        "missing_months": "Months without a value",
        "longest_gap_days": "Longest gap",
    },
    "Yes and no": {"true_count": "True", "false_count": "False"},
    "Table": {"row_count": "Rows", "duplicate_row_count": "Duplicate rows"},
}
FURTHER = "Further"
MISSING_SHARE = "missing_share"
"""A number of the report's own: NULLs by rows, which can be compared between batches of different size."""

LABELS: dict[str, str] = {MISSING_SHARE: "Share missing", **{name: label for group in GROUPS.values() for name, label in group.items()}}


def label_of(metric: str) -> str:
    """Return what the report calls a metric."""
    return LABELS.get(metric) or shown(metric.replace("_", " ").capitalize()).text
