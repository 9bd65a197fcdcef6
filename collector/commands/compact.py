"""``poolscope compact``: makes the database smaller."""

import click

from collector.console import say
from collector.context import Context
from collector.errors import InputRefused
from collector.storage.compaction import compact
from collector.storage.opening import WAIT_SECONDS


@click.command("compact")
@click.pass_obj
def command(context: Context) -> None:
    """Rewrite the database sorted, which makes it smaller.

    The new file replaces the old one; the disk must have room for both. Polls go on meanwhile and write to the spool.
    collect compacts the database by itself when the file has grown by half.
    """
    database = context.config().paths.database
    if not database.exists():
        raise InputRefused(f"{database} does not exist yet: run poolscope collect first")
    result = compact(database, context.clock, WAIT_SECONDS)
    before, after = result.before / 1e6, result.after / 1e6
    say(
        "compacted",
        f"{database}: compacted from {before:,.1f} MB to {after:,.1f} MB, with {result.rows:,} rows of counts",
        before_bytes=result.before,
        after_bytes=result.after,
        rows=result.rows,
    )
