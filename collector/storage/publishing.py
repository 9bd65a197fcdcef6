"""Publishing by itself: once in each period, by the first process that finds it due, beside the polls."""

from contextlib import suppress
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

LONGEST_PROBLEM: Final = 500


def publish_when_due(
    database: Path, spool_folder: Path, place: Place, every: timedelta, clock: Clock
) -> Published | None:
    """Publish a record if that is due and no other process does it; return None where nothing was done.

    The process lock is not held. DuckDB lets no process write to the database meanwhile: polls stay in the spool. The
    first poll after the publishing takes them in, before it looks whether the next publishing is due.

    Raises
    ------
    PoolscopeError
        See `publish.publish`; the next try is in the next period.
    """
    # The lock in the dataset's folder alone would not do: `note` needs one writer, and polls need to know the reader.
    with suppress(LockHeld), holding(publishing_lock(database), f"publishing {database}"):
        if not publishing_due(database, place, every, clock.now()):
            return None
        former = last_publishing(database, place)
        begun = LastPublishing(str(place), naive(clock.now()), former.published_at if former else None, None)
        # First of all: one that is killed, for its memory perhaps, must not begin again at every poll.
        note(database, begun)
        try:
            published = publish(reading(database, spool_folder, clock.pause, POLL_SECONDS), place, clock.now)
        except LockHeld:
            raise
        except PoolscopeError as error:
            note(database, replace(begun, tried_at=naive(clock.now()), problem=str(error)[:LONGEST_PROBLEM]))
            raise
        ended = naive(clock.now())
        note(database, replace(begun, tried_at=ended, published_at=ended))
        return published
    return None
