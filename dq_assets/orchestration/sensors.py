"""Woken by arrival: the sensor that compares change tokens, and the automation conditions that can take its place.

Decision: the sensor may die anywhere and goes on from its last cursor, so what it asks for is a pure function of what it saw. Dagster drops a request
whose run key it has launched before, and the steps take the same token for the same run. Keys made of the tokens alone would drop the third landing
of A → B → A, so they form a chain: each is made of the key before it, of the newest verdict and of the tokens seen now. The cursor says what was
handed on, the store what was judged: where they differ, because a tick died or the data changed before the run read it, the store is right. A run
that ended without a result is asked for again under the same token where its cause may pass. While a run of the group is queued or in progress, the
sensor asks for nothing and leaves its cursor where it is: ten landings become one run on the newest state, and the last one is never lost. Validation
comes before learning.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field, ValidationError

from dq_assets.errors import DQError
from dq_assets.orchestration.check_plan import is_blocking
from dq_assets.orchestration.failures import PASSING, causes
from dq_assets.orchestration.graph import GroupGraph
from dq_assets.orchestration.keys import TAG_AS_OF, TAG_REDO_OF, TAG_TOKEN, TAG_TRIGGER
from dq_assets.orchestration.upkeep import MAX_REDOS, WILL_RETRY_TAG
from dq_assets.orchestration.workers import was_cut_off
from dq_assets.records import identity
from dq_assets.records.base import Record
from dq_assets.records.batches import BatchVersion
from dq_assets.records.enums import RunStatus, TriggerSource
from dq_assets.records.table_list import ListedTable, read_table_list

if TYPE_CHECKING:
    from dq_assets.records.tests import TestRun
    from dq_assets.steps.context import StepContext

Verb = Literal["learn", "validate"]
MINIMUM_INTERVAL_S = 30
LOCK_WAIT_S = 5
"""How long a tick waits for a source that somebody else holds; Dagster gives a tick 60 seconds, and the next one looks again."""
DATA_VERSION_TAG = "dagster/data_version"
UNFINISHED = [
    # Not NOT_STARTED: a run that was made just before the daemon died is launched when its run key is asked for again.
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class Cursor(Record):
    """What the sensor knows between two ticks. Text of another shape is no cursor: the sensor starts anew."""

    version: Literal[1] = 1
    tokens: dict[str, str] = Field(default_factory=dict)
    """Table to the hash of its change token, as of the newest change that was handed on."""
    link: str = ""
    """The newest link of the chain, which is the token of the run that was asked for with it."""
    asked: Verb | None = None
    """What was asked for with ``link`` and has no result yet."""
    verdict: str | None = None
    """The newest test run that was known."""
    learned_after: str | None = None
    """The newest test run that learning has to follow no more."""

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        """Return the cursor in ``text``; an empty one where there is none or it cannot be read."""
        try:
            return cls.model_validate_json(text) if text else cls()
        except ValidationError:
            return cls()


def ingestion_sensor(graph: GroupGraph, learn_job: Any, validate_job: Any) -> dg.SensorDefinition:
    """Return the sensor of a group, ``<group>_ingestion``.

    With ``trigger: sensor`` it asks for validation of what changed; with ``trigger: automation`` it only reports what changed. Either way it asks
    for learning: when the group was never learned, and after a validation if ``learn_after_validation``.

    Args:
        graph: the group.
        learn_job: its learning job.
        validate_job: its validation job.
    """

    @dg.sensor(
        name=f"{graph.name}_ingestion",
        jobs=[learn_job, validate_job],
        minimum_interval_seconds=MINIMUM_INTERVAL_S,
        default_status=_default_status(graph),
        description=f"Compares the change tokens of the tables of {graph.name}; asks for validation of what arrived, and for learning after it.",
        tags=graph.tags,
    )
    def ingestion(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        jobs: dict[Verb, str] = {"learn": learn_job.name, "validate": validate_job.name}
        # What learning found since this code location was loaded is watched without a reload.
        listed = read_table_list(graph.settings.metadata.folder, graph.name)
        tables = listed.tables if listed else graph.tables
        if not tables:
            return dg.SkipReason(f"Table group {graph.name!r} has no registered table: start the job {jobs['learn']}, or run `dq register`; then reload.")
        try:
            return _Tick(graph, context.instance, Cursor.parse(context.cursor), tables, jobs).result()
        except DQError as error:
            return dg.SkipReason(f"{error} Nothing is lost: the next tick looks again.")

    return ingestion


def automation_sensor(graph: GroupGraph, checks: Sequence[dg.AssetChecksDefinition]) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the group's automation conditions, ``<group>_automation``; Dagster's own one is off by default."""
    return dg.AutomationConditionSensorDefinition(
        name=f"{graph.name}_automation",
        target=dg.AssetSelection.assets(graph.key("test_results"), graph.key("alerts")) | dg.AssetSelection.checks(*checks),
        minimum_interval_seconds=MINIMUM_INTERVAL_S,
        default_status=_default_status(graph),
        run_tags={**graph.tags, TAG_TRIGGER: TriggerSource.INGESTION.value},
        description=f"Starts validation when a table of {graph.name} is reported with another data version, or materialized.",
    )


