"""Measure columns by dictionaries of their values, on an engine that keeps temporary tables (DuckDB).

Decision: every column gets a dictionary first, and everything else is asked of the dictionaries, family by family (see ``profiling.dictionary``).
A near-unique column is bounded, because its dictionary would cost more than the scan: what is cheap on rows is taken from the rows, exactly; the rest from
a sample of its values, and says so with an interval.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from dq_assets.errors import SourceError
from dq_assets.profiling import dictionary
from dq_assets.profiling.dictionary import SHAPES_TABLE, Family, family_of
from dq_assets.profiling.metrics import QUANTILES, TOP_VALUES, How, metrics_of
from dq_assets.profiling.plan import blanks, histogram
from dq_assets.profiling.sql import quoted
from dq_assets.profiling.wide import CHEAP_ON_TEXT, moments
from dq_assets.records.enums import GeneralType, Quality
from dq_assets.records.profiles import Estimate
from dq_assets.steps.measure import STEPS, ColumnAnswer, Findings, Question, calendar, entropy, is_held
from dq_assets.steps.measure_rows import aggregate_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq_assets.records.tables import Column

ESTIMATED_FROM_ROWS = 400_000
"""Tables with fewer rows get a dictionary of every column without a look at how many values there are."""
NEAR_UNIQUE_TEXT, NEAR_UNIQUE_NUMBER = 150_000, 3_000_000
NEAR_UNIQUE_SHARE = 0.03
"""A column with more distinct values than this, by number and by share of the rows, is sampled."""
HARDLY_REPEATED = 0.5
"""A number or date with more distinct values than half of the rows gains nothing from a dictionary, and is sampled from the limit of text on."""
SCREENED_ROWS = 1 << 15
"""About so many rows tell which columns are near-unique."""
RANKED_VALUES = 100_000
"""Dictionaries of up to so many values are ranked in one statement."""
SAMPLED_VALUES = 1 << 15
"""How many distinct values a sampled dictionary holds, about: its counts of values are within 1 % in 19 of 20 cases."""
FREQUENT_ROWS, FREQUENT_SEEN, FREQUENT_VALUES = 1 << 17, 3, 2_000
FREQUENT_PERCENT = 5.0
"""A value that is seen three times in about 130,000 rows, or a twentieth of all, is counted in full before a near-unique column is sampled."""
SHAPED_BY_EXPRESSIONS = 100_000
"""So few values get their shapes by regular expressions: the faster function needs pyarrow, and loading that costs as much."""
SEED = 7
Z95 = 1.96


def measure_by_dictionary(findings: Findings, question: Question, ks: Sequence[int]) -> None:
    """Measure the columns at these positions."""
    asked = _Dictionaries(findings, question, ks)
    _measure_near_unique(asked, asked.near_unique())
    asked.ask()


def distinct_in_all(seen: int, distinct: int) -> float:
    """Return how many values a column has whose sample of ``seen`` values holds ``distinct``, if all are equally frequent: d = D (1 - exp(-n / D)).

    Too low where some are more frequent than others, which errs towards looking at every value.
    """
    if distinct >= seen:
        return math.inf
    low, high = float(distinct), 1e15
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if -middle * math.expm1(-seen / middle) < distinct else (low, middle)
    return low


def is_near_unique(column: Column, distinct: float, rows: int) -> bool:
    """Whether a column's dictionary would be so large that the column is sampled."""
    is_text = column.general_type in (GeneralType.TEXT, GeneralType.OTHER)
    limit = NEAR_UNIQUE_TEXT if is_text or distinct > HARDLY_REPEATED * rows else NEAR_UNIQUE_NUMBER
    return distinct > limit and distinct > NEAR_UNIQUE_SHARE * rows


