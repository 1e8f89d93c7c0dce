"""From a measure to a verdict and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dq_assets.records.enums import Severity, Verdict
from dq_assets.records.tests import Test, Unit
from dq_assets.rules.catalogue import Form, RuleType, rule_type

if TYPE_CHECKING:
    from decimal import Decimal


class Measured(NamedTuple):
    """What the engine answered for one test and batch; ``measure`` keeps the engine's exact number."""

    measure: int | float | Decimal | None
    rows_tested: int | None


class Judgement(NamedTuple):
    """A verdict with its severity (None when nothing failed) and the sentence that explains it."""

    verdict: Verdict
    severity: Severity | None
    message: str
    failed_rows: int | None
    expected: str
    actual: str | None


def judge(test: Test, rule: RuleType, measured: Measured) -> Judgement:
    """Compare a measure with the test's bounds.

    A batch without rows is ``skipped`` by every rule but those that count rows; a measure that is NULL is ``skipped``
    too, since there was nothing to judge.
    """
    expected = expectation(test)
    counts_rows = rule.name == "Row_Ct" or not rule.per_batch
    if measured.measure is None or (measured.rows_tested == 0 and not counts_rows):
        return Judgement(Verdict.SKIPPED, None, "there were no rows to judge", None, expected, None)
    number = float(measured.measure)
    has_rows = rule.form in (Form.PREDICATE, Form.REFERENCE, Form.QUERY) or bool(rule.failing_rows)
    failed = int(number) if has_rows else None
    compared = number / measured.rows_tested if test.thresholds.unit is Unit.SHARE and measured.rows_tested else number
    broken = None if failed is not None and failed < test.thresholds.support else test.thresholds.broken(compared)
    actual = exact_text(measured.measure)
    if broken is None:
        return Judgement(Verdict.PASS, None, "", failed, expected, actual)
    sentence = rule.says.format(
        rows=f"{failed:,}" if failed is not None else actual,
        column=test.column_name or "the columns",
        measure=f"{number:,.6g}",
        expected=expected,
        **{name: value for name, value in test.parameters.items() if name in rule.parameters},
    )
    if failed is not None and measured.rows_tested:
        sentence += f" ({failed / measured.rows_tested:.2%} of {measured.rows_tested:,})"
    verdict = {Severity.WARNING: Verdict.WARN, Severity.INFO: Verdict.PASS}.get(broken, Verdict.FAIL)
    return Judgement(verdict, broken, sentence, failed, expected, actual)


def expectation(test: Test) -> str:
    """Return the bound of the highest severity in words, as in ``at most 0`` or ``634 to 1,120``."""
    bound = test.thresholds.worst
    if bound is None:
        return "anything"
    counted = "columns" if rule_type(test.rule_type).form is Form.METADATA else "rows"
    low, high = (None if end is None else _in_words(end, test.thresholds.unit, counted) for end in (bound.minimum, bound.maximum))
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _in_words(end: float, unit: Unit, counted: str) -> str:
    return f"{100 * end:.6g} % of the {counted}" if unit is Unit.SHARE else f"{end:,.6g}{f' {counted}' if unit is Unit.COUNT else ''}"


def exact_text(measure: float | Decimal) -> str:
    """Return a measure as text without losing a digit."""
    return str(measure) if not isinstance(measure, float) else repr(measure)
