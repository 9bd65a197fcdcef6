"""`poolscope schedule`: installing and removing the crontab line, which polls, and whose log is limited."""

import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from collector.config.reader import read_config
from collector.config.settings import MailSettings
from collector.crontab import crontab_line
from collector.errors import ConfigError
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from collector.sandbox.server import Sandbox
from tests.plain import fill
from tests.polling import configure, poolscope, rows
from tests.scripted import StillPool

FILES = '[credentials.default]\naccess_key_file = "ak"\nsecret_key_file = "sk"'
# Behaves like the real program, with a file as the crontab.
CRONTAB = """#!/bin/sh
[ "$1" = -l ] && { [ -f "$HOME/crontab" ] && exec cat "$HOME/crontab"; echo "no crontab for you" >&2; exit 1; }
[ "$1" = - ] && exec cat > "$HOME/crontab"
"""
OTHERS = b"# mine\nMAILTO=me\n0 3 * * *\tbackup 100\\%  \n@reboot x # poolscope elsewhere.toml"


def prepare(folder: Path, endpoint: str = "http://127.0.0.1:9", crontab: bytes | None = None) -> dict[str, str]:
    """Write a configuration with keys in files and a program `crontab`; return an environment whose PATH has it."""
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


def schedule_finding(folder: Path, environment: dict[str, str]) -> str:
    """Return doctor's finding about the schedule, with how to fix it."""
    findings = json.loads(poolscope(folder, "doctor", "--json", **environment).stdout)
    return " ".join(f"{finding['message']} {finding['fix']}" for finding in findings if finding["what"] == "schedule")


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
    """Intervals below an hour use whole minutes; longer ones run every hour at the minute where UTC hours begin."""
    assert fields == line_of(tmp_path, interval, timedelta(minutes=offset)).partition(" python")[0]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("crontab: can't open 'planner': No such file or directory", 0),
        ("crontab: can't open 'planner'", 0),
        ("crontab: can't open 'planner': Permission denied", 2),
        ("crontab: can't change directory to '/var/spool/cron/crontabs': No such file or directory", 2),
    ],
)
def test_a_new_crontab_on_busybox(tmp_path: Path, message: str, code: int) -> None:
    """BusyBox says that a missing crontab cannot be opened: the line is written to a new one, except for other reasons.

    The crontab is asked in English, whatever the user's language is.
    """
    environment = prepare(tmp_path) | {"LC_ALL": "zh_CN.UTF-8"}
    program = CRONTAB.replace('echo "no crontab for you" >&2', f'[ "$LC_ALL" = C ] && echo "{message}" >&2')
    (tmp_path / "bin" / "crontab").write_text(program)
    done = poolscope(tmp_path, "schedule", "--install", **environment)
    assert code == done.returncode, done.stderr
    assert (code == 0) == (tmp_path / "crontab").exists()
    assert (code == 0) or (message in done.stderr)


@pytest.mark.parametrize("interval", ["10s", "90s", "45m", "90m"])
def test_intervals_that_cron_cannot_run_are_refused(tmp_path: Path, interval: str) -> None:
    """Refused: intervals below a minute, and those that neither divide an hour nor are whole hours."""
    with pytest.raises(ConfigError, match="watch"):
        line_of(tmp_path, interval)


