"""Spark: a real master with two workers gives the same frames, without a shuffle, also when a worker is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import History
from tests.clusters import Cluster, cluster, environment, need_spark, stages
from tests.dirty import dirty_copy
from tests.engines import QUESTIONS, SUMS, answer
from tests.polling import poolscope

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    # pyspark does not support all of pandas 3 yet: no frame of Spark is used here.
    # https://github.com/apache/spark/pull/54760
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    # The gateway of pyspark leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the dataset `ds` of a record that has all kinds of defects."""
    return dirty_copy(tmp_path_factory)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a master and two workers."""
    need_spark()
    with cluster(tmp_path_factory.mktemp("spark")) as running:
        yield running


@pytest.fixture(scope="module")
def session(spark: Cluster) -> Iterator[Any]:
    """Return a session on the cluster."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        builder = SparkSession.builder.master(spark.master).appName("test")
        # The other tests need cores too; a port of the user interface that is free.
        settings: dict[str, Any] = {"spark.cores.max": "2", "spark.ui.port": "0", "spark.log.level": "ERROR"}
        opened = builder.config(map=settings).getOrCreate()
        yield opened
        opened.stop()


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each pool be a task of its own."""
    monkeypatch.setattr("analysis.query.engines.FEWEST_ROWS", 1)


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("question", QUESTIONS)
def test_spark_answers_to_the_last_bit(folder: Path, session: Any, question: str) -> None:  # noqa: ANN401 - as `session`
    """Every question on a dirty record, without a byte of shuffle."""
    here, there = (History(folder / "ds", engine=engine) for engine in (None, session))
    expected = answer(here, question, **QUESTIONS[question])
    pd.testing.assert_frame_equal(expected, answer(there, question, **QUESTIONS[question]), check_exact=True)
    ran = stages(session)
    assert sum(stage["numCompleteTasks"] for stage in ran) > 1
    assert [0] * len(ran) == [stage["shuffleReadBytes"] + stage["shuffleWriteBytes"] for stage in ran]


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("question", SUMS)
def test_spark_sums_to_the_last_bit(folder: Path, session: Any, question: str) -> None:  # noqa: ANN401 - as `session`
    """Sums over pools too; no shuffle is needed for them."""
    here, there = (History(folder / "ds", engine=engine) for engine in (None, session))
    expected = answer(here, question, by="type", **SUMS[question])
    actual = answer(there, question, by="type", **SUMS[question])
    pd.testing.assert_frame_equal(expected, actual, check_exact=True)
    assert {0} == {stage["shuffleReadBytes"] + stage["shuffleWriteBytes"] for stage in stages(session)}


def test_a_report_is_computed_on_spark(folder: Path, spark: Cluster) -> None:
    """With ``--on spark://...``: the same bytes."""
    for out, more in (("here", ()), ("there", ("--on", spark.master))):
        done = poolscope(folder, "report", "--db", "ds", "--format", "json", "--out", out, *more, **environment())
        assert 0 == done.returncode, done.stderr
    here, there = (next((folder / out).glob("*.json")).read_bytes() for out in ("here", "there"))
    assert here == there


def test_a_local_master_is_one_too(folder: Path) -> None:
    """``--on local[2]`` needs no server."""
    need_spark()
    here = poolscope(folder, "waits", "--db", "ds", "--format", "csv")
    there = poolscope(folder, "waits", "--db", "ds", "--format", "csv", "--on", "local[2]", **environment())
    assert 0 == there.returncode, there.stderr
    assert here.stdout == there.stdout


def test_workers_without_poolscope_are_named(folder: Path, spark: Cluster, tmp_path: Path) -> None:
    """Exit 2, and what to install."""
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nunset PYTHONPATH\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o700)
    settings = environment() | {"PYSPARK_PYTHON": str(bare)}
    done = poolscope(folder, "waits", "--db", "ds", "--on", spark.master, **settings)
    assert 2 == done.returncode, done.stderr
    assert "the workers cannot import Poolscope" in done.stderr


def test_a_worker_that_is_killed_costs_a_retry(folder: Path, tmp_path: Path) -> None:
    """One worker and its executor die in the middle of the job: all frames are there, and equal."""
    need_spark()
    place = tmp_path / "spark"
    place.mkdir()
    marker, go_on = tmp_path / "begun", tmp_path / "go-on"
    with cluster(place) as running:
        code = WAITING.format(marker=str(marker), go_on=str(go_on), master=running.master, dataset=str(folder / "ds"))
        driver = subprocess.Popen(
            [sys.executable, "-c", code], env=environment(), cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        while not marker.exists() and driver.poll() is None:
            pass
        # The executor that has begun the first task, and its worker.
        executor = int(marker.read_text())
        worker = next(process for process in running.workers if process.pid == _parent(executor))
        worker.kill()
        os.kill(executor, signal.SIGKILL)
        go_on.touch()
        output, _ = driver.communicate()
    assert 0 == driver.returncode, output
    assert History(folder / "ds").waits(every="1d").to_csv() == output


WAITING = """
import os, pathlib, sys
from functools import partial
from pyspark.sql import SparkSession
from analysis import History
from analysis.query import engines, spark

engines.FEWEST_ROWS = 1
marker, go_on = pathlib.Path("{marker}"), pathlib.Path("{go_on}")


def wait_first(function, marker, go_on, parcel):
    import os, pathlib
    try:
        with open(marker + ".new", "x") as file:
            # The parent of this Python is the daemon of pyspark, whose parent is the executor.
            file.write(open(f"/proc/{{os.getppid()}}/stat").read().rpartition(")")[2].split()[1])
        os.rename(marker + ".new", marker)
        open(marker + ".new", "x").close()
    except FileExistsError:
        pass
    else:
        while not pathlib.Path(go_on).exists():
            pass
    return function(parcel)


class Waiting(spark.Spark):
    def map(self, function, items):
        return super().map(partial(wait_first, function, str(marker), str(go_on)), items)


session = SparkSession.builder.master("{master}").config("spark.ui.port", "0").getOrCreate()
frame = History("{dataset}", engine=Waiting(session)).waits(every="1d")
session.stop()
sys.stdout.write(frame.to_csv())
"""


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
