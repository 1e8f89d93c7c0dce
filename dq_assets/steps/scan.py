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
    """Where aggregates are computed: a relation, its rows, and the grouping; ``limit`` aggregates fit one statement."""

    relation: Any
    where: Any = None
    group: Any = None
    limit: int

    def statement(self, aggregates: Sequence[exp.Expr]) -> exp.Select:
        """Return the statement for some aggregates."""
        return select_aggregates(self.relation, aggregates, where=self.where, group=self.group)


def run_aggregates(session: Session, scan: Scan, wanted: Sequence[tuple[Key, exp.Expr]]) -> tuple[dict[Any, dict[Key, Any]], dict[Key, SourceError]]:
    """Compute every aggregate in as few statements as the limit allows.

    A statement that fails is halved until the guilty aggregate stands alone; the others are still answered.

    Args:
        session: where to run.
        scan: relation, filter, grouping.
        wanted: key and aggregate; equal aggregates are asked once.

    Returns:
        Per group (the wall-clock batch start; None without grouping) the answer of each key, and the error of each key that failed.
    """
    by_text: dict[str, tuple[exp.Expr, list[Key]]] = {}
    for key, aggregate in wanted:
        by_text.setdefault(aggregate.sql(), (aggregate, []))[1].append(key)
    answers: dict[Any, dict[Key, Any]] = {}
    errors: dict[Key, SourceError] = {}
    distinct = list(by_text.values())
    pending = [distinct[i : i + scan.limit] for i in range(0, len(distinct), scan.limit)]
    while pending:
        chunk = pending.pop(0)
        try:
            rows = session.query(scan.statement([aggregate for aggregate, _ in chunk])).to_pylist()
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
