"""Retries, pace and deadline: no pool costs another pool its sample, and no key is locked."""

import json
import re
import socket
import threading
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from collector.clock import SimulatedClock
from collector.config.settings import CollectSettings
from collector.polling.scheduler import NOT_REFUSED
from collector.sandbox.behaviour import PROJECT_ID
from tests.collector.api.test_outcomes import DATE, FINE, SIGNATURE, error, poll_scripted_pool
from tests.passing import TIME, PassingClock
from tests.polling import FAST, GOOD, KEYS, START, by_pool, collect, project, statistics_path
from tests.scripted import Scripted, answer, close, hang

DEADLINE = timedelta(minutes=10)
# No request times out before the slot's deadline.
UNTIL_THE_DEADLINE = replace(
    FAST, interval=timedelta(days=1), deadline=DEADLINE, read_timeout=timedelta(days=1), total_timeout=timedelta(days=1)
)


def test_a_transient_failure_costs_no_sample(tmp_path: Path) -> None:
    """A server error, a closed connection and then an answer: a sample after three attempts."""
    scrape, requests = poll_scripted_pool(tmp_path, error(500, "x"), close, FINE)
    assert ("ok", 3, 3) == (scrape.outcome, scrape.attempts, requests)


@pytest.mark.parametrize("retry_after", ["100", format_datetime(START + timedelta(seconds=100), usegmt=True)])
def test_retry_after_is_honoured(tmp_path: Path, retry_after: str) -> None:
    """With seconds or a date, the next attempt is not sooner on the poll's clock, and has a new signature."""
    clock = SimulatedClock(START)
    busy = error(429, "APIGW.0308", Retry_After=retry_after)
    with Scripted({statistics_path("odd"): [busy, FINE]}, FINE) as server:
        result = collect(tmp_path, [project(server.endpoint, "odd")], clock)
        dates, signatures = (re.findall(pattern, "".join(server.heads)) for pattern in (DATE, SIGNATURE))
    assert ("ok", 2) == (result.scrapes[0].outcome, result.scrapes[0].attempts)
    assert START + timedelta(seconds=100) <= clock.now() < START + timedelta(seconds=120)
    assert "20260115T080000Z" == dates[0] < "20260115T080140Z" <= dates[1]
    assert 2 == len(set(signatures))


@pytest.mark.parametrize("retry_after", ["Mon, 01 Jan 99999999999 00:00:00 GMT", "soon", "-1", "1e9"])
def test_an_invalid_retry_after_is_ignored(tmp_path: Path, retry_after: str) -> None:
    """The pool is retried after the usual pause, and the other pool has its sample."""
    busy = error(429, "APIGW.0308", Retry_After=retry_after)
    with Scripted({statistics_path("odd"): [busy, FINE]}, FINE) as server:
        result = collect(tmp_path, [project(server.endpoint, "odd", "even")])
    assert ["ok", "ok"] == [scrape.outcome for scrape in result.scrapes]


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(tmp_path: Path) -> None:
    """If Retry-After is longer than the rest of the slot, the pool's outcome is `throttled` at once."""
    clock = SimulatedClock(START)
    with Scripted({}, error(429, "APIGW.0308", Retry_After="86400")) as server:
        scrape = collect(tmp_path, [project(server.endpoint, "odd")], clock).scrapes[0]
    assert ("throttled", 1) == (scrape.outcome, scrape.attempts)
    assert clock.now() < START + timedelta(seconds=10)


