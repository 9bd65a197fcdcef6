"""The processes of the campaign of kills: each does one thing with a record for ever, and tells what it has done.

Killed are pollers, compactors and restorers; who holds the file, and who reads the record and checks it, lives on.
"""

import asyncio
import multiprocessing
import random
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parents[2]))
from collector.api.credentials import Credential
from collector.clock import SimulatedClock, SystemClock
from collector.config.settings import CollectSettings, Project
from collector.errors import LockHeld, PoolscopeError, RecordUnreadable
from collector.polling.known import read_known
from collector.polling.sessions import open_sessions
from collector.polling.slot import collect_slot
from collector.record import spool
from collector.record.columns import TABLES
from collector.record.database import Record
from collector.record.reading import reading
from collector.record.slots import naive, slot_of
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY
from collector.storage.backups import restore
from collector.storage.compaction import compact
from collector.storage.drain import drain
from collector.storage.lock import writing
from tests.benchmarks.whole import PROJECT, Kind, faults_of

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=1)
SLOT_SECONDS = 0.05
"""How long a minute of the pollers takes: they poll the same slots, as two crontabs do."""
FREE_SECONDS = 0.05
Content = dict[str, tuple[int, int]]
"""Rows and checksum of each table."""


@dataclass(frozen=True)
class Life:
    """What a process is told: where the record lies, whom to ask, and what has to be in it."""

    folder: Path
    endpoint: str
    began: float
    expected: frozenset[Kind]
    """What every slot holds."""
    history: Content
    """What is in the record beside what is polled."""
    backed_up: Content

    @property
    def database(self) -> Path:
        """The record."""
        return self.folder / "record.duckdb"

    @property
    def spool(self) -> Path:
        """Its spool."""
        return self.folder / "spool"

    @property
    def restored(self) -> Path:
        """What the backup is made into."""
        return self.folder / "restored" / "record.duckdb"

    @property
    def backup(self) -> Path:
        """The backup, which all records share."""
        return self.folder.parent / "backup"

    def tell(self, word: str, what: object = "") -> None:
        """Note what has been done: one line in one write, which a kill leaves whole or out."""
        with (self.folder / "told").open("ab", buffering=0) as file:
            file.write(f"{word} {what}\n".encode())

    def told(self, word: str) -> list[str]:
        """Return what was told under a word."""
        with suppress(FileNotFoundError):
            lines = (self.folder / "told").read_text(encoding="utf-8").splitlines()
            return [what for told, _, what in (line.partition(" ") for line in lines) if told == word]
        return []

    def acknowledged(self) -> set[datetime]:
        """Return the acknowledged slots, naive UTC."""
        return {datetime.fromisoformat(slot) for slot in self.told("slot")}


def content(record: Record) -> Content:
    """Return rows and checksum of what is not polled, whatever its order."""
    query = "SELECT count(*), coalesce(bit_xor(hash({0})), 0) FROM {0} WHERE project <> $1"
    return {table: record.execute(query.format(table), [PROJECT]).fetchall()[0] for table in TABLES}


async def look(life: Life, wait_seconds: float) -> list[str]:
    """Read the record as everybody does, and return what it lacks of what was acknowledged before.

    Raises
    ------
    RecordUnreadable
        When another process writes to it for longer than the wait.
    """
    acknowledged = life.acknowledged()
    with reading(life.database, life.spool, SystemClock().pause, wait_seconds) as record:
        if life.database.exists() and content(record) != life.history:
            return [f"the history is {content(record)}, was {life.history}"]
        return faults_of(record, acknowledged, set(life.expected))


def _goes_on() -> bool:
    """Return whether the campaign goes on: nobody outlives it."""
    parent = multiprocessing.parent_process()
    return parent is not None and parent.is_alive()


def poll(life: Life) -> None:
    """Poll the slot that it is, and tell of it when it is acknowledged."""
    asyncio.run(_poll(life))


async def _poll(life: Life) -> None:
    settings = CollectSettings(interval=STEP, requests_per_second=10_000)
    project = Project(PROJECT, project_id=PROJECT_ID, endpoint=life.endpoint)
    keys = {"default": Credential("default", ACCESS_KEY, SECRET_KEY)}
    clock = SimulatedClock(START)
    async with open_sessions((project,), keys, settings, clock, life.database) as sessions:
        while _goes_on():
            try:
                with writing(life.database):
                    number, part = divmod((time.monotonic() - life.began) / SLOT_SECONDS, 1)
                    # In the first half of its slot: an answer that came after the slot's end would not count.
                    clock.move_to(START + (number + part / 2) * STEP)
                    slot = naive(slot_of(clock.now(), STEP))
                    spool.clear_unfinished(life.spool)
                    known = read_known(life.database, life.spool, slot, settings.discovery_interval)
                    result = await collect_slot(sessions, settings, life.spool, clock, clock.now(), "collect", known)
                    if result.failures():
                        life.tell("fault", f"slot {slot}: {result.failures()[0]}")
                    life.tell("slot", slot)
                    if (await drain(life.database, life.spool, SystemClock(), 0.1)).files:
                        life.tell("drained")
            except LockHeld:
                life.tell("turned-away")
            await asyncio.sleep(random.uniform(0, SLOT_SECONDS))


def compact_it(life: Life) -> None:
    """Compact the record again and again; refused while it is written to, and before there is one."""
    while _goes_on():
        with suppress(PoolscopeError):
            compact(life.database, SystemClock(), 0.0)
            life.tell("compacted")
        time.sleep(random.uniform(0, 8 * FREE_SECONDS))  # the drains' turn


def restore_it(life: Life) -> None:
    """Make a database of the backup, and again; one that is there was looked at already."""
    while _goes_on():
        life.restored.unlink(missing_ok=True)
        restore(life.backup, life.restored)
        life.tell("restored")
        time.sleep(random.uniform(0, FREE_SECONDS))  # the whole database, too, is met by a kill


def hold(life: Life) -> None:
    """Open and hold the database, for reading and for writing."""
    while _goes_on():
        if life.database.exists():
            # Somebody else has it, or it is just being made.
            with suppress(duckdb.Error), duckdb.connect(life.database, read_only=random.random() < 0.5) as held:
                held.execute("SELECT count(*) FROM duckdb_tables()")
                time.sleep(random.uniform(0, FREE_SECONDS))  # held for so long
        time.sleep(random.uniform(0, 4 * FREE_SECONDS))  # free for so long


def read(life: Life) -> None:
    """Read the record, and tell what it lacks."""
    while _goes_on():
        with suppress(RecordUnreadable):
            for fault in asyncio.run(look(life, 0.2)):
                life.tell("fault", f"a reader: {fault}")
            life.tell("read")
        time.sleep(random.uniform(0, 4 * FREE_SECONDS))  # another's turn
