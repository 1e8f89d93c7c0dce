"""Checks on the frame that an asset returns, by the suite that is stored for its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.dataset as ds
import pytest

from dq_assets import build_asset_checks
from dq_assets.errors import DQError
from dq_assets.records.enums import Dimension

from .conftest import FIRST_DAY
from .test_frames import CLEAN, returning, run

if TYPE_CHECKING:
    from collections.abc import Callable

    import dagster as dg

    from dq_assets.settings import Settings

    from .learned_sales import Sales


def frame_of(project: Sales, *days: int) -> pd.DataFrame:
    """The orders of some days as they landed, of all days by default, as a pandas frame with the types that pandas gives them."""
    frame = ds.dataset(project.folder / "landing" / "orders").to_table().to_pandas()
    day = (frame["ordered_at"] - pd.Timestamp(FIRST_DAY)).dt.days
    return frame[day.isin(days)] if days else frame


def by_suite(project: Sales, frame: object, **given: Any) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    orders = returning(frame)
    return orders, build_asset_checks(orders, suite="sales.orders", settings=project.settings, **given)


CUSTOMERS = pd.DataFrame({"customer": range(1, 21)})


def test_a_suite_judges_the_new_batch_as_validation_of_the_table_does(sales: Callable[..., Sales]) -> None:
    project = sales()
    project.land(broken=True)
    customers = returning(CUSTOMERS, "customers")
    published = run(project.instance, customers, *by_suite(project, frame_of(project), reference_tables={"customers": customers}))
    assert published.failed == {("orders", "dq_validity")}
    row = published.of("dq_validity").metadata["failing_tests"].records[0].data  # type: ignore[union-attr]
    assert (row["test"], row["batch"]) == ("LOV_Match", "2024-03-31")
    table = project.run(project.definitions())
    assert {key for key in table.checks if key[0] == "orders" and key[1] != "dq_hygiene"} == set(published.checks)
    assert table.failed == published.failed
    same = ["tests", "failed_tests", "failed_rows", "severity", "pass_rate"]
    assert [table.value("dq_validity", label) for label in same] == [published.value("dq_validity", label) for label in same]
    assert table.of("dq_validity").metadata["sql"] == published.of("dq_validity").metadata["sql"]


def test_the_suite_is_read_when_the_checks_run(sales: Callable[..., Sales]) -> None:
    project = sales()
    project.land(broken=True)
    definitions = by_suite(project, frame_of(project))
    lov = project.test("LOV_Match", "status")
    assert run(project.instance, *definitions).failed >= {("orders", "dq_validity")}
    project.edit(lov, enabled=False)
    assert ("orders", "dq_validity") not in run(project.instance, *definitions).failed
    assert project.store.latest_test_run(project.group_id) is None, "nothing is written"


def test_a_trend_is_shown_where_the_store_has_one(sales: Callable[..., Sales]) -> None:
    project = sales()
    definitions = by_suite(project, frame_of(project, 29))
    assert "trend" not in run(project.instance, *definitions).of("dq_volume").metadata
    project.land(broken=False)
    project.run(project.definitions())
    project.land(broken=True, day=31)
    later = run(project.instance, *by_suite(project, frame_of(project, 31)), tags={"dq/as_of": "2024-04-02T06:00:00+00:00"})
    assert "data:image/svg" in str(later.value("dq_volume", "trend"))


def test_without_what_says_which_batch_a_row_is_of_the_frame_is_one_batch(sales: Callable[..., Sales]) -> None:
    project = sales()
    frame = frame_of(project, 29).drop(columns="ordered_at")
    published = run(project.instance, *by_suite(project, frame))
    assert published.of("dq_volume").passed
    assert published.of("dq_schema").metadata["failing_tests"].records[0].data["what"].endswith("ordered_at dropped")  # type: ignore[union-attr]


def test_a_frame_without_a_row_is_no_quiet_success(sales: Callable[..., Sales]) -> None:
    project = sales()
    published = run(project.instance, *by_suite(project, frame_of(project, 29).head(0)))
    assert ("orders", "dq_volume") in published.failed
    assert "0 rows arrived" in published.of("dq_volume").metadata["failing_tests"].records[0].data["what"]  # type: ignore[union-attr]


def test_a_day_that_is_not_over_says_nothing_of_volume(sales: Callable[..., Sales]) -> None:
    project = sales()
    orders, checks = by_suite(project, frame_of(project, 29).head(10))
    early = run(project.instance, orders, checks, tags={"dq/as_of": "2024-03-30T12:00:00+00:00"})
    assert early.success
    assert ("orders", "dq_volume") not in early.checks
    assert run(project.instance, orders, checks).failed >= {("orders", "dq_volume")}


def test_types_of_the_library_are_no_drift_but_another_family_is(sales: Callable[..., Sales]) -> None:
    project = sales()
    frame = frame_of(project, 29)
    narrow = frame.astype({"customer": "int16", "amount": "float32", "status": "category"})
    assert run(project.instance, *by_suite(project, narrow)).of("dq_schema").passed
    text = run(project.instance, *by_suite(project, frame.astype({"amount": "str"})))
    assert "amount changed from" in text.of("dq_schema").metadata["failing_tests"].records[0].data["what"]  # type: ignore[union-attr]


def test_a_suite_that_is_not_there_fails_the_step(sales: Callable[..., Sales]) -> None:
    project = sales()
    orders = returning(CLEAN)
    published = run(project.instance, orders, build_asset_checks(orders, suite="sales.returns", settings=project.settings))
    assert not published.success
    assert published.checks == {}
    with pytest.raises(DQError, match="DQ-CONF-003"):
        build_asset_checks(orders, suite="purchases.orders", settings=project.settings)


def test_definitions_load_before_a_suite_is_learned(project: Settings) -> None:
    for granularity, number in {"table": 1, "dimension": len(Dimension), "rule": 1}.items():
        checks = build_asset_checks("orders", suite="sales.orders", settings=project, granularity=granularity)  # type: ignore[arg-type]
        assert len(checks.check_keys) == number


def test_a_suite_may_be_shown_test_by_test(sales: Callable[..., Sales]) -> None:
    project = sales()
    project.land(broken=True)
    published = run(project.instance, *by_suite(project, frame_of(project, 30), granularity="rule"))
    assert ("orders", "dq_lov_match_status") in published.failed
    assert published.value("dq_lov_match_status", "tests") == 1
