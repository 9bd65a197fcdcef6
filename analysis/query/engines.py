"""Engines: where tasks run. An engine is anything with ``map(function, items)``; here is chosen which."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, Protocol

from analysis.errors import RequestRefused
from analysis.query.processes import Processes
from analysis.query.spark import Spark, session_of
from analysis.query.tasks import VERSION, Do, Done, Lost, OtherVersion, Parcel, Task, parcel_of, run
from analysis.record.database import MOST_ROWS

FEWEST_ROWS: Final = 100_000
"""Smaller tasks cost more to begin than their rows take."""
MOST_THREADS: Final = 4
"""More threads of one process wait for each other, and each has a task in memory."""
WORTH_PROCESSES: Final = 5_000_000
"""Rows from which on processes are begun, each of which takes two seconds of CPU to start."""
MOST_FOR_THREADS: Final = 2
"""Cores up to which threads alone are used. Threads keep one and a half cores busy. On two cores they took 13.7 s for
31.5 million rows, and two processes 14.7 s; on more cores nothing was measured."""


class Engine(Protocol):
    """Calls a function with each item, anywhere, and returns the results in the order of the items."""

    def map(self, function: Do, items: Iterable[Parcel], /) -> Iterable[Any]:
        """Return the results; function, items and results can be pickled."""
        ...


class Threads:
    """Threads of this process."""

    def map(self, function: Do, items: Iterable[Any], /) -> Iterator[Any]:
        """Yield the results, see `Engine`."""
        with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as workers:
            yield from workers.map(function, items)


class BySize:
    """Processes where there are rows and cores enough to pay for them, else threads."""

    def map(self, function: Do, items: Iterable[Parcel], /) -> Iterable[Any]:
        """Return the results, see `Engine`."""
        parcels = list(items)
        cores = os.cpu_count() or 1
        is_large = sum(parcel.rows for parcel in parcels) >= WORTH_PROCESSES
        return (Processes(cores) if is_large and cores > MOST_FOR_THREADS else Threads()).map(function, parcels)


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
        session = session_of(on)
        try:
            yield Spark(session)
        finally:
            session.stop()
    else:
        raise RequestRefused(f"--on cannot be {on!r}: take processes:N, spark://HOST:PORT or local[N]")


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
