"""What the record holds: how old it is, and what the configuration lacks for it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from collector.config.settings import Config
from collector.doctor.findings import Finding
from collector.errors import LockHeld, RecordNotWritten
from collector.polling.pace import too_slow
from collector.record.database import Record
from collector.record.durations import say_duration
from collector.record.samples import undocumented
from collector.record.slots import naive, slot_of
from collector.storage.lock import writing
from collector.storage.pools import describe, unknown_flavors

MISSED_SLOTS: Final = 3
LATELY: Final = timedelta(days=7)
POOLS: Final = """SELECT sum(pools) FROM (
    SELECT arg_max(pools, run) AS pools FROM polls WHERE list_contains($1, project) GROUP BY project
)"""


def look_at_record(record: Record, config: Config, now: datetime, scheduled: bool | None) -> Iterator[Finding]:
    """Look at what the record holds: how old it is, and flavors whose cards nobody gave.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    now
        Aware.
    scheduled
        Whether the user's crontab has the line of this configuration; None where there is no crontab to be read.
    """
    rows, last = record.execute("SELECT count(*), max(slot) FILTER (outcome = 'ok') FROM scrapes").fetchall()[0]
    yield Finding("database", "ok", f"{config.paths.database} holds {rows:,} turns")
    interval = config.collect.interval
    late = naive(slot_of(now, interval)) - last if last else None
    by = {None: "", True: ", your crontab has its line", False: ", your crontab has no line for it"}[scheduled]
    mend = "run poolscope schedule --install, or poolscope watch"
    if scheduled:
        mend = "look whether cron runs, at collect.log beside the record, and at poolscope status"
    if late is None:
        yield Finding("schedule", "warning", f"no slot has been observed yet{by}", mend)
    elif late > MISSED_SLOTS * interval:
        yield Finding("schedule", "error", f"the last observed slot is {say_duration(late)} ago{by}", mend)
        yield from _holder(config)
    else:
        yield Finding("schedule", "ok", f"the last observed slot is {last:%Y-%m-%d %H:%M}Z{by}")
    polled = record.execute(POOLS, [[project.name for project in config.projects]]).fetchall()[0][0]
    if slow := too_slow(config.collect, polled or 0):
        told, _, mend = slow.partition(": ")
        yield Finding("pace", "warning", told, mend)
    for (project, pool), labels in undocumented(record, naive(now - LATELY), naive(now)).items():
        names = ", ".join(f"{label} (first seen {seen:%Y-%m-%d %H:%M}Z)" for label, seen in labels.items())
        told = f"{project} {pool}: jobs are in statuses that no document names: {names}"
        yield Finding("statuses", "warning", told, "ask what they mean: estimates leave these slots out")
    pools, _ = describe(record, config.flavors)
    if unknown := unknown_flavors(pools, config.flavors):
        told = f"no cards a node for {', '.join(unknown)}"
        yield Finding("flavors", "warning", told, "give them in [flavors]: the API tells nodes only")


def _holder(config: Config) -> Iterator[Finding]:
    """Look who holds the lock; only where nothing is polled anyway: it is taken for an instant."""
    try:
        with writing(config.paths.database):
            pass
    except LockHeld as held:
        yield Finding("lock", "error", str(held).split(":")[0], "end that process if it hangs")
    except RecordNotWritten as error:
        yield Finding("lock", "error", str(error))
