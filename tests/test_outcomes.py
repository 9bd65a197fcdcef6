"""Each way in which an answer can fail is its own outcome, kept with its cause, and costs no other pool its sample."""

import json
import re
import socket
import ssl
import subprocess
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from collector.clock import SimulatedClock, SystemClock
from collector.config import CollectSettings
from collector.sandbox.behaviour import PROJECT_ID, SECRET_KEY
from collector.slots import naive
from collector.snapshot import Scrape
from tests.polling import FAST, GOOD, IMPATIENT, KEYS, START, by_pool, collect, project, rows, statistics_path, take_in
from tests.scripted import Act, Scripted, answer, close, cut_off, drip, hang, reset

DATE = r"(?i)x-sdk-date: (\S+)"
SIGNATURE = r"Signature=([0-9a-f]{64})"
FINE = answer(200, GOOD, X_Request_Id="fine")


def error(status: int, code: str, message: str = "no", **headers: str) -> Act:
    return answer(status, json.dumps({"error_code": code, "error_msg": message}).encode(), **headers)


def turn(folder: Path, *acts: Act, settings: CollectSettings = FAST) -> tuple[Scrape, int]:
    """Poll a pool whose answers are scripted beside one that is well; return its turn and how often it was asked."""
    with Scripted({statistics_path("odd"): acts}, FINE) as server:
        result = by_pool(collect(folder, [project(server.endpoint, "odd", "well")], settings=settings))
        assert "ok" == result["well"].outcome
        return result["odd"], server.requests[statistics_path("odd")]


@pytest.mark.parametrize(
    ("act", "outcome", "status", "code", "asked"),
    [
        (FINE, "ok", 200, None, 1),
        (error(404, "ModelArts.50015001", "Pool odd not found."), "gone", 404, "ModelArts.50015001", 1),
        (error(404, "APIGW.0101"), "wrong_endpoint", 404, "APIGW.0101", 1),
        (error(404, "APIG.0101"), "wrong_endpoint", 404, "APIG.0101", 1),
        (error(404, "ModelArts.2890"), "not_found", 404, "ModelArts.2890", 1),
        (error(400, "ModelArts.50004000"), "bad_request", 400, "ModelArts.50004000", 1),
        (error(429, "APIGW.0308"), "throttled", 429, "APIGW.0308", 4),
        (error(500, "ModelArts.50005000"), "server_error", 500, "ModelArts.50005000", 4),
        (answer(503, b"<html>busy</html>"), "server_error", 503, None, 4),
        (answer(302, b"", Location="http://127.0.0.1:1/"), "redirected", 302, None, 1),
        (answer(418, b"tea"), "unexpected_status", 418, None, 1),
        (hang, "timeout", None, None, 4),
        (drip, "timeout", None, None, 4),
        (close, "disconnected", None, None, 4),
        (reset, "disconnected", None, None, 4),
        (cut_off, "cut_off", 200, None, 4),
        (answer(200, b"hello"), "not_json", 200, None, 1),
        (answer(200, b'{"statistics": {"total": NaN}}'), "not_json", 200, None, 1),
        (answer(200, b'{"statistics": {"items": 7}}'), "wrong_shape", 200, None, 1),
        (error(200, "ModelArts.0010"), "wrong_shape", 200, "ModelArts.0010", 1),
        (answer(200, GOOD, Content_Encoding="gzip"), "wrong_shape", 200, None, 1),
        (answer(200, b" " * (1 << 20) + GOOD), "too_large", 200, None, 1),
    ],
)
def test_every_failure_is_its_own_outcome(
    tmp_path: Path, act: Act, outcome: str, status: int | None, code: str | None, asked: int
) -> None:
    """The outcome, the status and the API's code are recorded; only what may pass is asked again."""
    seen, requests = turn(tmp_path, act, settings=IMPATIENT if act in (hang, drip) else FAST)
    assert (outcome, status, code) == (seen.outcome, seen.http_status, seen.error_code)
    assert (asked, asked) == (requests, seen.attempts)
    assert seen.started_at is not None
    assert seen.answered_at is not None
    take_in(tmp_path)
    stored = rows(tmp_path / "record.duckdb", "SELECT outcome FROM scrapes WHERE pool = 'odd'")
    assert [(outcome,)] == stored
    counted = rows(tmp_path / "record.duckdb", "SELECT count(*) FROM snapshots WHERE pool = 'odd'")
    assert [(int(outcome == "ok"),)] == counted


