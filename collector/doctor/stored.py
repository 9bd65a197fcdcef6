"""Checks of the record: its age, the pace of polls, undocumented statuses, and flavors without cards."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from collector.config.settings import Config
from collector.doctor.findings import Finding, Severity
from collector.errors import LockHeld, RecordNotWritten
from collector.failures import Failure
from collector.polling.pace import too_slow
from collector.polling.scheduler import DEADLINE
from collector.record.counted import counted
from collector.record.database import ATTACHED, Record
from collector.record.durations import spell_age
from collector.record.rows import AHEAD
from collector.record.samples import undocumented
from collector.record.schema import made_at
from collector.record.slots import naive, slot_of
from collector.storage.lock import writing
from collector.storage.pools import describe, unknown_flavors
from collector.storage.unlisted import unlisted_pools

MISSED_SLOTS: Final = 3
LATELY: Final = timedelta(days=7)
NOT_FOUND: Final = "if it was deleted, there is nothing to do; else poolscope pools shows if the next listing has it"
POOLS: Final = """SELECT sum(pools) FROM (
    SELECT arg_max(pools, run) AS pools FROM polls WHERE list_contains($1, project) GROUP BY project
)"""


def look_at_record(record: Record, config: Config, now: datetime, scheduled: bool, by_cron: str) -> Iterator[Finding]:
    """Check the record's age, the pace of polls, undocumented statuses, and flavors missing from the configuration.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    now
        An aware datetime.
    scheduled
        Whether the user's crontab is known to have the line of this configuration.
    by_cron
        What is known of the line, as words.
    """
    rows, last = record.execute("SELECT count(*), max(slot) FILTER (outcome = 'ok') FROM scrapes").fetchall()[0]
    if config.paths.database.is_dir():
        yield Finding(
            "database",
            "error",
            f"{config.paths.database} is a dataset, which can only be read: polls stay in the spool",
            "name a database file in [paths]",
        )
    else:
        yield Finding("database", "ok", f"{config.paths.database} has {counted(rows, 'scrape')} of pools")
    yield from _schedule(record, config, now, last, scheduled, by_cron)
    projects = [project.name for project in config.projects]
    polled = record.execute(POOLS, [projects]).fetchall()[0][0]
    if slow := too_slow(config.collect, polled or 0):
        text, _, fix = slow.partition(": ")
        yield Finding("pace", "warning", text, fix)
    for (project, pool), labels in undocumented(record, naive(now - LATELY), naive(now)).items():
        names = ", ".join(f"{label} (since {first:%Y-%m-%d %H:%M}Z)" for label, first in labels.items())
        text = f"{project} {pool}: jobs have statuses that the API's documents do not name: {names}"
        yield Finding(
            "statuses", "warning", text, "ask the vendor what these statuses mean: estimates leave their slots out"
        )
    yield from _unlisted(record, projects, naive(now))
    pools, _ = describe(record, config.flavors)
    if unknown := unknown_flavors(pools, config.flavors):
        text = f"the number of cards per node is not known for {', '.join(unknown)}"
        yield Finding("flavors", "warning", text, "add these numbers to [flavors]: the API lists nodes, not cards")


def _schedule(
    record: Record, config: Config, now: datetime, last: datetime | None, scheduled: bool, by_cron: str
) -> Iterator[Finding]:
    """Check that polls go on; `last` is the last observed slot, see `look_at_record`."""
    interval, slot = config.collect.interval, naive(slot_of(now, config.collect.interval))
    fix = "run poolscope schedule --install, or poolscope watch"
    if scheduled:
        fix = "check that cron runs, and see collect.log beside the record and poolscope status"
    if last is None:
        yield Finding("schedule", "warning", f"no slot has been observed yet; {by_cron}", fix)
    elif slot - last > MISSED_SLOTS * interval:
        yield Finding("schedule", "error", f"the last observed slot was {spell_age(naive(now) - last)}; {by_cron}", fix)
        yield from _holder(config)
    elif not scheduled and (made := _made_after_all_polls(record, config)) is not None:
        text = f"nothing was polled since the database was restored at {made:%Y-%m-%d %H:%M}Z; {by_cron}"
        yield Finding("schedule", "warning", text, fix)
    else:
        text = f"the last observed slot is {last:%Y-%m-%d %H:%M}Z ({spell_age(naive(now) - last)}); {by_cron}"
        if scheduled or _polled_slots(record, slot - MISSED_SLOTS * interval) > 1:
            yield Finding("schedule", "ok", text)
        else:
            yield Finding("schedule", "warning", f"{text}, and no other slot was polled lately", fix)


def _unlisted(record: Record, projects: Collection[str], now: datetime) -> Iterator[Finding]:
    """Report the pools that polls did not find, or that listings lack, of some projects; `now` is naive UTC."""
    for missing in unlisted_pools(record):
        if missing.project in projects and now - missing.since < LATELY:
            severity: Severity = "ok" if missing.deleted else "warning"
            yield Finding("pools", severity, missing.text(), None if missing.deleted else NOT_FOUND)


def _polled_slots(record: Record, since: datetime) -> int:
    """Return how many slots were polled after a slot; imported ones were not."""
    query = "SELECT count(DISTINCT slot) FROM scrapes WHERE attempts IS NOT NULL AND slot > $1 AND outcome <> $2"
    return int(record.execute(query, [since, AHEAD]).fetchall()[0][0])


def _made_after_all_polls(record: Record, config: Config) -> datetime | None:
    """Return when the database was made, if all its polls are older: it was restored. The first poll makes it too."""
    if not config.paths.database.is_file():
        return None
    polls, last = record.execute("SELECT count(DISTINCT run), max(run) FROM polls").fetchall()[0]
    made = made_at(record, ATTACHED)
    return made if made is not None and polls > 1 and last < made else None


def look_at_failures(
    failures: Sequence[Failure], outcomes: Mapping[str, Collection[str]], now: datetime
) -> Iterator[Finding]:
    """Report the failures of recent polls by cause: as a warning where polls fail, and the endpoint did not show it.

    Parameters
    ----------
    outcomes
        The outcomes of the requests that failed just now, by project; a project that was not asked is missing.
    now
        Naive UTC.
    """
    for failure in failures:
        text = failure.text(now)
        just_now = outcomes.get(failure.project)
        if not failure.failing and not failure.failing_otherwise:
            yield Finding("failures", "ok", text)
        elif just_now is not None and not just_now and failure.outcome != DEADLINE:
            yield Finding("failures", "ok", f"{text}; asked now, ModelArts answers: the next poll will succeed")
        elif not failure.failing:
            yield Finding("failures", "warning", text, "first fix the cause for which polls fail now")
        elif just_now is None or failure.outcome not in just_now:
            yield Finding("failures", "warning", text, failure.fix)


def _holder(config: Config) -> Iterator[Finding]:
    """Report the process that has the lock. This takes the lock briefly, so only where polls fail anyway."""
    try:
        with writing(config.paths.database):
            pass
    except LockHeld as held:
        yield Finding("lock", "error", str(held).split(":")[0], "end that process if it hangs")
    except RecordNotWritten as error:
        yield Finding("lock", "error", str(error))
