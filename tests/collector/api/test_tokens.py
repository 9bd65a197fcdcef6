"""IAM tokens by password: asked for once, kept between ticks for their owner only, renewed in time and once on 401."""

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


def tick(
    folder: Path, endpoint: str, after: timedelta = timedelta(), clock: SimulatedClock | None = None
) -> PolledRows:
    clock = clock or SimulatedClock(START)
    clock.move_to(START + after)
    asked = replace(project(endpoint, *(pool.id for pool in POOLS)), iam_endpoint=endpoint)
    return collect(folder, [asked], clock, FAST, {"default": USER})


def outcomes(seen: PolledRows) -> set[str]:
    return {scrape.outcome for scrape in seen.scrapes}


def given(token: str) -> Act:
    expires = f'{{"token": {{"expires_at": "{START + LIFE:%Y-%m-%dT%H:%M:%S.%fZ}"}}}}'
    return answer(201, expires.encode(), X_Subject_Token=token)


def test_one_token_serves_all_pools_and_the_ticks_after(tmp_path: Path) -> None:
    """Twelve pools in three ticks: one token is asked for; it is renewed when a tenth of its life is left."""
    clock = SimulatedClock(START)
    with Sandbox(POOLS, SERVED, clock) as sandbox:
        for after, tokens in ((0, 1), (1, 1), (8.9, 1), (9.1, 2), (9.2, 2)):
            assert {"ok"} == outcomes(tick(tmp_path, sandbox.endpoint, timedelta(hours=after), clock))
            assert tokens == sandbox.requests[IAM]
    kept = list(tmp_path.rglob("*.tokens/*"))
    assert [0o600] == [stat.S_IMODE(file.stat().st_mode) for file in kept]
    assert 0o700 == stat.S_IMODE(kept[0].parent.stat().st_mode)


@pytest.mark.parametrize("code", ["APIGW.0301", "APIGW.0307", "ModelArts.0202"])
def test_a_refused_token_is_renewed_once(tmp_path: Path, code: str) -> None:
    """Every pool's first answer is 401: one new token, and every pool has its sample in the same poll."""
    refused = answer(401, json.dumps({"error_code": code, "error_msg": "token expires"}).encode())
    scripts = {statistics_path(pool.id): [refused, answer(200, GOOD)] for pool in POOLS[:1]}
    with Scripted({IAM: [given("the-first-token"), given("the-second-token")]} | scripts, answer(200, GOOD)) as server:
        assert {"ok"} == outcomes(tick(tmp_path, server.endpoint))
        assert 2 == server.requests[IAM]


@pytest.mark.parametrize("failure", [answer(503, b"down"), answer(401, b"{}"), close, drip])
def test_a_token_that_lives_is_used_where_it_cannot_be_renewed(tmp_path: Path, failure: Act) -> None:
    """In the last tenth of its life IAM fails, or never ends: every pool has its sample, IAM is asked once a poll.

    The next poll renews it; one whose life has ended is not used.
    """
    with Scripted({IAM: [given("the-first-token"), failure, given("another-token"), failure]}, FINE) as server:
        for after, tokens in ((0, 1), (9.5, 2), (9.6, 3)):
            assert {"ok"} == outcomes(tick(tmp_path, server.endpoint, timedelta(hours=after)))
            assert tokens == server.requests[IAM]
        assert "ok" not in outcomes(tick(tmp_path, server.endpoint, timedelta(hours=10)))
    used = {re.findall("(?i)x-auth-token: (.*)", head)[0].strip() for head in server.heads if IAM not in head}
    assert {"the-first-token", "another-token"} == used


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(answer(503, b"down"), "server_error"), (answer(429, b""), "throttled"), (close, "disconnected")],
)
def test_iams_failure_is_that_of_all_who_wait_for_a_token(tmp_path: Path, failure: Act, outcome: str) -> None:
    """Of a hundred pools, with four attempts each, the password is sent a handful of times, and all bear the cause."""
    with Scripted({IAM: [failure]}, FINE) as server:
        asked = project(server.endpoint, *(f"pool-{number}" for number in range(100)), iam_endpoint=server.endpoint)
        seen = collect(tmp_path, [asked], SimulatedClock(START), FAST, {"default": USER})
        assert 2 <= server.requests[IAM] <= 12
    assert [(outcome, 4)] * 100 == [(scrape.outcome, scrape.attempts) for scrape in seen.scrapes]
    assert all("no token from" in (scrape.error_msg or "") for scrape in seen.scrapes)


