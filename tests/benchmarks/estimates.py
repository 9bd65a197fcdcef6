"""What estimates cost: a year of 100 pools with three job types, every five minutes; run it by hand.

    python tests/benchmarks/estimates.py [--pools 100] [--days 365] [--arrived]

`waits` and `failures` by week, each in a process of its own, beside a plain sum by series and hour of the same rows in
the same run, and beside themselves over one pool's month; and all four of trends, over one reading, beside `waits`.
`--arrived` lays the rows in the order of arrival instead of sorted as a compaction leaves them. It ends with 1 where a
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
"""Slots that a job runs."""
SUM = """SELECT count(*), sum(waiting) FROM (SELECT project, pool, type, epoch_us(slot) // 3600000000 AS hour,
sum("Queue") AS waiting FROM snapshots GROUP BY ALL)"""


def fill(file: Path, pools: int, days: int, *, arrived: bool) -> int:
    """Make a record of queues that fill and drain by the day; return its rows."""
    chance = np.random.default_rng(1)
    slots = np.datetime64("2026-01-01T00:00", "s") + np.arange(days * 86_400 // STEP) * np.timedelta64(STEP, "s")
    n = len(slots)
    day = 1 + 0.6 * np.sin(np.arange(n) * 2 * np.pi / (86_400 / STEP))
    with duckdb.connect(file) as record:
        migrate(record, 0, "test")
        for number in range(pools):
            pool = f"pool-{number:04}"
            everything = np.zeros(n, np.int64)
            for job_type, rate in TYPES.items():
                came, can_leave = chance.poisson(rate * day), chance.poisson(rate * 1.08, n)
                surplus = np.cumsum(came - can_leave)
                queue = surplus - np.minimum(0, np.minimum.accumulate(surplus))
                left = np.cumsum(came) - queue
                ended = np.concatenate([np.zeros(RUNS, np.int64), left[:-RUNS]])
                ends = np.diff(ended, prepend=0)
                failed = chance.binomial(ends, 0.15)
                terminated = chance.binomial(ends - failed, 0.06)
                everything += np.cumsum(came)
                frame = pd.DataFrame(
                    {
                        "project": "p",
                        "pool": pool,
                        "type": job_type,
                        "slot": slots,
                        "total": np.cumsum(came),
                        "Queue": queue,
                        **dict.fromkeys(("Pending", "Abnormal", "Terminating", "Creating"), 0),
                        "Running": left - ended,
                        "Completed": np.cumsum(ends - failed - terminated),
                        "Terminated": np.cumsum(terminated),
                        "Failed": np.cumsum(failed),
                    }
                )
                _insert(record, "snapshots", frame)
            turns = {"run": slots, "project": "p", "pool": pool, "slot": slots, "interval_seconds": STEP}
            _insert(record, "scrapes", pd.DataFrame(turns | {"outcome": "ok", "total": everything}))
        if arrived:
            record.execute("CREATE TABLE sorted AS FROM snapshots ORDER BY slot, pool, type")
            record.execute("DELETE FROM snapshots")
            record.execute("INSERT INTO snapshots FROM sorted")
            record.execute("DROP TABLE sorted")
    return n * pools * len(TYPES)


def _insert(record: duckdb.DuckDBPyConnection, table: str, frame: pd.DataFrame) -> None:
    record.register("frame", frame)
    record.execute(f"INSERT INTO {table} BY NAME FROM frame")
    record.unregister("frame")


def measure(what: str, file: Path) -> None:
    """Do one thing in this process, and print its seconds and MiB."""
    if what == "sum":
        with duckdb.connect(file, read_only=True, config={"threads": 2}) as record:
            began = time.perf_counter()
            record.execute(SUM).fetchall()
    elif what == "trends":
        began = time.perf_counter()
        History(file).several(TRENDS)
    else:
        name, _, part = what.partition(" ")
        began = time.perf_counter()
        getattr(History(file), name)(every="1w", **({"pool": "pool-0001", "since": "30d"} if part else {}))
    took = time.perf_counter() - began
    print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main() -> int:
    """Measure and print; return 1 where a target is missed."""
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
        rows = fill(file, options.pools, options.days, arrived=options.arrived)
        print(f"{rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB")
        measured: dict[str, tuple[float, float]] = {}
        for what in ("sum", "waits", "failures", "sum", "trends", "waits month", "failures month"):
            call = [sys.executable, __file__, "--measure", what, str(file)]
            took, memory = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
            measured[what] = (min(took, measured[what][0]) if what in measured else took, memory)
    floor, missed = measured["sum"][0], False
    for what, (took, memory) in measured.items():
        whole = what in ("waits", "failures")
        bad = whole and (took > MOST_TIMES * floor or memory > MOST_MIB)
        target = f" (at most {MOST_TIMES:.0f}, {MOST_MIB:.0f} MiB){' MISSED' if bad else ''}" if whole else ""
        if what == "trends":
            most = MOST_TRENDS * measured["waits"][0]
            bad = took > most or memory > MOST_MIB
            target = f" (at most {most / floor:.1f}, {MOST_MIB:.0f} MiB){' MISSED' if bad else ''}"
        missed |= bad
        print(f"{what:15}{took:8.2f} s  {took / floor:6.1f} times the sum  {memory:7.0f} MiB{target}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
