"""Which tests to propose for a table, and why the others were dropped.

Decision: each rule type that can be learned has one proposer, listed in ``PROPOSERS``; a proposer reads evidence and answers with a candidate,
with the reason why not, or with nothing where the rule does not concern the column. A candidate whose back-test failed is dropped
with its figures: a test that moves by nature is worse than none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from dq_assets.calibration.limits import MINIMUM_BATCHES, Band, Range, Scale, band, is_closed, value_range
from dq_assets.profiling.metrics import DIGIT, LOWER, UPPER
from dq_assets.records.base import Record
from dq_assets.records.batches import Grain
from dq_assets.records.enums import GeneralType, Severity
from dq_assets.records.tests import Bound, Test, Thresholds, Unit
from dq_assets.rules.catalogue import RuleType, rule_type
from dq_assets.rules.evidence import ColumnEvidence, TableEvidence, is_identifier

if TYPE_CHECKING:
    from dq_assets.records.tables import TableGroup

MODEL_VERSION = "robust-steps-1"
NOVELTY_SHARE, NOVELTY_ROWS = 0.003, 2
"""Something never seen before counts from 2 rows and 0.3 % of the batch on: one stray row is no incident."""
REQUIRED_ROWS = 10
MOST_MISSING = 0.95
"""A bound on the missing share above this protects nothing."""
CONSTANT_SLACK = (23 / 24, 25 / 24)
"""A day on which the clocks change is 23 or 25 hours long; an hour of it comes twice."""
WHOLE_TABLE_SLACK = 0.5
"""A table with one known load may shrink or grow by half."""
RECENCY_STEPS = ((3, 3), (7, 7), (31, 14))
"""Slack in days by the largest gap seen, after TestGen's Recency; beyond, 30."""
RECENT_DAYS = 62


NOT_FINITE = "it holds NaN or infinities, which lie outside any range and list"


KEY_NAME = re.compile(r"(^|_|(?<=[a-z])(?=I))(id|ID|Id|key|no|nr|num|number|code)$")
"""Names of numbers that count nothing: their average says nothing either."""


class Candidate(NamedTuple):
    """A test in the making: its bounds, parameters, and the evidence for them."""

    thresholds: Thresholds
    parameters: dict[str, Any]
    evidence: dict[str, Any]


class Dropped(Record):
    """A test that was considered and not proposed."""

    rule_type: str
    table: str
    column: str | None
    reason: str


Answer = Candidate | str | None
ColumnProposer = Callable[[TableEvidence, ColumnEvidence], Answer]
TableProposer = Callable[[TableEvidence], Answer]


def _none_allowed(evidence: dict[str, Any], *, support: int = 0, share: float = 0.0, severity: Severity = Severity.ERROR, **parameters: Any) -> Candidate:
    bound = Bound(maximum=share)
    return Candidate(Thresholds(**{severity.value: bound}, unit=Unit.SHARE if share else Unit.COUNT, support=support), parameters, evidence)


def _backtested(found: Band | Range) -> str | None:
    return None if found.holds else f"it moves by nature: limits from the first batches were broken by {found.alarms} of the {found.tested} later ones"


def _short(evidence: TableEvidence) -> str | None:
    known = len(evidence.batch_keys)
    return f"{known} of {MINIMUM_BATCHES} batches are known" if known < MINIMUM_BATCHES else None


def _is_value_of_interest(table: TableEvidence, column: ColumnEvidence) -> bool:
    return column.may_store and column.name != table.table.batch.column and not table.is_calendar(column) and not is_identifier(column, table.rows)


def _required(table: TableEvidence, column: ColumnEvidence) -> Answer:
    if table.rows <= REQUIRED_ROWS or not column.always_zero("null_count"):
        return None
    return _none_allowed({"rows": table.rows, "nulls": 0})


