"""One slot: poll it, write the answers to the spool, drain the spool into the database, and show the failures."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from collector.api.credentials import AnyCredential
from collector.api.proxies import NO_HOST, unread_exceptions
from collector.clock import Clock
from collector.config.settings import CollectSettings, Config
from collector.console import warn
from collector.polling import backoff
from collector.polling.discovery import Known
from collector.polling.failure_lines import show_failures
from collector.polling.known import read_known
from collector.polling.pace import out_of_time
from collector.polling.poll import PollStamp, poll
from collector.polling.requests import Session
from collector.polling.scheduler import DEADLINE, Limits
from collector.polling.sessions import open_sessions
from collector.record import spool
from collector.record.log import LOG
from collector.record.rows import Discovery, PolledRows, Scrape
from collector.record.slots import naive, slot_of
from collector.storage.drain import Drained, drain
from collector.storage.lock import compacts_or_publishes

LONGEST_DRAIN_WAIT = timedelta(seconds=5)


async def collect_slot(
    sessions: Sequence[Session],
    settings: CollectSettings,
    spool_folder: Path,
    clock: Clock,
    now: datetime,
    command: str,
    known: Known,
    end: asyncio.Event | None = None,
) -> PolledRows:
    """Poll a slot; when this returns, the rows of the result are durable in the spool.

    Parameters
    ----------
    now
        When the poll began, aware: its slot is polled, even if the clock has passed the slot's end since.
    command
        The command that polls, which is stored with the poll.
    known
        What spool and database have of the slot and the pools.
    end
        When it is set, the poll ends with the answers that it has.

    Raises
    ------
    RecordNotWritten
        When the rows could not be written.
    """
    slot = slot_of(now, settings.interval)
    stamp = PollStamp(naive(now), naive(slot), int(settings.interval.total_seconds()), command)
    # An answer after the slot's end would show the counts of the next slot.
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
    result = await poll(sessions, stamp, clock, limits, known, end or asyncio.Event())
    backoff.keep(spool_folder, sessions, pauses, now)
    if result.scrapes or result.discoveries:
        spool.write(spool_folder, stamp.slot, stamp.run, result)
    return result


def drain_wait(settings: CollectSettings, now: datetime) -> float:
    """Return how many seconds a drain may wait for the database: at most 5, and never into the next slot."""
    left = slot_of(now, settings.interval) + settings.interval - now
    return max(0.0, min(LONGEST_DRAIN_WAIT, left / 2).total_seconds())


async def poll_slot(
    clock: Clock, config: Config, credentials: Mapping[str, AnyCredential], end: asyncio.Event | None = None
) -> PolledRows:
    """Poll the current slot, write the answers to the spool, drain it, and show the failures.

    Only under the process lock. When `end` is set, the poll ends with the answers that it has.

    Raises
    ------
    RecordNotWritten, RecordUnreadable, ConfigError
        When the spool cannot be written, the database is damaged, or a session cannot be opened.
    """
    paths, settings = config.paths, config.collect
    spool.clear_unfinished(paths.spool)
    # The time is read once: the slot that is read from the record and polled stays the same, even past its end.
    now = clock.now()
    slot = naive(slot_of(now, settings.interval))
    known = read_known(paths.database, paths.spool, slot, settings.discovery_interval)
    LOG.debug("polling slot %sZ", f"{slot:%Y-%m-%d %H:%M:%S}")
    async with open_sessions(config.projects, credentials, settings, clock, paths.database) as sessions:
        result = await collect_slot(sessions, settings, paths.spool, clock, now, "collect", known, end)
    turns: list[Discovery | Scrape] = [*result.discoveries, *result.scrapes]
    for turn in turns:
        LOG.debug("%s: %s", _what(turn), turn.outcome)
    try:
        drained = await drain(paths.database, paths.spool, clock, drain_wait(settings, clock.now()))
    finally:
        show_failures(result.failures(), config.projects)
        _show_pace(settings, result)
    if drained.waits_because and compacts_or_publishes(paths.database, drained.waits_because):
        # That ends by itself, and the next poll takes in what waits now.
        drained.waits_because = None
    _show_drained(drained)
    return result


def warn_of_proxies() -> None:
    """Warn of entries in NO_PROXY that have no effect."""
    for exception in unread_exceptions():
        warn("no_proxy", f"NO_PROXY: {exception} {NO_HOST}", variable="NO_PROXY", exception=exception)


def _what(turn: Discovery | Scrape) -> str:
    return f"{turn.project} {turn.pool}" if isinstance(turn, Scrape) else f"{turn.project}: listing its pools"


def _show_pace(settings: CollectSettings, result: PolledRows) -> None:
    unasked = sum(scrape.outcome == DEADLINE for scrape in result.scrapes)
    if unasked:
        pools = len(result.scrapes)
        warn("out_of_time", text := out_of_time(settings, pools, unasked), unasked=unasked, pools=pools, message=text)


def _show_drained(drained: Drained) -> None:
    for path in drained.set_aside:
        warn(
            "set_aside",
            f"{path} was damaged and is set aside; poolscope status names it until you remove it",
            file=str(path),
        )
    if drained.staying:
        text = f"{drained.staying[0]} can be neither moved nor removed ({len(drained.staying)} such): repair its folder"
        warn("staying", text, file=str(drained.staying[0]), files=len(drained.staying))
    if drained.waits_because:
        warn(
            "spool_waits",
            f"the answers are safe in the spool and go into the database at the next poll: {drained.waits_because}",
            reason=drained.waits_because,
        )
