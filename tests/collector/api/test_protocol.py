"""The real protocol: the vendor's own client and signer can use the sandbox, and send the requests of Poolscope."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkmodelarts.v1 import (
    ListPoolsRequest,
    ModelArtsClient,
    ShowPoolRequest,
    ShowWorkloadStatisticsRequest,
)

from collector.api.signing import DATE_FORMAT
from collector.clock import SimulatedClock
from collector.record.statuses import STATUSES
from collector.sandbox.behaviour import ACCESS_KEY, AS_DOCUMENTED, PROJECT_ID, SECRET_KEY, Behaviour
from collector.sandbox.connection import Answer
from collector.sandbox.gateway import Request
from collector.sandbox.jobs import Pool
from collector.sandbox.server import Sandbox
from tests.polling import by_pool, collect, project
from tests.scripted import StillPool

# The vendor's signer calls a function that Python 3.12 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

SIGNED = f"SDK-HMAC-SHA256 Access={ACCESS_KEY}, SignedHeaders={{}}, Signature=[0-9a-f]{{{{64}}}}"
POOLS = (
    StillPool("pool-a", queue=3, display_name="First", policy="fifo", flavor="npu.8", nodes=16),
    StillPool("pool b%é", queue=5),
)


class Recording(Sandbox):
    """A sandbox that keeps the requests that it receives."""

    def __init__(self, pools: Sequence[Pool], behaviour: Behaviour) -> None:
        self.received: list[Request] = []
        super().__init__(pools, behaviour)

    def answer(self, request: Request) -> Answer:  # noqa: D102 - as the base class has it
        self.received.append(request)
        return super().answer(request)


@contextmanager
def vendors_client(secret_key: str = SECRET_KEY, **switches: str) -> Iterator[tuple[ModelArtsClient, Recording]]:
    """Serve the pools, and yield the vendor's client for them."""
    with Recording(POOLS, Behaviour(**switches) if switches else AS_DOCUMENTED) as sandbox:  # type: ignore[arg-type] # any switch
        credentials = BasicCredentials(ACCESS_KEY, secret_key, PROJECT_ID)
        client = ModelArtsClient.new_builder().with_credentials(credentials).with_endpoint(sandbox.endpoint).build()
        try:
            yield client, sandbox
        finally:
            client.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    # The vendor's client would send requests to loopback through a proxy, which cannot reach it.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_the_vendors_client_lists_the_pools() -> None:
    """The vendor's models read name, labels, policy and nodes of every pool, in the listing and one by one."""
    with vendors_client() as (client, _):
        listing = client.list_pools(ListPoolsRequest(workspace_id="0", status="created"))
        shown = client.show_pool(ShowPoolRequest(pool_name="pool-a"))
    assert ("PoolList", "v2") == (listing.kind, listing.api_version)
    assert ["pool-a", "pool b%é"] == [pool.metadata.name for pool in listing.items]
    for pool in (listing.items[0], shown):
        assert "First" == pool.metadata.labels.os_modelarts_name
        assert "fifo" == pool.metadata.annotations.os_modelarts_pool_scheduler_queue_strategy
        assert ("Running", "Dedicate") == (pool.status.phase, pool.spec.type)
        assert [("npu.8", 16, 16)] == [(nodes.flavor, nodes.count, nodes.max_count) for nodes in pool.spec.resources]
        assert 16 == pool.status.resources.available.count
        assert {"Enabled"} == {scope.state for scope in pool.status.scope}


def test_the_vendors_client_and_the_examples_disagree_about_nodes() -> None:
    """The vendor's client reads nothing from a list of nodes by state, as in every example, but reads an object."""
    for switch, count in (("list", None), ("object", 16)):
        with vendors_client(node_counts=switch) as (client, _):
            assert count == client.show_pool(ShowPoolRequest(pool_name="pool-a")).status.resources.available.count


