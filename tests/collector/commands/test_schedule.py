"""`poolscope schedule`: the crontab line, into a crontab and out of it; the line itself polls, its log is bounded."""

import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from collector.config.settings import read_config
from collector.crontab import crontab_line
from collector.errors import ConfigError
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from collector.sandbox.server import Sandbox
from tests.plain import fill
from tests.polling import configure, poolscope, rows
from tests.scripted import StillPool

FILES = '[credentials.default]\naccess_key_file = "ak"\nsecret_key_file = "sk"'
# What the real program does, with a file for the crontab.
CRONTAB = """#!/bin/sh
[ "$1" = -l ] && { [ -f "$HOME/crontab" ] && exec cat "$HOME/crontab"; echo "no crontab for you" >&2; exit 1; }
[ "$1" = - ] && exec cat > "$HOME/crontab"
"""
OTHERS = b"# mine\nMAILTO=me\n0 3 * * *\tbackup 100\\%  \n@reboot x # poolscope elsewhere.toml"


def prepare(folder: Path, endpoint: str = "http://127.0.0.1:9", crontab: bytes | None = None) -> dict[str, str]:
    """Write a configuration with keys in files and a program crontab; return the environment in which it is found."""
    configure(folder, endpoint, 'pools = ["a"]\n' + FILES)
    for name, secret in (("ak", ACCESS_KEY), ("sk", SECRET_KEY)):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(secret)
    program = folder / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text(CRONTAB)
    program.chmod(0o700)
    if crontab is not None:
        (folder / "crontab").write_bytes(crontab)
    return {"HOME": str(folder), "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


def line_of(folder: Path, interval: str, offset: timedelta = timedelta()) -> str:
    config, _ = read_config(None, {"POOLSCOPE_COLLECT__INTERVAL": interval}, folder)
    return crontab_line(config, folder / "poolscope.toml", "python", datetime(2026, 1, 5, tzinfo=timezone(offset)))


def scheduled(folder: Path, found: dict[str, str]) -> str:
    """Return what doctor tells of the schedule, with its mend."""
    said = json.loads(poolscope(folder, "doctor", "--json", **found).stdout)
    return " ".join(f"{finding['told']} {finding['mend']}" for finding in said if finding["what"] == "schedule")


@pytest.mark.parametrize(
    ("interval", "offset", "fields"),
    [
        ("1m", 0, "* * * * *"),
        ("5m", 330, "*/5 * * * *"),
        ("30m", 60, "*/30 * * * *"),
        ("1h", 480, "0 * * * *"),
        ("1h", 345, "45 * * * *"),
        ("6h", -570, "30 * * * *"),
        ("1d", 0, "0 * * * *"),
    ],
)
def test_a_line_runs_in_every_slot_in_any_zone(tmp_path: Path, interval: str, offset: int, fields: str) -> None:
    """Whole minutes of an hour; whole hours at the minute at which a slot of UTC begins there, every hour."""
    assert fields == line_of(tmp_path, interval, timedelta(minutes=offset)).partition(" python")[0]


def test_the_first_line_of_a_crontab_on_busybox(tmp_path: Path) -> None:
    """It says of a crontab that there is not yet that it cannot be opened: the line goes into a new one."""
    found = prepare(tmp_path)
    told = "crontab: can't open 'planner': No such file or directory"
    (tmp_path / "bin" / "crontab").write_text(CRONTAB.replace("no crontab for you", told))
    assert 0 == poolscope(tmp_path, "schedule", "--install", **found).returncode
    assert (tmp_path / "crontab").read_text().startswith("0 * * * * ")


@pytest.mark.parametrize("interval", ["10s", "90s", "45m", "90m"])
def test_what_cron_cannot_do_is_refused(tmp_path: Path, interval: str) -> None:
    """Intervals below a minute, and those that do not fit into an hour."""
    with pytest.raises(ConfigError, match="watch"):
        line_of(tmp_path, interval)


def test_a_crontab_keeps_everything_else(tmp_path: Path) -> None:
    """Installed twice there is one line, at the end; removed, the crontab is as it was but for a last line's end."""
    found = prepare(tmp_path, crontab=OTHERS)
    shown = poolscope(tmp_path, "schedule", **found).stdout
    for _ in range(2):
        assert 0 == poolscope(tmp_path, "schedule", "--install", **found).returncode
        assert OTHERS + b"\n" + shown.encode() == (tmp_path / "crontab").read_bytes()
    (tmp_path / "poolscope.toml").write_text((tmp_path / "poolscope.toml").read_text().replace('"1d"', '"5m"'))
    assert 0 == poolscope(tmp_path, "schedule", "--install", **found).returncode
    assert (tmp_path / "crontab").read_bytes().startswith(OTHERS + b"\n*/5 * * * * ")
    assert "your crontab has its line" in scheduled(tmp_path, found)
    for _ in range(2):
        assert 0 == poolscope(tmp_path, "schedule", "--remove", **found).returncode
        assert OTHERS + b"\n" == (tmp_path / "crontab").read_bytes()
    assert "poolscope schedule --install" in scheduled(tmp_path, found)


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_a_line_can_be_removed_whatever_the_configuration_says(tmp_path: Path, harm: str) -> None:
    """A configuration that is no TOML any more, or that was removed, is named by its path alone."""
    found = prepare(tmp_path, crontab=OTHERS)
    assert 0 == poolscope(tmp_path, "schedule", "--install", **found).returncode
    file = tmp_path / "poolscope.toml"
    file.write_text("[collect") if harm == "damaged" else file.unlink()
    done = poolscope(tmp_path, "--config", str(file), "schedule", "--remove", **found)
    assert 0 == done.returncode, done.stderr
    assert OTHERS + b"\n" == (tmp_path / "crontab").read_bytes()


def test_the_first_crontab_of_a_user_is_made(tmp_path: Path) -> None:
    """Without a crontab there is one after --install, and --remove of what is not there changes nothing."""
    found = prepare(tmp_path)
    assert 0 == poolscope(tmp_path, "schedule", "--remove", **found).returncode
    assert not (tmp_path / "crontab").exists()
    assert 0 == poolscope(tmp_path, "schedule", "--install", **found).returncode
    assert 1 == (tmp_path / "crontab").read_bytes().count(b"\n")


def test_the_line_polls_as_cron_runs_it(tmp_path: Path) -> None:
    """By sh, elsewhere, with next to no environment, in a folder with blanks, quotes and a percent sign in its name."""
    folder = tmp_path / "my 'pools' 100%"
    folder.mkdir()
    with Sandbox([StillPool("a")]) as sandbox:
        line = poolscope(folder, "schedule", **prepare(folder, sandbox.endpoint)).stdout
        call = line.split(" ", 5)[5].replace("\\%", "%")
        done = subprocess.run(["sh", "-c", call], cwd="/", env={"PATH": "/bin"}, capture_output=True, check=False)
    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert [("ok",)] == rows(folder / "data/poolscope.duckdb", "SELECT outcome FROM scrapes")
    assert SECRET_KEY not in line
    assert ACCESS_KEY not in line


def test_what_cron_does_not_have_is_refused(tmp_path: Path) -> None:
    """Keys, and values of the configuration, that exist in the environment only: exit 2, each with its mend."""
    configure(tmp_path, "http://127.0.0.1:9", 'pools = ["a"]')
    done = poolscope(tmp_path, "schedule", "--install", POOLSCOPE_COLLECT__ATTEMPTS="2")
    assert (2, "") == (done.returncode, done.stdout)
    for told in ("access_key_file", "secret_key_file", "POOLSCOPE_COLLECT__ATTEMPTS"):
        assert told in done.stderr
    assert SECRET_KEY not in done.stderr


def test_a_machine_without_cron_is_told_so(tmp_path: Path) -> None:
    """Exit 2 and what to do instead."""
    found = prepare(tmp_path) | {"PATH": str(tmp_path)}
    done = poolscope(tmp_path, "schedule", "--install", **found)
    assert 2 == done.returncode
    assert "poolscope watch" in done.stderr


def test_the_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    """Failures go to the file, not to cron's mail; past a megabyte it is put aside, and one before it is dropped."""
    prepare(tmp_path)
    log = tmp_path / "collect.log"
    for _ in range(3):
        done = poolscope(tmp_path, "collect", "--log", str(log), POOLSCOPE_COLLECT__ATTEMPTS="1")
        assert (1, "", "") == (done.returncode, done.stdout, done.stderr)
        assert log.read_text().endswith("}\n")
        log.write_text(log.read_text() + "x" * (1 << 20))
    assert ["collect.log", "collect.log.1"] == sorted(path.name for path in tmp_path.glob("collect.log*"))


def test_the_report_has_a_line_of_its_own(tmp_path: Path) -> None:
    """Beside that of collect, with its options; each is put in and taken out without the other."""
    found = prepare(tmp_path, crontab=OTHERS)
    options = ("--", "--slo", "15m", "--lang", "zh", "--fail-above", "5%")
    assert 0 == poolscope(tmp_path, "schedule", "--install", **found).returncode
    for _ in range(2):
        assert 0 == poolscope(tmp_path, "schedule", "--install", "--report", *options, **found).returncode
    collects, reports = (tmp_path / "crontab").read_bytes().removeprefix(OTHERS + b"\n").splitlines()
    assert b" collect --log " in collects
    assert reports.startswith(b"10 6 * * * ")
    assert b" report --out " in reports
    assert b"--keep 90 --slo 15m --lang zh --fail-above 5\\% > /dev/null # poolscope report " in reports
    assert 0 == poolscope(tmp_path, "schedule", "--remove", **found).returncode
    assert OTHERS + b"\n" + reports + b"\n" == (tmp_path / "crontab").read_bytes()
    assert 0 == poolscope(tmp_path, "schedule", "--remove", "--report", **found).returncode
    assert OTHERS + b"\n" == (tmp_path / "crontab").read_bytes()


def test_the_reports_line_writes_it_as_cron_runs_it(tmp_path: Path) -> None:
    """By sh, elsewhere, with next to no environment: the report is beside the record, and nothing is said."""
    found = prepare(tmp_path)
    fill(tmp_path, days=2)
    line = poolscope(tmp_path, "schedule", "--report", "--", "--format", "json", **found).stdout
    call = line.split(" ", 5)[5].replace("\\%", "%")
    done = subprocess.run(["sh", "-c", call], cwd="/", env={"PATH": "/bin"}, capture_output=True, check=False)
    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert ["poolscope-2026-01-07.en.json"] == [file.name for file in (tmp_path / "data" / "reports").iterdir()]


def test_an_option_that_no_report_has_is_refused_at_once(tmp_path: Path) -> None:
    """Before it stands in a crontab; options without a report too."""
    found = prepare(tmp_path)
    for words, told in (
        (("--report", "--", "--slow", "15m"), "No such option"),
        (("--", "--slo", "15m"), "say it with --report"),
    ):
        done = poolscope(tmp_path, "schedule", "--install", *words, **found)
        assert 2 == done.returncode
        assert told in done.stderr
    assert not (tmp_path / "crontab").exists()
