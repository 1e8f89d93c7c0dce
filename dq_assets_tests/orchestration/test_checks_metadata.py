"""What a person finds on the page of a check."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from sqlalchemy import event

from dq_assets.orchestration.check_plan import planned_checks
from dq_assets.orchestration.check_results import TESTS_DETAILED, Publication, plotted
from dq_assets.orchestration.factory import group_graph
from dq_assets.records.enums import StoreValues, Verdict
from dq_assets.records.tests import Bound, PastMeasure, Thresholds, Unit

from .conftest import DAYS
from .learned_sales import ORDERS
from .test_definitions import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_assets.records.tests import Test

    from .learned_sales import Published, Sales

LOST = sum(1 for i in range(200 + (DAYS * 37) % 20) if i % 10 == 3)


def records(published: Published, check: str, label: str) -> list[dict[str, Any]]:
    value = published.of(check).metadata[label]
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


def drawn(published: Published, check: str) -> list[str]:
    """Return the documents of the plots of a check."""
    return [base64.b64decode(found).decode() for found in re.findall(r"base64,([^)]+)", str(published.value(check, "trend")))]


def test_a_failed_check_says_what_since_when_how_many_which_rows_and_how_to_see_for_oneself(sales: Callable[..., Sales]) -> None:
    project = sales()
    definitions = project.definitions()
    project.land(broken=False)
    project.run(definitions)
    project.land(broken=True, day=DAYS + 1)
    published = project.run(definitions, as_of="2024-04-02T06:00:00+00:00")
    check = published.of("dq_validity")
    (row,) = records(published, "dq_validity", "failing_tests")
    lost = sum(1 for i in range(200 + ((DAYS + 1) * 37) % 20) if i % 10 == 3)
    assert (row["column"], row["test"], row["batch"], row["severity"]) == ("status", "LOV_Match", "2024-04-01", "error")
    assert (row["failed rows"], row["measure"], row["expected"]) == (lost, str(lost), "at most 0.3 % of the rows")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", row["failing since"])
    sample = records(published, "dq_validity", "sample_rows")
    assert len(sample) == 5
    assert list(sample[0])[:2] == ["batch", "status"], "the tested column comes first"
    assert {found["status"] for found in sample} == {"LOST"}
    sql = str(check.metadata["sql"].value)
    assert sql.startswith("`LOV_Match of status`\n\n```sql\nSELECT")
    assert "NOT \"status\" IN ('NEW', 'PAID', 'SENT')" in sql
    (svg,) = drawn(published, "dq_validity")
    assert "last 10.1449 %, 2024-04-01" in svg
    assert "min 0 %, 2024-03-31" in svg
    assert check.metadata["run"] == dg.MetadataValue.dagster_run(published.result.run_id)
    assert check.metadata["severity"].value == "error"
    assert check.description == "1 of 4 tests failed: `LOV_Match of status`."
    assert {label: check.metadata[label].value for label in ("tests", "failed_tests", "failed_rows", "pass_rate")} == {
        "tests": 4,
        "failed_tests": 1,
        "failed_rows": lost,
        "pass_rate": 0.75,
    }


def test_a_check_that_passes_says_little_and_the_row_count_shows_its_trend(sales: Callable[..., Sales]) -> None:
    project = sales()
    definitions = project.definitions()
    for day in (DAYS, DAYS + 1):
        project.land(broken=False, day=day)
        published = project.run(definitions, as_of=f"2024-04-{day - DAYS + 1:02}T06:00:00+00:00")
    assert set(published.of("dq_validity").metadata) == {"tests", "failed_tests", "failed_rows", "pass_rate", "test_run_id"}
    assert set(published.of("dq_volume").metadata) == {"tests", "failed_tests", "failed_rows", "pass_rate", "test_run_id", "trend"}
    assert published.of("dq_validity").description == "4 of 4 tests passed."
    assert len(drawn(published, "dq_volume")) == 1


def test_the_check_of_one_test_has_its_measure_as_a_series(sales: Callable[..., Sales]) -> None:
    project = sales(check_granularity="rule")
    project.land(broken=True)
    published = project.run(project.definitions())
    assert published.value("dq_lov_match_status", "measure") == LOST
    assert published.value("dq_row_ct", "measure") == 200 + (DAYS * 37) % 20


def test_a_check_launched_alone_plots_what_it_found_beside_what_the_whole_suite_found(sales: Callable[..., Sales]) -> None:
    project = sales()
    definitions = project.definitions()
    project.land(broken=False)
    project.run(definitions)
    project.land(broken=True, day=DAYS + 1)
    alone = project.run(definitions, dg.AssetSelection.checks(dg.AssetCheckKey(ORDERS, "dq_validity")), as_of="2024-04-02T06:00:00+00:00")
    (svg,) = drawn(alone, "dq_validity")
    assert "2024-03-31" in svg
    assert "2024-04-01" in svg


def test_without_values_there_is_no_sample(sales: Callable[..., Sales]) -> None:
    project = sales(store_values=StoreValues.NONE)
    project.land(broken=True)
    published = project.run(project.definitions())
    assert not published.of("dq_validity").passed
    assert "sample_rows" not in published.of("dq_validity").metadata


def fail_everything(project: Sales) -> None:
    """Give every test of the orders that has a measure a bound that nothing keeps."""
    for test in project.store.tests(project.group_id):
        if test.table.table_name == "orders" and test.rule_type != "Schema_Drift":
            project.edit(test, thresholds=Thresholds(error=Bound(minimum=1e9), unit=Unit.VALUE))


def test_many_failing_tests_are_listed_once_each_and_the_worst_three_in_detail(sales: Callable[..., Sales]) -> None:
    project = sales(check_granularity="table")
    fail_everything(project)
    for day in (DAYS, DAYS + 1):
        project.land(broken=False, day=day)
    published = project.run(project.definitions(), as_of="2024-04-02T06:00:00+00:00")
    failing = records(published, "dq_table", "failing_tests")
    assert len(failing) == published.value("dq_table", "failed_tests") > TESTS_DETAILED
    assert {row["failed batches"] for row in failing} == {1, 2}, "Recency is about the table, all others about two batches"
    assert str(published.value("dq_table", "sql")).count("```sql") == TESTS_DETAILED
    assert len(drawn(published, "dq_table")) == TESTS_DETAILED
    assert f"and {len(failing) - TESTS_DETAILED} more." in str(published.of("dq_table").description)


def test_what_is_read_does_not_grow_with_the_number_of_checks(sales: Callable[..., Sales]) -> None:
    project = sales()
    fail_everything(project)
    project.land(broken=True)
    project.run(project.definitions())
    run = project.store.latest_test_run(project.group_id)
    assert run is not None
    statements: list[str] = []
    event.listen(project.store._database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    counted = {}
    for granularity in ("table", "dimension", "rule"):
        group = project.settings.table_groups["sales"].model_copy(update={"check_granularity": granularity})
        graph = group_graph(project.settings.model_copy(update={"table_groups": {"sales": group}}), "sales")
        checks = planned_checks(graph)
        statements.clear()
        publication = Publication.read(project.steps, graph, run, checks, NOW)
        assert sum(publication.result(check) is not None for check in checks.values()) > 1
        counted[granularity] = len([text for text in statements if "SELECT" in text])
    assert len(set(counted.values())) == 1, counted


def measured(test: Test, *values: float, rows: int | None = 200) -> list[PastMeasure]:
    start = datetime(2024, 3, 1, tzinfo=UTC)
    return [
        PastMeasure(
            batch_key=f"2024-03-{day + 1:02}",
            at=start + timedelta(days=day),
            value=value,
            rows_tested=rows,
            result_status=Verdict.FAIL if value > 5 else Verdict.PASS,
        )
        for day, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("thresholds", "values", "band", "unit"),
    [
        (Thresholds(error=Bound(maximum=0.03), unit=Unit.SHARE), [1.0, 5.0], (None, 3.0), " %"),
        (Thresholds(error=Bound(maximum=3), unit=Unit.COUNT), [2.0, 10.0], (None, 3), ""),
        (Thresholds(warning=Bound(minimum=2, maximum=8), error=Bound(minimum=1, maximum=9), fatal=Bound(minimum=0)), [2.0, 10.0], (2, 8), ""),
        (Thresholds(), [2.0, 10.0], (None, None), ""),
    ],
)
def test_the_band_is_what_breaks_no_bound_and_shares_are_plotted_as_they_are_compared(
    sales: Callable[..., Sales], thresholds: Thresholds, values: list[float], band: tuple[float | None, float | None], unit: str
) -> None:
    test = sales().test("LOV_Match", "status").model_copy(update={"thresholds": thresholds})
    points, found_band, found_unit = plotted(test, measured(test, 2.0, 10.0))
    assert ([point.value for point in points], found_band, found_unit) == (values, band, unit)
    assert [point.failed for point in points] == [False, True]
    assert [point.label for point in points] == ["2024-03-01", "2024-03-02"]
