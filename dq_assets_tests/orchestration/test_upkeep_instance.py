"""The instance that ``dq ui`` and ``dq demo`` work with, and what its configuration does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dq_assets.errors import ConfigError
from dq_assets.orchestration.instance import instance_home, write_instance_config
from dq_assets.settings_file import load_settings
from dq_assets.steps.context import StepContext
from dq_assets.steps.reconcile import MAX_AGE
from dq_assets.steps.register import register

from .conftest import make_project
from .test_definitions import NOW

if TYPE_CHECKING:
    from pathlib import Path

TWO_GROUPS = """\
version: 1
metadata: {url: "sqlite:///.dq/metadata.db"}
connections:
  landing: {type: duckdb, path: landing, threads: 1}
table_groups:
  sales: {connection: landing, include: [orders]}
  people: {connection: landing, include: [customers]}
"""


def test_dagster_takes_the_configuration_and_does_what_it_says(tmp_path: Path) -> None:
    write_instance_config(tmp_path / "home")
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == MAX_AGE.total_seconds()
        assert (instance.run_retries_enabled, instance.run_retries_max_retries, instance.run_retries_retry_on_asset_or_op_failure) == (True, 0, False)
        pools = instance.event_log_storage.get_pool_config()
        assert (str(pools.pool_granularity), pools.default_pool_limit) == ("PoolGranularity.OP", 1)
        assert instance.get_sensor_settings()["use_threads"]
        assert isinstance(instance.run_launcher, dg.DefaultRunLauncher)


def test_a_configuration_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = write_instance_config(tmp_path)
    path.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    assert write_instance_config(tmp_path) == path
    assert path.read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"


def test_the_folder_beside_the_configuration_comes_first_then_the_environment_then_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere))
    assert instance_home(here / "dq.yaml") == elsewhere
    assert list(elsewhere.iterdir()) == list(here.iterdir()) == []
    monkeypatch.delenv("DAGSTER_HOME")
    assert instance_home(here / "dq.yaml") == here / ".dagster"
    assert (here / ".dagster" / "dagster.yaml").is_file()
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere))
    assert instance_home(here / "dq.yaml") == here / ".dagster"


def test_a_folder_that_cannot_be_made_and_an_environment_that_names_none_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dagster").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigError, match="DQ-CONF-030"):
        instance_home(tmp_path / "dq.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="DQ-CONF-030"):
        instance_home(tmp_path / "dq.yaml")


@pytest.mark.slow
def test_a_pool_keeps_two_steps_of_one_connection_apart(tmp_path: Path) -> None:
    """A characterization: with a default limit of 1 the multiprocess executor holds back a step whose pool is taken, and starts it when that is free."""
    make_project(tmp_path)
    (tmp_path / "dq.yaml").write_text(TWO_GROUPS, encoding="utf-8")
    steps = StepContext.open(load_settings(tmp_path / "dq.yaml"))
    for group in ("sales", "people"):
        register(steps, group, NOW)
    home = write_instance_config(tmp_path / ".dagster").parent
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DQ_CONFIG": str(tmp_path / "dq.yaml")}
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "dq_assets.definitions", "--select", "dq/sales/table_group,dq/people/table_group"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (record,) = instance.get_run_records()
        events = instance.all_logs(record.dagster_run.run_id)
    moments = {
        kind: sorted(event.timestamp for event in events if event.dagster_event_type is kind)
        for kind in (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS)
    }
    assert any("blocked by limit for pool dq_landing" in str(event.get_dagster_event().message) for event in events if event.is_dagster_event), json.dumps(
        [event.user_message for event in events]
    )
    first_end, second_start = moments[dg.DagsterEventType.STEP_SUCCESS][0], moments[dg.DagsterEventType.STEP_START][1]
    assert first_end <= second_start
