"""Asset checks on somebody's own asset: the data frame it returns is loaded through its IO manager and judged in memory.

Decision: the checks are one step with the frame as its input, as Dagster's own checks have it, so they run after the asset in the same run, in a process
of their own, and alone. What they publish is made by the same code as the checks on tables. Nothing is written to the store; with ``suite`` it is
read when the checks run, so that a test that is switched off or learned anew needs no reload.
"""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import dagster as dg

from dq_assets.errors import ConfigError, DQError
from dq_assets.orchestration.check_plan import Place, PlannedCheck, check_names, places_of, tests_behind
from dq_assets.orchestration.check_results import BATCHES_PLOTTED, SAMPLE_ROWS, Publication, detailed, outcome
from dq_assets.orchestration.failures import told
from dq_assets.orchestration.keys import CHECK_OF_DIMENSION, TABLE_CHECK
from dq_assets.orchestration.metadata import code, escaped
from dq_assets.records.check_ceiling import CHECK_CEILING, GRANULARITIES
from dq_assets.records.enums import Dimension, StoreValues
from dq_assets.records.table_list import ListedTest, read_table_list
from dq_assets.records.tables import TableName
from dq_assets.records.tests import PastMeasure, Test
from dq_assets.settings import ManualTest, Settings
from dq_assets.settings_file import find_settings_path, load_settings
from dq_assets.steps.frame_tests import FRAME_SCHEMA, FrameOptions, frame_tests

if TYPE_CHECKING:
    from dq_assets.steps.context import RunRequest
    from dq_assets.steps.test_frame import Asked, FrameJudgement

Granularity = Literal["table", "dimension", "rule"]
AssetLike = dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset | dg.AssetKey | str | Sequence[str]


class Target(NamedTuple):
    """An asset as an input: its key, its partitions, and what its function says it returns."""

    key: dg.AssetKey
    partitions: dg.PartitionsDefinition | None = None
    returns: Any = Any


@dataclass(frozen=True)
class OwnTests:
    """Tests that were handed over."""

    tests: Sequence[Test]
    options: FrameOptions

    @property
    def table(self) -> TableName:
        """The table as which the tests know the frame."""
        return TableName(schema_name=FRAME_SCHEMA, table_name=self.options.name)

    @property
    def listed(self) -> list[ListedTest]:
        """The tests, for their names."""
        return [ListedTest.model_validate({field: getattr(test, field) for field in ListedTest.model_fields}) for test in self.tests]

    @property
    def dimensions(self) -> list[Dimension]:
        """The dimensions that have tests."""
        return [dimension for dimension in Dimension if any(test.dimension is dimension for test in self.tests)]

    def asked(self, request: "RunRequest", wanted: Callable[[Test], bool]) -> "Asked":
        """Return what is asked of the frame."""
        from dq_assets.steps.test_frame import asked_of

        return asked_of([test for test in self.tests if wanted(test)], self.options, request.as_of)

    def history(self, test_ids: Sequence[str]) -> dict[str, list[PastMeasure]]:
        """Return nothing: nobody keeps the results."""
        return {}


@dataclass(frozen=True)
class StoredSuite:
    """The working set of a table of a group, as the store holds it when it is asked."""

    settings: Settings
    group: str
    name: str

    @property
    def table(self) -> TableName:
        """The table, as the last registering listed it."""
        listed = read_table_list(self.settings.metadata.folder, self.group)
        names = [table.name for table in listed.tables] if listed else []
        return next((table for table in names if self.name in (table.table_name, str(table))), TableName(schema_name=FRAME_SCHEMA, table_name=self.name))

    @property
    def listed(self) -> list[ListedTest]:
        """The table's tests, as the last learning listed them."""
        listed = read_table_list(self.settings.metadata.folder, self.group)
        return [test for test in listed.tests if test.table == self.table] if listed else []

    @property
    def dimensions(self) -> list[Dimension]:
        """All of them: which have tests may change without a reload."""
        return list(Dimension)

    def asked(self, request: "RunRequest", wanted: Callable[[Test], bool]) -> "Asked":
        """Return what is asked of the frame."""
        from dq_assets.steps.context import StepContext
        from dq_assets.steps.test_frame import asked_of_suite

        return asked_of_suite(StepContext.open(self.settings), self.group, self.name, request, wanted)

    def history(self, test_ids: Sequence[str]) -> dict[str, list[PastMeasure]]:
        """Return what the runs of the group measured with the tests."""
        from dq_assets.steps.context import StepContext

        return StepContext.open(self.settings).store.measure_history(test_ids, BATCHES_PLOTTED) if test_ids else {}


