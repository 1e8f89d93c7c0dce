"""Every error the platform raises on purpose: a code, the thing, the value found, the fix.

Decision: the class carries the process exit code, so that the terminal, Dagster and Python callers
agree on what an error means. Codes are explained in ``docs/errors.md``.
"""

from __future__ import annotations

from typing import ClassVar


class DQError(Exception):
    """Base of all deliberate errors.

    Args:
        code: stable identifier, ``DQ-<AREA>-<NUMBER>``.
        message: names the thing and the value found.
        fix: what to do about it, one sentence.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        self.code = code
        self.message = message
        self.fix = fix
        super().__init__(code, message, fix)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" Fix: {self.fix}" if self.fix else "")


class ConfigError(DQError):
    """The configuration or the command line is wrong: nothing was done. Exit code 2."""

    exit_code = 2


class RuleError(DQError):
    """A test's definition cannot be compiled (unknown rule type, bad parameter, unsafe SQL). Exit code 2."""

    exit_code = 2


class SourceError(DQError):
    """The data could not be reached or scanned. Exit code 3."""

    exit_code = 3


class StoreError(DQError):
    """Metadata could not be read or written. Exit code 4."""

    exit_code = 4


class EvaluationError(DQError):
    """There is nothing to evaluate with, or it could not be evaluated. Exit code 3."""
