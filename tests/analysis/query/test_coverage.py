"""Coverage, slots and gaps where a record begins and ends, and over several types."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analysis import History
from collector.clock import SimulatedClock
from collector.record.reading import reading
from collector.status import status_of
from tests.recorded import MONDAY, record_of, series_of

STEP = 300
SLOTS = MONDAY + STEP * np.delete(np.arange(1, 25), [3, 4, 5])
"""Two hours of polls: the first is at 00:05, and three of the first hour are missing."""


def record(folder: Path, types: tuple[str, ...] = ("train",)) -> Path:
    """Return the record of a pool with some job types."""
    return record_of(folder, {("p", "a"): {name: series_of(SLOTS, {"Running": np.ones(len(SLOTS))}) for name in types}})


def test_the_first_slot_covers_the_interval_before_it(tmp_path: Path) -> None:
    """The hour in which the record begins has 9 of 12 slots, as `status` says of the whole record with 21 of 24."""
    file = record(tmp_path)
    assert [9 / 12, 1.0] == History(file).coverage(every="1h")["coverage"].tolist()
    now = datetime.fromtimestamp(MONDAY + 24 * STEP, UTC)
    with reading(file, tmp_path / "spool", SimulatedClock(now).pause) as opened:
        status = status_of(opened, file, tmp_path / "spool", now.replace(tzinfo=None))
    assert [21 / 24] == [pool.coverage_day for pool in status.pools]
    assert [21 / 24] == History(file).coverage(every="1d")["coverage"].tolist()


def test_a_span_begins_with_its_first_slot(tmp_path: Path) -> None:
    """Of the hour from 00:40 on there are 5 slots, also where the span begins between two slots."""
    history = History(record(tmp_path))
    for since in ("2026-01-05T00:40:00", "2026-01-05T00:37:00"):
        hours = history.coverage(every="1h", since=since)
        assert ([1.0, 1.0], [5, 12]) == (hours["coverage"].tolist(), hours["slots"].tolist())


@pytest.mark.parametrize("by", ["pool,type", "pool", "all"])
def test_a_slot_counts_once_whatever_the_number_of_types(tmp_path: Path, by: str) -> None:
    """Both types of a pool come with the same answer."""
    hours = History(record(tmp_path, ("infer", "train"))).coverage(every="1h", by=by)
    assert {9, 12} == set(hours["slots"])


def test_no_time_after_the_end_is_a_gap(tmp_path: Path) -> None:
    """The day goes on for 22 hours after the last slot; the longest gap is that of the three missing slots."""
    assert [4 * STEP] == History(record(tmp_path)).coverage(every="1d")["longest_gap_seconds"].tolist()
