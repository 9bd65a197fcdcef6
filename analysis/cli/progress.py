"""The engine of a command, and what a terminal shows while it works; elsewhere nothing is shown."""

import logging
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from analysis.capacity.replay import replay
from analysis.query.engines import Engine, named
from analysis.query.tasks import Parcel
from analysis.queue.cohorts import bounds
from collector.record.log import LOG

TERMINATED: Final = 143
CAPACITY: Final = ("plan", "forecast", "report")
"""The questions that need the functions of capacity too."""


def shows_progress() -> bool:
    """Return whether progress is shown: on a terminal, without ``--quiet``."""
    return sys.stderr.isatty() and LOG.isEnabledFor(logging.WARNING)


@contextmanager
def working(on: str | None, question: str) -> Iterator[Engine]:
    """Begin the engine that ``--on`` names for a question, and end it.

    Raises
    ------
    RequestRefused
        When there is no such engine, or it cannot be started.
    """
    with _ending_at_sigterm(), named(on) as engine:
        if not shows_progress():
            yield engine
            return
        _say_compilation(question)
        yield _Shown(engine)


@contextmanager
def _ending_at_sigterm() -> Iterator[None]:
    """Let SIGTERM end the command as an error does, so that its processes end too, silently."""
    former = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


class _Shown:
    """An engine with a progress bar."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def map(self, function: Callable[[Any], Any], items: Iterable[Parcel], /) -> Iterator[Any]:
        parcels = list(items)
        # It moves the cursor, which our own streams let nobody do.
        bar_ = click.progressbar(length=len(parcels), label="reading", show_pos=True, file=sys.__stderr__)
        with bar_ as bar:
            for result in self._engine.map(function, parcels):
                bar.update(1)
                yield result


def _say_compilation(question: str) -> None:
    """Say that the functions of a question are still to be compiled, by this process or by those that it begins."""
    function: Any = replay if question in CAPACITY else bounds
    kept = function.stats.cache_path
    if kept is None:
        click.echo("compiling: about ten seconds; poolscope doctor says why the result cannot be kept", err=True)
    elif not any(Path(kept).glob(f"*.{function.__name__}-*.nbi")):
        click.echo("compiling, once: about ten seconds", err=True)
