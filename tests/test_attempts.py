"""Retries, pace and deadline: no pool costs another its sample, and no key is locked out."""

import json
import re
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from collector.clock import SimulatedClock, SystemClock
from collector.config.settings import CollectSettings
from collector.sandbox.behaviour import PROJECT_ID
from tests.polling import IMPATIENT, KEYS, START, by_pool, collect, project, statistics_path
from tests.scripted import Scripted, answer, close, hang
from tests.test_outcomes import DATE, FINE, SIGNATURE, error, turn


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