def _missing_pct(table: TableEvidence, column: ColumnEvidence) -> Answer:
    nulls, rows = column.values("null_count"), table.row_counts
    if not any(nulls) or len(nulls) != len(rows):
        return None
    if short := _short(table):
        return short
    found = band([n / r for n, r in zip(nulls, rows, strict=True) if r], Scale.SHARE)
    if found is None or (reason := _backtested(found)):
        return reason if found else None
    if found.high > MOST_MISSING:
        return f"batches with up to {max(n / r for n, r in zip(nulls, rows, strict=True) if r):.0%} missing belong to the history"
    return Candidate(Thresholds(warning=Bound(maximum=found.high)), {}, {"band": found.model_dump()})


def _unique(table: TableEvidence, column: ColumnEvidence) -> Answer:
    rows, distinct = table.row_counts, column.values("distinct_count")
    if column.profile.general_type not in (GeneralType.TEXT, GeneralType.NUMBER) or len(rows) != len(distinct):
        return None
    if any(column.values("fractional_count")):
        return None
    return (
        _none_allowed({"rows": table.rows, "distinct": column.profile.distinct_count})
        if table.rows > REQUIRED_ROWS and all(r == d for r, d in zip(rows, distinct, strict=True))
        else None
    )


def _value_range(table: TableEvidence, column: ColumnEvidence) -> Answer:
    if column.profile.general_type is not GeneralType.NUMBER or not _is_value_of_interest(table, column):
        return None
    if short := _short(table):
        return short
    if isinstance(_lov_match(table, column), Candidate):
        return None
    if any(column.values("non_finite_count")):
        return NOT_FINITE
    found = value_range(column.values("min_number"), column.values("max_number"))
    if found is None or (reason := _backtested(found)):
        return reason if found else None
    return _none_allowed({"range": found.model_dump()}, support=NOVELTY_ROWS, share=NOVELTY_SHARE, minimum=found.low, maximum=found.high)


def _closed_domain(table: TableEvidence, column: ColumnEvidence, metric: str) -> list[str] | str | None:
    """Return the values of a closed domain, the reason why it is none, or None where no domain was taken."""
    domain = column.profile.metrics.get(metric)
    if not domain or not column.may_store:
        return None
    if short := _short(table):
        return short
    keys = {key: index for index, key in enumerate(table.batch_keys)}
    # What came up first in a batch that may not teach (it failed, waits for its verdict, or is not complete) is not known.
    learned = [entry for entry in domain if entry["first_batch"] in keys]
    if not learned:
        return None
    seen = [keys[entry["first_batch"]] for entry in learned]
    if not is_closed(seen, len(keys)):
        late = sum(1 for position in seen if position >= len(keys) / 2)
        return f"{late} of {len(learned)} values came up in the second half of the history, more will come"
    return [entry["value"] for entry in learned]


def _lov_match(table: TableEvidence, column: ColumnEvidence) -> Answer:
    if not _is_value_of_interest(table, column) or any(column.values("fractional_count")):
        return None
    values = _closed_domain(table, column, "domain")
    if not isinstance(values, list):
        return values
    if any(column.values("non_finite_count")):
        return NOT_FINITE
    typed = [_number(value) for value in values] if column.profile.general_type is GeneralType.NUMBER else values
    return _none_allowed({"values": len(values), "batches": len(table.batch_keys)}, support=NOVELTY_ROWS, share=NOVELTY_SHARE, allowed=typed)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return int(number) if number.is_integer() else number


def _pattern_match(table: TableEvidence, column: ColumnEvidence) -> Answer:
    if isinstance(_closed_domain(table, column, "domain"), list):
        return None
    shapes = _closed_domain(table, column, "shapes")
    if not isinstance(shapes, list):
        return shapes
    regex = "^(" + "|".join(_shape_regex(shape) for shape in sorted(shapes)) + ")$"
    return _none_allowed({"shapes": shapes, "batches": len(table.batch_keys)}, support=NOVELTY_ROWS, share=NOVELTY_SHARE, regex=regex)


