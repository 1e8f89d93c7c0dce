"""A validation that publishes some 300 checks: what share of the time Dagster takes to record them.

The same run is made twice in turn, on one instance each: with the checks, and without them (test_results and alerts alone). The difference is what
publishing costs; within it, our own reading back is timed apart, so that what remains is Dagster's.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import io
import logging
import pstats
import statistics
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import dagster as dg
import duckdb

TABLES, DAYS, ROWS = 15, 20, 500


def land(folder: Path, table: int, first: int, last: int) -> None:
    """Land the days ``first`` to ``last`` of one table."""
    target = folder / "data" / f"orders_{table:02}"
    target.mkdir(parents=True, exist_ok=True)
    duckdb.sql(
        f"""
        SELECT d * 100000 + i AS order_id, 1 + i % 20 AS customer, 5.0 + (i * 7919 + d) % 100 AS amount, 1 + i % 5 AS quantity,
               list_extract(['NEW', 'PAID', 'SENT'], 1 + i % 3) AS status, list_extract(['EU', 'US'], 1 + i % 2) AS region,
               TIMESTAMP '2024-03-01' + INTERVAL (d * 1440 + i % 1440) MINUTE AS ordered_at
        FROM range({first}, {last}) AS days(d), range({ROWS}) AS rows(i)
        """  # noqa: S608 - numbers of ours
    ).write_parquet(str(target / f"{first:02}.parquet"))


def make_project(folder: Path) -> None:
    """Land the history of all tables and write the configuration."""
    for table in range(TABLES):
        land(folder, table, 0, DAYS)
    written = ", ".join(
        f"{{name: paid {table:02}, rule_type: Required, table: orders_{table:02}, columns: [amount], severity: warning}}" for table in range(TABLES)
    )
    (folder / "dq.yaml").write_text(
        "version: 1\nconnections: {lake: {type: duckdb, path: data}}\n"
        f"table_groups: {{sales: {{connection: lake, check_granularity: rule, batch: {{column: ordered_at, grain: day}}, tests: [{written}]}}}}\n",
        encoding="utf-8",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as text, contextlib.redirect_stderr(io.StringIO()):
        print(measure(Path(text), rounds))


def measure(folder: Path, rounds: int) -> str:
    """Return the figures of all rounds."""
    from datetime import UTC, datetime

    from dq_assets.orchestration import build_defs
    from dq_assets.settings_file import load_settings
    from dq_assets.steps.context import StepContext
    from dq_assets.steps.register import register

    make_project(folder)
    settings = load_settings(folder / "dq.yaml")
    register(StepContext.open(settings), "sales", datetime(2024, 3, 21, tzinfo=UTC))
    results = dg.AssetSelection.assets(["dq", "sales", "test_results"], ["dq", "sales", "alerts"])
    jobs = [dg.define_asset_job("without", results), dg.define_asset_job("with_checks", results | dg.AssetSelection.all_asset_checks())]

    def loaded() -> dg.Definitions:
        return dg.Definitions.merge(build_defs(settings), dg.Definitions(jobs=jobs))

    definitions = loaded()
    (folder / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(folder / "instance")) as instance:

        def run(job: str, day: int) -> tuple[float, dg.ExecuteInProcessResult]:
            tags = {"dq/as_of": datetime(2024, 3, day, 6, tzinfo=UTC).isoformat()}
            clicked = perf_counter()
            result = definitions.resolve_job_def(job).execute_in_process(instance=instance, tags=tags)
            return perf_counter() - clicked, result

        run("sales_learn", 21)
        # A check a test: they are known after learning.
        definitions = loaded()
        with_checks, without, steps = [], [], []
        checks = 0
        for number in range(rounds):
            for table in range(TABLES):
                land(folder, table, DAYS + number, DAYS + number + 1)
            # One after the other on the same new batch; the second finds it judged and judges it once more, being the newest.
            without.append(run("without", 22 + number)[0])
            seconds, result = run("with_checks", 22 + number)
            with_checks.append(seconds)
            steps.append(step_seconds(result))
            checks = len(result.get_asset_check_evaluations())
        with cProfile.Profile() as profiler:
            _, result = run("with_checks", 22 + rounds)
        ours = own_seconds(profiler) / step_seconds(result)
    whole, bare, own = statistics.median(with_checks), statistics.median(without), ours * statistics.median(steps)
    dagster = whole - bare - own
    lines = [
        f"dagster {dg.__version__}, SQLite on local disk, {TABLES} tables, {rounds} interleaved rounds, medians",
        f"checks published                     {checks:8}",
        f"validation with its checks           {whole:8.2f} s",
        f"validation without checks            {bare:8.2f} s   ratio {whole / bare:.2f}",
        f"Dagster's part of it                 {dagster:8.2f} s   {dagster / whole:.0%} of the run, {1000 * dagster / checks:.1f} ms a check",
        f"our reading back and metadata        {own:8.2f} s   {own / whole:.0%} of the run (share of the publishing step, profiled once)",
    ]
    return "\n".join(lines)


def step_seconds(result: dg.ExecuteInProcessResult) -> float:
    """Return how long the publishing step took, by Dagster's own event."""
    (success,) = [event for event in result.all_events if event.step_key == "sales_checks" and event.event_type_value == "STEP_SUCCESS"]
    return success.step_success_data.duration_ms / 1000


def own_seconds(profiler: cProfile.Profile) -> float:
    """Return the time spent inside our publishing function, which hands its results to Dagster one by one."""
    stats = pstats.Stats(profiler).get_stats_profile().func_profiles
    return max((entry.cumtime for name, entry in stats.items() if name == "publish"), default=0.0)


if __name__ == "__main__":
    main()
