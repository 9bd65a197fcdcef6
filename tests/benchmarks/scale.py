"""Compares engines on one record: the file, its dataset, processes and Spark; run it by hand.

    python tests/benchmarks/scale.py [--pools 100] [--days 365] [--step 300] [--engines file,dataset,processes,spark]
    python tests/benchmarks/scale.py --linear [--pools 1000] [--days 365] [--step 60]

Each engine answers `waits` and `failures` by week, each time in new processes; all answers must be equal. The floor is
a plain sum by series and hour of the same rows in DuckDB with two threads. Printed are wall time and CPU of the whole
process tree, its memory (PSS), the memory of the largest worker (RSS), and the bytes that travel to and from tasks.
--linear asks `waits` of a hundredth, a tenth and all of the pools, in processes, and compares the cost of a million
rows. The exit code is 1 if a target is missed. --folder keeps the record for further runs.
"""

import argparse
import hashlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd

from analysis import History
from analysis.query.engines import Threads
from analysis.query.tasks import Parcel
from collector.record.schema import migrate

DISTINCT = 20
"""Simulated pools; the others are copies of these."""
TYPES = {"infer": 6.0, "notebook": 15.0, "train": 75.0}
"""Arrivals a day."""
RUN_SECONDS = 7200
MIB = 1 << 20
PAGE = os.sysconf("SC_CLK_TCK")
MOST_WALL = {"waits": 6.0, "failures": 5.0}
MOST_DATASET = 1.1
MOST_SPARK = 1.5
MOST_MEMORY = 2048.0
MOST_TASK = 600.0
MOST_LINEAR_MEMORY = 4096.0
MOST_UNEVEN = 0.15
SUM = """SELECT count(*), sum(waiting) FROM (SELECT project, pool, type, epoch_us(slot) // 3600000000 AS hour,
sum("Queue") AS waiting FROM snapshots GROUP BY ALL)"""
COPIED = """INSERT INTO {0} BY NAME SELECT * REPLACE ($pool AS pool) FROM {0} WHERE pool = $like"""


class Cost(NamedTuple):
    """What a command took."""

    wall: float
    cpu: float
    """Seconds of the whole process tree."""
    memory: float
    """MiB of the whole process tree, each shared page counted once."""
    worker: float
    """MiB of the largest process but the first."""


def fill(file: Path, pools: int, days: int, step: int) -> int:
    """Make a record, pool by pool, in the order of compaction; return its number of rows."""
    with duckdb.connect(file) as record:
        migrate(record, 0, "test")
        for number in range(pools):
            if number < DISTINCT:
                _simulate(record, number, days, step)
            else:
                values = {"pool": f"pool-{number:04}", "like": f"pool-{number % DISTINCT:04}"}
                for table in ("snapshots", "scrapes"):
                    record.execute(COPIED.format(table), values)
    return pools * len(TYPES) * (days * 86_400 // step)


def _simulate(record: duckdb.DuckDBPyConnection, number: int, days: int, step: int) -> None:
    """Add a pool whose queues grow and drain every day."""
    chance = np.random.default_rng(number)
    n, runs = days * 86_400 // step, RUN_SECONDS // step
    slots = np.datetime64("2025-01-01T00:00", "s") + np.arange(n) * np.timedelta64(step, "s")
    day = 1 + 0.6 * np.sin(np.arange(n) * 2 * np.pi / (86_400 / step))
    pool, pool_total = f"pool-{number:04}", np.zeros(n, np.int64)
    for job_type, a_day in TYPES.items():
        rate = a_day * step / 86_400
        arrivals, can_leave = chance.poisson(rate * day), chance.poisson(rate * 1.08, n)
        surplus = np.cumsum(arrivals - can_leave)
        queue = surplus - np.minimum(0, np.minimum.accumulate(surplus))
        departures = np.cumsum(arrivals) - queue
        ended = np.concatenate([np.zeros(runs, np.int64), departures[:-runs]])
        ends = np.diff(ended, prepend=0)
        failed = chance.binomial(ends, 0.15)
        terminated = chance.binomial(ends - failed, 0.06)
        total = np.cumsum(arrivals)
        pool_total += total
        counts = {
            "total": total,
            "Queue": queue,
            **dict.fromkeys(("Pending", "Abnormal", "Terminating", "Creating"), 0),
        }
        counts |= {"Running": departures - ended, "Completed": np.cumsum(ends - failed - terminated)}
        counts |= {"Terminated": np.cumsum(terminated), "Failed": np.cumsum(failed)}
        _insert(
            record, "snapshots", pd.DataFrame({"project": "p", "pool": pool, "type": job_type, "slot": slots} | counts)
        )
    scrapes = {"run": slots, "project": "p", "pool": pool, "slot": slots, "interval_seconds": step}
    _insert(record, "scrapes", pd.DataFrame(scrapes | {"outcome": "ok", "total": pool_total}))


def _insert(record: duckdb.DuckDBPyConnection, table: str, frame: pd.DataFrame) -> None:
    record.register("frame", frame)
    record.execute(f"INSERT INTO {table} BY NAME FROM frame")
    record.unregister("frame")


def measured(call: list[str]) -> Cost:
    """Run a command; watch its process tree."""
    cpu: dict[int, float] = {}
    peaks = {"tree": 0.0, "worker": 0.0}
    ended = Event()
    begin = time.perf_counter()
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def watch() -> None:
        while not ended.wait(0.1):
            tree = list(_tree(process.pid))
            cpu.update({pid: seconds for pid in tree if (seconds := _cpu(pid)) is not None})
            shared = {pid: _memory(pid) for pid in tree}
            peaks["tree"] = max(peaks["tree"], sum(pss for pss, _ in shared.values()))
            peaks["worker"] = max([peaks["worker"], *(rss for pid, (_, rss) in shared.items() if pid != process.pid)])

    watcher = Thread(target=watch)
    watcher.start()
    _, errors = process.communicate()
    wall = time.perf_counter() - begin
    ended.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{call} ended with {process.returncode}: {errors}")
    return Cost(wall, sum(cpu.values()), peaks["tree"], peaks["worker"])


def _tree(root: int) -> Iterator[int]:
    yield root
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))


