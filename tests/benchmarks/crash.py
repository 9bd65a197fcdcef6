"""Kill collect, watch, compact, restore, import, prune and backup at random points, and count what is lost; by hand.

    python tests/benchmarks/crash.py [--kills 200] [--seed 1]

A record lives through twenty kills of three of them. Beside those a collector polls the same slots under the same lock;
in every fourth record one process holds the file at random, for reading and for writing, and one reads the record and
checks it (`crash_lives`). After each kill the record is read (`crash_record`): every acknowledged slot is there once,
and so is every row that is not polled; an import is there whole and once, or not at all; a pruned row is gone only
where its backup has it; a backup or a restored database is whole, or not there. One record in four begins without a
history, so that the making of the database is killed, too. It ends with 1 where anything is lost, twice or half
written.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[2]))
from collector.clock import SystemClock
from collector.config.settings import Paths
from collector.record import spool
from collector.record.files import UNFINISHED
from collector.record.paths import quoted
from collector.record.schema import migrate
from collector.sandbox.behaviour import PROJECT_ID, Behaviour
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from collector.storage.backups import back_up
from collector.storage.compaction import compact
from collector.storage.drain import drain
from collector.storage.lock import writing
from tests.benchmarks import crash_lives as lives
from tests.benchmarks.crash_record import (
    OLD,
    START,
    Content,
    Life,
    OldHours,
    content,
    faults_in,
    look,
    look_at_backups,
    look_at_restored,
    old_hours,
)
from tests.benchmarks.ticks import CONFIG
from tests.benchmarks.whole import PROJECT, kinds_of, slots_of

POOLS = 3
KILLS_A_RECORD = 20
KINDS_A_RECORD = 3
"""Of more kinds at once most would wait for each other."""
LONGEST_PAUSE_SECONDS = 0.8
WAIT_SECONDS = 10.0
KILLED = {
    "collect": lives.collect_it,
    "watch": lives.watch_it,
    "compact": lives.compact_it,
    "restore": lives.restore_it,
    "import": lives.import_it,
    "prune": lives.prune_it,
    "backup": lives.back_up_it,
}
READERS = (lives.hold, lives.read)
WITH_READERS = 0.25
LEFT_BEHIND = ("spool/*.ndjson", "record.duckdb.wal", "restored/record.duckdb")
TOLD = ("drained", "spooled", "turned-away", "compacted", "restored", "imported", "pruned", "backed-up", "read")
OUR_FILES = {f"record.duckdb{end}" for end in ("", ".lock", ".compacted", ".compacting.lock")}
NO_HISTORY = 0.25
HISTORY = f"""
CREATE TEMP TABLE turns AS SELECT TIMESTAMP '2025-11-30' + i * INTERVAL 1 MINUTE AS slot, 'pool-' || n AS pool, i
FROM range(1600) s(i), range(10) p(n) ORDER BY ALL;
CREATE TEMP TABLE old AS SELECT TIMESTAMP '{OLD}' + i * INTERVAL 1 MINUTE AS slot, pool, i
FROM turns WHERE pool < 'pool-3' ORDER BY ALL;
INSERT INTO polls (run, project, slot)
SELECT DISTINCT slot, 'history', slot FROM turns UNION ALL SELECT DISTINCT slot, 'old', slot FROM old;
INSERT INTO scrapes (run, project, pool, slot, interval_seconds, outcome)
SELECT slot, 'history', pool, slot, 60, 'ok' FROM turns UNION ALL SELECT slot, 'old', pool, slot, 60, 'ok' FROM old;
INSERT INTO snapshots (project, pool, type, slot, total, "Queue", "Running")
SELECT 'history', pool, type, slot, i % 9, i // 30 % 5, i // 100 FROM turns, (VALUES ('infer'), ('train')) t(type)
UNION ALL SELECT 'old', pool, 'train', slot, i % 7, i // 20 % 5, i // 50 FROM old;
"""
"""A day before the first poll, over the end of a month: enough for each step of a compaction to take a while."""
GIVEN = """
SELECT TIMESTAMP '2025-10-01' + i * INTERVAL 1 MINUTE AS slot, 'pool-' || n AS pool, 'train' AS type,
    i % 8 + n AS total, i % 8 AS "Queue", n AS "Running"
