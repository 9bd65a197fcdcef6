"""Measures the cost of estimates: a year of 100 pools with three job types, every five minutes; run it by hand.

    python tests/benchmarks/estimates.py [--pools 100] [--days 365] [--arrived]

`waits` and `failures` by week, each in its own process, are compared with a plain sum by series and hour of the same
rows, and with one pool's month. The four trend questions, answered from one reading, are compared with `waits`.
--arrived stores the rows in the order of arrival instead of sorted as after a compaction. The exit code is 1 if a
target is missed.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from analysis import History
from collector.record.schema import migrate

MOST_TIMES = 20.0
MOST_MIB = 2048.0
MOST_TRENDS = 2.0
TRENDS = ("trend", "changes", "compare", "profile")
STEP = 300
TYPES = {"infer": 0.02, "notebook": 0.05, "train": 0.25}
"""Arrivals a slot."""
RUNS = 24
"""The run time of a job, in slots."""
SUM = """SELECT count(*), sum(waiting) FROM (SELECT project, pool, type, epoch_us(slot) // 3600000000 AS hour,
sum("Queue") AS waiting FROM snapshots GROUP BY ALL)"""


def fill(file: Path, pools: int, days: int, *, in_order_of_arrival: bool) -> int:
    """Make a record of queues that grow and drain every day; return its number of rows."""
    chance = np.random.default_rng(1)
    slots = np.datetime64("2026-01-01T00:00", "s") + np.arange(days * 86_400 // STEP) * np.timedelta64(STEP, "s")
    n = len(slots)
    day = 1 + 0.6 * np.sin(np.arange(n) * 2 * np.pi / (86_400 / STEP))
    with duckdb.connect(file) as record:
        migrate(record, 0, "test")
        for number in range(pools):
            pool = f"pool-{number:04}"
            pool_total = np.zeros(n, np.int64)
            for job_type, rate in TYPES.items():
                arrivals, can_leave = chance.poisson(rate * day), chance.poisson(rate * 1.08, n)
                surplus = np.cumsum(arrivals - can_leave)
                queue = surplus - np.minimum(0, np.minimum.accumulate(surplus))
                departures = np.cumsum(arrivals) - queue
                ended = np.concatenate([np.zeros(RUNS, np.int64), departures[:-RUNS]])
                ends = np.diff(ended, prepend=0)
                failed = chance.binomial(ends, 0.15)
                terminated = chance.binomial(ends - failed, 0.06)
                pool_total += np.cumsum(arrivals)
                frame = pd.DataFrame(
                    {
                        "project": "p",
                        "pool": pool,
                        "type": job_type,
                        "slot": slots,
                        "total": np.cumsum(arrivals),
                        "Queue": queue,
                        **dict.fromkeys(("Pending", "Abnormal", "Terminating", "Creating"), 0),
                        "Running": departures - ended,
                        "Completed": np.cumsum(ends - failed - terminated),
                        "Terminated": np.cumsum(terminated),
                        "Failed": np.cumsum(failed),
                    }
                )
                _insert(record, "snapshots", frame)
            scrapes = {"run": slots, "project": "p", "pool": pool, "slot": slots, "interval_seconds": STEP}
            _insert(record, "scrapes", pd.DataFrame(scrapes | {"outcome": "ok", "total": pool_total}))
        if in_order_of_arrival:
            record.execute("CREATE TABLE sorted AS FROM snapshots ORDER BY slot, pool, type")
            record.execute("DELETE FROM snapshots")
            record.execute("INSERT INTO snapshots FROM sorted")
            record.execute("DROP TABLE sorted")
    return n * pools * len(TYPES)


def _insert(record: duckdb.DuckDBPyConnection, table: str, frame: pd.DataFrame) -> None:
    record.register("frame", frame)
    record.execute(f"INSERT INTO {table} BY NAME FROM frame")
    record.unregister("frame")


def measure(task: str, file: Path) -> None:
    """Do one task in this process, and print its seconds and MiB."""
    if task == "sum":
        with duckdb.connect(file, read_only=True, config={"threads": 2}) as record:
            start = time.perf_counter()
            record.execute(SUM).fetchall()
    elif task == "trends":
        start = time.perf_counter()
        History(file).several(TRENDS)
    else:
        name, _, month = task.partition(" ")
        start = time.perf_counter()
        getattr(History(file), name)(every="1w", **({"pool": "pool-0001", "since": "30d"} if month else {}))
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main() -> int:
    """Measure and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=100)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--arrived", action="store_true")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "year.duckdb"
        rows = fill(file, options.pools, options.days, in_order_of_arrival=options.arrived)
        print(f"{rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB")
        costs: dict[str, tuple[float, float]] = {}
        for task in ("sum", "waits", "failures", "sum", "trends", "waits month", "failures month"):
            call = [sys.executable, __file__, "--measure", task, str(file)]
            seconds, memory = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
            costs[task] = (min(seconds, costs[task][0]) if task in costs else seconds, memory)
    floor, missed = costs["sum"][0], False
    for task, (seconds, memory) in costs.items():
        has_target = task in ("waits", "failures")
        bad = has_target and (seconds > MOST_TIMES * floor or memory > MOST_MIB)
        target = f" (at most {MOST_TIMES:.0f}, {MOST_MIB:.0f} MiB){' MISSED' if bad else ''}" if has_target else ""
        if task == "trends":
            most = MOST_TRENDS * costs["waits"][0]
            bad = seconds > most or memory > MOST_MIB
            target = f" (at most {most / floor:.1f}, {MOST_MIB:.0f} MiB){' MISSED' if bad else ''}"
        missed |= bad
        print(f"{task:15}{seconds:8.2f} s  {seconds / floor:6.1f} times the sum  {memory:7.0f} MiB{target}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
