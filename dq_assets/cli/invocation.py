"""One call of a command, from its options to its exit code.

Decision: an error of one group stops that group only. All errors are told, and the exit code is that of the gravest: 4 not stored, 2 usage or
configuration, 3 could not evaluate, 1 failed checks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import typer

from dq_assets.cli.output import Output
from dq_assets.errors import ConfigError, DQError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from dq_assets.settings import Settings
    from dq_assets.steps.context import RunRequest, StepContext

GRAVEST_FIRST = (4, 2, 3, 1)


class Invocation:
    """A context manager that turns ``DQError`` into words, prints the document and exits.

    Args:
        context: typer's context; its object is the ``--config`` option.
        command: the command's name, for the document.
        as_json: whether the answer is a document.
    """

    def __init__(self, context: typer.Context, command: str, as_json: bool) -> None:
        self.config: str | None = context.obj
        self.output = Output(as_json)
        self.document: dict[str, Any] = {"command": command, "exit_code": 0}
        self.errors: list[dict[str, str | None]] = []
        self._codes: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None and not isinstance(error, DQError):
            return
        if error is not None:
            self.fail(error)
        self.document["exit_code"] = self.exit_code
        self.output.document({**self.document, "errors": self.errors})
        raise typer.Exit(self.exit_code)

    @property
    def exit_code(self) -> int:
        """The gravest code noted so far; 0 without one."""
        return next((code for code in GRAVEST_FIRST if code in self._codes), 0)

    def note(self, code: int) -> None:
        """Note an exit code."""
        self._codes.add(code)

    def fail(self, error: DQError, group: str | None = None) -> None:
        """Tell of an error and note its exit code."""
        self.note(error.exit_code)
        self.errors.append({"group": group, "code": error.code, "message": error.message, "fix": error.fix})
        self.output.error(error, group)

    def settings_path(self) -> Path:
        """Return the configuration file.

        Raises:
            ConfigError: ``DQ-CONF-002`` when there is none.
        """
        from dq_assets.settings_file import find_settings_path

        path = find_settings_path(self.config)
        if path is None:
            raise ConfigError(
                "DQ-CONF-002", "there is no configuration.", "write dq.yaml, or name a file with `dq --config FILE` or DQ_CONFIG; `dq demo` makes an example."
            )
        return path

    def settings(self) -> Settings:
        """Return the settings.

        Raises:
            ConfigError: they are missing or wrong.
        """
        from dq_assets.settings_file import load_settings

        return load_settings(self.settings_path())

    def steps(self) -> StepContext:
        """Return what the steps work with; nothing is created yet."""
        from dq_assets.steps.context import StepContext

        return StepContext.open(self.settings())

    def check_groups(self, steps: StepContext, asked: Sequence[str] | None) -> list[str]:
        """Return the groups asked for, all of them by default.

        Raises:
            ConfigError: ``DQ-CONF-003`` when a group is not declared, ``DQ-CLI-001`` when none is.
        """
        names = list(dict.fromkeys(asked or steps.settings.table_groups))
        if not names:
            raise ConfigError("DQ-CLI-001", f"{self.settings_path()} declares no table group.", "add one under `table_groups`.")
        for name in names:
            steps.group_settings(name)
        return names

    def for_each_group(self, steps: StepContext, asked: Sequence[str] | None, work: Callable[[str, dict[str, Any]], None]) -> None:
        """Let ``work`` do one group after another; it adds to the group's entry in the document, which stays if it fails.

        Raises:
            ConfigError: as ``check_groups``; then nothing was done.
        """
        names = self.check_groups(steps, asked)
        entries: list[dict[str, Any]] = []
        self.document["groups"] = entries
        for name in names:
            entry: dict[str, Any] = {"group": name}
            entries.append(entry)
            try:
                work(name, entry)
            except DQError as error:
                self.fail(error, name)


def request(as_of: str | None = None, batches: str | None = None) -> RunRequest:
    """Return what a person asks for.

    Raises:
        ConfigError: ``DQ-CLI-002`` when the time cannot be read, ``DQ-BATCH-002`` when the batches cannot.
    """
    from dq_assets.records.batches import BatchRange
    from dq_assets.steps.context import RunRequest

    return RunRequest.now(_moment(as_of) if as_of is not None else None, BatchRange.parse(batches) if batches is not None else None)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ConfigError("DQ-CLI-002", f"--as-of {text!r} is no time.", "write it like 2013-12-01, 2013-12-01T05:00 or 2013-12-01T05:00-05:00.") from None
