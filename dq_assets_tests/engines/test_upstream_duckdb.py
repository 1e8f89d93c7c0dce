"""What the design leans on in DuckDB and sqlglot: when one of these fails after an upgrade, the design is to be read again."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest
import sqlglot

if TYPE_CHECKING:
    from pathlib import Path

OPEN = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'read')"


def opened_elsewhere(file: Path, mode: str) -> bool:
    """Whether another process can open the file."""
    return subprocess.run([sys.executable, "-c", OPEN, str(file), mode], capture_output=True, check=False).returncode == 0


def test_a_locked_session_reads_no_file_and_cannot_be_unlocked(tmp_path: Path) -> None:
    """A characterization: therefore user-written SQL runs only with both settings."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")
    with duckdb.connect() as session:
        assert session.sql(f"SELECT * FROM '{secret}'").fetchall() == [(1,)]
        session.execute("SET enable_external_access = false")
        session.execute("SET lock_configuration = true")
        with pytest.raises(duckdb.PermissionException):
            session.sql(f"SELECT * FROM '{secret}'").fetchall()
        with pytest.raises(duckdb.InvalidInputException):
            session.execute("SET enable_external_access = true")


def test_a_writer_shuts_every_other_process_out_and_a_reader_shuts_out_writers(tmp_path: Path) -> None:
    """A characterization: therefore a busy file is waited for, our sessions are short, and metadata is never kept in DuckDB."""
    file = tmp_path / "data.duckdb"
    with duckdb.connect(str(file)):
        assert not opened_elsewhere(file, "read")
    with duckdb.connect(str(file), read_only=True):
        assert opened_elsewhere(file, "read")
        assert not opened_elsewhere(file, "write")


def test_a_catalog_cannot_be_called_main() -> None:
    """A characterization: therefore nothing of ours attaches a database under that name."""
    with duckdb.connect() as session, pytest.raises(duckdb.Error):
        session.execute("ATTACH ':memory:' AS main")


def test_sqlglot_writes_an_exact_percentile_as_an_approximate_one_for_databricks() -> None:
    """A characterization: therefore Databricks needs an override for percentiles before it scans."""
    assert (
        "PERCENTILE_APPROX" in sqlglot.transpile("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x) FROM t", read="duckdb", write="databricks")[0].upper()
    )