def test_iam_that_fails_in_passing_costs_no_sample(tmp_path: Path) -> None:
    """Twice it is busy, once for as long as it says, then it gives a token: every pool has its sample."""
    busy = [answer(503, b""), answer(429, b"{}", Retry_After="1")]
    with Scripted({IAM: [*busy, given("a-late-token")]}, FINE) as server:
        assert {"ok"} == outcomes(tick(tmp_path, server.endpoint))
        assert 3 == server.requests[IAM]


@pytest.mark.parametrize(
    "odd", [{"expires_at": "2099-01-01T00:00:00"}, {"value": "line\nbreak"}, {"value": 7}, {"given_at": None}, None]
)
def test_a_token_file_that_is_odd_is_none(tmp_path: Path, odd: dict[str, object] | None) -> None:
    """An instant without a zone, a value that no header can have, nesting without end: another token is asked for."""
    with Scripted({IAM: [given("the-first-token"), given("another-token")]}, FINE) as server:
        tick(tmp_path, server.endpoint)
        (file,) = tmp_path.rglob("*.tokens/*")
        file.write_text("[" * 100_000 if odd is None else json.dumps(json.loads(file.read_text()) | odd))
        assert {"ok"} == outcomes(tick(tmp_path, server.endpoint, timedelta(minutes=1)))
        assert 2 == server.requests[IAM]


