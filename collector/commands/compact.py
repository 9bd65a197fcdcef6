"""``poolscope compact``: the record's file made small."""

import click

from collector.cli import Context
from collector.console import say
from collector.errors import InputRefused
from collector.storage.compaction import compact

WAIT_SECONDS = 5.0


@click.command("compact")
@click.pass_obj
def command(context: Context) -> None:
    """Rewrite the record sorted, which makes it small.

    Into a fresh file that takes the old one's place; polls go on meanwhile, into the spool. It needs room for a second
    file. collect does it by itself where the file has grown by half.
    """
    database = context.config().paths.database
    if not database.exists():
        raise InputRefused(f"{database}: there is no record yet: poolscope collect makes it")
    done = compact(database, context.clock, WAIT_SECONDS)
    before, after = done.before / 1e6, done.after / 1e6
    say(
        "compacted",
        f"{database}: {before:,.1f} MB are {after:,.1f} MB now, with {done.rows:,} rows of counts",
        before_bytes=done.before,
        after_bytes=done.after,
        rows=done.rows,
    )
