"""What 200 groups of 20 tables cost Dagster: loading definitions and the snapshot, ours against bare definitions of the same counts.

Both sides are built in turn in fresh processes, so that neither profits from the other's imports; printed are medians and their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GROUPS, TABLES, COLUMNS, CHECKS = 200, 20, 12, 10

PROGRAM = """
import json, os, resource, sys, time, warnings
side, folder, groups = sys.argv[1], sys.argv[2], int(sys.argv[3])
import dagster as dg
clicked = time.perf_counter()
if side == "ours":
    from pathlib import Path
    from dq_assets.orchestration import build_defs
    from dq_assets.settings_file import load_settings
    definitions = build_defs(load_settings(Path(folder) / "dq.yaml"))
else:
    from bare import definitions_of
    definitions = definitions_of(groups)
built = time.perf_counter()
repository = definitions.get_repository_def()
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value
jobs = repository.get_all_jobs()
resolved = time.perf_counter()
snapshot = serialize_value(RepositorySnap.from_def(repository))
done = time.perf_counter()
graph = definitions.resolve_asset_graph()
print(json.dumps({
    "build_s": built - clicked, "resolve_s": resolved - built, "snapshot_s": done - resolved, "snapshot_mb": len(snapshot) / 1e6,
    "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "assets": len(graph.get_all_asset_keys()), "checks": len(graph.asset_check_keys), "jobs": len(jobs),
}))
"""
BARE = f"""
import dagster as dg

def definitions_of(groups):
    parts = []
    for g in range(groups):
        group = f"group_{{g}}"
        sources = [dg.AssetSpec(["lake", "main", f"{{group}}_table_{{t}}"], group_name=group) for t in range({TABLES})]
        previous, steps = None, []
        for name in ("table_group", "profile_run", "test_suite", "test_results", "alerts"):
            @dg.asset(key=["dq", group, name], group_name=group, deps=[previous] if previous else [s.key for s in sources])
            def step(): ...
            steps.append(step)
            previous = step.key
        specs = [dg.AssetCheckSpec(f"check_{{c}}", asset=s.key) for s in sources for c in range({CHECKS})]
        @dg.multi_asset_check(name=f"{{group}}_checks", specs=specs, can_subset=True)
        def checks(): ...
        chosen = dg.AssetSelection.assets(*(s.key for s in steps)) | dg.AssetSelection.checks(checks)
        jobs = [dg.define_asset_job(f"{{group}}_{{verb}}", selection=chosen) for verb in ("a", "b")]
        parts.append(dg.Definitions(assets=[*sources, *steps], asset_checks=[checks], jobs=jobs))
    return dg.Definitions.merge(*parts)
"""


def make_project(folder: Path, groups: int) -> None:
    """Write a configuration of ``groups`` groups and the table lists that registering would have left."""
    from datetime import datetime

    from dq_assets.records.batches import BatchSpec, Grain
    from dq_assets.records.enums import GeneralType
    from dq_assets.records.table_list import ListedTable, TableList, write_table_list
    from dq_assets.records.tables import Column, TableName

    lines = ["version: 1", "connections: {lake: {type: duckdb, path: data}}", "table_groups:"]
    columns = tuple(Column(name=f"column_{n}", position=n + 1, data_type="VARCHAR", general_type=GeneralType.TEXT, nullable=True) for n in range(COLUMNS))
    for number in range(groups):
        name = f"group_{number}"
        lines.append(f"  {name}: {{connection: lake, include: ['{name}_*']}}")
        tables = tuple(
            ListedTable(
                name=TableName(schema_name="main", table_name=f"{name}_table_{t}"), batch=BatchSpec(column="column_0", grain=Grain.DAY), columns=columns
            )
            for t in range(TABLES)
        )
        write_table_list(folder / ".dq", TableList(table_group=name, tables=tables, first_batch=datetime(2024, 1, 1)))  # noqa: DTZ001 - wall-clock
    (folder / "dq.yaml").write_text("\n".join(lines), encoding="utf-8")
    (folder / "bare.py").write_text(BARE, encoding="utf-8")


def measure(side: str, folder: Path, groups: int) -> dict[str, float]:
    """Return one fresh process's figures."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "DAGSTER_DISABLE_TELEMETRY": "1"}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, side, str(folder), str(groups)], env=environment, capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=GROUPS)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder), asked.groups)
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
        for _ in range(asked.rounds):
            for side, found in runs.items():
                found.append(measure(side, Path(folder), asked.groups))
    medians = {side: {name: statistics.median(run[name] for run in found) for name in found[0]} for side, found in runs.items()}
    print(f"{asked.groups} groups x {TABLES} tables, median of {asked.rounds} interleaved rounds")
    print(f"{'':14}{'ours':>12}{'bare':>12}{'ratio':>8}")
    for name in medians["ours"]:
        ours, bare = medians["ours"][name], medians["bare"][name]
        print(f"{name:14}{ours:12,.2f}{bare:12,.2f}{ours / bare if bare else 0:8.2f}")


if __name__ == "__main__":
    main()
