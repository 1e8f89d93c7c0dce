"""What the design leans on in Dagster's asset checks: when one of these fails after an upgrade, the design is to be read again."""

from collections.abc import Iterator

import dagster as dg
import pytest

TABLE = dg.AssetKey(["lake", "main", "orders"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def checks_with(results: dict[str, dg.AssetCheckSeverity | None]) -> dg.AssetChecksDefinition:
    """Return checks on the table; None passes, a severity fails, ``absent`` is declared and yields nothing."""
    specs = [dg.AssetCheckSpec(name, asset=TABLE) for name in [*results, "absent"]]

    @dg.multi_asset_check(name="published", specs=specs, can_subset=True)
    def published(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for key in sorted(context.selected_asset_check_keys, key=lambda key: key.name):
            if key.name in results:
                severity = results[key.name]
                yield dg.AssetCheckResult(asset_key=TABLE, check_name=key.name, passed=severity is None, severity=severity or dg.AssetCheckSeverity.ERROR)

    return published


def test_checks_sit_on_an_external_table_each_with_a_severity_of_its_own(instance: dg.DagsterInstance) -> None:
    """A characterization: a check needs no asset that can be executed, and its result says how bad it is."""
    found = {"a": None, "b": dg.AssetCheckSeverity.WARN, "c": dg.AssetCheckSeverity.ERROR}
    definitions = dg.Definitions(assets=[dg.AssetSpec(TABLE)], asset_checks=[checks_with(found)])
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    assert {(item.check_name, item.passed, item.severity.value) for item in result.get_asset_check_evaluations()} == {
        ("a", True, "ERROR"),
        ("b", False, "WARN"),
        ("c", False, "ERROR"),
    }


def test_a_failed_check_leaves_the_run_green(instance: dg.DagsterInstance) -> None:
    """A characterization: therefore alerting and fail_run_on are ours."""
    definitions = dg.Definitions(assets=[dg.AssetSpec(TABLE)], asset_checks=[checks_with({"c": dg.AssetCheckSeverity.ERROR})])
    assert definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance).success


def test_a_declared_check_may_stay_silent(instance: dg.DagsterInstance) -> None:
    """A characterization: therefore a dimension without tests yields nothing, instead of a green that nobody earned."""
    definitions = dg.Definitions(assets=[dg.AssetSpec(TABLE)], asset_checks=[checks_with({"a": None})])
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    assert result.success
    assert [item.check_name for item in result.get_asset_check_evaluations()] == ["a"]


def test_a_check_may_sit_on_a_table_that_this_code_location_does_not_declare(instance: dg.DagsterInstance) -> None:
    """A characterization: therefore checks attach to assets of another code location."""
    definitions = dg.Definitions(asset_checks=[checks_with({"a": None})], jobs=[dg.define_asset_job("only", dg.AssetSelection.all_asset_checks())])
    result = definitions.resolve_job_def("only").execute_in_process(instance=instance)
    assert [item.asset_key for item in result.get_asset_check_evaluations()] == [TABLE]


def test_a_blocking_check_that_waits_for_what_stands_behind_its_table_is_circular() -> None:
    """A characterization: therefore groups that block publish before they materialize."""

    @dg.asset(deps=[TABLE])
    def results() -> None: ...

    @dg.asset_check(asset=TABLE, blocking=True, additional_deps=[results])
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    definitions = dg.Definitions(assets=[dg.AssetSpec(TABLE), results], asset_checks=[check])
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        definitions.resolve_implicit_global_asset_job_def()


def test_an_asset_that_is_an_observation_only_stays_never_materialized(instance: dg.DagsterInstance) -> None:
    """A characterization: therefore the ingestion sensor reports materializations of tables."""
    instance.report_runless_asset_event(dg.AssetObservation(TABLE))
    assert instance.get_latest_materialization_event(TABLE) is None
    instance.report_runless_asset_event(dg.AssetMaterialization(TABLE))
    assert instance.get_latest_materialization_event(TABLE) is not None
