"""Faults of the sandbox over real HTTP: each has its outcome, in limited time and memory, for its own pools only."""

import asyncio
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.api.auth import SignatureAuth
from collector.api.client import ModelArts, Payload
from collector.api.credentials import Credential
from collector.api.network import Timeouts, new_clients
from collector.api.outcomes import RequestFailed
from collector.clock import SystemClock
from collector.sandbox.behaviour import CUT, GONE, PROJECT_ID, Behaviour, Fault
from collector.sandbox.faults import EXPIRED_PEM, KINDS, is_gone, meets, read_fault
from collector.sandbox.server import Sandbox
from tests.passing import TIME
from tests.polling import FAST, KEYS, START, by_pool, collect, poolscope, project, rows, take_in
from tests.scripted import StillPool

ODD = ["odd-1", "odd-2", "odd-3"]
GOOD_POOLS = [f"good-{number}" for number in range(9)]
POOLS = [StillPool(pool) for pool in ODD + GOOD_POOLS]
TWICE = replace(FAST, interval=timedelta(days=1), attempts=2)
OTHER_KEYS = Credential("other", "OTHERKEY", "other-secret")
OUTCOMES = {
    "latency": ("timeout", None),
    "throttled": ("throttled", "APIGW.0308"),
    "retry-after": ("throttled", "APIGW.0308"),
    "server-error": ("server_error", "ModelArts.50005000"),
    "reset": ("disconnected", None),
    "cut-off": ("cut_off", None),
    "slow": ("timeout", None),
    "huge": ("too_large", None),
    "garbage": ("not_json", None),
    "redirect": ("redirected", None),
    "gone": ("gone", "ModelArts.50015001"),
    # Headers about a body are ignored, because the body is parsed strictly.
    "wrong-type": ("ok", None),
    "new-type": ("ok", None),
    "new-status": ("ok", None),
    "wrong-encoding": ("ok", None),
    "byte-order-mark": ("ok", None),
    "nameless": ("ok", None),
    "compressed": ("wrong_shape", None),
    "unauthorized": ("unauthorized", "APIGW.0301"),
    "forbidden": ("forbidden", "PDP.0001"),
    "gone-in-gbk": ("gone", "ModelArts.50015001"),
}


def behaviour(*faults: str) -> Behaviour:
    """Return the settings of a sandbox with these faults, on the time of the requests."""
    return Behaviour(time="requests", faults=tuple(read_fault(fault) for fault in faults))


def test_every_kind_has_its_outcome() -> None:
    """Every kind of fault is tested."""
    assert set(KINDS) == OUTCOMES.keys() | {CUT}


