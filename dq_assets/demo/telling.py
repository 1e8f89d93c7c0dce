"""What the demo says while it runs and when it is done.

Decision: lines and tables are the answer and go where the caller's output goes; the live line is on the way only, so it is drawn on stderr, when
somebody is watching, and leaves nothing behind.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dq_assets.demo.faults import Planted
    from dq_assets.demo.report import DemoReport
    from dq_assets.demo.score import Alarm, Defect

MESSAGE_WIDTH = 88


class Telling(Protocol):
    """Where the answer goes; ``dq_assets.cli.output.Output`` is one."""

    def line(self, text: str) -> None:
        """Print a line."""

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
        """Print a table."""


class LiveLine:
    """A line on stderr that says what is being done, for how long, and how much is left; nothing where stderr is no terminal.

    Args:
        total: how many times ``doing`` will be called.
    """

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, total

    @contextmanager
    def doing(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show a line while something is done; yields what takes further words on it."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns = (SpinnerColumn(), BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(what, total=self._total, completed=self._done)
            yield lambda words: progress.update(task, description=f"{what}: {words}")
        self._done += 1


def tell(report: DemoReport, folder: str, telling: Telling) -> None:
    """Tell what was planted and what found it, each landing's figures, where the time went, the sum, and what to do next."""
    telling.line("")
    telling.table(
        ["planted", "where", "rows", "verdict", "found by"],
        [
            [defect.planted.kind, where(defect.planted), defect.planted.rows, *(_found_by(defect) if defect.found_by else ("MISSED", ""))]
            for defect in report.defects
        ],
        right=["rows"],
    )
    telling.line("")
    telling.table(
        ["landing", "days", "planted", "found", "results", "alarms", "false alarms", "seconds"],
        [
            [item.number, item.days, item.planted, item.found, sum(item.judged.values()), item.alarms, item.false_alarms, f"{sum(item.seconds.values()):.0f}"]
            for item in report.landings
        ],
        right=["landing", "planted", "found", "results", "alarms", "false alarms", "seconds"],
    )
    if report.score.false_alarms:
        telling.line("")
        telling.table(
            ["false alarm", "batch", "verdict", "said"],
            [[_place(alarm), alarm.batch, alarm.verdict, _short(f"{alarm.rule_type}: {alarm.message}")] for alarm in report.score.false_alarms],
        )
    telling.line("")
    telling.line("Seconds: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in report.seconds.items()))
    telling.line(
        f"found {len(report.score.found)} of {report.score.planted} planted defects, {report.false_alarms} false alarms, in {report.seconds['total']:.0f} s"
    )
    telling.line("")
    telling.line(f"dq ui {folder}    the same in Dagster; its sensor goes on watching {folder}/landing")
    telling.line(f"dq --config {folder}/dq.yaml status    tables, runs, tests, open alerts")
    telling.line(f"{folder}/answer_key.json says what was planted, {folder}/result.json what was found.")


def where(planted: Planted) -> str:
    """Return where a defect lies, as in ``flights.origin 2013-12-14``."""
    return f"{planted.table}{'.' if planted.columns else ''}{','.join(planted.columns)} {planted.day}{'' if planted.batches else ' on'}"


def _found_by(defect: Defect) -> tuple[str, str]:
    rules = list(dict.fromkeys(alarm.rule_type for alarm in defect.found_by))
    first = defect.found_by[0]
    others = f"; also {', '.join(rules[1:])}" if rules[1:] else ""
    later = f"; with landing {first.landing}" if first.landing > defect.planted.landing else ""
    return first.verdict, f"{first.rule_type}: {_short(first.message)}{others}{later}"


def _place(alarm: Alarm) -> str:
    return f"{alarm.table}{'.' + alarm.column if alarm.column else ''}"


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_WIDTH else f"{text[: MESSAGE_WIDTH - 1]}…"