def build_asset_checks(
    asset: AssetLike,
    tests: Iterable[Test | ManualTest | Mapping[str, Any]] | None = None,
    *,
    suite: str | None = None,
    settings: Settings | None = None,
    granularity: Granularity = "dimension",
    blocking: bool = False,
    reference_tables: Mapping[str, AssetLike] | None = None,
    name: str | None = None,
    timezone: str | None = None,
    store_values: StoreValues | str | None = None,
    sample: int | None = None,
    pool: str | None = None,
) -> dg.AssetChecksDefinition:
    """Return checks on the data frame that an asset returns: pandas, polars, pyarrow, or anything else with ``__arrow_c_stream__``.

    Checks have the names, verdicts, severities and metadata of those on tables: one a dimension that has tests, one a table, or one a test. A frame that
    cannot be read fails its checks. An asset with partitions is judged partition by partition.

    Args:
        asset: the asset, or its key; given the asset itself, its partitions and the type its function returns are known.
        tests: each a ``Test``, a ``ManualTest``, or a mapping with the fields of a test in ``dq.yaml``, in which ``table`` may be left out.
        suite: in place of ``tests``, a table of a group, as in ``sales.orders`` or ``sales.main.orders``: the tests that are stored for it when the checks
            run. Complete batches in the frame are then judged one by one.
        settings: of ``suite``; default: those of ``$DQ_CONFIG`` or ``./dq.yaml``.
        granularity: ``table``, ``dimension`` or ``rule``; with ``rule`` a suite that is not learned yet is one check.
        blocking: whether what comes after the asset in the same run waits for the checks and is left out when one fails with severity ERROR.
        reference_tables: other assets that tests refer to, by ``table`` or ``schema.table``; their frames are loaded too.
        name: the table as which tests know the frame; default: the last part of the asset's key. Not with ``suite``.
        timezone: IANA zone in which times without one are read; default: UTC. Not with ``suite``.
        store_values: which values of failing rows are shown: ``none``, ``masked`` (default) or ``all``. Not with ``suite``.
        sample: up to how many failing rows are looked up per test; default: 10. Not with ``suite``.
        pool: Dagster's pool of the step.

    Raises:
        ConfigError: ``DQ-FRAME-004`` or ``DQ-CONF-014`` when a test has a mistake, ``DQ-FRAME-005`` when an argument has, ``DQ-CONF-003`` when the suite's
            group is not declared.
        RuleError: ``DQ-RULE-001`` when a rule type is not in the catalogue.
    """
    target = _target(asset)
    given = {"name": name, "timezone": timezone, "store_values": store_values, "sample": sample}
    options = {option: value for option, value in given.items() if value is not None}
    source = _source(target, tests, suite, settings, options)
    references = {table: _target(reference) for table, reference in (reference_tables or {}).items()}
    inputs = {key: f"reference_{number}" for number, key in enumerate(dict.fromkeys(reference.key for reference in references.values()))}
    if target.key in inputs:
        raise _refused("reference_tables", "the asset itself", "leave it out; tests may refer to the frame by its own name.")
    if granularity not in GRANULARITIES:
        raise _refused("granularity", repr(granularity), f"choose one of {', '.join(GRANULARITIES)}.")
    planned = {check.key: check for check in _planned(target.key, source, granularity)}
    if not planned or len(planned) > CHECK_CEILING:
        raise _refused("granularity", f"{granularity}, which makes {len(planned)} checks", f"there may be 1 to {CHECK_CEILING}.")

    def publish(context: dg.AssetCheckExecutionContext, frame: Any, **others: Any) -> Iterator[dg.AssetCheckResult]:
        from dq_assets.orchestration.requests import run_request

        with told(context):
            request = run_request(context.run, context.instance)
            selected = [planned[key] for key in sorted(context.selected_asset_check_keys, key=lambda key: key.name)]
            loaded = {table: others[inputs[reference.key]] for table, reference in references.items()}
            results = list(_results(source, selected, request, frame, loaded, context.log.info))
        yield from results

    # Dagster takes the type of an input from here; IO managers that can load several kinds of frames ask for it.
    publish.__annotations__["frame"] = target.returns
    with warnings.catch_warnings():
        # Partitions of checks are in preview in Dagster 1.13; whoever loads our definitions can do nothing about it.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        specs = [
            dg.AssetCheckSpec(
                key.name,
                asset=target.key,
                description=check.description,
                metadata=check.metadata,
                blocking=blocking,
                additional_deps=list(inputs),
                partitions_def=target.partitions,
            )
            for key, check in planned.items()
        ]
        ins = {"frame": dg.AssetIn(target.key), **{given_as: dg.AssetIn(key) for key, given_as in inputs.items()}}
        return dg.multi_asset_check(name=f"{target.key.to_python_identifier()}_dq_checks", specs=specs, can_subset=True, ins=ins, pool=pool)(publish)


