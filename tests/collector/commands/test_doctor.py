"""`poolscope doctor`: each thing that can be wrong is named with its mend, and the exit code says how grave it is."""

import json
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
    return [
        {key: value for key, value in json.loads(line).items() if key != "event"} for line in done.stdout.splitlines()
    ]


def grave(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    return [(finding["what"], finding["severity"]) for finding in findings(done) if finding["severity"] != "ok"]


def test_where_all_is_well_each_thing_is_a_line(tmp_path: Path) -> None:
    """After a collect: exit 0; endpoint, permissions, record and disk are each said to be well, also with --json."""
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        assert 0 == poolscope(tmp_path, "collect").returncode
        done = poolscope(tmp_path, "doctor")
        assert (0, [], "") == (done.returncode, grave(done), done.stderr)
        as_one = json.loads(poolscope(tmp_path, "doctor", "--json").stdout)
    looked_at = [finding["what"] for finding in findings(done)]
    expected = ["configuration", "credentials", "p: endpoint and clock", "p: listing pools", "p: statistics"]
    assert [*expected, "spool", "disk", "disk", "database", "schedule"] == looked_at
    assert looked_at == [finding["what"] for finding in as_one]


@pytest.mark.parametrize(
    ("listing", "statistics", "what", "mend"),
    [
        (answer(401, b'{"error_code": "APIGW.0301"}', **now()), FINE, "p: listing pools", "belong together"),
        (answer(403, b'{"error_code": "PDP.0001"}', **now()), FINE, "p: listing pools", "modelarts:pool:list"),
        (answer(404, b'{"error_code": "APIGW.0101"}', **now()), FINE, "p: listing pools", "region and endpoint"),
        (LISTING, answer(403, b'{"error_code": "PDP.0001"}', **now()), "p: statistics", "modelarts:pool:get"),
        (LISTING, answer(500, b"busy", **now()), "p: statistics", "try again later"),
    ],
)
def test_each_call_that_is_refused_has_its_mend(
    tmp_path: Path, listing: Act, statistics: Act, what: str, mend: str
) -> None:
    """Exit 2; the call, what it answered and what to do; a refused credential is used once."""
    scripts = {f"/v2/{PROJECT_ID}/pools": [listing], statistics_path("a"): [statistics]}
    with Scripted(scripts, answer(404, b"{}", **now())) as server:
        configure(tmp_path, server.endpoint)
        done = poolscope(tmp_path, "doctor")
        signed = [head for head in server.heads if "authorization:" in head.lower()]
    assert 2 == done.returncode
    wrong = [finding for finding in findings(done) if finding["severity"] == "error"]
    assert [what] == [finding["what"] for finding in wrong]
    assert mend in wrong[0]["mend"]
    assert (1 if what == "p: listing pools" else 2) == len(signed)


def test_a_refused_key_is_used_once_however_many_projects_have_it(tmp_path: Path) -> None:
    """Of three projects one is asked; the others are told of, so that doctor does not lock the key."""
    with Scripted({}, answer(401, b'{"error_code": "APIGW.0301"}', **now())) as server:
        more = "".join(
            f'\n[projects.p{n}]\nproject_id = "{n}"\nendpoint = "{server.endpoint}"\npools = ["a"]' for n in (1, 2)
        )
        configure(tmp_path, server.endpoint, f'pools = ["a"]{more}')
        done = poolscope(tmp_path, "doctor")
        signed = [head for head in server.heads if "authorization:" in head.lower()]
    assert 2 == done.returncode
    assert 1 == len(signed)
    told = [finding["what"] for finding in findings(done) if "not asked" in finding["told"]]
    assert ["p1: endpoint", "p2: endpoint"] == told


def test_an_action_that_one_project_lacks_is_asked_for_in_the_others(tmp_path: Path) -> None:
    """Rights are a project's: refused in the first, the key may still do in the second, and is no nearer to a lock."""
    scripts = {f"/v2/{PROJECT_ID}/pools": [answer(403, b'{"error_code": "PDP.0001"}', **now())]}
    with Scripted(scripts, answer(200, GOOD, **now())) as server:
        other = f'[projects.other]\nproject_id = "1"\nendpoint = "{server.endpoint}"\npools = ["a"]'
        configure(tmp_path, server.endpoint, other)
        done = poolscope(tmp_path, "doctor")
    assert {"p: listing pools": "error", "other: statistics": "ok"}.items() <= {
        finding["what"]: finding["severity"] for finding in findings(done)
    }.items()


@pytest.mark.parametrize(
    ("offset", "severity", "code"),
    [(timedelta(minutes=5), "warning", 1), (timedelta(minutes=-20), "error", 2)],
)
def test_a_clock_that_is_off_is_named(tmp_path: Path, offset: timedelta, severity: str, code: int) -> None:
    """A minute and more is a warning, a quarter of an hour an error: signatures are refused then."""
    with Scripted({f"/v2/{PROJECT_ID}/pools": [LISTING]}, answer(200, GOOD, **now(offset))) as server:
        configure(tmp_path, server.endpoint)
        done = poolscope(tmp_path, "doctor")
    found = {finding["what"]: finding for finding in findings(done)}["p: endpoint and clock"]
    assert severity == found["severity"]
    assert ("behind" if offset > timedelta() else "ahead") in found["told"]
    assert code == done.returncode


@pytest.mark.parametrize("paths", ['spool = "taken"', 'database = "taken/poolscope.duckdb"'])
def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path, paths: str) -> None:
    """Where collect can keep nothing doctor says so; and it leaves nothing in the other folder."""
    (tmp_path / "taken").touch()
    configure(tmp_path, "http://127.0.0.1:9", f"[paths]\n{paths}")
    assert 4 == poolscope(tmp_path, "collect").returncode
    before = sorted(tmp_path.rglob("*"))
    done = poolscope(tmp_path, "doctor")
    assert 2 == done.returncode
    (wrong,) = (finding for finding in findings(done) if (finding["what"], finding["severity"]) == ("disk", "error"))
    assert f"{tmp_path / 'taken'} cannot be written to (Not a directory)" == wrong["told"]
    assert before == sorted(tmp_path.rglob("*"))


