"""``poolscope export``: writes snapshot rows to a file, or the whole record to a dataset."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from collector.console import say
from collector.context import Context
from collector.local_path import LocalPath
from collector.record.counted import counted
from collector.record.places import has_scheme, is_in_store
from collector.record.reading import reading
from collector.record.selection import Selection
from collector.record.slots import naive, parse_instant
from collector.storage.exports import export
from collector.storage.publish import publish


def _read_place(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    if text == "":
        raise click.BadParameter("must not be empty")
    if text is not None and has_scheme(text) and not is_in_store(text):
        raise click.BadParameter(f"{text} is neither a folder nor s3://BUCKET/PREFIX: no other store is supported")
    return text


@click.command("export")
@click.option("--output", type=LocalPath(), help="The file to write, .parquet or .csv; - is standard output, as CSV.")
@click.option(
    "--dataset",
    callback=_read_place,
    metavar="FOLDER|s3://BUCKET/PREFIX",
    help="The folder, or the address in an object store, to write all tables to, as Parquet files with a manifest;"
    " months that did not change stay.",
)
@click.option(
    "--since",
    metavar="INSTANT",
    help="Only slots after this time: 2026-01-31, 2026-01-31T08:00 (UTC), or a time before the last slot such as 30d.",
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
    output: Path | None,
    dataset: str | None,
    since: str | None,
    until: str | None,
    projects: tuple[str, ...],
    pools: tuple[str, ...],
) -> None:
    """Write the snapshot rows to a file, or the whole record to a dataset.

    Includes rows that are still in the spool. import can read the file again, with the same rows as a result.

    --dataset FOLDER writes what changed since the last export to that folder. Others can read it meanwhile, see
    data/README.md. Files that the manifest no longer names are removed by the first export after six hours. After
    prune, name a new folder: an export never removes rows from a dataset. With [dataset] in the configuration, collect
    and watch do so by themselves.

    --dataset s3://BUCKET/PREFIX writes to S3 or OBS, with the endpoint and key files of [dataset] in the configuration,
    or with AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. It needs pip install 'poolscope[s3]'.
    """

    def selection(last: datetime) -> Selection:
        """Return what is exported; an age is a time before the last slot."""

        def instant(option: str, text: str | None) -> datetime | None:
            try:
                return None if text is None else naive(parse_instant(text, last))
            except ValueError as error:
                raise click.BadParameter(str(error), param_hint=option) from None

        return Selection(instant("--since", since), instant("--until", until), projects, pools)

    # A mistake is named before the record is read.
    everything = selection(context.clock.now()) == Selection()
    if output == Path("-") and dataset is None:
        _export_to_stdout(context, selection)
    elif output is not None and dataset is None:
        rows = _export(context, selection, output)
        say("exported", f"{output}: {counted(rows, 'row')}", file=str(output), rows=rows)
    elif dataset is not None and output is None:
        if not everything:
            raise click.UsageError("--dataset takes the whole record: leave --since, --until, --project and --pool out")
        _publish(context, dataset)
    else:
        raise click.UsageError("give either --output FILE or --dataset FOLDER")


def _export(context: Context, selection: Callable[[datetime], Selection], output: Path) -> int:
    with reading(*context.record(), context.clock.pause) as record:
        last = record.execute("SELECT max(slot) FROM scrapes WHERE outcome = 'ok'").fetchall()[0][0]
        return export(record, selection(context.clock.now() if last is None else last.replace(tzinfo=UTC)), output)


def _export_to_stdout(context: Context, selection: Callable[[datetime], Selection]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "snapshots.csv")
        _export(context, selection, file)
        with file.open("rb") as stream:
            shutil.copyfileobj(stream, sys.stdout.buffer)


def _publish(context: Context, text: str) -> None:
    place = context.place(text)
    published = publish(reading(*context.record(), context.clock.pause), place, context.clock.now)
    manifest = published.manifest
    rows = sum(manifest.rows.values())
    say(
        "published",
        f"{place}: {counted(rows, 'row')} up to {manifest.last_slot} in {counted(len(manifest.files), 'file')}, "
        f"{published.written:,} of them new; {published.removed:,} old files removed",
        folder=str(place),
        rows=manifest.rows,
        last_slot=manifest.last_slot,
        files=len(manifest.files),
        written=published.written,
        removed=published.removed,
    )
