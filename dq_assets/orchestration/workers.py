"""Where the process of a Dagster run is, and whether it is still there.

Decision: a run is given up only on evidence. Dagster's events name the process that works on it; whether that process is there can be asked on its own
machine only. A run is of this machine if Dagster's own storage is SQLite, whose files belong to one machine; where it is not, each of our steps signs its
run with the name of its machine, and a run that nobody signed is not judged. Whatever else there is (other machines, other launchers) is left to Dagster's
run monitoring.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import dagster as dg

from dq_assets.orchestration.keys import TAG_TABLE_GROUP, TAG_TRIGGER, TAG_WORKER, trigger_of

if TYPE_CHECKING:
    from dq_assets.orchestration.graph import GroupGraph

FAILURE_REASON_TAG = "dagster/failure_reason"
CUT_OFF = frozenset({"UNEXPECTED_TERMINATION", "RUN_WORKER_RESTART"})
"""Dagster's reasons for a run that failed because its process was told to stop, or came back."""
CRASHED_CHILD = "ChildProcessCrashException"
CLOCK_TOLERANCE_S = 60
"""How much later than its first event a process may seem to have begun: both are wall-clock times, and a clock may be set meanwhile."""


def sign(context: dg.OpExecutionContext | dg.AssetExecutionContext, graph: GroupGraph) -> None:
    """Write on a step's run whose it is, where nobody said so (a run of single assets has no job's tags), and where need be on which machine it runs."""
    run = context.run
    tags = {TAG_TABLE_GROUP: graph.name, TAG_TRIGGER: trigger_of(run.tags), **run.tags}
    if not _is_of_one_machine(context.instance):
        tags[TAG_WORKER] = _signature(run)
    missing = {key: value for key, value in tags.items() if run.tags.get(key) != value}
    if missing:
        context.instance.add_run_tags(run.run_id, missing)


def worker_is_gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Return whether the process of a run was on this machine and is not there any more; False whenever that cannot be told."""
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher) or not _is_of_this_machine(instance, run):
        return False
    worker = _worker(instance, run.run_id)
    return worker is not None and not _is_there(*worker)


def was_cut_off(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Return whether a failed run failed because a process of it was killed or told to stop, rather than for anything it did itself."""
    reason = run.tags.get(FAILURE_REASON_TAG)
    if reason in CUT_OFF:
        return True
    if reason is None:
        # Somebody closed it from outside: after its process was gone, or at the end of a time limit, which cancels first.
        cancelling = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_CANCELING)
        return not cancelling and _worker(instance, run.run_id) is not None
    failures = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    errors = [event.get_dagster_event().step_failure_data.error for event in failures]
    return any(error is not None and error.cls_name == CRASHED_CHILD for error in errors)


def _signature(run: dg.DagsterRun) -> str:
    # With the run's own id, because a re-execution copies tags and may run elsewhere.
    return f"{socket.gethostname()}:{run.run_id[:8]}"


def _is_of_this_machine(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    signature = run.tags.get(TAG_WORKER, "")
    if signature.endswith(f":{run.run_id[:8]}"):
        return signature == _signature(run)
    return _is_of_one_machine(instance)


def _is_of_one_machine(instance: dg.DagsterInstance) -> bool:
    # One file a run: that is SQLite.
    return instance.event_log_storage.is_run_sharded


def _worker(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """Return the id of the newest process that said it works on the whole run, and when it said so (seconds since 1970)."""
    for entry in reversed(instance.all_logs(run_id, of_type={dg.DagsterEventType.ENGINE_EVENT, dg.DagsterEventType.RUN_START})):
        event = entry.get_dagster_event()
        if event.is_engine_event and event.step_key is None and (told := event.engine_event_data.metadata.get("pid")) is not None:
            return int(str(told.value)), entry.timestamp
        if event.event_type is dg.DagsterEventType.RUN_START and event.pid is not None:
            return event.pid, entry.timestamp
    return None


def _is_there(pid: int, spoke_at: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        # A process that began after the run's had spoken only has its number; one that nobody buried is dead.
        return process.create_time() <= spoke_at + CLOCK_TOLERANCE_S and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
