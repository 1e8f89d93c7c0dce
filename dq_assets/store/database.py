"""Connections to the metadata database: one per operation, a write transaction that takes its lock at once, errors in the platform's words.

Decision: SQLite in WAL mode with ``synchronous=FULL``. Every Dagster step is a process of its own, so no connection is kept and every writer takes
the write lock with ``BEGIN IMMEDIATE``: a transaction that starts reading and then writes could meet a newer snapshot and fail half-way.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from dq_assets.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

BUSY_TIMEOUT_S = 30.0
_BEGIN = "dq_begin"


class Database:
    """The SQLite file that holds the metadata.

    Args:
        url: ``sqlite:///PATH``; a relative path counts from the working directory.

    Raises:
        StoreError: ``DQ-STORE-009`` when the URL names no file.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
            raise StoreError("DQ-STORE-009", f"metadata URL {parsed.render_as_string(hide_password=True)} names no SQLite file.", "write sqlite:///PATH.")
        self.path = Path(str(parsed.database)).expanduser().resolve()
        self.engine = _engine(self.path)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()

    def create(self) -> None:
        """Create the folder and the file and switch it to WAL; a file that is there is left as it is.

        Raises:
            StoreError: ``DQ-STORE-001`` when the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            try:
                _switch_to_wal(connection)
            finally:
                connection.close()
        except (OSError, sqlite3.Error) as error:
            raise self._failure("could not create it", error) from error

    @contextmanager
    def read(self, what: str) -> Iterator[Connection]:
        """Yield a connection on one snapshot; ``what`` completes "could not read …".

        Raises:
            StoreError: ``DQ-STORE-001`` when the database cannot be read.
        """
        with self._transaction(f"could not read {what}", "DEFERRED") as connection:
            yield connection

    @contextmanager
    def write(self, what: str) -> Iterator[Connection]:
        """Yield a connection that holds the write lock; commits at the end, rolls back on any error. ``what`` completes "could not write …".

        Raises:
            StoreError: ``DQ-STORE-001`` when the database cannot be written or refuses a row.
        """
        with self._transaction(f"could not write {what}", "IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, failed: str, mode: str) -> Iterator[Connection]:
        with self.guard(failed), self.engine.connect() as connection, begin(connection, mode):
            yield connection

    @contextmanager
    def guard(self, failed: str) -> Iterator[None]:
        """Turn what SQLAlchemy raises inside into ``DQ-STORE-001`` with the driver's message, without the statement and its values."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._failure(failed, getattr(error, "orig", None) or error) from error

    def _failure(self, failed: str, reason: BaseException) -> StoreError:
        if not self.exists():
            return StoreError("DQ-STORE-001", f"metadata database {self.path}: {failed}: there is no such file.", "run `dq provision`.")
        fix = "check that the file is on a local disk, writable and not held by another program; what was being written is not stored, so run the step again."
        return StoreError("DQ-STORE-001", f"metadata database {self.path}: {failed}: {reason}.", fix)


@contextmanager
def begin(connection: Connection, mode: str) -> Iterator[None]:
    """Hold a transaction of the connection, begun as ``BEGIN <mode>`` (DEFERRED or IMMEDIATE)."""
    with connection.execution_options(**{_BEGIN: mode}).begin():
        yield


def _engine(path: Path) -> Engine:
    # mode=rw: a database that was never provisioned must not spring into being as an empty file because somebody read it.
    location = f"{path.as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(location, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    # The driver opens transactions late and of its own accord; with isolation_level=None it leaves them to us.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_BEGIN) == "IMMEDIATE" else "BEGIN DEFERRED")

    return engine


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for the lock that this switch needs: the time-out of the connection has no effect on it.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
            continue
        if mode != "wal":
            raise sqlite3.OperationalError(f"the file system refuses the write-ahead log, the journal mode stays {mode}")
        return