class _Dictionaries:
    """The dictionaries of one relation's columns, and the answers taken from them."""

    def __init__(self, findings: Findings, question: Question, ks: Sequence[int]) -> None:
        self.findings, self.question, self.rows, self.found = findings, question, findings.rows, findings.found
        self.ks = ks
        self.members: dict[Family, list[int]] = defaultdict(list)
        self.bounded: dict[int, int] = {}
        self.made: set[str] = set()
        dialect = self.question.dialect
        self.relation = self.question.relation.sql(dialect=dialect)
        self.batch = self.question.batch.sql(dialect=dialect) if self.question.batch is not None else None
        kept = [self.question.where] if self.question.where is not None else []
        # Rows without a time are of no batch.
        kept += [exp.Not(this=exp.Is(this=exp.paren(self.question.batch.copy()), expression=exp.null()))] if self.question.batch is not None else []
        self.where = exp.and_(*kept).sql(dialect=dialect) if kept else None

    def near_unique(self) -> list[int]:
        """Return the positions of the near-unique columns; looks at a sample of the rows, where the table is large enough to have one."""
        if self.rows <= ESTIMATED_FROM_ROWS or not self.ks:
            return []
        percent = 100.0 * SCREENED_ROWS / self.rows
        # Text: names are quoted by sqlglot. A system sample reads whole blocks, so it costs what it returns.
        names = {k: quoted(self.question.columns[k].name).sql(dialect=self.question.dialect) for k in self.ks}
        counts = ", ".join(f"count({name}) AS n{k}, count(DISTINCT {name}) AS d{k}" for k, name in names.items())
        sample = _some_rows(", ".join(names.values()), self.relation, percent)
        try:
            row = self.question.session.rows(f"SELECT {counts} FROM ({sample}) AS s", timeout_s=self.question.timeout_s)[0]
        except SourceError:
            # A column that cannot be counted is found out, and named, when its turn comes.
            return []
        for k in self.ks:
            seen, distinct = row[f"n{k}"], row[f"d{k}"]
            if seen and is_near_unique(self.question.columns[k], distinct_in_all(seen, distinct), self.rows):
                self.bounded[k] = max(2, round(self.rows * distinct / seen / SAMPLED_VALUES))
        return sorted(self.bounded)

    def ask(self) -> None:
        """Build the dictionaries column by column and take the answers family by family."""
        clicked, cells = perf_counter(), 0
        for place, k in enumerate(self.ks, start=1):
            if k in self.bounded:
                continue
            column = self.question.columns[k]
            family = family_of(column)
            value = dictionary.stored_value(column).sql(dialect=self.question.dialect)
            statement = dictionary.value_counts_of(self.relation, k, value, self.batch, self.where)
            if self._keep(family.table, statement, k, "values"):
                self.members[family].append(k)
            cells += self.rows
            if elapsed := perf_counter() - clicked:
                self.question.progress(f"{place} of {len(self.ks)} columns, {cells / elapsed:,.0f} rows/s")
        for family, ks in self.members.items():
            self._ask_family(family, ks)

    def _keep(self, table: str, statement: exp.Expr | str, k: int, what: str) -> bool:
        try:
            self.question.session.execute_temp(table, statement, insert=table in self.made, timeout_s=self.question.timeout_s)
        except SourceError as error:
            self.findings.fail(k, what, error)
            return False
        self.made.add(table)
        return True

    def _ask_family(self, family: Family, ks: list[int]) -> None:
        question, dialect, zone = self.question, self.question.dialect, self.question.timezone
        statement, names = dictionary.aggregate_statement(family, zone, dialect, per_batch=self.batch is not None)
        for row in self.rows_of("aggregates", family.table, statement, ks, params=moments(question.as_of)):
            self._take_aggregates(row, names)
        if family.is_ordered:
            for row in self.rows_of("quantiles", family.table, dictionary.ordered_statement(family, zone, dialect), ks):
                self.findings.answer(row).metrics |= {name: value for name in (*QUANTILES, *STEPS) if is_held(value := row.get(name))}
            for row in self.rows_of("histogram", family.table, dictionary.histogram_statement(family, zone, dialect), ks):
                self.findings.take_buckets(row)
        if family.general_type is GeneralType.DATE:
            for row in self.rows_of("calendar", family.table, dictionary.days_statement(family, zone, dialect), ks):
                self.findings.answer(row).metrics |= calendar(row)
        if family.general_type is GeneralType.TEXT:
            for row, formats in self.ask_formats(ks, sampled=False):
                self.findings.answer(row).metrics |= {name: row[f"a{index}"] for index, (name, _) in enumerate(formats)}
            self.ask_shapes(ks, sampled=False)
            for row in self.rows_of("lengths", family.table, dictionary.lengths_statement(dialect), ks) if self.batch is None else ():
                self.findings.answer(row).lengths.append((int(row["lo"]), int(row["n"])))
        if family.general_type is not GeneralType.OTHER and self.batch is None:
            for answer, counted in self._ask_most_frequent("top values", family.table, ks, TOP_VALUES, text=family.general_type is GeneralType.TEXT):
                answer.top.append(counted)

    def _ask_most_frequent(self, what: str, table: str, ks: Sequence[int], limit: int, *, text: bool) -> Iterable[tuple[ColumnAnswer, tuple[str, int]]]:
        """Yield the most frequent values of a dictionary, most frequent first."""
        distinct = sum(self.found[None, k].metrics.get("distinct_count", 0) for k in ks)
        ranked = self.question.batch is not None or distinct <= RANKED_VALUES
        rows = [
            row
            for part in ([ks] if ranked else _parts(ks, 50))
            for row in self.rows_of(
                what, table, dictionary.most_frequent_statement(table, tuple(part), limit, self.question.dialect, ranked=ranked, text=text), part
            )
        ]
        for row in sorted(rows, key=lambda row: int(row["place"])):
            yield self.findings.answer(row), (row["v"], int(row["n"]))

    def ask_shapes(self, ks: list[int], *, sampled: bool) -> None:
        dialect = self.question.dialect
        values = sum(answer.metrics.get("distinct_count", 0) for (_, k), answer in self.found.items() if k in set(ks))
        function = self.question.session.shape_function() if values > SHAPED_BY_EXPRESSIONS else None
        table = SHAPES_TABLE + ("_sampled" if sampled else "")
        try:
            self.question.session.execute_temp(table, dictionary.shapes_statement(dialect, function, sampled=sampled), timeout_s=self.question.timeout_s)
        except SourceError as error:
            for k in ks:
                self.findings.fail(k, "shapes", error)
            return
        if not sampled:
            for (_, k), answer in self.found.items():
                if k in set(ks):
                    answer.metrics["shape_count"] = 0
            for row in self.rows_of("shapes", table, dictionary.shape_counts_statement(dialect), ks):
                self.findings.answer(row).metrics["shape_count"] = int(row["shape_count"])
        for answer, (shape, rows) in () if self.batch is not None else self._ask_most_frequent("shapes", table, ks, dictionary.top_shapes(), text=True):
            values = answer.metrics["rows"] - answer.metrics.get("null_count", 0)
            answer.shapes.append((shape, min(rows, values)))
            if sampled:
                answer.estimates["shapes"] = Estimate(quality=Quality.SAMPLED)

    def ask_formats(self, ks: list[int], *, sampled: bool) -> list[tuple[dict[str, Any], Sequence[tuple[str, str]]]]:
        """Return the rows of the formats' statement, with what its columns are, for columns of which half may be of some format."""
        worth = [
            k
            for k in ks
            if any(
                position == k
                and 2 * answer.metrics.get(dictionary.FORMATTED.name, 0) >= answer.metrics.get("rows", 0) - answer.metrics.get("null_count", 0) > 0
                for (_, position), answer in self.found.items()
            )
        ]
        if not worth:
            return []
        statement, names = dictionary.formats_statement(self.question.dialect, sampled=sampled)
        table = dictionary.TEXT.table + ("_sampled" if sampled else "")
        if len(worth) < len(ks):
            statement = _about(statement, table, worth)
        return [(row, names) for row in self.rows_of("formats", table, statement, worth)]

    def rows_of(self, what: str, table: str, statement: str, ks: Sequence[int], params: Mapping[str, object] | None = None) -> Iterable[dict[str, Any]]:
        """Ask one statement about some columns; where it fails, ask it about each of them alone."""
        try:
            return self.question.session.rows(statement, _used(statement, params), timeout_s=self.question.timeout_s)
        except SourceError as error:
            if len(ks) == 1:
                self.findings.fail(ks[0], what, error)
                return []
        found: list[dict[str, Any]] = []
        for k in ks:
            found += self.rows_of(what, table, _about(statement, table, [k]), [k], params)
        return found

    def _take_aggregates(self, row: dict[str, Any], names: Sequence[tuple[str, str]]) -> None:
        metrics = self.findings.answer(row).metrics
        for index, (name, _) in enumerate(names):
            if is_held(value := row[f"a{index}"]):
                metrics[name] = value
        self.findings.take_frequencies(row)


