"""Suggest: learn the group's test suite from the series of batch profiles and make it the working set."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from dq_assets.errors import ConfigError, EvaluationError
from dq_assets.profiling.masking import policy_for
from dq_assets.records.enums import BaselineStatus, Origin
from dq_assets.records.tests import Bound, Test, Thresholds, Unit
from dq_assets.rules.catalogue import rule_type
from dq_assets.rules.compile import checked_rule, filter_of
from dq_assets.rules.evidence import table_evidence
from dq_assets.rules.suggest import Dropped
from dq_assets.rules.suggest import suggest as suggest_tests
from dq_assets.steps.provision import ensure_ready
from dq_assets.steps.register import is_selected

if TYPE_CHECKING:
    from datetime import datetime

    from dq_assets.records.profiles import ColumnProfile, MetricValue
    from dq_assets.records.tables import GroupTable, TableGroup
    from dq_assets.settings import ManualTest
    from dq_assets.steps.context import StepContext
    from dq_assets.store.suites import SuiteChange


class LearnedSuite(NamedTuple):
    """The working set after learning: its tests, what changed, what was considered and dropped."""

    tests: tuple[Test, ...]
    dropped: tuple[Dropped, ...]
    change: SuiteChange


def suggest(context: StepContext, group_name: str, now: datetime, *, actor: str = "system") -> LearnedSuite:
    """Propose tests from the newest completed profile and all learned batches, add the hand-written ones, and apply them.

    Raises:
        EvaluationError: ``DQ-RUN-002`` when the group was never profiled.
        ConfigError: ``DQ-CONF-013`` when a hand-written test names a table that is not there.
        RuleError: a hand-written test cannot be compiled.
    """
    ensure_ready(context, now)
    group = context.group(group_name)
    tables = context.tables(group_name)
    run = context.store.latest_profile_run(group.table_group_id)
    if run is None:
        raise EvaluationError("DQ-RUN-002", f"table group {group_name!r} was never profiled.", "run `dq profile`.")
    profiles: dict[str, list[ColumnProfile]] = defaultdict(list)
    for column in context.store.column_profiles(run.profile_run_id):
        profiles[column.table_id].append(column)
    series: dict[str, list[MetricValue]] = defaultdict(list)
    for metric in context.store.metric_series([table.table_id for table in tables], baseline={BaselineStatus.LEARNED}):
        series[metric.table_id].append(metric)
    settings = context.group_settings(group_name)
    zone = ZoneInfo(settings.timezone)
    stored = [test for test in context.store.tests(group.table_group_id) if test.origin is Origin.GENERATED]
    present = {table.name for table in tables}
    # A table that the masks still select and that is gone is missing, not given up: its tests go on saying so until it is back or excluded.
    tests = [test for test in stored if test.table not in present and is_selected(test.table, settings)]
    dropped: list[Dropped] = []
    # Nothing was learned of references to a table that was not seen.
    unknown = {str(table.name) for table in tables if not profiles[table.table_id]} | {str(test.table) for test in tests}
    for table in tables:
        columns = profiles.get(table.table_id, [])
        policy = policy_for(settings.store_values, [column.column_name for column in columns if column.pii_risk])
        starts = {metric.batch_key: metric.window_start.astimezone(zone).replace(tzinfo=None) for metric in series[table.table_id]}
        learned = [test for test in stored if test.table == table.name]
        if not columns or (learned and not series[table.table_id]):
            # The table could not be read, or nothing of it may teach because its only load failed: what was learned before stays.
            tests += learned
            continue
        suggestion = suggest_tests(group, table_evidence(table, columns, series[table.table_id], policy, starts), group_name)
        tests += suggestion.tests
        proposed = {test.test_id for test in suggestion.tests}
        tests += [test for test in learned if test.test_id not in proposed and test.parameters.get("reference_table") in unknown]
        dropped += suggestion.dropped
    tests += [manual_test(group, group_name, tables, test) for test in settings.tests]
    change = context.store.apply_suite(group, group_name, tests, now=now, actor=actor)
    return LearnedSuite(tests=tuple(context.store.tests(group.table_group_id)), dropped=tuple(dropped), change=change)


def manual_test(group: TableGroup, test_suite_key: str, tables: list[GroupTable], written: ManualTest) -> Test:
    """Return a hand-written test as a record: any failing row fails it, with the severity it names."""
    rule = rule_type(written.rule_type)
    parameters = {key: list(value) if isinstance(value, tuple) else value for key, value in written.parameters.items()}
    table = next((table.name for table in tables if written.table in (table.name.table_name, str(table.name))), None)
    if table is None:
        raise ConfigError(
            "DQ-CONF-013",
            f"test {written.name!r}: table {written.table!r} is not in the group.",
            f"its tables are: {', '.join(str(table.name) for table in tables)}.",
        )
    if rule.unit is not Unit.VALUE and written.low is not None:
        raise ConfigError("DQ-CONF-014", f"test {written.name!r}: rule {rule.name} counts failing rows, low is {written.low:g}.", "leave low out.")
    if rule.unit is Unit.VALUE and written.low is None and written.high is None:
        raise ConfigError("DQ-CONF-014", f"test {written.name!r}: rule {rule.name} measures a value and has no bound.", "give it low, high or both.")
    bound = Bound(minimum=written.low, maximum=written.high) if rule.unit is Unit.VALUE else Bound(maximum=written.high or 0)
    test = Test(
        test_id=Test.identity(group.table_group_id, table, written.columns, rule.name, written.filter, written.name),
        project_key=group.project_key,
        connection_id=group.connection_id,
        table_group_id=group.table_group_id,
        test_suite_key=test_suite_key,
        name=written.name,
        rule_type=rule.name,
        table=table,
        columns=written.columns,
        parameters=parameters,
        filter=written.filter,
        dimension=rule.dimension,
        thresholds=Thresholds.model_validate({written.severity.value: bound, "unit": rule.unit}),
        origin=Origin.MANUAL,
        description=written.description,
    )
    checked_rule(test)
    filter_of(test)
    return test
