"""``poolscope collect``: one poll, what cron runs; silent when all is well."""

import gc
from pathlib import Path

import click

from collector.api.names import run
from collector.cli import Context
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
    """
    # What one poll makes lives to its end: looking for rubbish after every 700 objects is a twentieth of its CPU.
    gc.set_threshold(20_000)
    if log is not None:
        log_to(log)
    config, credentials = context.ready_to_poll()
    warn_of_proxies()
    database = config.paths.database
    with writing(database):
        failed = bool(run(poll_slot(context.clock, config, credentials)).failures())
    if compaction_due(database):
        try:
            # Without the lock: the polls of the next slots do not wait for it.
            compact(database, context.clock, 0.0)
        except PoolscopeError as error:
            warn("not_compacted", str(error))
    return int(failed)
