"""Kills collect, watch, compact, restore, import, prune and backup at random points, and counts lost rows; by hand.

    python tests/benchmarks/crash.py [--kills 200] [--seed 1]

In each record, processes of three of these kinds are killed twenty times. A collector, which is not killed, polls the
same slots under the same lock. In every fourth record, another process opens the database at random for reading or
writing, and one reads and checks the record (`crash_processes`). After each kill the record is checked
(`crash_record`): every acknowledged slot and every other row exists once; an import is complete and exists once, or
does not exist; a pruned row is only missing if its backup has it; a backup or a restored database is complete, or does
not exist. One record in four begins without older rows, so that the creation of the database is killed too. The exit
code is 1 if anything is lost, duplicated or half written.
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
from tests.benchmarks import crash_processes as processes
from tests.benchmarks.completeness import PROJECT, kinds_of, slots_of
from tests.benchmarks.crash_record import (
    OLD,
    START,
    Content,
    Life,
    OldHours,
    check,
    check_backups,
    check_restored,
    content,
    faults_in,
    old_hours,
)
from tests.benchmarks.ticks import CONFIG

POOLS = 3
KILLS_A_RECORD = 20
KINDS_A_RECORD = 3
"""Processes of more kinds would mostly wait for each other."""
LONGEST_PAUSE_SECONDS = 0.8
WAIT_SECONDS = 10.0
KILLED = {
    "collect": processes.collect_it,
    "watch": processes.watch_it,
    "compact": processes.compact_it,
    "restore": processes.restore_it,
    "import": processes.import_it,
    "prune": processes.prune_it,
    "backup": processes.back_up_it,
}
READERS = (processes.hold, processes.read)
WITH_READERS = 0.25
LEFTOVERS = ("spool/*.ndjson", "record.duckdb.wal", "restored/record.duckdb")
EVENTS = ("drained", "spooled", "turned-away", "compacted", "restored", "imported", "pruned", "backed-up", "read")
OUR_FILES = {f"record.duckdb{end}" for end in ("", ".lock", ".compacted", ".compacting.lock")}
WITHOUT_OLDER_ROWS = 0.25
OLDER_ROWS = f"""
CREATE TEMP TABLE older AS SELECT TIMESTAMP '2025-11-30' + i * INTERVAL 1 MINUTE AS slot, 'pool-' || n AS pool, i
FROM range(1600) s(i), range(10) p(n) ORDER BY ALL;
CREATE TEMP TABLE old AS SELECT TIMESTAMP '{OLD}' + i * INTERVAL 1 MINUTE AS slot, pool, i
FROM older WHERE pool < 'pool-3' ORDER BY ALL;
INSERT INTO polls (run, project, slot)
SELECT DISTINCT slot, 'history', slot FROM older UNION ALL SELECT DISTINCT slot, 'old', slot FROM old;
INSERT INTO scrapes (run, project, pool, slot, interval_seconds, outcome)
SELECT slot, 'history', pool, slot, 60, 'ok' FROM older UNION ALL SELECT slot, 'old', pool, slot, 60, 'ok' FROM old;
INSERT INTO snapshots (project, pool, type, slot, total, "Queue", "Running")
SELECT 'history', pool, type, slot, i % 9, i // 30 % 5, i // 100 FROM older, (VALUES ('infer'), ('train')) t(type)
UNION ALL SELECT 'old', pool, 'train', slot, i % 7, i // 20 % 5, i // 50 FROM old;
"""
"""From before the first poll, over the end of a month: enough rows to make each step of a compaction take a while."""
IMPORTED = """
SELECT TIMESTAMP '2025-10-01' + i * INTERVAL 1 MINUTE AS slot, 'pool-' || n AS pool, 'train' AS type,
    i % 8 + n AS total, i % 8 AS "Queue", n AS "Running"
