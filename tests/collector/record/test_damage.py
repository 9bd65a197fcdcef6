"""A damaged database, log or spool file: it is named with a fix, nothing is removed, and polling goes on."""

import json
import random
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from collector.record import spool
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from collector.sandbox.server import Sandbox
from tests.polling import configure, environment, poolscope, rows
from tests.scripted import StillPool

RECORD = Path("data/poolscope.duckdb")
SPOOL = Path("data/spool")
ANOTHER_POOL = {"POOLSCOPE_PROJECTS__P__POOLS": "a,b"}
# Leaves rows in the log, as a kill between a commit and the checkpoint does.
LEAVE_A_LOG = """import duckdb, os, sys
record = duckdb.connect(sys.argv[1])
record.execute("INSERT INTO polls BY NAME SELECT now()::TIMESTAMP AS run, range::VARCHAR AS project FROM range(5000)")
os._exit(0)"""

# A disk that has room for the spool and the log, and none for a block of the database.
NO_MORE_BLOCKS = """import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.argv = ["poolscope", "collect"]
runpy.run_module("collector", run_name="__main__")"""


def flip(file: Path, share: float) -> bytes:
    """Change the byte at a share of a file's length, and return the old content."""
    content = file.read_bytes()
    place = int(share * len(content))
    file.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
    return content


