"""`poolscope compact`: every row is kept, the file is smaller, and no poll is lost meanwhile."""

import itertools
import json
import random
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.commands.collect import command as collect
from collector.context import Context
from collector.errors import LockHeld
from collector.record.columns import TABLES
from collector.record.schema import migrate
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY, Behaviour
from collector.sandbox.server import Sandbox
from collector.storage.compaction import compaction_due
from tests.collector.commands.test_watch import observed, watching
from tests.polling import configure, environment, poolscope, rows
from tests.scripted import StillPool, another_process

RECORD = Path("data/poolscope.duckdb")
HOLD = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "True"): print("ready", flush=True); input()
"""
COMPACT = """
import duckdb, pathlib, sys
from collector.storage.lock import compacting_lock, holding
with holding(compacting_lock(pathlib.Path(sys.argv[1])), "compacting"):
    with duckdb.connect(sys.argv[1], read_only=True): print("ready", flush=True); input()
"""
# Thirty-five days of slots a minute apart, in the order of arrival, and an import's poll, which has no slot.
FILL = """
INSERT INTO polls (run, project, slot) SELECT slot, 'p', slot FROM slots UNION ALL SELECT now()::TIMESTAMP, 'q', NULL;
INSERT INTO discoveries (run, project, workspace, page, slot, outcome) SELECT slot, 'p', '0', 0, slot, 'ok' FROM slots;
INSERT INTO scrapes (run, project, pool, slot, outcome, interval_seconds)
SELECT slot, 'p', pool, slot, 'ok', 60 FROM slots, pools_of ORDER BY slot;
INSERT INTO snapshots (project, pool, type, slot, total, "Queue", "Running", other_statuses)
SELECT 'p', pool, type, slot, i // 7 % 9,
    i // 30 % 5 + hash(pool, i // 30) % 3, i // 100, CASE WHEN i % 500 = 0 THEN MAP {'Odd': i} END