@pytest.mark.parametrize("discovered", [False, True])
def test_pools_that_hang_do_not_affect_other_pools(tmp_path: Path, discovered: bool) -> None:
    """Fifty of ninety pools hang, all at once, until the deadline: the others have samples long before it."""
    hanging = [f"hang-{number}" for number in range(50)]
    pools = [*hanging, *(f"good-{number}" for number in range(40))]
    all_hang, answered = threading.Barrier(len(hanging)), threading.Semaphore(0)

    def silent(client: socket.socket) -> None:
        TIME.add(NOT_REFUSED)  # after this time another worker starts
        if 0 == all_hang.wait():
            for _ in pools[len(hanging) :]:
                answered.acquire()
            TIME.add(DEADLINE.total_seconds())
        client.recv(1)

    def fine(client: socket.socket) -> None:
        FINE(client)
        answered.release()

    listing = json.dumps({"items": [{"metadata": {"name": pool}} for pool in pools]}).encode()
    scripts = {statistics_path(pool): [silent] for pool in hanging} | {
        f"/v2/{PROJECT_ID}/pools": [answer(200, listing)]
    }
    with Scripted(scripts, fine) as server:
        polled = project(server.endpoint, *(() if discovered else pools))
        result = collect(tmp_path, [polled], PassingClock(START), UNTIL_THE_DEADLINE)
    outcomes = {pool: scrape.outcome for pool, scrape in by_pool(result).items()}
    assert {pool: "timeout" if pool in hanging else "ok" for pool in pools} == outcomes


