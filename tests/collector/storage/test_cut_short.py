"""A database that was cut short is refused before a write to it; one that DuckDB itself shortened is accepted."""

import asyncio
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.errors import RecordUnreadable
from collector.record import spool
from collector.record.database import connect
from collector.record.reading import reading
from collector.record.schema import migrate
from collector.storage.drain import drain
from tests.collector.record.test_spool import RUN, SLOT, a_round
from tests.polling import START, configure, poolscope, rows

pytestmark = pytest.mark.floor

CLOCK = SimulatedClock(START)
# Texts that do not compress, so that they take many blocks.
FILL = """INSERT INTO scrapes (run, project, pool, slot, outcome, interval_seconds, body)
    SELECT now(), 'p', 'pool-' || i, TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE, 'ok', 60,
    (SELECT string_agg(md5((i * 100 + j)::VARCHAR), '') FROM range(100) u(j)) FROM range(1500) t(i)"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database of a few megabytes."""
    file = tmp_path / "data/poolscope.duckdb"
    file.parent.mkdir()
    with duckdb.connect(file) as connection:
        migrate(connection, 0, "test")
        connection.execute(FILL)
        connection.execute("CHECKPOINT")
    return file


@pytest.mark.parametrize("bytes_lost", [1, 4096, 1 << 20])
def test_a_cut_file_is_refused(database: Path, bytes_lost: int) -> None:
    """By the drain, which leaves the polls in the spool, and by readers."""
    folder = database.parent / "spool"
    spool.write(folder, SLOT, RUN, a_round())
    database.write_bytes(database.read_bytes()[:-bytes_lost])
    with pytest.raises(RecordUnreadable, match=r"damaged|cut short"):
        asyncio.run(drain(database, folder, CLOCK, 0.0))
    assert 1 == len(spool.waiting(folder))
    with pytest.raises(RecordUnreadable, match=r"damaged|cut short"), reading(database, folder, CLOCK.pause) as record:
        record.execute("SELECT max(body) FROM scrapes").fetchall()


def test_commands_refuse_a_cut_file(database: Path) -> None:
    """Exit 5 with a fix, without a traceback."""
    folder = database.parent.parent
    configure(folder, "http://127.0.0.1:9")
    database.write_bytes(database.read_bytes()[: -(1 << 19)])
    for words in (("status",), ("waits",), ("compact",), ("backup", "kept")):
        done = poolscope(folder, *words)
        assert (5, "Traceback" in done.stderr) == (done.returncode, False), done.stderr
        assert "move it away" in done.stderr


def test_a_file_that_duckdb_shortened_is_accepted(database: Path) -> None:
    """After rows at its end were deleted, the header names more blocks than the file has."""
    with duckdb.connect(database) as connection:
        connection.execute("CREATE TABLE more AS FROM scrapes")
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLE more")
        connection.execute("CHECKPOINT")
    for read_only in (True, False):
        with connect(database, read_only=read_only) as record:
            assert [(1500,)] == record.execute("SELECT count(*) FROM scrapes").fetchall()
    assert [(1500,)] == rows(database, "SELECT count(*) FROM scrapes")
