"""From a test that a person wrote to a test that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_assets.errors import ConfigError
from dq_assets.records.enums import Origin
from dq_assets.records.tests import Bound, Test, Thresholds, Unit
from dq_assets.rules.catalogue import rule_type

if TYPE_CHECKING:
    from dq_assets.records.tables import TableGroup, TableName
    from dq_assets.settings import ManualTest


def hand_written_test(group: TableGroup, test_suite_key: str, table: TableName, written: ManualTest) -> Test:
    """Return a hand-written test of a table as a record; its parameters, columns and filter are not looked at.

    Raises:
        RuleError: ``DQ-RULE-001`` when its rule type is not in the catalogue.
        ConfigError: ``DQ-CONF-014`` when its bounds do not go with its rule.
    """
    rule = rule_type(written.rule_type)
    if rule.unit is not Unit.VALUE and written.low is not None:
        raise ConfigError("DQ-CONF-014", f"test {written.name!r}: rule {rule.name} counts failing rows, low is {written.low:g}.", "leave low out.")
    if rule.unit is Unit.VALUE and written.low is None and written.high is None:
        raise ConfigError("DQ-CONF-014", f"test {written.name!r}: rule {rule.name} measures a value and has no bound.", "give it low, high or both.")
    bound = Bound(minimum=written.low, maximum=written.high) if rule.unit is Unit.VALUE else Bound(maximum=written.high or 0)
    return Test(
        test_id=Test.identity(group.table_group_id, table, written.columns, rule.name, written.filter, written.name),
        project_key=group.project_key,
        connection_id=group.connection_id,
        table_group_id=group.table_group_id,
        test_suite_key=test_suite_key,
        name=written.name,
        rule_type=rule.name,
        table=table,
        columns=written.columns,
        parameters={key: list(value) if isinstance(value, tuple) else value for key, value in written.parameters.items()},
        filter=written.filter,
        dimension=rule.dimension,
        thresholds=Thresholds.model_validate({written.severity.value: bound, "unit": rule.unit}),
        origin=Origin.MANUAL,
        description=written.description,
    )
