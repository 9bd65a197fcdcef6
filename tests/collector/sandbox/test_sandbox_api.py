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
class ParsedAnswer:
    """An answer with its parsed JSON."""

    status: int
    headers: http.client.HTTPMessage
    payload: Any


@dataclass
class Client:
    """Sends requests over one connection that stays open; each part of the signature can be made wrong."""

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
    ) -> ParsedAnswer:
        """Send a signed request, dated `late` before the clock's time."""
        date = (self.clock.now() - late).strftime(DATE_FORMAT)
        signed = {"Host": self.connection.host, "X-Sdk-Date": date, "X-Project-Id": PROJECT_ID}
        signed["Host"] += f":{self.connection.port}"
        signed |= extra or {}
        canonical = canonical_request("GET", path, (query or {}).items(), signed)
        signed_with = signature(secret_key, date, canonical)
        return self.send(path, query, signed | {"Authorization": authorization(access_key, signed, signed_with)})

    def send(self, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str]) -> ParsedAnswer:
        """Send a request with these headers only."""
        self.connection.request("GET", f"{path}?{urlencode(query)}" if query else path, headers=dict(headers))
        response = self.connection.getresponse()
        return ParsedAnswer(response.status, response.headers, json.loads(response.read()))

    def statistics(self, pool: str) -> ParsedAnswer:
        """Request the counts of a pool."""
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
    """Return a pool with four jobs in the queue, submitted three, two and one days ago and now."""
    ledger = Ledger(["train"])
    for days in (3, 2, 1, 0):
        ledger.add(Job(pool, "train", (MONDAY - timedelta(days=days)).timestamp()))
    return TracePool(pool, MONDAY, ledger)


def test_a_request_with_a_valid_signature_gets_the_pools() -> None:
    """A request signed with the sandbox's keys gets the documented form, a request id and a date."""
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


def test_show_pool_equals_the_item_of_the_list() -> None:
    """A pool requested alone is the same as in the list; pools of another workspace are not in the list."""
    with serving() as client:
        listed = client.get(POOLS).payload["items"][1]
        assert listed == client.get(f"{POOLS}/{listed['metadata']['name']}").payload
        assert client.get(POOLS, {"workspaceId": "other"}).payload["items"] == []


def test_requests_are_counted_by_path() -> None:
    """The sandbox counts requests by path, without the query, and each answer has its own request id."""
    with serving(pool_with_a_job_a_day("small")) as client:
        ids = {client.get(POOLS, {"workspaceId": str(n)}).headers["X-Request-Id"] for n in range(3)}
        client.statistics("small")
        assert client.sandbox.requests == {POOLS: 3, f"/v2/{PROJECT_ID}/statistics/pools/small/workloads": 1}
        assert client.sandbox.statuses == {200: 4}
    assert len(ids) == 3


