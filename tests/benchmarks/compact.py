"""Compares compaction with a plain sorted copy, on a simulated month of 100 pools a minute; run it by hand.

    python tests/benchmarks/compact.py [--days 30] [--pools 100]

The counts are those of the sandbox's simulated pools. Bytes a count are the size of the file over nine counts a row.
The copy is a `CREATE TABLE ... ORDER BY` into another file. The exit code is 1 if a target is missed.
"""

import argparse
import csv
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from collector.clock import SystemClock
from collector.record.schema import migrate
from collector.sandbox.simulated import simulated_pools
from collector.storage.compaction import compact

MOST_BYTES = 0.2
MOST_TIMES = 3.0
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
STATUSES = ("Queue", "Pending", "Abnormal", "Terminating", "Creating", "Running", "Completed", "Terminated", "Failed")
FILL = f"""
INSERT INTO snapshots (project, pool, type, slot, total, {", ".join(f'"{status}"' for status in STATUSES)})
SELECT 'research', pool, type, TIMESTAMP '2026-01-01' + minute * INTERVAL 1 MINUTE AS slot,
    {" + ".join(f'"{status}"' for status in STATUSES)}, {", ".join(f'"{status}"' for status in STATUSES)}
FROM read_csv($1) ORDER BY slot, pool, type
"""


def simulate(file: Path, pools: int, days: int) -> None:
    """Write the counts of simulated pools, one row a pool, type and minute."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["pool", "type", "minute", *STATUSES])
        for pool in simulated_pools(pools):
            for minute in range(days * 1440):
                for job_type, counts in pool.counts_at(START + minute * 60.0).items():
                    rows.writerow([pool.id, job_type, minute, *(counts[status] for status in STATUSES)])


def main() -> int:
    """Measure and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--pools", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record, copy = Path(folder) / "record.duckdb", Path(folder) / "copy.duckdb"
        with duckdb.connect(record) as connection:
            migrate(connection, 0, "test")
            simulate(Path(folder) / "counts.csv", options.pools, options.days)
            connection.execute(FILL, [f"{folder}/counts.csv"])
        unsorted_size = record.stat().st_size
        start = time.perf_counter()
        with duckdb.connect(copy) as connection:
            connection.execute(f"ATTACH '{record}' AS record (READ_ONLY)")
            connection.execute("CREATE TABLE snapshots AS FROM record.snapshots ORDER BY project, pool, type, slot")
        copy_seconds = time.perf_counter() - start
        start = time.perf_counter()
        result = compact(record, SystemClock(), 0.0)
        seconds = time.perf_counter() - start
        copy_size = copy.stat().st_size
    counts = result.rows * len(STATUSES)
    print(
        f"{result.rows:,} rows; bytes a count in order of arrival {unsorted_size / counts:.3f}, "
        f"sorted copy {copy_size / counts:.3f}"
    )
    verdicts = {True: "reached", False: "MISSED"}
    small, fast = result.after / counts <= MOST_BYTES, seconds <= MOST_TIMES * copy_seconds
    print(f"compact: {result.after / counts:.3f} bytes a count, target {MOST_BYTES}  {verdicts[small]}")
    print(
        f"compact: {seconds:.1f} s, sorted copy {copy_seconds:.1f} s, {seconds / copy_seconds:.2f} times, "
        f"target {MOST_TIMES}  {verdicts[fast]}"
    )
    return int(not (small and fast))


if __name__ == "__main__":
    sys.exit(main())