@pytest.mark.parametrize("theirs", ["open to all", "a link", pytest.param("another's", marks=AS_ROOT)])
def test_a_folder_of_tokens_that_others_can_write_to_is_not_used(tmp_path: Path, theirs: str) -> None:
    """Nothing is put into it, and no token in it is sent: one is asked for in every poll."""
    folder = tmp_path / "record.duckdb.tokens"
    folder.mkdir(0o700)
    if theirs == "open to all":
        folder.chmod(0o777)
    elif theirs == "a link":
        folder.rename(tmp_path / "elsewhere").chmod(0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        os.chown(folder, 65534, 65534)
    with Scripted({IAM: [given("the-first-token"), given("another-token")]}, FINE) as server:
        for minutes in (0, 1):
            assert {"ok"} == outcomes(tick(tmp_path, server.endpoint, timedelta(minutes=minutes)))
        assert 2 == server.requests[IAM]
    assert [] == list(folder.iterdir())


def test_a_token_that_stays_refused_ends_the_use_of_the_credential(tmp_path: Path) -> None:
    """Two tokens, three refused requests, and no more; all pools bear the cause, the next poll leaves it alone."""
    refused = answer(401, b'{"error_code": "APIGW.0301", "error_msg": "decrypt token fail"}')
    with Scripted({IAM: [given("a-refused-token")]}, refused) as server:
        assert {"unauthorized"} == outcomes(tick(tmp_path, server.endpoint))
        assert {"unauthorized"} == outcomes(tick(tmp_path, server.endpoint, timedelta(minutes=1)))
        assert (2, 2 + 3) == (server.requests[IAM], sum(server.requests.values()))


def test_a_wrong_password_is_sent_once(tmp_path: Path) -> None:
    """IAM refuses it: one request, every pool's row says so, and neither password nor token is in any file or row."""
    with Sandbox(POOLS, Behaviour()) as sandbox:
        seen = tick(tmp_path, sandbox.endpoint)
        assert 1 == sum(sandbox.requests.values())
    assert {"unauthorized"} == outcomes(seen)
    assert any("The username or password is wrong" in (scrape.error_msg or "") for scrape in seen.scrapes)
    assert not any(PASSWORD in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_a_renewal_that_fails_keeps_the_password_to_itself(tmp_path: Path) -> None:
    """A kept token is refused, and IAM echoes what it was asked: the rows have the cause without the password."""
    refused = answer(401, b'{"error_code": "APIGW.0301", "error_msg": "decrypt token fail"}')
    echo = answer(400, json.dumps({"error_code": PASSWORD, "error_msg": f"what is {PASSWORD}"}).encode())
    with Scripted({IAM: [given("a-refused-token"), echo]}, refused) as server:
        seen = tick(tmp_path, server.endpoint)
    assert {"bad_request", "unauthorized"} >= outcomes(seen)
    assert any("no token from" in (scrape.error_msg or "") for scrape in seen.scrapes)
    assert PASSWORD not in repr(seen)
    assert not any(PASSWORD in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_a_renewal_keeps_the_deadline(tmp_path: Path) -> None:
    """IAM answers a byte at a time, for ever: the pools' time is over when it is, and the poll ends."""
    refused = answer(401, b'{"error_code": "APIGW.0301", "error_msg": "decrypt token fail"}')
    with Scripted({IAM: [given("a-refused-token"), drip]}, refused) as server:
        began = TIME.seconds()
        assert {"timeout", "unauthorized"} >= outcomes(tick(tmp_path, server.endpoint))
        # Of IAM's answer, which takes days, no request waits for more than its own time.
        assert TIME.seconds() - began < len(POOLS) * FAST.attempts * FAST.total_timeout.total_seconds()


def test_a_token_is_in_no_row_and_no_other_file(tmp_path: Path) -> None:
    """The server echoes it in a body and in an error: it is kept in its own file and nowhere else."""
    echo = answer(400, b'{"error_code": "x", "error_msg": "a-token-of-hours is odd"}')
    scripts = {IAM: [given("a-token-of-hours")], statistics_path("pool-1"): [echo]}
    with Scripted(scripts, answer(200, b"what is a-token-of-hours")) as server:
        tick(tmp_path, server.endpoint)
    held = [file for file in tmp_path.rglob("*") if file.is_file() and "a-token-of-hours" in file.read_text()]
    assert [".tokens"] == [file.parent.suffix for file in held]


def test_an_old_token_keeps_its_value_to_itself(tmp_path: Path) -> None:
    """After a renewal the gateway tells of the old one, in a message, in a job type and in a page: nothing keeps it."""
    old, new = "MIIOLDTOKENVALUE0123456789abcdef/+-tail", "MIINEWTOKENVALUE0123456789abcdef/+-tail"
    over = json.dumps({"error_code": "APIGW.0301", "error_msg": "token expires"}).encode()
    told = json.dumps({"error_code": "APIGW.0101", "error_msg": f"decrypt token fail: {old}"}).encode()
    page = f"<pre>{old.replace('+', '&#43;').replace('/', '&#x2F;')} {old.replace('/', '%2F')}</pre>".encode()
    named = GOOD.replace(b'"train"', json.dumps(f"X-Auth-Token: {old}").replace("/", "\\/").encode(), 1)
    assert named != GOOD
    first, second, third, fourth = (statistics_path(pool.id) for pool in POOLS[:4])
    scripts = {first: [answer(401, over), answer(200, GOOD)], second: [answer(404, told)], third: [answer(500, page)]}
    with Scripted(
        {IAM: [given(old), given(new)], **scripts, fourth: [answer(200, named)]}, answer(200, GOOD)
    ) as server:
        seen = tick(tmp_path, server.endpoint)
    assert 2 == server.requests[IAM]
    kept = [file.read_text() for file in tmp_path.rglob("*") if file.is_file() and ".tokens" not in str(file)]
    for said in (*kept, str(seen)):
        assert old[:12] not in said
        assert new[:12] not in said
    assert "decrypt token fail: [redacted]" in str(seen)
    assert "X-Auth-Token: [redacted]" in {snapshot.type for snapshot in seen.snapshots}


def test_the_command_polls_with_a_password(tmp_path: Path) -> None:
    """User and domain in the file, the password from the environment; without it exit 2 names what is missing."""
    with Sandbox(POOLS[:2], Behaviour(password=PASSWORD)) as sandbox:
        profile = f'iam_endpoint = "{sandbox.endpoint}"\n[credentials.default]\nuser = "sandbox"\ndomain = "sandbox"'
        configure(tmp_path, sandbox.endpoint, profile)
        assert "HUAWEICLOUD_SDK_PASSWORD" in poolscope(tmp_path, "collect").stderr
        done = poolscope(tmp_path, "collect", HUAWEICLOUD_SDK_PASSWORD=PASSWORD)
        assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert [(2,)] == rows(tmp_path / "data/poolscope.duckdb", "SELECT count(*) FROM scrapes WHERE outcome = 'ok'")
