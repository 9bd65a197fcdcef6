"""Engines: where tasks run. An engine is anything with ``map(function, items)``; here are those that `--on` names."""

import atexit
import multiprocessing
import os
import re
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, Final, Protocol, TypeAlias

from analysis.errors import RequestRefused
from analysis.query.tasks import VERSION, Done, OtherVersion, Parcel, Task, parcel_of, run
from analysis.record.database import MOST_ROWS

Do: TypeAlias = Callable[[Any], Any]
FEWEST_ROWS: Final = 100_000
"""Smaller tasks cost more to begin than their rows take."""
MOST_THREADS: Final = 4
"""More threads of one process wait for each other, and each has a task in memory."""
WORTH_PROCESSES: Final = 5_000_000
"""Rows from which on processes are faster than threads, though each takes a second to start: see scale.py."""
TRIES: Final = 2
"""How often a task is tried alone after a process that did it has died."""


class Engine(Protocol):
    """Calls a function with each item, anywhere, and returns the results in the order of the items."""

    def map(self, function: Do, items: Iterable[Parcel], /) -> Iterable[Any]:
        """Return the results; function, items and results can be pickled."""
        ...


@dataclass(frozen=True)
class Lost:
    """In place of a result: the processes that did the item died."""

    message: str


class Threads:
    """Threads of this process."""

    def map(self, function: Do, items: Iterable[Any], /) -> Iterator[Any]:
        """Yield the results, see `Engine`."""
        with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as workers:
            yield from workers.map(function, items)


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


class BySize:
    """Processes where there are rows enough to pay for them, else threads."""

    def map(self, function: Do, items: Iterable[Parcel], /) -> Iterable[Any]:
        """Return the results, see `Engine`."""
        parcels = list(items)
        cores = os.cpu_count() or 1
        is_large = sum(parcel.rows for parcel in parcels) >= WORTH_PROCESSES
        return (Processes(cores) if is_large and cores > 1 else Threads()).map(function, parcels)


class Spark:
    """A Spark session: one Spark task for each item, without a shuffle."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - a SparkSession; pyspark is an extra
        if not hasattr(type(session), "sparkContext") or type(session).__module__.startswith("pyspark.sql.connect"):
            raise RequestRefused(
                "a session of Spark Connect cannot be used: take one of a master such as spark://HOST:7077"
            )
        self._context = session.sparkContext

    @property
    def parallelism(self) -> int:
        """The number of tasks that run at the same time."""
        return int(self._context.defaultParallelism)

    def map(self, function: Do, items: Iterable[Any], /) -> Iterator[Any]:
        """Yield the results, see `Engine`."""
        from py4j.protocol import Py4JError  # noqa: PLC0415 - an extra
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra

        todo = list(items)
        if not todo:
            return
        parts = self._context.parallelize(todo, len(todo))
        do = partial(_each, function)
        # Some at a time: the results on their way are few, however long the record is.
        at_a_time = max(4 * self._context.defaultParallelism, 1)
        for first in range(0, len(todo), at_a_time):
            chosen = range(first, min(first + at_a_time, len(todo)))
            try:
                yield from self._context.runJob(parts, do, list(chosen))
            except (Py4JError, PySparkException) as error:
                _refuse_missing(str(error))
                for number in chosen:
                    try:
                        yield from self._context.runJob(parts, do, [number])
                    except (Py4JError, PySparkException) as own:
                        yield Lost(_of_spark(str(own)))


def _refuse_missing(text: str) -> None:
    if "No module named" in text:
        raise RequestRefused(
            "the workers cannot import Poolscope: install this version there, in the Python that PYSPARK_PYTHON names"
        )


def _of_spark(text: str) -> str:
    """Return why a job of Spark failed, in a sentence."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return f"Spark ended the job: {[*lines[:1], *causes][-1][:300]}"


def _each(function: Do, items: Iterable[Parcel]) -> list[Any]:
    return [function(item) for item in items]


