"""Compares the cost of a poll with a minimal script of httpx and duckdb that does the same work; run it by hand.

    python tests/benchmarks/poll.py [--runs 5] [--case cold --case many --case slow] [--dlt-python PATH]

Both run as processes against the same sandbox, in turn, into a new folder each time. The best of all runs counts, for
CPU, memory and wall time each. The exit code is 1 if a target is missed. If dlt is installed, the poll of 1,000 pools
is compared with dlt and its REST source too, without a target.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY

CONNECTIONS = 8
UNITS = {"cpu": "s CPU", "memory": "MiB", "wall": "s wall"}
CONFIG = """\
[collect]
interval = "1d"
concurrency = {concurrency}
requests_per_second = 10000

[paths]
database = "record.duckdb"
spool = "spool"

[projects.sandbox]
endpoint = "{endpoint}"
project_id = "{project_id}"
region = "sandbox-1"
"""

HERE = Path(__file__).parent
QUERY = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    print(*connection.execute(sys.argv[2]).fetchone())
"""
STORED = "SELECT (SELECT count(*) FROM scrapes WHERE outcome = 'ok'), (SELECT count(*) FROM snapshots)"
POLL_SECONDS = "SELECT epoch(ended_at - run) FROM polls"


@dataclass(frozen=True)
class Case:
    """A poll to measure, and its targets: the largest ratios to the minimal script's costs (`poll`: to the ideal)."""

    name: str
    description: str
    pools: int
    concurrency: int
    latency_seconds: float
    targets: dict[str, float]

    @property
    def ideal_seconds(self) -> float:
        """The wall time if only waiting for answers took time: the listing, then the pools, `concurrency` at once."""
        return self.latency_seconds * (1 + self.pools / self.concurrency)


CASES = (
    Case("cold", "one pool, cold", 1, 8, 0.0, {"cpu": 1.5}),
    Case("many", "1,000 pools, 8 at once", 1000, 8, 0.0, {"cpu": 1.3, "memory": 1.3}),
    Case("slow", "1,000 pools, 40 at once, 50 ms", 1000, 40, 0.05, {"cpu": 1.3, "poll": 1.2}),
)


@dataclass(frozen=True)
class Cost:
    """The cost of a process: CPU seconds (user and system), peak memory in MiB, wall seconds."""

    cpu: float
    memory: float
    wall: float


