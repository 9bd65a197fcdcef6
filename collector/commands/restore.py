"""``poolscope restore``: makes a database from a backup."""

from pathlib import Path

import click

from collector.console import say
from collector.context import Context
from collector.local_path import LocalPath
from collector.own_command import own_command
from collector.record.counted import counted
from collector.storage.backups import restore
from collector.storage.lock import writing

NEXT = """\
{database} was restored: {rows}, from the backup that was made at {made_at}Z. Next:
  1. bring poolscope.toml and the files with the keys here: a backup has neither
  2. check them:             {poolscope} doctor
  3. poll once an interval:  {poolscope} schedule --install"""


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
    text = NEXT.format(
        database=database,
        rows=counted(sum(backup.rows.values()), "row"),
        made_at=backup.made_at[:16].replace("T", " "),
        poolscope=own_command(),
    )
    say("restored", text, database=str(database), rows=backup.rows, made_at=backup.made_at, message=text)