def test_a_refused_connection_is_told_from_a_silent_one(tmp_path: Path) -> None:
    """Nobody listens at the port: refused, after all attempts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    seen = by_pool(collect(tmp_path, [project(f"http://127.0.0.1:{port}", "odd")]))["odd"]
    assert ("refused", 4) == (seen.outcome, seen.attempts)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """A self-signed certificate is a TLS failure, and no key is ever sent to such a server."""
    pem = tmp_path / "server.pem"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*made.split(), "-keyout", str(pem), "-out", str(pem) + ".crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(pem) + ".crt", str(pem))
    with Scripted({}, FINE, tls=context) as server:
        seen = by_pool(collect(tmp_path, [project(server.endpoint, "odd")]))["odd"]
        assert ("tls", 1) == (seen.outcome, seen.attempts)
        assert [] == server.heads


def test_a_failure_says_what_the_server_said(tmp_path: Path) -> None:
    """Status, code, message, request id and times are stored; a body only where no code in it was understood."""
    scripts = {
        statistics_path("told"): [error(400, "ModelArts.0102", "No workspace.", X_Request_Id="r-1")],
        statistics_path("html"): [answer(502, b"<html>bad gateway</html>", X_Request_Id="r-2")],
    }
    with Scripted(scripts, FINE) as server:
        collect(tmp_path, [project(server.endpoint, "told", "html", "well")], settings=replace(FAST, attempts=1))
    take_in(tmp_path)
    said = "pool, http_status, error_code, error_msg, request_id, attempts, body, started_at <= answered_at"
    assert [
        ("html", 502, None, None, "r-2", 1, "<html>bad gateway</html>", True),
        ("told", 400, "ModelArts.0102", "No workspace.", "r-1", 1, None, True),
        ("well", 200, None, None, "fine", 1, None, True),
    ] == rows(tmp_path / "record.duckdb", f"SELECT {said} FROM scrapes ORDER BY pool")


def test_a_failure_that_passes_ends_in_a_sample(tmp_path: Path) -> None:
    """A server error, a closed connection and then an answer: one success, three attempts."""
    seen, requests = turn(tmp_path, error(500, "x"), close, FINE)
    assert ("ok", 3, 3) == (seen.outcome, seen.attempts, requests)


@pytest.mark.parametrize("asks", ["100", format_datetime(START + timedelta(seconds=100), usegmt=True)])
def test_retry_after_is_honoured(tmp_path: Path, asks: str) -> None:
    """Seconds or a date: the next attempt comes no sooner, on the poll's clock, and is signed anew."""
    clock = SimulatedClock(START)
    with Scripted({statistics_path("odd"): [error(429, "APIGW.0308", Retry_After=asks), FINE]}, FINE) as server:
        result = collect(tmp_path, [project(server.endpoint, "odd")], clock)
        dates, signatures = (re.findall(words, "".join(server.heads)) for words in (DATE, SIGNATURE))
    assert ("ok", 2) == (result.scrapes[0].outcome, result.scrapes[0].attempts)
    assert START + timedelta(seconds=100) <= clock.now() < START + timedelta(seconds=120)
    assert "20260115T080000Z" == dates[0] < "20260115T080140Z" <= dates[1]
    assert 2 == len(set(signatures))


@pytest.mark.parametrize("asks", ["Mon, 01 Jan 99999999999 00:00:00 GMT", "soon", "-1", "1e9"])
def test_a_retry_after_that_cannot_be_read_says_nothing(tmp_path: Path, asks: str) -> None:
    """The pool is tried again in its own time, and its neighbour has its sample."""
    busy = error(429, "APIGW.0308", Retry_After=asks)
    with Scripted({statistics_path("odd"): [busy, FINE]}, FINE) as server:
        result = collect(tmp_path, [project(server.endpoint, "odd", "even")])
    assert ["ok", "ok"] == [scrape.outcome for scrape in result.scrapes]


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(tmp_path: Path) -> None:
    """Asked to wait for longer than the slot has, the turn ends as throttled, at once."""
    clock = SimulatedClock(START)
    with Scripted({}, error(429, "APIGW.0308", Retry_After="86400")) as server:
        seen = collect(tmp_path, [project(server.endpoint, "odd")], clock).scrapes[0]
    assert ("throttled", 1) == (seen.outcome, seen.attempts)
    assert clock.now() < START + timedelta(seconds=10)


