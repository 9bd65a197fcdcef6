"""Kill who polls, compacts and restores at random points, again and again, and count what is lost; run it by hand.

    python tests/benchmarks/crash.py [--kills 200] [--seed 1]

Beside those that are killed a second collector polls the same slots under the same lock, one process holds the file at
random, for reading and for writing, and one reads the record and checks it (`crash_lives`). After each kill the record
is read: every acknowledged slot is there once, and every row of its history; or the restored database is whole or not
there. Every twentieth kill begins another record, one in four of them without a history, so that the making of the
database is killed, too. It ends with 1 where anything is lost, twice or half written.
"""

import argparse
import asyncio
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[2]))
from collector.clock import SystemClock
from collector.record import spool
from collector.record.columns import TABLES
from collector.record.files import UNFINISHED
from collector.record.schema import migrate
from collector.sandbox.behaviour import Behaviour
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from collector.storage.backups import back_up
from collector.storage.compaction import compact
from collector.storage.drain import drain
from collector.storage.lock import writing
from tests.benchmarks import crash_lives as lives
from tests.benchmarks.crash_lives import START, Content, Life, content, look
from tests.benchmarks.whole import faults_of, kinds_of, slots_of

POOLS = 3
KILLS_A_RECORD = 20
LONGEST_PAUSE_SECONDS = 0.4
WAIT_SECONDS = 10.0
KILLED = {"poll": lives.poll, "compact": lives.compact_it, "restore": lives.restore_it}
BESIDE = (lives.poll, lives.hold, lives.read)
LEFT_BEHIND = {
    "poll": ("spool/*.ndjson", f"spool/*{UNFINISHED}", f".record.duckdb.*{UNFINISHED}", "record.duckdb.wal"),
    "compact": (f".record.duckdb.*{UNFINISHED}",),
    "restore": (f"restored/.record.duckdb.*{UNFINISHED}", "restored/record.duckdb"),
}
TOLD = ("drained", "turned-away", "compacted", "restored", "read")
OUR_FILES = {f"record.duckdb{end}" for end in ("", ".lock", ".compacted", ".compacting.lock")}
NO_HISTORY = 0.25
HISTORY = """
CREATE TEMP TABLE turns AS SELECT TIMESTAMP '2025-11-30' + i * INTERVAL 1 MINUTE AS slot, 'pool-' || n AS pool, i
FROM range(3000) s(i), range(10) p(n) ORDER BY ALL;
INSERT INTO polls (run, project, slot) SELECT DISTINCT slot, 'history', slot FROM turns;
INSERT INTO scrapes (run, project, pool, slot, interval_seconds, outcome)
SELECT slot, 'history', pool, slot, 60, 'ok' FROM turns;
INSERT INTO snapshots (project, pool, type, slot, total, "Queue", "Running")
SELECT 'history', pool, type, slot, i % 9, i // 30 % 5, i // 100 FROM turns, (VALUES ('infer'), ('train')) t(type);
"""
"""Weeks before the first poll, over the end of a month: enough for each step of a compaction to take a while."""
CONTEXT = multiprocessing.get_context("forkserver")
# A process is there in milliseconds, with all that it needs.
CONTEXT.set_forkserver_preload([lives.__name__])


@dataclass
class Figures:
    """What was seen over all records."""

    kills: Counter[str] = field(default_factory=Counter)
    left_behind: Counter[str] = field(default_factory=Counter)
    """How often a kill left what."""
    told: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    stored: int = 0
    faults: list[str] = field(default_factory=list)


def make_history(folder: Path) -> Content:
    """Make a record with a history, and a backup of it."""
    with duckdb.connect(folder / "history.duckdb") as record:
        migrate(record, 0, "test")
        record.execute(HISTORY)
        back_up(record, folder / "backup", datetime.now(UTC))
        return content(record)


def start(target: Callable[[Life], None], life: Life) -> ForkServerProcess:
    """Start a process that ends with this one, if not before."""
    process = CONTEXT.Process(target=target, args=(life,), daemon=True)
    process.start()
    return process


@contextmanager
def company(life: Life, figures: Figures) -> Iterator[dict[str, ForkServerProcess]]:
    """Start everybody, hand out those that are to be killed, and let nobody live on."""
    beside = [start(target, life) for target in BESIDE]
    killed = {name: start(target, life) for name, target in KILLED.items()}
    try:
        yield killed
        figures.faults += [f"{life.folder}: {each} ended" for each in beside if not each.is_alive()]
    finally:
        for each in (*beside, *killed.values()):
            each.kill()
            each.join()