FROM range(1000) s(i), range(3) p(n) ORDER BY ALL
"""
"""What is imported."""
CONTEXT = multiprocessing.get_context("forkserver")
# A process is there in milliseconds, with all that it needs.
CONTEXT.set_forkserver_preload(["tests.benchmarks.crash"])


@dataclass
class Figures:
    """What was seen over all records."""

    kills: Counter[str] = field(default_factory=Counter)
    with_readers: int = 0
    left_behind: Counter[str] = field(default_factory=Counter)
    """How often a kill left what."""
    told: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    stored: int = 0
    faults: list[str] = field(default_factory=list)


def make_history(folder: Path) -> tuple[tuple[int, int], Content, OldHours]:
    """Make a record with a history, a backup of it, and a file to import; return what is in the file and the record."""
    with duckdb.connect(folder / "history.duckdb") as record:
        migrate(record, 0, "test")
        record.execute(HISTORY)
        back_up(record, folder / "backup", datetime.now(UTC))
        record.execute(f"COPY ({GIVEN}) TO {quoted(folder / 'import.csv')}")
        counts = ", ".join(f'"{name}"::INTEGER' for name in ("total", "Queue", "Running"))
        query = f"SELECT count(*), bit_xor(hash(pool, type, slot, {counts})) FROM ({GIVEN})"
        rows, checksum = record.execute(query).fetchall()[0]
        return (rows, checksum), content(record), old_hours(record)


def start(target: Callable[[Life], None], life: Life) -> ForkServerProcess:
    """Start a process that ends with this one, if not before."""
    process = CONTEXT.Process(target=target, args=(life,), daemon=True)
    process.start()
    return process


@contextmanager
def company(
    life: Life, kinds: Sequence[str], readers: Sequence[Callable[[Life], None]], figures: Figures
) -> Iterator[dict[str, ForkServerProcess]]:
    """Start everybody, hand out those that are to be killed, and let nobody live on."""
    beside = [start(target, life) for target in (lives.collect_it, *readers)]
    killed = {kind: start(KILLED[kind], life) for kind in kinds}
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
    kinds = chance.sample(list(KILLED), KINDS_A_RECORD)
    readers = READERS if chance.random() < WITH_READERS else ()
    with company(life, kinds, readers, figures) as killed:
        for _ in range(kills):
            time.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))  # a kill at a random point of somebody's life
            kind = chance.choice(kinds)
            if not killed[kind].is_alive():
                figures.faults.append(f"{folder}: {kind} ended by itself, with {killed[kind].exitcode}")
            killed[kind].kill()
            killed[kind].join()
            figures.kills[kind] += 1
            figures.with_readers += bool(readers)
            figures.left_behind.update(f"{kind}: {left}" for left in left_by(killed[kind].pid, folder))
            figures.faults += [f"{folder}: after {kind} was killed: {fault}" for fault in look_after(kind, life)]
            killed[kind] = start(KILLED[kind], life)
        while not life.acknowledged().slots:
            time.sleep(LONGEST_PAUSE_SECONDS)  # on a busy machine all may be killed before the first slot is
    figures.told.update({word: len(life.told(word)) for word in TOLD})
    figures.faults += [f"{folder}: {fault}" for fault in (*life.told("fault"), *last_look(life, figures))]


def left_by(process: int | None, folder: Path) -> set[str]:
    """Return what a killed process left, names without numbers; and what may be of others: whole files that wait."""
    files = {path for path in unfinished_in(folder) if f".{process}." in path.name}
    files |= {path for pattern in LEFT_BEHIND for path in folder.glob(pattern)}
    return {re.sub("[0-9]+[0-9TZ.-]*", "*", str(path.relative_to(folder))) for path in files}


def unfinished_in(folder: Path) -> list[Path]:
    """Return what is not finished anywhere in a folder; what goes meanwhile is left out."""
    # Not `rglob`, which raises for a folder that goes.
    return [
        Path(within, name)
        for within, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if name.startswith(".") and UNFINISHED in name
    ]


def look_after(kind: str, life: Life) -> list[str]:
    """Return what is wrong once a process of this kind was killed."""
    if kind == "restore":
        return look_at_restored(life)
    if kind == "backup":
        return look_at_backups(life, f"backup-{len(life.told('backed-up')) + 1}")
    faults = look_at_backups(life, f"prune-{len(life.told('pruned')) + 1}") if kind == "prune" else []
    return faults + look(life, WAIT_SECONDS)


def last_look(life: Life, figures: Figures) -> list[str]:
    """Drain, end what was killed, and compact; return what is wrong with the tables themselves, and with backups."""
    with writing(life.database):
        spool.clear_unfinished(life.spool)
        drained = asyncio.run(drain(life.database, life.spool, SystemClock(), WAIT_SECONDS))
    if drained.waits_because or drained.set_aside:
        return [f"the last drain left {drained.waits_because or drained.set_aside}"]
    acknowledged = life.acknowledged()
    if not life.database.exists():
        return ["there is no database"]
    for work in (lives.import_once, lives.back_up_once, lives.prune_once, lives.restore_once):
        work(life)
    compact(life.database, SystemClock(), WAIT_SECONDS)
    with duckdb.connect(life.database, read_only=True) as record:
        stored = slots_of(record)
        figures.acknowledged += len(acknowledged.slots)
        figures.stored += len(stored)
        faults = faults_in(record, life, life.acknowledged())
    faults += look_at_backups(life, "[!.]*") + look_at_restored(life)
    left = sorted(file.name for file in (*life.folder.glob("record.duckdb*"), *life.spool.iterdir()))
    left = [name for name in left if name not in OUR_FILES] + [path.name for path in unfinished_in(life.folder)]
    return faults + [f"{name} is left" for name in left]


def kill_often(kills: int, seed: int, folder: Path) -> Figures:
    """Spread so many kills over fresh records in a folder."""
    chance = random.Random(seed)
    figures = Figures()
    given = make_history(folder)
    pools = simulated_pools(POOLS)
    expected = frozenset(kinds_of(pools, START))
    while left := kills - figures.kills.total():
        record = folder / str(figures.kills.total())
        record.mkdir()
        has_history = chance.random() >= NO_HISTORY
        if has_history:
            shutil.copy(folder / "history.duckdb", record / "record.duckdb")
        with Sandbox(pools, Behaviour(time="requests")) as sandbox:
            life = Life(record, sandbox.endpoint, time.monotonic(), expected, *given, has_history)
            paths = Paths(life.database, life.spool)
            text = CONFIG.format(paths=paths, project=PROJECT, project_id=PROJECT_ID, endpoint=sandbox.endpoint)
            (record / "poolscope.toml").write_text(text, encoding="utf-8")
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
    print(f"{figures.with_readers} of them beside readers")
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