def _some_rows(names: str, relation: str, percent: float, where: str = "true") -> str:
    """Return the statement for a part of the rows, the same ones each time: a window is computed by one thread, and several would share a sample otherwise."""
    rows = f"SELECT {names}, first_value(1) OVER () AS dq_in_order FROM {relation} TABLESAMPLE SYSTEM ({percent:.6f} PERCENT) REPEATABLE ({SEED}) WHERE {where}"
    return f"SELECT {names} FROM ({rows}) AS r WHERE dq_in_order = 1"


def _about(statement: str, table: str, ks: Sequence[int]) -> str:
    """Return a statement that reads some columns of a dictionary only."""
    # The dictionary's own names and no literals stand in the statements; one that has an alias keeps it.
    some = f"(SELECT * FROM {table} WHERE k IN ({', '.join(map(str, ks))}))"
    return re.sub(rf"\bFROM {table}\b(?: AS (\w+))?", lambda found: f"FROM {some} AS {found[1] or 'some_columns'}", statement)


def _used(statement: str, params: Mapping[str, object] | None) -> dict[str, object] | None:
    return {name: value for name, value in (params or {}).items() if f"${name}" in statement} or None


def _parts(ks: Sequence[int], size: int) -> list[Sequence[int]]:
    return [ks[i : i + size] for i in range(0, len(ks), size)]


