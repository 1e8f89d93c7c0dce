"""Running many aggregates in few statements, and finding the guilty one when a statement fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from dq_assets.errors import SourceError
from dq_assets.profiling.sql import select_aggregates
from dq_assets.records.base import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from dq_assets.records.engine import Session

Key = TypeVar("Key")


class Scan(Record):
    """Where aggregates are computed: a relation, its rows, and the grouping; ``limit`` aggregates fit one statement. Texts are in ``dialect``."""

    relation: Any
    dialect: str
    where: Any = None
    group: Any = None
    limit: int

    def statement(self, aggregates: Sequence[exp.Expr | str]) -> str:
        """Return the statement for some aggregates."""
        return select_aggregates(self.relation, aggregates, self.dialect, where=self.where, group=self.group)


def run_aggregates(
    session: Session, scan: Scan, wanted: Sequence[tuple[Key, exp.Expr | str]], *, timeout_s: float | None = None
) -> tuple[dict[Any, dict[Key, Any]], dict[Key, SourceError]]:
    """Compute every aggregate in as few statements as the limit allows.

    A statement that fails is halved until the guilty aggregate stands alone; the others are still answered.

    Args:
        session: where to run.
        scan: relation, filter, grouping.
        wanted: key and aggregate; equal aggregates are asked once.
        timeout_s: after how many seconds a statement is interrupted.

    Returns:
        Per group (the wall-clock batch start; None without grouping) the answer of each key, and the error of each key that failed.
    """
    by_text: dict[str, list[Key]] = {}
    for key, aggregate in wanted:
        by_text.setdefault(aggregate if isinstance(aggregate, str) else aggregate.sql(dialect=scan.dialect), []).append(key)
    answers: dict[Any, dict[Key, Any]] = {}
    errors: dict[Key, SourceError] = {}
    distinct = list(by_text.items())
    pending = [distinct[i : i + scan.limit] for i in range(0, len(distinct), scan.limit)]
    while pending:
        chunk = pending.pop(0)
        try:
            rows = session.rows(scan.statement([aggregate for aggregate, _ in chunk]), timeout_s=timeout_s)
        except SourceError as error:
            if len(chunk) == 1:
                errors.update(dict.fromkeys(chunk[0][1], error))
            else:
                pending[:0] = [chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]]
            continue
        for row in rows:
            group = answers.setdefault(row.get("batch_start"), {})
            for index, (_, keys) in enumerate(chunk):
                group.update(dict.fromkeys(keys, row[f"a{index}"]))
    return answers, errors
