"""The database: rows that arrive twice or in any order, and other processes that have it open."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.errors import RecordUnreadable
from collector.polling.known import read_known
from collector.record import spool
from collector.record.columns import TABLES
from collector.record.database import Record
from collector.record.reading import reading
from collector.record.rows import Discovery, Poll, PolledRows, Scrape, Snapshot
from collector.record.statuses import STATUSES
from collector.storage.drain import Drained, drain, ingest

SLOT = datetime(2026, 1, 15, 8, 0)
HOUR = timedelta(hours=1)
Tables = dict[str, list[tuple[Any, ...]]]


def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 1, 15, 9, tzinfo=UTC))


def a_round(second: int, outcomes: dict[str, str], queue: int = 1, slot: datetime = SLOT) -> PolledRows:
    """Return the rows of a run that began `second` seconds into the slot, with `outcomes` by pool."""
    run = slot + timedelta(seconds=second)
    scrapes, snapshots = [], []
    for pool, outcome in outcomes.items():
        scrapes.append(Scrape(run, "p", pool, slot, 60, outcome, 200, None, None, None, 1, run, run, 2, None, None))
        for kind in ("train", "infer") if outcome == "ok" else ():
            counts: dict[str, int | None] = dict.fromkeys(STATUSES) | {"Queue": queue}
            snapshots.append(Snapshot(run, "p", pool, kind, slot, queue, counts, {"Pausé": 1, "queue": None}))
    poll = Poll(run, "p", "id", "https://example.com", "collect", "1", slot, 60, run, len(outcomes))
    page = Discovery(run, "p", "0", 0, slot, "ok", 200, None, None, None, 1, run, run, len(outcomes), None)
    return PolledRows([poll], [page], scrapes, snapshots)


def keep(folder: Path, result: PolledRows) -> Path:
    return spool.write(folder / "spool", result.scrapes[0].slot, result.scrapes[0].run, result)


def drained(folder: Path, wait_seconds: float = 0.0) -> Drained:
    return asyncio.run(drain(folder / "record.duckdb", folder / "spool", clock(), wait_seconds))


def tables(record: Record) -> Tables:
    """Return every row of every table, sorted."""
    return {table: record.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES}


def stored(folder: Path) -> Tables:
    with duckdb.connect(str(folder / "record.duckdb"), read_only=True) as record:
        return tables(record)


def read(folder: Path) -> Tables:
    """Return every row as a reader sees it, spool and database as one."""
    with reading(folder / "record.duckdb", folder / "spool", clock().pause) as record:
        return tables(record)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@contextmanager
def held(folder: Path, *, read_only: bool) -> Iterator[None]:
    """Have another process keep the database open: to read like a notebook, or to write like a run."""
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'True')"
    program += "; print('held', flush=True); input()"
    call = [sys.executable, "-c", program, str(folder / "record.duckdb"), str(read_only)]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        yield
        holder.communicate("\n")


def test_a_round_is_stored_as_it_was(tmp_path: Path) -> None:
    """Every field of every row; missing values are NULL, unknown statuses keep name and count."""
    keep(tmp_path, a_round(1, {"a": "ok", "b": "timeout"}))
    assert Drained(1) == drained(tmp_path)
    run, rest = SLOT + timedelta(seconds=1), (1, *[None] * 8, {"Pausé": 1, "queue": None})
    turn = (200, None, None, None, 1, SLOT + timedelta(seconds=1), SLOT + timedelta(seconds=1))
    assert {
        "polls": [(run, "p", "id", "https://example.com", "collect", "1", SLOT, 60, run, 2, None)],
        "discoveries": [(run, "p", "0", 0, SLOT, "ok", *turn, 2, None)],
        "scrapes": [
            (run, "p", "a", SLOT, 60, "ok", *turn, 2, None, None),
            (run, "p", "b", SLOT, 60, "timeout", *turn, 2, None, None),
        ],
        "snapshots": [("p", "a", "infer", SLOT, 1, *rest), ("p", "a", "train", SLOT, 1, *rest)],
        "pools": [],
    } == stored(tmp_path)
    assert [] == spool.waiting(tmp_path / "spool")


def test_draining_twice_adds_nothing(tmp_path: Path) -> None:
    """The same file a second time, as after a kill between commit and removal of the file, changes no table."""
    file = keep(tmp_path, a_round(1, {"a": "ok", "b": "timeout"}))
    whole = file.read_bytes()
    drained(tmp_path)
    before = stored(tmp_path)
    file.write_bytes(whole)
    assert before == read(tmp_path)
    assert 1 == drained(tmp_path).files
    assert before == stored(tmp_path)
    assert Drained() == drained(tmp_path)


RUNS = [
    a_round(1, {"a": "timeout", "b": "ok"}, queue=1),
    a_round(2, {"a": "ok", "b": "ok"}, queue=2),
    a_round(3, {"a": "ok", "b": "timeout"}, queue=3),
    a_round(1, {"a": "ok", "b": "gone"}, queue=4, slot=SLOT + timedelta(minutes=1)),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("at_once", [1, 2])
def test_the_order_of_arrival_changes_nothing(tmp_path: Path, order: tuple[int, int, int], at_once: int) -> None:
    """In any order, one or two at a time, the earliest success of a slot counts; a reader sees it before the drain."""
    for start in range(0, 4, at_once):
        for number in (3, *order)[start : start + at_once]:
            keep(tmp_path, RUNS[number])
        before = read(tmp_path)
        drained(tmp_path)
        assert before == stored(tmp_path)
    rows = stored(tmp_path)
    assert [4, 4, 8, 6, 0] == [len(rows[table]) for table in TABLES]
    winners = {(pool, slot): queue for _, pool, _, slot, _, queue, *_ in rows["snapshots"]}
    later = SLOT + timedelta(minutes=1)
    assert {("a", SLOT): 2, ("b", SLOT): 1, ("a", later): 4} == winners


def test_successes_in_spool_and_database_count_as_sampled(tmp_path: Path) -> None:
    """Drained successes and those that wait in the spool count as sampled; failures and other slots do not."""
    database, folder = tmp_path / "record.duckdb", tmp_path / "spool"
    assert set() == read_known(database, folder, SLOT, HOUR).sampled
    keep(tmp_path, a_round(1, {"a": "ok", "b": "timeout"}))
    drained(tmp_path)
    keep(tmp_path, a_round(2, {"c": "ok", "d": "refused"}))
    keep(tmp_path, a_round(1, {"e": "ok"}, slot=SLOT + timedelta(minutes=1)))
    assert {("p", "a"), ("p", "c")} == read_known(database, folder, SLOT, HOUR).sampled


def test_while_another_process_reads_the_spool_waits(tmp_path: Path) -> None:
    """Nothing is lost and the drain names the cause; afterwards the drain takes everything in."""
    keep(tmp_path, a_round(1, {"a": "ok"}))
    drained(tmp_path)
    file = keep(tmp_path, a_round(1, {"a": "ok"}, slot=SLOT + timedelta(minutes=1)))
    expected = read(tmp_path)
    with held(tmp_path, read_only=True):
        waited = drained(tmp_path, wait_seconds=1.0)
        assert (0, []) == (waited.files, waited.set_aside)
        assert "Could not set lock" in (waited.waits_because or "")
        assert [file] == spool.waiting(tmp_path / "spool")
        assert expected == read(tmp_path)
    assert 1 == drained(tmp_path).files
    assert expected == stored(tmp_path)


def test_a_large_spool_goes_in_by_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest part first; where a part fails, the parts before it are stored, and the others wait."""
    files = [keep(tmp_path, a_round(1, {"a": "ok"}, slot=SLOT + timedelta(minutes=n))) for n in range(5)]
    expected = read(tmp_path)
    monkeypatch.setattr("collector.storage.drain.LARGEST_DRAIN", 2 * files[0].stat().st_size)
    calls = []

    def fail_second_call(record: Record) -> None:
        calls.append(record)
        if 2 == len(calls):
            raise duckdb.OutOfMemoryException("no room")
        ingest(record)

    monkeypatch.setattr("collector.storage.drain.ingest", fail_second_call)
    first = drained(tmp_path)
    assert (2, True) == (first.files, "no room" in (first.waits_because or ""))
    assert files[2:] == spool.waiting(tmp_path / "spool")
    assert expected == read(tmp_path)
    assert 3 == drained(tmp_path).files
    assert expected == stored(tmp_path)


def test_a_reader_is_refused_while_another_process_writes(tmp_path: Path) -> None:
    """A database that is written for longer than the wait is refused with a fix; polls go on without it."""
    keep(tmp_path, a_round(1, {"a": "ok"}))
    drained(tmp_path)
    with held(tmp_path, read_only=False):
        with pytest.raises(RecordUnreadable, match=r"is in use .* try again"):
            read(tmp_path)
        assert set() == read_known(tmp_path / "record.duckdb", tmp_path / "spool", SLOT, HOUR).sampled
