"""Dagster's web server and daemon as children of this process.

Decision: they run in a session of their own and this process stays above them. So one signal reaches them once, in order, whoever sent it and however
``dq ui`` was started; and whatever does not end by itself (a run in progress, a code server that waits for it) is found by its session and ended too.
Such a run is closed and done again at the next start.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from dq_assets.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import psutil

HOST = "127.0.0.1"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_S, LAST_GRACE_S = 60, 10
"""How long Dagster may take to end its processes, and those that are left after that to end themselves."""


def refuse_taken_port(port: int) -> None:
    """Check that nobody listens on a port of this machine.

    Raises:
        ConfigError: ``DQ-CLI-006`` when somebody does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            fix = "end what listens there (another `dq ui`?), or choose another with --port."
            raise ConfigError("DQ-CLI-006", f"port {port} of {HOST} cannot be used: {error.strerror}.", fix) from error


def run_dagster(port: int, environment: Mapping[str, str], log: Path, ready: Callable[[], None]) -> int:
    """Run web server and daemon until one of them ends or this process is told to end; return 0 if it was told, else Dagster's exit code.

    No process that was started is left.

    Args:
        port: where the web server listens.
        environment: of the processes.
        log: the file that takes what they say, written anew.
        ready: called once, when the web server answers.

    Raises:
        ConfigError: ``DQ-CONF-030`` when the log cannot be written.
    """
    try:
        said = log.open("wb")
    except OSError as error:
        raise ConfigError("DQ-CONF-030", f"{log} cannot be written: {error.strerror}.", "name another folder in DAGSTER_HOME.") from error
    command = [sys.executable, "-m", "dagster", "dev", "-m", "dq_assets.definitions", "-h", HOST, "-p", str(port), "--log-level", "warning"]
    told: list[int] = []
    # Set before the child is there; a shell starts its background jobs with SIGINT ignored, which a child would inherit.
    before = {number: signal.signal(number, lambda number, _frame: told.append(number)) for number in SIGNALS}
    with said:
        process = subprocess.Popen(command, env=dict(environment), stdout=said, stderr=said, start_new_session=True)  # noqa: S603 - fixed arguments
    answers = False
    try:
        while not told and process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
            if not answers and (answers := _answers(port)):
                ready()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            _wait(process, told)
    finally:
        _end_session(process)
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if told else process.returncode or 1


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def _wait(process: subprocess.Popen[bytes], told: list[int]) -> None:
    """Wait for Dagster to end, not for ever, and not once somebody says it a second time."""
    for _ in range(GRACE_S * 5):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
        if process.returncode is not None or len(told) > 1:
            return


def _end_session(leader: subprocess.Popen[bytes]) -> None:
    import psutil

    for end in (psutil.Process.terminate, psutil.Process.kill):
        left = _session(leader.pid)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                end(process)
        psutil.wait_procs(left, timeout=LAST_GRACE_S)
    leader.wait()


def _session(session: int) -> list[psutil.Process]:
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
