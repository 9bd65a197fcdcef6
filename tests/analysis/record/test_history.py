"""Reading the record for analysis: spool and database as one, and the rule for counts that answers left out."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from analysis.history import History
from collector.clock import SimulatedClock
from collector.record import RecordUnreadable, spool
from collector.record.reading import reading
from collector.record.rows import Poll, PolledRows, Scrape, Snapshot
from collector.record.statuses import STATUSES
from collector.storage.drain import drain

SLOT = datetime(2026, 1, 15, 8, 0)
STEP = timedelta(minutes=5)
CLOCK = SimulatedClock(datetime(2026, 1, 15, 9, tzinfo=UTC))
Items = dict[str, tuple[int | None, dict[str, int | None]]]


def spool_answer(folder: Path, number: int, items: Items, total: int | None, second: int = 1) -> None:
    """Spool one good answer of pool `a` in a numbered slot: by type the item's total and the statuses it names."""
    slot = SLOT + number * STEP
    run = slot + timedelta(seconds=second)
    snapshots = []
    for type_, (item_total, named) in items.items():
        counts = dict.fromkeys(STATUSES) | {label: n for label, n in named.items() if label in STATUSES}
        other = {label: n for label, n in named.items() if label not in STATUSES} or None
        snapshots.append(Snapshot(run, "p", "a", type_, slot, item_total, counts, other))
    scrape = Scrape(run, "p", "a", slot, 300, "ok", 200, None, None, None, 1, run, run, total, None, None)
    poll = Poll(run, "p", "id", "https://example.com", "collect", "1", slot, 300, run, 1)
    spool.write(folder / "record.spool", slot, run, PolledRows([poll], [], [scrape], snapshots))


def drain_spool(folder: Path) -> None:
    asyncio.run(drain(folder / "record.duckdb", folder / "record.spool", CLOCK, 0.0))


def counts(folder: Path) -> pd.DataFrame:
    return History(folder / "record.duckdb").counts().set_index(["type", "slot"])


def at(number: int) -> pd.Timestamp:
    return pd.Timestamp(SLOT + number * STEP, tz="UTC")


def test_a_status_that_was_not_named_is_zero_where_the_total_agrees(tmp_path: Path) -> None:
    """Total 5 with Queue 5 means that no job runs; total 6 with Queue 5 leaves one job in an unknown status."""
    spool_answer(tmp_path, 0, {"train": (5, {"Queue": 5})}, 5)
    spool_answer(tmp_path, 1, {"train": (6, {"Queue": 5})}, 6)
    running = counts(tmp_path)["Running"]
    assert 0 == running["train", at(0)]
    assert pd.isna(running["train", at(1)])


def test_a_status_left_out_beside_an_undocumented_one_is_unknown(tmp_path: Path) -> None:
    """Total 5 with Queue 4 and one job that is Paused: Queue stays 4, and the paused job may be in any other status."""
    spool_answer(tmp_path, 0, {"train": (5, {"Queue": 4, "Paused": 1})}, 5)
    frame = counts(tmp_path)
    assert 4 == frame["Queue"]["train", at(0)]
    assert pd.isna(frame["Running"]["train", at(0)])


def test_a_type_that_was_not_listed_has_no_jobs_where_the_outer_total_agrees(tmp_path: Path) -> None:
    """An answer that lists only train means that infer is empty, unless its outer total is larger."""
    spool_answer(tmp_path, 0, {"train": (1, {"Queue": 1}), "infer": (2, {"Running": 2})}, 3)
    spool_answer(tmp_path, 1, {"train": (1, {"Queue": 1})}, 1)
    spool_answer(tmp_path, 2, {"train": (1, {"Queue": 1})}, 4)
    running = counts(tmp_path)["Running"]
    assert 2 == running["infer", at(0)]
    assert 0 == running["infer", at(1)]
    assert pd.isna(running["infer", at(2)])


def test_a_slot_without_a_good_answer_has_no_row(tmp_path: Path) -> None:
    """A slot that was not observed is left out; it does not become a row of zeros."""
    spool_answer(tmp_path, 0, {"train": (1, {"Queue": 1})}, 1)
    spool_answer(tmp_path, 2, {"train": (1, {"Queue": 1})}, 1)
    assert [at(0), at(2)] == list(counts(tmp_path).loc["train"].index)


def test_spool_and_database_read_as_one(tmp_path: Path) -> None:
    """Draining the spool changes nothing that is read, and a row that both hold is read once."""
    spool_answer(tmp_path, 0, {"train": (1, {"Queue": 1})}, 1)
    spool_answer(tmp_path, 1, {"train": (2, {"Queue": 2})}, 2)
    before = History(tmp_path / "record.duckdb").counts()
    files = {file: file.read_bytes() for file in spool.waiting(tmp_path / "record.spool")}
    drain_spool(tmp_path)
    pd.testing.assert_frame_equal(before, History(tmp_path / "record.duckdb").counts())
    for file, content in files.items():
        file.write_bytes(content)
    pd.testing.assert_frame_equal(before, History(tmp_path / "record.duckdb").counts())


@pytest.mark.parametrize("first", [1, 9])
def test_both_packages_read_the_earliest_success_of_a_slot(tmp_path: Path, first: int) -> None:
    """With two successes in a slot, one drained and one in the spool, both packages read that of the earlier run."""
    spool_answer(tmp_path, 0, {"train": (first, {"Queue": first})}, first, second=first)
    drain_spool(tmp_path)
    spool_answer(tmp_path, 0, {"train": (10 - first, {"Queue": 10 - first})}, 10 - first, second=10 - first)

    def collected() -> int:
        with reading(tmp_path / "record.duckdb", tmp_path / "record.spool", CLOCK.pause) as record:
            return int(record.execute('SELECT "Queue" FROM snapshots').fetchall()[0][0])

    assert 1 == counts(tmp_path)["Queue"]["train", at(0)]
    assert 1 == collected()


def test_an_empty_record_reads_as_empty(tmp_path: Path) -> None:
    """An empty database gives frames without rows; the error about a missing one names it."""
    with pytest.raises(RecordUnreadable, match=r"record\.duckdb does not exist"):
        History(tmp_path / "record.duckdb").counts()
    duckdb.connect(str(tmp_path / "record.duckdb")).close()
    assert 0 == len(History(tmp_path / "record.duckdb").counts())
