"""Fills up the record's disk and frees it again while polls go on, and counts lost rows.

    unshare --mount python tests/benchmarks/full_disk.py

Run it by hand and as root: it mounts a small file system (in its own mount namespace, so that no mount is left). A file
of another program grows by a few KiB a slot until the disk is full, and is removed at the end; the real `collect` polls
each slot. This is done with database and spool on the small disk, and with each alone. After each slot the record is
checked: every acknowledged slot exists once. Compaction is tried with less and less free space too. The exit code is 1
if anything is lost, duplicated or left over, or if polling does not recover.
"""

import argparse
import asyncio
import bisect
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[2]))
from collector.clock import SystemClock
from collector.config.settings import Paths
from collector.errors import RecordNotWritten
from collector.record import spool
from collector.record.columns import TABLES
from collector.record.schema import migrate
from collector.sandbox.behaviour import Behaviour
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from collector.storage.compaction import compact
from tests.benchmarks.completeness import faults_of, kinds_of, slots_of
from tests.benchmarks.ticks import START, Ticks

POOLS = 10
SIZE = 24 << 20
KIB = 1 << 10
PAGE = 4 * KIB
PHASE_SLOTS = 10
"""The number of slots before the disk fills up, while it is full, and after it was freed."""
FILLING = (*range(1200 * KIB, 64 * KIB, -16 * KIB), *range(64 * KIB, 0, -4 * KIB))
CASES = {"database and spool": (True, True), "database": (True, False), "spool": (False, True)}
OLDER_ROWS = """
INSERT INTO snapshots (project, pool, type, slot, total, "Queue", "Running")
SELECT 'history', 'pool-' || n, 'train', TIMESTAMP '2025-11-20' + i * INTERVAL 1 MINUTE, i, hash(i, n) % 999, i // 30
FROM range(30000) s(i), range(10) p(n) ORDER BY ALL
"""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system until the end of the block."""
    folder.mkdir()
    call = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(folder)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"a small file system cannot be mounted, run this as root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def leave_free(disk: Path, free: int) -> None:
    """Grow or shrink another program's file until `free` bytes are free."""
    with (disk / "other").open("ab") as other:
        size = max(0, os.fstat(other.fileno()).st_blocks * 512 + shutil.disk_usage(disk).free - free)
        os.ftruncate(other.fileno(), 0)
        if size:
            os.posix_fallocate(other.fileno(), 0, size)


def check_polls(folder: Path, disk: Path, database: bool, spooled: bool) -> list[str]:
    """Poll while the disk fills up, is full, and is freed; print the results, and return the faults."""
    pools = simulated_pools(POOLS)
    large_disk = folder / "large"
    large_disk.mkdir()
    paths = Paths((disk if database else large_disk) / "record.duckdb", (disk if spooled else large_disk) / "spool")
    ticks = Ticks(folder, paths, kinds_of(pools, START))
    faults: list[str] = []
    most_waiting = logs = 0
    with Sandbox(pools, Behaviour(time="requests")) as sandbox:
        ticks.configure(sandbox.endpoint)
        for free in (*[SIZE] * PHASE_SLOTS, *FILLING, *[0] * PHASE_SLOTS, *[SIZE] * PHASE_SLOTS):
            leave_free(disk, free)
            ticks.tick()
            faults += [f"with {free} bytes free: {fault}" for fault in asyncio.run(ticks.faults())]
            most_waiting = max(most_waiting, len(spool.waiting(paths.spool)))
            logs += paths.database.with_name(f"{paths.database.name}.wal").exists()
    with duckdb.connect(paths.database, read_only=True) as record:
        stored = slots_of(record)
        faults += faults_of(record, ticks.acknowledged, ticks.expected)
    faults += [f"{file} is left" for file in paths.spool.iterdir()]
    if ticks.results.total() - len(ticks.refused) != len(ticks.acknowledged):
        faults.append(f"some polls ended in another way: {ticks.results}")
    print(f"  slots by exit code: {', '.join(f'{count} x {code}' for code, count in sorted(ticks.results.items()))}")
    print(
        f"  {len(ticks.acknowledged)} acknowledged, {len(stored)} stored, at most {most_waiting} in the spool; "
        f"{logs} drains left a write-ahead log"
    )
    for reason in dict.fromkeys(reason.partition(";")[0] for reason in ticks.reasons):
        print(f"  reason: {reason.replace(str(folder), '')[:150]}")
    return faults


def check_compaction(disk: Path) -> list[str]:
    """Compact with too little, just enough and plenty of free space; print the results, and return the faults."""
    database = disk / "record.duckdb"
    ours = {database.name, *(f"{database.name}.{end}" for end in ("compacted", "compacting.lock")), "other"}
    with duckdb.connect(database) as record:
        migrate(record, 0, "test")
        record.execute(OLDER_ROWS)
    before = content(database)
    reasons: dict[str, None] = {}
    faults: list[str] = []

    def succeeds(free: int) -> bool:
        leave_free(disk, free)
        old = database.stat().st_ino
        try:
            compact(database, SystemClock(), 0.0)
        except RecordNotWritten as error:
            reasons[str(error).replace(str(disk), "")[:150]] = None
            compacted = False
        else:
            compacted = True
        if compacted == (database.stat().st_ino == old):
            faults.append(f"with {free} bytes free it reported {'success' if compacted else 'failure'} wrongly")
        if content(database) != before:
            faults.append(f"with {free} bytes free the rows changed")
        faults.extend(f"with {free} bytes free {file.name} is left" for file in disk.iterdir() if file.name not in ours)
        return compacted

    if not succeeds(SIZE):
        faults.append("it failed with plenty of free space")
    # From here on the file is compacted: each further compaction needs the same space.
    size = database.stat().st_size
    spaces = range(0, 2 * size, PAGE)
    least = spaces[bisect.bisect_left(spaces, True, key=succeeds)]
    refused = [not succeeds(free) for free in range(0, least, max(PAGE, least // 24 // PAGE * PAGE))]
    print(f"  {size:,} bytes; done with {least:,} bytes free, refused {sum(refused)} of {len(refused)} times with less")
    for reason in reasons:
        print(f"  reason: {reason}")
    return faults if all(refused) and succeeds(SIZE) else [*faults, "the free space did not decide"]


def content(database: Path) -> list[tuple[int, int]]:
    """Return number of rows and checksum of every table, independent of their order."""
    with duckdb.connect(database, read_only=True) as record:
        query = "SELECT count(*), bit_xor(hash({0})) FROM {0}"
        return [record.execute(query.format(table)).fetchall()[0] for table in TABLES]


def main() -> int:
    """Run all cases; return 1 if there is a fault."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    faults: list[str] = []
    for name, (database, spooled) in (*CASES.items(), ("a compaction", (True, True))):
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder) / "small") as disk:
            print(f"{name} on a disk that fills up")
            if name in CASES:
                case_faults = check_polls(Path(folder), disk, database, spooled)
            else:
                case_faults = check_compaction(disk)
            print(f"  {len(case_faults)} faults, {time.monotonic() - start:.0f} s", flush=True)
            faults += [f"{name}: {fault}" for fault in case_faults]
    print("\n".join(dict.fromkeys(faults)) or "nothing lost, nothing duplicated, nothing left over")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
