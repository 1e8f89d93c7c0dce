"""Bring a metadata database to the schema of the committed scripts, one journalled statement at a time.

Decision: a statement and its journal row are one transaction in which the journal is read first. So a kill anywhere loses at most one statement
that was not committed, the next provisioner resumes at it, and two provisioners at once take turns statement by statement and end with one result.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from sqlalchemy import inspect, select, text
from sqlalchemy.dialects.sqlite import insert

from dq_assets.errors import StoreError
from dq_assets.store.column_types import canonical_json
from dq_assets.store.database import begin
from dq_assets.store.schema import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

ScriptDialect = Literal["databricks", "sqlite", "postgresql"]
SCHEMA_VERSION_KEY = "schema_version"
_TOKENIZER = {"databricks": "databricks", "sqlite": "sqlite", "postgresql": "postgres"}


@dataclass(frozen=True)
class Script:
    """A committed script: ``name`` is ``0001_configuration``, ``text`` all of it."""

    name: str
    text: str
    dialect: ScriptDialect

    @property
    def number(self) -> int:
        """Its place in the order, and the schema version it leads to."""
        return int(self.name[:4])

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def statements(self) -> tuple[str, ...]:
        """The statements in order, without the semicolons; those inside strings and comments do not count."""
        return split_statements(self.text, self.dialect)

    @property
    def journal_key(self) -> str:
        """Key of the script's row in ``dq_settings``."""
        return f"migration/{self.name}"

    def statement_key(self, position: int) -> str:
        """Key of the row of the statement at ``position``, counted from 1."""
        return f"{self.journal_key}/{position:03d}"


@dataclass(frozen=True)
class MigrationReport:
    """What provisioning did: names of the statements it ran (empty: nothing was pending), and where the schema stands.

    ``schema_hash`` is the SHA-256 of every object of the schema: equal hashes, equal schemas.
    """

    applied: tuple[str, ...]
    schema_version: int
    schema_hash: str


def split_statements(script: str, dialect: ScriptDialect) -> tuple[str, ...]:
    """Return the statements of a script, each as written, without leading comments and semicolons."""
    # Here and not above: a step that only checks the version needs no tokenizer, and each step pays for its imports.
    from sqlglot import TokenType, tokenize

    statements: list[str] = []
    start: int | None = None
    end = 0
    for token in tokenize(script, read=_TOKENIZER[dialect]):
        if token.token_type == TokenType.SEMICOLON:
            if start is not None:
                statements.append(script[start:end])
            start = None
        else:
            start = token.start if start is None else start
            end = token.end + 1
    if start is not None:
        raise ValueError(f"the last statement of the script has no semicolon: {script[start:end][:60]}")
    return tuple(statements)


def load_scripts(dialect: ScriptDialect) -> tuple[Script, ...]:
    """Return the committed scripts of a dialect, in order."""
    folder = files("dq_assets") / "sql" / dialect
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return tuple(Script(name=entry.name.removesuffix(".sql"), text=entry.read_text(encoding="utf-8"), dialect=dialect) for entry in entries)


def migrate(
    engine: Engine,
    dialect: Literal["sqlite"],
    now: datetime,
    *,
    scripts: Sequence[Script] | None = None,
    after_statement: Callable[[int], None] | None = None,
) -> MigrationReport:
    """Run every statement that the journal does not hold.

    Args:
        engine: an engine whose transactions ``dq_assets.store.database.begin`` can begin.
        dialect: ``sqlite``.
        now: the moment that is written to the journal.
        scripts: the scripts to apply; default: the committed ones.
        after_statement: progress, called after each committed statement with the number of statements this call has run.

    Raises:
        StoreError: ``DQ-STORE-002`` when an applied script was changed, ``DQ-STORE-003`` when the database is newer than the scripts.
    """
    scripts = load_scripts(dialect) if scripts is None else scripts
    applied: list[str] = []
    # One connection for all: when the last connection of a WAL database closes, SQLite copies the log back, and pays for it.
    with engine.connect() as connection:
        with begin(connection, "DEFERRED"):
            done = journal(connection)
            refuse_foreign(done, scripts)
        for script in scripts:
            if _is_completed(script, done):
                continue
            for position, statement in enumerate(script.statements, start=1):
                if script.statement_key(position) in done:
                    continue
                with begin(connection, "IMMEDIATE"):
                    done = journal(connection)
                    refuse_foreign(done, scripts)
                    if script.statement_key(position) in done:
                        continue
                    connection.exec_driver_sql(statement)
                    _record(connection, script, position, done, now)
                applied.append(script.statement_key(position).removeprefix("migration/"))
                if after_statement is not None:
                    after_statement(len(applied))
        with begin(connection, "DEFERRED"):
            return MigrationReport(applied=tuple(applied), schema_version=schema_version(journal(connection)), schema_hash=schema_hash(connection))


def journal(connection: Connection) -> dict[str, str]:
    """Return ``dq_settings`` as a mapping; empty where the table is not there yet."""
    if not inspect(connection).has_table(settings.name):
        return {}
    return dict(connection.execute(select(settings.c.key, settings.c.value)).all())


def schema_version(done: dict[str, str]) -> int:
    """Return the number of the last completed script; 0 where there is none."""
    return int(done.get(SCHEMA_VERSION_KEY, "0"))


def pending(done: dict[str, str], scripts: Sequence[Script]) -> list[str]:
    """Return the names of the scripts that are not completed."""
    return [script.name for script in scripts if not _is_completed(script, done)]


def refuse_foreign(done: dict[str, str], scripts: Sequence[Script]) -> None:
    """Refuse a database that other scripts made.

    Raises:
        StoreError: ``DQ-STORE-002`` when an applied script was changed, ``DQ-STORE-003`` when the database is newer than the scripts.
    """
    newest = scripts[-1].number
    if (found := schema_version(done)) > newest:
        raise StoreError(
            "DQ-STORE-003",
            f"the metadata database has schema version {found}, this program knows {newest}.",
            "upgrade dq_assets, or name another database in metadata.url.",
        )
    for script in scripts:
        if script.journal_key in done and (recorded := json.loads(done[script.journal_key])["checksum"]) != script.checksum:
            raise StoreError(
                "DQ-STORE-002",
                f"script {script.name} was applied with checksum {recorded[:12]}, it now has {script.checksum[:12]}.",
                "restore the script as it was; changes of the schema go into a new script.",
            )


def schema_hash(connection: Connection) -> str:
    """Return the SHA-256 of the names and texts of all objects of the schema, white space normalised."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    normalised = sorted((name, " ".join(sql.split())) for name, sql in rows)
    return hashlib.sha256(json.dumps(normalised).encode()).hexdigest()


def _is_completed(script: Script, done: dict[str, str]) -> bool:
    return script.journal_key in done and "completed_at" in json.loads(done[script.journal_key])


def _record(connection: Connection, script: Script, position: int, done: dict[str, str], now: datetime) -> None:
    moment = now.isoformat()
    entry = json.loads(done.get(script.journal_key, "null")) or {"checksum": script.checksum, "started_at": moment}
    rows = {script.statement_key(position): {"completed_at": moment}}
    if position == len(script.statements):
        entry["completed_at"] = moment
        _put(connection, SCHEMA_VERSION_KEY, str(script.number), now)
    for key, value in {**rows, script.journal_key: entry}.items():
        _put(connection, key, canonical_json(value), now)


def _put(connection: Connection, key: str, value: str, now: datetime) -> None:
    row = insert(settings).values(key=key, value=value, updated_at=now)
    connection.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": value, "updated_at": now}))
