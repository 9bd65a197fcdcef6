"""Engines: every question has the same answer on each, and what goes wrong on one is reported."""

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.cli.progress import working
from analysis.errors import Incomplete, RequestRefused
from analysis.query.compressed import compressed
from analysis.query.engines import BySize, Threads
from analysis.query.members import member_of
from analysis.query.part import part
from analysis.query.request import Request
from analysis.query.tasks import Parcel
from analysis.queue.conservation import Flows
from analysis.queue.discipline import Waiting
from collector.record import RecordUnreadable
from collector.record.database import Locked
from collector.record.reading import ONE_AT_A_TIME, reading
from tests.dirty import dirty_copy
from tests.engines import QUESTIONS, SUMS, Dying, answer
from tests.polling import poolscope
from tests.recorded import record_of
from tests.reported import queue


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a record that has all kinds of defects, and polls in its spool, and its dataset `ds`."""
    return dirty_copy(tmp_path_factory)


@pytest.fixture(scope="module")
def executor() -> Iterator[ProcessPoolExecutor]:
    """Return an executor of the standard library, with two processes that share nothing with this one."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as workers:
        yield workers


@pytest.fixture(scope="module")
def four_pools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a record of four pools that are too small to share a task."""
    folder = tmp_path_factory.mktemp("four")
    return record_of(folder, {("p", name): {"train": queue(seed, days=28)} for seed, name in enumerate("abcd")})


def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each pool be a task of its own."""
    monkeypatch.setattr("analysis.query.engines.FEWEST_ROWS", 1)


@pytest.mark.parametrize(("place", "question"), [("dirty.duckdb", "waits"), *(("ds", name) for name in QUESTIONS)])
def test_processes_answer_to_the_last_bit(
    folder: Path, executor: ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch, place: str, question: str
) -> None:
    """Every question on the dataset; one on the database with its spool."""
    small_tasks(monkeypatch)
    here, there = (History(folder / place, folder / "dirty.spool", engine=engine) for engine in (None, executor))
    expected = answer(here, question, **QUESTIONS[question])
    assert len(expected)
    pd.testing.assert_frame_equal(expected, answer(there, question, **QUESTIONS[question]), check_exact=True)


@pytest.mark.parametrize("by", ["type", "all"])
@pytest.mark.parametrize("question", SUMS)
def test_processes_sum_to_the_last_bit(
    folder: Path, executor: ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch, question: str, by: str
) -> None:
    """Sums over the pools of several tasks."""
    small_tasks(monkeypatch)
    here, there = (History(folder / "ds", engine=engine) for engine in (None, executor))
    expected = answer(here, question, by=by, **SUMS[question])
    assert len(expected)
    pd.testing.assert_frame_equal(expected, answer(there, question, by=by, **SUMS[question]), check_exact=True)


ELSEWHERE = ("--db", "ds", "--on", "processes:2")


@pytest.mark.parametrize("words", [("waits", "--by", "all", "--format", "csv"), ("plan",), ("forecast",)])
def test_commands_compute_in_processes(folder: Path, words: tuple[str, ...]) -> None:
    """Of the dataset, in two processes, the output is that of the configured record."""
    here, there = poolscope(folder, *words), poolscope(folder, *words, *ELSEWHERE)
    assert 0 == there.returncode, there.stderr
    assert (here.stdout, "") == (there.stdout, there.stderr)


def test_a_report_is_computed_in_processes(folder: Path) -> None:
    """Of the dataset, in two processes, all figures and findings are those of the configured record."""
    for out, more in (("here", ()), ("there", ELSEWHERE)):
        done = poolscope(folder, "report", "--format", "json", "--slo", "30m", "--out", out, *more)
        assert 0 == done.returncode, done.stderr
    here, there = (json.loads(next((folder / out).glob("*.json")).read_text()) for out in ("here", "there"))
    assert here == there


@pytest.mark.parametrize(
    ("on", "message"),
    [
        ("threads:2", "take processes:N"),
        ("processes:0", "take processes:N"),
        ("processes:", "take processes:N"),
        ("spark://", "take processes:N"),
        ("local[x]", "take processes:N"),
    ],
)
def test_other_engines_are_refused(folder: Path, on: str, message: str) -> None:
    """Exit 2, with the forms that there are."""
    done = poolscope(folder, "waits", "--on", on)
    assert 2 == done.returncode
    assert message in done.stderr


