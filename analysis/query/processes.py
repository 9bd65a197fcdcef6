"""Processes: new ones of this machine as an engine, with a second try for the task of one that dies."""

import atexit
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, Final

from analysis.query.tasks import Do, Lost, Parcel

TRIES: Final = 2
"""How often a task is tried alone after a process that did it has died."""


class Processes:
    """New processes of this machine. A task whose process dies is tried again, alone."""

    def __init__(self, number: int) -> None:
        self._number = number

    def map(self, function: Do, items: Iterable[Parcel], /) -> Iterator[Any]:
        """Yield the results, see `Engine`; `Lost` in place of those whose processes died."""
        waiting = deque(enumerate(items))
        results: dict[int, Any] = {}
        following = 0
        number = min(self._number, len(waiting))
        while waiting or results:
            # Each round begins with new processes: those of a round in which one died cannot be used any more.
            with self._workers(number) as workers:
                running: dict[Future[Any], tuple[int, Parcel]] = {}
                died: list[tuple[int, Parcel]] = []
                while not died and (waiting or running):
                    while waiting and len(running) < number:
                        place, item = waiting.popleft()
                        running[_submitted(workers, function, item)] = place, item
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        place, item = running.pop(future)
                        try:
                            results[place] = future.result()
                        except BrokenProcessPool:
                            died.append((place, item))
                    while following in results:
                        yield results.pop(following)
                        following += 1
                died += running.values()
            for place, item in died:
                results[place] = self._alone(function, item)
            while following in results:
                yield results.pop(following)
                following += 1

    def _alone(self, function: Do, item: Parcel) -> Any:  # noqa: ANN401 - a result, or `Lost`
        for _ in range(TRIES):
            try:
                with self._workers(1) as worker:
                    return worker.submit(function, item).result()
            except BrokenProcessPool:
                continue
        return Lost("its process died each time that it was tried; where memory is short, use fewer processes")

    @contextmanager
    def _workers(self, number: int) -> Iterator[ProcessPoolExecutor]:
        # Forked processes would share the locks of this process's threads.
        spawned = multiprocessing.get_context("spawn")
        end, hold = spawned.Pipe(duplex=False)
        workers = ProcessPoolExecutor(number, spawned, _begin, (end,))
        try:
            yield workers
        except BaseException:
            # The workers end at once, whatever they do.
            hold.close()
            raise
        finally:
            workers.shutdown(cancel_futures=True)
            hold.close()
            end.close()


def _submitted(workers: ProcessPoolExecutor, function: Do, item: Parcel) -> "Future[Any]":
    """Return the future of a result; where a worker has died meanwhile, one that raises what it then would."""
    try:
        return workers.submit(function, item)
    except BrokenProcessPool as error:
        future: Future[Any] = Future()
        future.set_exception(error)
        return future


def _begin(end: Connection) -> None:
    """Let this process end with the one that began it: silently at Ctrl-C, and where that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Without the end of the interpreter, at which modules complain of what the thread below holds.
    atexit.register(os._exit, 0)
    Thread(target=_end_after, args=(end,), daemon=True).start()


def _end_after(end: Connection) -> None:
    """End this process when the other end of the pipe is closed; nothing is ever sent."""
    end.poll(None)
    os._exit(1)
