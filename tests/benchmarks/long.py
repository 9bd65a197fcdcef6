"""Compares the cost of `collect` with 200 million rows in the database and with none; run it by hand.

    python tests/benchmarks/long.py [--rows 200000000] [--runs 15]

The rows are those of 100 pools with three types a minute, up to this hour, in the order of compaction. Queued and
running jobs change once an hour, finished jobs every few hours, at different times for each series. Columns that no
poll reads (request ids, microseconds of answers) are empty. Two real commands poll the same 100 pools of a sandbox in
the same slots, one into each record, in turn. The exit code is 1 if the median is more than 1.2 times as long.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from collector.record.schema import migrate
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY
from collector.sandbox.simulated import simulated_pools
from collector.storage.compaction import compaction_due

MOST_TIMES = 1.2
POOLS = 100
TYPES = ["infer", "notebook", "train"]
MINUTE = timedelta(minutes=1)
SLOT_SECONDS = 5
DATABASE = "record.duckdb"
CONFIG = """\
[collect]
interval = "{interval}s"
requests_per_second = 10000
[paths]
database = "{database}"
spool = "spool"
[projects.research]
project_id = "{project_id}"
endpoint = "{endpoint}"
"""
# The number of a row consists of pool, type and minute, in the order of compaction, so that no sort is needed.
SNAPSHOTS = """
INSERT INTO snapshots SELECT 'research', $pools[p + 1], $types[t + 1], $start + INTERVAL 1 MINUTE * m,
    30 + (m + 23 * p) // 120, hash(p, t, 1, (m + 7 * p) // 60) % 7, hash(p, t, 2, (m + 5 * p) // 120) % 3, 0,
    (hash(p, t, 4, (m + 3 * p) // 240) % 20 = 0)::INTEGER, (hash(p, t, 5, (m + 2 * p) // 240) % 8 = 0)::INTEGER,
    20 + hash(p, t, 6, (m + 11 * p) // 60) % 12, (m + 13 * p) // 150, (m + 17 * p) // 1200, (m + 19 * p) // 1200, NULL
FROM (
    SELECT i // ($minutes * len($types)) AS p, i // $minutes % len($types) AS t, $first + i % $minutes AS m
    FROM range($minutes * len($pools) * len($types)) rows(i)
)
"""
SCRAPES = """
INSERT INTO scrapes BY NAME SELECT 'research' AS project, $pools[i // $minutes + 1] AS pool,
    $start + INTERVAL 1 MINUTE * ($first + i % $minutes) AS slot, slot AS run, 60 AS interval_seconds, 'ok' AS outcome,
    200 AS http_status, 1 AS attempts, slot AS started_at, slot AS answered_at, 30 AS total
FROM range($minutes * len($pools)) rows(i)
"""
POLLS = """
INSERT INTO polls BY NAME SELECT 'research' AS project, $start + INTERVAL 1 MINUTE * m AS slot, slot AS run,
    'collect' AS command, 60 AS interval_seconds, slot AS ended_at, len($pools) AS pools, m % 60 = 0 AS discovered
FROM range($first, $first + $minutes) minutes(m)
"""


def fill(database: Path, rows: int, now: datetime) -> None:
    """Make a compacted record with at least `rows` snapshot rows, which end at this hour, month by month."""
    ids = sorted(pool.id for pool in simulated_pools(POOLS))
    end = now.replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(minutes=-(-rows // (POOLS * len(TYPES))))
    with duckdb.connect(database) as record:
        migrate(record, 0, "test")
        month = start
        while month < end:
            after = min(end, (month.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0))
            minutes = {"first": (month - start) // MINUTE, "minutes": (after - month) // MINUTE}
            parameters = {"start": start, "pools": ids} | minutes
            record.execute(SNAPSHOTS, parameters | {"types": TYPES})
            record.execute(SCRAPES, parameters)
            record.execute(POLLS, parameters)
            month = after
    # Marks the file as compacted, so that collect does not compact it.
    database.with_name(f"{database.name}.compacted").write_text(str(database.stat().st_size))


@contextmanager
def sandbox(pools: int) -> Iterator[str]:
    """Serve the pools from another process, and yield its endpoint."""
    call = [sys.executable, "-m", "collector", "sandbox", "--port", "0", "--pools", str(pools)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["endpoint"]
        finally:
            process.terminate()


def collect(folder: Path) -> tuple[float, float]:
    """Poll once with the real command; return its CPU seconds (user and system) and its wall seconds."""
    if compaction_due(folder / DATABASE):
        sys.exit(f"{folder / DATABASE} would be compacted by collect: that is not an ordinary poll")
    environment = os.environ | {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "collector", "collect"], env=environment, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"collect ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, wall


def next_slot() -> None:
    """Wait until a new slot begins."""
    time.sleep(SLOT_SECONDS - time.time() % SLOT_SECONDS)


def measure(folders: list[Path], runs: int) -> list[list[tuple[float, float]]]:
    """Return the cost of each poll into each record; the first two, which list the pools, are not counted."""
    costs: list[list[tuple[float, float]]] = [[] for _ in folders]
    for run in range(runs + 2):
        next_slot()
        for number in (0, 1) if run % 2 else (1, 0):
            costs[number].append(collect(folders[number]))
    return [folder_costs[2:] for folder_costs in costs]


def main() -> int:
    """Measure and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000_000, help="default: 200 million")
    parser.add_argument("--runs", type=int, default=15, help="polls into each record (default: 15)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sandbox(POOLS) as endpoint:
        folders = [Path(name) / "none", Path(name) / "long"]
        config = CONFIG.format(interval=SLOT_SECONDS, database=DATABASE, project_id=PROJECT_ID, endpoint=endpoint)
        for folder, rows in zip(folders, (0, options.rows), strict=True):
            folder.mkdir()
            (folder / "poolscope.toml").write_text(config)
            fill(folder / DATABASE, rows, datetime.now(UTC).replace(tzinfo=None))
            with duckdb.connect(folder / DATABASE, read_only=True) as record:
                counts = record.execute(
                    "SELECT (SELECT count(*) FROM snapshots), (SELECT count(*) FROM scrapes)"
                ).fetchall()
            rows_text = "{:,} snapshots, {:,} scrapes".format(*counts[0])
            print(f"{folder.name}: {rows_text}, {(folder / DATABASE).stat().st_size / 1e6:,.0f} MB", flush=True)
            os.sync()
        empty, full = measure(folders, options.runs)
    missed = False
    for index, unit in enumerate(("s CPU", "s wall")):
        base, ours = (statistics.median(cost[index] for cost in costs) for costs in (empty, full))
        missed |= ours > MOST_TIMES * base
        verdict = "reached" if ours <= MOST_TIMES * base else "MISSED"
        print(f"{unit:8} none {base:.3f}  long {ours:.3f}  {ours / base:.2f} times, target {MOST_TIMES}  {verdict}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