def test_other_lines_of_a_crontab_are_kept(tmp_path: Path) -> None:
    """Installing twice adds one line at the end; removing it restores the crontab, except for a final newline."""
    environment = prepare(tmp_path, crontab=OTHERS)
    shown = poolscope(tmp_path, "schedule", **environment).stdout
    for _ in range(2):
        assert 0 == poolscope(tmp_path, "schedule", "--install", **environment).returncode
        assert OTHERS + b"\n" + shown.encode() == (tmp_path / "crontab").read_bytes()
    (tmp_path / "poolscope.toml").write_text((tmp_path / "poolscope.toml").read_text().replace('"1d"', '"5m"'))
    assert 0 == poolscope(tmp_path, "schedule", "--install", **environment).returncode
    assert (tmp_path / "crontab").read_bytes().startswith(OTHERS + b"\n*/5 * * * * ")
    assert "your crontab has its line" in schedule_finding(tmp_path, environment)
    assert 'set proxy = "http://p:1" in [collect]' in schedule_finding(tmp_path, environment | {"HTTPS_PROXY": "p:1"})
    for _ in range(2):
        assert 0 == poolscope(tmp_path, "schedule", "--remove", **environment).returncode
        assert OTHERS + b"\n" == (tmp_path / "crontab").read_bytes()
    assert "poolscope schedule --install" in schedule_finding(tmp_path, environment)


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_a_line_can_be_removed_without_its_configuration(tmp_path: Path, harm: str) -> None:
    """If the configuration is damaged or was removed, its path is enough to remove the line."""
    environment = prepare(tmp_path, crontab=OTHERS)
    assert 0 == poolscope(tmp_path, "schedule", "--install", **environment).returncode
    file = tmp_path / "poolscope.toml"
    file.write_text("[collect") if harm == "damaged" else file.unlink()
    done = poolscope(tmp_path, "--config", str(file), "schedule", "--remove", **environment)
    assert 0 == done.returncode, done.stderr
    assert OTHERS + b"\n" == (tmp_path / "crontab").read_bytes()


def test_a_users_first_crontab_is_created(tmp_path: Path) -> None:
    """Without a crontab, --install creates one, and --remove changes nothing."""
    environment = prepare(tmp_path)
    assert 0 == poolscope(tmp_path, "schedule", "--remove", **environment).returncode
    assert not (tmp_path / "crontab").exists()
    assert 0 == poolscope(tmp_path, "schedule", "--install", **environment).returncode
    assert 1 == (tmp_path / "crontab").read_bytes().count(b"\n")


def test_the_line_polls_as_cron_runs_it(tmp_path: Path) -> None:
    """The line works with sh, in another folder, with almost no environment, and with odd characters in its path."""
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


def test_values_that_cron_does_not_have_are_refused(tmp_path: Path) -> None:
    """Exit 2 for keys and configuration values that are only in the environment, each with how to fix it."""
    configure(tmp_path, "http://127.0.0.1:9", 'pools = ["a"]')
    done = poolscope(tmp_path, "schedule", "--install", POOLSCOPE_COLLECT__ATTEMPTS="2")
    assert (2, "") == (done.returncode, done.stdout)
    for name in ("access_key_file", "secret_key_file", "POOLSCOPE_COLLECT__ATTEMPTS"):
        assert name in done.stderr
    assert SECRET_KEY not in done.stderr


def test_a_machine_without_cron_is_refused(tmp_path: Path) -> None:
    """Exit 2 with a message that says what to do instead."""
    environment = prepare(tmp_path) | {"PATH": str(tmp_path)}
    done = poolscope(tmp_path, "schedule", "--install", **environment)
    assert 2 == done.returncode
    assert "poolscope watch" in done.stderr


def test_the_log_is_limited(tmp_path: Path) -> None:
    """Failures go to the file, not to cron's mail; above a megabyte it is renamed and replaces the previous one."""
    prepare(tmp_path)
    log = tmp_path / "collect.log"
    for _ in range(3):
        done = poolscope(tmp_path, "collect", "--log", str(log), POOLSCOPE_COLLECT__ATTEMPTS="1")
        assert (1, "", "") == (done.returncode, done.stdout, done.stderr)
        assert log.read_text().endswith("}\n")
        log.write_text(log.read_text() + "x" * (1 << 20))
    assert ["collect.log", "collect.log.1"] == sorted(path.name for path in tmp_path.glob("collect.log*"))


def test_the_report_has_a_line_of_its_own(tmp_path: Path) -> None:
    """It stands beside the line of collect and has the report's options; each is installed and removed alone."""
    environment = prepare(tmp_path, crontab=OTHERS)
    options = ("--", "--slo", "15m", "--lang", "zh", "--fail-above", "5%")
    assert 0 == poolscope(tmp_path, "schedule", "--install", **environment).returncode
    for _ in range(2):
        assert 0 == poolscope(tmp_path, "schedule", "--install", "--report", *options, **environment).returncode
    collects, reports = (tmp_path / "crontab").read_bytes().removeprefix(OTHERS + b"\n").splitlines()
    assert b" collect --log " in collects
    assert reports.startswith(b"10 6 * * * ")
    assert b" report --out " in reports
    assert b"--keep 90 --since 30d --slo 15m --lang zh --fail-above 5\\% > /dev/null # poolscope report " in reports
    assert 0 == poolscope(tmp_path, "schedule", "--remove", **environment).returncode
    assert OTHERS + b"\n" + reports + b"\n" == (tmp_path / "crontab").read_bytes()
    assert 0 == poolscope(tmp_path, "schedule", "--remove", "--report", **environment).returncode
    assert OTHERS + b"\n" == (tmp_path / "crontab").read_bytes()


