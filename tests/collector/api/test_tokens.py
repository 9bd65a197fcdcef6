"""IAM tokens by password: requested once, kept between polls for their owner only, renewed in time, and once on 401."""

import json
import os
import re
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.api.credentials import PasswordCredential
from collector.clock import SimulatedClock
from collector.record.rows import PolledRows
from collector.sandbox.behaviour import Behaviour
from collector.sandbox.server import Sandbox
from tests.passing import TIME
from tests.polling import FAST, GOOD, START, collect, configure, poolscope, project, rows, statistics_path
from tests.scripted import Act, Scripted, StillPool, answer, close, drip

PASSWORD = "correct horse battery staple"  # noqa: S105 - of a user of the sandbox alone
USER = PasswordCredential("default", "sandbox", "sandbox", PASSWORD)
LIFE = timedelta(hours=10)
IAM = "/v3/auth/tokens"
SERVED = Behaviour(password=PASSWORD, token_life=LIFE)
FINE = answer(200, GOOD)
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
POOLS = [StillPool(f"pool-{number}") for number in range(12)]


def poll(
    folder: Path, endpoint: str, after: timedelta = timedelta(), clock: SimulatedClock | None = None
) -> PolledRows:
    clock = clock or SimulatedClock(START)
    clock.move_to(START + after)
    polled = replace(project(endpoint, *(pool.id for pool in POOLS)), iam_endpoint=endpoint)
    return collect(folder, [polled], clock, FAST, {"default": USER})


def outcomes(result: PolledRows) -> set[str]:
    return {scrape.outcome for scrape in result.scrapes}


def issue(token: str) -> Act:
    expires = f'{{"token": {{"expires_at": "{START + LIFE:%Y-%m-%dT%H:%M:%S.%fZ}"}}}}'
    return answer(201, expires.encode(), X_Subject_Token=token)


def test_one_token_serves_all_pools_and_later_polls(tmp_path: Path) -> None:
    """Twelve pools in three polls need one token, which is renewed when a tenth of its lifetime remains."""
    clock = SimulatedClock(START)
    with Sandbox(POOLS, SERVED, clock) as sandbox:
        for after, tokens in ((0, 1), (1, 1), (8.9, 1), (9.1, 2), (9.2, 2)):
            assert {"ok"} == outcomes(poll(tmp_path, sandbox.endpoint, timedelta(hours=after), clock))
            assert tokens == sandbox.requests[IAM]
    token_files = list(tmp_path.rglob("*.tokens/*"))
    assert [0o600] == [stat.S_IMODE(file.stat().st_mode) for file in token_files]
    assert 0o700 == stat.S_IMODE(token_files[0].parent.stat().st_mode)


@pytest.mark.parametrize("code", ["APIGW.0301", "APIGW.0307", "ModelArts.0202"])
def test_a_refused_token_is_renewed_once(tmp_path: Path, code: str) -> None:
    """A pool's first answer is 401: one new token is requested, and every pool has its sample in the same poll."""
    refused = answer(401, json.dumps({"error_code": code, "error_msg": "token expires"}).encode())
    scripts = {statistics_path(pool.id): [refused, answer(200, GOOD)] for pool in POOLS[:1]}
    with Scripted({IAM: [issue("the-first-token"), issue("the-second-token")]} | scripts, answer(200, GOOD)) as server:
        assert {"ok"} == outcomes(poll(tmp_path, server.endpoint))
        assert 2 == server.requests[IAM]


@pytest.mark.parametrize("failure", [answer(503, b"down"), answer(401, b"{}"), close, drip])
def test_a_valid_token_is_used_if_it_cannot_be_renewed(tmp_path: Path, failure: Act) -> None:
    """IAM fails or hangs in the token's last tenth: every pool has its sample, and IAM is asked once a poll.

    The next poll renews the token; an expired token is not used.
    """
    with Scripted({IAM: [issue("the-first-token"), failure, issue("another-token"), failure]}, FINE) as server:
        for after, tokens in ((0, 1), (9.5, 2), (9.6, 3)):
            assert {"ok"} == outcomes(poll(tmp_path, server.endpoint, timedelta(hours=after)))
            assert tokens == server.requests[IAM]
        assert "ok" not in outcomes(poll(tmp_path, server.endpoint, timedelta(hours=10)))
    sent_tokens = {re.findall("(?i)x-auth-token: (.*)", head)[0].strip() for head in server.heads if IAM not in head}
    assert {"the-first-token", "another-token"} == sent_tokens


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(answer(503, b"down"), "server_error"), (answer(429, b""), "throttled"), (close, "disconnected")],
)
def test_a_failure_of_iam_is_the_failure_of_all_waiting_pools(tmp_path: Path, failure: Act, outcome: str) -> None:
    """For a hundred pools with four attempts each, the password is sent a few times; all rows have IAM's failure."""
    with Scripted({IAM: [failure]}, FINE) as server:
        polled = project(server.endpoint, *(f"pool-{number}" for number in range(100)), iam_endpoint=server.endpoint)
        result = collect(tmp_path, [polled], SimulatedClock(START), FAST, {"default": USER})
        assert 2 <= server.requests[IAM] <= 12
    assert [(outcome, 4)] * 100 == [(scrape.outcome, scrape.attempts) for scrape in result.scrapes]
    assert all("no token from" in (scrape.error_msg or "") for scrape in result.scrapes)