def _shape_regex(shape: str) -> str:
    # An "a", "A" or "N" of a shape always stands for a class: a literal one would have become its class too.
    classes = {"a": LOWER, "A": UPPER, "N": DIGIT}
    runs = re.findall(r"(.)(\1*)", shape, flags=re.DOTALL)
    return "".join(classes.get(first, re.escape(first)) + (f"{{{len(rest) + 1}}}" if rest else "") for first, rest in runs)


def _valid_characters(table: TableEvidence, column: ColumnEvidence) -> Answer:
    if table.rows <= REQUIRED_ROWS or not column.always_zero("leading_space_count", "trailing_space_count", "quoted_count", "non_printing_count"):
        return None
    return _none_allowed({"rows": table.rows}, severity=Severity.WARNING)


def _future_date(table: TableEvidence, column: ColumnEvidence) -> Answer:
    if column.name == table.table.batch.column:
        # Rows ahead of the run are in no batch, which is a finding; within a batch there are none.
        return None
    if table.rows <= REQUIRED_ROWS or not column.always_zero("future_date_count"):
        return None
    return _none_allowed({"rows": table.rows})


def _avg_shift(table: TableEvidence, column: ColumnEvidence) -> Answer:
    if column.profile.general_type is not GeneralType.NUMBER or not _is_value_of_interest(table, column) or (column.profile.distinct_count or 0) <= 10:
        return None
    if column.profile.metrics.get("references") or KEY_NAME.search(column.name):
        return None
    if short := _short(table):
        return short
    found = band(column.values("avg_value"), Scale.MEASURE)
    if found is None or (reason := _backtested(found)):
        return reason if found else None
    if found.low <= min(column.values("min_number")) and found.high >= max(column.values("max_number")):
        return "the average moves so much that its limits hold for any value seen"
    return Candidate(Thresholds(warning=Bound(minimum=found.low, maximum=found.high)), {}, {"band": found.model_dump()})


GRAIN_DAYS = {Grain.HOUR: 1, Grain.DAY: 1, Grain.WEEK: 7, Grain.MONTH: 31}


def _recency(table: TableEvidence, column: ColumnEvidence) -> Answer:
    age = column.profile.metrics.get("max_date_days")
    if column.name != table.table.batch.column or age is None:
        return None
    if age > RECENT_DAYS and len(table.starts) < MINIMUM_BATCHES:
        return f"its newest date is {age:,} days old: nothing is expected to arrive"
    days = [start.date().toordinal() for start in table.starts]
    grain = GRAIN_DAYS[table.table.batch.grain or Grain.DAY]
    gap = max((later - earlier for earlier, later in itertools.pairwise(days)), default=grain)
    slack = next((slack for limit, slack in RECENCY_STEPS if gap <= limit), 30)
    return Candidate(Thresholds(warning=Bound(maximum=gap + slack)), {}, {"largest_gap_days": gap})


def _row_ct(table: TableEvidence) -> Answer:
    rows = table.row_counts
    if not table.table.batch.is_timed:
        last = rows[-1] if rows else 0
        return (
            Candidate(Thresholds(error=Bound(minimum=last * (1 - WHOLE_TABLE_SLACK), maximum=last * (1 + WHOLE_TABLE_SLACK))), {}, {"rows": last})
            if last
            else None
        )
    if short := _short(table):
        return short
    found = band(rows, Scale.COUNT)
    if found is None:
        less, more = CONSTANT_SLACK if table.table.batch.grain is not Grain.HOUR else (1.0, 2.0)
        return Candidate(Thresholds(error=Bound(minimum=rows[-1] * less, maximum=rows[-1] * more)), {}, {"rows": rows[-1], "batches": len(rows)})
    if _backtested(found):
        return Candidate(Thresholds(error=Bound(minimum=1)), {}, {"band": found.model_dump()})
    # A known batch has rows, so one without any is missing, however much their number moves.
    bound = Bound(minimum=max(1.0, float(int(found.low))), maximum=float(int(found.high) + 1))
    return Candidate(Thresholds(error=bound), {}, {"band": found.model_dump()})


