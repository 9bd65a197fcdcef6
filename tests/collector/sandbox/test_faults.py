"""Faults of the sandbox over real HTTP: each its own outcome, in time, in bounded memory, at nobody else's cost."""

import asyncio
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.api.auth import SignatureAuth
from collector.api.client import ModelArts, Payload, Timeouts, new_clients
from collector.api.credentials import Credential
from collector.api.outcomes import RequestFailed
from collector.clock import SystemClock
from collector.sandbox.behaviour import CUT, GONE, PROJECT_ID, Behaviour, Fault
from collector.sandbox.faults import EXPIRED_PEM, KINDS, is_gone, meets, read_fault
from collector.sandbox.server import Sandbox
from tests.passing import TIME
from tests.polling import FAST, KEYS, START, by_pool, collect, poolscope, project, rows, take_in
from tests.scripted import StillPool

ODD = ["odd-1", "odd-2", "odd-3"]
WELL = [f"well-{number}" for number in range(9)]
POOLS = [StillPool(pool) for pool in ODD + WELL]
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
    # What is said of a body is of no account: it is read strictly, so nothing wrong slips in.
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
    """Return that of a sandbox with these faults, whose time is the requests'."""
    return Behaviour(time="requests", faults=tuple(read_fault(fault) for fault in faults))


def test_every_kind_has_its_outcome() -> None:
    """No kind of fault goes untested."""
    assert set(KINDS) == OUTCOMES.keys() | {CUT}


