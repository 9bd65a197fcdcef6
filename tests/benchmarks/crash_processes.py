"""The processes of the campaign of kills: each does one thing with a record for ever, and tells what it has done.

All but compactions and restores are the real commands. Who holds the file, and who reads the record and checks it, is
never killed.
"""

import asyncio
import io
import json
import multiprocessing
import random
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import duckdb

sys.path.insert(0, str(Path(__file__).parents[2]))
from collector.cli import Context
from collector.clock import Clock, SimulatedClock, SystemClock
from collector.commands import backup, collect, import_, prune, watch
from collector.errors import InputRefused, LockHeld, PoolscopeError, RecordUnreadable
from collector.record.slots import naive
from collector.storage.backups import restore
from collector.storage.compaction import compact
from tests.benchmarks.crash_record import START, Life, look, pruned_before
from tests.benchmarks.ticks import KEYS

STEP = timedelta(minutes=1)
SLOT_SECONDS = 0.25
"""How long a minute of the pollers takes: they poll the same slots, as two crontabs do."""
FREE_SECONDS = 0.05


class Slots(SimulatedClock):
    """A clock that stands still while a slot is polled: an answer that came after the slot's end would not count."""

    def __init__(self, life: Life) -> None:
        super().__init__(START)
        self._began = life.began
        self.move()

    async def sleep(self, seconds: float) -> None:
        """Sleep for a tenth of the seconds: who waits for the file waits, but not for many slots."""
        self.pause(seconds)
        await asyncio.sleep(seconds / 10)

    def move(self) -> None:
        """Move on to the slot that it is."""
        self._moved = time.monotonic()
        self.move_to(START + (self._moved - self._began) // SLOT_SECONDS * STEP)

    def wait(self) -> None:
        """Wait for another slot, on average as long as this one took: the lock is free as often as not."""
        took = time.monotonic() - self._moved
        time.sleep(random.uniform(SLOT_SECONDS, SLOT_SECONDS + 2 * took))
        self.move()


class Watched(io.StringIO):
    """What a watch tells: of the slots that it has polled, and with that the next one begins."""

    def __init__(self, life: Life, clock: Slots) -> None:
        super().__init__()
        self._life = life
        self._clock = clock

    def write(self, text: str) -> int:
        """Take a line."""
        line = json.loads(text)
        match line["event"]:
            case "polled" if not line["failed"]:
                self._life.tell("slot", line["slot"].removesuffix("Z"))
            case "left_out":
                self._life.tell("turned-away")
            case "polled" | "error":
                self._life.tell("fault", f"a watch told {text.strip()}")
        if line["event"] in ("polled", "left_out", "error"):
            self._clock.wait()
        return len(text)


def _goes_on() -> bool:
    """Return whether the campaign goes on: nobody outlives it."""
    parent = multiprocessing.parent_process()
    return parent is not None and parent.is_alive()


def _call(command: click.Command, life: Life, *words: str | Path, clock: Clock | None = None) -> tuple[Any, str]:
    """Run a command as the command line does; return its exit code, and its warnings."""
    context = Context(KEYS, clock or SystemClock(), life.folder / "poolscope.toml")
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as warnings:
        return command.main(list(map(str, words)), standalone_mode=False, obj=context), warnings.getvalue()


def collect_it(life: Life) -> None:
    """Poll the slot that it is, and tell of it when it is acknowledged."""
    clock = Slots(life)
    while _goes_on():
        slot = naive(clock.now().replace(second=0, microsecond=0))
        try:
            code, warnings = _call(collect.command, life, clock=clock)
            life.tell("fault" if code else "slot", f"slot {slot}: {warnings!r}" if code else slot)
            life.tell("spooled" if warnings else "drained")
        except LockHeld:
            life.tell("turned-away")
        clock.wait()


def watch_it(life: Life) -> None:
    """Watch, until killed."""
    clock = Slots(life)
    with redirect_stdout(Watched(life, clock)) as told, redirect_stderr(told):
        watch.command.main([], standalone_mode=False, obj=Context(KEYS, clock, life.folder / "poolscope.toml"))


def compact_it(life: Life) -> None:
    """Compact the record again and again; refused while it is written to, and before there is one."""
    while _goes_on():
        with suppress(PoolscopeError):
            compact(life.database, SystemClock(), 0.0)
            life.tell("compacted")
        time.sleep(random.uniform(0, 8 * FREE_SECONDS))  # the drains' turn


def restore_it(life: Life) -> None:
    """Make a database of the first backup again and again."""
    _again(restore_once, life)


def restore_once(life: Life) -> None:
    """Make a database of the first backup; one that is there was looked at already."""
    life.restored.unlink(missing_ok=True)
    restore(life.first_backup, life.restored)
    life.tell("restored")


def import_once(life: Life) -> None:
    """Import the file as the next project; one whose import was killed is imported again."""
    project = f"import-{len(life.told('imported')) + 1}"
    _call(import_.command, life, life.file, "--project", project)
    life.tell("imported", project)


def back_up_once(life: Life) -> None:
    """Make the next backup."""
    number = len(life.told("backed-up")) + 1
    _back_up(life, f"backup-{number}")
    life.tell("backed-up", number)


def prune_once(life: Life) -> None:
    """Delete the next hour of the old rows, once a backup has them."""
    number = len(life.told("pruned")) + 1
    name = f"prune-{number}"
    _back_up(life, name)
    before = f"{pruned_before(number):%Y-%m-%dT%H:%M}"
    _call(prune.command, life, "--before", before, "--backup", life.backups / name, "--yes")
    life.tell("pruned", number)


def _back_up(life: Life, name: str) -> None:
    life.tell("backing-up", name)
    with suppress(InputRefused):  # one that was killed had it whole already
        _call(backup.command, life, life.backups / name)


def import_it(life: Life) -> None:
    """Import again and again."""
    _again(import_once, life)


def back_up_it(life: Life) -> None:
    """Make one backup after the other."""
    _again(back_up_once, life)


def prune_it(life: Life) -> None:
    """Back up and prune again and again."""
    _again(prune_once, life)


def _again(work: Callable[[Life], None], life: Life) -> None:
    while _goes_on():
        try:
            work(life)
        except (LockHeld, RecordUnreadable) as error:  # another has the record
            life.tell("turned-away", f"{work.__name__} {error}")
        time.sleep(random.uniform(0, FREE_SECONDS))  # the drains' turn; what was just done, too, is met by a kill


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
            for fault in look(life, 0.2):
                life.tell("fault", f"a reader: {fault}")
            life.tell("read")
        time.sleep(random.uniform(0, 4 * FREE_SECONDS))  # another's turn
