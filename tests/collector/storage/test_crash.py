"""Kills, readers, full disks, wrong clocks: whatever happens, an acknowledged slot is in the record exactly once."""

import asyncio
import json
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from collector.clock import SimulatedClock
from collector.polling.known import read_known
from collector.polling.sessions import open_sessions
from collector.polling.slot import collect_slot
from collector.record.slots import naive, slot_of
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY, Behaviour
from collector.sandbox.server import Sandbox
from collector.storage.drain import drain
from tests.benchmarks.crash import kill_often
from tests.polling import FAST, KEYS, START, configure, environment, poolscope, project, rows, statistics_path
from tests.scripted import StillPool, another_process

RECORD = Path("data/poolscope.duckdb")
SPOOL = Path("data/spool")
TRAINING = "SELECT pool, count(*) FROM snapshots WHERE type = 'train' GROUP BY ALL ORDER BY ALL"
HOLD = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "True"):
    print("ready", flush=True)
    input()
"""
LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.argv = ["poolscope", "collect"]
runpy.run_module("collector", run_name="__main__")
"""


@pytest.mark.slow
def test_after_kills_at_random_times_nothing_is_lost_or_duplicated(tmp_path: Path) -> None:
    """After twelve kills of three commands every acknowledged slot is there once and complete, and none in part."""
    figures = kill_often(12, seed=7, folder=tmp_path)
    assert [] == figures.faults
    assert 12 == figures.kills.total()
    assert 0 < figures.acknowledged <= figures.stored


@pytest.mark.slow
def test_after_kills_of_the_real_command_the_next_run_completes_the_slot(tmp_path: Path) -> None:
    """Eight runs of a slot are killed, the ninth succeeds: every pool is there once, and no unfinished file is left."""
    chance = random.Random(3)
    pools = [StillPool(f"pool-{number}") for number in range(12)]
    keys = environment(HUAWEICLOUD_SDK_AK=ACCESS_KEY, HUAWEICLOUD_SDK_SK=SECRET_KEY)
    with Sandbox(pools, Behaviour(latency=0.02)) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        for _ in range(8):
            with subprocess.Popen([sys.executable, "-m", "collector", "collect"], cwd=tmp_path, env=keys) as process:
                time.sleep(chance.uniform(0.1, 0.6))  # a kill at a random time
                process.kill()
        last = poolscope(tmp_path, "collect")
    assert (0, "", "") == (last.returncode, last.stdout, last.stderr)
    assert [(pool.id, 1) for pool in sorted(pools, key=lambda pool: pool.id)] == rows(tmp_path / RECORD, TRAINING)
    assert [] == list((tmp_path / SPOOL).iterdir())


@pytest.mark.parametrize("read_only", [True, False])
def test_no_answer_is_lost_while_the_database_is_open_elsewhere(tmp_path: Path, *, read_only: bool) -> None:
    """While a notebook has the database open the answers wait in the spool, exit 0; the next run stores them."""
    hold = (
        "import duckdb, sys\n"
        "with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'True'): print('ready', flush=True); input()"
    )
    with Sandbox([StillPool("a"), StillPool("b")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]')
        assert 0 == poolscope(tmp_path, "collect").returncode
        configure(tmp_path, sandbox.endpoint, 'pools = ["a", "b"]')
        with another_process(hold, str(tmp_path / RECORD), str(read_only)):
            done = poolscope(tmp_path, "collect")
        assert (0, "spool_waits") == (done.returncode, json.loads(done.stderr)["event"])
        assert 1 == len(list((tmp_path / "data" / "spool").glob("*.ndjson")))
        after = poolscope(tmp_path, "collect")
        assert (0, "") == (after.returncode, after.stderr)
    assert [] == list((tmp_path / "data" / "spool").iterdir())
    counts = rows(
        tmp_path / RECORD, "SELECT pool, count(*) FROM snapshots WHERE type = 'train' GROUP BY ALL ORDER BY 1"
    )
    assert [("a", 1), ("b", 1)] == counts


def test_a_spool_that_cannot_be_written_acknowledges_nothing(tmp_path: Path) -> None:
    """Exit 4 with a fix, and no row is stored; once it can be written the next run succeeds."""
    (tmp_path / "data").mkdir()
    (tmp_path / SPOOL).write_text("in the way")
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        done = poolscope(tmp_path, "collect")
        assert (4, "") == (done.returncode, done.stdout)
        assert str(tmp_path / SPOOL) in json.loads(done.stderr)["message"]
        assert not (tmp_path / RECORD).exists()
        (tmp_path / SPOOL).unlink()
        assert 0 == poolscope(tmp_path, "collect").returncode
    assert [("a", 1)] == rows(tmp_path / RECORD, TRAINING)


def test_a_full_disk_loses_no_acknowledged_slot(tmp_path: Path) -> None:
    """Under growing limits: exit 4 without room for the spool, 0 without room for the database; then one success."""
    codes = []
    keys = environment(HUAWEICLOUD_SDK_AK=ACCESS_KEY, HUAWEICLOUD_SDK_SK=SECRET_KEY)
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        for largest_file in (0, 100, 4096, 20_000, 300_000):
            call = [sys.executable, "-c", LIMITED, str(largest_file)]
            done = subprocess.run(call, cwd=tmp_path, env=keys, capture_output=True, text=True, check=False)
            codes.append(done.returncode)
            assert "Traceback" not in done.stderr, largest_file
        assert 0 == poolscope(tmp_path, "collect").returncode
        assert 3 == sandbox.requests[statistics_path("a")]
    assert [4, 4, 0, 0, 0] == codes
    assert [("a", 1)] == rows(tmp_path / RECORD, TRAINING)
    assert [("a", 1)] == rows(tmp_path / RECORD, "SELECT pool, count(*) FROM scrapes WHERE outcome = 'ok' GROUP BY ALL")


def test_a_clock_that_steps_back_adds_nothing(tmp_path: Path) -> None:
    """The slots of 8 and 9 o'clock, and both again after the clock was set back: one run each, no second request."""

    async def collect(hour: int, minute: int) -> None:
        clock = SimulatedClock(START + timedelta(hours=hour, minutes=minute))
        database, spool = tmp_path / "record.duckdb", tmp_path / "spool"
        known = read_known(database, spool, naive(slot_of(clock.now(), FAST.interval)), FAST.discovery_interval)
        asked = (project(sandbox.endpoint, "a"),)
        async with open_sessions(asked, {"default": KEYS}, FAST, clock, database) as sessions:
            await collect_slot(sessions, FAST, spool, clock, clock.now(), "collect", known)
        await drain(database, spool, clock, 0.0)

    with Sandbox([StillPool("a")], Behaviour(time="requests")) as sandbox:
        for hour, minute in ((0, 1), (1, 1), (0, 2), (0, 0), (1, 0)):
            asyncio.run(collect(hour, minute))
        assert 2 == sum(sandbox.requests.values())
    for table in ("polls", "scrapes", "snapshots"):
        slots = f"SELECT slot FROM {table} {'WHERE type = $$train$$' if table == 'snapshots' else ''} ORDER BY slot"
        assert [(naive(START),), (naive(START + FAST.interval),)] == rows(tmp_path / "record.duckdb", slots)
