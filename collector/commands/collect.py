"""``poolscope collect``: one poll, what cron runs; silent when all is well."""

import asyncio
import gc
import signal
from collections.abc import Mapping
from pathlib import Path

import click

from collector.api.credentials import AnyCredential
from collector.api.names import run
from collector.cli import Context
from collector.config.settings import Config
from collector.console import log_to, warn
from collector.errors import PoolscopeError
from collector.polling.slot import poll_slot, warn_of_proxies
from collector.storage.compaction import compact, compaction_due
from collector.storage.lock import writing


@click.command("collect")
@click.option("--log", type=click.Path(path_type=Path), help="Append what is told to a file; it never grows past 1 MB.")
@click.pass_obj
def command(context: Context, log: Path | None) -> int:
    """Poll every pool once and keep the answers.

    Run it from cron once an interval. A slot is polled once: a second run in the same interval adds only what failed.
    SIGTERM ends it with the answers that it has.
    """
    # What one poll makes lives to its end: looking for rubbish after every 700 objects is a twentieth of its CPU.
    gc.set_threshold(20_000)
    if log is not None:
        log_to(log)
    config, credentials = context.ready_to_poll()
    warn_of_proxies()
    database = config.paths.database
    with writing(database):
        failed, ended = run(_poll(context, config, credentials))
    if not ended and compaction_due(database):
        try:
            # Without the lock: the polls of the next slots do not wait for it.
            compact(database, context.clock, 0.0)
        except PoolscopeError as error:
            warn("not_compacted", str(error))
    return int(failed)


async def _poll(context: Context, config: Config, credentials: Mapping[str, AnyCredential]) -> tuple[bool, bool]:
    """Poll, and keep what was seen also where SIGTERM ends it; return whether anything failed, and whether it did."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()

    def terminate() -> None:
        end.set()
        loop.remove_signal_handler(signal.SIGTERM)  # a second one ends the process

    loop.add_signal_handler(signal.SIGTERM, terminate)
    result = await poll_slot(context.clock, config, credentials, end)
    return bool(result.failures()), end.is_set()