@contextmanager
def sandbox(case: Case) -> Iterator[tuple[str, str]]:
    """Serve a case's pools from another process, and yield its endpoint and project."""
    arguments = ["--port", "0", "--pools", str(case.pools), "--latency", str(case.latency_seconds)]
    with subprocess.Popen(
        [sys.executable, "-m", "collector", "sandbox", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield ready["endpoint"], ready["project_id"]
        finally:
            process.terminate()


def run(arguments: Sequence[str], folder: Path, python: str = sys.executable) -> Cost:
    """Run a process to its end and return its cost; exit if it failed."""
    environment = os.environ | {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
    start = time.perf_counter()
    process = subprocess.Popen([python, *arguments], env=environment, cwd=folder)
    # wait4 gives the usage of this child; getrusage would give the sum over all children.
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{arguments[:3]} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, wall)


def run_floor(case: Case, served: tuple[str, str], folder: Path) -> Cost:
    """Poll with the minimal script."""
    numbers = [str(case.concurrency), str(CONNECTIONS)]
    return run([str(HERE / "floor.py"), *served, ACCESS_KEY, SECRET_KEY, *numbers, str(folder)], folder)


def run_ours(case: Case, served: tuple[str, str], folder: Path) -> Cost:
    """Poll as a user does."""
    config = folder / "poolscope.toml"
    endpoint, project_id = served
    config.write_text(CONFIG.format(concurrency=case.concurrency, endpoint=endpoint, project_id=project_id))
    return run(["-m", "collector", "--config", str(config), "collect"], folder)


def has_dlt(python: str) -> bool:
    """Return whether an interpreter has dlt with its DuckDB support."""
    call = [python, "-c", "import dlt.sources.rest_api, duckdb"]
    return subprocess.run(call, capture_output=True, check=False).returncode == 0


def measure_dlt(case: Case, runs: int, python: str) -> Cost:
    """Return the best cost of a poll with dlt into a new folder; the first run only starts the sandbox's simulation."""
    costs = []
    with sandbox(case) as served:
        for _ in range(runs + 1):
            with tempfile.TemporaryDirectory() as folder:
                call = [str(HERE / "rest_source.py"), *served, ACCESS_KEY, SECRET_KEY, str(case.concurrency), folder]
                costs.append(run(call, Path(folder), python))
                pools = query_row(folder, "SELECT count(DISTINCT _pools_name) FROM polled.snapshots")
            if pools != [str(case.pools)]:
                sys.exit(f"{case.name}: dlt stored {pools[0]} of {case.pools} pools")
    return best(costs[1:])


def best(costs: Sequence[Cost]) -> Cost:
    """Return the smallest of each kind of cost."""
    return Cost(*(min(getattr(cost, name) for cost in costs) for name in ("cpu", "memory", "wall")))


def query_row(folder: str, query: str) -> list[str]:
    """Return one row of a query, run in another process: memory of this one counts in the peak of later children."""
    return subprocess.check_output([sys.executable, "-c", QUERY, f"{folder}/record.duckdb", query], text=True).split()


def measure(case: Case, runs: int) -> tuple[Cost, Cost, float]:
    """Return the best costs of the minimal script and of ours, run in turn, and the seconds of our best poll.

    The first run of each only starts the sandbox's simulation.
    """
    costs: dict[str, list[Cost]] = {"floor": [], "ours": []}
    polls: list[float] = []
    with sandbox(case) as served:
        for _ in range(runs + 1):
            stored = []
            for name, side in (("floor", run_floor), ("ours", run_ours)):
                with tempfile.TemporaryDirectory() as folder:
                    costs[name].append(side(case, served, Path(folder)))
                    stored.append(query_row(folder, STORED))
                    if name == "ours":
                        polls.append(float(query_row(folder, POLL_SECONDS)[0]))
            if stored[0] != stored[1] or stored[0][0] != str(case.pools):
                sys.exit(f"{case.name}: the floor stored {stored[0]} scrapes and snapshots, ours {stored[1]}")
    return best(costs["floor"][1:]), best(costs["ours"][1:]), min(polls[1:])


def print_dlt(case: Case, runs: int, python: str, ours: Cost) -> None:
    """Measure dlt if it is installed, and print its costs and their ratios to ours."""
    if not has_dlt(python):
        print("dlt: skipped, it is not installed (--dlt-python names an interpreter that has it)")
        return
    theirs = measure_dlt(case, runs, python)
    for name, unit in UNITS.items():
        base, spent = getattr(ours, name), getattr(theirs, name)
        print(
            f"{'dlt and its REST source':32}{f'{unit} (ours)':16}{base:9.3f}{spent:9.3f}{spent / base:7.2f}", flush=True
        )


def main() -> int:
    """Measure and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each side, after one that is not counted (default: 5)"
    )
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="default: all")
    parser.add_argument("--dlt-python", default=sys.executable, help="an interpreter that has dlt (default: this one)")
    options = parser.parse_args()
    print(f"{'case':32}{'cost':16}{'floor':>9}{'ours':>9}{'ratio':>7}{'target':>8}")
    missed = False
    for case in (case for case in CASES if not options.case or case.name in options.case):
        floor, ours, poll_seconds = measure(case, options.runs)
        rows = [(name, unit, getattr(floor, name), getattr(ours, name)) for name, unit in UNITS.items()]
        if case.latency_seconds:
            # Without the start of the process, which the minimal script needs too.
            rows.append(("poll", "s poll (ideal)", case.ideal_seconds, poll_seconds))
        for name, unit, base, spent in rows:
            target = case.targets.get(name)
            verdict = "" if target is None else f"{target:8.2f}  {'reached' if spent <= target * base else 'MISSED'}"
            missed |= target is not None and spent > target * base
            print(f"{case.description:32}{unit:16}{base:9.3f}{spent:9.3f}{spent / base:7.2f}{verdict}", flush=True)
        if case.name == "many":
            print_dlt(case, options.runs, options.dlt_python, ours)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
