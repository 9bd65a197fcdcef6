"""Let the disk below the record fill up and be freed again, poll on all the while, and count what is lost.

    unshare --mount python tests/benchmarks/full_disk.py

Run it by hand, as root, for it mounts a small file system (in a mount namespace of its own, so that none is left
however it ends). Another program's file takes ever more of it, a few KiB a slot, until nothing is free, and goes at
last; the real `collect` polls each slot. Done with both, database and spool, on that file system, and with each alone.
After each slot the record is read: what was acknowledged is there once. In the same way a compaction is tried with ever
less room. It ends with 1 where anything is lost, twice or left over, or polling does not go on by itself.
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
from tests.benchmarks.ticks import START, Ticks
from tests.benchmarks.whole import faults_of, kinds_of, slots_of

POOLS = 10
SIZE = 24 << 20
KIB = 1 << 10
PAGE = 4 * KIB
WELL = 10
"""Slots before the disk fills up, while it is full, and after it was freed."""
FILLING = (*range(1200 * KIB, 64 * KIB, -16 * KIB), *range(64 * KIB, 0, -4 * KIB))
CASES = {"database and spool": (True, True), "database": (True, False), "spool": (False, True)}
HISTORY = """
INSERT INTO snapshots (project, pool, type, slot, total, "Queue", "Running")
SELECT 'history', 'pool-' || n, 'train', TIMESTAMP '2025-11-20' + i * INTERVAL 1 MINUTE, i, hash(i, n) % 999, i // 30
FROM range(30000) s(i), range(10) p(n) ORDER BY ALL
"""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system, and take it away again."""
    folder.mkdir()
    call = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(folder)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"no small file system can be mounted here, run this as root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def leave(disk: Path, free: int) -> None:
    """Let another program's file grow, or shrink, until so many bytes are free."""
    with (disk / "other").open("ab") as other:
        size = max(0, os.fstat(other.fileno()).st_blocks * 512 + shutil.disk_usage(disk).free - free)
        os.ftruncate(other.fileno(), 0)
        if size:
            os.posix_fallocate(other.fileno(), 0, size)


def polled(folder: Path, disk: Path, database: bool, spooled: bool) -> list[str]:
    """Poll while the disk fills up, is full, and is freed; print what was seen, and return what is wrong."""
    pools = simulated_pools(POOLS)
    roomy = folder / "roomy"
    roomy.mkdir()
    paths = Paths((disk if database else roomy) / "record.duckdb", (disk if spooled else roomy) / "spool")
    ticks = Ticks(folder, paths, kinds_of(pools, START))
    faults: list[str] = []
    most_waiting = logs = 0
    with Sandbox(pools, Behaviour(time="requests")) as sandbox:
        ticks.configure(sandbox.endpoint)
        for free in (*[SIZE] * WELL, *FILLING, *[0] * WELL, *[SIZE] * WELL):
            leave(disk, free)
            ticks.tick()
            faults += [f"with {free} bytes free: {fault}" for fault in asyncio.run(ticks.faults())]
            most_waiting = max(most_waiting, len(spool.waiting(paths.spool)))
            logs += paths.database.with_name(f"{paths.database.name}.wal").exists()
    with duckdb.connect(paths.database, read_only=True) as record:
        stored = slots_of(record)
        faults += faults_of(record, ticks.acknowledged, ticks.expected)
    faults += [f"{file} is left" for file in paths.spool.iterdir()]
    if ticks.ended.total() - len(ticks.refused) != len(ticks.acknowledged):
        faults.append(f"some ticks ended otherwise: {ticks.ended}")
    print(f"  slots by exit code: {', '.join(f'{count} x {code}' for code, count in sorted(ticks.ended.items()))}")
    print(
        f"  {len(ticks.acknowledged)} acknowledged, {len(stored)} stored, at most {most_waiting} waited in the spool; "
        f"{logs} drains left a log"
    )
    for reason in dict.fromkeys(reason.partition(";")[0] for reason in ticks.told):
        print(f"  told: {reason.replace(str(folder), '')[:150]}")
    return faults


def compacted(disk: Path) -> list[str]:
    """Compact with too little room, with just enough and with plenty; print what was seen, and return what is wrong."""
    database = disk / "record.duckdb"
    ours = {database.name, *(f"{database.name}.{end}" for end in ("compacted", "compacting.lock")), "other"}
    with duckdb.connect(database) as record:
        migrate(record, 0, "test")
        record.execute(HISTORY)
    before = content(database)
    told: dict[str, None] = {}
    faults: list[str] = []

    def works(free: int) -> bool:
        leave(disk, free)
        old = database.stat().st_ino
        try:
            compact(database, SystemClock(), 0.0)
        except RecordNotWritten as error:
            told[str(error).replace(str(disk), "")[:150]] = None
            done = False
        else:
            done = True
        if done == (database.stat().st_ino == old):
            faults.append(f"with {free} bytes free it told that it was {'' if done else 'not '}done")
        if content(database) != before:
            faults.append(f"with {free} bytes free the rows are not what they were")
        faults.extend(f"with {free} bytes free {file.name} is left" for file in disk.iterdir() if file.name not in ours)
        return done

    if not works(SIZE):
        faults.append("it was not done with plenty of room")
    # The file is as a compaction leaves it: from here on each needs the same room.
    size = database.stat().st_size
    rooms = range(0, 2 * size, PAGE)
    least = rooms[bisect.bisect_left(rooms, True, key=works)]
    refused = [not works(free) for free in range(0, least, max(PAGE, least // 24 // PAGE * PAGE))]
    print(f"  {size:,} bytes; done with {least:,} bytes free, refused {sum(refused)} of {len(refused)} times with less")
    for reason in told:
        print(f"  told: {reason}")
    return faults if all(refused) and works(SIZE) else [*faults, "room did not decide"]


def content(database: Path) -> list[tuple[int, int]]:
    """Return rows and checksum of every table, whatever their order."""
    with duckdb.connect(database, read_only=True) as record:
        query = "SELECT count(*), bit_xor(hash({0})) FROM {0}"
        return [record.execute(query.format(table)).fetchall()[0] for table in TABLES]


def main() -> int:
    """Go through the cases; return 1 where something is wrong."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    faults: list[str] = []
    for name, (database, spooled) in (*CASES.items(), ("a compaction", (True, True))):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder) / "small") as disk:
            print(f"{name} on a disk that fills up")
            is_poll = name in CASES
            found = polled(Path(folder), disk, database, spooled) if is_poll else compacted(disk)
            print(f"  {len(found)} faults, {time.monotonic() - began:.0f} s", flush=True)
            faults += [f"{name}: {fault}" for fault in found]
    print("\n".join(dict.fromkeys(faults)) or "nothing lost, nothing twice, nothing left over")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
