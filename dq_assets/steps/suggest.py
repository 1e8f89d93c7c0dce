"""Suggest: learn the group's test suite from the series of batch profiles and make it the working set."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from dq_assets.errors import ConfigError, EvaluationError
from dq_assets.profiling.masking import policy_for
from dq_assets.records.check_ceiling import granularity_of
from dq_assets.records.enums import BaselineStatus, Origin
from dq_assets.records.table_list import ListedTest, read_table_list, write_table_list
from dq_assets.rules.compile import checked_rule, filter_of
from dq_assets.rules.evidence import table_evidence
from dq_assets.rules.suggest import Dropped
from dq_assets.rules.suggest import suggest as suggest_tests
from dq_assets.steps.hand_written import hand_written_test
from dq_assets.steps.provision import ensure_ready
from dq_assets.steps.register import is_selected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dq_assets.records.profiles import ColumnProfile, MetricValue
    from dq_assets.records.tables import GroupTable, TableGroup
    from dq_assets.records.tests import Test
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
        ConfigError: ``DQ-CONF-013`` when a hand-written test names a table that is not there; ``DQ-CONF-021`` when the tests make more checks than are
            allowed, in which case they are stored and judge batches all the same.
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
    suite = tuple(context.store.tests(group.table_group_id))
    list_tests(context, group_name, suite)
    return LearnedSuite(tests=suite, dropped=tuple(dropped), change=change)


def list_tests(context: StepContext, group_name: str, tests: Sequence[Test]) -> None:
    """Show the graph the working set: it goes into the group's table list.

    Raises:
        ConfigError: ``DQ-CONF-021`` when the group would have more checks than are allowed; the list stays as it is, and so does the working set.
    """
    folder, settings = context.settings.metadata.folder, context.group_settings(group_name)
    listed = read_table_list(folder, group_name)
    if listed is not None:
        shown = tuple(ListedTest.model_validate({field: getattr(test, field) for field in ListedTest.model_fields}) for test in tests)
        renewed = listed.model_copy(update={"tests": shown})
        # Refuses what is above the ceiling, before it is listed.
        granularity_of(renewed, settings.check_granularity, blocking=settings.blocking != "never")
        write_table_list(folder, renewed)


def manual_test(group: TableGroup, test_suite_key: str, tables: list[GroupTable], written: ManualTest) -> Test:
    """Return a hand-written test as a record: any failing row fails it, with the severity it names."""
    table = next((table.name for table in tables if written.table in (table.name.table_name, str(table.name))), None)
    if table is None:
        raise ConfigError(
            "DQ-CONF-013",
            f"test {written.name!r}: table {written.table!r} is not in the group.",
            f"its tables are: {', '.join(str(table.name) for table in tables)}.",
        )
    test = hand_written_test(group, test_suite_key, table, written)
    checked_rule(test)
    filter_of(test)
    return test