def test_a_process_that_dies_costs_a_retry(four_pools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pools have their answers."""
    small_tasks(monkeypatch)
    marker = tmp_path / "died"
    frame = History(four_pools, engine=Dying(marker, always=False)).waits()
    assert marker.exists()
    pd.testing.assert_frame_equal(History(four_pools).waits(), frame, check_exact=True)


def test_a_pool_whose_processes_die_is_named(four_pools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have their answers."""
    small_tasks(monkeypatch)
    with pytest.raises(Incomplete, match="a: its process died each time") as raised:
        History(four_pools, engine=Dying(tmp_path / "died", always=True)).waits()
    (frame,) = raised.value.frames
    expected = History(four_pools).waits().query("pool != 'a'").reset_index(drop=True)
    assert frame is not None
    pd.testing.assert_frame_equal(expected, frame, check_exact=True)


def fail_for_b(questions: Any, series: Any) -> Any:  # noqa: ANN401 - as `part`
    if series[0].pool.pool == "b":
        raise ZeroDivisionError("for a test")
    return part(questions, series)


def test_a_pool_whose_computation_fails_is_named(four_pools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have their answers, in every frame."""
    monkeypatch.setattr("analysis.query.tasks.part", fail_for_b)
    with pytest.raises(Incomplete, match="b train: ZeroDivisionError: for a test") as raised:
        History(four_pools).several(["waits", "flows"])
    for frame in raised.value.frames:
        assert frame is not None
        assert ["a", "c", "d"] == list(frame["pool"].unique())


def test_a_sum_that_lacks_a_pool_is_missing(four_pools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum over the other pools would be a wrong number."""

    def fail_for_b(series: Any, *others: Any) -> Any:  # noqa: ANN401 - as `member_of`
        if series.pool.pool == "b":
            raise ZeroDivisionError("for a test")
        return member_of(series, *others)

    monkeypatch.setattr("analysis.query.tasks.member_of", fail_for_b)
    with pytest.raises(Incomplete, match="b train: ZeroDivisionError") as raised:
        History(four_pools).waits(by="all")
    assert [None] == raised.value.frames


FAILING_COMMAND = """
from analysis.query import tasks
from collector import cli
part = tasks.part
def fail_for_b(questions, series):
    if series[0].pool.pool == "b":
        raise ZeroDivisionError("for a test")
    return part(questions, series)
tasks.part = fail_for_b
cli.main()
"""


def test_a_command_shows_the_rest_and_ends_with_8(four_pools: Path, tmp_path: Path) -> None:
    """The answers about the other pools on standard output, the pool that has none in the error."""
    call = [sys.executable, "-c", FAILING_COMMAND, "waits", "--format", "csv", "--db", str(four_pools)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert 8 == done.returncode, done.stderr
    assert "b train: ZeroDivisionError" in done.stderr
    assert {"a", "c", "d"} == {line.split(",")[1] for line in done.stdout.splitlines()[1:]}


class Older(Threads):
    """Workers that have another version of Poolscope, as their parcels come from another version."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Parcel], /) -> Iterator[Any]:
        """Yield the results."""
        return super().map(function, [item._replace(version="0.0.1", task=b"unreadable there") for item in items])


class Later:
    """Returns futures, as the client of Dask does."""

    def map(self, _function: Callable[[Any], Any], items: Iterable[Parcel], /) -> list[Future[Any]]:
        """Return futures."""
        return [Future() for _ in items]


class Few:
    """Returns fewer results than there are tasks."""

    def map(self, _function: Callable[[Any], Any], _items: Iterable[Parcel], /) -> list[Any]:
        """Return nothing."""
        return []


Connected = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session", "sparkContext": None})
"""As the class of a session of Spark Connect: it has no jobs of its own."""


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (Older(), "install one version everywhere"),
        (Later(), "returned Future instead of results"),
        (7, "take an object with map"),
        (Threads, "take an object with map"),
        (Few(), "returned 0 results of"),
        (Connected(), "a session of Spark Connect cannot be used"),
    ],
)
def test_an_engine_that_cannot_be_used_is_refused(four_pools: Path, engine: object, message: str) -> None:
    """Before any answer is made from wrong results."""
    with pytest.raises(RequestRefused, match=message):
        History(four_pools, engine=engine).waits()


def test_without_spark_the_message_says_what_to_install(four_pools: Path, tmp_path: Path) -> None:
    """As the extra is not installed everywhere."""
    code = "import sys; sys.modules['pyspark'] = None; from collector import cli; cli.main()"
    call = [sys.executable, "-c", code, "waits", "--on", "local[1]", "--db", str(four_pools)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert 2 == done.returncode
    assert "pip install 'poolscope[spark]'" in done.stderr


def test_a_task_takes_the_files_of_its_pools_alone(folder: Path) -> None:
    """Of a dataset, and wherever the worker's folder is."""
    record = History(folder / "ds").record
    pools = [pool for pool in record.pools() if pool.project == "alpha"]
    opening = record.about(pools)._open
    manifest = opening.args[0].manifest
    assert manifest.files
    assert {"alpha"} == {file.project for file in manifest.files}
    assert {"scrapes", "snapshots"} == {file.table for file in manifest.files}
    assert opening.args[0].folder.is_absolute()


def test_a_member_for_sums_needs_little_memory() -> None:
    """At most 30 bytes for each job and two for each slot; and what it restores is equal."""
    for step in (600, 60):
        series = queue(1, days=14, step=step)
        member = member_of(series, Request(), {Waiting, Flows})
        small = compressed(member)
        assert (small.slots == member.slots).all()
        assert member.facts is not None
        assert small.facts is not None
        waiting, flows = small.facts[Waiting], small.facts[Flows]
        assert (waiting.queue_before == member.facts[Waiting].queue_before).all()
        assert (flows.arrivals == member.facts[Flows].arrivals).all()
        assert all(np.array_equal(count, flows.series.counts[name]) for name, count in series.counts.items())
        assert len(pickle.dumps(small)) <= 30 * flows.arrivals.sum() + 2 * len(series.slots)


def subclasses(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for own in error.__subclasses__():
        yield from subclasses(own)


MADE = {Locked: Locked(Path("record.duckdb"), "another"), Incomplete: Incomplete(["a: lost"], [None])}


@pytest.mark.parametrize("error", [*subclasses(RecordUnreadable), *subclasses(RequestRefused), Incomplete])
def test_a_refusal_reaches_the_caller_from_another_process(error: type[Exception]) -> None:
    """With its class, its text and its exit code."""
    refusal = MADE[error] if error in MADE else error("what, where, what to do")
    arrived = pickle.loads(pickle.dumps(refusal))  # noqa: S301 - made here
    assert (type(refusal), str(refusal)) == (type(arrived), str(arrived))
    assert refusal.exit_code == arrived.exit_code  # type: ignore[attr-defined] # each has one


def test_one_thread_at_a_time_reads_a_database(four_pools: Path) -> None:
    """The first of two that closes the file would open it to writers."""
    with (
        reading(four_pools, four_pools.parent / "spool", lambda _seconds: None),
        ThreadPoolExecutor(1) as other,
    ):
        assert not other.submit(ONE_AT_A_TIME.acquire, blocking=False).result()
    with ThreadPoolExecutor(1) as other:
        assert other.submit(ONE_AT_A_TIME.acquire, blocking=False).result()
        other.submit(ONE_AT_A_TIME.release).result()


def test_a_type_outside_of_the_span_has_no_row(tmp_path: Path) -> None:
    """Also if it was listed hours before or after; nor has a pool that was not observed in the span."""
    long, slot = queue(1, days=6), 288
    early, late = long.at(slice(0, 2 * slot)), long.at(slice(4 * slot, None))
    around = long.at(np.r_[0 : 2 * slot, 4 * slot : len(long.slots)])
    pools = {("p", "a"): {"whole": long, "early": early, "late": late}, ("p", "gap"): {"whole": around}}
    history = History(record_of(tmp_path, pools))
    since, until = (pd.Timestamp(long.slots[day * slot], unit="s", tz="UTC") for day in (2, 4))
    frame = history.coverage(every="all", since=since + pd.Timedelta("1h"), until=until - pd.Timedelta("1h"))
    assert [("a", "whole")] == list(zip(frame["pool"], frame["type"], strict=True))


def test_a_sum_whose_computation_fails_is_reported(four_pools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a pool is whose computation fails."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("for a test")

    monkeypatch.setattr("analysis.query.answers.rows_of", fail)
    with pytest.raises(Incomplete, match="the sum over train: ZeroDivisionError"):
        History(four_pools).waits(by="type")


def test_a_broken_executor_names_the_pools_left(four_pools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An executor of the caller is not begun again."""
    small_tasks(monkeypatch)
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as workers,
        pytest.raises(Incomplete, match="a: a worker died"),
    ):
        History(four_pools, engine=Ending(workers)).waits()


class Ending:
    """An executor whose process ends at the first task."""

    def __init__(self, workers: ProcessPoolExecutor) -> None:
        self._workers = workers

    def map(self, _function: Callable[[Any], Any], items: Iterable[Parcel], /) -> Iterator[Any]:
        """Yield nothing."""
        return self._workers.map(os._exit, [9 for _ in items])


def test_a_terminal_shows_how_far_a_question_is(
    four_pools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And that functions are compiled, where none are kept; where standard error is no terminal, nothing is shown."""
    small_tasks(monkeypatch)
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=is_terminal: answer, raising=False)
        with working(None, "waits") as engine:
            History(four_pools, engine=engine).waits()
        shown = capsys.readouterr().err
        assert is_terminal == ("reading" in shown) == ("4/4" in shown)
        assert "compiling" not in shown
    monkeypatch.setattr("analysis.cli.progress.bounds", NotKept(str(tmp_path)))
    with working(None, "waits"):
        assert "compiling, once: about ten seconds\n" == capsys.readouterr().err


class NotKept:
    """A function that was never compiled."""

    __name__ = "bounds"

    def __init__(self, cache_path: str) -> None:
        self.stats = self
        self.cache_path = cache_path


@pytest.mark.parametrize(
    ("cores", "rows", "engine"), [(8, 5_000_000, "processes"), (8, 4_999_999, "threads"), (2, 1_000_000_000, "threads")]
)
def test_processes_are_begun_where_rows_and_cores_pay_for_them(
    monkeypatch: pytest.MonkeyPatch, cores: int, rows: int, engine: str
) -> None:
    """One for each core; else threads."""
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    begun: list[int] = []

    def begin(number: int) -> Threads:
        begun.append(number)
        return Threads()

    monkeypatch.setattr("analysis.query.engines.Processes", begin)
    parcels = [Parcel("", rows - 1, b""), Parcel("", 1, b"")]
    assert parcels == list(BySize().map(lambda parcel: parcel, parcels))
    assert begun == ([cores] if "processes" == engine else [])
