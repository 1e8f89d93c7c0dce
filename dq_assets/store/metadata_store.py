"""The one door to the metadata.

Decision: each method is one transaction over a connection of its own. The store never reads the clock, every moment is passed in; and a run's rows
are invisible until the run is completed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_assets.errors import StoreError
from dq_assets.store import alerts, audit, configuration, migrations, profiles, results, schedules, suites
from dq_assets.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from dq_assets.records.alerts import Alert
    from dq_assets.records.enums import BaselineStatus, Verdict
    from dq_assets.records.profiles import ColumnProfile, Finding, FindingType, GroupProfile, KnownBatch, MetricValue, ProfileRun, StateRow
    from dq_assets.records.schedules import Schedule
    from dq_assets.records.tables import Connection, GroupTable, TableGroup
    from dq_assets.records.tests import FailedRow, PastMeasure, Test, TestEdit, TestResult, TestRun
    from dq_assets.records.unfinished_runs import ClosedRun, UnfinishedRun
    from dq_assets.settings import MetadataSettings
    from dq_assets.store.migrations import MigrationReport
    from dq_assets.store.suites import SuiteChange, TestChange


class MetadataStore:
    """Reads and writes the ``dq_*`` tables. Every method raises ``StoreError`` ``DQ-STORE-001`` when the database cannot be read or written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, metadata: MetadataSettings) -> MetadataStore:
        """Return the store that the settings name. Nothing is created or read.

        Raises:
            StoreError: ``DQ-STORE-009`` when the URL names no SQLite file.
        """
        return cls(Database(metadata.url))

    def provision(
        self,
        *,
        project_key: str,
        finding_types: Sequence[FindingType],
        now: datetime,
        actor: str = audit.SYSTEM,
        after_statement: Callable[[int], None] | None = None,
    ) -> MigrationReport:
        """Create or upgrade the tables and write the default organization, the project and the finding types.

        Doing it again changes nothing; a provisioning that was killed is resumed. ``after_statement`` reports progress: the number of
        statements run so far.

        Raises:
            StoreError: ``DQ-STORE-002`` when an applied script was changed, ``DQ-STORE-003`` when the database is newer than this program.
        """
        self._database.create()
        with self._database.guard("could not provision it"):
            report = migrations.migrate(self._database.engine, "sqlite", now, after_statement=after_statement)
        with self._database.write("the default rows") as transaction:
            configuration.seed(transaction, project_key=project_key, finding_types=finding_types, schema_version=report.schema_version, now=now, actor=actor)
        return report

    def require_ready(self) -> None:
        """Check that the tables are there and of this version.

        Raises:
            StoreError: ``DQ-STORE-004`` when nothing was provisioned, ``DQ-STORE-005`` when scripts are pending, ``DQ-STORE-002`` and
                ``DQ-STORE-003`` as in ``provision``.
        """
        done: dict[str, str] = {}
        if self._database.exists():
            with self._database.read("the schema version") as transaction:
                done = migrations.journal(transaction)
        if not done:
            raise StoreError("DQ-STORE-004", f"metadata database {self._database.path} is not provisioned.", "run `dq provision`.")
        scripts = migrations.load_scripts("sqlite")
        migrations.refuse_foreign(done, scripts)
        if waiting := migrations.pending(done, scripts):
            raise StoreError("DQ-STORE-005", f"metadata database {self._database.path} lacks the scripts {', '.join(waiting)}.", "run `dq provision`.")

    def apply_table_group(
        self, connection: Connection, group: TableGroup, tables: Sequence[GroupTable], *, now: datetime, actor: str
    ) -> dict[str, dict[str, Any]]:
        """Write a connection, its group and the group's tables as declared; return the changes, empty when there were none.

        A table that is not given any more is marked as dropped; one that reappears is not dropped any more. Changes are named by field
        (``connection.catalog``, ``description``, ``table.main.orders``), each ``{"old": …, "new": …}``, and audited.
        """
        with self._database.write(f"table group {group.name}") as transaction:
            return configuration.apply_table_group(transaction, connection, group, tables, now=now, actor=actor)

    def tables(self, table_group_id: str) -> list[GroupTable]:
        """Return the group's tables that were not dropped, by schema and table."""
        with self._database.read("the tables of a group") as transaction:
            return configuration.tables_of(transaction, table_group_id)

    def start_profile_run(self, run: ProfileRun) -> ProfileRun:
        """Write a run as running and return it as stored; a run that is there begins its next attempt, with its first ``started_at``."""
        with self._database.write(f"profile run {run.profile_run_id}") as transaction:
            return profiles.start(transaction, run)

    def complete_profile_run(self, run: ProfileRun, profile: GroupProfile) -> None:
        """Replace all rows of the run and complete it, in one transaction; counts are the run's.

        Raises:
            StoreError: ``DQ-STORE-006`` when a newer attempt has begun, ``DQ-STORE-010`` when the run was never started. Nothing is written.
        """
        with self._database.write(f"profile run {run.profile_run_id}") as transaction:
            profiles.complete(transaction, run, profile)

    def fail_profile_run(self, profile_run_id: str, error: str, now: datetime) -> None:
        """Mark a run as failed; a completed run stays completed."""
        with self._database.write(f"profile run {profile_run_id}") as transaction:
            profiles.fail(transaction, profile_run_id, error, now)

    def latest_profile_run(self, table_group_id: str) -> ProfileRun | None:
        """Return the group's newest completed run, by ``as_of``, then ``completed_at``."""
        with self._database.read("the latest profile run") as transaction:
            return profiles.latest(transaction, table_group_id)

    def profile_run(self, profile_run_id: str) -> ProfileRun | None:
        """Return a run in any state."""
        with self._database.read(f"profile run {profile_run_id}") as transaction:
            return profiles.find(transaction, profile_run_id)

    def column_profiles(self, profile_run_id: str) -> list[ColumnProfile]:
        """Return the columns of a completed run with top values and histograms, by table and position; empty unless completed."""
        with self._database.read(f"profile run {profile_run_id}") as transaction:
            return profiles.columns(transaction, profile_run_id)

    def column_states(self, table_id: str) -> dict[str, StateRow]:
        """Return what learning remembers of a table's columns, by column id."""
        with self._database.read(f"states of table {table_id}") as transaction:
            return profiles.states(transaction, table_id)

    def findings(self, profile_run_id: str) -> list[Finding]:
        """Return the findings of a completed run, by table, column and type; empty unless completed."""
        with self._database.read(f"profile run {profile_run_id}") as transaction:
            return profiles.findings(transaction, profile_run_id)

    def metric_series(self, table_ids: Sequence[str], *, baseline: Collection[BaselineStatus] | None = None) -> list[MetricValue]:
        """Return the metrics of the tables over all completed runs, by table, column, metric and ``window_start``.

        Of each table, column, batch and metric only the newest run's value is there; ``baseline`` keeps those of the given states.
        """
        with self._database.read("metrics") as transaction:
            return profiles.series(transaction, table_ids, baseline)

    def profiled_batches(self, table_id: str) -> dict[str | None, KnownBatch]:
        """Return the profiled batches of a table by key, as the newest completed run read them."""
        with self._database.read("profiled batches") as transaction:
            return profiles.profiled_batches(transaction, table_id)

    def batches_of_profile(self, profile_run_id: str) -> list[str]:
        """Return the keys of the timed batches that a completed run profiled, sorted."""
        with self._database.read(f"profile run {profile_run_id}") as transaction:
            return profiles.batches_of_run(transaction, profile_run_id)

    def apply_suite(self, group: TableGroup, test_suite_key: str, tests: Sequence[Test], *, now: datetime, actor: str) -> SuiteChange:
        """Make the given tests the suite's working set and return what changed; audited when something did.

        A new version is written only when thresholds or parameters change. Generated and manual tests that are not given are disabled,
        never deleted. A locked test is changed by no list, a manual one by no generated test. A name that is taken by such a test, or that a
        disabled test holds, is told apart by the first 8 characters of the newcomer's or the disabled test's id.

        Raises:
            StoreError: ``DQ-STORE-007`` when the suite belongs to another group, ``DQ-STORE-008`` when given tests share a name or id.
        """
        with self._database.write(f"test suite {test_suite_key}") as transaction:
            return suites.apply(transaction, group, test_suite_key, tests, now=now, actor=actor)

    def tests(self, table_group_id: str, *, enabled_only: bool = True) -> list[Test]:
        """Return the group's tests with their current versions, by table, columns, rule type and id."""
        with self._database.read("tests") as transaction:
            return suites.read(transaction, table_group_id, enabled_only=enabled_only)

    def edit_test(self, test_id: str, edit: TestEdit, *, now: datetime, actor: str) -> TestChange:
        """Change a test by hand; audited when something changed.

        New thresholds are the test's next version from ``now`` on, with the actor as their evidence. Nothing is locked unless the edit says so.

        Raises:
            StoreError: ``DQ-STORE-012`` when the test is not there.
        """
        with self._database.write(f"test {test_id}") as transaction:
            return suites.edit(transaction, test_id, edit, now=now, actor=actor)

    def schedules(self, project_key: str) -> list[Schedule]:
        """Return the project's schedules with the tests they are about, by target type and id; one statement."""
        with self._database.read("schedules") as transaction:
            return schedules.read(transaction, project_key)

    def save_schedule(self, schedule: Schedule, *, actor: str) -> dict[str, dict[str, Any]]:
        """Write expression, zone and switch as a person chose them at the schedule's ``updated_at``; return what changed, ``{"old": …, "new": …}`` per field.

        What the sensor mirrors stays, but for ``next_run_at``. Without a change nothing is written; a change is audited.
        """
        with self._database.write(f"schedule {schedule.schedule_id}") as transaction:
            return schedules.save(transaction, schedule, actor=actor)

    def remove_schedule(self, schedule: Schedule, *, now: datetime, actor: str) -> bool:
        """Delete a schedule, return whether it was there; audited when it was."""
        with self._database.write(f"schedule {schedule.schedule_id}") as transaction:
            return schedules.remove(transaction, schedule, now=now, actor=actor)

    def note_fires(self, noted: Sequence[Schedule]) -> None:
        """Write ``last_run_at``, ``next_run_at`` and ``last_run_id``; a schedule that a person has changed since it was read is left alone."""
        with self._database.write("what schedules fired") as transaction:
            schedules.note_fires(transaction, noted)

    def start_test_run(self, run: TestRun) -> TestRun:
        """Write a run as running and return it as stored; a run that is there runs again, with its first ``started_at``."""
        with self._database.write(f"test run {run.test_run_id}") as transaction:
            return results.start(transaction, run)

    def complete_test_run(self, run: TestRun, results_: Sequence[TestResult], failed_rows: Sequence[FailedRow]) -> None:
        """Replace all rows of the run and complete it, in one transaction; counts are the run's.

        Raises:
            StoreError: ``DQ-STORE-010`` when the run was never started. Nothing is written.
        """
        with self._database.write(f"test run {run.test_run_id}") as transaction:
            results.complete(transaction, run, results_, failed_rows)

    def fail_test_run(self, test_run_id: str, error: str, now: datetime) -> None:
        """Mark a run as failed; a completed run stays completed."""
        with self._database.write(f"test run {test_run_id}") as transaction:
            results.fail(transaction, test_run_id, error, now)

    def test_run(self, test_run_id: str) -> TestRun | None:
        """Return a run in any state."""
        with self._database.read(f"test run {test_run_id}") as transaction:
            return results.find(transaction, test_run_id)

    def latest_test_run(self, table_group_id: str) -> TestRun | None:
        """Return the newest completed run of the group's suite, by ``as_of``, then ``completed_at``."""
        with self._database.read("the latest test run") as transaction:
            return results.latest(transaction, table_group_id)

    def test_results(self, test_run_id: str) -> list[TestResult]:
        """Return the results of a completed run, by table, test and batch; empty unless completed."""
        with self._database.read(f"test run {test_run_id}") as transaction:
            return results.read(transaction, test_run_id)

    def failed_rows(self, test_run_id: str, *, first: int | None = None) -> dict[str, list[FailedRow]]:
        """Return the sampled failing rows of a completed run by ``test_result_id``, at most ``first`` of each; empty unless completed."""
        with self._database.read(f"test run {test_run_id}") as transaction:
            return results.failed_rows(transaction, test_run_id, first)

    def measure_history(self, test_ids: Sequence[str], limit: int, *, including: str | None = None) -> dict[str, list[PastMeasure]]:
        """Return per test the measures of its last ``limit`` batches, in data time; a test without a measure is absent.

        Of each batch counts the newest completed run of a whole suite, and the run ``including`` even if it is of a part.
        """
        with self._database.read("past measures") as transaction:
            return results.measure_history(transaction, test_ids, limit, including)

    def batch_verdicts(self, table_group_id: str) -> dict[tuple[str, str | None], Verdict]:
        """Return (table id, batch key) to the worst verdict of the newest completed run that judged the batch.

        Worst first: error, fail, warn, pass; learning or skipped only where nothing was judged.
        """
        with self._database.read("verdicts") as transaction:
            return results.batch_verdicts(transaction, table_group_id)

    def batch_versions(self, table_group_id: str) -> dict[tuple[str, str | None], str]:
        """Return the data version per table id and batch, as the newest completed run that judged the batch read it."""
        with self._database.read("the versions of batches") as transaction:
            return results.batch_versions(transaction, table_group_id)

    def failing_since(self, test_ids: Sequence[str]) -> dict[str, datetime]:
        """Return per test that warns, fails or errs now the ``detected_at`` of the first such result since it last passed."""
        with self._database.read("failing tests") as transaction:
            return results.failing_since(transaction, test_ids)

    def unfinished_runs(self, table_group_id: str | None = None) -> list[UnfinishedRun]:
        """Return the runs that wait or run, as far as their rows say: profile runs before test runs, by start."""
        with self._database.read("unfinished runs") as transaction:
            return results.unfinished(transaction, table_group_id)

    def close_run(self, closed: ClosedRun, now: datetime) -> bool:
        """Write what became of an unfinished run; False when it ended meanwhile, or when another Dagster run took it up. Then nothing is written."""
        with self._database.write(f"{closed.run.kind} run {closed.run.run_id}") as transaction:
            return results.close(transaction, closed, now)

    def save_alerts(self, alerts_: Sequence[Alert], *, run_id: str) -> int:
        """Write the alerts of a run that are not there yet, return how many; an acknowledged alert stays acknowledged."""
        with self._database.write(f"alerts of run {run_id}") as transaction:
            return alerts.save(transaction, alerts_)

    def alerts(self, project_key: str, *, open_only: bool = False, limit: int = 100) -> list[Alert]:
        """Return the project's alerts, newest first; ``open_only`` leaves out the acknowledged."""
        with self._database.read("alerts") as transaction:
            return alerts.read(transaction, project_key, open_only=open_only, limit=limit)

    def audit(self, *, project_key: str, entity_type: str, entity_id: str, action: str, changes: dict[str, Any], now: datetime, actor: str) -> None:
        """Append to the audit log; the same thing at the same moment is one row."""
        with self._database.write("the audit log") as transaction:
            audit.record(
                transaction, project_key=project_key, entity_type=entity_type, entity_id=entity_id, action=action, changes=changes, now=now, actor=actor
            )