def test_a_transient_failure_of_iam_costs_no_sample(tmp_path: Path) -> None:
    """IAM is busy twice, once with a Retry-After, then issues a token: every pool has its sample."""
    busy = [answer(503, b""), answer(429, b"{}", Retry_After="1")]
    with Scripted({IAM: [*busy, issue("a-late-token")]}, FINE) as server:
        assert {"ok"} == outcomes(poll(tmp_path, server.endpoint))
        assert 3 == server.requests[IAM]


@pytest.mark.parametrize(
    "fields", [{"expires_at": "2099-01-01T00:00:00"}, {"value": "line\nbreak"}, {"value": 7}, {"given_at": None}, None]
)
def test_an_invalid_token_file_is_ignored(tmp_path: Path, fields: dict[str, object] | None) -> None:
    """With a time without a zone, a value that no header can have, or deep nesting, a new token is requested."""
    with Scripted({IAM: [issue("the-first-token"), issue("another-token")]}, FINE) as server:
        poll(tmp_path, server.endpoint)
        (file,) = tmp_path.rglob("*.tokens/*")
        file.write_text("[" * 100_000 if fields is None else json.dumps(json.loads(file.read_text()) | fields))
        assert {"ok"} == outcomes(poll(tmp_path, server.endpoint, timedelta(minutes=1)))
        assert 2 == server.requests[IAM]