def damage(record: Path, kind: str) -> None:
    if kind == "cut":
        record.write_bytes(record.read_bytes()[: record.stat().st_size // 2])
    elif kind == "empty":
        record.write_bytes(b"")
    elif kind == "garbage":
        record.write_bytes(random.Random(1).randbytes(50_000))
    else:
        flip(record, 0.0)


@pytest.mark.parametrize("kind", ["header", "cut", "empty", "garbage"])
def test_polls_go_on_beside_a_damaged_database(tmp_path: Path, kind: str) -> None:
    """Exit 5 with a fix, the answer waits in the spool, no byte changes; after the fix old and new rows are there."""
    with Sandbox([StillPool("a"), StillPool("b")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        assert 0 == poolscope(tmp_path, "collect").returncode
        assert 0 == poolscope(tmp_path, "backup", "kept").returncode
        damage(tmp_path / RECORD, kind)
        before = (tmp_path / RECORD).read_bytes()
        done = poolscope(tmp_path, "collect", **ANOTHER_POOL)
        assert 5 == done.returncode
        assert "poolscope restore" in json.loads(done.stderr)["message"]
        assert 1 == len(spool.waiting(tmp_path / SPOOL))
        for words in (("doctor",), ("status",), ("export", "--output", "out.csv")):
            done = poolscope(tmp_path, *words)
            assert (2 if words == ("doctor",) else 5) == done.returncode
            assert "poolscope restore" in done.stdout + done.stderr
            assert "Traceback" not in done.stderr
        assert before == (tmp_path / RECORD).read_bytes()
        (tmp_path / RECORD).rename(tmp_path / "data/poolscope.duckdb.damaged")
        assert 0 == poolscope(tmp_path, "restore", "kept").returncode
        assert 0 == poolscope(tmp_path, "collect").returncode
    assert not spool.waiting(tmp_path / SPOOL)
    assert [(2,)] == rows(tmp_path / RECORD, "SELECT count(DISTINCT run) FROM scrapes")


def test_a_damaged_block_is_named_by_the_command_that_reads_it(tmp_path: Path) -> None:
    """The database opens and polls go on; an export that reads the block ends with exit 5 and writes no file."""
    with Sandbox([StillPool("a"), StillPool("b")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        assert 0 == poolscope(tmp_path, "collect").returncode
        with duckdb.connect(tmp_path / RECORD) as record:
            record.execute(
                "INSERT INTO snapshots BY NAME SELECT s.* REPLACE (hash(number)::VARCHAR AS type) FROM snapshots s,"
                " range(200_000) AS numbers(number)"
            )
            query = "SELECT max(block_id) FROM pragma_storage_info('snapshots') WHERE column_name = 'type'"
            [(block,)] = record.execute(query).fetchall()
        content = bytearray((tmp_path / RECORD).read_bytes())
        # Three headers of 4 KiB, then blocks of 256 KiB.
        content[3 * (1 << 12) + block * (1 << 18) + 5000] ^= 0xFF
        (tmp_path / RECORD).write_bytes(content)
        assert 0 == poolscope(tmp_path, "collect", **ANOTHER_POOL).returncode
    done = poolscope(tmp_path, "export", "--output", "out.csv")
    assert 5 == done.returncode
    assert "poolscope restore" in json.loads(done.stderr)["message"]
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("place", [0.0, 0.5, 0.99])
def test_a_damaged_log_is_set_aside(tmp_path: Path, place: float) -> None:
    """The next poll opens the record without the log; nothing is removed, and doctor and status name the log."""
    with Sandbox([StillPool("a"), StillPool("b")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        assert 0 == poolscope(tmp_path, "collect").returncode
        subprocess.run([sys.executable, "-c", LEAVE_A_LOG, str(tmp_path / RECORD)], check=True)
        log = tmp_path / "data/poolscope.duckdb.wal"
        flip(log, place)
        damaged = log.read_bytes()
        done = poolscope(tmp_path, "collect", **ANOTHER_POOL)
        assert 0 == done.returncode
    assert [(2,)] == rows(tmp_path / RECORD, "SELECT count(DISTINCT run) FROM scrapes")
    assert not spool.waiting(tmp_path / SPOOL)
    if place:
        [aside] = spool.set_aside_files(tmp_path / SPOOL)
        assert damaged == aside.read_bytes()
        assert str(aside) in done.stderr
        for word in ("doctor", "status"):
            done = poolscope(tmp_path, word)
            assert str(aside) in done.stdout + done.stderr


@pytest.mark.parametrize("restored", [True, False])
def test_the_log_of_a_database_that_was_moved_away_is_not_replayed_into_the_next_one(
    tmp_path: Path, *, restored: bool
) -> None:
    """The fix moves only the database away: the next poll sets the log that stays aside, and is not blocked by it."""
    with Sandbox([StillPool("a"), StillPool("b")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        assert 0 == poolscope(tmp_path, "collect").returncode
        assert 0 == poolscope(tmp_path, "backup", "kept").returncode
        subprocess.run([sys.executable, "-c", LEAVE_A_LOG, str(tmp_path / RECORD)], check=True)
        log = (tmp_path / "data/poolscope.duckdb.wal").read_bytes()
        (tmp_path / RECORD).rename(tmp_path / "data/poolscope.duckdb.damaged")
        if restored:
            assert 0 == poolscope(tmp_path, "restore", "kept").returncode
        assert 0 == poolscope(tmp_path, "collect", **ANOTHER_POOL).returncode
    assert not spool.waiting(tmp_path / SPOOL)
    assert [log] == [file.read_bytes() for file in spool.set_aside_files(tmp_path / SPOOL)]
    pools = "SELECT DISTINCT pool FROM scrapes ORDER BY pool"
    assert [("a",), ("b",)] == rows(tmp_path / RECORD, pools)
    assert [(2 if restored else 1,)] == rows(tmp_path / RECORD, "SELECT count(DISTINCT run) FROM polls")


def test_a_log_that_could_not_be_written_to_the_database_loses_nothing_when_damaged(tmp_path: Path) -> None:
    """On a full disk only the log has the rows: the spool keeps them until the database file itself has them."""
    keys = environment(HUAWEICLOUD_SDK_AK=ACCESS_KEY, HUAWEICLOUD_SDK_SK=SECRET_KEY, **ANOTHER_POOL)
    with Sandbox([StillPool("a"), StillPool("b")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        assert 0 == poolscope(tmp_path, "collect").returncode
        call = [sys.executable, "-c", NO_MORE_BLOCKS, str((tmp_path / RECORD).stat().st_size)]
        full = subprocess.run(call, cwd=tmp_path, env=keys, capture_output=True, text=True, check=False)
        assert (0, "spool_waits") == (full.returncode, json.loads(full.stderr or "{}").get("event"))
        flip(tmp_path / "data/poolscope.duckdb.wal", 0.5)
        assert 0 == poolscope(tmp_path, "collect").returncode
    assert not spool.waiting(tmp_path / SPOOL)
    assert [("a",), ("b",)] == rows(tmp_path / RECORD, "SELECT DISTINCT pool FROM scrapes ORDER BY pool")