FROM slots, pools_of, (VALUES ('infer'), ('train')) t(type) ORDER BY slot, hash(pool, type);
INSERT INTO pools (run, project, pool, slot, listed, nodes) SELECT min(slot), 'p', pool, min(slot), true,
[{'flavor': 'f', 'count': 3, 'available': 3, 'abnormal': 0, 'creating': NULL, 'deleting': NULL}]
FROM slots, pools_of GROUP BY ALL;
"""
NOISE = "INSERT INTO snapshots (project, slot, type) SELECT 'p', '2026-01-05', md5(i::VARCHAR) FROM noise"
"""Rows that do not compress: with them the file is large enough for an automatic compaction."""
AFTERWARDS = datetime(2026, 3, 2, tzinfo=UTC)


def fill(folder: Path, extra: str = "", pools: int = 2) -> None:
    """Make a record with rows in order of arrival, as many drains leave it."""
    (folder / RECORD).parent.mkdir(exist_ok=True)
    with duckdb.connect(folder / RECORD) as connection:
        migrate(connection, 0, "test")
        connection.execute(
            """CREATE TEMP TABLE slots AS SELECT i, TIMESTAMP '2026-01-05' + i * INTERVAL 1 MINUTE AS slot
            FROM range(35 * 1440) t(i)"""
        )
        connection.execute("CREATE TEMP VIEW noise AS FROM range(1500000) t(i)")
        connection.execute(f"CREATE TEMP TABLE pools_of AS SELECT 'pool-' || n AS pool FROM range({pools}) t(n)")
        connection.execute(FILL + extra)


def content(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """Return the number of rows and a checksum of every table, which does not depend on the order of rows."""
    return {
        table: rows(folder / RECORD, f"SELECT count(*), bit_xor(hash({table})) FROM {table}")
        for table in (*TABLES, "poolscope_migrations")
    }


def test_a_compacted_record_holds_the_same_rows_in_less_room(tmp_path: Path) -> None:
    """Every row of every table is there, sorted within its month, in a smaller file; a second run changes nothing."""
    fill(tmp_path, pools=5)
    configure(tmp_path, "http://127.0.0.1:9")
    before, size = content(tmp_path), (tmp_path / RECORD).stat().st_size
    for _ in range(2):
        done = poolscope(tmp_path, "compact")
        assert (0, "compacted") == (done.returncode, json.loads(done.stdout)["event"])
        assert before == content(tmp_path)
        assert (tmp_path / RECORD).stat().st_size < size
    in_order = "SELECT (month(slot), pool, type, slot) FROM snapshots"
    assert rows(tmp_path / RECORD, in_order) == rows(tmp_path / RECORD, in_order + " ORDER BY ALL")
    left = {path.name for path in (tmp_path / "data").iterdir()}
    assert {"poolscope.duckdb", "poolscope.duckdb.compacted", "poolscope.duckdb.compacting.lock"} == left


def test_readers_do_not_stop_a_compaction_and_writers_do(tmp_path: Path) -> None:
    """It succeeds while a notebook reads the record; while a program writes it exits with 5 and changes nothing."""
    fill(tmp_path)
    configure(tmp_path, "http://127.0.0.1:9")
    before = content(tmp_path)
    with another_process(HOLD, str(tmp_path / RECORD), "False"):
        done = poolscope(tmp_path, "compact")
        assert 5 == done.returncode
        assert "is in use" in done.stderr
    with another_process(HOLD, str(tmp_path / RECORD), "True"):
        assert 0 == poolscope(tmp_path, "compact").returncode
    assert before == content(tmp_path)


def test_a_poll_during_a_compaction_is_silent(tmp_path: Path) -> None:
    """It stays in the spool, and the next poll takes it in; only readers of others are worth a warning."""
    fill(tmp_path)
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        with another_process(COMPACT, str(tmp_path / RECORD)):
            done = poolscope(tmp_path, "collect")
            assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
            assert 1 == len(list((tmp_path / "data/spool").glob("*.ndjson")))
        with another_process(HOLD, str(tmp_path / RECORD), "True"):
            assert "spool_waits" == json.loads(poolscope(tmp_path, "collect").stderr)["event"]
        assert 0 == poolscope(tmp_path, "collect").returncode
    assert [(1,)] == rows(tmp_path / RECORD, "SELECT count(*) FROM scrapes WHERE pool = 'a'")


def test_the_log_of_a_killed_run_is_replayed_first(tmp_path: Path) -> None:
    """A write-ahead log belongs to the old file: compaction exits with 5, and works after the next poll."""
    fill(tmp_path)
    code = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("INSERT INTO polls (run, project) VALUES (now()::TIMESTAMP, 'log')")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / RECORD)], check=True)
    assert (tmp_path / "data/poolscope.duckdb.wal").exists()
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        assert 5 == poolscope(tmp_path, "compact").returncode
        assert 0 == poolscope(tmp_path, "collect").returncode
        assert 0 == poolscope(tmp_path, "compact").returncode
    assert [(1,)] == rows(tmp_path / RECORD, "SELECT count(*) FROM polls WHERE project = 'log'")


@pytest.mark.slow
def test_compactions_that_are_killed_beside_polls_lose_nothing(tmp_path: Path) -> None:
    """Ten compactions are killed while polls run: the old rows are there, and each polled slot once."""
    fill(tmp_path, pools=10)
    chance = random.Random(5)
    before = content(tmp_path)["snapshots"]
    keys = {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
    call = [sys.executable, "-m", "collector", "compact"]
    slots = itertools.count(1)
    acknowledged = 0
    with Sandbox([StillPool("a")], Behaviour(time="requests")) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]', 'interval = "1m"')
        for _ in range(10):
            with subprocess.Popen(
                call, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as compacting:
                # It is killed at a random time: after a random number of polls.
                for slot in itertools.islice(slots, chance.randint(1, 4)):
                    clock = SimulatedClock(AFTERWARDS + slot * timedelta(minutes=1))
                    with suppress(LockHeld):
                        code = collect.main(
                            [], standalone_mode=False, obj=Context(keys, clock, tmp_path / "poolscope.toml")
                        )
                        acknowledged += 0 == code
                compacting.kill()
        last = poolscope(tmp_path, "compact")
        assert last.returncode in (0, 5), last.stderr
        assert poolscope(tmp_path, "collect").returncode in (0, 1)
        assert 0 == poolscope(tmp_path, "compact").returncode
    polled = "FROM scrapes WHERE pool = 'a' AND outcome = 'ok'"
    count, distinct = rows(tmp_path / RECORD, f"SELECT count(*), count(DISTINCT slot) {polled}")[0]
    assert count == distinct >= acknowledged > 0
    query = "SELECT count(*), bit_xor(hash(snapshots)) FROM snapshots WHERE pool <> 'a'"
    assert before == rows(tmp_path / RECORD, query)
    assert [] == list((tmp_path / "data/spool").glob("*.ndjson"))


def test_a_size_that_cannot_be_noted_does_not_undo_a_compaction(tmp_path: Path) -> None:
    """The new file is in place before its size is noted: without room for the note the command still succeeds."""
    fill(tmp_path)
    configure(tmp_path, "http://127.0.0.1:9")
    before, inode = content(tmp_path), (tmp_path / RECORD).stat().st_ino
    (tmp_path / "data/poolscope.duckdb.compacted").mkdir()
    done = poolscope(tmp_path, "compact")
    assert (0, "compacted", "") == (done.returncode, json.loads(done.stdout or "{}").get("event"), done.stderr)
    assert inode != (tmp_path / RECORD).stat().st_ino
    assert before == content(tmp_path)


def test_collect_compacts_a_file_that_has_grown(tmp_path: Path) -> None:
    """It compacts a large file that has grown by half since the last time; the next poll does not compact again."""
    fill(tmp_path, NOISE, 1)
    assert compaction_due(tmp_path / RECORD)
    before = content(tmp_path)["pools"]
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        done = poolscope(tmp_path, "collect")
        assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
        assert (tmp_path / "data/poolscope.duckdb.compacted").exists()
    assert not compaction_due(tmp_path / RECORD)
    assert before == content(tmp_path)["pools"]
    assert not compaction_due(tmp_path / "missing.duckdb")


def test_a_compaction_that_failed_is_not_tried_at_every_poll(tmp_path: Path) -> None:
    """Without room for the new file collect warns once, goes on polling, and tries again when it has grown by half."""
    fill(tmp_path, NOISE, 1)
    # The name is so long that the new file cannot get one, which has the same effect as a full disk.
    record = (tmp_path / RECORD).rename(tmp_path / "data" / ("x" * (255 - len(".compacting.lock"))))
    paths = {"POOLSCOPE_PATHS__DATABASE": str(record)}
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        done = poolscope(tmp_path, "collect", **paths)
        assert (0, "not_compacted") == (done.returncode, json.loads(done.stderr)["event"])
        assert not compaction_due(record)
        assert json.loads(poolscope(tmp_path, "status", "--json", **paths).stdout)["compacted_at"] is None
        done = poolscope(tmp_path, "collect", **paths)
        assert (0, "") == (done.returncode, done.stderr)


def test_watch_compacts_a_file_that_has_grown(tmp_path: Path) -> None:
    """In a process of its own, while slots are polled; status shows when it was."""
    fill(tmp_path, NOISE, 1)
    before = content(tmp_path)["pools"]
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]', 'interval = "10s"')
        assert json.loads(poolscope(tmp_path, "status", "--json").stdout)["compacted_at"] is None
        with watching(tmp_path) as watch:
            watch.until(lambda line: line["event"] == "compacted")
            watch.until(observed)
            assert 0 == watch.end()
    assert not compaction_due(tmp_path / RECORD)
    assert before == content(tmp_path)["pools"]
    assert json.loads(poolscope(tmp_path, "status", "--json").stdout)["compacted_at"] is not None


def test_a_database_that_is_a_link_stays_a_link(tmp_path: Path) -> None:
    """The new file replaces the file that the link leads to, and is not made beside the link."""
    fill(tmp_path)
    configure(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "disk").mkdir()
    (tmp_path / RECORD).rename(tmp_path / "disk/kept.duckdb")
    (tmp_path / RECORD).symlink_to(tmp_path / "disk/kept.duckdb")
    before = content(tmp_path)
    inode = (tmp_path / "disk/kept.duckdb").stat().st_ino
    assert 0 == poolscope(tmp_path, "compact").returncode
    assert (tmp_path / RECORD).is_symlink()
    assert inode != (tmp_path / "disk/kept.duckdb").stat().st_ino
    assert before == content(tmp_path)
