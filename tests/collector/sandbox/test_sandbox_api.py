"""The sandbox as an API: real sockets, real signatures, refusals, paging, throttling and its clock."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from collector.api.signing import DATE_FORMAT, authorization, canonical_request, signature
from collector.clock import SimulatedClock
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY, Behaviour
from collector.sandbox.jobs import Job, Ledger
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from collector.sandbox.traces import TracePool

MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
POOLS = f"/v2/{PROJECT_ID}/pools"


@dataclass
class Answered:
    """An answer with its JSON read."""

    status: int
    headers: http.client.HTTPMessage
    payload: Any


@dataclass
class Client:
    """Asks the sandbox over one connection that stays open; each part of the signature can be spoilt."""

    sandbox: Sandbox
    clock: SimulatedClock
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(self.sandbox.endpoint.removeprefix("http://"))

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        access_key: str = ACCESS_KEY,
        secret_key: str = SECRET_KEY,
        late: timedelta = timedelta(0),
        extra: Mapping[str, str] | None = None,
    ) -> Answered:
        """Ask with a signature."""
        date = (self.clock.now() - late).strftime(DATE_FORMAT)
        signed = {"Host": self.connection.host, "X-Sdk-Date": date, "X-Project-Id": PROJECT_ID}
        signed["Host"] += f":{self.connection.port}"
        signed |= extra or {}
        canonical = canonical_request("GET", path, (query or {}).items(), signed)
        own = signature(secret_key, date, canonical)
        return self.send(path, query, signed | {"Authorization": authorization(access_key, signed, own)})

    def send(self, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answered:
        """Ask with these headers and no others."""
        self.connection.request("GET", f"{path}?{urlencode(query)}" if query else path, headers=dict(headers))
        response = self.connection.getresponse()
        return Answered(response.status, response.headers, json.loads(response.read()))

    def statistics(self, pool: str) -> Answered:
        """Ask for the counts of a pool."""
        return self.get(f"/v2/{PROJECT_ID}/statistics/pools/{pool}/workloads")


@contextmanager
def serving(
    *pools: TracePool,
    clock: SimulatedClock | None = None,
    **switches: Any,  # noqa: ANN401 - each switch of Behaviour has its own type
) -> Iterator[Client]:
    clock = clock or SimulatedClock(MONDAY)
    with Sandbox(pools or simulated_pools(4), Behaviour(**switches), clock) as sandbox:
        client = Client(sandbox, clock)
        try:
            yield client
        finally:
            client.connection.close()


def pool_with_a_job_a_day(pool: str) -> TracePool:
    """Four jobs, sent three, two and one days ago and now, that all queue."""
    ledger = Ledger(["train"])
    for days in (3, 2, 1, 0):
        ledger.add(Job(pool, "train", (MONDAY - timedelta(days=days)).timestamp()))
    return TracePool(pool, MONDAY, ledger)


def test_a_well_signed_request_gets_the_pools() -> None:
    """A request signed with the sandbox's pair is answered with the documented shape, an id and a date."""
    with serving() as client:
        answer = client.get(POOLS, {"workspaceId": "0", "status": "created"})
    assert answer.status == 200
    assert answer.payload["kind"] == "PoolList"
    pool = answer.payload["items"][0]
    assert pool["metadata"]["labels"]["os.modelarts/name"] == "LLM pre-training"
    assert pool["metadata"]["name"].startswith("pool-pretrain-")
    assert pool["status"]["resources"]["available"]["count"] == 16
    assert answer.headers["Date"] == "Mon, 05 Jan 2026 12:00:00 GMT"
    assert len(answer.headers["X-Request-Id"]) == 32


def test_show_pool_is_the_item_of_the_list() -> None:
    """A pool asked for alone is the same as in the list; pools of another workspace are not in it."""
    with serving() as client:
        listed = client.get(POOLS).payload["items"][1]
        assert listed == client.get(f"{POOLS}/{listed['metadata']['name']}").payload
        assert client.get(POOLS, {"workspaceId": "other"}).payload["items"] == []


def test_each_request_is_counted_by_its_path() -> None:
    """The sandbox knows how often each path was asked, whatever the query, and each answer has an id of its own."""
    with serving(pool_with_a_job_a_day("small")) as client:
        ids = {client.get(POOLS, {"workspaceId": str(n)}).headers["X-Request-Id"] for n in range(3)}
        client.statistics("small")
        assert client.sandbox.requests == {POOLS: 3, f"/v2/{PROJECT_ID}/statistics/pools/small/workloads": 1}
        assert client.sandbox.statuses == {200: 4}
    assert len(ids) == 3


