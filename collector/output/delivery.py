"""An answer on its way out: bytes or text, to standard output or into a file."""

import sys
from pathlib import Path

import click

from collector.errors import RecordNotWritten
from collector.output.forms import TABLE, Target
from collector.output.visible import ESCAPES, visible
from collector.record.files import replacing
from collector.record.log import LOG


def deliver(target: Target, content: str | bytes, rows: int) -> None:
    """Write an answer of some rows to standard output, or into its file, which appears whole or not at all.

    A note names the file and the number of rows.

    Tables are in the encoding of the terminal; everything else is in UTF-8, wherever it goes.

    Raises
    ------
    RecordNotWritten
        When the file cannot be written; then the old file is unchanged.
    """
    if target.file is not None:
        _write(
            target.file, _encoded(visible(content) if isinstance(content, str) and target.form == TABLE else content)
        )
        LOG.info(f"{target.file}: {rows:,} {'row' if rows == 1 else 'rows'}")
    elif isinstance(content, str) and (target.form == TABLE or sys.stdout.isatty()):
        # A terminal would show the carriage returns at the ends of the lines of CSV.
        click.echo(content.replace("\r\n", "\n"), nl=False)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(_encoded(content))
        sys.stdout.buffer.flush()


def _encoded(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8", ESCAPES)


def _write(file: Path, content: bytes) -> None:
    try:
        if file.exists() and not file.is_file():
            # A pipe or a device is written to; a new file in its place would end it.
            file.write_bytes(content)
            return
        with replacing(file) as beside:
            beside.write_bytes(content)
    except OSError as error:
        raise RecordNotWritten(
            f"{file} cannot be written ({error.strerror}): check the folder and the disk, or name another file"
        ) from None