def arrival_condition(graph: GroupGraph) -> dg.AutomationCondition[dg.AssetKey] | None:
    """Return the condition of ``test_results``: a table of the group arrived since it was last asked for. None unless ``trigger: automation``.

    Not ``since_last_handled()``: it forgets what arrives between the request and the end of the run. The first evaluation counts as an arrival, since
    Dagster tells of none before it. It waits for the first learning, because without a suite there is nothing to judge by, and for the end of any.
    """
    if graph.group.trigger == "sensor":
        return None
    condition = dg.AutomationCondition
    # A version of our own tells when nothing changed; an asset of somebody else may keep its version while it reads other data.
    came = condition.newly_updated() if graph.group.source_assets == "attach" else condition.data_version_changed()
    suite = graph.key("test_suite")
    arrived = condition.any_deps_match(came).ignore(dg.AssetSelection.assets(suite)) | condition.initial_evaluation()
    learned = condition.asset_matches(suite, ~condition.missing() & ~condition.in_progress())
    return arrived.since(condition.newly_requested() & ~arrived).with_label("arrived") & learned & ~condition.in_progress()


def following_condition(graph: GroupGraph) -> dg.AutomationCondition[Any] | None:
    """Return the condition of what comes after ``test_results`` in the same run. None unless ``trigger: automation``."""
    if graph.group.trigger == "sensor":
        return None
    condition = dg.AutomationCondition
    return condition.any_deps_match(condition.will_be_requested()).allow(dg.AssetSelection.assets(graph.key("test_results")))


def checks_condition(graph: GroupGraph) -> dg.AutomationCondition[dg.AssetCheckKey] | None:
    """Return the condition of the checks: they belong into the run of ``test_results``, before it in a blocking group. None unless ``trigger: automation``."""
    arrival = arrival_condition(graph)
    if arrival is None or not is_blocking(graph):
        return following_condition(graph)
    return dg.AutomationCondition.asset_matches(graph.key("test_results"), arrival)


def _default_status(graph: GroupGraph) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if graph.group.automation == "running" else dg.DefaultSensorStatus.STOPPED


