"""Poll a day of slots while a reader holds the database, then let go, and time what takes them in; run it by hand.

    python tests/benchmarks/held.py [--slots 1440] [--pools 20]

Another process holds the file open for reading, as a notebook does; the real `collect` polls slot after slot into the
spool. Once the file is free the next `collect` takes all in, in its one transaction. It ends with 1 where a slot is
lost or twice, anything still waits, or that collect takes longer than half a slot.
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
from tests.benchmarks.ticks import START, STEP, Ticks
from tests.benchmarks.whole import faults_of, kinds_of

MOST_SECONDS = STEP.total_seconds() / 2
HOLD = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True):
    print("held", flush=True)
    input()
"""


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def poll_beside_a_reader(ticks: Ticks, slots: int) -> list[float]:
    """Poll so many slots while another process reads the database; return the seconds of each."""
    call = [sys.executable, "-c", HOLD, str(ticks.paths.database)]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        seconds = [seconds_of(ticks.tick) for _ in range(slots)]
        reader.communicate("\n")
    return seconds


def let_go(ticks: Ticks) -> list[str]:
    """Poll once more, print what that took, and return what is wrong with the record after it."""
    files = spool.waiting(ticks.paths.spool)
    print(f"{len(files):,} files wait in the spool, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")
    found: list[str] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"reading the record beside them: {seconds_of(lambda: found.extend(asyncio.run(ticks.faults()))):.1f} s")
    seconds = seconds_of(ticks.tick)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    left = len(spool.waiting(ticks.paths.spool))
    print(
        f"the next collect, with all of them: {seconds:.1f} s; {left} files left; both took {grown / 1024:.0f} MiB more"
    )
    with duckdb.connect(ticks.paths.database, read_only=True) as record:
        rows = {table: record.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in TABLES}
        found += faults_of(record, ticks.acknowledged, ticks.expected)
    print("rows: " + ", ".join(f"{count:,} {table}" for table, count in rows.items()))
    if left or seconds > MOST_SECONDS:
        found.append(f"{left} files were left after {seconds:.1f} s")
    return found


def main() -> int:
    """Poll, let go, print; return 1 where something is wrong."""
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
        ended = ", ".join(f"{count} x {code}" for code, count in sorted(ticks.ended.items()))
        print(f"slots by exit code: {ended}; a poll took {first:.0f} ms at first, {last:.0f} ms at last")
        faults = let_go(ticks)
    if len(ticks.acknowledged) != options.slots + 2:
        faults.append(f"{len(ticks.acknowledged)} slots were acknowledged")
    print("\n".join(dict.fromkeys(faults)) or "nothing lost, nothing twice, nothing waits")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
