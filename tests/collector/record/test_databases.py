"""Files that are not the record: databases of other programs or of a newer Poolscope, half-made or empty ones."""

import asyncio
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from collector.errors import RecordUnreadable
from collector.record import spool
from collector.record.columns import TABLES
from collector.record.schema import MIGRATIONS
from collector.storage.drain import drain
from collector.storage.opening import open_for_writing
from tests.collector.storage.test_store import a_round, clock, content, drained, keep, read

pytestmark = pytest.mark.floor

CURRENT_TABLES = ";".join(MIGRATIONS) + f"; CREATE TABLE poolscope_migrations AS SELECT {len(MIGRATIONS)} AS version"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ("CREATE TABLE theirs AS SELECT 1 AS a", "left untouched: it was not made by Poolscope"),
        ("CREATE SCHEMA their; CREATE TABLE their.own AS SELECT 1 AS a", "it was not made by Poolscope"),
        ("CREATE TABLE poolscope_migrations AS SELECT 'one' AS version", "it was not made by Poolscope"),
        (
            f"CREATE TABLE poolscope_migrations AS SELECT {len(MIGRATIONS) + 1} AS version",
            "left untouched: a newer Poolscope wrote it .* upgrade Poolscope",
        ),
        (
            f"{CURRENT_TABLES}; ALTER TABLE scrapes DROP outcome",
            "no column outcome of type VARCHAR in its table scrapes",
        ),
        (f"{CURRENT_TABLES}; ALTER TABLE snapshots ALTER slot TYPE VARCHAR", "no column slot of type TIMESTAMP"),
        (f"{CURRENT_TABLES}; DROP TABLE pools", "there is no table pools: .*poolscope restore"),
        (
            f"{CURRENT_TABLES}; ALTER TABLE scrapes RENAME TO theirs; CREATE VIEW scrapes AS FROM theirs",
            "there is no table scrapes",
        ),
    ],
)
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "with a log"])
def test_a_foreign_database_is_left_untouched(tmp_path: Path, statements: str, message: str, closed: bool) -> None:
    """Writer and readers refuse a foreign, newer or incomplete database; no byte of it or its log changes."""
    program = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute(sys.argv[2]); "
    program += "c.close()" if closed else "os._exit(0)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "record.duckdb"), statements], check=True)
    before = content(tmp_path)
    assert (1 if closed else 2) == len(before)
    file = keep(tmp_path, a_round(1, {"a": "ok"}))
    for use in (drained, read):
        with pytest.raises(RecordUnreadable, match=message):
            use(tmp_path)
    assert before == content(tmp_path)
    assert [file] == spool.waiting(tmp_path / "spool")


@pytest.mark.parametrize("garbage", [b"no database", b"\0" * 20_000, b"x" * 20_000])
def test_a_file_that_is_not_a_database_is_left_untouched(tmp_path: Path, garbage: bytes) -> None:
    """A file of another kind is refused, and stays as it is."""
    keep(tmp_path, a_round(1, {"a": "ok"}))
    (tmp_path / "record.duckdb").write_bytes(garbage)
    for use in (drained, read):
        with pytest.raises(RecordUnreadable, match=r"record\.duckdb"):
            use(tmp_path)
    assert garbage == (tmp_path / "record.duckdb").read_bytes()
    assert 1 == len(spool.waiting(tmp_path / "spool"))


def test_a_half_made_database_is_made_again(tmp_path: Path) -> None:
    """Files of a process that was killed while making the database are not used, and are removed."""
    (tmp_path / ".record.duckdb.1.unfinished").write_bytes(b"half")
    (tmp_path / ".record.duckdb.1.unfinished.wal").write_bytes(b"half")
    keep(tmp_path, a_round(1, {"a": "ok"}))
    assert 1 == drained(tmp_path).files
    assert ["record.duckdb"] == sorted(content(tmp_path))


def test_where_no_database_can_be_made_the_spool_keeps_the_answers(tmp_path: Path) -> None:
    """A file has the name of the database's folder: the answers stay in the spool, and the drain names the cause."""
    file = keep(tmp_path, a_round(1, {"a": "ok"}))
    (tmp_path / "file").write_text("in the way")
    result = asyncio.run(drain(tmp_path / "file" / "record.duckdb", tmp_path / "spool", clock(), 0.0))
    assert "cannot be made" in (result.waits_because or "")
    assert [file] == spool.waiting(tmp_path / "spool")


def test_an_empty_database_becomes_the_record(tmp_path: Path) -> None:
    """A database without tables, such as DuckDB makes on opening a new file, is used; each migration is noted once."""
    duckdb.connect(str(tmp_path / "record.duckdb")).close()
    assert {table: [] for table in TABLES} == read(tmp_path)
    for _ in range(2):
        with asyncio.run(open_for_writing(tmp_path / "record.duckdb", clock(), 0.0)) as record:
            versions = record.execute("SELECT version FROM poolscope_migrations").fetchall()
        assert [(number,) for number in range(1, len(MIGRATIONS) + 1)] == versions
