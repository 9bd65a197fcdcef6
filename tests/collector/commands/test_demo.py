"""The commands a newcomer meets first: init and demo, and the README that names them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.polling import GUARD_SECONDS

ROOT = Path(__file__).parents[3]


def poolscope(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("POOLSCOPE_", "HUAWEICLOUD_"))}
    # A proxy has no way to the sandbox; the demo works where one is set.
    environment["HTTP_PROXY"] = environment["ALL_PROXY"] = "http://127.0.0.1:9"
    call = [sys.executable, "-m", "collector", *words]
    return subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, timeout=GUARD_SECONDS, check=False
    )


def events(done: subprocess.CompletedProcess[str], event: str) -> list[dict[str, object]]:
    return [row for row in map(json.loads, done.stdout.splitlines()) if row["event"] == event]


def test_demo_collects_every_slot_of_every_pool(tmp_path: Path) -> None:
    """A day at half-hour steps is 49 slots of four pools, all observed; a spool of others in --out stays as it is."""
    (tmp_path / "out" / "spool").mkdir(parents=True)
    (tmp_path / "out" / "spool" / "acknowledged.ndjson").write_text("a poll")
    done = poolscope(tmp_path, "demo", "--days", "1", "--step", "30m", "--out", "out")
    assert (0, "") == (done.returncode, done.stderr)
    pools = events(done, "pool")
    assert [1.0] * 4 == [pool["coverage"] for pool in pools]
    assert all(pool["arrivals"] > 0 for pool in pools)  # type: ignore[operator]  # a number
    assert ["out"] == [path.name for path in tmp_path.iterdir()]
    with duckdb.connect(str(tmp_path / "out" / "demo.duckdb"), read_only=True) as record:
        assert [(4 * 49,)] == record.execute("SELECT count(*) FROM scrapes WHERE outcome = 'ok'").fetchall()
        assert [("demo",)] == record.execute("SELECT DISTINCT command FROM polls").fetchall()
    again = poolscope(tmp_path, "demo", "--days", "1", "--step", "30m", "--out", "out")
    assert pools == events(again, "pool")
    assert "a poll" == (tmp_path / "out" / "spool" / "acknowledged.ndjson").read_text()


def test_demo_touches_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    """A configuration that it did not write ends it with 2 before anything."""
    (tmp_path / "poolscope.toml").write_text("[collect]\n")
    done = poolscope(tmp_path, "demo", "--days", "1", "--step", "12h", "--out", ".")
    assert 2 == done.returncode
    assert "--out" in done.stderr
    assert ["poolscope.toml"] == [path.name for path in tmp_path.iterdir()]
    assert "[collect]\n" == (tmp_path / "poolscope.toml").read_text()


def test_demo_replays_a_trace(tmp_path: Path) -> None:
    """One job that waited an hour and ran an hour, polled every half hour: the counts are plain."""
    jobs = """
        VALUES (1, 'big', 'train', TIMESTAMP '2026-01-01 00:00', TIMESTAMP '2026-01-01 01:00',
                TIMESTAMP '2026-01-01 02:00', 'Failed', 1),
               (2, 'big', 'train', TIMESTAMP '2026-01-01 02:30', TIMESTAMP '2026-01-01 03:00',
                TIMESTAMP '2026-01-01 04:00', 'Completed', 1)"""
    columns = 'job_id, pool, type, submit, start, "end", final, gpus'
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM ({jobs}) AS jobs({columns})) TO '{tmp_path / 'trace.parquet'}' (FORMAT parquet)"
        )
    done = poolscope(tmp_path, "demo", "--trace", "trace.parquet", "--step", "30m", "--out", "out")
    assert 0 == done.returncode, done.stderr
    with duckdb.connect(str(tmp_path / "out" / "demo.duckdb"), read_only=True) as record:
        rows = record.execute('SELECT "Queue", "Running", "Failed" FROM snapshots ORDER BY slot').fetchall()
    assert [(1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1)] == rows


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--trace", "missing.parquet"), 6, "missing.parquet"),
        (("--step", "7m"), 2, "divide a day"),
        (("--days", "0"), 2, "--days"),
    ],
)
def test_demo_refuses_what_it_cannot_do(tmp_path: Path, words: tuple[str, ...], code: int, told: str) -> None:
    """A call that is off says what is, and writes nothing."""
    done = poolscope(tmp_path, "demo", *words)
    assert code == done.returncode
    assert told in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_init_writes_a_configuration_once(tmp_path: Path) -> None:
    """The written file is read without unknown keys, asks for what only the user knows, and is never overwritten."""
    assert 0 == poolscope(tmp_path, "init").returncode
    told = poolscope(tmp_path, "collect")
    assert 2 == told.returncode
    assert "projects.main.project_id" in told.stderr or "region" in told.stderr
    assert "unknown key" not in told.stderr
    (tmp_path / "poolscope.toml").write_text("# mine")
    assert 2 == poolscope(tmp_path, "init").returncode
    assert "# mine" == (tmp_path / "poolscope.toml").read_text()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """The README's two commands are there, and CI runs the second to the letter."""
    commands = [
        line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    python3 -m venv")
    ]
    assert 2 == len(commands)
    assert commands[0].endswith("poolscope demo")
    assert commands[1] in (ROOT / ".ci" / "run").read_text().splitlines()