@pytest.mark.parametrize("discovered", [False, True])
def test_pools_that_hang_cost_the_others_nothing(tmp_path: Path, discovered: bool) -> None:
    """Fifty of ninety pools hang for longer than the poll may take: the others have their sample."""
    settings = CollectSettings(interval=timedelta(days=1), deadline=timedelta(seconds=10))
    hanging = [f"hang-{number}" for number in range(50)]
    pools = [*hanging, *(f"well-{number}" for number in range(40))]
    listing = json.dumps({"items": [{"metadata": {"name": pool}} for pool in pools]}).encode()
    scripts = {statistics_path(pool): [hang] for pool in hanging} | {f"/v2/{PROJECT_ID}/pools": [answer(200, listing)]}
    clock = SystemClock()
    with Scripted(scripts, FINE) as server:
        started = clock.monotonic()
        result = collect(tmp_path, [project(server.endpoint, *(() if discovered else pools))], clock, settings)
        took = clock.monotonic() - started
    outcomes = {pool: scrape.outcome for pool, scrape in by_pool(result).items()}
    assert {pool: "timeout" if pool in hanging else "ok" for pool in pools} == outcomes
    assert took < 11


def test_a_project_that_hangs_costs_another_nothing(tmp_path: Path) -> None:
    """No answer ever proves the first project's key: its pools wait at its gate, not in the other's way."""
    settings = CollectSettings(interval=timedelta(days=1), deadline=timedelta(seconds=4))
    other = type(KEYS)("other", "OTHERKEY", "other-secret")
    pools = [f"pool-{number}" for number in range(40)]
    with Scripted({}, hang) as silent, Scripted({}, FINE) as fine:
        projects = [
            project(silent.endpoint, *pools, name="silent"),
            project(fine.endpoint, *pools, name="fine", credentials="other"),
        ]
        result = collect(tmp_path, projects, SystemClock(), settings, {"default": KEYS, "other": other})
        assert sum(silent.requests.values()) <= 1 + 4 + 4
    assert {"fine": {"ok"}, "silent": {"timeout", "deadline"}} == {
        name: {scrape.outcome for scrape in result.scrapes if scrape.project == name} for name in ("fine", "silent")
    }


def test_what_was_not_asked_before_the_deadline_says_so(tmp_path: Path) -> None:
    """At one request a second of which three fit, the other pools are recorded as not asked."""
    settings = CollectSettings(
        interval=timedelta(days=1), deadline=timedelta(seconds=3), requests_per_second=1, concurrency=1
    )
    with Scripted({}, FINE) as server:
        result = collect(tmp_path, [project(server.endpoint, *"abcdef")], settings=settings)
        asked = sum(server.requests.values())
    outcomes = sorted(scrape.outcome for scrape in result.scrapes)
    assert ["deadline"] * (6 - asked) + ["ok"] * asked == outcomes
    assert 2 <= asked <= 4
    assert {0} == {scrape.attempts for scrape in result.scrapes if scrape.outcome == "deadline"}


def test_a_body_that_was_not_understood_is_kept_without_secrets(tmp_path: Path) -> None:
    """At most 64 KiB of it, and no key, token or signature; a body that was understood is not kept."""
    echo = f'{{"odd": "{SECRET_KEY} x-security-token:abc/def|x Authorization: SDK-HMAC-SHA256 Access=A, Signature=f0f0|'
    seen, _ = turn(tmp_path, answer(200, (echo + "z" * 100_000).encode()))
    assert seen.body is not None
    assert 60_000 < len(seen.body) <= 65_536
    for secret in (SECRET_KEY, "abc/def", "f0f0"):
        assert secret not in seen.body
    assert turn(tmp_path / "again", FINE)[0].body is None