def _dupe_rows(table: TableEvidence) -> Answer:
    duplicates = table.series.get("duplicate_row_count")
    if duplicates is None or any(duplicates.values) or table.rows <= REQUIRED_ROWS:
        return None
    if unique := next((column.name for column in table.columns if isinstance(_unique(table, column), Candidate)), None):
        return f"column {unique!r} is unique, which says more"
    return _none_allowed({"rows": table.rows, "duplicates": 0})


def _schema_drift(table: TableEvidence) -> Answer:
    return _none_allowed({"columns": len(table.columns)}, columns={column.name: column.profile.data_type for column in table.columns})


def _combo_match(table: TableEvidence, column: ColumnEvidence) -> Answer:
    for reference in column.profile.metrics.get("references", ()):
        target = f"{reference['schema']}.{reference['table']}"
        if reference["orphans"]:
            return f"{reference['orphans']:,} rows already have no match in {target}"
        return _none_allowed({"rows": table.rows, "orphans": 0}, reference_table=target, reference_column=reference["column"])
    return None


COLUMN_PROPOSERS: dict[str, ColumnProposer] = {
    "Required": _required,
    "Missing_Pct": _missing_pct,
    "Unique": _unique,
    "Value_Range": _value_range,
    "LOV_Match": _lov_match,
    "Pattern_Match": _pattern_match,
    "Valid_Characters": _valid_characters,
    "Future_Date": _future_date,
    "Avg_Shift": _avg_shift,
    "Recency": _recency,
    "Combo_Match": _combo_match,
}
TABLE_PROPOSERS: dict[str, TableProposer] = {"Row_Ct": _row_ct, "Dupe_Rows": _dupe_rows, "Schema_Drift": _schema_drift}


class Suggestion(Record):
    """The tests proposed for a table, and what was considered and dropped."""

    tests: tuple[Test, ...]
    dropped: tuple[Dropped, ...]


def suggest(group: TableGroup, evidence: TableEvidence, test_suite_key: str) -> Suggestion:
    """Propose tests for one table from its evidence."""
    tests: list[Test] = []
    dropped: list[Dropped] = []
    for name, column, answer in _answers(evidence):
        rule = rule_type(name)
        if isinstance(answer, str):
            dropped.append(Dropped(rule_type=name, table=str(evidence.table.name), column=column, reason=answer))
        elif answer is not None:
            tests.append(_test(group, evidence, rule, column, answer, test_suite_key))
    return Suggestion(tests=tuple(tests), dropped=tuple(dropped))


def _answers(evidence: TableEvidence) -> Iterator[tuple[str, str | None, Answer]]:
    for name, propose_for_table in TABLE_PROPOSERS.items():
        yield name, None, propose_for_table(evidence)
    for column in evidence.columns:
        for name, propose_for_column in COLUMN_PROPOSERS.items():
            if column.profile.general_type.value in rule_type(name).applies_to:
                yield name, column.name, propose_for_column(evidence, column)


def _test(group: TableGroup, evidence: TableEvidence, rule: RuleType, column: str | None, candidate: Candidate, test_suite_key: str) -> Test:
    columns = (column,) if column else ()
    table = evidence.table.name
    return Test(
        test_id=Test.identity(group.table_group_id, table, columns, rule.name),
        project_key=group.project_key,
        connection_id=group.connection_id,
        table_group_id=group.table_group_id,
        test_suite_key=test_suite_key,
        name=".".join(_name_part(part) for part in (table.schema_name, table.table_name, *columns, rule.name)),
        rule_type=rule.name,
        table=table,
        columns=columns,
        parameters=candidate.parameters,
        dimension=rule.dimension,
        thresholds=candidate.thresholds,
        evidence={"batches": len(evidence.batch_keys), **candidate.evidence},
        model_version=MODEL_VERSION,
    )


def _name_part(name: str) -> str:
    """Return a part of a test's name; one that holds a dot is quoted, so that two tests never share a name."""
    return f'"{name}"' if "." in name else name
