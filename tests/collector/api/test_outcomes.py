"""Each kind of failure has its own outcome, is stored with its cause, and costs no other pool its sample."""

import codecs
import json
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.clock import SimulatedClock
from collector.polling.scheduler import NOT_REFUSED
from collector.record.rows import Scrape
from collector.record.slots import naive
from collector.sandbox.behaviour import SECRET_KEY
from tests.certified import certify
from tests.passing import TIME
from tests.polling import FAST, GOOD, KEYS, START, by_pool, collect, project, rows, statistics_path, take_in
from tests.scripted import Act, Scripted, answer, close, cut_off, drip, hang, reset

DATE = r"(?i)x-sdk-date: (\S+)"
SIGNATURE = r"Signature=([0-9a-f]{64})"
# In GBK the second byte of a character may be a backslash.
IN_CHINESE = '{"error_msg": "资源池乗不存在", "error_code": "ModelArts.50015001"}'
ALERT = b"\x15\x03\x03\x00\x02\x02"
FINE = answer(200, GOOD, X_Request_Id="fine")


def error(status: int, code: str, message: str = "no", **headers: str) -> Act:
    return answer(status, json.dumps({"error_code": code, "error_msg": message}).encode(), **headers)


def poll_scripted_pool(folder: Path, *acts: Act) -> tuple[Scrape, int]:
    """Poll a pool with scripted answers beside a good pool; return its scrape and the number of its requests."""
    answered = threading.Event()

    def good(client: socket.socket) -> None:
        FINE(client)
        answered.set()

    def after_the_good_pool(act: Act) -> Act:
        def wait_and_act(client: socket.socket) -> None:
            TIME.add(NOT_REFUSED)  # until then no request but the first is sent
            answered.wait()
            act(client)

        return wait_and_act

    script = [after_the_good_pool(act) if act in (hang, drip) else act for act in acts]
    with Scripted({statistics_path("odd"): script}, good) as server:
        result = by_pool(collect(folder, [project(server.endpoint, "odd", "good")]))
        assert "ok" == result["good"].outcome
        return result["odd"], server.requests[statistics_path("odd")]


@pytest.mark.parametrize(
    ("act", "outcome", "status", "code", "attempts"),
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
        (answer(407, b""), "proxy_unauthorized", 407, None, 1),
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
        (answer(200, GOOD, Content_Encoding="identity, BR"), "wrong_shape", 200, None, 1),
        (answer(200, GOOD, Content_Encoding="utf8"), "ok", 200, None, 1),
        (answer(200, GOOD, Content_Encoding="None"), "ok", 200, None, 1),
        (answer(200, GOOD, Content_Encoding=""), "ok", 200, None, 1),
        (answer(200, codecs.BOM_UTF8 + GOOD), "ok", 200, None, 1),
        (answer(200, codecs.BOM_UTF8 * 2 + GOOD), "not_json", 200, None, 1),
        (answer(404, IN_CHINESE.encode("gbk")), "gone", 404, "ModelArts.50015001", 1),
        (answer(404, IN_CHINESE.encode("utf-8-sig")), "gone", 404, "ModelArts.50015001", 1),
        (answer(404, IN_CHINESE.encode("utf-16")), "gone", 404, "ModelArts.50015001", 1),
        (answer(200, b" " * (1 << 20) + GOOD), "too_large", 200, None, 1),
    ],
)
def test_every_failure_is_its_own_outcome(
    tmp_path: Path, act: Act, outcome: str, status: int | None, code: str | None, attempts: int
) -> None:
    """The outcome, the status and the API's code are recorded; only transient failures are retried."""
    scrape, requests = poll_scripted_pool(tmp_path, act)
    assert (outcome, status, code) == (scrape.outcome, scrape.http_status, scrape.error_code)
    assert (attempts, attempts) == (requests, scrape.attempts)
    assert scrape.started_at is not None
    assert scrape.answered_at is not None
    take_in(tmp_path)
    stored = rows(tmp_path / "record.duckdb", "SELECT outcome FROM scrapes WHERE pool = 'odd'")
    assert [(outcome,)] == stored
    snapshots = rows(tmp_path / "record.duckdb", "SELECT count(*) FROM snapshots WHERE pool = 'odd'")
    assert [(int(outcome == "ok"),)] == snapshots