def test_an_echoed_canonical_request_shows_no_token(tmp_path: Path) -> None:
    """APIGW.0301 echoes what was signed: the message is kept, the token in it is not, in no file of the record."""
    keys = type(KEYS)("default", KEYS.access_key, KEYS.secret_key, "secret/token+of==a-moment")
    message = (
        "verify aksk signature fail, canonicalRequest:GET|/v2/|host:h|x-security-token:secret/token+of==a-moment||h"
    )
    with Scripted({}, error(401, "APIGW.0301", message)) as server:
        seen = collect(tmp_path, [project(server.endpoint, "odd")], credentials={"default": keys}).scrapes[0]
    assert seen.error_msg is not None
    assert "canonicalRequest:GET|/v2/|host:h|x-security-token:[redacted]||h" in seen.error_msg
    take_in(tmp_path)
    assert not any(b"of==a-moment" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize(("status", "outcome"), [(401, "unauthorized"), (403, "forbidden")])
def test_a_refused_credential_is_used_once_in_a_poll(tmp_path: Path, status: int, outcome: str) -> None:
    """Of its twenty pools one is asked, all are recorded with the cause; a project with other keys goes on."""
    pools = [f"pool-{number}" for number in range(20)]
    other = type(KEYS)("other", "OTHERKEY", "other-secret")
    with Scripted({}, error(status, "APIGW.0301", "wrong")) as refusing, Scripted({}, FINE) as fine:
        projects = [
            project(refusing.endpoint, *pools, name="refused"),
            project(fine.endpoint, *pools, name="fine", credentials="other"),
        ]
        result = collect(tmp_path, projects, credentials={"default": KEYS, "other": other})
        assert 1 == sum(refusing.requests.values())
        assert 20 == sum(fine.requests.values())
    refused = [scrape for scrape in result.scrapes if scrape.project == "refused"]
    assert [(outcome, "APIGW.0301")] * 20 == [(scrape.outcome, scrape.error_code) for scrape in refused]
    assert [0] * 19 + [1] == sorted(scrape.attempts or 0 for scrape in refused)
    assert {"ok"} == {scrape.outcome for scrape in result.scrapes if scrape.project == "fine"}


def test_even_where_the_first_request_hangs_a_key_is_not_locked(tmp_path: Path) -> None:
    """Until an answer has proven the key at most four requests are under way: five refusals would not lock it."""
    scripts = {statistics_path("pool-0"): [hang]}
    with Scripted(scripts, error(401, "APIGW.0301")) as server:
        pools = (f"pool-{number}" for number in range(20))
        result = collect(tmp_path, [project(server.endpoint, *pools)], settings=IMPATIENT)
        refusals = sum(count for path, count in server.requests.items() if path not in scripts)
    assert refusals <= 4
    assert 20 == len(result.scrapes)


def test_two_profiles_with_one_key_share_its_refusal(tmp_path: Path) -> None:
    """The gateway locks a key, whatever the profiles are called that hold it: one request, not one a profile."""
    with Scripted({}, error(401, "APIGW.0301")) as server:
        projects = [project(server.endpoint, "a", name=name, credentials=name) for name in ("default", "other")]
        result = collect(tmp_path, projects, credentials=dict.fromkeys(("default", "other"), KEYS))
        assert 1 == sum(server.requests.values())
    assert ["unauthorized"] * 2 == [scrape.outcome for scrape in result.scrapes]


def test_every_row_of_a_poll_carries_its_slot_and_run(tmp_path: Path) -> None:
    """A poll is stamped once: slot, run and interval are the same on every row."""
    clock = SimulatedClock(START + timedelta(minutes=7))
    with Scripted({}, FINE) as server:
        collect(tmp_path, [project(server.endpoint, "a", "b")], clock)
    take_in(tmp_path)
    stamped = rows(tmp_path / "record.duckdb", "SELECT DISTINCT run, slot, interval_seconds FROM scrapes")
    assert [(naive(START + timedelta(minutes=7)), naive(START), 3600)] == stamped
