"""One slot: poll it, keep what was seen, and take it into the database if that can be had."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from collector.clock import Clock
from collector.config.settings import CollectSettings
from collector.polling import backoff
from collector.polling.discovery import Known
from collector.polling.poll import Session, Tick, poll
from collector.polling.scheduler import Limits
from collector.record import spool
from collector.record.rows import Round
from collector.record.slots import naive, slot_of

LONGEST_DRAIN_WAIT = timedelta(seconds=5)


async def collect_slot(
    sessions: Sequence[Session],
    settings: CollectSettings,
    spool_folder: Path,
    clock: Clock,
    now: datetime,
    command: str,
    known: Known,
) -> Round:
    """Poll a slot; when this returns, the rows of the result are kept durably in the spool.

    Parameters
    ----------
    now
        When the poll began, aware: its slot is polled, also where the clock has passed its end since.
    command
        Which command polls; it is kept with the poll.
    known
        What spool and database know of the slot and the pools.

    Raises
    ------
    RecordNotWritten
        When the rows could not be kept.
    """
    slot = slot_of(now, settings.interval)
    tick = Tick(naive(now), naive(slot), int(settings.interval.total_seconds()), command)
    # An answer that comes after the slot's end would tell of the next slot.
    left = min(settings.longest_poll, slot + settings.interval - clock.now())
    limits = Limits(
        attempts=settings.attempts,
        total_timeout=settings.total_timeout.total_seconds(),
        deadline=clock.monotonic() + left.total_seconds(),
        requests_per_second=settings.requests_per_second,
        concurrency=settings.concurrency,
    )
    pauses = backoff.read(spool_folder)
    backoff.close_gates(sessions, pauses, now)
    result = await poll(sessions, tick, clock, limits, known)
    backoff.keep(spool_folder, sessions, pauses, now)
    if result.scrapes or result.discoveries:
        spool.write(spool_folder, tick.slot, tick.run, result)
    return result


def drain_wait(settings: CollectSettings, now: datetime) -> float:
    """Return how many seconds a drain may wait for the database: a few, and never into the next slot."""
    left = slot_of(now, settings.interval) + settings.interval - now
    return max(0.0, min(LONGEST_DRAIN_WAIT, left / 2).total_seconds())
