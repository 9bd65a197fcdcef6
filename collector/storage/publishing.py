"""Publishing by itself: once in each period, by the first process that finds it due, beside the polls."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from collector.clock import Clock
from collector.errors import LockHeld, PoolscopeError
from collector.record.places import Place
from collector.record.reading import reading
from collector.record.slots import naive
from collector.storage.last_publishing import LastPublishing, last_publishing, note, publishing_due
from collector.storage.lock import POLL_SECONDS, holding, publishing_lock
from collector.storage.publish import Published, publish
from collector.storage.targets import Overtaken

LONGEST_PROBLEM: Final = 500
NICENESS: Final = 10
"""How far a process that publishes stands back: polls go first where cores are few."""


def publish_when_due(
    database: Path,
    spool_folder: Path,
    path: Path | str,
    place_of: Callable[[Path | str], Place],
    every: timedelta,
    clock: Clock,
) -> Published | None:
    """Publish a record if that is due and no other process does it; return None where nothing was done.

    The process lock is not held. DuckDB lets no process write to the database meanwhile: polls stay in the spool. The
    first poll after the publishing takes them in, before it looks whether the next publishing is due.

    Parameters
    ----------
    path
        The configured folder or address of the dataset.
    place_of
        Returns the place of `path`, with the keys of a store.

    Raises
    ------
    PoolscopeError
        See `publish.publish`, or what `place_of` raises; it is noted, see `publishing_due` for the next try.
    """
    with ExitStack() as stack:
        # The lock in the dataset's folder alone would not do: `note` needs one writer, and polls need to know the
        # reader.
        try:
            stack.enter_context(holding(publishing_lock(database), f"publishing {database}"))
        except LockHeld:
            return None
        if not publishing_due(database, path, every, clock.now()):
            return None
        former = last_publishing(database, path)
        now = naive(clock.now())
        begun = LastPublishing(str(path), now, None, None, now)
        if former is not None:
            # Where the former one succeeded, this is the first one since.
            first = now if former.published_at == former.tried_at else former.first_tried_at
            begun = replace(begun, published_at=former.published_at, first_tried_at=first)
        # First of all: one that is killed, for its memory perhaps, must not begin again at every poll.
        note(database, begun)
        try:
            record = reading(database, spool_folder, clock.pause, POLL_SECONDS)
            working = database.with_name(f"{database.name}.publishing")
            published = publish(record, place_of(path), clock.now, working)
        except Exception as error:
            # An export to the same folder does the same: it is no problem.
            if isinstance(error, LockHeld) and not isinstance(error, Overtaken):
                return None
            text = str(error) if isinstance(error, PoolscopeError) else f"{type(error).__name__}: {error}"
            note(database, replace(begun, tried_at=naive(clock.now()), problem=text[:LONGEST_PROBLEM]))
            raise
        ended = naive(clock.now())
        note(database, replace(begun, tried_at=ended, published_at=ended))
        return published