def _cpu(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / PAGE


def _memory(pid: int) -> tuple[float, float]:
    """Return the PSS and the RSS of a process in MiB."""
    try:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    except (OSError, ValueError):
        return 0.0, 0.0
    return int(lines["Pss"].split()[0]) / 1024, int(lines["Rss"].split()[0]) / 1024


class Counting(Threads):
    """Counts the bytes of tasks and results."""

    def __init__(self) -> None:
        self.sent = self.returned = 0

    def map(self, function: Callable[[Any], Any], items: Iterable[Parcel], /) -> Iterator[Any]:
        """Yield the results."""
        parcels = list(items)
        self.sent += sum(len(parcel.task) for parcel in parcels)
        for result in super().map(function, parcels):
            self.returned += len(pickle.dumps(result))
            yield result


def command(question: str, database: Path, output: Path, *more: str) -> list[str]:
    """Return the command that answers a question."""
    words = [question, "--every", "1w", "--db", str(database), "--format", "csv", "--output", str(output), *more]
    return [sys.executable, "-m", "collector", *words]


def plain_sum(file: Path) -> Cost:
    """Return the cost of the floor."""
    opened = f"duckdb.connect({str(file)!r}, read_only=True, config={{'threads': 2}})"
    code = f"import duckdb; {opened}.execute({SUM!r}).fetchall()"
    return measured([sys.executable, "-c", code])


def compare(folder: Path, rows: int, engines: list[str]) -> bool:
    """Print the costs of all engines; return whether a target is missed."""
    file, dataset = folder / "record.duckdb", folder / "dataset"
    if not dataset.exists():
        (folder / "poolscope.toml").write_text('[paths]\ndatabase = "record.duckdb"\n')
        export = [sys.executable, "-m", "collector", "--config", str(folder / "poolscope.toml"), "export"]
        cost = measured([*export, "--dataset", str(dataset)])
        files = json.loads((dataset / "manifest.json").read_text())["files"]
        size = sum(file["bytes"] for file in files)
        print(f"export: {cost.wall:.1f} s, {cost.memory:.0f} MiB, {size / rows / 10:.3f} bytes a count", flush=True)
    ways = {
        "file": (file, ("--on", "processes:1")),
        "dataset": (dataset, ("--on", "processes:1")),
        "processes": (dataset, ("--on", "processes:2")),
        "spark": (dataset, ("--on", "local[2]")),
    }
    missed = False
    for question in ("waits", "failures"):
        floor = min((plain_sum(file) for _ in range(2)), key=lambda cost: cost.wall)
        print(f"{question}: floor {floor.wall:.2f} s, {floor.cpu:.2f} s of CPU")
        costs: dict[str, Cost] = {}
        answers: set[str] = set()
        for name in engines:
            output = folder / f"{question}-{name}.csv"
            costs[name] = measured(command(question, ways[name][0], output, *ways[name][1]))
            answers.add(hashlib.sha256(output.read_bytes()).hexdigest())
            _show(name, costs[name], floor)
        if len(answers) != 1:
            print("DIFFERENT answers")
            missed = True
        missed |= _judge(question, costs, floor)
    counting = Counting()
    History(dataset, engine=counting).waits(every="1w")
    print(f"bytes of waits: {counting.sent:,} to tasks, {counting.returned:,} from tasks")
    return missed


def _show(name: str, cost: Cost, floor: Cost) -> None:
    print(
        f"  {name:10}{cost.wall:8.1f} s {cost.wall / floor.wall:6.1f} times the floor{cost.cpu:8.1f} s of CPU"
        f"{cost.memory:8.0f} MiB, largest worker {cost.worker:.0f} MiB",
        flush=True,
    )


def _judge(question: str, costs: dict[str, Cost], floor: Cost) -> bool:
    """Print the targets that there are costs for; return whether one is missed."""
    targets = []
    if "processes" in costs:
        targets.append(("processes, wall over the floor", costs["processes"].wall / floor.wall, MOST_WALL[question]))
        targets.append(("processes, MiB", costs["processes"].memory, MOST_MEMORY))
        targets.append(("a task, MiB", costs["processes"].worker, MOST_TASK))
    if {"file", "dataset"} <= costs.keys():
        targets.append(("dataset, CPU over the file's", costs["dataset"].cpu / costs["file"].cpu, MOST_DATASET))
    if {"dataset", "spark"} <= costs.keys():
        targets.append(("Spark, CPU over local", costs["spark"].cpu / costs["dataset"].cpu, MOST_SPARK))
    for text, value, most in targets:
        print(f"    {text}: {value:.2f}, target {most:g}  {'reached' if value <= most else 'MISSED'}")
    return any(value > most for _, value, most in targets)


def linear(folder: Path, pools: int, rows: int) -> bool:
    """Print the cost of a million rows for parts of the pools; return whether a target is missed."""
    costs = {}
    for part in (100, 10, 1):
        number = max(pools // part, 1)
        patterns = [word for first in range(0, number, 10) for word in ("--pool", f"pool-{first // 10:03}*")]
        words = patterns if part > 1 else []
        millions = rows * (-(-number // 10) * 10 if part > 1 else number) / pools / 1e6
        cost = measured(command("waits", folder / "record.duckdb", folder / "waits.csv", "--on", "processes:2", *words))
        costs[part] = cost.cpu / millions
        print(
            f"{millions:8.1f} million rows: {cost.wall:.1f} s, {cost.cpu:.1f} s of CPU, {costs[part]:.3f} a million,"
            f" {cost.memory:.0f} MiB, largest worker {cost.worker:.0f} MiB",
            flush=True,
        )
    uneven = costs[1] / costs[10] - 1
    bad = uneven > MOST_UNEVEN or cost.memory > MOST_LINEAR_MEMORY
    verdict = "MISSED" if bad else "reached"
    print(f"all over a tenth: {uneven:+.1%}, target {MOST_UNEVEN:.0%}; {MOST_LINEAR_MEMORY:.0f} MiB  {verdict}")
    return bad


def main() -> int:
    """Measure and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=100)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--step", type=int, default=300, help="seconds between slots")
    parser.add_argument("--engines", default="file,dataset,processes,spark")
    parser.add_argument("--linear", action="store_true")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        rows = options.pools * len(TYPES) * (options.days * 86_400 // options.step)
        if not (folder / "record.duckdb").exists():
            begin = time.perf_counter()
            fill(folder / "record.duckdb", options.pools, options.days, options.step)
            print(f"filled in {time.perf_counter() - begin:.0f} s")
        print(f"{rows:,} rows, {(folder / 'record.duckdb').stat().st_size / 1e6:,.0f} MB", flush=True)
        missed = (
            linear(folder, options.pools, rows) if options.linear else compare(folder, rows, options.engines.split(","))
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
