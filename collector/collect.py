"""One slot: poll it, keep what was seen, and take it into the database if that can be had."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from collector import spool
from collector.attempts import Limits
from collector.clock import Clock
from collector.config import CollectSettings
from collector.database import Locked, checked_version, connect
from collector.errors import RecordNotWritten
from collector.poll import Session, Tick, poll
from collector.slots import naive, slot_of
from collector.snapshot import Round

LONGEST_DRAIN_WAIT = timedelta(seconds=5)


def successes(database: Path, spool_folder: Path, slot: datetime) -> set[tuple[str, str]]:
    """Return the (project, pool) pairs that have their sample of a slot, from spool and database.

    A database that cannot be had now is left out: what it may have twice is dropped when it takes the spool in.

    Raises
    ------
    DatabaseRefused
    """
    done: set[tuple[str, str]] = set()
    for file in spool.waiting(spool_folder, slot):
        try:
            rows = list(spool.rows(file))
        except (ValueError, OSError):
            continue  # The drain sets it aside and says so.
        done |= {(r["project"], r["pool"]) for r in rows if r["table"] == "scrapes" and r["outcome"] == "ok"}
    if not database.exists():
        return done
    try:
        connection = connect(database, read_only=True)
    except (Locked, RecordNotWritten):
        return done
    with connection:
        if checked_version(connection, database):
            query = "SELECT DISTINCT project, pool FROM scrapes WHERE slot = $1 AND outcome = 'ok'"
            done |= set(connection.execute(query, [slot]).fetchall())
    return done


async def collect_slot(
    sessions: Sequence[Session],
    settings: CollectSettings,
    spool_folder: Path,
    clock: Clock,
    command: str,
    done: Collection[tuple[str, str]] = (),
) -> Round:
    """Poll the slot that it is now; when this returns, the rows of the result are kept durably in the spool.

    Parameters
    ----------
    command
        Which command polls; it is kept with the poll.
    done
        The (project, pool) pairs that have their sample of the slot already.

    Raises
    ------
    RecordNotWritten
        When the rows could not be kept.
    """
    now = clock.now()
    slot = slot_of(now, settings.interval)
    tick = Tick(naive(now), naive(slot), int(settings.interval.total_seconds()), command)
    # An answer that comes after the slot's end would tell of the next slot.
    left = min(settings.longest_poll, slot + settings.interval - now)
    limits = Limits(
        attempts=settings.attempts,
        total_timeout=settings.total_timeout.total_seconds(),
        deadline=clock.monotonic() + left.total_seconds(),
        requests_per_second=settings.requests_per_second,
        concurrency=settings.concurrency,
    )
    result = await poll(sessions, tick, clock, limits, done)
    if result.scrapes or result.failures():
        spool.write(spool_folder, tick.slot, tick.run, result)
    return result


def drain_wait(settings: CollectSettings, now: datetime) -> float:
    """Return how many seconds a drain may wait for the database: a few, and never into the next slot."""
    left = slot_of(now, settings.interval) + settings.interval - now
    return max(0.0, min(LONGEST_DRAIN_WAIT, left / 2).total_seconds())
