"""`poolscope doctor`: each problem is named with how to fix it, and the exit code says how severe it is."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from collector.record.schema import migrate
from collector.sandbox.behaviour import PROJECT_ID, SECRET_KEY
from collector.sandbox.server import Sandbox
from tests.polling import GOOD, configure, poolscope, statistics_path
from tests.scripted import Act, Scripted, StillPool, answer, close

RECORD = Path("data/poolscope.duckdb")
LISTING = answer(200, b'{"items": [{"metadata": {"name": "a"}}]}')
FINE = answer(200, GOOD)


def now(offset: timedelta = timedelta()) -> dict[str, str]:
    return {"Date": format_datetime(datetime.now(UTC) + offset, usegmt=True)}


def findings(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    document: list[dict[str, Any]] = json.loads(done.stdout)
    return document


def problems(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    return [(finding["what"], finding["severity"]) for finding in findings(done) if finding["severity"] != "ok"]


def test_without_problems_each_check_is_a_line(tmp_path: Path) -> None:
    """After a collect there is a line for each check of endpoint, record and disk, or an entry of --json.

    Only that polls go on is not known after a single one.
    """
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        assert 0 == poolscope(tmp_path, "collect").returncode
        done = poolscope(tmp_path, "doctor", "--json")
        assert (1, [("schedule", "warning")], "") == (done.returncode, problems(done), done.stderr)
        lines = poolscope(tmp_path, "doctor").stdout.splitlines()
    checks = [finding["what"] for finding in findings(done)]
    expected = ["configuration", "credentials", "p: endpoint and clock", "p: listing pools", "p: statistics"]
    assert [*expected, "spool", "disk", "disk", "database", "schedule"] == checks
    *lines, schedule, _fix = lines
    assert schedule.startswith("warning  schedule: ")
    assert all(line.startswith(f"ok       {what}: ") for line, what in zip(lines, checks[:-1], strict=True))


@pytest.mark.parametrize(
    ("listing", "statistics", "what", "fix"),
    [
        (answer(401, b'{"error_code": "APIGW.0301"}', **now()), FINE, "p: listing pools", "belong together"),
        (answer(403, b'{"error_code": "PDP.0001"}', **now()), FINE, "p: listing pools", "modelarts:pool:list"),
        (answer(404, b'{"error_code": "APIGW.0101"}', **now()), FINE, "p: listing pools", "region and endpoint"),
        (LISTING, answer(403, b'{"error_code": "PDP.0001"}', **now()), "p: statistics", "modelarts:pool:get"),
        (LISTING, answer(500, b"busy", **now()), "p: statistics", "try again later"),
    ],
)
def test_each_refused_request_says_how_to_fix_it(
    tmp_path: Path, listing: Act, statistics: Act, what: str, fix: str
) -> None:
    """Exit 2 with the request and how to fix it; a refused credential is used once."""
    scripts = {f"/v2/{PROJECT_ID}/pools": [listing], statistics_path("a"): [statistics]}
    with Scripted(scripts, answer(404, b"{}", **now())) as server:
        configure(tmp_path, server.endpoint)
        done = poolscope(tmp_path, "doctor", "--json")
        signed = [head for head in server.heads if "authorization:" in head.lower()]
    assert 2 == done.returncode
    wrong = [finding for finding in findings(done) if finding["severity"] == "error"]
    assert [what] == [finding["what"] for finding in wrong]
    assert fix in wrong[0]["fix"]
    assert (1 if what == "p: listing pools" else 2) == len(signed)


def test_a_refused_key_is_used_once_for_all_its_projects(tmp_path: Path) -> None:
    """One of three projects is requested, the others are named as not asked, so that doctor does not lock the key."""
    with Scripted({}, answer(401, b'{"error_code": "APIGW.0301"}', **now())) as server:
        more = "".join(
            f'\n[projects.p{n}]\nproject_id = "{n}"\nendpoint = "{server.endpoint}"\npools = ["a"]' for n in (1, 2)
        )
        configure(tmp_path, server.endpoint, f'pools = ["a"]{more}')
        done = poolscope(tmp_path, "doctor", "--json")
        signed = [head for head in server.heads if "authorization:" in head.lower()]
    assert 2 == done.returncode
    assert 1 == len(signed)
    not_asked = [finding["what"] for finding in findings(done) if "not asked" in finding["message"]]
    assert ["p1: endpoint", "p2: endpoint"] == not_asked


def test_a_forbidden_action_does_not_affect_other_projects(tmp_path: Path) -> None:
    """Permissions belong to a project: forbidden in the first project, the key is still used in the second."""
    scripts = {f"/v2/{PROJECT_ID}/pools": [answer(403, b'{"error_code": "PDP.0001"}', **now())]}
    with Scripted(scripts, answer(200, GOOD, **now())) as server:
        other = f'[projects.other]\nproject_id = "1"\nendpoint = "{server.endpoint}"\npools = ["a"]'
        configure(tmp_path, server.endpoint, other)
        done = poolscope(tmp_path, "doctor", "--json")
    assert {"p: listing pools": "error", "other: statistics": "ok"}.items() <= {
        finding["what"]: finding["severity"] for finding in findings(done)
    }.items()


@pytest.mark.parametrize(
    ("offset", "severity", "code"),
    [(timedelta(minutes=5), "warning", 1), (timedelta(minutes=-20), "error", 2)],
)
def test_a_wrong_clock_is_named(tmp_path: Path, offset: timedelta, severity: str, code: int) -> None:
    """Over a minute of difference is a warning; over a quarter of an hour, which invalidates signatures, an error."""
    with Scripted({f"/v2/{PROJECT_ID}/pools": [LISTING]}, answer(200, GOOD, **now(offset))) as server:
        configure(tmp_path, server.endpoint)
        done = poolscope(tmp_path, "doctor", "--json")
    clock = {finding["what"]: finding for finding in findings(done)}["p: endpoint and clock"]
    assert severity == clock["severity"]
    assert ("behind" if offset > timedelta() else "ahead") in clock["message"]
    assert code == done.returncode


@pytest.mark.parametrize("paths", ['spool = "taken"', 'database = "taken/poolscope.duckdb"'])
def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path, paths: str) -> None:
    """If collect cannot store anything, doctor says so, and writes nothing to either folder."""
    (tmp_path / "taken").touch()
    configure(tmp_path, "http://127.0.0.1:9", f"[paths]\n{paths}")
    assert 4 == poolscope(tmp_path, "collect").returncode
    before = sorted(tmp_path.rglob("*"))
    done = poolscope(tmp_path, "doctor", "--json")
    assert 2 == done.returncode
    (wrong,) = (finding for finding in findings(done) if (finding["what"], finding["severity"]) == ("disk", "error"))
    assert f"{tmp_path / 'taken'} cannot be written to (Not a directory)" == wrong["message"]
    assert before == sorted(tmp_path.rglob("*"))


def test_a_restored_record_is_not_polled_yet(tmp_path: Path) -> None:
    """Its newest slot may be seconds old, but no poll is of this database; the next one ends the warning."""
    # A pool that fails is polled by each run.
    with Scripted({statistics_path("b"): [answer(500, b"{}")] * 9}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a", "b"]', 'interval = "1d"\nattempts = 1')
        assert [1, 1] == [poolscope(tmp_path, "collect").returncode for _ in range(2)]
        assert 0 == poolscope(tmp_path, "backup", "kept").returncode
        (tmp_path / RECORD).unlink()
        restored = json.loads(poolscope(tmp_path, "restore", "kept").stdout)
        assert f"made at {restored['made_at'][:10]} " in restored["message"]
        assert "schedule --install" in restored["message"]
        found = schedule_of(tmp_path)
        assert ("warning", "run poolscope schedule --install, or poolscope watch") == (found["severity"], found["fix"])
        assert "nothing was polled since the database was restored at " in found["message"]
        assert 1 == poolscope(tmp_path, "collect").returncode
        assert "no other slot was polled lately" in schedule_of(tmp_path)["message"]


@pytest.mark.parametrize("program", ["exit 1", None])
def test_what_is_known_of_the_schedule_is_told(tmp_path: Path, program: str | None) -> None:
    """Without a line in the crontab, or without the program, one poll by hand is no schedule; two slots are one."""
    schedules = []
    (tmp_path / "bin").mkdir()
    path = str(tmp_path / "bin")
    if program is not None:
        path = f"{path}{os.pathsep}{os.environ['PATH']}"
        (tmp_path / "bin" / "crontab").write_text(f'#!/bin/sh\necho "no crontab for you" >&2\n{program}\n')
        (tmp_path / "bin" / "crontab").chmod(0o700)
    with Scripted({}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a"]', 'interval = "1h"')
        for hours in (0, 1):
            poolscope(tmp_path, "collect")
            done = poolscope(tmp_path, "doctor", "--json", PATH=path)
            schedules += [row for row in findings(done) if row["what"] == "schedule"]
            with duckdb.connect(tmp_path / RECORD) as connection:
                connection.execute(
                    "INSERT INTO scrapes BY NAME SELECT * REPLACE (slot - INTERVAL 1 HOUR * $1 AS slot) FROM scrapes",
                    [hours + 1],
                )
    by_hand, going_on = schedules
    known = "your crontab has no line" if program else "whether cron polls is not known (the program crontab is not on"
    assert ("warning", "ok") == (by_hand["severity"], going_on["severity"])
    assert known in by_hand["message"]
    assert known in going_on["message"]
    assert "no other slot was polled lately" in by_hand["message"]


def schedule_of(folder: Path) -> dict[str, Any]:
    """Return what doctor finds of the schedule."""
    (found,) = (row for row in findings(poolscope(folder, "doctor", "--json")) if row["what"] == "schedule")
    return found


def test_a_lock_that_cannot_be_taken_is_an_error(tmp_path: Path) -> None:
    """The lock is not a file, and the record has no new polls: doctor names both, and goes on."""
    configure(tmp_path, "http://127.0.0.1:9")
    lock = tmp_path / f"{RECORD}.lock"
    lock.mkdir(parents=True)
    with duckdb.connect(tmp_path / RECORD) as connection:
        migrate(connection, 0, "test")
        connection.execute("INSERT INTO scrapes (run, slot, outcome) VALUES ('2026-01-05', '2026-01-05', 'ok')")
    done = poolscope(tmp_path, "doctor", "--json")
    assert 2 == done.returncode
    assert ("schedule", "error") in problems(done)
    assert ("lock", "error") in problems(done)


def test_an_endpoint_that_does_not_answer_is_named_once(tmp_path: Path) -> None:
    """No signed request follows, and the output has no secret."""
    with Scripted({}, close) as server:
        configure(tmp_path, server.endpoint)
        done = poolscope(tmp_path, "doctor", "--json")
        assert not any("authorization:" in head.lower() for head in server.heads)
    assert ("p: endpoint", "error") in problems(done)
    assert SECRET_KEY not in done.stdout + done.stderr


def test_configuration_and_record_are_checked_in_one_run(tmp_path: Path) -> None:
    """An unknown key, a damaged database and a spool file that was set aside are all named in one run."""
    configure(tmp_path, "http://127.0.0.1:9", 'pool = ["a"]')
    (tmp_path / "data/spool/unreadable").mkdir(parents=True)
    (tmp_path / "data/spool/unreadable/x.ndjson").write_text("half")
    (tmp_path / RECORD).write_bytes(b"no database" * 1000)
    done = poolscope(tmp_path, "doctor", "--json")
    assert 2 == done.returncode
    assert [("configuration", "error"), ("spool", "warning"), ("database", "error")] == problems(done)
    assert "projects.p.pool" in done.stdout
    assert b"no database" * 1000 == (tmp_path / RECORD).read_bytes()