def _refused(argument: str, value: object, fix: str) -> ConfigError:
    return ConfigError("DQ-FRAME-005", f"build_asset_checks: {argument} is {value}.", fix)


def _target(asset: AssetLike) -> Target:
    if isinstance(asset, dg.AssetsDefinition):
        if len(asset.keys) != 1:
            raise _refused("asset", f"a definition of {len(asset.keys)} assets", "give the key of one of them.")
        (key,) = asset.keys
        returns: Any = Any
        if asset.is_executable:
            kind = asset.node_def.output_dict[asset.get_output_name_for_asset_key(key)].dagster_type
            if kind.is_nothing:
                raise _refused("asset", f"{key.to_user_string()}, whose function returns nothing", "return the frame, or put its table into a table group.")
            returns = kind.typing_type
        return Target(key, asset.partitions_def, returns)
    if isinstance(asset, (dg.AssetSpec, dg.SourceAsset)):
        return Target(asset.key, asset.partitions_def)
    if isinstance(asset, dg.AssetKey):
        return Target(asset)
    return Target(dg.AssetKey.from_user_string(asset) if isinstance(asset, str) else dg.AssetKey(asset))


def _source(
    target: Target, tests: Iterable[Test | ManualTest | Mapping[str, Any]] | None, suite: str | None, settings: Settings | None, options: Mapping[str, Any]
) -> OwnTests | StoredSuite:
    if (tests is None) == (suite is None):
        raise _refused("tests", "given beside suite" if tests is not None else "missing, and so is suite", "give one of the two.")
    if suite is None:
        named = {"name": target.key.path[-1], **options}
        checked = FrameOptions.of(**named)
        return OwnTests(frame_tests(tests or (), checked.name), checked)
    if options:
        raise _refused(next(iter(options)), "given beside suite", "leave it out; the group's settings say it.")
    group, dot, table = suite.partition(".")
    path = find_settings_path(None) if settings is None else None
    if not dot or not table or (settings is None and path is None):
        raise _refused("suite", f"{suite!r}{'' if settings or path else ' without settings'}", "write GROUP.TABLE, and give settings or have a dq.yaml.")
    loaded = settings if settings is not None or path is None else load_settings(path)
    if loaded is None or group not in loaded.table_groups:
        declared = ", ".join(sorted(loaded.table_groups)) if loaded else ""
        raise ConfigError("DQ-CONF-003", f"table group {group!r} is not declared.", f"groups declared: {declared or 'none'}.")
    return StoredSuite(loaded, group, table)


