"""Which values may leave the engine, and in what form.

Decision: one object decides for a table, and everything that carries a value passes it (top values, minima, failing rows, messages). Personal
data is recognised by column name and by the share of e-mail addresses; a lone column is enough.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dq_assets.profiling.metrics import QUANTILES
from dq_assets.records.base import Record
from dq_assets.records.enums import GeneralType, StoreValues

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dq_assets.records.profiles import ColumnProfile

MASK = "***"
EMAIL_SHARE = 0.5

_NAMES = (
    (
        "A/ID",
        r"ssn|social_?security|passport|tax_?(id|payer|number)|national_?id|driver_?licen[cs]e|iban|swift|credit_?card|card_?(no|num|number)|account_?(no|num|number)|pass(word|wd)|pin_?code",
    ),
    ("B/DEMO", r"birth|dob|gender|ethnic|religion|marital|salary|medical|diagnos|health"),
    ("B/CONTACT", r"e_?mail|phone|mobile|fax|street|address|postal|zip_?code"),
    ("B/NAME", r"(first|last|middle|full|given|family|sur|maiden|customer|contact|person|user)_?name"),
    ("C/ID", r"ip_?addr|user_?agent|device_?id|mac_?addr"),
)
_PATTERNS = tuple((risk, re.compile(rf"(^|[^a-z])({pattern})([^a-z]|$)")) for risk, pattern in _NAMES)


def pii_risk(column_name: str, general_type: GeneralType, *, values: int, emails: int) -> str | None:
    """Return risk and group of personal data (``A`` high to ``C`` low, as in ``B/CONTACT``), or None.

    Args:
        column_name: looked at in lower case with camelCase split.
        general_type: booleans are never personal.
        values: non-null rows.
        emails: of these, e-mail addresses.
    """
    if general_type is GeneralType.BOOLEAN:
        return None
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column_name).lower()
    for risk, pattern in _PATTERNS:
        if pattern.search(name):
            return risk
    return "B/CONTACT" if values and emails / values > EMAIL_SHARE else None


class ValuePolicy(Record):
    """What ``store_values`` means for one table."""

    store_values: StoreValues
    pii_columns: frozenset[str] = frozenset()

    def may_store(self, column: str) -> bool:
        """Whether values of the column may be kept as they are."""
        return self.store_values is StoreValues.ALL or (self.store_values is StoreValues.MASKED and column not in self.pii_columns)

    def text(self, column: str, value: object) -> str | None:
        """Return the value as text, ``***`` where the column is personal, None where no value may be kept."""
        if value is None or self.store_values is StoreValues.NONE:
            return None
        return str(value) if self.may_store(column) else MASK

    def row(self, row: Mapping[str, object]) -> dict[str, object]:
        """Return a sampled row with each value passed through ``text`` (None stays None, so that a null can be seen)."""
        return {name: value if self._is_plain(value) and self.may_store(name) else self.text(name, value) for name, value in row.items()}

    @staticmethod
    def _is_plain(value: object) -> bool:
        return value is None or (isinstance(value, (bool, int, float, str)) and value == value)  # noqa: PLR0124 - NaN is no JSON


VALUES_OF_THE_DATA = frozenset(
    {"min_number", "max_number", "min_positive", "sum_value", "fractional_sum", "avg_value", "stddev_value", "min_step", "max_step", *QUANTILES}
)
"""Metrics that are values of the column, or give them away where rows are few; kept only where values may be."""
DATES_OF_THE_DATA = frozenset({"min_date_days", "max_date_days"})
"""Metrics from which a date of a personal column could be computed."""


def masked(column: ColumnProfile, policy: ValuePolicy, batch_column: str | None = None) -> ColumnProfile:
    """Return a column's profile with what may be kept of its values.

    The keys of the batches say as much of the batch column as its newest date does, so that is kept.
    """
    if policy.may_store(column.column_name):
        return column
    hidden = VALUES_OF_THE_DATA | {"domain", "shapes"} | (frozenset() if column.column_name == batch_column else DATES_OF_THE_DATA)
    return column.model_copy(
        update={
            "min_value": policy.text(column.column_name, column.min_value),
            "max_value": policy.text(column.column_name, column.max_value),
            "avg_value": None,
            "stddev_value": None,
            "percentiles": {},
            "histogram": (),
            "shapes": (),
            "lengths": (),
            "top_values": tuple(
                value.model_copy(update={"value": text}) for value in column.top_values if (text := policy.text(column.column_name, value.value)) is not None
            ),
            "metrics": {name: value for name, value in column.metrics.items() if name not in hidden},
            "approximations": {name: value for name, value in column.approximations.items() if name not in hidden},
        }
    )


def policy_for(store_values: StoreValues, pii_columns: Collection[str]) -> ValuePolicy:
    """Return the policy of a table whose personal columns are known."""
    return ValuePolicy(store_values=store_values, pii_columns=frozenset(pii_columns))
