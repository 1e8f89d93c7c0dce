"""The ingestion sensor in Dagster's own daemon, which dies at each point that its authors thought of: no batch is lost, none is judged twice.

The daemon's iteration, its resuming of ticks and its run keys are Dagster's code, in this process. SIGINT ends it as death does: the tick is left as it
is, nothing is cleaned up.
"""

from __future__ import annotations

import logging
import shutil
import signal
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon import sensor as daemon

from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.register import register

from .arrivals import ORDERS, ROWS, Arrivals
from .conftest import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    # Dagster 1.13 says `logger.warn` where it resumes a tick.
    pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning"),
]

NOON = datetime(2024, 6, 4, 12, tzinfo=UTC)
LOCATION = Path(__file__).with_name("ingestion_location.py")
BEFORE_EVENTS = ["TICK_CREATED", "TICK_HELD"]
BEFORE_LAUNCH = ["AUTOMATION_EVALUATIONS_ADDED", "RUN_IDS_RESERVED", "RUN_CREATED"]
AFTER_LAUNCH = ["RUN_LAUNCHED", "RUN_IDS_ADDED_TO_EVALUATIONS"]
IN_PROCESS = {
    "run_launcher": {"module": "dagster._core.launcher.sync_in_memory_run_launcher", "class": "SyncInMemoryRunLauncher"},
    "run_coordinator": {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"},
}


class Daemon(Arrivals):
    """The group as Dagster's daemon sees it; each iteration comes a minute after the one before."""

    minute = 0

    def iterate(self, dies_at: str | None = None) -> None:
        origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file=str(LOCATION)), location_name="ingestion")
        flags = {"sales_ingestion": {dies_at: int(signal.SIGINT)}} if dies_at else None
        self.minute += 1
        # Dagster keeps the newest job it has loaded, here that of another test's project.
        ReconstructableJob.get_definition.cache_clear()
        ReconstructableJob.get_repository_definition.cache_clear()
        with (
            freeze_time(NOON + timedelta(minutes=self.minute)),
            WorkspaceProcessContext(self.instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
        ):
            for error in daemon.execute_sensor_iteration(workspace, logging.getLogger("quiet"), None, None, debug_crash_flags=flags):
                assert error is None

    def live(self) -> None:
        """Go on until two minutes ask for nothing: the first of them may only end an old tick."""
        quiet = 0
        while quiet < 2:
            runs = len(self.instance.get_run_records())
            self.iterate()
            quiet = quiet + 1 if len(self.instance.get_run_records()) == runs else 0


def open_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setenv("DQ_CONFIG", str(folder / "dq.yaml"))
    with dg.DagsterInstance.local_temp(str(folder / "instance"), overrides=IN_PROCESS) as instance:
        yield Daemon(folder, instance)


opened = contextmanager(open_project)


@pytest.fixture(autouse=True)
def _heeded_interrupts() -> Iterator[None]:
    """Let SIGINT end what it is sent to: a shell starts its background jobs with it ignored, which is inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose daemon has lived long enough to learn it and to judge a first batch."""
    folder = tmp_path_factory.mktemp("daemon")
    make_project(folder, rows=ROWS)
    (folder / "instance").mkdir()
    register(StepContext.open(load_settings(folder / "dq.yaml")), "sales", NOON)
    with pytest.MonkeyPatch.context() as monkeypatch, opened(folder, monkeypatch) as group:
        group.live()
        group.land(30)
        group.live()
        assert group.judged() == Counter({"2024-03-31": 1})
    return folder


@pytest.fixture
def group(request: pytest.FixtureRequest, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A copy of the template; it learns after each validation where a test asks for that."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    if not getattr(request, "param", False):
        text = (tmp_path / "dq.yaml").read_text(encoding="utf-8")
        (tmp_path / "dq.yaml").write_text(text + "    learn_after_validation: false\n", encoding="utf-8")
    with opened(tmp_path, monkeypatch) as group:
        group.minute = 100
        yield group


@pytest.mark.parametrize("meanwhile", ["nothing", "the next batch", "the batch is taken back"])
@pytest.mark.parametrize("point", [*BEFORE_EVENTS, *BEFORE_LAUNCH, *AFTER_LAUNCH])
def test_a_daemon_that_dies_loses_no_batch_and_judges_none_twice(group: Daemon, point: str, meanwhile: str) -> None:
    group.land(31, broken=True)
    with pytest.raises(KeyboardInterrupt):
        group.iterate(dies_at=point)
    assert group.judged()["2024-04-01"] == (point in AFTER_LAUNCH)
    if meanwhile == "the next batch":
        group.land(32)
    if meanwhile == "the batch is taken back":
        (group.folder / "landing" / "orders" / "2024-04-01.parquet").unlink()
    group.live()
    judged = group.judged()
    assert judged["2024-04-02"] == (meanwhile == "the next batch")
    if meanwhile == "the batch is taken back":
        assert judged["2024-04-01"] == (point in AFTER_LAUNCH)
    else:
        assert judged["2024-04-01"] == 1
        assert judged["2024-03-31"] == 1
    newest = group.steps.store.latest_test_run(group.group_id)
    assert newest is not None
    now = group.steps.engine("sales").change_tokens([table.name for table in group.steps.tables("sales")])
    versions = {str(result.data_version).split(":")[0] for result in group.steps.store.test_results(newest.test_run_id) if result.table_name == "orders"}
    assert versions == {token for table, token in now.items() if table.table_name == "orders"}, "the newest verdict is about what is there"
    assert group.instance.get_latest_materialization_event(ORDERS) is not None


@pytest.mark.parametrize("group", [True], indirect=True)
def test_a_daemon_that_dies_in_each_tick_comes_through_all_the_same(group: Daemon) -> None:
    for number, point in enumerate([*BEFORE_EVENTS, *BEFORE_LAUNCH, *AFTER_LAUNCH], start=31):
        group.land(number)
        # Without anything to ask for, a tick has fewer points to die at.
        with suppress(KeyboardInterrupt):
            group.iterate(dies_at=point)
    group.live()
    assert len(group.judged()) == 1 + 7
    assert set(group.judged().values()) == {1}
    jobs = [record.dagster_run.job_name for record in reversed(group.instance.get_run_records())]
    assert all(jobs[place - 1] == "sales_validate" for place, job in enumerate(jobs) if job == "sales_learn" and place), "validation comes first"
    assert jobs[-1] == "sales_learn"
