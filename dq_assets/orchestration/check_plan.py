"""Which checks a group has, what each is called, and which tests stand behind it.

Decision: a check is a place (a table; a table and dimension; one test; a table's fatal tests) and a test belongs to places, so the same publishing serves
every granularity and a test that is switched on, off or changed in the store needs no other definitions. A blocking group has one check more a
table, ``dq_fatal``, which alone is blocking: Dagster holds back what comes after a table whenever a blocking check fails with severity ERROR, and an
error that must not hold back anything still has to show as one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from dq_assets.orchestration.keys import CHECK_OF_DIMENSION, FATAL_CHECK, HYGIENE_CHECK, TABLE_CHECK
from dq_assets.orchestration.metadata import code
from dq_assets.records.check_ceiling import granularity_of
from dq_assets.records.enums import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq_assets.orchestration.graph import GroupGraph
    from dq_assets.records.enums import Dimension
    from dq_assets.records.table_list import ListedTest
    from dq_assets.records.tables import TableName
    from dq_assets.records.tests import Test

NAME_LENGTH, ID_LENGTH = 100, 8
_TAKEN = frozenset({HYGIENE_CHECK, TABLE_CHECK, FATAL_CHECK, *CHECK_OF_DIMENSION.values()})


class Place(NamedTuple):
    """What a check is about: a table's tests, those of a dimension, a single one, or those with a fatal bound."""

    table: TableName
    dimension: Dimension | None = None
    test_id: str | None = None
    fatal: bool = False


@dataclass(frozen=True)
class PlannedCheck:
    """One check that publishes test results."""

    key: dg.AssetCheckKey
    place: Place
    description: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def is_blocking(graph: GroupGraph) -> bool:
    """Whether a fatal failure holds back what comes after the group's tables."""
    return graph.group.blocking != "never"


def places_of(test: Test) -> tuple[Place, ...]:
    """Return the places that a test belongs to."""
    everywhere = (Place(test.table), Place(test.table, dimension=test.dimension), Place(test.table, test_id=test.test_id))
    return (*everywhere, Place(test.table, fatal=True)) if test.thresholds.fatal else everywhere


def planned_checks(graph: GroupGraph) -> dict[dg.AssetCheckKey, PlannedCheck]:
    """Return the checks that publish a group's test results, by key.

    Raises:
        ConfigError: ``DQ-CONF-021`` when there are more than are allowed.
    """
    if graph.listed is None:
        return {}
    granularity = granularity_of(graph.listed, graph.group.check_granularity, blocking=is_blocking(graph))
    planned: list[PlannedCheck] = []
    for table, key in graph.source_keys.items():
        where = code(str(table))
        if granularity == "table":
            planned.append(PlannedCheck(dg.AssetCheckKey(key, TABLE_CHECK), Place(table), f"All tests on {where}."))
        elif granularity == "dimension":
            planned += [
                PlannedCheck(dg.AssetCheckKey(key, name), Place(table, dimension=dimension), f"Tests of {dimension.value} on {where}.")
                for dimension, name in CHECK_OF_DIMENSION.items()
            ]
        if is_blocking(graph):
            described = f"Tests on {where} with a fatal bound; when one of them breaks it, what comes after the table is held back."
            planned.append(PlannedCheck(dg.AssetCheckKey(key, FATAL_CHECK), Place(table, fatal=True), described))
    if granularity == "rule":
        planned += _rule_checks(graph)
    return {check.key: check for check in planned}


def tests_behind(planned: Mapping[dg.AssetCheckKey, PlannedCheck], tests: Iterable[Test]) -> dict[dg.AssetCheckKey, list[Test]]:
    """Return, per check, the given tests that belong to its place; a test no check is about is left out."""
    key_of = {check.place: key for key, check in planned.items()}
    behind: dict[dg.AssetCheckKey, list[Test]] = defaultdict(list)
    for test in tests:
        for place in places_of(test):
            if place in key_of:
                behind[key_of[place]].append(test)
    return behind


def _rule_checks(graph: GroupGraph) -> list[PlannedCheck]:
    tests = [test for test in graph.tests if test.table in graph.source_keys]
    names = check_names(tests, {test.test_id: graph.source_keys[test.table].to_python_identifier() for test in tests})
    planned = []
    for test in tests:
        named = "" if test.origin is Origin.GENERATED else f" {code(test.name)}"
        columns = f" of {', '.join(map(code, test.columns))}" if test.columns else ""
        described = f"{test.rule_type}{named}{columns} on {code(str(test.table))}."
        metadata = {"test_id": test.test_id, "rule_type": test.rule_type, "dimension": test.dimension.value}
        key = dg.AssetCheckKey(graph.source_keys[test.table], names[test.test_id])
        planned.append(PlannedCheck(key, Place(test.table, test_id=test.test_id), described, metadata))
    return planned


def check_names(tests: Iterable[ListedTest], owner: Mapping[str, str]) -> dict[str, str]:
    """Return the check name of each test by id: ``dq_`` with rule and columns, or with the name of a hand-written test.

    A name is a function of the test alone wherever it says all of it, so it outlives re-learning. Where letters were lost, or where two tests of an asset
    would share a name, the first 8 characters of the test's id tell them apart.

    Args:
        tests: of one group.
        owner: the asset of each test by test id, as it stands in Dagster's output names.
    """
    plain: dict[str, str] = {}
    for test in tests:
        said = "_".join((test.rule_type.lower(), *test.columns)) if test.origin is Origin.GENERATED else test.name
        name = f"dq_{re.sub(r'[^A-Za-z0-9_]+', '_', said)}"
        lost = name != f"dq_{said}" or len(name) > NAME_LENGTH or len(test.columns) > 1 or name in _TAKEN
        plain[test.test_id] = _told_apart(name, test.test_id) if lost else name
    # Dagster joins asset and check to one output name, in which the border between them is not seen.
    outputs = Counter(f"{owner[test_id]}_{name}" for test_id, name in plain.items())
    return {test_id: _told_apart(name, test_id) if outputs[f"{owner[test_id]}_{name}"] > 1 else name for test_id, name in plain.items()}


def _told_apart(name: str, test_id: str) -> str:
    readable = re.sub(r"_+", "_", name[:NAME_LENGTH]).rstrip("_")
    return f"{readable}_{test_id[:ID_LENGTH]}"
