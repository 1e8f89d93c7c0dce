"""A real browser and a real Dagster web server, for tests of what a person sees."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, dg.DagsterInstance]]:
    """Serve the project in a folder; yield the address of its web UI, and its instance."""
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-m", "dq_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DQ_CONFIG": str(folder / "dq.yaml")}
    server = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5):
                    break
            except OSError:
                assert server.poll() is None, "the web server ended"
                assert time.monotonic() < deadline, "the web server did not answer"
                time.sleep(0.5)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield f"http://127.0.0.1:{port}", instance
    finally:
        server.terminate()
        server.wait(timeout=60)


class Browser:
    """One page of headless Chromium, driven over its debugging protocol; the test is skipped where there is none."""

    def __init__(self, profile: Path) -> None:
        if shutil.which("chromium") is None:
            pytest.skip("there is no chromium")
        (down, self._commands), (self._answers, up) = os.pipe(), os.pipe()
        flags = ["no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"]
        command = ["chromium", "--headless", *(f"--{flag}" for flag in flags), f"--user-data-dir={profile}", "--window-size=1500,1400"]

        def connect() -> None:
            # The protocol is spoken on descriptors 3 and 4; both ends are moved out of the way of one another first.
            ends = os.dup(down), os.dup(up)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [*command, "--remote-debugging-pipe"],
            pass_fds=(3, 4),
            preexec_fn=connect,  # noqa: PLW1509 - nothing else runs in this process yet
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(down)
        os.close(up)
        self.dialogs = 0
        """How often a page asked for one, as `alert` does."""
        self._number, self._unread = 0, b""
        self._session: dict[str, str] = {}
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        self._call("Page.enable")

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        os.write(self._commands, json.dumps({"id": self._number, "method": method, "params": parameters, **self._session}).encode() + b"\0")
        while True:
            while b"\0" not in self._unread:
                self._unread += os.read(self._answers, 1 << 20)
            message, _, self._unread = self._unread.partition(b"\0")
            answer = json.loads(message)
            self.dialogs += answer.get("method") == "Page.javascriptDialogOpening"
            if answer.get("id") == self._number:
                return answer["result"]

    def open(self, address: str) -> None:
        self._call("Page.navigate", url=address)

    def ask(self, script: str) -> Any:
        """Return the value of a script in the page."""
        return self._call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait(self, script: str) -> Any:
        """Return the value of a script as soon as it is true."""
        deadline = time.monotonic() + 90
        while not (value := self.ask(script)):
            assert time.monotonic() < deadline, script
            time.sleep(0.2)
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