@pytest.mark.parametrize("kind", OUTCOMES)
def test_a_fault_is_recorded_and_costs_no_other_pool_its_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A quarter of the pools meet it: their turns say so, and the others have their counts."""
    ask = ModelArts.show_workload_statistics
    under_way: set[str] = set()

    async def asked(api: ModelArts, pool: str, total_timeout: float) -> Payload:
        under_way.update({pool} & set(WELL))
        TIME.hurried = not under_way and OUTCOMES[kind][0] == "timeout"
        try:
            return await ask(api, pool, total_timeout)
        finally:
            under_way.discard(pool)
            TIME.hurried = not under_way and OUTCOMES[kind][0] == "timeout"

    monkeypatch.setattr(ModelArts, "show_workload_statistics", asked)
    # Two 401 before any other answer are the key's, not the pools'.
    odd = ODD[:1] if kind == "unauthorized" else ODD
    with Sandbox(POOLS, behaviour(f"{kind}:odd-*")) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint, *odd, *WELL)], settings=TWICE)
        assert not any("followed" in path for path in sandbox.requests)
    turns = by_pool(result)
    expected = dict.fromkeys(odd, OUTCOMES[kind]) | dict.fromkeys(WELL, ("ok", None))
    assert expected == {pool: (turn.outcome, turn.error_code) for pool, turn in turns.items()}
    take_in(tmp_path)
    counted = rows(tmp_path / "record.duckdb", "SELECT pool, Queue FROM snapshots WHERE type = 'train' ORDER BY pool")
    with_counts = (ODD if OUTCOMES[kind][0] == "ok" else []) + WELL
    assert [(pool, 1) for pool in with_counts] == counted


def test_new_types_and_statuses_keep_their_names(tmp_path: Path) -> None:
    """A type and a status that nobody knew are stored as the API spells them, and the totals agree."""
    with Sandbox(POOLS, behaviour("new-type:odd-1", "new-status:odd-2")) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint, "odd-1", "odd-2")])
    assert {None} == {scrape.disagreement for scrape in result.scrapes}
    take_in(tmp_path)
    stored = "SELECT pool, type, total, Running, other_statuses FROM snapshots ORDER BY pool, type"
    assert [
        ("odd-1", "notebook", 0, 0, None),
        ("odd-1", "train", 2, 1, None),
        ("odd-1", "x-infer", 1, 1, None),
        ("odd-2", "notebook", 1, 0, {"Suspended": 1}),
        ("odd-2", "train", 3, 1, {"Suspended": 1}),
    ] == rows(tmp_path / "record.duckdb", stored)


def test_huge_bodies_are_read_in_bounded_memory(tmp_path: Path) -> None:
    """Of 100 MB from each of a hundred pools no more than what is in hand is in memory, and nothing of it later."""
    pools = [StillPool(f"odd-{number}") for number in range(100)]
    with Sandbox(pools, behaviour("huge")) as sandbox:
        tracemalloc.start()
        result = collect(tmp_path, [project(sandbox.endpoint, *(pool.id for pool in pools))])
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert {"too_large"} == {scrape.outcome for scrape in result.scrapes}
    # A body is read up to 1 MiB; both sides of the connection are in this process.
    assert peak < 64 << 20
    assert kept < 16 << 20


def test_a_listing_that_fails_leaves_another_project_alone(tmp_path: Path) -> None:
    """A fault can hit the listing alone: its discovery says so, and the project whose pools are named has them all."""
    with Sandbox(POOLS, behaviour("server-error:listing")) as sandbox:
        projects = [project(sandbox.endpoint, name="listed"), project(sandbox.endpoint, *WELL, name="named")]
        result = collect(tmp_path, projects, settings=TWICE)
    assert [("listed", "server_error", 2)] == [(d.project, d.outcome, d.attempts) for d in result.discoveries]
    assert dict.fromkeys(WELL, "ok") == {pool: scrape.outcome for pool, scrape in by_pool(result).items()}


def test_a_pool_that_vanishes_comes_back(tmp_path: Path) -> None:
    """A pool that is gone is listed no more and answers so where it is named; back again it has its counts."""
    with Sandbox(POOLS, behaviour("gone:odd-1")) as sandbox:
        listed, named = project(sandbox.endpoint, name="listed"), project(sandbox.endpoint, "odd-1", name="named")
        away = collect(tmp_path, [listed, named])
        sandbox.behaviour = behaviour()
        back = collect(tmp_path, [listed, named])
    seen = [
        {(scrape.project, scrape.outcome) for scrape in result.scrapes if scrape.pool == "odd-1"}
        for result in (away, back)
    ]
    assert [{("named", "gone")}, {("listed", "ok"), ("named", "ok")}] == seen


def test_a_pool_may_come_and_go_by_the_minute() -> None:
    """At a share of a half it is gone in half of the minutes, and for the whole of each."""
    faults = (Fault(GONE, "odd-*", 0.5),)
    minutes = [START + timedelta(minutes=number) for number in range(1000)]
    gone = [is_gone(faults, ("odd-1", ""), minute) for minute in minutes]
    assert 450 < sum(gone) < 550
    assert gone == [is_gone(faults, ("odd-1", ""), minute + timedelta(seconds=59)) for minute in minutes]


def test_a_share_of_the_requests_fails_and_asking_again_heals(tmp_path: Path) -> None:
    """Half of all requests meet the fault, the same ones in every run; four attempts leave nearly every pool well."""
    fault = read_fault("server-error@0.5")
    met = [meets(fault, ("odd-1", ""), number) for number in range(1000)]
    assert met == [meets(fault, ("odd-1", ""), number) for number in range(1000)]
    assert 450 < sum(met) < 550
    with Sandbox(POOLS, behaviour("server-error@0.5")) as sandbox:
        outcomes = [scrape.outcome for scrape in collect(tmp_path, [project(sandbox.endpoint, *ODD, *WELL)]).scrapes]
    # 12 pools, of which each fails with a chance of 1/16; the draw is always the same.
    assert outcomes.count("ok") >= 10
    assert sandbox.statuses[500] >= 4


@pytest.mark.parametrize("minutes", [20, -20])
def test_a_skewed_clock_refuses_and_is_not_asked_again(tmp_path: Path, minutes: int) -> None:
    """More than 15 minutes off: unauthorized, with both times told, after one request; another key is untouched."""
    off = Behaviour(skew=timedelta(minutes=minutes))
    on = Behaviour(access_key=OTHER_KEYS.access_key, secret_key=OTHER_KEYS.secret_key)
    with Sandbox(POOLS, off) as skewed, Sandbox(POOLS, on) as fine:
        projects = [
            project(skewed.endpoint, *ODD, name="skewed"),
            project(fine.endpoint, *ODD, name="fine", credentials="other"),
        ]
        credentials = {"default": KEYS, "other": OTHER_KEYS}
        result = collect(tmp_path, projects, SystemClock(), TWICE, credentials)
        assert {401: 2} == skewed.statuses
    assert {("skewed", "unauthorized"), ("fine", "ok")} == {(s.project, s.outcome) for s in result.scrapes}
    assert any("signature expired" in (scrape.error_msg or "") for scrape in result.scrapes)


def test_a_clock_a_little_off_is_let_pass(tmp_path: Path) -> None:
    """Ten minutes are within what the gateway allows."""
    with Sandbox(POOLS, Behaviour(skew=timedelta(minutes=10))) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint, *ODD)], SystemClock(), TWICE)
    assert {"ok"} == {scrape.outcome for scrape in result.scrapes}


def test_an_expired_certificate_is_refused_before_any_request(tmp_path: Path) -> None:
    """It is a TLS failure at once, no signature ever goes there, and a project beside it has its samples."""
    with Sandbox(POOLS, Behaviour(expired_certificate=True)) as expired, Sandbox(POOLS) as fine:
        projects = [project(expired.endpoint, *ODD, name="expired"), project(fine.endpoint, *ODD, name="fine")]
        result = collect(tmp_path, projects, SystemClock(), TWICE)
        assert {} == expired.requests
    seen = {(scrape.project, scrape.outcome, scrape.attempts) for scrape in result.scrapes}
    assert {("expired", "tls", 1), ("fine", "ok", 1)} == seen


def test_expiry_is_the_cause_even_where_the_certificate_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the certificate itself among the trusted ones the failure says that it has expired."""
    monkeypatch.setenv("SSL_CERT_FILE", str(EXPIRED_PEM))

    async def ask(endpoint: str) -> None:
        async with new_clients(1, Timeouts(60, 60, 60), loopback=False)[0] as client:
            auth = SignatureAuth(KEYS, PROJECT_ID, SystemClock())
            await ModelArts(client, endpoint, PROJECT_ID, auth).list_pools("0", None, 60)

    with Sandbox(POOLS, Behaviour(expired_certificate=True)) as sandbox, pytest.raises(RequestFailed) as failed:
        asyncio.run(ask(sandbox.endpoint))
    assert "tls" == failed.value.outcome
    assert "certificate has expired" in (failed.value.error_msg or "")


@pytest.mark.parametrize("text", ["nonsense", "reset@0", "reset@2", "reset:pool@x", "reset@nan", ""])
def test_what_is_no_fault_is_refused(text: str) -> None:
    """A kind that nobody knows and a share that is none are refused with what was expected."""
    with pytest.raises(ValueError, match=r"none of latency|is no share"):
        read_fault(text)


def test_the_command_line_takes_faults(tmp_path: Path) -> None:
    """What is no fault is a call that is off, and it is said why."""
    done = poolscope(tmp_path, "sandbox", "--fault", "reset:pool@2")
    assert 2 == done.returncode
    assert "'2' is no share" in done.stderr
