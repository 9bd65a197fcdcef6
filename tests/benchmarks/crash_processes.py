"""The processes that `crash` kills: each repeats one operation on a record until it is killed, and logs its results.

All but compaction and restore are the real commands. The processes that open the database and that check the record
are not killed.
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
from collector.clock import Clock, SimulatedClock, SystemClock
from collector.commands import backup, collect, import_, prune, watch
from collector.context import Context
from collector.errors import InputRefused, LockHeld, PoolscopeError, RecordUnreadable
from collector.record.slots import naive
from collector.storage.backups import restore
from collector.storage.compaction import compact
from tests.benchmarks.crash_record import START, Life, check, pruned_before
from tests.benchmarks.ticks import KEYS

STEP = timedelta(minutes=1)
SLOT_SECONDS = 0.25
"""Real seconds for a minute of the polls: collectors poll the same slots, like two crontabs."""
FREE_SECONDS = 0.05


class Slots(SimulatedClock):
    """A clock that stands still during a poll, so that no answer is later than the slot's end."""

    def __init__(self, life: Life) -> None:
        super().__init__(START)
        self._start_time = life.start_time
        self.move()

    async def sleep(self, seconds: float) -> None:
        """Sleep for a tenth of the seconds: waiting for the database must not take many slots."""
        self.pause(seconds)
        await asyncio.sleep(seconds / 10)

    def move(self) -> None:
        """Move to the current slot."""
        self._moved = time.monotonic()
        self.move_to(START + (self._moved - self._start_time) // SLOT_SECONDS * STEP)

    def wait(self) -> None:
        """Wait for a later slot, on average as long as the poll took, so that the lock is free half of the time."""
        poll_seconds = time.monotonic() - self._moved
        time.sleep(random.uniform(SLOT_SECONDS, SLOT_SECONDS + 2 * poll_seconds))
        self.move()


class WatchOutput(io.StringIO):
    """The output of a watch: logs each polled slot, and waits before the next."""

    def __init__(self, life: Life, clock: Slots) -> None:
        super().__init__()
        self._life = life
        self._clock = clock

    def write(self, text: str) -> int:
        """Handle one line."""
        line = json.loads(text)
        match line["event"]:
            case "polled" if not line["failed"]:
                self._life.log("slot", line["slot"].removesuffix("Z"))
            case "left_out":
                self._life.log("turned-away")
            case "polled" | "error":
                self._life.log("fault", f"a watch printed {text.strip()}")
        if line["event"] in ("polled", "left_out", "error"):
            self._clock.wait()
        return len(text)


def _goes_on() -> bool:
    """Return whether the parent process still runs."""
    parent = multiprocessing.parent_process()
    return parent is not None and parent.is_alive()


def _call(command: click.Command, life: Life, *words: str | Path, clock: Clock | None = None) -> tuple[Any, str]:
    """Run a command as the command line does; return its exit code and its warnings."""
    context = Context(KEYS, clock or SystemClock(), life.folder / "poolscope.toml")
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as warnings:
        return command.main(list(map(str, words)), standalone_mode=False, obj=context), warnings.getvalue()


def collect_it(life: Life) -> None:
    """Poll the current slot again and again, and log each acknowledged slot."""
    clock = Slots(life)
    while _goes_on():
        slot = naive(clock.now().replace(second=0, microsecond=0))
        try:
            code, warnings = _call(collect.command, life, clock=clock)
            life.log("fault" if code else "slot", f"slot {slot}: {warnings!r}" if code else slot)
            life.log("spooled" if warnings else "drained")
        except LockHeld:
            life.log("turned-away")
        clock.wait()


def watch_it(life: Life) -> None:
    """Run `watch` until killed."""
    clock = Slots(life)
    with redirect_stdout(WatchOutput(life, clock)) as output, redirect_stderr(output):
        watch.command.main([], standalone_mode=False, obj=Context(KEYS, clock, life.folder / "poolscope.toml"))


def compact_it(life: Life) -> None:
    """Compact the record again and again; this fails while it is written to, and before it exists."""
    while _goes_on():
        with suppress(PoolscopeError):
            compact(life.database, SystemClock(), 0.0)
            life.log("compacted")
        time.sleep(random.uniform(0, 8 * FREE_SECONDS))  # lets drains run


def restore_it(life: Life) -> None:
    """Restore the first backup again and again."""
    _again(restore_once, life)


def restore_once(life: Life) -> None:
    """Restore the first backup; remove the database of the previous restore first, which has been checked already."""
    life.restored.unlink(missing_ok=True)
    restore(life.first_backup, life.restored)
    life.log("restored")


def import_once(life: Life) -> None:
    """Import the file as the next project; an import that was killed is repeated."""
    project = f"import-{len(life.events('imported')) + 1}"
    _call(import_.command, life, life.file, "--project", project)
    life.log("imported", project)


def back_up_once(life: Life) -> None:
    """Make the next backup."""
    number = len(life.events("backed-up")) + 1
    _back_up(life, f"backup-{number}")
    life.log("backed-up", number)


def prune_once(life: Life) -> None:
    """Back up the record, then delete the next hour of the old rows."""
    number = len(life.events("pruned")) + 1
    name = f"prune-{number}"
    _back_up(life, name)
    before = f"{pruned_before(number):%Y-%m-%dT%H:%M}"
    _call(prune.command, life, "--before", before, "--backup", life.backups / name, "--yes")
    life.log("pruned", number)


def _back_up(life: Life, name: str) -> None:
    life.log("backing-up", name)
    with suppress(InputRefused):  # a killed backup was complete already
        _call(backup.command, life, life.backups / name)


def import_it(life: Life) -> None:
    """Import again and again."""
    _again(import_once, life)


def back_up_it(life: Life) -> None:
    """Make backups again and again."""
    _again(back_up_once, life)


def prune_it(life: Life) -> None:
    """Back up and prune again and again."""
    _again(prune_once, life)


def _again(work: Callable[[Life], None], life: Life) -> None:
    while _goes_on():
        try:
            work(life)
        except (LockHeld, RecordUnreadable) as error:  # another process uses the record
            life.log("turned-away", f"{work.__name__} {error}")
        time.sleep(random.uniform(0, FREE_SECONDS))  # lets drains run, and lets a kill come right after the work


def hold(life: Life) -> None:
    """Keep the database open at random, for reading or writing."""
    while _goes_on():
        if life.database.exists():
            # An error means that another process uses it, or is creating it.
            with suppress(duckdb.Error), duckdb.connect(life.database, read_only=random.random() < 0.5) as record:
                record.execute("SELECT count(*) FROM duckdb_tables()")
                time.sleep(random.uniform(0, FREE_SECONDS))  # in use
        time.sleep(random.uniform(0, 4 * FREE_SECONDS))  # free


def read(life: Life) -> None:
    """Read the record again and again, and log its faults."""
    while _goes_on():
        with suppress(RecordUnreadable):
            for fault in check(life, 0.2):
                life.log("fault", f"a reader: {fault}")
            life.log("read")
        time.sleep(random.uniform(0, 4 * FREE_SECONDS))  # lets others run
