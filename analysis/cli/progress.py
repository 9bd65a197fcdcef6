"""The engine of a command, and what a terminal shows while it works; elsewhere nothing is shown."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
from numba.core import event

from analysis.query.engines import Engine, named
from analysis.query.tasks import Parcel

TERMINATED: Final = 143


@contextmanager
def working(on: str | None) -> Iterator[Engine]:
    """Begin the engine that ``--on`` names, and end it.

    Raises
    ------
    RequestRefused
        When there is no such engine, or it cannot be started.
    """
    with _ending_at_sigterm(), named(on) as engine:
        if not sys.stderr.isatty():
            yield engine
            return
        with event.install_listener("numba:compile", _Compilation()):
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
        results = self._engine.map(function, parcels)
        with click.progressbar(results, len(parcels), "reading", show_pos=True, file=sys.stderr) as bar:
            yield from bar


class _Compilation(event.Listener):
    """Says once that functions are compiled: the first call of an installation takes some seconds longer."""

    said = False

    def on_start(self, _event: event.Event) -> None:
        if not self.said:
            self.said = True
            click.echo("\ncompiling, once: this takes about ten seconds", err=True)

    def on_end(self, _event: event.Event) -> None:
        pass
