"""``poolscope import``: snapshots that somebody else collected, into the record."""

import asyncio
from datetime import timedelta
from pathlib import Path

import click

from collector import imports
from collector.cli import Context
from collector.console import progress, say
from collector.errors import DatabaseRefused
from collector.lock import writing
from collector.slots import naive, parse_duration, say_duration
from collector.store import drain, open_for_writing

WAIT_SECONDS = 5.0
STEPS = ("read", "check", "write")


def _read_interval(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    try:
        interval = None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if interval is not None and not interval:
        raise click.BadParameter("an interval above zero is expected")
    return interval


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--project", help="The project of all rows; by default the file's column project, else 'imported'.")
@click.option("--interval", callback=_read_interval, metavar="5m", help="By default the file's most frequent spacing.")
@click.pass_obj
def command(context: Context, file: Path, project: str | None, interval: timedelta | None) -> None:
    """Take in snapshots from FILE, Parquet or CSV.

    Columns: slot (UTC), pool, type; total and the nine statuses where there are any; project; every other column is a
    status under its own name. What the record has already is left as it is, so that a second time adds nothing.
    """
    with writing(context.config().paths.database):
        imported, found = asyncio.run(_import(context, file, project, interval))
    skipped = f"; {imported.already:,} slots of pools were there already" if imported.already else ""
    say(
        "imported",
        f"{file}: {imported.rows:,} rows of {imported.pools:,} pools in {imported.slots:,} slots, "
        f"one every {say_duration(found)}{skipped}",
        file=str(file),
        rows=imported.rows,
        pools=imported.pools,
        slots=imported.slots,
        already=imported.already,
        interval_seconds=int(found.total_seconds()),
    )


async def _import(
    context: Context, file: Path, project: str | None, interval: timedelta | None
) -> tuple[imports.Imported, timedelta]:
    paths, clock = context.config().paths, context.clock
    # What waits in the spool is in the record too.
    await drain(paths.database, paths.spool, clock, WAIT_SECONDS)
    record = await open_for_writing(paths.database, clock, WAIT_SECONDS)
    if isinstance(record, str):
        raise DatabaseRefused(f"{paths.database} is in use ({record}): try again when that process has ended")
    with record, progress(STEPS, f"import {file.name}") as steps:
        walk = iter(steps)
        next(walk)
        unknown = imports.read(record, file)
        next(walk)
        found = imports.check(record, file, unknown, project, interval)
        next(walk)
        imported = imports.write(record, naive(clock.now()), found)
        next(walk, None)
    return imported, found
