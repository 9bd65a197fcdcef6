"""The demo: real polls, spool and database, slot after slot of simulated days, against a sandbox over real HTTP."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from collector.api.credentials import Credential
from collector.clock import SimulatedClock
from collector.config.settings import CollectSettings, Project
from collector.polling.discovery import Known
from collector.polling.sessions import open_sessions
from collector.polling.slot import collect_slot
from collector.storage.drain import drain

DAY = timedelta(days=1)


async def run_demo(
    project: Project,
    credential: Credential,
    slots: Iterable[datetime],
    step: timedelta,
    database: Path,
    spool_folder: Path,
    clock: SimulatedClock,
    warn: Callable[[str], None],
) -> None:
    """Poll every slot; drain the spool into the database once a simulated day.

    Parameters
    ----------
    project, credential
        Those of the sandbox, whose time follows the dates of the requests.
    slots
        In order, `step` apart, UTC.
    warn
        Called with a message for each listing or scrape that failed.

    Raises
    ------
    RecordNotWritten, RecordUnreadable
    """
    # The simulated clock stands still while a slot is polled: a limit on requests per second would only distort it.
    settings = CollectSettings(interval=step, requests_per_second=10_000)
    day: datetime | None = None
    async with open_sessions((project,), {project.credentials: credential}, settings, clock, database) as sessions:
        for slot in slots:
            if day is not None and slot - day >= DAY:
                await drain(database, spool_folder, clock, 0.0)
                day = None
            day = day or slot
            clock.move_to(slot)
            result = await collect_slot(sessions, settings, spool_folder, clock, clock.now(), "demo", Known())
            for turn in result.failures():
                warn(f"{slot:%Y-%m-%d %H:%M}Z: {turn.outcome} {turn.error_msg or ''}")
    drained = await drain(database, spool_folder, clock, 0.0)
    if drained.waits_because:
        warn(f"the last day is still in the spool, not in the database: {drained.waits_because}")
