"""``poolscope export``: writes snapshot rows to Parquet or CSV."""

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
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The file to write, .parquet or .csv.")
@click.option(
    "--since",
    metavar="INSTANT",
    help="Only slots after this time: 2026-01-31, 2026-01-31T08:00 (UTC), or an age such as 30d.",
)
@click.option("--until", metavar="INSTANT", help="Only slots up to this time.")
@click.option(
    "--project", "projects", multiple=True, help="Only these projects: a pattern such as research*; may be repeated."
)
@click.option(
    "--pool", "pools", multiple=True, help="Only these pools: a pattern on id or display name; may be repeated."
)
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

    Includes rows that are still in the spool. import can read the file again, with the same rows as a result.
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