class _Tick:
    """One look at the group. It reads the source once; the store and Dagster's runs only as far as it has to."""

    def __init__(self, graph: GroupGraph, instance: dg.DagsterInstance, cursor: Cursor, tables: tuple[ListedTable, ...], jobs: Mapping[Verb, str]) -> None:
        self.graph, self.instance, self.cursor, self.tables, self.jobs = graph, instance, cursor, tables, jobs
        self.validates = graph.group.trigger == "sensor"

    def result(self) -> dg.SensorResult | dg.SkipReason:
        """Return what to ask for, else why nothing."""
        running = next(iter(self.instance.get_run_records(dg.RunsFilter(tags=self.graph.tags, statuses=UNFINISHED), limit=1)), None)
        if running is None:
            change = self._after_change() if self.validates else self._before_automation()
            return change or self._after_failure() or self._after_validation() or self._nothing()
        if self.changed and not self.validates:
            return self._reported()
        run = running.dagster_run
        waiting = f"; until its end waits what changed in {', '.join(self.changed)}" if self.changed else ""
        return dg.SkipReason(f"Run {run.run_id} of {run.job_name} is {run.status.value.lower()}{waiting}.")

    @cached_property
    def now(self) -> dict[str, str]:
        """The hash of each table's change token; a table that is not in the source is absent."""
        from dq_assets.engines import open_engine

        if not self.validates and self.graph.group.source_assets == "attach":
            return {}
        connection = self.graph.settings.connections[self.graph.group.connection]
        engine = open_engine(connection.hurried(LOCK_WAIT_S))
        return {str(name): _hash(token) for name, token in engine.change_tokens([table.name for table in self.tables]).items()}

    @cached_property
    def changed(self) -> list[str]:
        """The tables whose token is another one than the cursor's, those that vanished too."""
        seen = self.cursor.tokens
        return sorted(name for name in self.now.keys() | seen.keys() if self.now.get(name) != seen.get(name))

    @cached_property
    def steps(self) -> "StepContext":
        """Settings and store."""
        from dq_assets.steps.context import StepContext

        return StepContext.open(self.graph.settings)

    @cached_property
    def group_id(self) -> str:
        """The group's id in the store."""
        return self.steps.group(self.graph.name).table_group_id

    @cached_property
    def newest(self) -> "TestRun | None":
        """The newest completed test run of the whole suite, whoever started it."""
        return self.steps.store.latest_test_run(self.group_id)

    def _after_change(self) -> dg.SensorResult | None:
        """Ask for validation of what no verdict is about; for learning where there are no tests, since the first run begins the history."""
        known = self.newest is None or self.newest.test_run_id in (self.cursor.verdict, self._test_run_id(self.cursor.link))
        if known and not self.changed:
            return None
        tests = {test.test_id: str(test.table) for test in self.steps.store.tests(self.group_id)}
        if self._is_open(tests):
            return self._ask_for("validate" if tests else "learn")
        events = self._events()
        self._move(tokens=self.now, link=self._next_link(), asked=None)
        return self._told("What changed is judged already.", events) if events else None

    def _is_open(self, tests: Mapping[str, str]) -> bool:
        """Whether there is something that the newest verdict is not about.

        Args:
            tests: test id to table.
        """
        run = self._whole_run()
        if run is None or self.newest is None:
            return bool(self.changed)
        if run.tags.get(TAG_TOKEN, "").endswith(_hash(sorted(self.now.items()))):
            return False
        versions: dict[str, str | None] = {}
        for result in self.steps.store.test_results(self.newest.test_run_id):
            version = (batch.table_version if (batch := BatchVersion.parse(text)) else text) if (text := result.data_version) else None
            table = tests.get(result.test_id)
            if table is not None and versions.get(table) is None:
                versions[table] = _hash(version) if version else None
        # Of a table that no test has looked at only the cursor knows what is new.
        looked_at = {name for name, version in versions.items() if version is not None}
        return any(name not in versions or versions[name] != self.now.get(name) for name in {*self.changed, *looked_at})

    def _whole_run(self) -> dg.DagsterRun | None:
        """Return the Dagster run of the newest verdict, None where it judged nothing, or only batches that somebody chose."""
        from dq_assets.orchestration.requests import run_request

        run = self.instance.get_run_by_id(self.newest.dagster_run_id) if self.newest and self.newest.dagster_run_id else None
        if run is None or not _could_judge(self.newest) or run_request(run, self.instance, self.graph.partitions).batches is not None:
            return None
        return run

    def _before_automation(self) -> dg.SensorResult | None:
        """Report what changed; ask for the first learning, which the automation condition waits for."""
        suite = self.instance.get_latest_materialization_event(self.graph.key("test_suite"))
        if suite is None and (self.changed or self.cursor.asked != "learn"):
            return self._ask_for("learn")
        return self._reported() if self.changed else None

    def _reported(self) -> dg.SensorResult:
        """Report what changed. Learning waits for the validation of it, so the one before needs none of its own."""
        events, told = self._events(), f"Reported: {', '.join(self.changed)}."
        self._move(tokens=self.now, learned_after=self.newest.test_run_id if self.newest else None)
        return self._told(told, events)

    def _after_failure(self) -> dg.SensorResult | None:
        """Ask again for a run that ended without a result, where time heals; nothing comes before it."""
        from dq_assets.orchestration.requests import run_request

        verb, link = self.cursor.asked, self.cursor.link
        if verb is None:
            return None
        tried = [
            record
            for record in self.instance.get_run_records(dg.RunsFilter(tags={**self.graph.tags, TAG_TOKEN: link}))
            if record.dagster_run.status is not dg.DagsterRunStatus.NOT_STARTED
        ]
        if not tried:
            return self._ask(verb, f"{verb}:{link}", link)
        if self._has_result(verb, tried[0]):
            self._move(asked=None)
            return None
        run = tried[0].dagster_run
        if run.tags.get(WILL_RETRY_TAG) == "true":
            return self._told(f"Dagster retries run {run.run_id}.")
        if was_cut_off(self.instance, run):
            # Both sensors tick at the same time: one of them has to leave it to the other.
            return self._told(f"A process of run {run.run_id} was killed: dq_reconcile runs it again, at most {MAX_REDOS} times; so does the next change.")
        if len(tried) > MAX_REDOS or any(cause.code not in PASSING for cause in causes(self.instance, run.run_id)):
            told = f"Run {run.run_id} of {run.job_name} ended without a result: read its log, mend the cause and start the job by hand."
            return self._told(f"{told} The next change starts it too.")
        # The same run: what the first try asked for, as of the same moment.
        same = {TAG_AS_OF: run_request(run, self.instance).as_of.isoformat(), TAG_REDO_OF: run.tags.get(TAG_REDO_OF) or run.root_run_id or run.run_id}
        return self._ask(verb, f"{verb}:{link}:{len(tried) + 1}", link, tags=same)

    def _has_result(self, verb: Verb, record: dg.RunRecord) -> bool:
        """Whether a run that was asked for need not be tried again: it has a result, somebody cancelled it, or a later one did its work."""
        status = record.dagster_run.status
        if verb == "learn" or status is dg.DagsterRunStatus.CANCELED:
            return status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED)
        run = self.steps.store.test_run(self._test_run_id(self.cursor.link))
        if run is not None and run.status is RunStatus.COMPLETED and _could_judge(run):
            return True
        return self.newest is not None and self.newest.started_at > record.create_timestamp and self._whole_run() is not None

    def _after_validation(self) -> dg.SensorResult | None:
        """Ask for learning after a validation that none has followed yet."""
        newest = self.newest
        if not self.graph.group.learn_after_validation or newest is None or newest.test_run_id == self.cursor.learned_after or not _could_judge(newest):
            return None
        run = self.instance.get_run_by_id(newest.dagster_run_id) if newest.dagster_run_id else None
        if run is not None and run.status is dg.DagsterRunStatus.FAILURE and was_cut_off(self.instance, run):
            # Killed after its verdict was stored: dq_reconcile has it judged again, and learning comes after that.
            return None
        if newest.test_run_id != self._test_run_id(self.cursor.link):
            profile = self.steps.store.latest_profile_run(self.group_id)
            if profile is not None and newest.completed_at is not None and profile.started_at >= newest.completed_at:
                return None
        self._move(learned_after=newest.test_run_id)
        return self._ask("learn", f"learn:{newest.test_run_id}", f"learn:{newest.test_run_id}")

    def _nothing(self) -> dg.SensorResult:
        missing = sorted({str(table.name) for table in self.tables} - self.now.keys()) if self.now else []
        gone = f" Not in the source: {', '.join(missing)}." if missing else ""
        return self._told(f"Nothing new in {len(self.tables)} tables.{gone}")

    def _ask_for(self, verb: Verb) -> dg.SensorResult:
        """Ask for a run on what is there now; the cursor takes it for handed on."""
        events, link = self._events(), self._next_link()
        self._move(tokens=self.now, link=link, asked=verb)
        return self._ask(verb, f"{verb}:{link}", link, events)

    def _ask(
        self, verb: Verb, run_key: str, token: str, events: Sequence[dg.AssetMaterialization] = (), tags: Mapping[str, str] = MappingProxyType({})
    ) -> dg.SensorResult:
        own = {**self.graph.tags, TAG_TRIGGER: TriggerSource.INGESTION.value, TAG_TOKEN: token}
        request = dg.RunRequest(run_key=run_key, job_name=self.jobs[verb], tags={**own, **tags})
        return dg.SensorResult(run_requests=[request], asset_events=events, cursor=self._cursor_text())

    def _told(self, why: str, events: Sequence[dg.AssetMaterialization] = ()) -> dg.SensorResult:
        return dg.SensorResult(skip_reason=why, asset_events=events, cursor=self._cursor_text())

    def _move(self, **changes: object) -> None:
        self.cursor = self.cursor.model_copy(update=changes)

    def _cursor_text(self) -> str:
        return self.cursor.model_copy(update={"verdict": self.newest.test_run_id if self.newest else None}).model_dump_json()

    def _next_link(self) -> str:
        """Return the next link of the chain; it ends in the hash of the tokens that are there now."""
        before = _hash(self.cursor.link, self.newest.test_run_id if self.newest else None)
        return f"{before}-{_hash(sorted(self.now.items()))}"

    def _test_run_id(self, token: str) -> str:
        return identity.run_id("test", self.group_id, token)

    def _events(self) -> list[dg.AssetMaterialization]:
        """Return the arrival of each changed table as an event of its asset; an asset of somebody else reports itself."""
        if self.graph.group.source_assets == "attach":
            return []
        came = [table.name for table in self.tables if str(table.name) in set(self.changed) & self.now.keys()]
        return [
            dg.AssetMaterialization(
                self.graph.translator.asset_key(self.graph.group, name),
                description="Changed since the ingestion sensor looked last." if str(name) in self.cursor.tokens else "Seen by the ingestion sensor.",
                tags={DATA_VERSION_TAG: self.now[str(name)]},
            )
            for name in came
        ]


def _could_judge(run: "TestRun | None") -> bool:
    """Whether a test run could judge anything: where every test is an error, the source could not be read."""
    return run is not None and (run.total_tests == 0 or run.error_tests < run.total_tests)


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
