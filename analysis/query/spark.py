"""Spark: a session as an engine. Each task is one of an RDD: no frame of Spark is made, and nothing is shuffled."""

import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from analysis.errors import RequestRefused
from analysis.query.tasks import Do, Lost, Parcel


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


def session_of(master: str) -> Any:  # noqa: ANN401 - pyspark is an extra
    """Return a new session of a master, which the caller stops.

    Raises
    ------
    RequestRefused
        When pyspark or Java is missing, or the master does not answer.
    """
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
