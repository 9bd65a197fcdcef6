"""``poolscope import``: adds snapshots from files, or all rows of a dataset, to the record."""

import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from collector.console import progress, say, warn
from collector.context import Context
from collector.errors import InputRefused
from collector.local_path import LocalPath
from collector.record.database import Record, connect
from collector.record.durations import parse_duration, say_duration
from collector.record.memory import limit_memory
from collector.record.slots import naive
from collector.storage import import_dataset, import_files, imports
from collector.storage.backups import verify
from collector.storage.drain import drain
from collector.storage.lock import POLL_SECONDS, writing_in_turn
from collector.storage.opening import WAIT_SECONDS, open_for_writing

# DuckDB puts what does not fit into this memory on disk.
MEMORY = 200_000_000
STDIN = Path("-")
PARQUET = b"PAR1"
_Result = TypeVar("_Result")


def _read_interval(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    try:
        interval = None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if interval is not None and (not interval or interval % timedelta(seconds=1)):
        raise click.BadParameter("must be whole seconds above zero, such as 5m")
    return interval


@click.command("import")
@click.argument("files", metavar="FILE...", type=LocalPath(), nargs=-1, required=True)
@click.option(
    "--project",
    help="The project of all rows; default: that in the column project, or 'imported' without such a column.",
)
@click.option(
    "--interval",
    callback=_read_interval,
    metavar="5m",
    help="The poll interval; default: found from the times between slots.",
)
@click.pass_obj
def command(context: Context, files: tuple[Path, ...], project: str | None, interval: timedelta | None) -> None:
    """Add snapshots from files, or all rows of a dataset, to the record.

    Each FILE is Parquet or CSV, or - for standard input, or one folder that export --dataset or backup wrote. Either
    all files are imported, or none.

    Columns: slot (UTC), pool and type are required; total, the nine statuses and project are optional; any other column
    is a status under its own name. Rows that the record already has are not changed, so that importing a file twice
    adds nothing.

    A dataset adds the rows of all tables. If record and dataset have an answer of the same pool and slot, the earlier
    one counts.
    """
    if project is not None and not project:
        raise click.BadParameter("must not be empty", param_hint="--project")
    if import_dataset.is_dataset(list(files)):
        if project is not None or interval is not None:
            raise click.UsageError("a dataset has its projects and intervals: leave --project and --interval out")
        merged = _import_dataset(context, files[0])
        rows, replaced = sum(merged.added.values()), merged.replaced
        text = f"; {replaced:,} rows of snapshots were replaced by those of an earlier answer" if replaced else ""
        say(
            "imported",
            f"{files[0]}: {rows:,} new rows{text}",
            files=[str(files[0])],
            rows=rows,
            tables=merged.added,
            replaced=replaced,
        )
        return
    with _stdin_as_file(files) as given:
        for file in given:
            if not file.is_file():
                raise InputRefused(f"{file}: there is no such file")
        imported, intervals = _import(context, given, project, interval)
    names = ", ".join(str(file) for file in files)
    usual, *others = map(say_duration, intervals)
    interval_text = f"{usual}, in parts every {' or '.join(others)}" if others else usual
    skipped = f"; {imported.already:,} slots of pools were already in the record" if imported.already else ""
    say(
        "imported",
        f"{names}: {imported.rows:,} rows of {imported.pools:,} pools in {imported.slots:,} slots, "
        f"one every {interval_text}{skipped}",
        files=[str(file) for file in files],
        rows=imported.rows,
        pools=imported.pools,
        slots=imported.slots,
        already=imported.already,
        interval_seconds=int(intervals[0].total_seconds()),
        other_intervals_seconds=[int(other.total_seconds()) for other in intervals[1:]],
    )


@contextmanager
def _stdin_as_file(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield the files, with a temporary one in place of ``-``: Parquet is not read from its beginning to its end."""
    if STDIN not in files:
        yield list(files)
        return
    with tempfile.TemporaryDirectory() as folder:
        content = sys.stdin.buffer
        start = content.peek(len(PARQUET))[: len(PARQUET)] if isinstance(content, io.BufferedReader) else b""
        file = Path(folder, "stdin.parquet" if start == PARQUET else "stdin.csv")
        with file.open("wb") as stream:
            shutil.copyfileobj(content, stream)
        yield [file if given == STDIN else given for given in files]


def _import(
    context: Context, files: list[Path], project: str | None, interval: timedelta | None
) -> tuple[imports.Imported, list[timedelta]]:
    with imports.scratch_beside(context.config().paths.database) as scratch:
        # On disk and without the lock, so that polls go on while any number of rows is read and checked.
        with connect(scratch, read_only=False) as record, progress(range(len(files)), "import") as numbers:
            limit_memory(record, MEMORY)
            for number in numbers:
                import_files.read(record, files, number, project)
            intervals = imports.check(record, files, interval)
        imported = asyncio.run(
            _write(context, lambda record: imports.write(record, scratch, naive(context.clock.now())))
        )
        return imported, intervals


def _import_dataset(context: Context, folder: Path) -> import_dataset.Merged:
    backup = verify(folder)
    with imports.scratch_beside(context.config().paths.database) as scratch:
        with connect(scratch, read_only=False) as checked:
            limit_memory(checked, MEMORY)
            import_dataset.check(checked, backup)
        return asyncio.run(_write(context, partial(import_dataset.write, backup=backup)))


async def _write(context: Context, write: Callable[[Record], _Result]) -> _Result:
    paths, clock = context.config().paths, context.clock
    async with writing_in_turn(paths.database, clock, POLL_SECONDS):
        # The spool is part of the record: its rows must be in the database before they are compared.
        drained = await drain(paths.database, paths.spool, clock, WAIT_SECONDS)
        for path in drained.set_aside:
            warn(
                "set_aside",
                f"{path} is damaged and was set aside; poolscope status shows it until you remove it",
                file=str(path),
            )
        drained.require_all(paths.database, "nothing was imported; try again")
        with await open_for_writing(paths.database, clock, WAIT_SECONDS) as record:
            limit_memory(record, MEMORY)
            return write(record)
