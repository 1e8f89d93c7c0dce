"""Dagster's own tools on a project that has nothing to do with this one but the component: real processes, one after the other."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

pytestmark = pytest.mark.slow

SCRIPTS = Path(sysconfig.get_path("scripts"))
TYPE = "dq_assets.components.TableGroupComponent"
PYPROJECT = """\
[project]
name = "shop"
version = "0.0.0"
requires-python = ">=3.11"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shop"
"""
DEFINITIONS = """\
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
WORKSPACE = "load_from: [{python_module: {module_name: shop.definitions, working_directory: ., location_name: shop}}]\n"
INSTANCE = "run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}\n"  # without a daemon
LAUNCH = """mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } }
}"""
RUN = """query($run: ID!) {
  runOrError(runId: $run) { ... on Run { status eventConnection { events { ... on AssetCheckEvaluationEvent { evaluation { checkName } } } } } }
}"""


class Project:
    """A project of somebody else, as ``dg`` wants one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "shop" / "defs").mkdir(parents=True)
        (root / "home").mkdir()
        (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
        (root / "shop" / "__init__.py").touch()
        (root / "shop" / "defs" / "__init__.py").touch()
        (root / "shop" / "definitions.py").write_text(DEFINITIONS, encoding="utf-8")

    def land(self, *tables: str) -> None:
        for table in tables:
            (self.root / "data" / table).mkdir(parents=True)
            duckdb.sql("SELECT i AS id, 'label ' || i AS label FROM range(30) AS t(i)").write_parquet(str(self.root / "data" / table / "all.parquet"))

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(self.root), os.environ.get("PYTHONPATH")]))
        return {**os.environ, "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0", "COLUMNS": "200", "DAGSTER_HOME": str(self.root / "home"), "PYTHONPATH": path}

    def run(self, *command: str, fails: bool = False) -> tuple[str, str]:
        """Run one of the environment's programs in the project and return what it printed, and what it complained about."""
        done = subprocess.run(
            [SCRIPTS / command[0], *command[1:]], cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout, done.stderr

    def change(self, **attributes: Any) -> None:
        path = self.root / "shop" / "defs" / "sales" / "defs.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["attributes"] |= attributes
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def checks(self) -> set[str]:
        """Return the tables that have checks, as ``dg list defs`` tells them."""
        return {check["asset_key"] for check in json.loads(self.run("dg", "list", "defs", "--json")[0])["asset_checks"]}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_foreign_project_finds_and_describes_the_component(project: Project) -> None:
    assert TYPE in project.run("dg", "list", "components")[0]
    described, _ = project.run("dg", "utils", "inspect-component", TYPE)
    assert "Profile, test and watch the tables of one connection." in described
    assert "Seconds to wait for a database file that another process holds." in described
    assert "{{ context.project_root }}/data" in project.run("dg", "utils", "inspect-component", TYPE, "--defs-yaml-example-values")[0]
    project.run("dg", "utils", "generate-component-schema")
    (generated,) = (project.root / ".dg").glob("*schema*.json")
    assert "fail_run_on" in generated.read_text(encoding="utf-8")


def test_what_a_foreign_project_scaffolds_is_valid_and_loads_with_one_warning(project: Project) -> None:
    project.run("dg", "scaffold", "defs", TYPE, "sales", "--batch-column", "at", "--grain", "hour")
    assert "batch: {column: at, grain: hour}" in (project.root / "shop" / "defs" / "sales" / "defs.yaml").read_text(encoding="utf-8")
    told, _ = project.run("dg", "check", "defs")
    assert "All component YAML validated successfully." in told
    assert "All definitions loaded successfully." in told
    _, complaints = project.run("dg", "list", "defs")
    assert complaints.count("DQ-CONN-001") == 1, "there is no data yet, and that is said"
    assert "Traceback" not in complaints


def test_a_mistake_is_shown_by_dg_with_its_line(project: Project) -> None:
    project.run("dg", "scaffold", "defs", TYPE, "sales")
    project.change(connection={"type": "duckdb", "path": "data", "threads": "many"})
    assert "defs.yaml:7 - dq_assets.components.TableGroupComponent attributes.connection.threads" in project.run("dg", "check", "yaml", fails=True)[0]
    said = "".join(project.run("dg", "list", "defs", fails=True))
    assert "defs.yaml:7: connection.threads = 'many': expected a valid integer, unable to parse string as an integer. Fix: write a whole number." in said


def test_a_state_in_the_projects_folder_is_renewed_by_dg_and_read_by_every_process_of_a_run(project: Project) -> None:
    project.land("orders")
    project.run("dg", "scaffold", "defs", TYPE, "sales")
    project.change(defs_state={"management_type": "LOCAL_FILESYSTEM", "refresh_if_dev": False})
    assert "All 1 components refreshed successfully!" in project.run("dg", "utils", "refresh-defs-state")[0]
    assert project.checks() == {"sales/main/orders"}
    learned = "".join(project.run("dagster", "job", "execute", "-m", "shop.definitions", "-j", "sales_learn"))
    assert "ASSET_CHECK_EVALUATION" in learned, "the tables were known before the run registered them"
    assert "Table group 'sales'" not in learned
    (project.root / "data").rename(project.root / "moved")
    assert "DQ-CONN-001" in "".join(project.run("dg", "utils", "refresh-defs-state", fails=True))
    assert project.checks() == {"sales/main/orders"}


def test_a_versioned_state_is_read_by_the_code_server_and_by_the_workers_of_the_runs_that_it_launches(project: Project) -> None:
    project.land("orders")
    project.run("dg", "scaffold", "defs", TYPE, "sales")
    project.change(defs_state={"management_type": "VERSIONED_STATE_STORAGE", "refresh_if_dev": False})
    project.run("dg", "utils", "refresh-defs-state")
    (project.root / "home" / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")
    (project.root / "workspace.yaml").write_text(WORKSPACE, encoding="utf-8")
    log = project.root / "webserver.log"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with log.open("w", encoding="utf-8") as output:
        command = [SCRIPTS / "dagster-webserver", "-w", "workspace.yaml", "-p", str(port)]
        server = subprocess.Popen(command, cwd=project.root, env=project.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status, checks = _launched(port, "shop", "sales_learn")
        finally:
            os.killpg(server.pid, signal.SIGINT)
            server.wait(timeout=60)
    assert status == "SUCCESS"
    assert checks == {"dq_hygiene"}, "the workers knew the tables that nobody had registered when the run was planned"
    assert "Table group 'sales'" not in log.read_text(encoding="utf-8")


def _launched(port: int, location: str, job: str) -> tuple[str, set[str]]:
    """Launch a job through the webserver at a port, and return how it ended and the checks it evaluated."""
    deadline = time.monotonic() + 300

    def asked(query: str, **variables: Any) -> dict[str, Any]:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request("POST", "/graphql", json.dumps({"query": query, "variables": variables}), {"Content-Type": "application/json"})
                return dict(json.load(connection.getresponse())["data"])
            except ConnectionRefusedError:  # not up yet
                assert time.monotonic() < deadline
                time.sleep(0.5)
            finally:
                connection.close()

    selector = {"repositoryLocationName": location, "repositoryName": "__repository__", "pipelineName": job}
    launched = asked(LAUNCH, params={"selector": selector, "runConfigData": {}, "mode": "default"})["launchPipelineExecution"]
    run = {"status": "NOT_STARTED"}
    while run["status"] not in {"SUCCESS", "FAILURE"}:
        assert time.monotonic() < deadline
        time.sleep(0.5)
        run = asked(RUN, run=launched["run"]["runId"])["runOrError"]
    return str(run["status"]), {item["evaluation"]["checkName"] for item in run["eventConnection"]["events"] if "evaluation" in item}


def test_the_first_run_of_a_group_that_no_state_knows_registers_and_learns(project: Project) -> None:
    project.land("orders", "customers")
    project.run("dg", "scaffold", "defs", TYPE, "sales")
    told = "".join(project.run("dagster", "job", "execute", "-m", "shop.definitions", "-j", "sales_learn"))
    assert "there is no state yet; there are no tables yet." in told
    assert "RUN_SUCCESS" in told
    validated = "".join(project.run("dagster", "job", "execute", "-m", "shop.definitions", "-j", "sales_validate"))
    assert "ASSET_CHECK_EVALUATION" in validated


def test_a_state_in_the_code_server_reaches_the_workers(project: Project) -> None:
    project.land("orders")
    project.run("dg", "scaffold", "defs", TYPE, "sales")
    project.change(defs_state={"management_type": "LEGACY_CODE_SERVER_SNAPSHOTS"})
    assert project.checks() == {"sales/main/orders"}
    (project.root / "data").rename(project.root / "moved")
    assert project.checks() == set()
