"""How the record stands: what `status` says of hand-made records."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.clock import SimulatedClock
from collector.record import spool
from collector.record.reading import reading
from collector.record.rows import Discovery, Poll, PolledRows, Scrape
from collector.status import PoolStatus, Status, status_of
from collector.storage.drain import drain
from tests.polling import GUARD_SECONDS

NOW = datetime(2026, 1, 15, 12, 0, 30)
SLOT = datetime(2026, 1, 15, 12, 0)
MINUTE = timedelta(minutes=1)
CLOCK = SimulatedClock(NOW.replace(tzinfo=UTC))


def scrape(slot: datetime, pool: str = "a", outcome: str = "ok", second: int = 1, interval: int = 60) -> Scrape:
    run = slot + timedelta(seconds=second)
    return Scrape(run, "p", pool, slot, interval, outcome, 200, None, None, None, 1, run, run, 0, None, None)


def keep(folder: Path, *scrapes: Scrape, discoveries: tuple[Discovery, ...] = ()) -> None:
    """Put the turns of one run into the spool, as a poll does."""
    run, slot = scrapes[0].run, scrapes[0].slot
    poll = Poll(run, "p", "id", "https://example.com", "collect", "1", slot, 60, run, len(scrapes))
    spool.write(folder / "spool", slot, run, PolledRows([poll], list(discoveries), list(scrapes), []))


def status(folder: Path, projects: tuple[str, ...] = ()) -> Status:
    with reading(folder / "record.duckdb", folder / "spool", CLOCK.pause) as record:
        return status_of(record, folder / "record.duckdb", folder / "spool", NOW, projects)


def pool_of(folder: Path, name: str = "a") -> PoolStatus:
    return next(pool for pool in status(folder).pools if pool.pool == name)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "poolscope.toml").write_text('[paths]\ndatabase = "record.duckdb"\nspool = "spool"\n')
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POOLSCOPE_")}
    call = [sys.executable, "-m", "collector", "--config", str(folder / "poolscope.toml"), "status", *words]
    return subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, timeout=GUARD_SECONDS, check=False
    )


def test_coverage_is_the_share_of_due_slots_that_were_observed(tmp_path: Path) -> None:
    """Of the last hour's sixty slots thirty were observed: a half of the hour, and of the day since the first poll."""
    for minutes in range(0, 60, 2):
        keep(tmp_path, scrape(SLOT - minutes * MINUTE))
    assert 0.5 == pytest.approx(pool_of(tmp_path).coverage_hour, abs=0.01)
    assert pool_of(tmp_path).coverage_hour == pool_of(tmp_path).coverage_week


def test_a_gap_before_the_window_does_not_shorten_it(tmp_path: Path) -> None:
    """A pool known for two days and observed for the last hour alone has a twenty-fourth of the day."""
    keep(tmp_path, scrape(SLOT - timedelta(days=2)))
    for minutes in range(60):
        keep(tmp_path, scrape(SLOT - minutes * MINUTE))
    assert 1 / 24 == pytest.approx(pool_of(tmp_path).coverage_day)


def test_the_slot_under_way_is_not_yet_missing(tmp_path: Path) -> None:
    """The slot that it is now counts once it is observed: until then the record is complete without it."""
    keep(tmp_path, scrape(SLOT - 2 * MINUTE))
    keep(tmp_path, scrape(SLOT - MINUTE))
    assert 1.0 == pool_of(tmp_path).coverage_hour


def test_errors_are_counted_by_cause_and_a_filled_slot_is_observed(tmp_path: Path) -> None:
    """A slot that failed twice and was then filled has both failures and full coverage."""
    keep(tmp_path, scrape(SLOT, outcome="timeout"))
    keep(tmp_path, scrape(SLOT, outcome="server_error", second=5))
    keep(tmp_path, scrape(SLOT, second=9))
    pool = pool_of(tmp_path)
    assert {"timeout": 1, "server_error": 1} == pool.errors_hour
    assert 1.0 == pool.coverage_hour
    assert "ok" == pool.last_outcome


def test_spool_and_database_say_the_same(tmp_path: Path) -> None:
    """What status says of the pools does not depend on whether the spool has been drained."""
    keep(tmp_path, scrape(SLOT - MINUTE), scrape(SLOT - MINUTE, "b", "gone"))
    keep(tmp_path, scrape(SLOT))
    before = status(tmp_path)
    asyncio.run(drain(tmp_path / "record.duckdb", tmp_path / "spool", CLOCK, 0.0))
    after = status(tmp_path)
    assert before.pools == after.pools
    assert (2, 0) == (before.spool_files, after.spool_files)


