"""One slot: poll it, keep what was seen, and take it into the database if that can be had."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from collector.clock import Clock
from collector.config.settings import CollectSettings
from collector.errors import DatabaseRefused, RecordNotWritten
from collector.polling import backoff
from collector.polling.discovery import DiscoveredPool, Known
from collector.polling.poll import Session, Tick, poll
from collector.polling.scheduler import Limits
from collector.record import spool
from collector.record.database import Locked, Record, checked_version, connect, refusing_damage
from collector.record.rows import OK, Round
from collector.record.schema import SINCE
from collector.record.slots import naive, slot_of

LONGEST_DRAIN_WAIT = timedelta(seconds=5)


def recall(database: Path, spool_folder: Path, slot: datetime, discovery_interval: timedelta) -> Known:
    """Return what spool and database know when a slot (naive UTC) is polled.

    Where the database cannot be had now or is damaged, what is asked twice is dropped when it takes the spool in, and
    the pools are those of the spool's newest slot: a poll needs no database, and the drain says what is wrong with it.
    """
    sampled = {
        (row["project"], row["pool"]) for row in _spooled(spool.waiting(spool_folder, slot)) if row["outcome"] == OK
    }
    if database.exists():
        with suppress(Locked, RecordNotWritten, DatabaseRefused):
            return _stored(database, sampled, slot, discovery_interval)
    newest = _spooled(spool.newest_slot(spool_folder))
    pools = _by_project((row["project"], row["pool"], "") for row in newest if row["outcome"] != "gone")
    return Known(sampled, pools, _listed(spool_folder, slot, discovery_interval))


def _listed(spool_folder: Path, slot: datetime, discovery_interval: timedelta) -> set[str]:
    """Return the projects whose pools were listed in a poll that waits in the spool, less than an interval ago."""
    listed: set[str] = set()
    for file in reversed(spool.waiting(spool_folder)):
        with suppress(ValueError, OSError):
            # A file begins with its polls.
            polls = list(takewhile(lambda row: row["table"] == "polls", spool.rows(file)))
            if polls and datetime.fromisoformat(polls[0]["slot"]).replace(tzinfo=None) <= slot - discovery_interval:
                break
            listed |= {poll["project"] for poll in polls if poll["discovered"]}
    return listed


def _stored(database: Path, sampled: set[tuple[str, str]], slot: datetime, discovery_interval: timedelta) -> Known:
    """Return what the database knows, with what was sampled besides."""
    with connect(database, read_only=True) as connection, refusing_damage(database):
        version = checked_version(connection, database)
        if version:
            query = "SELECT DISTINCT project, pool FROM scrapes WHERE slot = $1 AND outcome = 'ok'"
            sampled = sampled | set(connection.execute(query, [slot]).fetchall())
        if version < SINCE["pools"]:
            return Known(sampled)
        return Known(sampled, _pools(connection), _fresh(connection, slot, discovery_interval))


def _spooled(files: list[Path]) -> Iterator[dict[str, Any]]:
    """Read the scrapes of spool files; the drain sets aside what is damaged, and says so."""
    for file in files:
        with suppress(ValueError, OSError):
            yield from [row for row in spool.rows(file) if row["table"] == "scrapes"]


def _pools(connection: Record) -> dict[str, list[DiscoveredPool]]:
    query = """SELECT project, pool, arg_max(coalesce(name, ''), run) FROM pools
        GROUP BY project, pool HAVING arg_max(listed, run) ORDER BY project, pool"""
    return _by_project(connection.execute(query).fetchall())


def _by_project(named: Iterable[tuple[str, str, str]]) -> dict[str, list[DiscoveredPool]]:
    pools: dict[str, list[DiscoveredPool]] = {}
    for project, pool, name in named:
        pools.setdefault(project, []).append(DiscoveredPool(pool, name or None))
    return pools


def _fresh(connection: Record, slot: datetime, discovery_interval: timedelta) -> set[str]:
    query = "SELECT DISTINCT project FROM polls WHERE discovered AND slot > $1 AND slot <= $2"
    return {project for (project,) in connection.execute(query, [slot - discovery_interval, slot]).fetchall()}


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
