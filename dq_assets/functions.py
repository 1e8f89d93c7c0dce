"""The Python API: what the platform does, as functions on data in memory.

Decision: a function here needs no configuration, no store and no file, and reads the clock only where it is not told the time; each is a door to a step.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dq_assets.records.enums import StoreValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dq_assets.profiling.table_profile import BatchProfiles, TableProfile
    from dq_assets.records.batches import BatchSpec
    from dq_assets.records.sampling import Sampling
    from dq_assets.records.tests import Test
    from dq_assets.settings import ManualTest
    from dq_assets.steps.test_frame import EvaluatedTest


def evaluate(
    tests: Iterable[Test | ManualTest | Mapping[str, Any]],
    data: object,
    *,
    name: str = "frame",
    timezone: str = "UTC",
    as_of: datetime | None = None,
    store_values: StoreValues | str = StoreValues.MASKED,
    sample: int = 10,
    reference_tables: Mapping[str, object] | None = None,
) -> list[EvaluatedTest]:
    """Judge a data frame in memory and return one result per test, in the order of the tests.

    A test that cannot be evaluated has the verdict ``error`` and the others stand; nothing that was not evaluated passes. The frame is one batch.

    Args:
        tests: each a ``Test``, a ``ManualTest``, or a mapping with the fields of a test in ``dq.yaml``, in which ``table`` may be left out.
        data: a pandas or polars frame, a pyarrow table, a DuckDB relation, or anything else that has ``__arrow_c_stream__``.
        name: the table as which tests know the frame, as in the SQL of a ``CUSTOM`` test.
        timezone: IANA zone in which times without a zone are read.
        as_of: what is now to tests that ask; UTC where it has no zone; default: the clock.
        store_values: which values of failing rows are shown: ``none``, ``masked`` (personal data hidden) or ``all``.
        sample: up to how many failing rows are shown per test.
        reference_tables: further frames that tests refer to, by ``table`` or ``schema.table``.

    Raises:
        SourceError: ``DQ-FRAME-001`` to ``-003`` when a frame cannot be read.
        ConfigError: ``DQ-FRAME-004`` or ``DQ-CONF-014`` when a test has a mistake, ``DQ-FRAME-005`` when another argument has.
        RuleError: ``DQ-RULE-001`` when a rule type is not in the catalogue.

    Example:
        >>> import pyarrow as pa
        >>> orders = pa.table({"order_id": [1, 2, 2], "amount": [10.0, -3.0, 5.0]})
        >>> tests = [
        ...     {"name": "amounts are positive", "rule_type": "Value_Range", "columns": ["amount"], "parameters": {"minimum": 0, "maximum": 1000}},
        ...     {"name": "order_id is a key", "rule_type": "Unique", "columns": ["order_id"]},
        ...     {"name": "every order has an amount", "rule_type": "Required", "columns": ["amount"]},
        ... ]
        >>> for result in evaluate(tests, orders):
        ...     print(result.verdict, result.name, result.failed_rows)
        fail amounts are positive ({'order_id': 2, 'amount': -3.0},)
        fail order_id is a key ({'order_id': 2, 'amount': -3.0}, {'order_id': 2, 'amount': 5.0})
        pass every order has an amount ()
    """
    from dq_assets.steps.frame_tests import FrameOptions, frame_tests
    from dq_assets.steps.test_frame import asked_of, judge_frame

    options = FrameOptions.of(name=name, timezone=timezone, store_values=store_values, sample=sample)
    moment = as_of or datetime.now(UTC)
    now = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return judge_frame(asked_of(frame_tests(tests, name), options, now), data, reference_tables or {}).evaluated()


def profile(
    data: object,
    *,
    table: str | None = None,
    batch: BatchSpec | tuple[str, str] | Mapping[str, str] | None = None,
    name: str | None = None,
    timezone: str = "UTC",
    as_of: datetime | None = None,
    store_values: StoreValues | str = StoreValues.MASKED,
    sample: Sampling | Mapping[str, Any] | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
    timeout_s: float | None = None,
    whole_rows: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> TableProfile | BatchProfiles:
    """Profile a table where it is, and return what was found; with ``batch`` a list with one profile per batch, in data time.

    Args:
        data: a path (a DuckDB database, a Parquet or CSV file, a folder of such), a DuckDB relation, a pandas, polars or pyarrow table, a Spark data frame, or
            an engine: a SQLAlchemy ``Engine``, a ``SparkSession``, or one of ``dq_assets.engines``.
        table: which table, as ``table`` or ``schema.table``; may be left out where there is only one.
        batch: the time column that tells the batch of a row, and the grain: ``("ordered_at", "day")``; hour, day, week or month.
        name: what the profile calls the table; default: its name in the source, or ``frame``.
        timezone: IANA zone in which batches are cut and times without a zone are read.
        as_of: what is now to metrics that ask; UTC where it has no zone; default: the clock.
        store_values: which values are shown: ``none``, ``masked`` (personal data hidden) or ``all``.
        sample: profile a part of the rows, as in ``{"share": 0.1}``, ``{"rows": 100_000}`` or, with a batch column, ``{"days": 30}``; what is scaled says so.
        memory_limit: of DuckDB, as in ``4GB``; what is beyond spills to disk.
        threads: of DuckDB.
        timeout_s: after how many seconds a statement is ended.
        whole_rows: look for duplicate rows, candidate keys and the order of rows too, which costs about a scan of all columns.
        progress: is told, in words, how far it is.

    Raises:
        SourceError: the data cannot be read; ``DQ-FRAME-001`` to ``-003`` for a frame, ``DQ-CONN-001`` to ``-005`` for a path.
        ConfigError: ``DQ-PROF-001`` when an argument cannot be used, or the table is not there.

    Example:
        >>> import pyarrow as pa
        >>> orders = pa.table({"order_id": [1, 2, 3], "status": ["open", "paid", None]})
        >>> found = profile(orders, name="orders")
        >>> found["status"].null_count, found["order_id"].metrics["order"], found.candidate_keys
        (1, 'increasing', (('order_id',),))
    """
    from dq_assets.steps.profile_data import DataOptions, profile_data

    options = DataOptions.of(
        table=table,
        batch=batch,
        name=name,
        timezone=timezone,
        as_of=as_of or datetime.now(UTC),
        store_values=store_values,
        sample=sample,
        memory_limit=memory_limit,
        threads=threads,
        timeout_s=timeout_s,
        whole_rows=whole_rows,
    )
    return profile_data(data, options, progress)
