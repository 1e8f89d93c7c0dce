"""What somebody hands over with a data frame: tests in whichever shape, and how they are to be judged.

Decision: what makes no test at all is refused at once, so that a mistake shows when definitions load; parameters, columns and filters are looked at
when the test is judged, where a mistake is the verdict ``error`` of that test. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from dq_assets.errors import ConfigError
from dq_assets.records import identity
from dq_assets.records.base import Record
from dq_assets.records.enums import StoreValues
from dq_assets.records.tables import TableGroup, TableName
from dq_assets.records.tests import Test
from dq_assets.settings import ManualTest, Timezone
from dq_assets.steps.hand_written import hand_written_test

if TYPE_CHECKING:
    from collections.abc import Iterable

FRAME_SCHEMA, FRAME_PROJECT = "main", "default"


class FrameOptions(Record):
    """How a frame is judged. ``name`` is the table as which tests and their SQL know it."""

    name: str = Field(default="frame", min_length=1)
    timezone: Timezone = "UTC"
    store_values: StoreValues = StoreValues.MASKED
    sample: int = Field(default=10, ge=0)

    @classmethod
    def of(cls, **given: object) -> FrameOptions:
        """Return the options given.

        Raises:
            ConfigError: ``DQ-FRAME-005`` when one has a value that cannot be used.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            raise ConfigError("DQ-FRAME-005", f"{wrong['loc'][0]} is {wrong['input']!r}.", f"{wrong['msg']}.") from None


def frame_tests(tests: Iterable[Test | ManualTest | Mapping[str, Any]], name: str) -> list[Test]:
    """Return tests of the frame ``name``, in the order given.

    A mapping has the fields of a test in ``dq.yaml``; ``table`` may be left out.

    Raises:
        ConfigError: ``DQ-FRAME-004`` when a test has a wrong field, is about another table, or shares its name with one before; ``DQ-CONF-014`` when its
            bounds do not go with its rule.
        RuleError: ``DQ-RULE-001`` when its rule type is not in the catalogue.
    """
    found = [_placed(test, name, number) for number, test in enumerate(tests, start=1)]
    for field in ("name", "test_id"):
        value, times = next(iter(Counter(getattr(test, field) for test in found).most_common(1)), ("", 0))
        if times > 1:
            raise ConfigError("DQ-FRAME-004", f"{times} tests of {name} have the {field} {value!r}.", "give each test its own.")
    return found


def _placed(given: object, name: str, number: int) -> Test:
    table = TableName(schema_name=FRAME_SCHEMA, table_name=name)
    test = given if isinstance(given, (Test, ManualTest)) else _manual_test(given, name, number)
    own = test.table if isinstance(test, ManualTest) else test.table.table_name
    if own not in (name, str(table)):
        raise ConfigError("DQ-FRAME-004", f"test {test.name!r} is about table {own!r}, the frame is {name!r}.", "give the frame the table's name.")
    if isinstance(test, Test):
        return test.model_copy(update={"table": table})
    group = TableGroup(table_group_id=identity.table_group_id(FRAME_PROJECT, f"frame {name}"), project_key=FRAME_PROJECT, connection_id="", name=name)
    return hand_written_test(group, name, table, test)


def _manual_test(given: object, name: str, number: int) -> ManualTest:
    if not isinstance(given, Mapping):
        raise ConfigError("DQ-FRAME-004", f"test {number} of {name} is a {type(given).__name__}.", "write it like a test of dq.yaml.")
    try:
        return ManualTest.model_validate({"table": name, **given})
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"])
        called = given.get("name", number)
        raise ConfigError("DQ-FRAME-004", f"test {called!r} of {name}: {where}: {wrong['msg']}.", "write it like a test of dq.yaml.") from None