def _measure_near_unique(asked: _Dictionaries, ks: Sequence[int]) -> None:
    """Take what is cheap from the rows, the rest from a sample of the values."""
    question = asked.question
    families: dict[Family, list[int]] = defaultdict(list)
    for k in ks:
        families[family_of(question.columns[k])].append(k)
    for family, members in families.items():
        aggregate_rows(asked.findings, question, members, only=CHEAP_ON_TEXT if family.general_type is GeneralType.TEXT else None)
        _ask_samples(asked, family, [k for k in members if _keep_sample(asked, family, k)])
        if family.is_ordered and question.batch is None:
            for k in members:
                _histogram_of_rows(asked, k)


def _keep_sample(asked: _Dictionaries, family: Family, k: int) -> bool:
    """Add the sample of a column's values to that of its family; False where that cannot be done."""
    question, column = asked.question, asked.question.columns[k]
    every, table = asked.bounded[k], family.table + "_sampled"
    value, raw = dictionary.stored_value(column), quoted(column.name)
    relation, dialect, where = asked.relation, question.dialect, asked.where or "true"
    name = raw.sql(dialect=dialect)
    percent = min(FREQUENT_PERCENT, 100.0 * FREQUENT_ROWS / asked.rows)
    frequent = (
        f"SELECT {name} AS v FROM ({_some_rows(name, relation, percent, where)}) AS s GROUP BY 1"
        f" HAVING count(*) >= {FREQUENT_SEEN} AND NOT {name} IS NULL ORDER BY count(*) DESC, 1 LIMIT {FREQUENT_VALUES}"
    )
    batch = asked.batch or dictionary.NO_BATCH
    chosen = f"(hash({name}, {SEED}) % {every} = 0 OR {name} IN (SELECT v FROM dq_frequent))"
    sample = (
        f"SELECT {k} AS k, {batch} AS b, {value.sql(dialect=dialect)} AS v, count(*) AS n,"
        f" CASE WHEN any_value({name}) IN (SELECT v FROM dq_frequent) THEN 1 ELSE {every} END AS w"
        f" FROM {relation} WHERE {where} AND NOT {name} IS NULL AND {chosen} GROUP BY 1, 2, 3"
    )
    try:
        question.session.execute_temp("dq_frequent", frequent, timeout_s=question.timeout_s)
        question.session.execute_temp(table, sample, insert=table in asked.made, timeout_s=question.timeout_s)
    except SourceError as error:
        asked.findings.fail(k, "sample", error)
        return False
    asked.made.add(table)
    return True


