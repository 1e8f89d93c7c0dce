"""What Dagster's automation conditions do that its documentation does not say, and that ours are built around."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

# `evaluate_automation_conditions` itself selects with a parameter that Dagster 1.13 calls beta.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `include_sources`:dagster.BetaWarning")

C = dg.AutomationCondition
TABLE, OTHER, GATE, RESULTS = (dg.AssetKey(name) for name in ("table", "other", "gate", "results"))
OPEN = ~C.asset_matches(GATE, C.missing())


class Watched:
    """An asset with a condition, downstream of two external tables; what hangs on ``OPEN`` waits for a third."""

    def __init__(self, condition: dg.AutomationCondition[Any], partitions: dg.PartitionsDefinition[Any] | None = None) -> None:
        self.instance, self.cursor, self.partitions = dg.DagsterInstance.ephemeral(), None, partitions
        self.condition = condition

    def arrive(self, version: str | None = None, key: dg.AssetKey = TABLE) -> None:
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key, tags={"dagster/data_version": version} if version else {}))

    def requested(self) -> int:
        """Evaluate the condition once and return of how many partitions it asks for, 1 where there are none."""

        @dg.asset(deps=[TABLE, OTHER], automation_condition=self.condition, partitions_def=self.partitions)
        def results() -> None: ...

        definitions = dg.Definitions(assets=[dg.AssetSpec(TABLE), dg.AssetSpec(OTHER), dg.AssetSpec(GATE), results])
        evaluated = dg.evaluate_automation_conditions(definitions, self.instance, cursor=self.cursor)
        self.cursor = evaluated.cursor
        return evaluated.total_requested


def test_since_last_handled_forgets_what_arrives_right_after_a_request() -> None:
    """A characterization: "handled" includes the request before, and it wins over an arrival that came after it."""
    for came in (C.newly_updated(), C.data_version_changed()):
        watched = Watched(C.any_deps_match(came).since_last_handled())
        watched.requested()
        watched.arrive("1")
        assert watched.requested() == 1
        watched.arrive("2")
        assert watched.requested() == 0
        assert watched.requested() == 0


def test_since_last_handled_forgets_what_arrives_while_the_asset_is_made() -> None:
    """A characterization: "handled" includes the asset's own update, whatever arrived after it was begun."""
    for made, fires in ((False, 1), (True, 0)):
        watched = Watched(C.any_deps_match(C.data_version_changed()).since_last_handled() & OPEN)
        watched.requested()
        watched.arrive("1")
        assert watched.requested() == 0
        if made:
            watched.arrive(key=RESULTS)
        watched.arrive(key=GATE)
        assert watched.requested() == fires


def test_an_update_with_the_same_data_version_is_an_update_and_no_change() -> None:
    """A characterization: only ``data_version_changed`` looks at the version."""
    for came, again in ((C.newly_updated(), 1), (C.data_version_changed(), 0)):
        watched = Watched(C.any_deps_match(came))
        watched.requested()
        watched.arrive("1")
        assert watched.requested() == 1
        watched.arrive("1")
        assert watched.requested() == again


def test_a_report_without_a_version_is_a_change_only_the_first_time() -> None:
    """A characterization: no version is a version too, so whoever pushes has to send one."""
    watched = Watched(C.any_deps_match(C.data_version_changed()))
    watched.arrive("1")
    watched.requested()
    watched.arrive()
    assert watched.requested() == 1
    watched.arrive()
    assert watched.requested() == 0


def test_nothing_that_came_before_the_first_evaluation_is_a_change() -> None:
    """A characterization: hence our first evaluation counts as an arrival."""
    watched = Watched(C.any_deps_match(C.data_version_changed()))
    watched.arrive("1")
    assert watched.requested() == 0
    assert watched.requested() == 0


def test_an_arrival_asks_for_every_partition() -> None:
    """A characterization: hence ``test_results`` has no partitions with ``trigger: automation``."""
    watched = Watched(C.any_deps_match(C.data_version_changed()), dg.DailyPartitionsDefinition("2024-03-01", end_date="2024-03-31"))
    watched.requested()
    watched.arrive("1")
    assert watched.requested() == 30


def test_an_observation_of_an_external_table_is_nothing() -> None:
    """A characterization: only a materialization of an external ``AssetSpec`` counts."""
    watched = Watched(C.any_deps_match(C.newly_updated() | C.data_version_changed()))
    watched.requested()
    watched.instance.report_runless_asset_event(dg.AssetObservation(TABLE, tags={"dagster/data_version": "1"}))
    assert watched.requested() == 0