def engine_of(given: Any) -> Engine | None:  # noqa: ANN401 - whatever the caller has
    """Return the engine that a caller gave to `History`.

    Raises
    ------
    RequestRefused
        When it is neither None, nor a Spark session, nor an object with ``map``.
    """
    if given is None:
        return None
    if callable(getattr(given, "map", None)) and not isinstance(given, type):
        engine: Engine = given
        return engine
    if type(given).__module__.startswith("pyspark.sql"):
        return Spark(given)
    raise RequestRefused(f"engine cannot be {given!r}: take an object with map(function, items), or a Spark session")


@contextmanager
def named(on: str | None) -> Iterator[Engine]:
    """Begin the engine that `--on` names, and end it.

    Parameters
    ----------
    on
        ``processes:N``, ``spark://HOST:PORT`` or ``local[N]``; None: processes where they are worth it.

    Raises
    ------
    RequestRefused
        When the name is none of these, or Spark cannot be started.
    """
    if on is None:
        yield BySize()
    elif match := re.fullmatch(r"processes:([1-9]\d{0,2})", on):
        yield Processes(int(match[1]))
    elif re.fullmatch(r"spark://\S+|local\[(\d+|\*)\]", on):
        session = _session(on)
        try:
            yield Spark(session)
        finally:
            session.stop()
    else:
        raise RequestRefused(f"--on cannot be {on!r}: take processes:N, spark://HOST:PORT or local[N]")


def _session(master: str) -> Any:  # noqa: ANN401 - pyspark is an extra
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
    except ImportError:
        raise RequestRefused("Spark is not installed: pip install 'poolscope[spark]'") from None
    try:
        builder = SparkSession.builder.master(master).appName("poolscope")
        # Spark's frames do not take all of pandas 3; none is used here.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        settings: dict[str, Any] = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
        session = builder.config(map=settings).getOrCreate()
    except (PySparkException, OSError) as error:
        raise RequestRefused(f"Spark did not start ({str(error)[:300]}): it needs Java 17 or newer") from None
    if master.startswith("local") and session.sparkContext.pythonExec == "python3":
        # Nobody has set PYSPARK_PYTHON: this Python has what the tasks need.
        session.sparkContext.pythonExec = sys.executable
    return session


def done_by(engine: Engine, tasks: Sequence[Task]) -> Iterator[Done]:
    """Yield what came of each task, in order.

    Raises
    ------
    RequestRefused, RecordUnreadable
        As a task did; or when the workers have another version of Poolscope, or the engine returns no results.
    """
    results = iter(engine.map(run, [parcel_of(task) for task in tasks]))
    for number, task in enumerate(tasks):
        try:
            result = next(results)
        except StopIteration:
            raise RequestRefused(
                f"the engine's map returned {number} results of {len(tasks)}: take an object whose map returns all"
            ) from None
        except BrokenExecutor:
            # An executor of the caller, which cannot be used any more.
            yield from (Done(failed=[(None, f"{', '.join(left.names)}: a worker died")]) for left in tasks[number:])
            return
        if isinstance(result, OtherVersion):
            raise RequestRefused(
                f"the workers have Poolscope {result.version}, and this is {VERSION}: install one version everywhere"
            )
        if isinstance(result, Lost):
            yield Done(failed=[(None, f"{', '.join(task.names)}: {result.message}")])
            continue
        if not isinstance(result, Done):
            raise RequestRefused(
                f"the engine's map returned {type(result).__name__} instead of results: take an executor, such as"
                " get_executor() of a Dask client"
            )
        if result.error is not None:
            raise result.error
        yield result


def task_rows(rows: int, engine: Engine) -> int:
    """Return how many rows a task has at most, where all tasks together have `rows`: each worker gets a few tasks."""
    workers = getattr(engine, "parallelism", None) or os.cpu_count() or 1
    return min(MOST_ROWS, max(FEWEST_ROWS, rows // (4 * workers)))
