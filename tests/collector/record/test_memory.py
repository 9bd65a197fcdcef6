"""A process that may not have all memory: within its limit it works, beyond it it says so, and polls stay."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.clock import SimulatedClock
from collector.errors import RecordUnreadable
from collector.record import database, spool
from collector.record.reading import reading
from collector.record.rows import PolledRows, Scrape, Snapshot
from collector.record.statuses import STATUSES
from collector.storage.drain import drain
from tests.polling import GUARD_SECONDS, configure, environment

pytestmark = pytest.mark.floor
SLOT = datetime(2026, 1, 15, 8, 0)
CLOCK = SimulatedClock(SLOT.replace(tzinfo=UTC))
POLLS = 30
POOLS = 99


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose spool holds polls."""
    for minute in range(POLLS):
        at = SLOT + timedelta(minutes=minute)
        spool.write(tmp_path / "data" / "spool", at, at, polled(at))
    return tmp_path


def polled(at: datetime) -> PolledRows:
    rows = PolledRows()
    for pool in (f"pool-{n}" for n in range(POOLS)):
        rows.scrapes.append(Scrape(at, "p", pool, at, 60, "ok", 200, None, None, None, 1, at, at, 1, None, None))
        rows.snapshots.append(Snapshot(at, "p", pool, "train", at, 1, dict.fromkeys(STATUSES) | {"Queue": 1}, None))
    return rows


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no limit of address space is kept")
def test_little_address_space_is_enough(folder: Path) -> None:
    """DuckDB alone would want 700 MiB for its threads, and would end the process where it does not get them."""
    configure(folder, "http://127.0.0.1:9")
    limited = f"ulimit -v 400000; exec {sys.executable} -m collector export --output out.csv"
    done = subprocess.run(
        ["sh", "-c", limited],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=GUARD_SECONDS,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert 1 + POLLS * POOLS == len((folder / "out.csv").read_text().splitlines())


def test_too_little_memory_is_named_and_nothing_is_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is refused; the drain leaves the polls where they are, and takes them in once there is enough."""
    record, spooled = folder / "data" / "record.duckdb", folder / "data" / "spool"
    waiting = spool.waiting(spooled)
    asyncio.run(drain(record, spooled.with_name("none"), CLOCK, 0.0))
    with monkeypatch.context() as little:
        little.setattr(database, "limits", lambda: {"memory_limit": "8MB", "temp_directory": ""})
        with pytest.raises(RecordUnreadable, match="raise its limit"), reading(record, spooled, CLOCK.pause):
            pass
        with pytest.raises(RecordUnreadable, match="raise its limit"):
            asyncio.run(drain(record, spooled, CLOCK, 0.0))
    assert waiting == spool.waiting(spooled)
    assert POLLS == asyncio.run(drain(record, spooled, CLOCK, 0.0)).files
    assert [] == spool.waiting(spooled)
