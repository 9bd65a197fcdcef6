"""``poolscope prune``: old rows out of the record, once a backup has them."""

import asyncio
from datetime import datetime
from pathlib import Path

import click

from collector.cli import Context
from collector.console import say
from collector.errors import InputRefused
from collector.record.reading import reading
from collector.record.slots import naive, parse_instant
from collector.storage.backups import lacking, make_durable, old_rows, prune, verify
from collector.storage.drain import drain
from collector.storage.lock import writing_in_turn
from collector.storage.opening import open_for_writing

WAIT_SECONDS = 5.0
# For a poll under way: it ends within three quarters of its interval, a minute by default.
POLL_SECONDS = 60.0


@click.command("prune")
@click.option("--before", metavar="INSTANT", required=True, help="2025-01-31, 2025-01-31T08:00 (UTC), or an age, 400d.")
@click.option("--backup", type=click.Path(path_type=Path), metavar="DIR", help="A backup that holds what is deleted.")
@click.option("--yes", is_flag=True, help="Delete without a backup.")
@click.pass_obj
def command(context: Context, before: str, backup: Path | None, yes: bool) -> None:
    """Delete the rows before an instant.

    Only with a backup in which each of them is found, or with --yes. What pools were is kept. The file gets smaller at
    the next compact.
    """
    try:
        instant = naive(parse_instant(before, context.clock.now()))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--before") from None
    if backup is None and not yes:
        raise click.UsageError(
            "name a backup of what is deleted with --backup DIR (poolscope backup DIR), or say --yes"
        )
    rows = asyncio.run(_prune(context, instant, backup))
    told = ", ".join(f"{number:,} {table}" for table, number in rows.items())
    say("pruned", f"deleted what lies before {instant:%Y-%m-%d %H:%M}Z: {told}", before=instant, rows=rows)


async def _prune(context: Context, instant: datetime, backup: Path | None) -> dict[str, int]:
    paths, clock = context.config().paths, context.clock
    held = None if backup is None else _held(context, instant, backup)
    async with writing_in_turn(paths.database, clock, POLL_SECONDS):
        # What waits in the spool would come back.
        drained = await drain(paths.database, paths.spool, clock, WAIT_SECONDS)
        drained.require_all(paths.database, "nothing was deleted, try again")
        with await open_for_writing(paths.database, clock, WAIT_SECONDS) as record:
            return prune(record, instant, held)


def _held(context: Context, instant: datetime, backup: Path) -> dict[str, int]:
    """Return how many old rows there are, by table, once a backup holds each; without the lock: polls go on."""
    paths = context.config().paths
    make_durable(backup, verify(backup))
    with reading(paths.database, paths.spool, context.clock.pause) as record:
        missing = lacking(record, instant, backup)
        if missing:
            raise InputRefused(f"{backup} lacks {missing:,} of the rows: make a new backup, nothing was deleted")
        return old_rows(record, instant)
