"""How a step fails in Dagster, and how its failure is read back.

Decision: a retry is asked for only where time heals: a source or a metadata database that somebody else holds. Whatever else the platform raises on purpose
ends the step at once. Either way the event log holds one clear error and nothing that lies beneath it: what an engine says of a statement may hold a
customer's values.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from dq_assets.errors import DQError, EvaluationError
from dq_assets.orchestration.workers import sign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_assets.orchestration.graph import GroupGraph

PASSING = frozenset({"DQ-CONN-002", "DQ-CONN-012", "DQ-STORE-001"})
"""Codes of errors that may be gone in a minute."""
ON_PURPOSE = "DQ-RUN-005"
"""Code of the failure that ``fail_run_on`` asks for."""
RETRIES, WAIT_S = 2, 30


class Cause(NamedTuple):
    """Why a step failed, in words that may be shown: nothing that an exception of another library says."""

    step: str
    code: str | None
    text: str


@contextmanager
def told(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext | None = None, graph: GroupGraph | None = None) -> Iterator[None]:
    """Sign the run and turn a ``DQError`` into what Dagster understands.

    Args:
        context: of the step; without one nothing is tried again.
        graph: the step's group; its connection's ``lock_wait_s`` is how long to wait before the first retry, ``WAIT_S`` where it has none.

    Raises:
        dagster.RetryRequested: the cause may pass; up to ``RETRIES`` times, after that wait and twice as long each time.
        dagster.Failure: any other cause; never tried again. Dagster takes it for the last retry's too.
    """
    step = None if context is None else context if isinstance(context, dg.AssetExecutionContext) else context.op_execution_context
    if step is not None and graph is not None:
        sign(step, graph)
    try:
        yield
    except DQError as error:
        failure = dg.Failure(str(error), metadata={"code": error.code}, allow_retries=False)
        if step is not None and error.code in PASSING:
            wait = WAIT_S if graph is None else getattr(graph.settings.connections[graph.group.connection], "lock_wait_s", WAIT_S)
            raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait * 2**step.retry_number) from failure
        raise failure from None


def failed_tests(severity: str, metadata: dict[str, dg.MetadataValue]) -> dg.Failure:
    """Return the failure that ``fail_run_on`` asks for."""
    error = EvaluationError(ON_PURPOSE, f"tests failed with severity {severity} or worse.", "see the alerts; the run fails because fail_run_on asks for it.")
    return dg.Failure(str(error), metadata={**metadata, "code": error.code}, allow_retries=False)


def causes(instance: dg.DagsterInstance, run_id: str) -> list[Cause]:
    """Return why the steps of a run failed, in the order in which they did."""
    found = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        data = event.step_failure_data
        said = data.user_failure_data
        code = said.metadata.get("code") if said is not None else None
        if said is not None and code is not None:
            found.append(Cause(str(event.step_key), str(code.value), said.description or str(code.value)))
            continue
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        what = f"raised {error.cls_name}" if error is not None and error.cls_name else "failed"
        found.append(Cause(str(event.step_key), None, f"Step {event.step_key} {what}; the run's page in Dagster has the details."))
    return found
