"""Reading the record for analysis: spool and database as one, and the one rule for what was not said."""

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


def keep(folder: Path, number: int, items: Items, total: int | None, second: int = 1) -> None:
    """Spool one good answer of pool `a` in the slot of that number: by type its total and the statuses it named."""
    slot = SLOT + number * STEP
    run = slot + timedelta(seconds=second)
    snapshots = []
    for kind, (item_total, named) in items.items():
        counts = dict.fromkeys(STATUSES) | {label: n for label, n in named.items() if label in STATUSES}
        other = {label: n for label, n in named.items() if label not in STATUSES} or None
        snapshots.append(Snapshot(run, "p", "a", kind, slot, item_total, counts, other))
    scrape = Scrape(run, "p", "a", slot, 300, "ok", 200, None, None, None, 1, run, run, total, None, None)
    poll = Poll(run, "p", "id", "https://example.com", "collect", "1", slot, 300, run, 1)
    spool.write(folder / "spool", slot, run, PolledRows([poll], [], [scrape], snapshots))


def drained(folder: Path) -> None:
    asyncio.run(drain(folder / "record.duckdb", folder / "spool", CLOCK, 0.0))


def counts(folder: Path) -> pd.DataFrame:
    return History(folder / "record.duckdb").counts().set_index(["type", "slot"])


def at(number: int) -> pd.Timestamp:
    return pd.Timestamp(SLOT + number * STEP, tz="UTC")


def test_a_status_that_was_not_named_is_zero_where_the_total_agrees(tmp_path: Path) -> None:
    """Total 5 with Queue 5 says that nothing runs; total 6 with Queue 5 leaves one job in an unknown status."""
    keep(tmp_path, 0, {"train": (5, {"Queue": 5})}, 5)
    keep(tmp_path, 1, {"train": (6, {"Queue": 5})}, 6)
    running = counts(tmp_path)["Running"]
    assert 0 == running["train", at(0)]
    assert pd.isna(running["train", at(1)])


def test_beside_an_undocumented_status_what_was_left_out_is_unknown(tmp_path: Path) -> None:
    """Total 5 with Queue 4 and one job that is Paused: what was said stays, and that one may be in any other status."""
    keep(tmp_path, 0, {"train": (5, {"Queue": 4, "Paused": 1})}, 5)
    frame = counts(tmp_path)
    assert 4 == frame["Queue"]["train", at(0)]
    assert pd.isna(frame["Running"]["train", at(0)])


def test_a_type_that_was_not_listed_has_no_jobs_where_the_outer_total_agrees(tmp_path: Path) -> None:
    """An answer that lists train alone says that infer is empty, unless its outer total counts more."""
    keep(tmp_path, 0, {"train": (1, {"Queue": 1}), "infer": (2, {"Running": 2})}, 3)
    keep(tmp_path, 1, {"train": (1, {"Queue": 1})}, 1)
    keep(tmp_path, 2, {"train": (1, {"Queue": 1})}, 4)
    running = counts(tmp_path)["Running"]
    assert 2 == running["infer", at(0)]
    assert 0 == running["infer", at(1)]
    assert pd.isna(running["infer", at(2)])


def test_a_slot_without_a_good_answer_has_no_row(tmp_path: Path) -> None:
    """A gap is a gap: no row, no zero."""
    keep(tmp_path, 0, {"train": (1, {"Queue": 1})}, 1)
    keep(tmp_path, 2, {"train": (1, {"Queue": 1})}, 1)
    assert [at(0), at(2)] == list(counts(tmp_path).loc["train"].index)


def test_spool_and_database_read_as_one(tmp_path: Path) -> None:
    """What is read does not change when the spool is drained, and no row comes twice when both hold it."""
    keep(tmp_path, 0, {"train": (1, {"Queue": 1})}, 1)
    keep(tmp_path, 1, {"train": (2, {"Queue": 2})}, 2)
    before = History(tmp_path / "record.duckdb").counts()
    files = {file: file.read_bytes() for file in spool.waiting(tmp_path / "spool")}
    drained(tmp_path)
    pd.testing.assert_frame_equal(before, History(tmp_path / "record.duckdb").counts())
    for file, content in files.items():
        file.write_bytes(content)
    pd.testing.assert_frame_equal(before, History(tmp_path / "record.duckdb").counts())


@pytest.mark.parametrize("first", [1, 9])
def test_both_packages_read_the_same_success_of_a_slot(tmp_path: Path, first: int) -> None:
    """Of two successes in a slot, one drained and one waiting, both packages take that of the earliest run."""
    keep(tmp_path, 0, {"train": (first, {"Queue": first})}, first, second=first)
    drained(tmp_path)
    keep(tmp_path, 0, {"train": (10 - first, {"Queue": 10 - first})}, 10 - first, second=10 - first)

    def collected() -> int:
        with reading(tmp_path / "record.duckdb", tmp_path / "spool", CLOCK.pause) as record:
            return int(record.execute('SELECT "Queue" FROM snapshots').fetchall()[0][0])

    assert 1 == counts(tmp_path)["Queue"]["train", at(0)]
    assert 1 == collected()


def test_an_empty_record_reads_as_empty(tmp_path: Path) -> None:
    """A database that holds nothing gives frames without rows; one that is not there is named."""
    with pytest.raises(RecordUnreadable, match="does not exist"):
        History(tmp_path / "record.duckdb").counts()
    duckdb.connect(str(tmp_path / "record.duckdb")).close()
    assert 0 == len(History(tmp_path / "record.duckdb").counts())
