"""Kill a process that polls at random points, again and again, and count what its record has lost; run it by hand.

    python tests/benchmarks/crash.py [--kills 200] [--seed 1]

A process polls slot after slot with the real poll, spool and store, and tells each slot when it is acknowledged. It is
killed with SIGKILL, started again at the last slot that it told of, and so on, while another process opens and holds
the database at random, for reading and for writing. Every tenth life begins a fresh record. It ends with 1 where an
acknowledged slot is missing, or a slot is there twice.
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from collector import spool
from collector.clock import SimulatedClock, SystemClock
from collector.collect import collect_slot, recall
from collector.config import CollectSettings, Project
from collector.credentials import Credential
from collector.lock import writing
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY, Behaviour
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import SimulatedPool, simulated_pools
from collector.sessions import open_sessions
from collector.slots import naive
from collector.store import drain

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=1)
POOLS = 3
LIVES = 10
LONGEST_LIFE_SECONDS = 0.8
DATABASE = "record.duckdb"


async def poll(endpoint: str, folder: Path, first: int, life: int) -> None:
    """Poll slot after slot, from a number on, for ever, and tell of each when it is acknowledged."""
    settings = CollectSettings(interval=STEP, requests_per_second=10_000)
    project = Project("p", project_id=PROJECT_ID, endpoint=endpoint)
    database, spool_folder = folder / DATABASE, folder / "spool"
    clock = SimulatedClock(START)
    keys = {"default": Credential("default", ACCESS_KEY, SECRET_KEY)}
    print("ready", flush=True)
    async with open_sessions((project,), keys, settings, clock, database) as sessions:
        for number in range(first, sys.maxsize):
            slot = START + number * STEP
            # In real life no two runs begin at one instant.
            clock.move_to(slot + timedelta(milliseconds=life))
            with writing(database):
                spool.clear_unfinished(spool_folder)
                known = recall(database, spool_folder, naive(slot), settings.discovery_interval)
                result = await collect_slot(sessions, settings, spool_folder, clock, "collect", known)
                if result.failures():
                    sys.exit(f"slot {number}: {result.failures()[0]}")
                print(number, flush=True)
                await drain(database, spool_folder, clock, 0.0)


def hold(folder: Path, seed: int) -> None:
    """Open and hold the database at random, for reading and for writing, for ever."""
    chance = random.Random(seed)
    while True:
        if (folder / DATABASE).exists():
            # Somebody else has it, or it is just being made.
            with suppress(duckdb.Error), duckdb.connect(folder / DATABASE, read_only=chance.random() < 0.5) as held:
                held.execute("SELECT count(*) FROM duckdb_tables()")
                time.sleep(chance.uniform(0, 0.05))  # held for so long
        time.sleep(chance.uniform(0, 0.05))  # free for so long


@dataclass
class Figures:
    """What was seen over all records."""

    kills: int = 0
    before_ready: int = 0
    acknowledged: int = 0
    stored: int = 0
    waited_in_spool: int = 0
    unfinished_files: int = 0
    logs: int = 0
    """How often a kill left a write-ahead log beside the database."""
    faults: list[str] = field(default_factory=list)


@contextmanager
def _started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    call = [sys.executable, __file__, *map(str, arguments)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def live_and_die(endpoint: str, folder: Path, first: int, life: int, chance: random.Random) -> tuple[bool, list[int]]:
    """Let a process poll until it is killed at a random point.

    Returns
    -------
    tuple
        Whether it had begun to poll, and the slots that it told of.
    """
    with _started("--poll", endpoint, folder, first, life) as process:
        assert process.stdout is not None
        ready = chance.random() >= 0.1
        if ready:
            process.stdout.readline()
        time.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))  # a kill at a random point of its life
        if process.poll() is not None:
            raise RuntimeError(f"the process ended by itself, with {process.returncode}")
        process.kill()
        lines = process.stdout.read().splitlines(keepends=True)
        return ready, [int(line) for line in lines if line.endswith("\n") and line != "ready\n"]


def crash(folder: Path, lives: int, chance: random.Random, figures: Figures) -> None:
    """Let one record live through so many kills, and note what is wrong with it afterwards."""
    pools = simulated_pools(POOLS)
    acknowledged: set[int] = set()
    with (
        Sandbox(pools, Behaviour(time="requests")) as sandbox,
        _started("--hold", folder, chance.randrange(1 << 30)),
    ):
        for life in range(lives):
            ready, told = live_and_die(sandbox.endpoint, folder, max(acknowledged, default=0), life, chance)
            acknowledged.update(told)
            figures.kills += 1
            figures.before_ready += not ready
            figures.waited_in_spool += len(spool.waiting(folder / "spool"))
            figures.unfinished_files += len(list((folder / "spool").glob(f"*{spool.UNFINISHED}")))
            figures.logs += (folder / f"{DATABASE}.wal").exists()
    with writing(folder / DATABASE):
        drained = asyncio.run(drain(folder / DATABASE, folder / "spool", SystemClock(), 5.0))
    if drained.waits_because or drained.set_aside:
        figures.faults.append(f"{folder}: the last drain left {drained.waits_because or drained.set_aside}")
        return
    check(folder, acknowledged, pools, figures)


def check(folder: Path, acknowledged: set[int], pools: list[SimulatedPool], figures: Figures) -> None:
    """Note each acknowledged slot that is not there once for every pool and type, and every row that is there twice."""
    if not (folder / DATABASE).exists():
        if acknowledged:
            figures.faults.append(f"{folder}: no database")
        return
    expected = {(pool.id, kind) for pool in pools for kind in pool.counts_at(START.timestamp())}
    with duckdb.connect(folder / DATABASE, read_only=True) as record:
        stored = record.execute("SELECT slot, pool, type, count(*) FROM snapshots GROUP BY ALL").fetchall()
        turns = set(record.execute("SELECT DISTINCT slot, pool FROM scrapes WHERE outcome = 'ok'").fetchall())
        for table, key in (("scrapes", "run, project, pool, slot"), ("polls", "run, project")):
            twice = record.execute(f"SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1").fetchall()
            figures.faults += [f"{folder}: {table}: twice {row}" for row in twice]
    figures.faults += [f"{folder}: snapshots: {count} times {key}" for *key, count in stored if count > 1]
    by_slot: dict[datetime, set[tuple[str, str]]] = {}
    for slot, pool, kind, _ in stored:
        by_slot.setdefault(slot, set()).add((pool, kind))
    for number in sorted(acknowledged):
        slot = naive(START + number * STEP)
        missing = expected - by_slot.get(slot, set())
        figures.faults += [f"{folder}: slot {number} misses {key}" for key in sorted(missing)]
        figures.faults += [
            f"{folder}: slot {number} misses its turns" for pool in pools if (slot, pool.id) not in turns
        ]
    # A slot that was not acknowledged is there whole or not at all.
    figures.faults += [f"{folder}: slot {slot} is there in part" for slot in by_slot if by_slot[slot] != expected]
    figures.acknowledged += len(acknowledged)
    figures.stored += len(by_slot)


def kill_often(kills: int, seed: int, folder: Path) -> Figures:
    """Spread so many kills over fresh records in a folder."""
    chance = random.Random(seed)
    figures = Figures()
    while figures.kills < kills:
        record = folder / str(figures.kills)
        record.mkdir()
        crash(record, min(LIVES, kills - figures.kills), chance, figures)
    return figures


def main() -> int:
    """Kill and count; return 1 where the record is not whole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--poll", nargs=4, metavar=("ENDPOINT", "FOLDER", "FIRST", "LIFE"), help=argparse.SUPPRESS)
    parser.add_argument("--hold", nargs=2, metavar=("FOLDER", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.poll:
        endpoint, folder, first, life = options.poll
        asyncio.run(poll(endpoint, Path(folder), int(first), int(life)))
    if options.hold:
        hold(Path(options.hold[0]), int(options.hold[1]))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = kill_often(options.kills, options.seed, Path(folder))
    print(
        f"{figures.kills} kills ({figures.before_ready} before the first poll) in {time.monotonic() - began:.0f} s: "
        f"{figures.acknowledged} slots acknowledged, {figures.stored} stored\n"
        f"found after the kills: {figures.waited_in_spool} spool files waiting, {figures.unfinished_files} unfinished "
        f"ones, {figures.logs} write-ahead logs"
    )
    print("\n".join(figures.faults) or "nothing lost, nothing twice")
    return int(bool(figures.faults))


if __name__ == "__main__":
    sys.exit(main())
