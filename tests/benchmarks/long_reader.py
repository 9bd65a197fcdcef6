"""Polls a day of slots while a reader has the database open, and times the poll that takes them in; run it by hand.

    python tests/benchmarks/long_reader.py [--slots 1440] [--pools 20]

Another process has the database open for reading, as a notebook does; the real `collect` writes slot after slot to the
spool. When the reader has closed the database, the next `collect` takes all slots in, in one transaction. The exit code
is 1 if a slot is lost or duplicated, if the spool is not empty, or if that collect takes longer than half a slot.
"""

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[2]))
from collector.config.settings import Paths
from collector.record import spool
from collector.record.columns import TABLES
from collector.sandbox.behaviour import Behaviour
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from tests.benchmarks.completeness import faults_of, kinds_of
from tests.benchmarks.ticks import START, STEP, Ticks

MOST_SECONDS = STEP.total_seconds() / 2
HOLD = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True):
    print("open", flush=True)
    input()
"""


def seconds_of(work: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def poll_beside_a_reader(ticks: Ticks, slots: int) -> list[float]:
    """Poll slots while another process has the database open; return the seconds of each poll."""
    call = [sys.executable, "-c", HOLD, str(ticks.paths.database)]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        seconds = [seconds_of(ticks.tick) for _ in range(slots)]
        reader.communicate("\n")
    return seconds


def poll_after_the_reader(ticks: Ticks) -> list[str]:
    """Poll once more, print its cost, and return the faults of the record after it."""
    files = spool.waiting(ticks.paths.spool)
    print(f"{len(files):,} files are in the spool, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")
    faults: list[str] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"reading database and spool: {seconds_of(lambda: faults.extend(asyncio.run(ticks.faults()))):.1f} s")
    seconds = seconds_of(ticks.tick)
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    remaining = len(spool.waiting(ticks.paths.spool))
    print(
        f"the next collect, which takes them in: {seconds:.1f} s; {remaining} files left; both took "
        f"{growth / 1024:.0f} MiB more"
    )
    with duckdb.connect(ticks.paths.database, read_only=True) as record:
        rows = {table: record.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in TABLES}
        faults += faults_of(record, ticks.acknowledged, ticks.expected)
    print("rows: " + ", ".join(f"{count:,} {table}" for table, count in rows.items()))
    if remaining or seconds > MOST_SECONDS:
        faults.append(f"{remaining} files were left after {seconds:.1f} s")
    return faults


def main() -> int:
    """Poll with and after the reader, and print; return 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=1440)
    parser.add_argument("--pools", type=int, default=20)
    options = parser.parse_args()
    pools = simulated_pools(options.pools)
    with tempfile.TemporaryDirectory() as name, Sandbox(pools, Behaviour(time="requests")) as sandbox:
        folder = Path(name)
        ticks = Ticks(folder, Paths(folder / "record.duckdb", folder / "spool"), kinds_of(pools, START))
        ticks.configure(sandbox.endpoint)
        ticks.tick()
        seconds = poll_beside_a_reader(ticks, options.slots)
        first, last = (statistics.median(part) * 1000 for part in (seconds[:100], seconds[-100:]))
        results = ", ".join(f"{count} x {code}" for code, count in sorted(ticks.results.items()))
        print(f"slots by exit code: {results}; a poll took {first:.0f} ms at first, {last:.0f} ms at last")
        faults = poll_after_the_reader(ticks)
    if len(ticks.acknowledged) != options.slots + 2:
        faults.append(f"{len(ticks.acknowledged)} slots were acknowledged")
    print("\n".join(dict.fromkeys(faults)) or "nothing lost, nothing duplicated, the spool is empty")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
