"""Events for people and programs: sentences on a terminal, elsewhere one JSON line per event; and progress bars."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, TextIO, TypeVar

import click

from collector.output.documents import as_json
from collector.output.visible import one_line
from collector.record.log import LOG

Item = TypeVar("Item")
WHOLE: Final = ("message", "line")
"""The fields that are whole texts of ours, with line feeds of their own."""
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
    CONFIRMATIONS.setLevel(logging.ERROR if quiet and not answering else logging.WARNING)
    REQUESTS.setLevel(logging.INFO if verbose else logging.NOTSET)
    if verbose:
        REQUESTS.addHandler(SHOWN)


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
            click.echo(_names_in_one_line(text, fields), file=stream)
        else:
            fields_of_line = {"event": event, **fields} if fields else {"event": event, "message": text}
            click.echo(as_json(fields_of_line), file=stream)


def _names_in_one_line(text: str, fields: Mapping[str, object]) -> str:
    """Return a text in which no name or label that is a field too begins a line: it could pass for another message."""
    for name, value in fields.items():
        if name not in WHOLE and isinstance(value, str) and one_line(value) != value:
            text = text.replace(value, one_line(value))
    return text


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


@contextmanager
def progress(items: Sequence[Item], what: str) -> Iterator[Iterable[Item]]:
    """Give items to go through, with a progress bar labelled `what` on a terminal and silently elsewhere."""
    if not (sys.stderr.isatty() and LOG.isEnabledFor(logging.WARNING)):
        yield items
        return
    # It moves the cursor, which our own streams let nobody do.
    with click.progressbar(items, label=what, show_pos=True, file=sys.__stderr__) as bar:
        yield bar