def crash(life: Life, kills: int, chance: random.Random, figures: Figures) -> None:
    """Let one record live through so many kills, and note what is wrong with it after each and in the end."""
    folder = life.folder
    with company(life, figures) as killed:
        for _ in range(kills):
            time.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))  # a kill at a random point of somebody's life
            name = chance.choice(list(KILLED))
            if not killed[name].is_alive():
                figures.faults.append(f"{folder}: {name} ended by itself, with {killed[name].exitcode}")
            killed[name].kill()
            killed[name].join()
            figures.kills[name] += 1
            figures.left_behind.update(pattern for pattern in LEFT_BEHIND[name] if any(folder.glob(pattern)))
            faults = look_at_restored(life) if name == "restore" else asyncio.run(look(life, WAIT_SECONDS))
            figures.faults += [f"{folder}: after {name} was killed: {fault}" for fault in faults]
            killed[name] = start(KILLED[name], life)
        while not life.acknowledged():
            time.sleep(LONGEST_PAUSE_SECONDS)  # on a busy machine all may be killed before the first slot is
    figures.told.update({word: len(life.told(word)) for word in TOLD})
    figures.faults += [f"{folder}: {fault}" for fault in (*life.told("fault"), *last_look(life, figures))]


def look_at_restored(life: Life) -> list[str]:
    """Return what is wrong with what a killed restore left: nothing where there is no database."""
    if not life.restored.exists():
        return []
    with duckdb.connect(life.restored, read_only=True) as record:
        return [] if content(record) == life.backed_up else ["the restored database is not whole"]


def last_look(life: Life, figures: Figures) -> list[str]:
    """Drain and compact what everybody has left; return what is wrong with the tables themselves."""
    with writing(life.database):
        spool.clear_unfinished(life.spool)
        drained = asyncio.run(drain(life.database, life.spool, SystemClock(), WAIT_SECONDS))
    if drained.waits_because or drained.set_aside:
        return [f"the last drain left {drained.waits_because or drained.set_aside}"]
    acknowledged = life.acknowledged()
    if not life.database.exists():
        return ["there is no database"] if acknowledged else []
    compact(life.database, SystemClock(), WAIT_SECONDS)
    with duckdb.connect(life.database, read_only=True) as record:
        stored = slots_of(record)
        figures.acknowledged += len(acknowledged)
        figures.stored += len(stored)
        faults = faults_of(record, acknowledged, set(life.expected))
        if content(record) != life.history:
            faults.append("the history is not what it was")
    left = sorted(file.name for file in (*life.folder.glob("record.duckdb*"), *life.spool.iterdir()))
    return faults + [f"{name} is left" for name in left if name not in OUR_FILES]


def kill_often(kills: int, seed: int, folder: Path) -> Figures:
    """Spread so many kills over fresh records in a folder."""
    chance = random.Random(seed)
    figures = Figures()
    backed_up = make_history(folder)
    pools = simulated_pools(POOLS)
    expected = frozenset(kinds_of(pools, START))
    while left := kills - figures.kills.total():
        record = folder / str(figures.kills.total())
        record.mkdir()
        history = dict.fromkeys(TABLES, (0, 0))
        if chance.random() >= NO_HISTORY:
            shutil.copy(folder / "history.duckdb", record / "record.duckdb")
            history = backed_up
        with Sandbox(pools, Behaviour(time="requests")) as sandbox:
            life = Life(record, sandbox.endpoint, time.monotonic(), expected, history, backed_up)
            crash(life, min(KILLS_A_RECORD, left), chance, figures)
        shutil.rmtree(record)
    return figures


def main() -> int:
    """Kill and count; return 1 where a record is not whole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = kill_often(options.kills, options.seed, Path(folder))
    print(f"{figures.kills.total()} kills in {time.monotonic() - began:.0f} s: {counted(figures.kills)}")
    print(f"meanwhile: {counted(figures.told)}")
    print(f"found after a kill: {counted(figures.left_behind)}")
    print(f"{figures.acknowledged} slots acknowledged, {figures.stored} stored")
    print("\n".join(dict.fromkeys(figures.faults)) or "nothing lost, nothing twice, nothing half written")
    return int(bool(figures.faults))


def counted(counter: Counter[str]) -> str:
    """Return counts as words."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))


if __name__ == "__main__":
    sys.exit(main())
