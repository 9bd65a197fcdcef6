"""A process with a memory limit: within it commands work; beyond it they say so, and polls stay in the spool."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.clock import SimulatedClock
from collector.errors import RecordUnreadable
from collector.polling.known import read_known
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
    """Return a folder with polls in its spool."""
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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce a limit of address space")
def test_little_address_space_is_enough(folder: Path) -> None:
    """With its default threads DuckDB 2 would need more address space, and would end the process without it."""
    configure(folder, "http://127.0.0.1:9")
    limited = f"ulimit -v 700000; exec {sys.executable} -m collector export --output out.csv"
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
    """Reading is refused; a poll goes on without reading the spool; the drain leaves the polls in the spool."""
    record, spooled = folder / "data" / "record.duckdb", folder / "data" / "spool"
    waiting = spool.waiting(spooled)
    with monkeypatch.context() as little:
        little.setattr(database, "memory_settings", lambda: {"memory_limit": "8MB", "temp_directory": ""})
        with pytest.raises(RecordUnreadable, match="raise its memory limit"), reading(record, spooled, CLOCK.pause):
            pass
        assert set() == read_known(record, spooled, SLOT, timedelta(hours=1)).sampled
        result = asyncio.run(drain(record, spooled, CLOCK, 0.0))
        assert (0, True) == (result.files, "memory" in (result.waits_because or ""))
    assert waiting == spool.waiting(spooled)
    assert POLLS == asyncio.run(drain(record, spooled, CLOCK, 0.0)).files
    assert [] == spool.waiting(spooled)


def test_a_log_that_is_too_large_for_the_memory_is_not_called_damaged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Advice to move the database away would lose the rows of the log: it is replayed once there is memory."""
    record = folder / "record.duckdb"
    fill = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1], config={"storage_compatibility_version": "v1.4.0"})
connection.execute("SET wal_autocheckpoint = '1TB'")
connection.execute("CREATE TABLE mine (text VARCHAR)")
connection.execute("CHECKPOINT")
# Fewer rows than are written to the file itself before they are committed.
connection.execute("INSERT INTO mine SELECT repeat(md5(i::VARCHAR), 8) FROM range(100_000) t(i)")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", fill, str(record)], check=True, timeout=GUARD_SECONDS)
    assert record.with_name("record.duckdb.wal").exists()
    with monkeypatch.context() as little:
        little.setattr(database, "memory_settings", lambda: {"memory_limit": "8MB", "temp_directory": ""})
        with pytest.raises(RecordUnreadable, match="raise its memory limit") as refused:
            database.connect(record, read_only=False)
    assert "move it away" not in str(refused.value)
    with database.connect(record, read_only=False) as whole:
        assert [(100_000,)] == whole.execute("SELECT count(*) FROM mine").fetchall()