def test_a_refused_connection_has_its_own_outcome(tmp_path: Path) -> None:
    """If no server listens on the port, the outcome after all attempts is `refused`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    scrape = by_pool(collect(tmp_path, [project(f"http://127.0.0.1:{port}", "odd")]))["odd"]
    assert ("refused", 4) == (scrape.outcome, scrape.attempts)


def test_a_self_signed_certificate_is_refused(tmp_path: Path) -> None:
    """A self-signed certificate is a TLS failure, and no key is sent to such a server."""
    _, context = certify(tmp_path)
    with Scripted({}, FINE, tls=context) as server:
        scrape = by_pool(collect(tmp_path, [project(server.endpoint, "odd")]))["odd"]
        assert ("tls", 1) == (scrape.outcome, scrape.attempts)
        assert [] == server.heads


@pytest.mark.parametrize(
    ("data", "outcome", "attempts"),
    [
        (b"", "disconnected", 4),
        (b"\x16\x03", "disconnected", 4),
        (ALERT + b"\x50", "disconnected", 4),  # internal_error
        (ALERT + b"\x5a", "disconnected", 4),  # user_canceled
        (ALERT + b"\x46", "tls", 1),  # protocol_version
        (ALERT + b"\x30", "tls", 1),  # unknown_ca
        (ALERT + b"\x74", "tls", 1),  # certificate_required
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "tls", 1),
    ],
)
def test_an_interrupted_handshake_is_retried(tmp_path: Path, data: bytes, outcome: str, attempts: int) -> None:
    """Only failures that a retry cannot fix (certificate, version, no TLS) are TLS failures, which are not retried."""

    def cut(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                with listener.accept()[0] as client:
                    client.recv(4096)
                    client.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        cutting = threading.Thread(target=cut, args=(listener,))
        cutting.start()
        scrape = collect(tmp_path, [project(f"https://127.0.0.1:{listener.getsockname()[1]}", "odd")]).scrapes[0]
        listener.shutdown(socket.SHUT_RDWR)
        cutting.join()
    assert (outcome, attempts) == (scrape.outcome, scrape.attempts)


def test_a_failure_is_stored_with_the_servers_answer(tmp_path: Path) -> None:
    """Status, code, message, request id and times are stored; a body only if no error code was found in it."""
    scripts = {
        statistics_path("json"): [error(400, "ModelArts.0102", "No workspace.", X_Request_Id="r-1")],
        statistics_path("html"): [answer(502, b"<html>bad gateway</html>", X_Request_Id="r-2")],
    }
    with Scripted(scripts, FINE) as server:
        collect(tmp_path, [project(server.endpoint, "json", "html", "good")], settings=replace(FAST, attempts=1))
    take_in(tmp_path)
    columns = "pool, http_status, error_code, error_msg, request_id, attempts, body, started_at <= answered_at"
    assert [
        ("good", 200, None, None, "fine", 1, None, True),
        ("html", 502, None, None, "r-2", 1, "<html>bad gateway</html>", True),
        ("json", 400, "ModelArts.0102", "No workspace.", "r-1", 1, None, True),
    ] == rows(tmp_path / "record.duckdb", f"SELECT {columns} FROM scrapes ORDER BY pool")


def test_a_body_that_cannot_be_parsed_is_stored_without_secrets(tmp_path: Path) -> None:
    """At most 64 KiB of it are stored, without key, token or signature; a parsed body is not stored."""
    echo = f'{{"odd": "{SECRET_KEY} x-security-token:abc/def|x Authorization: SDK-HMAC-SHA256 Access=A, Signature=f0f0|'
    scrape, _ = poll_scripted_pool(tmp_path, answer(200, (echo + "z" * 100_000).encode()))
    assert scrape.body is not None
    assert 60_000 < len(scrape.body) <= 65_536
    for secret in (SECRET_KEY, "abc/def", "f0f0"):
        assert secret not in scrape.body
    assert poll_scripted_pool(tmp_path / "again", FINE)[0].body is None


def test_an_echoed_canonical_request_shows_no_token(tmp_path: Path) -> None:
    """APIGW.0301 echoes the canonical request: its message is stored, and no file of the record has the token."""
    keys = type(KEYS)("default", KEYS.access_key, KEYS.secret_key, "secret/token+of==a-moment")
    message = (
        "verify aksk signature fail, canonicalRequest:GET|/v2/|host:h|x-security-token:secret/token+of==a-moment||h"
    )
    with Scripted({}, error(401, "APIGW.0301", message)) as server:
        scrape = collect(tmp_path, [project(server.endpoint, "odd")], credentials={"default": keys}).scrapes[0]
    assert scrape.error_msg is not None
    assert "canonicalRequest:GET|/v2/|host:h|x-security-token:[redacted]||h" in scrape.error_msg
    take_in(tmp_path)
    assert not any(b"of==a-moment" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_every_row_of_a_poll_carries_its_slot_and_run(tmp_path: Path) -> None:
    """All rows of a poll have the same slot, run and interval."""
    clock = SimulatedClock(START + timedelta(minutes=7))
    with Scripted({}, FINE) as server:
        collect(tmp_path, [project(server.endpoint, "a", "b")], clock)
    take_in(tmp_path)
    stamps = rows(tmp_path / "record.duckdb", "SELECT DISTINCT run, slot, interval_seconds FROM scrapes")
    assert [(naive(START + timedelta(minutes=7)), naive(START), 3600)] == stamps
