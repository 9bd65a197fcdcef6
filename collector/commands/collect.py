"""``poolscope collect``: one poll, what cron runs; silent when all is well."""

import asyncio
import gc
from collections.abc import Mapping
from pathlib import Path

import click

from collector.api.credentials import AnyCredential, resolve
from collector.cli import Context, refuse
from collector.clock import Clock
from collector.config.settings import Config
from collector.console import log_to, warn
from collector.errors import PoolscopeError
from collector.polling.known import read_known
from collector.polling.sessions import open_sessions
from collector.polling.slot import collect_slot, drain_wait
from collector.record import spool
from collector.record.rows import Discovery, Round, Scrape
from collector.record.slots import naive, slot_of
from collector.storage.compaction import compact, pays
from collector.storage.drain import Drained, drain
from collector.storage.lock import writing

MOST_WARNINGS = 20


@click.command("collect")
@click.option("--log", type=click.Path(path_type=Path), help="Append what is told to a file; it never grows past 1 MB.")
@click.pass_obj
def command(context: Context, log: Path | None) -> int:
    """Poll every pool once and keep the answers.

    Run it from cron once an interval. A slot is polled once: a second run in the same interval adds only what failed.
    """
    # What one poll makes lives to its end: looking for rubbish after every 700 objects is a twentieth of its CPU.
    gc.set_threshold(20_000)
    if log is not None:
        log_to(log)
    config, credentials = prepare(context)
    database = config.paths.database
    with writing(database):
        failed = bool(asyncio.run(poll_slot(context.clock, config, credentials)).failures())
    if pays(database):
        try:
            # Without the lock: the polls of the next slots do not wait for it.
            compact(database, context.clock, 0.0)
        except PoolscopeError as error:
            warn("not_compacted", str(error))
    return int(failed)


def prepare(context: Context) -> tuple[Config, dict[str, AnyCredential]]:
    """Read all that a poll needs, before its first request.

    Returns
    -------
    tuple
        The configuration, and the credentials by profile.

    Raises
    ------
    ConfigError
        With every problem in one message.
    """
    config, problems = context.read_config()
    credentials: dict[str, AnyCredential] = {}
    if not problems and not config.projects:
        problems.append("there is no project: add a section [projects.NAME] (poolscope init writes an example)")
    for profile in dict.fromkeys(project.credentials for project in config.projects):
        if profile in config.credentials:
            credential, missing = resolve(config.credentials[profile], context.environment)
            problems += missing
            if credential is not None:
                credentials[profile] = credential
    refuse(problems)
    return config, credentials


async def poll_slot(clock: Clock, config: Config, credentials: Mapping[str, AnyCredential]) -> Round:
    """Poll the slot that it is now, keep what was seen, drain, and tell what was not well; under the process lock.

    Raises
    ------
    RecordNotWritten, RecordUnreadable, ConfigError
    """
    paths, settings = config.paths, config.collect
    spool.clear_unfinished(paths.spool)
    # Once: what the record knows is of the slot that is polled, though its end may pass in between.
    now = clock.now()
    slot = naive(slot_of(now, settings.interval))
    known = read_known(paths.database, paths.spool, slot, settings.discovery_interval)
    async with open_sessions(config.projects, credentials, settings, clock, paths.database) as sessions:
        result = await collect_slot(sessions, settings, paths.spool, clock, now, "collect", known)
    try:
        drained = await drain(paths.database, paths.spool, clock, drain_wait(settings, clock.now()))
    finally:
        _tell_failures(result.failures())
    _tell_drained(drained)
    return result


def _tell_failures(failures: list[Discovery | Scrape]) -> None:
    for turn in failures[:MOST_WARNINGS]:
        what = f"{turn.project} {turn.pool}" if isinstance(turn, Scrape) else f"{turn.project}: listing its pools"
        told = " ".join(str(part) for part in (turn.http_status, turn.error_code, turn.error_msg) if part)
        warn(
            "failed",
            f"{what}: {turn.outcome}{f' ({told})' if told else ''}",
            what=what,
            slot=turn.slot,
            outcome=turn.outcome,
            http_status=turn.http_status,
            error_code=turn.error_code,
            error_msg=turn.error_msg,
            request_id=turn.request_id,
            attempts=turn.attempts,
        )
    more = len(failures) - MOST_WARNINGS
    if more > 0:
        warn("more_failed", f"and {more} more; poolscope status counts them by cause", more=more)


def _tell_drained(drained: Drained) -> None:
    for path in drained.set_aside:
        warn("set_aside", f"{path}: damaged, set aside; poolscope status names it until you remove it", file=str(path))
    if drained.waits_because:
        warn(
            "spool_waits",
            f"the answers are safe in the spool, the database takes them at the next poll: {drained.waits_because}",
            reason=drained.waits_because,
        )
