"""Output for people and programs: sentences and tables on a terminal, elsewhere one JSON line per event."""

import codecs
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

import click

from collector.record.log import LOG

Item = TypeVar("Item")
LARGEST_LOG = 1 << 20
CONFIRMATIONS: Final = logging.getLogger("poolscope.confirmations")
REQUESTS: Final = logging.getLogger("httpx")
"""Where httpx names each request, without its headers."""


class _ToStderr(logging.Handler):
    """Writes steps and notes as events."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        _write_event(
            sys.stderr,
            "note" if (record.name, record.levelno) == (LOG.name, logging.INFO) else "step",
            record.getMessage(),
            {},
        )


SHOWN: Final = _ToStderr()


def be_loud(*, verbose: bool, quiet: bool, answering: bool) -> None:
    """Set what is shown beside answers and problems.

    Parameters
    ----------
    verbose
        Show each step too.
    quiet
        Show neither notes nor progress; nor the events on standard output, unless the command is `answering` by them.
    """
    for logger in (LOG, REQUESTS):
        logger.removeHandler(SHOWN)
    LOG.addHandler(SHOWN)
    LOG.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.INFO)
    CONFIRMATIONS.setLevel(logging.ERROR if quiet and not answering else logging.NOTSET)
    REQUESTS.setLevel(logging.INFO if verbose else logging.NOTSET)
    if verbose:
        REQUESTS.addHandler(SHOWN)


def tell_in_any_encoding() -> None:
    """Let standard output and error write a character that their encoding lacks (an emoji in GBK) as a JSON escape."""
    codecs.register_error("json", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="json")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def say(event: str, text: str, **fields: object) -> None:
    """Write an event of normal operation to standard output."""
    if CONFIRMATIONS.isEnabledFor(logging.WARNING):
        _write_event(sys.stdout, event, text, fields)


def warn(event: str, text: str, **fields: object) -> None:
    """Write a problem that a person should know of to standard error."""
    _write_event(sys.stderr, event, text, fields)


def _write_event(stream: TextIO, event: str, text: str, fields: Mapping[str, object]) -> None:
    # A log on a full disk must not change what was done, nor the exit code.
    with suppress(OSError) if stream is sys.stderr else nullcontext():
        if stream.isatty():
            click.echo(text, file=stream)
        else:
            fields_of_line = {"event": event, **fields} if fields else {"event": event, "message": text}
            click.echo(as_json(fields_of_line), file=stream)


def log_to(file: Path) -> None:
    """Append all further output, tracebacks too, to a file; a file above `LARGEST_LOG` is first renamed to ``NAME.1``.

    Where the file cannot be written, a warning is shown and the output stays where it is: cron sends it by mail.
    """
    try:
        if file.exists() and file.stat().st_size > LARGEST_LOG:
            file.rename(file.with_name(f"{file.name}.1"))
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Without O_NONBLOCK, opening a pipe that nobody reads would wait for ever.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600)
        os.set_blocking(descriptor, True)
    except OSError as error:
        text = (
            f"{file} cannot be written ({error.strerror}): output goes here instead; fix the file or name another --log"
        )
        warn("log_not_written", text, file=str(file), reason=error.strerror)
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)


def as_json(value: object, indent: int | None = None) -> str:
    """Return a value as JSON; a datetime is naive UTC and is written with a Z."""
    return json.dumps(value, default=_plain, indent=indent, ensure_ascii=False)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat()}Z"
    return str(value)


def table(
    event: str, rows: Sequence[Mapping[str, Any]], cells: Callable[[Mapping[str, Any]], Mapping[str, object]]
) -> None:
    """Show rows: a table on a terminal, elsewhere a JSON line per row.

    Parameters
    ----------
    rows
        Values by key, as the JSON lines have them.
    cells
        Returns the cells of a row in the terminal's table, by heading; None is text as a dash.
    """
    if not sys.stdout.isatty():
        for row in rows:
            click.echo(as_json({"event": event, **row}))
        return
    from tabulate import tabulate  # noqa: PLC0415 - a cron tick never shows a table

    lines = [cells(row) for row in rows]
    headings = lines[0] if lines else {}
    right = [all(isinstance(line[heading], int | float | None) for line in lines) for heading in headings]
    text = tabulate(
        [[_cell(value) for value in line.values()] for line in lines],
        headers=list(headings),
        tablefmt="simple",
        disable_numparse=True,
        colalign=["right" if is_right else "left" for is_right in right],
    )
    click.echo(text)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}Z"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@contextmanager
def progress(items: Sequence[Item], what: str) -> Iterator[Iterable[Item]]:
    """Give items to go through, with a progress bar labelled `what` on a terminal and silently elsewhere."""
    if not (sys.stderr.isatty() and LOG.isEnabledFor(logging.WARNING)):
        yield items
        return
    with click.progressbar(items, label=what, show_pos=True, file=sys.stderr) as bar:
        yield bar
