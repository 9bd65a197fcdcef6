"""``poolscope restore``: makes a database from a backup."""

from pathlib import Path

import click

from collector.cli import Context
from collector.console import say
from collector.local_path import LocalPath
from collector.storage.backups import restore
from collector.storage.lock import writing


@click.command("restore")
@click.argument("folder", metavar="DIR", type=LocalPath())
@click.pass_obj
def command(context: Context, folder: Path) -> None:
    """Make a database from a backup or another dataset.

    Checks the rows and checksums of DIR against its manifest first. Refuses if there is a database already. Backups of
    older versions are converted.
    """
    database = context.config().paths.database
    with writing(database):
        backup = restore(folder, database)
    rows = sum(backup.rows.values())
    say("restored", f"{database}: {rows:,} rows from {backup.made_at}", database=str(database), rows=backup.rows)
