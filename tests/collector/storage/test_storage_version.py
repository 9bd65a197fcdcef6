"""Every DuckDB writes files that the oldest supported one can read; a file of a newer DuckDB is refused."""

import asyncio
import struct
from datetime import UTC
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.errors import RecordUnreadable
from collector.record import spool
from collector.record.database import connect
from collector.record.reading import reading
from collector.storage.backups import back_up, restore
from collector.storage.compaction import compact
from collector.storage.drain import drain
from tests.collector.record.test_spool import RUN, SLOT, a_round
from tests.polling import START

pytestmark = pytest.mark.floor
CLOCK = SimulatedClock(START)


def stored_for(database: Path) -> str:
    """Return the oldest DuckDB that can read a file."""
    with duckdb.connect(database, read_only=True) as connection:
        query = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"
        return str(connection.execute(query).fetchall()[0][0])


def checksum(content: bytes) -> int:
    """Return DuckDB's checksum of a block."""
    total = 5381
    for (word,) in struct.iter_unpack("<Q", content):
        total ^= word * 0xBF58476D1CE4E5B9 % 2**64
    return total


def test_every_file_is_written_for_the_oldest_duckdb(tmp_path: Path) -> None:
    """By drain, compaction and restore; compaction also rewrites a file of a newer storage version."""
    database = tmp_path / "record.duckdb"
    spool.write(tmp_path / "spool", SLOT, RUN, a_round())
    asyncio.run(drain(database, tmp_path / "spool", CLOCK, 0.0))
    assert "v1.4.0+" == stored_for(database)
    with reading(database, tmp_path / "spool", CLOCK.pause) as record:
        back_up(record, tmp_path / "kept", SLOT.replace(tzinfo=UTC))
    restore(tmp_path / "kept", tmp_path / "restored.duckdb")
    assert "v1.4.0+" == stored_for(tmp_path / "restored.duckdb")
    newer = tmp_path / "newer.duckdb"
    with duckdb.connect(config={"storage_compatibility_version": "latest"}) as connection:
        connection.execute(f"ATTACH '{newer}' AS newer; ATTACH '{database}' AS old (READ_ONLY)")
        connection.execute("COPY FROM DATABASE old TO newer")
    assert "v1.4.0+" != stored_for(newer)
    assert 1 == compact(newer, CLOCK, 0.0).rows
    assert "v1.4.0+" == stored_for(newer)


def test_a_file_of_a_newer_duckdb_is_refused(tmp_path: Path) -> None:
    """The message has the version that wrote it, the installed version, and a fix."""
    database = tmp_path / "record.duckdb"
    duckdb.connect(database).close()
    head = bytearray(database.read_bytes())
    head[12:20] = (4000).to_bytes(8, "little")
    head[52:84] = b"v9.8.7".ljust(32, b"\0")
    head[:8] = checksum(bytes(head[8:4096])).to_bytes(8, "little")
    database.write_bytes(head)
    with pytest.raises(RecordUnreadable, match=r"(?s)written by DuckDB v9\.8\.7.*upgrade") as refusal:
        connect(database, read_only=True)
    assert duckdb.__version__ in str(refusal.value)