def test_a_lock_that_cannot_be_taken_is_an_error_among_the_others(tmp_path: Path) -> None:
    """A record that has stood still since its lock was lost to another user, or is no file: doctor goes on."""
    configure(tmp_path, "http://127.0.0.1:9")
    lock = tmp_path / f"{RECORD}.lock"
    lock.mkdir(parents=True)
    with duckdb.connect(tmp_path / RECORD) as connection:
        migrate(connection, 0, "test")
        connection.execute("INSERT INTO scrapes (run, slot, outcome) VALUES ('2026-01-05', '2026-01-05', 'ok')")
    done = poolscope(tmp_path, "doctor")
    assert 2 == done.returncode
    assert ("schedule", "error") in grave(done)
    assert ("lock", "error") in grave(done)


def test_an_endpoint_that_does_not_answer_is_named_once(tmp_path: Path) -> None:
    """No signed request is tried after it, and no secret is in the output."""
    with Scripted({}, close) as server:
        configure(tmp_path, server.endpoint)
        done = poolscope(tmp_path, "doctor")
        assert not any("authorization:" in head.lower() for head in server.heads)
    assert ("p: endpoint", "error") in grave(done)
    assert SECRET_KEY not in done.stdout + done.stderr


def test_configuration_keys_and_record_are_looked_at_together(tmp_path: Path) -> None:
    """An unknown key, a damaged database and a spool file that was set aside: all are named in one run."""
    configure(tmp_path, "http://127.0.0.1:9", 'pool = ["a"]')
    (tmp_path / "data/spool/unreadable").mkdir(parents=True)
    (tmp_path / "data/spool/unreadable/x.ndjson").write_text("half")
    (tmp_path / RECORD).write_bytes(b"no database" * 1000)
    done = poolscope(tmp_path, "doctor")
    assert 2 == done.returncode
    assert [("configuration", "error"), ("spool", "warning"), ("database", "error")] == grave(done)
    assert "projects.p.pool" in done.stdout
    assert b"no database" * 1000 == (tmp_path / RECORD).read_bytes()