def _planned(key: dg.AssetKey, source: OwnTests | StoredSuite, granularity: Granularity) -> list[PlannedCheck]:
    table = source.table
    where = code(key.to_user_string())
    listed = source.listed if granularity == "rule" else []
    # A suite that was not learned yet has no test to make a check of, which is no reason for definitions not to load.
    if granularity == "table" or (granularity == "rule" and not listed and isinstance(source, StoredSuite)):
        return [PlannedCheck(dg.AssetCheckKey(key, TABLE_CHECK), Place(table), f"All tests on the frame of {where}.")]
    if granularity == "dimension":
        return [
            PlannedCheck(dg.AssetCheckKey(key, CHECK_OF_DIMENSION[dimension]), Place(table, dimension), f"Tests of {dimension.value} on the frame of {where}.")
            for dimension in source.dimensions
        ]
    names = check_names(listed, {test.test_id: key.to_python_identifier() for test in listed})
    return [
        PlannedCheck(
            dg.AssetCheckKey(key, names[test.test_id]),
            Place(table, test_id=test.test_id),
            escaped(f"{' of '.join(filter(None, [test.rule_type, ', '.join(test.columns)]))} on the frame of {key.to_user_string()}, test {test.name}."),
            {"test_id": test.test_id, "rule_type": test.rule_type, "dimension": test.dimension.value},
        )
        for test in listed
    ]


def _results(
    source: OwnTests | StoredSuite,
    selected: Sequence[PlannedCheck],
    request: "RunRequest",
    frame: object,
    references: Mapping[str, object],
    progress: Callable[[str], None],
) -> Iterator[dg.AssetCheckResult]:
    """Judge the tests behind the checks and yield what each check publishes; one without a judged test yields nothing."""
    from dq_assets.steps.test_frame import judge_frame

    # The definitions may be older than the registering that told in which schema the table is.
    asked = source.asked(request, lambda test: any(check.place._replace(table=test.table) in places_of(test) for check in selected))
    asked = asked._replace(run=asked.run.model_copy(update={"dagster_run_id": request.dagster_run_id}))
    try:
        judgement = judge_frame(asked, frame, references)
    except DQError as error:
        judgement = asked.unread(error)
    keys = sorted({result.batch_key for result in judgement.results if result.batch_key})
    progress(f"{len(asked.tests)} tests, {len(judgement.results)} results" + (f", batches {keys[0]} to {keys[-1]}." if keys else "."))
    checks = {check.key: PlannedCheck(check.key, check.place._replace(table=asked.table.name), check.description) for check in selected}
    publication = _publication(source, judgement, checks, request)
    for check in checks.values():
        result = publication.result(check)
        if result is not None:
            # The run is in no store, so its id leads nowhere.
            yield result._replace(metadata={label: value for label, value in result.metadata.items() if label != "test_run_id"})


def _publication(
    source: OwnTests | StoredSuite, judgement: "FrameJudgement", checks: Mapping[dg.AssetCheckKey, PlannedCheck], request: "RunRequest"
) -> Publication:
    behind = tests_behind(checks, judgement.tests)
    by_test = defaultdict(list)
    for result in judgement.results:
        by_test[result.test_id].append(result)
    tests = {test.test_id: test for test in judgement.tests}
    outcomes = {key: outcome(check, behind.get(key, ()), by_test, request.started_at) for key, check in checks.items()}
    plotted = sorted({test_id for found in outcomes.values() for test_id in detailed(found, tests)})
    return Publication(
        tables=judgement.tables,
        timezone=judgement.timezone,
        run=judgement.run,
        tests=tests,
        outcomes=outcomes,
        since={},
        rows={result_id: rows[:SAMPLE_ROWS] for result_id, rows in judgement.failed_rows.items()},
        history={test_id: _with_now(past, judgement, test_id) for test_id, past in source.history(plotted).items()},
        dialect="duckdb",
        as_of=request.as_of.astimezone(ZoneInfo(judgement.timezone)).replace(tzinfo=None),
    )


def _with_now(past: Sequence[PastMeasure], judgement: "FrameJudgement", test_id: str) -> list[PastMeasure]:
    """Return what the store knows of a test with what was just measured in its place in time."""
    now = [
        PastMeasure(
            batch_key=result.batch_key,
            at=result.window_start or judgement.run.as_of,
            value=result.sensor_value,
            rows_tested=result.rows_tested,
            result_status=result.result_status,
        )
        for result in judgement.results
        if result.test_id == test_id and result.sensor_value is not None
    ]
    judged = {point.batch_key for point in now} - {None}
    return sorted([*(point for point in past if point.batch_key not in judged), *now], key=lambda point: point.at)[-BATCHES_PLOTTED:]