def test_a_wrong_signature_is_refused_with_the_canonical_request() -> None:
    """A signature with another secret is refused with the canonical request, in which | stands for newlines."""
    with serving() as client:
        answer = client.get(POOLS, secret_key="another")  # noqa: S106 - no secret
    assert answer.status == 401
    assert answer.payload["error_code"] == "APIGW.0301"
    assert f"canonicalRequest:GET|{POOLS}/||host:127.0.0.1:" in answer.payload["error_msg"]
    assert answer.payload["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("header", ["", "Basic abc", "SDK-HMAC-SHA256 Access=x"])
def test_a_request_without_a_signature_is_refused(header: str) -> None:
    """Without an Authorization header, or with one of another form, the answer is 401."""
    with serving() as client:
        answer = client.send(POOLS, None, {"Authorization": header} if header else {})
    assert (answer.status, answer.payload["error_code"]) == (401, "APIGW.0301")


def test_an_unknown_key_is_named() -> None:
    """A key that does not exist is refused with its name."""
    with serving() as client:
        assert "ak:NOBODY,err:ak not exist" in client.get(POOLS, access_key="NOBODY").payload["error_msg"]


def test_six_failures_lock_the_key_for_five_minutes() -> None:
    """After more than five consecutive failures, valid signatures are refused too, for five minutes."""
    with serving() as client:
        for _ in range(6):
            client.get(POOLS, secret_key="another")  # noqa: S106 - no secret
        locked = client.get(POOLS)
        assert (locked.status, locked.payload["error_code"]) == (401, "APIGW.0301")
        assert locked.payload["error_msg"].endswith("AK access failed to reach the limit,forbidden")
        client.clock.move_to(MONDAY + timedelta(minutes=5))
        assert client.get(POOLS).status == 200


def test_five_failures_do_not_lock() -> None:
    """A success after five failures resets their count, every time."""
    with serving() as client:
        for _ in range(3):
            for _ in range(5):
                client.get(POOLS, secret_key="another")  # noqa: S106 - no secret
            assert client.get(POOLS).status == 200


@pytest.mark.parametrize(("minutes", "status"), [(15, 200), (-15, 200), (16, 401), (-16, 401)])
def test_a_clock_more_than_15_minutes_off_is_refused(minutes: int, status: int) -> None:
    """The date of a signature may be at most 15 minutes early or late."""
    with serving() as client:
        assert client.get(POOLS, late=timedelta(minutes=minutes)).status == status


def test_a_temporary_key_needs_its_token() -> None:
    """If the sandbox's keys are temporary, requests need the right security token."""
    with serving(security_token="the-token") as client:  # noqa: S106 - no secret
        headers = [{"X-Security-Token": "the-token"}, {"X-Security-Token": "another"}, {}]
        assert [client.get(POOLS, extra=extra).status for extra in headers] == [200, 401, 401]


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
    """At 2 requests a second, the third is throttled with Retry-After; in the next second requests pass again."""
    with serving(requests_per_second=2) as client:
        answers = [client.get(POOLS) for _ in range(3)]
        client.clock.move_to(MONDAY + timedelta(seconds=1))
        assert [answer.status for answer in (*answers, client.get(POOLS))] == [200, 200, 429, 200]
    assert answers[2].payload["error_code"] == "APIGW.0308"
    assert "policy user over ratelimit,limit:2,time:1 second" in answers[2].payload["error_msg"]
    assert answers[2].headers["Retry-After"] == "1"


def test_paging_gives_each_pool_once() -> None:
    """With 3 pools a page, 8 pools are on 3 pages, in order, each once; an invalid continue token is refused."""
    pools = simulated_pools(8)
    with Sandbox(pools, Behaviour(page_size=3), clock := SimulatedClock(MONDAY)) as sandbox:
        client = Client(sandbox, clock)
        pages: list[list[str]] = []
        query: dict[str, str] = {}
        while "continue" in query or not pages:
            page = client.get(POOLS, query).payload
            pages.append([item["metadata"]["name"] for item in page["items"]])
            query = dict(page["metadata"])
        refused = client.get(POOLS, {"continue": "nobody"})
        client.connection.close()
    assert [len(page) for page in pages] == [3, 3, 2]
    assert [pool_id for page in pages for pool_id in page] == [pool.id for pool in pools]
    assert (refused.status, refused.payload["error_code"]) == (400, "ModelArts.50004000")


def test_a_name_with_a_slash_is_served() -> None:
    """A pool's id is percent-encoded in the path."""
    with serving(pool_with_a_job_a_day("a/b")) as client:
        assert client.statistics("a%2Fb").payload["statistics"]["total"] == 4


def test_the_time_can_be_that_of_each_request() -> None:
    """With `time="requests"`, the counts are those at each request's date, far from the clock and in any order."""
    with serving(pool_with_a_job_a_day("daily"), time="requests") as client:
        path = f"/v2/{PROJECT_ID}/statistics/pools/daily/workloads"
        days = (4, 2, 0, 3)
        totals = [client.get(path, late=timedelta(days=d)).payload["statistics"]["total"] for d in days]
    assert totals == [0, 2, 4, 1]