def test_a_clock_that_was_ahead_is_told(tmp_path: Path) -> None:
    """Slots later than now are named, and are neither the last slot nor part of any coverage."""
    keep(tmp_path, scrape(SLOT - MINUTE))
    keep(tmp_path, scrape(SLOT + timedelta(hours=1)))
    found = status(tmp_path)
    assert 1 == found.ahead_slots
    assert SLOT - MINUTE == found.last_slot
    assert SLOT - MINUTE == found.pools[0].last_ok


def test_failed_listings_are_counted_by_project_and_cause(tmp_path: Path) -> None:
    """A listing that failed explains slots without any scrape."""
    run_at = SLOT + timedelta(seconds=1)
    listing = Discovery(
        run_at, "p", "0", 0, SLOT, "unauthorized", 401, "APIGW.0301", "x", None, 1, run_at, run_at, None, None
    )
    keep(tmp_path, scrape(SLOT), discoveries=(listing,))
    assert {"p": {"unauthorized": 1}} == status(tmp_path).listing_errors


def test_an_empty_record_has_a_status() -> None:
    """Before the first poll there is nothing, and status says so."""
    found = status(Path("/nonexistent"))
    assert found.last_slot is None
    assert [] == found.pools


@pytest.mark.parametrize(("age", "code"), [("3650d", 0), ("10m", 7)])
def test_max_age_tells_monitoring_by_its_exit_code(tmp_path: Path, age: str, code: int) -> None:
    """A record older than the age gives exit code 7 and names what is old; a younger one is silent."""
    keep(tmp_path, scrape(SLOT))
    done = run(tmp_path, "--max-age", age)
    assert code == done.returncode
    assert ("2026-01-15 12:00Z" in done.stderr) == (code == 7)


def test_a_pool_that_is_gone_does_not_alarm_for_ever(tmp_path: Path) -> None:
    """Only pools that the newest slot still polled can be too old."""
    keep(tmp_path, scrape(SLOT - 60 * MINUTE), scrape(SLOT - 60 * MINUTE, "b"))
    keep(tmp_path, scrape(SLOT), scrape(SLOT, "b", "gone"))
    assert [] == status(tmp_path).too_old(timedelta(minutes=10))


def test_a_polled_pool_without_samples_alarms(tmp_path: Path) -> None:
    """A pool that fails while the others are fine is named."""
    keep(tmp_path, scrape(SLOT - 60 * MINUTE), scrape(SLOT - 60 * MINUTE, "b"))
    keep(tmp_path, scrape(SLOT), scrape(SLOT, "b", "timeout"))
    (told,) = status(tmp_path).too_old(timedelta(minutes=10))
    assert told.startswith("p b (last slot 2026-01-15 11:00Z, last outcome timeout")


def test_what_nobody_polls_does_not_alarm(tmp_path: Path) -> None:
    """An import, which has no attempts, and a project that is no longer configured; the configured one does."""
    keep(tmp_path, scrape(SLOT - 60 * MINUTE), replace(scrape(SLOT - 60 * MINUTE, "b"), project="old", attempts=None))
    keep(tmp_path, scrape(SLOT))
    assert [] == status(tmp_path).too_old(timedelta(minutes=10))
    keep(tmp_path, replace(scrape(SLOT - 60 * MINUTE, "c"), project="gone", run=SLOT - 59 * MINUTE))
    assert 1 == len(status(tmp_path).too_old(timedelta(minutes=10)))
    assert [] == status(tmp_path, ("p",)).too_old(timedelta(minutes=10))


def test_a_pause_that_is_over_is_not_told(tmp_path: Path) -> None:
    """A credential that was refused and is configured no more stays in the file: it does not warn for ever."""
    keep(tmp_path, scrape(SLOT))
    paused = {"old": "2025-01-01T00:00:00+00:00", "now": "2026-01-15T12:05:00+00:00"}
    told = {profile: {"refusals": 1, "until": until} for profile, until in paused.items()}
    (tmp_path / "spool" / "refused.json").write_text(json.dumps(told))
    assert ["now"] == list(status(tmp_path).pauses)


def test_json_is_one_document(tmp_path: Path) -> None:
    """`--json` is one document with everything; without it, off a terminal, each line is an event."""
    keep(tmp_path, scrape(SLOT))
    (tmp_path / "spool" / "20260115T115900Z-20260115T115901.000000Z.ndjson").write_text("damaged")
    asyncio.run(drain(tmp_path / "record.duckdb", tmp_path / "spool", CLOCK, 0.0))
    document = json.loads(run(tmp_path, "--json").stdout)
    assert "a" == document["pools"][0]["pool"]
    assert 1 == len(document["set_aside"])
    lines = run(tmp_path)
    assert ["record", "pool"] == [json.loads(line)["event"] for line in lines.stdout.splitlines()]
    assert "set_aside" == json.loads(lines.stderr)["event"]
