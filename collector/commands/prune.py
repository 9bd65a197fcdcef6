"""``poolscope prune``: deletes old rows that a backup contains."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click

from collector.console import say, warn
from collector.context import Context
from collector.errors import InputRefused
from collector.local_path import LocalPath
from collector.record.durations import parse_duration
from collector.record.reading import reading
from collector.record.slots import naive, parse_instant
from collector.storage.backups import lacking, make_durable, old_rows, prune, slots_of, verify
from collector.storage.drain import drain
from collector.storage.lock import POLL_SECONDS, writing_in_turn
from collector.storage.opening import WAIT_SECONDS, open_for_writing

LEAST_AGE = timedelta(days=1)


@dataclass(frozen=True)
class OldRows:
    """The rows before a time: their number by table, and their first and last slot."""

    rows: Mapping[str, int]
    first: datetime | None
    last: datetime | None

    def text(self) -> str:
        """Return the description to show."""
        rows = ", ".join(f"{number:,} {table}" for table, number in self.rows.items())
        return f"{rows}, slots {self.first:%Y-%m-%d %H:%M}Z to {self.last:%Y-%m-%d %H:%M}Z" if self.first else rows


@click.command("prune")
@click.option(
    "--before",
    metavar="INSTANT",
    required=True,
    help="Delete the rows before this time: 2025-01-31, 2025-01-31T08:00 (UTC), or an age such as 400d.",
)
@click.option(
    "--backup",
    type=LocalPath(),
    metavar="DIR",
    help="The folder of a backup that has all rows to delete.",
)
@click.option("--yes", is_flag=True, help="Delete without a backup and without confirmation.")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, but delete nothing.")
@click.pass_obj
def command(context: Context, before: str, backup: Path | None, yes: bool, dry_run: bool) -> None:
    """Delete old rows.

    Needs a backup that contains each deleted row, or --yes. Asks for confirmation on a terminal. The last slot is never
    deleted: a time after it, or an age of less than a day, is refused. Descriptions of pools are kept. The file gets
    smaller at the next compact.
    """
    instant = _read_instant(before, context.clock.now())
    if backup is None and not yes and not dry_run:
        raise click.UsageError(
            "no backup is named: name one with --backup DIR (poolscope backup DIR makes it), or delete without a backup"
            " with --yes, or see what would be deleted with --dry-run"
        )
    old = _old_rows(context, instant, backup)
    what = f"the rows before {instant:%Y-%m-%d %H:%M}Z: {old.text()}"
    fields = {"before": instant, "rows": dict(old.rows), "first_slot": old.first, "last_slot": old.last}
    if (dataset := context.config().dataset.path) is not None:
        warn(
            "dataset_keeps_rows",
            f"{dataset} keeps the rows that are deleted, and publishing to it will be refused: name a new folder in"
            " [dataset]",
            path=str(dataset),
        )
    if dry_run:
        say("would_prune", f"would delete {what}", **fields)
        return
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete {what}?", abort=True)
    rows = asyncio.run(_prune(context, instant, None if backup is None else old.rows))
    say("pruned", f"deleted {what}", **fields | {"rows": rows})


def _read_instant(before: str, now: datetime) -> datetime:
    try:
        instant = naive(parse_instant(before, now))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--before") from None
    try:
        age = parse_duration(before)
    except ValueError:
        return instant
    if age < LEAST_AGE:
        raise click.BadParameter(
            f"an age of {before} is less than a day (m is minutes): give days, such as 180d", param_hint="--before"
        )
    return instant


def _old_rows(context: Context, instant: datetime, backup: Path | None) -> OldRows:
    """Return what to delete, after checking that the backup has each row; without the lock, so that polls go on."""
    paths = context.config().paths
    checked = None if backup is None else verify(backup)
    if checked is not None:
        make_durable(checked)
    with reading(paths.database, paths.spool, context.clock.pause) as record:
        first, last, newest = slots_of(record, instant)
        if newest is not None and instant > newest:
            raise click.BadParameter(
                f"{instant:%Y-%m-%d %H:%M}Z is later than the last slot of the record, {newest:%Y-%m-%d %H:%M}Z."
                " Nothing was deleted, because this would delete all rows: give an earlier time",
                param_hint="--before",
            )
        missing = 0 if checked is None else lacking(record, instant, checked)
        if missing:
            raise InputRefused(
                f"{backup} lacks {missing:,} of the rows to delete, so nothing was deleted: make a new backup"
            )
        return OldRows(old_rows(record, instant), first, last)


async def _prune(context: Context, instant: datetime, in_backup: Mapping[str, int] | None) -> dict[str, int]:
    paths, clock = context.config().paths, context.clock
    async with writing_in_turn(paths.database, clock, POLL_SECONDS):
        # Old rows that are still in the spool would otherwise be added again later.
        drained = await drain(paths.database, paths.spool, clock, WAIT_SECONDS)
        drained.require_all(paths.database, "nothing was deleted; try again")
        with await open_for_writing(paths.database, clock, WAIT_SECONDS) as record:
            return prune(record, instant, in_backup)
