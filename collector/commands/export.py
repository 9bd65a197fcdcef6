"""``poolscope export``: the snapshot rows to Parquet or CSV."""

from datetime import datetime
from pathlib import Path

import click

from collector.cli import Context
from collector.console import say
from collector.record.reading import reading
from collector.record.selection import Selection
from collector.record.slots import naive, parse_instant
from collector.storage.exports import export


@click.command("export")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The file, .parquet or .csv.")
@click.option("--since", metavar="INSTANT", help="Slots after it: 2026-01-31, 2026-01-31T08:00 (UTC), or an age, 30d.")
@click.option("--until", metavar="INSTANT", help="Slots up to it.")
@click.option("--project", "projects", multiple=True, help="Pattern, such as research*; may be repeated.")
@click.option("--pool", "pools", multiple=True, help="Pattern on the pool's id or display name; may be repeated.")
@click.pass_obj
def command(
    context: Context,
    output: Path,
    since: str | None,
    until: str | None,
    projects: tuple[str, ...],
    pools: tuple[str, ...],
) -> None:
    """Write the snapshot rows to a file.

    Also those that still wait in the spool; what import takes back gives the same rows.
    """
    now = context.clock.now()

    def instant(option: str, text: str | None) -> datetime | None:
        try:
            return None if text is None else naive(parse_instant(text, now))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint=option) from None

    selection = Selection(instant("--since", since), instant("--until", until), projects, pools)
    rows = _export(context, selection, output)
    say("exported", f"{output}: {rows:,} rows", file=str(output), rows=rows)


def _export(context: Context, selection: Selection, output: Path) -> int:
    paths = context.config().paths
    with reading(paths.database, paths.spool, context.clock.pause) as record:
        return export(record, selection, output)
