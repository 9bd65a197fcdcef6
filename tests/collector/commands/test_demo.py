"""The first commands of a new user: init and demo, and their calls in the README."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from collector.own_command import own_command
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from tests.mailed import free_port
from tests.polling import GUARD_SECONDS

ROOT = Path(__file__).parents[3]


def poolscope(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("POOLSCOPE_", "HUAWEICLOUD_"))}
    # A proxy cannot reach the sandbox; the demo must work although one is set.
    environment["HTTP_PROXY"] = environment["ALL_PROXY"] = "http://127.0.0.1:9"
    call = [sys.executable, "-m", "collector", *words]
    return subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, timeout=GUARD_SECONDS, check=False
    )


def rows_of(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """Return the cells of the rows of the demo's table."""
    return [line.split() for line in done.stdout.splitlines() if line.startswith("pool-")]


def test_demo_collects_every_slot_of_every_pool(tmp_path: Path) -> None:
    """A day at half-hour steps is 49 slots of four pools, all observed, and made once; another spool in --out stays."""
    (tmp_path / "out" / "spool").mkdir(parents=True)
    (tmp_path / "out" / "spool" / "acknowledged.ndjson").write_text("a poll")
    done = poolscope(tmp_path, "demo", "--days", "1", "--step", "30m", "--out", "out")
    assert (0, "") == (done.returncode, done.stderr)
    pools = rows_of(done)
    assert ["100.0%"] * 4 == [pool[1] for pool in pools]
    assert all(int(pool[2].replace(",", "")) > 0 for pool in pools)
    assert ["out"] == [path.name for path in tmp_path.iterdir()]
    with duckdb.connect(str(tmp_path / "out" / "demo.duckdb"), read_only=True) as record:
        assert [(4 * 49,)] == record.execute("SELECT count(*) FROM scrapes WHERE outcome = 'ok'").fetchall()
        assert [("demo",)] == record.execute("SELECT DISTINCT command FROM polls").fetchall()
    made = (tmp_path / "out" / "demo.duckdb").stat().st_mtime_ns
    again = poolscope(tmp_path, "demo", "--days", "1", "--step", "30m", "--out", "out")
    assert (pools, True) == (rows_of(again), "has this demo already" in again.stdout)
    assert made == (tmp_path / "out" / "demo.duckdb").stat().st_mtime_ns
    assert "a poll" == (tmp_path / "out" / "spool" / "acknowledged.ndjson").read_text()


def test_demo_does_not_overwrite_files_of_others(tmp_path: Path) -> None:
    """Exit 2 before any change if the folder has a configuration that demo did not write."""
    (tmp_path / "poolscope.toml").write_text("[collect]\n")
    done = poolscope(tmp_path, "demo", "--days", "1", "--step", "12h", "--out", ".")
    assert 2 == done.returncode
    assert "--out" in done.stderr
    assert ["poolscope.toml"] == [path.name for path in tmp_path.iterdir()]
    assert "[collect]\n" == (tmp_path / "poolscope.toml").read_text()


def test_demo_replays_a_trace(tmp_path: Path) -> None:
    """Two jobs of a trace, polled every half hour, give the expected counts."""
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
    ("words", "code", "message"),
    [
        (("--trace", "missing.parquet"), 6, "missing.parquet"),
        (("--step", "7m"), 2, "divide a day"),
        (("--days", "0"), 2, "--days"),
    ],
)
def test_demo_refuses_invalid_options(tmp_path: Path, words: tuple[str, ...], code: int, message: str) -> None:
    """An invalid call is refused with a message, and nothing is written."""
    done = poolscope(tmp_path, "demo", *words)
    assert code == done.returncode
    assert message in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_init_writes_a_configuration_once(tmp_path: Path) -> None:
    """The written file has no unknown key, must be filled in by the user, and is never overwritten."""
    assert 0 == poolscope(tmp_path, "init").returncode
    refused = poolscope(tmp_path, "collect")
    assert 2 == refused.returncode
    assert "projects.main.project_id" in refused.stderr or "region" in refused.stderr
    assert "unknown key" not in refused.stderr
    (tmp_path / "poolscope.toml").write_text("# mine")
    assert 2 == poolscope(tmp_path, "init").returncode
    assert "# mine" == (tmp_path / "poolscope.toml").read_text()


def test_the_sandbox_is_polled_as_its_first_steps_say(tmp_path: Path) -> None:
    """The file and keys of init work as they are, also from a folder below; no key is in the file."""
    refused = poolscope(tmp_path, "init", "--port", "8099")
    assert (2, True) == (refused.returncode, "use it with --sandbox" in refused.stderr)
    port = free_port()
    done = poolscope(tmp_path, "init", "--sandbox", "--port", str(port))
    assert (0, True) == (done.returncode, f"sandbox --port {port}" in done.stdout)
    text = (tmp_path / "poolscope.toml").read_text()
    assert "keys/sandbox-access-key" in text
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "keys").iterdir()}
    with Sandbox(simulated_pools(1), port=port):
        (tmp_path / "sub").mkdir()
        collected = poolscope(tmp_path / "sub", "collect")
        assert (0, "", "") == (collected.returncode, collected.stdout, collected.stderr)
    (pool,) = json.loads(poolscope(tmp_path, "status", "--json").stdout)["pools"]
    assert ("sandbox", "ok") == (pool["project"], pool["last_outcome"])
    again = poolscope(tmp_path, "init", "--sandbox")
    assert (2, True) == (again.returncode, "exists and was not changed" in again.stderr)


def test_the_command_is_named_as_a_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name where the PATH leads to it, else by its path from this folder; by Python without a script."""
    script = tmp_path / "my env" / "bin" / "poolscope"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert "'./my env/bin/poolscope'" == own_command()
    monkeypatch.setenv("PATH", str(script.parent))
    assert "poolscope" == own_command()
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert f"{tmp_path / 'python'} -m collector" == own_command()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """The README has two installing commands, and CI runs the second exactly as written."""
    commands = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("python3 -m venv")]
    assert 2 == len(commands)
    assert commands[0].endswith("poolscope demo")
    assert commands[1] in (ROOT / ".ci" / "run").read_text().splitlines()
