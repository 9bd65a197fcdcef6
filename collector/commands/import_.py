"""``poolscope import``: snapshots that somebody else collected, into the record."""

import asyncio
from datetime import timedelta
from pathlib import Path

import click

from collector.cli import Context
from collector.console import progress, say, warn
from collector.errors import InputRefused
from collector.record.durations import parse_duration, say_duration
from collector.record.slots import naive
from collector.storage import import_files, imports
from collector.storage.drain import drain
from collector.storage.lock import writing
from collector.storage.opening import open_for_writing

WAIT_SECONDS = 5.0


def _read_interval(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    try:
        interval = None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if interval is not None and (not interval or interval % timedelta(seconds=1)):
        raise click.BadParameter("an interval of whole seconds above zero is expected")
    return interval


@click.command("import")
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--project", help="The project of all rows; by default the file's column project, else 'imported'.")
@click.option("--interval", callback=_read_interval, metavar="5m", help="By default the slots' most frequent spacing.")
@click.pass_obj
def command(context: Context, files: tuple[Path, ...], project: str | None, interval: timedelta | None) -> None:
    """Take in snapshots from files.

    Each FILE is Parquet or CSV; all of them go in, or nothing.

    Columns: slot (UTC), pool, type; total and the nine statuses where there are any; project; every other column is a
    status under its own name. What the record has already is left as it is, so that a second time adds nothing.
    """
    if project is not None and not project:
        raise click.BadParameter("a name is expected", param_hint="--project")
    for file in files:
        if not file.is_file():
            raise InputRefused(f"{file}: there is no such file")
    with writing(context.config().paths.database):
        imported, found = asyncio.run(_import(context, list(files), project, interval))
    names = ", ".join(str(file) for file in files)
    skipped = f"; {imported.already:,} slots of pools were there already" if imported.already else ""
    say(
        "imported",
        f"{names}: {imported.rows:,} rows of {imported.pools:,} pools in {imported.slots:,} slots, "
        f"one every {say_duration(found)}{skipped}",
        files=[str(file) for file in files],
        rows=imported.rows,
        pools=imported.pools,
        slots=imported.slots,
        already=imported.already,
        interval_seconds=int(found.total_seconds()),
    )


async def _import(
    context: Context, files: list[Path], project: str | None, interval: timedelta | None
) -> tuple[imports.Imported, timedelta]:
    paths, clock = context.config().paths, context.clock
    # What waits in the spool is in the record too, and is not to be imported over.
    drained = await drain(paths.database, paths.spool, clock, WAIT_SECONDS)
    for path in drained.set_aside:
        warn("set_aside", f"{path}: damaged, set aside; poolscope status names it until you remove it", file=str(path))
    drained.require_all(paths.database, "nothing was imported, try again")
    record = await open_for_writing(paths.database, clock, WAIT_SECONDS)
    with record, progress([*range(len(files)), None], "import") as parts:
        for number in parts:
            if number is not None:
                import_files.read(record, files, number, project)
                continue
            found = imports.check(record, files, interval)
            imported = imports.write(record, naive(clock.now()), found)
    return imported, found
