"""Real servers for tests, as fixtures that every folder may ask for: one PostgreSQL and one Spark a test session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator  # noqa: TC003 - pytest looks at the annotations of fixtures
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SUPERUSER = "dq"
_SETTINGS = {
    "listen_addresses": "",  # a socket in a folder of its own: no port that something else may have
    "fsync": "off",
    "shared_buffers": "32MB",
    "max_connections": "40",
    "log_min_messages": "fatal",
}


def postgresql_program(name: str) -> str | None:
    """Return the path of a program of the PostgreSQL server: from PATH, else where Debian puts it."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return shutil.which(name) or shutil.which(name, path=str(versions[-1]) if versions else "")


def _unprivileged() -> tuple[list[str], tuple[int, int] | None]:
    """Return the words before a command that root needs, since PostgreSQL refuses root, and the owner of its folder."""
    if os.geteuid() != 0:
        return [], None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=INT"], (user.pw_uid, user.pw_gid)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server of this test session, of the role ``dq``, which may do everything and has no password.

    Tests that write want ``postgres_database``.
    """
    initdb, postgres = postgresql_program("initdb"), postgresql_program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL's server is not installed; Debian's package `postgresql` has it")
    before, owner = _unprivileged()
    # Not below pytest's folder, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="dq-postgresql-"))
    server = None
    try:
        if owner is not None:
            os.chown(folder, *owner)
        settings = ["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([*before, initdb, "--pgdata", folder / "data", *settings], check=True, capture_output=True, cwd=folder)
        options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen([*before, postgres, "-D", folder / "data", "-k", folder, *options], cwd=folder, stdout=log, stderr=log)
        _wait_for(folder / "data" / "postmaster.pid", server, folder / "log")
        yield f"postgresql://{SUPERUSER}@/postgres?host={quote(str(folder), safe='')}"
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(file: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        if file.exists() and file.read_text().rstrip().endswith("ready"):
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')}")


@pytest.fixture(scope="session")
def postgres_database(postgres_url: str) -> Callable[..., str]:
    """Make a database, run statements in it, return its URL; it stays until the server is gone."""
    import psycopg

    numbers = count(1)

    def make(*statements: str, options: str = "") -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {options}")
        url = postgres_url.replace("@/postgres?", f"@/{name}?")
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
        return url

    return make


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A local Spark of this test session, in a time zone that is not UTC; tables lie in a temporary folder."""
    if shutil.which("java") is None:
        pytest.skip("Java is not installed, which Spark runs on")
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    session = (
        SparkSession.builder.master("local[2]")
        .appName("dq_assets tests")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "America/New_York")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.driver.memory", "1g")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    gateway = session.sparkContext._gateway
    yield session
    session.stop()
    # pyspark leaves the JVM to the end of the process, and Python complains there of its open pipe.
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(30)