def test_the_reports_line_writes_it_as_cron_runs_it(tmp_path: Path) -> None:
    """The line works with sh, in another folder, with almost no environment; the report is beside the database."""
    environment = prepare(tmp_path)
    fill(tmp_path, days=2)
    line = poolscope(tmp_path, "schedule", "--report", "--", "--format", "json", **environment).stdout
    call = line.split(" ", 5)[5].replace("\\%", "%")
    done = subprocess.run(["sh", "-c", call], cwd="/", env={"PATH": "/bin"}, capture_output=True, check=False)
    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert ["poolscope-2026-01-07.en.json"] == [file.name for file in (tmp_path / "data" / "reports").iterdir()]


def test_a_report_by_mail_comes_every_monday(tmp_path: Path) -> None:
    """On Mondays, or on the first day of a month; its password must be in a file, as cron has no variable of it."""
    environment = prepare(tmp_path) | {"POOLSCOPE_MAIL_PASSWORD": "secret word"}
    words = "schedule", "--report", "--every", "week", "--", "--mail-to", "a@example.com"
    refused = poolscope(tmp_path, *words, **environment)
    assert 2 == refused.returncode
    (message,) = (line["message"] for line in map(json.loads, refused.stderr.splitlines()))
    lines = message.partition("to the configuration:\n")[2]
    (tmp_path / "pasted.toml").write_text(lines)
    pasted = read_config(tmp_path / "pasted.toml", {}, tmp_path)[0].mail
    assert MailSettings("smtp.example.com", "poolscope@example.com", 587, "Poolscope") == pasted
    file = tmp_path / "poolscope.toml"
    section = '\n[mail]\nhost = "mail.example"\nfrom = "a@example.com"\nuser = "poller"\n'
    file.write_text(file.read_text() + section)
    refused = poolscope(tmp_path, *words, **environment)
    assert 2 == refused.returncode
    assert "mail.password_file" in refused.stderr
    assert "secret word" not in refused.stderr
    file.write_text(file.read_text() + 'password_file = "missing"\n')
    refused = poolscope(tmp_path, *words, **environment)
    assert 2 == refused.returncode
    assert "mail.password_file" in refused.stderr
    assert "missing cannot be read" in refused.stderr
    file.write_text(file.read_text().replace('"missing"', '"sk"'))
    assert 2 == poolscope(tmp_path, *words[:-1], "no address", **environment).returncode
    line = poolscope(tmp_path, *words, **environment).stdout
    assert line.startswith("10 6 * * 1 ")
    assert "--since 28d --mail-to a@example.com > /dev/null" in line
    assert poolscope(tmp_path, "schedule", "--report", "--every", "month", **environment).stdout.startswith(
        "10 6 1 * * "
    )
    refused = poolscope(tmp_path, "schedule", "--every", "week", **environment)
    assert 2 == refused.returncode
    assert "use it with --report" in refused.stderr


def test_an_unknown_option_of_the_report_is_refused(tmp_path: Path) -> None:
    """It is refused before it is written to the crontab; so are options without --report."""
    environment = prepare(tmp_path)
    for words, message in (
        (("--report", "--", "--slow", "15m"), "No such option"),
        (("--report", "--slo", "15m"), "--slo is no option of schedule: those of the report come after --"),
        (("--", "--slo", "15m"), "use it with --report"),
    ):
        done = poolscope(tmp_path, "schedule", "--install", *words, **environment)
        assert 2 == done.returncode
        assert message in done.stderr
    assert not (tmp_path / "crontab").exists()
