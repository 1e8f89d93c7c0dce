"""A step that is killed in the middle and asked for again leaves what an undisturbed one leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from dq_assets.records.enums import RunStatus

CHILD = """
import pathlib, sys, time
from datetime import datetime
from dq_assets.settings import Settings
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.test import test

step, settings, request, signal, table = sys.argv[1:]

def progress(text):
    if text.endswith(table):
        pathlib.Path(signal).touch()
        time.sleep(600)

context = StepContext.open(Settings.model_validate_json(settings))
{"profile": profile, "test": test}[step](context, "shop", RunRequest.model_validate_json(request), progress=progress)
"""
WALL_CLOCK = {"completed_at", "duration_ms", "execution_time_ms", "updated_at", "created_at", "latest_run_completed_at"}
ATTEMPTS = {"attempt"}
NEXT = 30


def _spoil(rows):
    rows["amount"][0:40:2] = [None] * 20


def _stable(value):
    """A float without the last digits, which depend on the order in which the engine's threads add."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _rows(lake) -> dict[str, list[tuple]]:
    tables = [name for (name,) in lake.sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {}
    for table in tables:
        columns = [name for (name,) in lake.sql(f"SELECT name FROM pragma_table_info('{table}')") if name not in WALL_CLOCK | ATTEMPTS]
        rows = lake.sql(f'SELECT {", ".join(columns)} FROM "{table}"')
        found[table] = sorted((tuple(_stable(value) for value in row) for row in rows), key=repr)
    return found


def _kill_inside(lake, step, table, tmp_path, repository):
    signal_file = tmp_path / "inside"
    arguments = [step, lake.settings.model_dump_json(by_alias=True), lake.request(NEXT, token="one").model_dump_json(), str(signal_file), table]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], cwd=repository, env={**os.environ, "PYTHONPATH": str(repository)})
    try:
        for _ in range(600):
            assert child.poll() is None
            if signal_file.exists():
                break
            time.sleep(0.05)
        assert signal_file.exists()
    finally:
        child.send_signal(signal.SIGKILL)
    assert child.wait(timeout=30) == -signal.SIGKILL


@pytest.mark.parametrize("step", ["profile", "test"])
def test_a_killed_step_asked_for_again_leaves_the_rows_of_an_undisturbed_one(lake, step, tmp_path, repository):
    lake.arrive(NEXT, _spoil)
    shutil.copytree(lake.root, tmp_path / "twin")
    twin = type(lake)(tmp_path / "twin")
    getattr(twin, step)(NEXT, token="one")

    _kill_inside(lake, step, "main.orders", tmp_path, repository)
    unfinished = [run.kind for run in lake.context.store.unfinished_runs()]
    run = getattr(lake, step)(NEXT, token="one")

    assert unfinished == [step]
    assert run.status is RunStatus.COMPLETED
    assert _rows(lake) == _rows(twin)


@pytest.mark.parametrize("step", ["profile", "test"])
def test_a_run_asked_for_twice_with_one_token_is_one_run_with_the_same_rows(lake, step):
    lake.arrive(NEXT, _spoil)
    getattr(lake, step)(NEXT, token="one")
    once = _rows(lake)

    getattr(lake, step)(NEXT, token="one")

    assert _rows(lake) == once


def test_the_first_profile_repeated_after_learning_forgets_nothing(new_lake):
    lake = new_lake()
    lake.begin(15)
    lake.register()
    lake.profile(14, token="root")
    lake.suggest(14)
    before = lake.bounds(), lake.batches()

    lake.profile(14, token="root")
    lake.suggest(14)

    assert (lake.bounds(), lake.batches()) == before
