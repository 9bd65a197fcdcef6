"""``poolscope restore``: a database from a backup."""

from pathlib import Path

import click

from collector.cli import Context
from collector.console import say
from collector.storage.backups import restore
from collector.storage.lock import writing


@click.command("restore")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def command(context: Context, folder: Path) -> None:
    """Make a database from a backup.

    Of DIR, once rows and checksums are those of its manifest; only where there is no database yet. Backups of older
    versions are brought up to date.
    """
    database = context.config().paths.database
    with writing(database):
        manifest = restore(folder, database)
    rows = sum(manifest.rows.values())
    say("restored", f"{database}: {rows:,} rows as of {manifest.made_at}", database=str(database), rows=manifest.rows)
