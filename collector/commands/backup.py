"""``poolscope backup``: writes the whole record to a new dataset, a folder of Parquet files."""

import asyncio
from pathlib import Path

import click

from collector.console import say, warn
from collector.context import Context
from collector.local_path import LocalPath
from collector.record.counted import counted
from collector.record.dataset import Manifest
from collector.record.reading import reading
from collector.storage.backups import back_up
from collector.storage.drain import drain
from collector.storage.lock import writing
from collector.storage.opening import WAIT_SECONDS


@click.command("backup")
@click.argument("folder", metavar="DIR", type=LocalPath())
@click.pass_obj
def command(context: Context, folder: Path) -> None:
    """Write all tables to Parquet files.

    DIR must be empty, or must not exist yet. The spool is taken into the database first. The backup is a dataset, as
    export --dataset writes it, with a manifest of rows and checksums. restore makes a database from it; other tools can
    read it too.
    """
    manifest = _back_up(context, folder)
    rows = sum(manifest.rows.values())
    say(
        "backed_up",
        f"{folder}: {counted(rows, 'row')} of {len(manifest.rows)} tables",
        folder=str(folder),
        rows=manifest.rows,
    )


def _back_up(context: Context, folder: Path) -> Manifest:
    paths, clock = context.config().paths, context.clock
    with writing(paths.database):
        drained = asyncio.run(drain(paths.database, paths.spool, clock, WAIT_SECONDS))
    drained.require_all(paths.database, "no backup was made")
    for path in drained.set_aside:
        warn("set_aside", f"{path} is damaged, was set aside, and is not in the backup", file=str(path))
    # Without the lock, so that polls can write to the spool meanwhile.
    with reading(paths.database, paths.spool, clock.pause) as record:
        return back_up(record, folder, clock.now())