FROM range(1000) s(i), range(3) p(n) ORDER BY ALL
"""
"""The rows of the imported file."""
CONTEXT = multiprocessing.get_context("forkserver")
# With a preload, a process starts in milliseconds.
CONTEXT.set_forkserver_preload(["tests.benchmarks.crash"])


@dataclass
class Figures:
    """The results over all records."""

    kills: Counter[str] = field(default_factory=Counter)
    with_readers: int = 0
    leftovers: Counter[str] = field(default_factory=Counter)
    """How often a kill left a file of each kind."""
    events: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    stored: int = 0
    faults: list[str] = field(default_factory=list)


def make_older_rows(folder: Path) -> tuple[tuple[int, int], Content, OldHours]:
    """Make a record with older rows, its backup, and a file to import; return the contents of file and record."""
    with duckdb.connect(folder / "history.duckdb") as record:
        migrate(record, 0, "test")
        record.execute(OLDER_ROWS)
        back_up(record, folder / "backup", datetime.now(UTC))
        record.execute(f"COPY ({IMPORTED}) TO {quoted(folder / 'import.csv')}")
        counts = ", ".join(f'"{name}"::INTEGER' for name in ("total", "Queue", "Running"))
        query = f"SELECT count(*), bit_xor(hash(pool, type, slot, {counts})) FROM ({IMPORTED})"
        rows, checksum = record.execute(query).fetchall()[0]
        return (rows, checksum), content(record), old_hours(record)


def start(target: Callable[[Life], None], life: Life) -> ForkServerProcess:
    """Start a process that ends with this one at the latest."""
    process = CONTEXT.Process(target=target, args=(life,), daemon=True)
    process.start()
    return process


@contextmanager
def running(
    life: Life, kinds: Sequence[str], readers: Sequence[Callable[[Life], None]], figures: Figures
) -> Iterator[dict[str, ForkServerProcess]]:
    """Start all processes, yield those to be killed, by kind, and end all."""
    others = [start(target, life) for target in (processes.collect_it, *readers)]
    killed = {kind: start(KILLED[kind], life) for kind in kinds}
    try:
        yield killed
        figures.faults += [f"{life.folder}: {process} ended" for process in others if not process.is_alive()]
    finally:
        for process in (*others, *killed.values()):
            process.kill()
            process.join()


def crash(life: Life, kills: int, chance: random.Random, figures: Figures) -> None:
    """Kill processes of one record, and add the faults found after each kill and at the end to the figures."""
    folder = life.folder
    kinds = chance.sample(list(KILLED), KINDS_A_RECORD)
    readers = READERS if chance.random() < WITH_READERS else ()
    with running(life, kinds, readers, figures) as killed:
        for _ in range(kills):
            time.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))  # a kill at a random point
            kind = chance.choice(kinds)
            if not killed[kind].is_alive():
                figures.faults.append(f"{folder}: {kind} ended by itself, with {killed[kind].exitcode}")
            killed[kind].kill()
            killed[kind].join()
            figures.kills[kind] += 1
            figures.with_readers += bool(readers)
            figures.leftovers.update(f"{kind}: {name}" for name in leftovers(killed[kind].pid, folder))
            figures.faults += [f"{folder}: after {kind} was killed: {fault}" for fault in check_after(kind, life)]
            killed[kind] = start(KILLED[kind], life)
        while not life.acknowledged().slots:
            time.sleep(LONGEST_PAUSE_SECONDS)  # on a busy machine, no slot may be acknowledged yet
    figures.events.update({word: len(life.events(word)) for word in EVENTS})
    figures.faults += [f"{folder}: {fault}" for fault in (*life.events("fault"), *check_at_the_end(life, figures))]


def leftovers(process: int | None, folder: Path) -> set[str]:
    """Return the unfinished files of a killed process, and files that may be of others; names without numbers."""
    files = {path for path in unfinished_in(folder) if f".{process}." in path.name}
    files |= {path for pattern in LEFTOVERS for path in folder.glob(pattern)}
    return {re.sub("[0-9]+[0-9TZ.-]*", "*", str(path.relative_to(folder))) for path in files}


def unfinished_in(folder: Path) -> list[Path]:
    """Return the unfinished files and folders within a folder; those that disappear meanwhile are ignored."""
    # `rglob` raises an error if a folder disappears.
    return [
        Path(within, name)
        for within, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if name.startswith(".") and UNFINISHED in name
    ]


def check_after(kind: str, life: Life) -> list[str]:
    """Return the faults after a process of this kind was killed."""
    if kind == "restore":
        return check_restored(life)
    if kind == "backup":
        return check_backups(life, f"backup-{len(life.events('backed-up')) + 1}")
    faults = check_backups(life, f"prune-{len(life.events('pruned')) + 1}") if kind == "prune" else []
    return faults + check(life, WAIT_SECONDS)


def check_at_the_end(life: Life, figures: Figures) -> list[str]:
    """Drain, repeat what was killed, and compact; return the faults of the tables and the backups."""
    with writing(life.database):
        spool.clear_unfinished(life.spool)
        drained = asyncio.run(drain(life.database, life.spool, SystemClock(), WAIT_SECONDS))
    if drained.waits_because or drained.set_aside:
        return [f"the last drain left {drained.waits_because or drained.set_aside}"]
    acknowledged = life.acknowledged()
    if not life.database.exists():
        return ["there is no database"]
    for work in (processes.import_once, processes.back_up_once, processes.prune_once, processes.restore_once):
        work(life)
    compact(life.database, SystemClock(), WAIT_SECONDS)
    with duckdb.connect(life.database, read_only=True) as record:
        stored = slots_of(record)
        figures.acknowledged += len(acknowledged.slots)
        figures.stored += len(stored)
        faults = faults_in(record, life, life.acknowledged())
    faults += check_backups(life, "[!.]*") + check_restored(life)
    names = sorted(file.name for file in (*life.folder.glob("record.duckdb*"), *life.spool.iterdir()))
    names = [name for name in names if name not in OUR_FILES] + [path.name for path in unfinished_in(life.folder)]
    return faults + [f"{name} is left" for name in names]


def kill_often(kills: int, seed: int, folder: Path) -> Figures:
    """Make `kills` kills, spread over new records in a folder."""
    chance = random.Random(seed)
    figures = Figures()
    contents = make_older_rows(folder)
    pools = simulated_pools(POOLS)
    expected = frozenset(kinds_of(pools, START))
    while remaining := kills - figures.kills.total():
        record = folder / str(figures.kills.total())
        record.mkdir()
        has_older_rows = chance.random() >= WITHOUT_OLDER_ROWS
        if has_older_rows:
            shutil.copy(folder / "history.duckdb", record / "record.duckdb")
        with Sandbox(pools, Behaviour(time="requests")) as sandbox:
            life = Life(record, sandbox.endpoint, time.monotonic(), expected, *contents, has_older_rows)
            paths = Paths(life.database, life.spool)
            text = CONFIG.format(paths=paths, project=PROJECT, project_id=PROJECT_ID, endpoint=sandbox.endpoint)
            (record / "poolscope.toml").write_text(text, encoding="utf-8")
            crash(life, min(KILLS_A_RECORD, remaining), chance, figures)
        shutil.rmtree(record)
    return figures


def main() -> int:
    """Kill and count; return 1 if a record has a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start_time = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = kill_often(options.kills, options.seed, Path(folder))
    print(f"{figures.kills.total()} kills in {time.monotonic() - start_time:.0f} s: {counts_text(figures.kills)}")
    print(f"{figures.with_readers} of them with readers")
    print(f"meanwhile: {counts_text(figures.events)}")
    print(f"files left by a kill: {counts_text(figures.leftovers)}")
    print(f"{figures.acknowledged} slots acknowledged, {figures.stored} stored")
    print("\n".join(dict.fromkeys(figures.faults)) or "nothing lost, nothing duplicated, nothing half written")
    return int(bool(figures.faults))


def counts_text(counter: Counter[str]) -> str:
    """Return counts as text."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))


if __name__ == "__main__":
    sys.exit(main())
