"""A poll whose clock was months ahead is stored, and no reader of the record uses it."""

import json
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from analysis.record.database import Record
from collector.clock import SimulatedClock
from collector.polling.known import read_known
from collector.record.reading import reading
from collector.record.rows import PolledRows
from collector.record.selection import Selection
from collector.record.slots import naive
from collector.status import status_of
from tests.polling import FAST, GOOD, START, collect, project, rows, statistics_path, take_in
from tests.scripted import Scripted, answer

LISTING = json.dumps({"items": [{"metadata": {"name": "a"}, "status": {"phase": "Running"}}]}).encode()
AHEAD = START + timedelta(days=90)


def polled(folder: Path, now: datetime, date: datetime | None, *pools: str, drained: bool = True) -> PolledRows:
    """Poll while this machine's clock is at `now` and the Date of the answers is `date`."""
    headers = {} if date is None else {"Date": format_datetime(date, usegmt=True)}
    scripts = {
        "/v2/0a1b/pools": [answer(200, LISTING, **headers)],
        statistics_path("bad"): [answer(404, b"{}", **headers)],
    }
    with Scripted(scripts, answer(200, GOOD, **headers)) as server:
        result = collect(folder, [project(server.endpoint, *pools)], SimulatedClock(now), FAST)
    if drained:
        take_in(folder)
    return result


@pytest.mark.parametrize("drained", [True, False], ids=["in the database", "in the spool"])
def test_no_reader_uses_a_poll_that_was_ahead(tmp_path: Path, drained: bool) -> None:
    """Its rows are stored with their counts, but nothing is known from them; a later poll in time is used."""
    polled(tmp_path, AHEAD, START, "a", "bad", drained=drained)
    place = (tmp_path / "record.duckdb", tmp_path / "spool")
    slot = naive(AHEAD)
    assert set() == read_known(*place, slot, FAST.discovery_interval).sampled
    with reading(*place, SimulatedClock(START).pause) as record:
        kept = record.execute("SELECT pool, outcome, body FROM scrapes ORDER BY pool").fetchall()
        status = status_of(record, *place, slot)
    assert [("a", "clock_ahead"), ("bad", "clock_ahead")] == [row[:2] for row in kept]
    assert [3] == [item["total"] for item in json.loads(kept[0][2])]
    assert (None, None, []) == (status.last_run, status.last_slot, status.pools)
    polled(tmp_path, AHEAD + timedelta(seconds=5), AHEAD, "a", "bad", drained=drained)
    assert {("p", "a")} == set(read_known(*place, slot, FAST.discovery_interval).sampled)
    pools, _ = next(Record(*place).read(Selection()))
    assert [1] == [len(pool.slots) for pool in pools]
    assert slot == Record(*place).last_slot()


def test_a_poll_in_time_counts_although_an_earlier_run_was_ahead(tmp_path: Path) -> None:
    """Of several successes the earliest run counts, but a poll that was ahead is not a success."""
    polled(tmp_path, AHEAD, START, "a")
    polled(tmp_path, AHEAD + timedelta(seconds=5), AHEAD, "a")
    assert [(1,)] == rows(tmp_path / "record.duckdb", "SELECT count(*) FROM snapshots")
    assert [(2,)] == rows(tmp_path / "record.duckdb", "SELECT count(*) FROM scrapes")


def test_a_listing_that_was_ahead_describes_no_pool(tmp_path: Path) -> None:
    """It also does not count as a listing."""
    result = polled(tmp_path, AHEAD, START)
    assert ([], [None]) == (result.pools, [poll.discovered for poll in result.polls])


@pytest.mark.parametrize(
    "date", [AHEAD - timedelta(minutes=59), AHEAD + timedelta(days=9), None], ids=["minutes", "behind", "no Date"]
)
def test_a_poll_that_is_not_an_hour_ahead_is_used(tmp_path: Path, date: datetime | None) -> None:
    """A clock that is less than an hour ahead or is behind, and answers without a Date, change nothing."""
    result = polled(tmp_path, AHEAD, date, "a")
    assert ["ok"] == [scrape.outcome for scrape in result.scrapes]
    assert 1 == len(result.snapshots)
