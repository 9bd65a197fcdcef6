"""Options that all commands share: --config, --db, --verbose and --quiet, before and after the command."""

import json
import os
from pathlib import Path

import pytest

from collector.config.settings import Paths
from collector.record.folders import find_upwards
from collector.record.places import spool_of
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from tests.examples import called
from tests.plain import fill
from tests.polling import configure, poolscope

NEEDS_ONE = ["status", "pools", "compact", "collect", "waits", "report", "schedule", "backup kept"]


@pytest.mark.parametrize("words", NEEDS_ONE)
def test_a_missing_configuration_is_named(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folders that were searched and what to do, exit code 2; nothing is made."""
    folder = tmp_path / "sub"
    folder.mkdir()
    monkeypatch.chdir(folder)
    code, shown, errors = called(words.split())
    assert (2, "") == (code, shown)
    assert f"no poolscope.toml here; looked in {folder}, {tmp_path}" in errors
    assert "poolscope init" in errors
    assert [] == list(folder.iterdir())


def test_doctor_says_so_too(tmp_path: Path) -> None:
    """As its only finding: without a configuration it is not known where a record is."""
    done = poolscope(tmp_path, "doctor", "--json")
    (finding,) = json.loads(done.stdout)
    assert (2, "error") == (done.returncode, finding["severity"])
    assert finding["message"].startswith("no poolscope.toml here; looked in ")


def test_the_configuration_is_found_above(tmp_path: Path) -> None:
    """Its relative paths stay relative to its folder; one in this folder is nearer."""
    fill(tmp_path, 1)
    (tmp_path / "a" / "b").mkdir(parents=True)
    here, below = poolscope(tmp_path, "pools"), poolscope(tmp_path / "a" / "b", "pools")
    assert (0, here.stdout) == (below.returncode, below.stdout)
    (tmp_path / "a" / "poolscope.toml").touch()
    assert "does not exist" in poolscope(tmp_path / "a" / "b", "coverage").stderr
    by_variable = poolscope(tmp_path / "a", "pools", POOLSCOPE_CONFIG=str(tmp_path / "poolscope.toml"))
    assert here.stdout == by_variable.stdout


def test_a_file_of_another_user_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above this folder; and no folder above one of another user is searched."""
    folder = tmp_path / "sub"
    folder.mkdir()
    (tmp_path / "poolscope.toml").touch()
    name = Path("poolscope.toml")
    assert tmp_path / name == find_upwards(name, folder)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert find_upwards(name, folder) is None
    assert tmp_path / name == find_upwards(name, tmp_path)


def test_the_database_is_named_before_or_after_the_command(tmp_path: Path) -> None:
    """By commands that read and by those that write; its spool lies beside it, under its name."""
    with Sandbox(simulated_pools(1)) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        assert 0 == (done := poolscope(tmp_path, "collect", "--db", "other.duckdb")).returncode, done.stderr
    assert {"other.duckdb", "other.spool"} <= {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "data").exists()
    (tmp_path / "poolscope.toml").unlink()
    after = poolscope(tmp_path, "pools", "--db", "other.duckdb")
    before = poolscope(tmp_path, "--db", "other.duckdb", "pools")
    assert (0, after.stdout) == (before.returncode, before.stdout)
    assert 0 == poolscope(tmp_path, "compact", "--db", "other.duckdb").returncode
    assert 0 == poolscope(tmp_path, "export", "--db", "other.duckdb", "--output", "rows.csv").returncode
    assert 0 == poolscope(tmp_path, "import", "rows.csv", "--interval", "5m", "--db", "third.duckdb").returncode
    assert 0 == poolscope(tmp_path, "export", "--db", "other.duckdb", "--dataset", "ds").returncode
    assert 0 == poolscope(tmp_path, "pools", "--db", "ds").returncode


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("collect --db s3://bucket/x", 2, "collect needs a database"),
        ("--db . compact", 2, "compact needs a database"),
        ("import --db ds x.csv", 2, "import needs a database"),
        ("waits --db gs://bucket/x", 2, "no other store is supported"),
        ("status --db recrod.duckdb", 5, "recrod.duckdb does not exist"),
        ("status --db recrod.duckdb", 5, "did you mean record.duckdb?"),
        ("status -v -q", 2, "use either --verbose or --quiet"),
    ],
)
def test_what_a_command_cannot_use_is_refused(
    words: str, code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dataset by commands that write, a record that does not exist by those that read; nothing is made."""
    (tmp_path / "ds").mkdir()
    (tmp_path / "record.duckdb").touch()
    monkeypatch.chdir(tmp_path)
    exit_code, shown, errors = called(words.split())
    assert (code, "") == (exit_code, shown)
    assert message in errors
    assert ["ds", "record.duckdb"] == sorted(path.name for path in tmp_path.iterdir())


def test_two_databases_never_share_a_spool() -> None:
    """Each has the name of its database; the default database has the default spool."""
    assert Paths.spool == spool_of(Paths.database)
    assert Path("d/a.spool") == spool_of(Path("d/a.duckdb"))
    assert 3 == len({spool_of(Path(name)) for name in ("a.duckdb", "a.db", "b.duckdb")})


def test_steps_are_told_and_confirmations_are_not(tmp_path: Path) -> None:
    """-v tells each step on standard error and no secret; -q leaves answers and problems; neither changes an answer."""
    with Sandbox(simulated_pools(1)) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        told = poolscope(tmp_path, "-v", "collect").stderr
    assert all(json.loads(line)["event"] == "step" for line in told.splitlines())
    for step in (str(tmp_path / "poolscope.toml"), "/workloads", "p: listing its pools: ok", "took in 1 polls"):
        assert step in told
    assert "compacted" in poolscope(tmp_path, "compact").stdout
    assert ("", "") == ((done := poolscope(tmp_path, "compact", "-q")).stdout, done.stderr)
    assert poolscope(tmp_path, "pools").stdout == poolscope(tmp_path, "-q", "pools").stdout
    refused = poolscope(tmp_path, "compact", "-q", "--config", "missing.toml")
    assert (2, True) == (refused.returncode, "missing.toml cannot be read" in refused.stderr)
