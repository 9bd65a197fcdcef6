"""``poolscope collect``: one poll, which cron runs; silent unless something fails."""

import asyncio
import gc
import os
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import click

from collector.api.credentials import AnyCredential
from collector.api.names import run
from collector.config.settings import Config, Paths
from collector.console import log_to, warn
from collector.context import Context
from collector.errors import PoolscopeError
from collector.local_path import LocalPath
from collector.polling.slot import poll_slot, warn_of_proxies
from collector.storage.compaction import compact, compaction_due
from collector.storage.last_publishing import publishing_due
from collector.storage.lock import writing


@click.command("collect")
@click.option("--log", type=LocalPath(), help="Append all output to this file, which is limited to 1 MB.")
@click.pass_obj
def command(context: Context, log: Path | None) -> int:
    """Poll every pool once and store the answers.

    Run it from cron once an interval. A second run in the same interval polls only the pools that failed. SIGTERM ends
    the poll and stores the answers received so far. Afterwards, when that is due, the database is compacted and the
    dataset of [dataset] is published: neither makes the next poll wait.
    """
    # Objects of a poll live until its end: garbage collection every 700 objects costs a twentieth of its CPU time.
    gc.set_threshold(20_000)
    if log is not None:
        log_to(log)
    config, credentials = context.ready_to_poll()
    warn_of_proxies()
    database = config.paths.database
    with writing(database):
        failed, terminated = run(_poll(context, config, credentials))
    # Both without the lock, so that the next polls need not wait.
    if not terminated and compaction_due(database):
        try:
            compact(database, context.clock, 0.0)
        except PoolscopeError as error:
            warn("not_compacted", str(error))
    dataset = config.dataset
    if terminated or dataset.path is None:
        return int(failed)
    if publishing_due(database, dataset.path, dataset.every, context.clock.now()):
        _publish(context, config.paths, dataset.path, dataset.every)
    return int(failed)


def _publish(context: Context, paths: Paths, path: Path | str, every: timedelta) -> None:
    from collector.storage.publishing import NICENESS, publish_when_due  # noqa: PLC0415 - few polls need it

    # The poll has ended: the next one goes first where cores are few.
    os.nice(NICENESS)
    try:
        publish_when_due(paths.database, paths.spool, path, context.place, every, context.clock)
    except PoolscopeError as error:
        warn("not_published", str(error))


async def _poll(context: Context, config: Config, credentials: Mapping[str, AnyCredential]) -> tuple[bool, bool]:
    """Poll, and store the answers even after SIGTERM; return whether any request failed, and whether SIGTERM came."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()

    def terminate() -> None:
        end.set()
        loop.remove_signal_handler(signal.SIGTERM)  # a second SIGTERM ends the process

    loop.add_signal_handler(signal.SIGTERM, terminate)
    result = await poll_slot(context.clock, config, credentials, end)
    return bool(result.failures()), end.is_set()