@pytest.mark.parametrize("kind", ["open to all", "a link", pytest.param("another user's", marks=AS_ROOT)])
def test_a_token_folder_that_others_can_write_to_is_not_used(tmp_path: Path, kind: str) -> None:
    """No token is stored in it or read from it: a new one is requested in every poll."""
    folder = tmp_path / "record.duckdb.tokens"
    folder.mkdir(0o700)
    if kind == "open to all":
        folder.chmod(0o777)
    elif kind == "a link":
        folder.rename(tmp_path / "elsewhere").chmod(0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        os.chown(folder, 65534, 65534)
    with Scripted({IAM: [issue("the-first-token"), issue("another-token")]}, FINE) as server:
        for minutes in (0, 1):
            assert {"ok"} == outcomes(poll(tmp_path, server.endpoint, timedelta(minutes=minutes)))
        assert 2 == server.requests[IAM]
    assert [] == list(folder.iterdir())


def test_a_token_that_stays_refused_ends_the_use_of_the_credential(tmp_path: Path) -> None:
    """After two tokens and three refused requests no more are sent; all rows have the cause, also in the next poll."""
    refused = answer(401, b'{"error_code": "APIGW.0301", "error_msg": "decrypt token fail"}')
    with Scripted({IAM: [issue("a-refused-token")]}, refused) as server:
        assert {"unauthorized"} == outcomes(poll(tmp_path, server.endpoint))
        assert {"unauthorized"} == outcomes(poll(tmp_path, server.endpoint, timedelta(minutes=1)))
        assert (2, 2 + 3) == (server.requests[IAM], sum(server.requests.values()))


def test_a_wrong_password_is_sent_once(tmp_path: Path) -> None:
    """IAM refuses the only request: every pool's row says so, and the password is in no file."""
    with Sandbox(POOLS, Behaviour()) as sandbox:
        result = poll(tmp_path, sandbox.endpoint)
        assert 1 == sum(sandbox.requests.values())
    assert {"unauthorized"} == outcomes(result)
    assert any("The username or password is wrong" in (scrape.error_msg or "") for scrape in result.scrapes)
    assert not any(PASSWORD in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_a_failed_renewal_does_not_show_the_password(tmp_path: Path) -> None:
    """A token is refused, and IAM echoes the password: the rows have the cause without the password."""
    refused = answer(401, b'{"error_code": "APIGW.0301", "error_msg": "decrypt token fail"}')
    echo = answer(400, json.dumps({"error_code": PASSWORD, "error_msg": f"what is {PASSWORD}"}).encode())
    with Scripted({IAM: [issue("a-refused-token"), echo]}, refused) as server:
        result = poll(tmp_path, server.endpoint)
    assert {"bad_request", "unauthorized"} >= outcomes(result)
    assert any("no token from" in (scrape.error_msg or "") for scrape in result.scrapes)
    assert PASSWORD not in repr(result)
    assert not any(PASSWORD in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_a_renewal_keeps_the_deadline(tmp_path: Path) -> None:
    """IAM answers one byte at a time, for days: the requests end by their own time-out, and the poll ends."""
    refused = answer(401, b'{"error_code": "APIGW.0301", "error_msg": "decrypt token fail"}')
    with Scripted({IAM: [issue("a-refused-token"), drip]}, refused) as server:
        start = TIME.seconds()
        assert {"timeout", "unauthorized"} >= outcomes(poll(tmp_path, server.endpoint))
        # IAM's answer takes days; no request waits longer than its own time-out.
        assert TIME.seconds() - start < len(POOLS) * FAST.attempts * FAST.total_timeout.total_seconds()


def test_a_token_is_in_its_own_file_only(tmp_path: Path) -> None:
    """The server echoes the token in a body and in an error: only the token file contains it."""
    echo = answer(400, b'{"error_code": "x", "error_msg": "a-token-of-hours is odd"}')
    scripts = {IAM: [issue("a-token-of-hours")], statistics_path("pool-1"): [echo]}
    with Scripted(scripts, answer(200, b"what is a-token-of-hours")) as server:
        poll(tmp_path, server.endpoint)
    files = [file for file in tmp_path.rglob("*") if file.is_file() and "a-token-of-hours" in file.read_text()]
    assert [".tokens"] == [file.parent.suffix for file in files]


def test_an_old_token_is_removed_from_all_texts(tmp_path: Path) -> None:
    """After a renewal the server echoes the old token in a message, a job type and a page: none is stored with it."""
    old, new = "MIIOLDTOKENVALUE0123456789abcdef/+-tail", "MIINEWTOKENVALUE0123456789abcdef/+-tail"
    expired = json.dumps({"error_code": "APIGW.0301", "error_msg": "token expires"}).encode()
    message = json.dumps({"error_code": "APIGW.0101", "error_msg": f"decrypt token fail: {old}"}).encode()
    page = f"<pre>{old.replace('+', '&#43;').replace('/', '&#x2F;')} {old.replace('/', '%2F')}</pre>".encode()
    job_type = GOOD.replace(b'"train"', json.dumps(f"X-Auth-Token: {old}").replace("/", "\\/").encode(), 1)
    assert job_type != GOOD
    first, second, third, fourth = (statistics_path(pool.id) for pool in POOLS[:4])
    scripts = {
        first: [answer(401, expired), answer(200, GOOD)],
        second: [answer(404, message)],
        third: [answer(500, page)],
        fourth: [answer(200, job_type)],
    }
    with Scripted({IAM: [issue(old), issue(new)], **scripts}, answer(200, GOOD)) as server:
        result = poll(tmp_path, server.endpoint)
    assert 2 == server.requests[IAM]
    stored = [file.read_text() for file in tmp_path.rglob("*") if file.is_file() and ".tokens" not in str(file)]
    for text in (*stored, str(result)):
        assert old[:12] not in text
        assert new[:12] not in text
    assert "decrypt token fail: [redacted]" in str(result)
    assert "X-Auth-Token: [redacted]" in {snapshot.type for snapshot in result.snapshots}


def test_the_command_polls_with_a_password(tmp_path: Path) -> None:
    """User and domain are in the file, the password in the environment; without it the error names its variable."""
    with Sandbox(POOLS[:2], Behaviour(password=PASSWORD)) as sandbox:
        profile = f'iam_endpoint = "{sandbox.endpoint}"\n[credentials.default]\nuser = "sandbox"\ndomain = "sandbox"'
        configure(tmp_path, sandbox.endpoint, profile)
        assert "HUAWEICLOUD_SDK_PASSWORD" in poolscope(tmp_path, "collect").stderr
        done = poolscope(tmp_path, "collect", HUAWEICLOUD_SDK_PASSWORD=PASSWORD)
        assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert [(2,)] == rows(tmp_path / "data/poolscope.duckdb", "SELECT count(*) FROM scrapes WHERE outcome = 'ok'")
