"""`dq profile`: the plan before it, and Ctrl-C in the middle of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import duckdb
import pytest

# A shell starts its background jobs with SIGINT ignored, which is inherited.
HEED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from dq_assets.cli import main; main()"
ENDLESS = "CREATE VIEW endless AS SELECT a.i * b.i AS product FROM range(1000000) a(i), range(1000000) b(i)"


def test_a_plan_lists_tables_statements_and_bytes_and_runs_nothing(shop):
    answer, document = shop.json("profile", "--plan")

    (group,) = document["groups"]
    table = next(table for table in group["tables"] if table["table"] == "main.orders")
    assert answer.exit_code == 0
    assert (table["table"], table["columns"], table["batches"]) == ("main.orders", 4, "day of ordered_at")
    assert table["statements"] > 0
    assert table["size_bytes"] > 0
    said = shop.dq("profile", "--plan").stdout
    assert "Nothing was profiled." in said
    assert "main.orders" in said


def test_profiling_says_where_its_pages_are(shop):
    said = shop.dq("profile").stdout
    folder = shop.folder / ".dq" / "reports" / "sales"
    assert "main.orders.html" in {page.name for page in folder.glob("*.html")}
    assert str(folder) in said


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_the_statement_and_the_run(tmp_path):
    with duckdb.connect(str(tmp_path / "slow.duckdb")) as connection:
        connection.execute(ENDLESS)
    (tmp_path / "dq.yaml").write_text(
        "version: 1\nconnections:\n  w: {type: duckdb, path: slow.duckdb}\ntable_groups:\n  g: {connection: w}\n", encoding="utf-8"
    )
    command = [sys.executable, "-c", HEED]
    subprocess.run([*command, "register"], cwd=tmp_path, check=True, capture_output=True)
    with subprocess.Popen([*command, "profile"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        runs = tmp_path / ".dq" / "metadata.db"
        while status(runs) != "running":
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert status(runs) == "failed"


def status(metadata) -> str | None:
    import sqlite3

    connection = sqlite3.connect(metadata)
    try:
        row = connection.execute("SELECT status FROM dq_profiles").fetchone()
    finally:
        connection.close()
    return row[0] if row else None