def test_a_bad_signature_is_refused_with_the_canonical_request() -> None:
    """A signature by another secret is refused, echoing the canonical request with | for its line ends."""
    with serving() as client:
        answer = client.get(POOLS, secret_key="another")  # noqa: S106 - no secret
    assert answer.status == 401
    assert answer.payload["error_code"] == "APIGW.0301"
    assert f"canonicalRequest:GET|{POOLS}/||host:127.0.0.1:" in answer.payload["error_msg"]
    assert answer.payload["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("header", ["", "Basic abc", "SDK-HMAC-SHA256 Access=x"])
def test_what_is_not_signed_is_refused(header: str) -> None:
    """No Authorization, or none of this algorithm, is a 401."""
    with serving() as client:
        answer = client.send(POOLS, None, {"Authorization": header} if header else {})
    assert (answer.status, answer.payload["error_code"]) == (401, "APIGW.0301")


def test_an_unknown_key_is_named() -> None:
    """A key that does not exist is refused by name."""
    with serving() as client:
        assert "ak:NOBODY,err:ak not exist" in client.get(POOLS, access_key="NOBODY").payload["error_msg"]


def test_six_failures_lock_the_key_for_five_minutes() -> None:
    """After more than five failures in a row even a good signature is refused, until five minutes have passed."""
    with serving() as client:
        for _ in range(6):
            client.get(POOLS, secret_key="another")  # noqa: S106 - no secret
        locked = client.get(POOLS)
        assert (locked.status, locked.payload["error_code"]) == (401, "APIGW.0301")
        assert locked.payload["error_msg"].endswith("AK access failed to reach the limit,forbidden")
        client.clock.move_to(MONDAY + timedelta(minutes=5))
        assert client.get(POOLS).status == 200


def test_five_failures_do_not_lock() -> None:
    """Five failures are forgiven by one success, as often as that happens."""
    with serving() as client:
        for _ in range(3):
            for _ in range(5):
                client.get(POOLS, secret_key="another")  # noqa: S106 - no secret
            assert client.get(POOLS).status == 200


@pytest.mark.parametrize(("minutes", "status"), [(15, 200), (-15, 200), (16, 401), (-16, 401)])
def test_a_clock_more_than_15_minutes_off_is_refused(minutes: int, status: int) -> None:
    """The date of a signature may be 15 minutes off, early or late, and no more."""
    with serving() as client:
        assert client.get(POOLS, late=timedelta(minutes=minutes)).status == status


def test_a_temporary_key_needs_its_token() -> None:
    """Where the sandbox's pair is temporary, the right security token is demanded."""
    with serving(security_token="the-token") as client:  # noqa: S106 - no secret
        given = [{"X-Security-Token": "the-token"}, {"X-Security-Token": "another"}, {}]
        assert [client.get(POOLS, extra=headers).status for headers in given] == [200, 401, 401]


def test_wrong_project_pool_and_path_are_three_errors() -> None:
    """Another project is forbidden, an unknown pool is not found, an unknown path is not published."""
    with serving() as client:
        answers = [client.get(path) for path in ("/v2/another/pools", f"{POOLS}/gone", "/v3/pools")]
        answers.append(client.statistics("gone"))
    assert [(answer.status, answer.payload["error_code"]) for answer in answers] == [
        (403, "ModelArts.0210"),
        (404, "ModelArts.50015001"),
        (404, "APIGW.0101"),
        (404, "ModelArts.50015001"),
    ]
    assert answers[1].payload["error_msg"] == "Pool gone not found."


def test_throttling_begins_above_the_limit_and_ends_with_the_second() -> None:
    """The third request of a second is throttled at 2/s, with Retry-After; in the next second all is well again."""
    with serving(requests_per_second=2) as client:
        answers = [client.get(POOLS) for _ in range(3)]
        client.clock.move_to(MONDAY + timedelta(seconds=1))
        assert [answer.status for answer in (*answers, client.get(POOLS))] == [200, 200, 429, 200]
    assert answers[2].payload["error_code"] == "APIGW.0308"
    assert "policy user over ratelimit,limit:2,time:1 second" in answers[2].payload["error_msg"]
    assert answers[2].headers["Retry-After"] == "1"


def test_paging_gives_each_pool_once() -> None:
    """Pages of 3 give 8 pools in 3 pages, in order, none twice; a token of nobody's is a bad request."""
    pools = simulated_pools(8)
    with Sandbox(pools, Behaviour(page_size=3), clock := SimulatedClock(MONDAY)) as sandbox:
        client = Client(sandbox, clock)
        seen: list[list[str]] = []
        query: dict[str, str] = {}
        while "continue" in query or not seen:
            page = client.get(POOLS, query).payload
            seen.append([item["metadata"]["name"] for item in page["items"]])
            query = dict(page["metadata"])
        bad = client.get(POOLS, {"continue": "nobody"})
        client.connection.close()
    assert [len(page) for page in seen] == [3, 3, 2]
    assert [pool_id for page in seen for pool_id in page] == [pool.id for pool in pools]
    assert (bad.status, bad.payload["error_code"]) == (400, "ModelArts.50004000")


def test_a_name_with_a_slash_is_served() -> None:
    """A pool's name is its id, percent-encoded in the path."""
    with serving(pool_with_a_job_a_day("a/b")) as client:
        assert client.statistics("a%2Fb").payload["statistics"]["total"] == 4


def test_each_request_tells_its_time() -> None:
    """In requests' time the counts are those at the request's own date, however far from the clock, in any order."""
    with serving(pool_with_a_job_a_day("daily"), time="requests") as client:
        path = f"/v2/{PROJECT_ID}/statistics/pools/daily/workloads"
        days = (4, 2, 0, 3)
        totals = [client.get(path, late=timedelta(days=d)).payload["statistics"]["total"] for d in days]
    assert totals == [0, 2, 4, 1]