def test_the_vendors_client_shows_the_statistics() -> None:
    """Types, totals and all nine statuses are those of the pool, also if its name needs encoding."""
    with vendors_client() as (client, _):
        for pool in POOLS:
            shown = client.show_workload_statistics(ShowWorkloadStatisticsRequest(pool_name=pool.id)).statistics
            counts = pool.counts_at(0)
            assert sum(sum(by_status.values()) for by_status in counts.values()) == shown.total
            assert counts == {
                item.type: {status: getattr(item.status, status.lower()) for status in STATUSES} for item in shown.items
            }


@pytest.mark.parametrize(("switch", "value", "queue"), [("counts", "strings", 3), ("key", "statics", None)])
def test_spellings_of_the_documents_tables(switch: str, value: str, queue: int | None) -> None:
    """The vendor's client reads counts given as strings, but nothing from the key `statics`."""
    with vendors_client(**{switch: value}) as (client, _):
        shown = client.show_workload_statistics(ShowWorkloadStatisticsRequest(pool_name="pool-a")).statistics
        assert queue == (shown and int(shown.items[0].status.queue))


def test_the_vendors_client_reads_the_refusals() -> None:
    """The vendor's client finds status, code, message and request id of the sandbox's errors."""
    with vendors_client() as (client, _), pytest.raises(ClientRequestException) as gone:
        client.show_workload_statistics(ShowWorkloadStatisticsRequest(pool_name="gone"))
    assert (404, "ModelArts.50015001", "Pool gone not found.") == (
        gone.value.status_code,
        gone.value.error_code,
        gone.value.error_msg,
    )
    assert gone.value.request_id
    with vendors_client("another") as (client, _), pytest.raises(ClientRequestException) as refused:
        client.list_pools(ListPoolsRequest())
    assert (401, "APIGW.0301") == (refused.value.status_code, refused.value.error_code)


def test_our_requests_equal_the_vendors(tmp_path: Path) -> None:
    """Path, query and headers of two requests are the same, except the headers listed here with the reason."""
    with vendors_client() as (client, sandbox):
        client.list_pools(ListPoolsRequest(workspace_id="0", status="created"))
        client.show_workload_statistics(ShowWorkloadStatisticsRequest(pool_name="pool-a"))
        theirs = list(sandbox.received)
        date = datetime.strptime(theirs[0].headers["x-sdk-date"], DATE_FORMAT).replace(tzinfo=UTC)
        result = collect(tmp_path, [project(sandbox.endpoint, include=("pool-a",))], SimulatedClock(date))
        ours = sandbox.received[len(theirs) :]
    assert {"pool-a": "ok"} == {pool: scrape.outcome for pool, scrape in by_pool(result).items()}
    assert len(theirs) == len(ours) == 2
    differ = {
        # The name of the client.
        "user-agent": (r"huaweicloud-usdk-python/3\.0; .*", r"poolscope/.*"),
        # We read JSON only, and a compressed answer could hide its size.
        "accept": (r"\*/\*", "application/json"),
        "accept-encoding": ("gzip, deflate", "identity"),
        # The vendor's client sends the type of a body, which a GET does not have.
        "content-type": ("application/json", None),
        # It signs all headers; we sign those that the gateway requires, so that a proxy may change the others.
        "authorization": (
            SIGNED.format("content-type;host;user-agent;x-project-id;x-sdk-date"),
            SIGNED.format("host;x-project-id;x-sdk-date"),
        ),
    }
    for their, our in zip(theirs, ours, strict=True):
        assert (their.method, their.path, sorted(their.pairs), their.body) == (
            our.method,
            our.path,
            sorted(our.pairs),
            our.body,
        )
        # A second may pass between the vendor's two requests.
        same = (their.headers.keys() | our.headers.keys()) - differ.keys() - {"x-sdk-date"}
        assert {"host", "x-project-id", "connection"} == same
        assert {name: their.headers[name] for name in same} == {name: our.headers[name] for name in same}
        assert all(re.fullmatch(r"\d{8}T\d{6}Z", request.headers["x-sdk-date"]) for request in (their, our))
        for name, patterns in differ.items():
            for request, pattern in zip((their, our), patterns, strict=True):
                sent = request.headers.get(name)
                assert sent is None if pattern is None else sent is not None and re.fullmatch(pattern, sent)