def _ask_samples(asked: _Dictionaries, family: Family, ks: list[int]) -> None:
    """Take estimates, shapes and the frequent values from a family's sample."""
    if not ks:
        return
    question, table, is_text = asked.question, family.table + "_sampled", family.general_type is GeneralType.TEXT
    statement, names = dictionary.aggregate_statement(family, question.timezone, question.dialect, sampled=True)
    for row in asked.rows_of("sample", table, statement, ks, params=moments(question.as_of)):
        _take_sample(asked, row["k"], row, names, asked.bounded[row["k"]])
    if is_text:
        asked.ask_shapes(ks, sampled=True)
    if asked.batch is not None:
        return
    top = f"SELECT k, b, {'left(v, 1000)' if is_text else 'CAST(v AS TEXT)'} AS v, n FROM {table} WHERE w = 1"
    for row in sorted(asked.rows_of("top values", table, top, ks), key=lambda row: (-row["n"], row["v"])):
        counted = asked.findings.answer(row).top
        if len(counted) < TOP_VALUES:
            counted.append((row["v"], int(row["n"])))


def _take_sample(asked: _Dictionaries, k: int, row: dict[str, Any], names: Sequence[tuple[str, str]], every: int) -> None:
    """Turn weighted sums into estimates: rows as a share of the known rows, values as they are, each with its interval."""
    answer = asked.found[row["b"], k]
    exact = set(answer.metrics)
    values = int(answer.metrics.get("rows", 0)) - int(answer.metrics.get("null_count", 0))
    by_name: dict[str, dict[str, float]] = defaultdict(dict)
    for index, (name, role) in enumerate(names):
        if row[f"a{index}"] is not None:
            by_name[name][role] = row[f"a{index}"]
    total, spread = row["n"], row["s"]
    kinds = {metric.name: metric.how for metric in metrics_of(asked.question.columns[k].general_type)}
    read = round(total / every)
    for name, found in by_name.items():
        if name in exact or "value" not in found:
            continue
        how = kinds.get(name, How.ROWS)
        if how is How.MEAN:
            answer.metrics[name] = found["value"]
            answer.estimates[name] = Estimate(quality=Quality.SAMPLED, rows_read=read)
        elif how is How.VALUES:
            deviation = Z95 * math.sqrt(found.get("spread", 0.0))
            value = min(values, int(found["value"]))
            answer.metrics[name] = value
            least, most = max(0, math.floor(value - deviation)), min(values, math.ceil(value + deviation + every))
            answer.estimates[name] = Estimate(quality=Quality.SAMPLED, rows_read=read, low=least, high=most)
        else:
            share = found["value"] / total if total else 0.0
            low, high = _interval(share, found.get("spread", 0.0), spread, total, every * int(row["u"] or 1))
            answer.metrics[name] = round(share * values)
            answer.estimates[name] = Estimate(quality=Quality.SAMPLED, rows_read=read, low=math.floor(low * values), high=math.ceil(high * values))
    if row["e"] is not None and values:
        answer.metrics["entropy"] = entropy(values, row["e"] * values / total)
        answer.estimates["entropy"] = Estimate(quality=Quality.SAMPLED, rows_read=read)


def _interval(share: float, spread: float, total_spread: float, total: float, cluster: int) -> tuple[float, float]:
    """Return 95 % bounds of a share that a weighted sample of values estimates (ratio estimator).

    Values are chosen, not rows, so a value with many rows that was not chosen is missing at once: the variance counts one more value of the most rows that
    one in the sample stands for (``cluster``). Where nothing or all was seen, the rule of three bounds what such values may hold.
    """
    if not total:
        return 0.0, 1.0
    variance = (spread * (1 - 2 * share) + share * share * total_spread + cluster * cluster) / (total * total)
    deviation = Z95 * math.sqrt(max(0.0, variance))
    unseen = 3 * cluster / total if share in (0.0, 1.0) else 0.0
    return max(0.0, share - max(deviation, unseen)), min(1.0, share + max(deviation, unseen))


def _histogram_of_rows(asked: _Dictionaries, k: int) -> None:

    question, column = asked.question, asked.question.columns[k]
    filled = blanks(column, question.timezone, question.dialect)
    number = filled["x"] if "x" in filled else exp.Anonymous(this="epoch", expressions=[filled["d"]])
    try:
        rows = question.session.rows(histogram(question.relation, number, question.dialect, question.where), timeout_s=question.timeout_s)
    except SourceError as error:
        asked.findings.fail(k, "histogram", error)
        return
    for row in rows:
        asked.findings.take_buckets({**row, "k": k, "b": None})