@pytest.mark.parametrize("kind", OUTCOMES)
def test_a_fault_is_recorded_and_affects_no_other_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A quarter of the pools have the fault and its outcome; the others have their counts."""
    show_workload_statistics = ModelArts.show_workload_statistics
    under_way: set[str] = set()

    async def hurrying(api: ModelArts, pool: str, total_timeout: float) -> Payload:
        under_way.update({pool} & set(GOOD_POOLS))
        TIME.hurried = not under_way and OUTCOMES[kind][0] == "timeout"
        try:
            return await show_workload_statistics(api, pool, total_timeout)
        finally:
            under_way.discard(pool)
            TIME.hurried = not under_way and OUTCOMES[kind][0] == "timeout"

    monkeypatch.setattr(ModelArts, "show_workload_statistics", hurrying)
    # Two answers 401 before any other answer would mark the key, not the pools, as refused.
    odd = ODD[:1] if kind == "unauthorized" else ODD
    with Sandbox(POOLS, behaviour(f"{kind}:odd-*")) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint, *odd, *GOOD_POOLS)], settings=TWICE)
        assert not any("followed" in path for path in sandbox.requests)
    scrapes = by_pool(result)
    expected = dict.fromkeys(odd, OUTCOMES[kind]) | dict.fromkeys(GOOD_POOLS, ("ok", None))
    assert expected == {pool: (scrape.outcome, scrape.error_code) for pool, scrape in scrapes.items()}
    take_in(tmp_path)
    stored = rows(tmp_path / "record.duckdb", "SELECT pool, Queue FROM snapshots WHERE type = 'train' ORDER BY pool")
    with_counts = GOOD_POOLS + (ODD if OUTCOMES[kind][0] == "ok" else [])
    assert [(pool, 1) for pool in with_counts] == stored


def test_new_types_and_statuses_keep_their_names(tmp_path: Path) -> None:
    """An unknown type and an unknown status are stored as the API spells them, and the totals agree."""
    with Sandbox(POOLS, behaviour("new-type:odd-1", "new-status:odd-2")) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint, "odd-1", "odd-2")])
    assert {None} == {scrape.disagreement for scrape in result.scrapes}
    take_in(tmp_path)
    query = "SELECT pool, type, total, Running, other_statuses FROM snapshots ORDER BY pool, type"
    assert [
        ("odd-1", "notebook", 0, 0, None),
        ("odd-1", "train", 2, 1, None),
        ("odd-1", "x-infer", 1, 1, None),
        ("odd-2", "notebook", 1, 0, {"Suspended": 1}),
        ("odd-2", "train", 3, 1, {"Suspended": 1}),
    ] == rows(tmp_path / "record.duckdb", query)


def test_huge_bodies_are_read_in_limited_memory(tmp_path: Path) -> None:
    """A hundred pools send 100 MB each: only the parts being read are in memory, and none remain later."""
    pools = [StillPool(f"odd-{number}") for number in range(100)]
    with Sandbox(pools, behaviour("huge")) as sandbox:
        tracemalloc.start()
        result = collect(tmp_path, [project(sandbox.endpoint, *(pool.id for pool in pools))])
        current, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert {"too_large"} == {scrape.outcome for scrape in result.scrapes}
    # At most 1 MiB of a body is read; both sides of the connection are in this process.
    assert peak < 64 << 20
    assert current < 16 << 20


def test_a_failed_listing_does_not_affect_other_projects(tmp_path: Path) -> None:
    """A fault of the listing only: the discovery has its outcome, and a project with given pools has all samples."""
    with Sandbox(POOLS, behaviour("server-error:listing")) as sandbox:
        projects = [project(sandbox.endpoint, name="listed"), project(sandbox.endpoint, *GOOD_POOLS, name="named")]
        result = collect(tmp_path, projects, settings=TWICE)
    assert [("listed", "server_error", 2)] == [(d.project, d.outcome, d.attempts) for d in result.discoveries]
    assert dict.fromkeys(GOOD_POOLS, "ok") == {pool: scrape.outcome for pool, scrape in by_pool(result).items()}


def test_a_pool_that_vanishes_comes_back(tmp_path: Path) -> None:
    """A pool that is gone is not listed, and has the outcome `gone` if it is given; afterwards it has counts again."""
    with Sandbox(POOLS, behaviour("gone:odd-1")) as sandbox:
        listed, named = project(sandbox.endpoint, name="listed"), project(sandbox.endpoint, "odd-1", name="named")
        away = collect(tmp_path, [listed, named])
        sandbox.behaviour = behaviour()
        back = collect(tmp_path, [listed, named])
    outcomes = [
        {(scrape.project, scrape.outcome) for scrape in result.scrapes if scrape.pool == "odd-1"}
        for result in (away, back)
    ]
    assert [{("named", "gone")}, {("listed", "ok"), ("named", "ok")}] == outcomes


def test_a_pool_can_be_gone_in_some_minutes() -> None:
    """With a share of a half, the pool is gone in half of the minutes, each for the whole minute."""
    faults = (Fault(GONE, "odd-*", 0.5),)
    minutes = [START + timedelta(minutes=number) for number in range(1000)]
    gone = [is_gone(faults, ("odd-1", ""), minute) for minute in minutes]
    assert 450 < sum(gone) < 550
    assert gone == [is_gone(faults, ("odd-1", ""), minute + timedelta(seconds=59)) for minute in minutes]


def test_a_share_of_the_requests_fails_and_retries_succeed(tmp_path: Path) -> None:
    """Half of the requests fail, the same ones in every run; with four attempts nearly every pool has its sample."""
    fault = read_fault("server-error@0.5")
    affected = [meets(fault, ("odd-1", ""), number) for number in range(1000)]
    assert affected == [meets(fault, ("odd-1", ""), number) for number in range(1000)]
    assert 450 < sum(affected) < 550
    with Sandbox(POOLS, behaviour("server-error@0.5")) as sandbox:
        outcomes = [
            scrape.outcome for scrape in collect(tmp_path, [project(sandbox.endpoint, *ODD, *GOOD_POOLS)]).scrapes
        ]
    # Each of 12 pools fails with a probability of 1/16; the draw is always the same.
    assert outcomes.count("ok") >= 10
    assert sandbox.statuses[500] >= 4


@pytest.mark.parametrize("minutes", [20, -20])
def test_a_wrong_clock_refuses_and_is_not_retried(tmp_path: Path, minutes: int) -> None:
    """With over 15 minutes of difference: unauthorized after two requests, with the cause; another key is used on."""
    wrong_clock = Behaviour(skew=timedelta(minutes=minutes))
    other_key = Behaviour(access_key=OTHER_KEYS.access_key, secret_key=OTHER_KEYS.secret_key)
    with Sandbox(POOLS, wrong_clock) as skewed, Sandbox(POOLS, other_key) as fine:
        projects = [
            project(skewed.endpoint, *ODD, name="skewed"),
            project(fine.endpoint, *ODD, name="fine", credentials="other"),
        ]
        credentials = {"default": KEYS, "other": OTHER_KEYS}
        result = collect(tmp_path, projects, SystemClock(), TWICE, credentials)
        assert {401: 2} == skewed.statuses
    assert {("skewed", "unauthorized"), ("fine", "ok")} == {(s.project, s.outcome) for s in result.scrapes}
    assert any("signature expired" in (scrape.error_msg or "") for scrape in result.scrapes)


def test_a_small_difference_of_clocks_is_accepted(tmp_path: Path) -> None:
    """The gateway allows a difference of ten minutes."""
    with Sandbox(POOLS, Behaviour(skew=timedelta(minutes=10))) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint, *ODD)], SystemClock(), TWICE)
    assert {"ok"} == {scrape.outcome for scrape in result.scrapes}


def test_an_expired_certificate_is_refused_before_any_request(tmp_path: Path) -> None:
    """It is a TLS failure at the first attempt, no signature is sent, and another project has its samples."""
    with Sandbox(POOLS, Behaviour(expired_certificate=True)) as expired, Sandbox(POOLS) as fine:
        projects = [project(expired.endpoint, *ODD, name="expired"), project(fine.endpoint, *ODD, name="fine")]
        result = collect(tmp_path, projects, SystemClock(), TWICE)
        assert {} == expired.requests
    outcomes = {(scrape.project, scrape.outcome, scrape.attempts) for scrape in result.scrapes}
    assert {("expired", "tls", 1), ("fine", "ok", 1)} == outcomes


def test_expiry_is_the_cause_if_the_certificate_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the certificate itself is trusted, the failure says that it has expired."""
    monkeypatch.setenv("SSL_CERT_FILE", str(EXPIRED_PEM))

    async def list_pools(endpoint: str) -> None:
        async with new_clients(1, Timeouts(60, 60, 60), loopback=False)[0] as client:
            auth = SignatureAuth(KEYS, PROJECT_ID, SystemClock())
            await ModelArts(client, endpoint, PROJECT_ID, auth).list_pools("0", None, 60)

    with Sandbox(POOLS, Behaviour(expired_certificate=True)) as sandbox, pytest.raises(RequestFailed) as failed:
        asyncio.run(list_pools(sandbox.endpoint))
    assert "tls" == failed.value.outcome
    assert "certificate has expired" in (failed.value.error_msg or "")


@pytest.mark.parametrize("text", ["nonsense", "reset@0", "reset@2", "reset:pool@x", "reset@nan", ""])
def test_an_invalid_fault_is_refused(text: str) -> None:
    """An unknown kind and an invalid share are refused with a message that says what is allowed."""
    with pytest.raises(ValueError, match=r"not a kind of fault: use latency|is not a share"):
        read_fault(text)


def test_the_command_line_refuses_invalid_faults(tmp_path: Path) -> None:
    """An invalid fault ends the command with exit code 2 and the reason."""
    done = poolscope(tmp_path, "sandbox", "--fault", "reset:pool@2")
    assert 2 == done.returncode
    assert "'2' is not a share" in done.stderr