def test_a_project_that_hangs_does_not_affect_another(tmp_path: Path) -> None:
    """No answer proves the first project's key valid: its pools wait and do not delay the other project's."""
    other = type(KEYS)("other", "OTHERKEY", "other-secret")
    pools = [f"pool-{number}" for number in range(40)]
    first, answered = threading.Lock(), threading.Semaphore(0)
    clock = PassingClock(START)
    waited = []

    def hang_on(client: socket.socket) -> None:
        if first.acquire(blocking=False):
            TIME.add(NOT_REFUSED)
            for _ in pools:
                answered.acquire()
            TIME.add(DEADLINE.total_seconds())
            waited.append((clock.now() - START - DEADLINE).total_seconds())
        client.recv(1)

    def answer_fine(client: socket.socket) -> None:
        FINE(client)
        answered.release()

    with Scripted({}, hang_on) as silent, Scripted({}, answer_fine) as fine:
        projects = [
            project(silent.endpoint, *pools, name="silent"),
            project(fine.endpoint, *pools, name="fine", credentials="other"),
        ]
        result = collect(tmp_path, projects, clock, UNTIL_THE_DEADLINE, {"default": KEYS, "other": other})
        # One request, then four more each time that the previous ones were silent too long to be refusals.
        assert sum(silent.requests.values()) <= 1 + 4 * (waited[0] // NOT_REFUSED)
    assert {"fine": {"ok"}, "silent": {"timeout", "deadline"}} == {
        name: {scrape.outcome for scrape in result.scrapes if scrape.project == name} for name in ("fine", "silent")
    }


def test_a_pool_not_polled_before_the_deadline_is_recorded(tmp_path: Path) -> None:
    """At one request in ten minutes, three fit into the slot; the other pools have the outcome `deadline`."""
    settings = CollectSettings(
        interval=timedelta(days=1), deadline=timedelta(minutes=30), requests_per_second=1 / 600, concurrency=1
    )
    with Scripted({}, FINE) as server:
        result = collect(tmp_path, [project(server.endpoint, *"abcdef")], settings=settings)
        requests = sum(server.requests.values())
    outcomes = sorted(scrape.outcome for scrape in result.scrapes)
    assert ["deadline"] * (6 - requests) + ["ok"] * requests == outcomes
    assert 3 == requests
    assert {0} == {scrape.attempts for scrape in result.scrapes if scrape.outcome == "deadline"}


def test_a_refused_credential_is_used_twice_in_a_poll(tmp_path: Path) -> None:
    """Two of its twenty pools are requested, all are recorded with the cause; a project with other keys is polled."""
    pools = [f"pool-{number}" for number in range(20)]
    other = type(KEYS)("other", "OTHERKEY", "other-secret")
    with Scripted({}, error(401, "APIGW.0301", "wrong")) as refusing, Scripted({}, FINE) as fine:
        projects = [
            project(refusing.endpoint, *pools, name="refused"),
            project(fine.endpoint, *pools, name="fine", credentials="other"),
        ]
        result = collect(tmp_path, projects, credentials={"default": KEYS, "other": other})
        assert 2 == sum(refusing.requests.values())
        assert 20 == sum(fine.requests.values())
    refused = [scrape for scrape in result.scrapes if scrape.project == "refused"]
    assert [("unauthorized", "APIGW.0301")] * 20 == [(scrape.outcome, scrape.error_code) for scrape in refused]
    assert [0] * 18 + [1] * 2 == sorted(scrape.attempts or 0 for scrape in refused)
    assert {"ok"} == {scrape.outcome for scrape in result.scrapes if scrape.project == "fine"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_one_pool_does_not_affect_others(tmp_path: Path, status: int) -> None:
    """In each of ten polls, in whatever order the pools are polled, the other pools have their sample."""
    pools = ["odd", *(f"good-{number}" for number in range(3))]
    with Scripted({statistics_path("odd"): [error(status, "PDP.0001", "denied by a policy")]}, FINE) as server:
        for hour in range(10):
            clock = SimulatedClock(START + timedelta(hours=hour))
            scrapes = by_pool(collect(tmp_path, [project(server.endpoint, *pools)], clock))
            assert {"ok"} == {scrapes[pool].outcome for pool in pools[1:]}
            assert {401: "unauthorized", 403: "forbidden"}[status] == scrapes["odd"].outcome


def test_a_forbidden_listing_does_not_affect_other_projects(tmp_path: Path) -> None:
    """One project's listing is forbidden: all pools of the other project, which has the same key, are polled."""
    with Scripted({f"/v2/{PROJECT_ID}/pools": [error(403, "PDP.0001")]}, FINE) as server:
        projects = [project(server.endpoint, name="unlisted"), project(server.endpoint, *"abcd", name="listed")]
        for hour in range(6):
            result = collect(tmp_path, projects, SimulatedClock(START + timedelta(hours=hour)))
            assert ["ok"] * 4 == [scrape.outcome for scrape in result.scrapes]
            assert ["forbidden"] == [listing.outcome for listing in result.discoveries]


def test_a_key_is_not_locked_when_the_first_request_hangs(tmp_path: Path) -> None:
    """Until an answer proves the key valid, at most four requests are under way: five refusals do not lock it."""
    first, refused = threading.Lock(), threading.Semaphore(0)

    def refuse(client: socket.socket) -> None:
        if first.acquire(blocking=False):
            TIME.add(NOT_REFUSED)
            # Two refusals mark the key as refused; time passes only after the poll has received them.
            refused.acquire()
            refused.acquire()
            hang(client)
        else:
            error(401, "APIGW.0301")(client)
            refused.release()

    with Scripted({}, refuse) as server:
        result = collect(tmp_path, [project(server.endpoint, *(f"pool-{number}" for number in range(20)))])
        refusals = sum(server.requests.values()) - 1
    assert refusals <= 4
    assert 20 == len(result.scrapes)


def test_two_profiles_with_one_key_share_its_refusal(tmp_path: Path) -> None:
    """The gateway locks a key, not a profile: two requests in all, not two for each profile."""
    with Scripted({}, error(401, "APIGW.0301")) as server:
        projects = [project(server.endpoint, *"abc", name=name, credentials=name) for name in ("default", "other")]
        result = collect(tmp_path, projects, credentials=dict.fromkeys(("default", "other"), KEYS))
        assert 2 == sum(server.requests.values())
    assert ["unauthorized"] * 6 == [scrape.outcome for scrape in result.scrapes]


@pytest.mark.parametrize("cookie", ["SESSION=1; Path=/", "SESSION=1; Domain=127.0.0.1; HttpOnly", "a=b, c=d"])
def test_no_cookie_is_ever_sent(tmp_path: Path, cookie: str) -> None:
    """No request of this or another account carries a cookie that an answer has set."""
    other = type(KEYS)("other", "OTHERKEY", "other-secret")
    with Scripted({}, answer(200, GOOD, Set_Cookie=cookie)) as server:
        projects = [
            project(server.endpoint, *"abc"),
            project(server.endpoint, *"def", name="q", credentials="other"),
        ]
        collect(tmp_path, projects, credentials={"default": KEYS, "other": other})
        assert 6 == len(server.heads)
        assert not any("\ncookie:" in head.lower() for head in server.heads)
