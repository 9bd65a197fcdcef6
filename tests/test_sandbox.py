"""The sandbox: real sockets, real signatures, and counts whose truth is known."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.errors import ConfigError, InputRefused
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY, Behaviour
from collector.sandbox.jobs import ENDED, STATUSES, Job, Ledger
from collector.sandbox.plans import DEFAULT_PLANS
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from collector.sandbox.simulation import Simulation
from collector.sandbox.traces import TracePool, read_trace
from collector.signing import DATE_FORMAT, authorization, canonical_request, signature

MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
WEEK = 7 * 86400.0
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
        self.connection = http.client.HTTPConnection(self.sandbox.endpoint.removeprefix("http://"), timeout=10)

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


def small_pool() -> TracePool:
    """One train job that ended as Completed ten days ago, one that failed yesterday, one that queues; no infer job."""
    now = MONDAY.timestamp()
    ledger = Ledger(["train", "infer"])
    old, recent = now - 10 * 86400, now - 86400
    ledger.add(Job("small", "train", old - 60, old - 50, old - 40, old - 30, old, "Completed"))
    ledger.add(Job("small", "train", recent - 60, recent - 50, recent - 40, recent - 30, recent, "Failed"))
    ledger.add(Job("small", "train", now))
    return TracePool("small", MONDAY, ledger)


def test_a_well_signed_request_gets_the_pools() -> None:
    """A request signed with the sandbox's pair is answered with the documented shape, an id and a date."""
    with serving() as client:
        answer = client.get(POOLS, {"workspaceId": "0", "status": "created"})
    assert answer.status == 200
    assert answer.payload["kind"] == "PoolList"
    pool = answer.payload["items"][0]
    assert pool["metadata"]["labels"]["os.modelarts/name"] == "LLM pre-training"
    assert pool["metadata"]["name"].startswith("pool-pretrain-")
    assert pool["status"]["resources"]["available"][0]["count"] == 16
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
    with serving(small_pool()) as client:
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


def test_statistics_as_documented() -> None:
    """By default: the key of the example, integers, every status of every type, kept for ever."""
    zeros = dict.fromkeys(STATUSES, 0)
    with serving(small_pool()) as client:
        assert client.statistics("small").payload == {
            "statistics": {
                "total": 3,
                "items": [
                    {"type": "train", "total": 3, "status": zeros | {"Queue": 1, "Completed": 1, "Failed": 1}},
                    {"type": "infer", "total": 0, "status": zeros},
                ],
            }
        }


def test_statistics_in_the_other_spelling() -> None:
    """Switched: the key of the table, decimal strings, nothing that is zero."""
    with serving(small_pool(), key="statics", counts="strings", omit_zeros=True) as client:
        items = [{"type": "train", "total": 3, "status": {"Queue": "1", "Completed": "1", "Failed": "1"}}]
        assert client.statistics("small").payload == {"statics": {"total": 3, "items": items}}


@pytest.mark.parametrize(("days", "finished"), [(None, 2), (7, 1), (1, 0), (0, 0)])
def test_history_is_kept_as_switched(days: int | None, finished: int) -> None:
    """A job that ended is counted for ever, for a time (its last instant not included), or never."""
    with serving(small_pool(), history=None if days is None else timedelta(days=days)) as client:
        status = client.statistics("small").payload["statistics"]["items"][0]["status"]
    assert sum(status[final] for final in ENDED) == finished


def test_the_requests_move_the_time() -> None:
    """In requests' time the newest signed date is now, however far from the clock; an older one changes nothing."""
    with serving(small_pool(), time="requests") as client:
        pool = f"/v2/{PROJECT_ID}/statistics/pools/small/workloads"
        totals = [client.get(pool, late=timedelta(days=days)).payload["statistics"]["total"] for days in (20, 5, 0, 20)]
        forged = client.get(pool, late=-timedelta(days=9), secret_key="another")  # noqa: S106 - no secret
    assert totals == [0, 1, 3, 3]
    assert forged.headers["Date"] == "Mon, 05 Jan 2026 12:00:00 GMT"


def test_a_taken_port_is_said() -> None:
    """A second sandbox on the same port is refused with the mend."""
    with serving() as client, pytest.raises(ConfigError, match="is taken: choose another one"):
        Sandbox([], port=int(client.sandbox.endpoint.rpartition(":")[2]))


def test_what_is_no_http_is_a_bad_request() -> None:
    """A line that is no request gets a 400 and the connection is closed."""
    with serving() as client:
        client.connection.connect()
        client.connection.sock.sendall(b"nonsense\r\n\r\n")
        received = client.connection.sock.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")


TRACE = """
    (1, 'a/b', 'train', TIMESTAMP '2026-01-01 00:00', TIMESTAMP '2026-01-01 02:00',
        TIMESTAMP '2026-01-01 03:00', 'Completed', 8),
    (2, 'a/b', 'train', TIMESTAMP '2026-01-01 01:00', NULL, TIMESTAMP '2026-01-01 04:00', 'Terminated', 1),
    (3, 'a/b', 'infer', TIMESTAMP '2026-01-01 01:00', TIMESTAMP '2026-01-01 01:00', NULL, NULL, 1),
    (4, 'c', 'train', TIMESTAMP '2026-01-01 05:00', NULL, NULL, NULL, 1)
"""
NAMES = 'job_id, pool, type, submit, "start", "end", final, gpus'


def write_trace(folder: Path, rows: str = TRACE, select: str = "*") -> Path:
    file = folder / "trace.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {select} FROM (VALUES {rows}) AS t({NAMES})) TO '{file}' (FORMAT parquet)")  # noqa: S608 - the test's own words
    return file


@pytest.mark.parametrize(
    ("hour", "train", "infer"),
    [
        (0, {"Queue": 1}, {}),
        (1, {"Queue": 2}, {"Running": 1}),
        (2, {"Queue": 1, "Running": 1}, {"Running": 1}),
        (3, {"Queue": 1, "Completed": 1}, {"Running": 1}),
        (4, {"Completed": 1, "Terminated": 1}, {"Running": 1}),
    ],
)
def test_a_trace_counts_what_had_happened(
    tmp_path: Path, hour: int, train: dict[str, int], infer: dict[str, int]
) -> None:
    """What happens at an instant counts at it; who never ran leaves the queue at the end; no end runs for ever."""
    [pool] = read_trace(write_trace(tmp_path)).pools
    counts = pool.counts_at(datetime(2026, 1, 1, hour, tzinfo=UTC).timestamp())
    zeros = dict.fromkeys(STATUSES, 0)
    assert counts == {"train": zeros | train, "infer": zeros | infer}


def test_a_trace_tells_its_time_and_is_served_under_its_names(tmp_path: Path) -> None:
    """First and last are those of coming and waiting; a pool's name is its id, even with a slash in it."""
    trace = read_trace(write_trace(tmp_path))
    assert (trace.first, trace.last) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 4, tzinfo=UTC))
    with serving(*trace.pools) as client:
        assert client.statistics("a%2Fb").payload["statistics"]["total"] == 3


@pytest.mark.parametrize(
    ("rows", "select", "reason"),
    [
        (TRACE, '* EXCLUDE ("start", gpus)', "lacks the columns start, gpus"),
        ("(1, 'p', 't', now()::TIMESTAMP, NULL::TIMESTAMP, NULL::TIMESTAMP, NULL, 1)", "*", "nothing to replay"),
        (TRACE.replace("'Completed'", "'done'"), "*", "final is one of Completed"),
        (TRACE.replace("00:00", "02:30"), "*", "starts or ends before it came"),
        (TRACE.replace("'train'", "NULL"), "*", "without pool, type or submit"),
    ],
)
def test_a_bad_trace_is_refused(tmp_path: Path, rows: str, select: str, reason: str) -> None:
    """A trace that cannot be replayed is refused with its name and the reason."""
    with pytest.raises(InputRefused, match=rf"trace\.parquet.*{reason}"):
        read_trace(write_trace(tmp_path, rows, select))


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    """A missing file and a file that is not Parquet are refused by name."""
    with pytest.raises(InputRefused, match=r"none\.parquet: there is no such file"):
        read_trace(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputRefused, match=r"text\.parquet: cannot be read as a trace"):
        read_trace(tmp_path / "text.parquet")


@pytest.fixture(scope="module", params=DEFAULT_PLANS, ids=lambda plan: plan.name)
def lived(request: pytest.FixtureRequest) -> Simulation:
    """Return a pool that has lived for two weeks."""
    simulation = Simulation(request.param, "p", "seed", 0.0)
    simulation.advance(2 * WEEK)
    return simulation


def test_counts_are_conserved(lived: Simulation) -> None:
    """At any instant no count is negative, and all statuses together are the jobs that had come, of each type."""
    for instant in range(0, int(2 * WEEK), 7001):
        for job_type, counts in lived.ledger.counts_at(instant).items():
            assert min(counts.values()) >= 0
            assert sum(job.type == job_type and job.submitted <= instant for job in lived.jobs) == sum(counts.values())


def test_cards_are_never_oversubscribed(lived: Simulation) -> None:
    """The jobs that are out of the queue and have not ended never hold more cards than the pool has."""
    changes = []
    for job in lived.jobs:
        gave_up = job.started is None and job.left is not None and job.left == job.scheduled
        if job.scheduled is not None and not gave_up:
            changes.append((job.scheduled, job.cards))
            changes += [] if job.ended is None else [(job.ended, -job.cards)]
    held = 0
    for _, change in sorted(changes):
        held += change
        assert 0 <= held <= lived.plan.cards
    assert lived.plan.cards - lived.free_cards == held


def test_first_in_first_out_never_overtakes(lived: Simulation) -> None:
    """Where the queue is served first in first out, jobs start in the order they came; backfill does overtake."""
    scheduled = [job.scheduled for job in lived.jobs if job.scheduled is not None and job.started is not None]
    in_order = all(earlier <= later for earlier, later in pairwise(scheduled))
    assert in_order == (lived.plan.policy == "fifo")


def test_instants_of_a_job_never_run_back(lived: Simulation) -> None:
    """Each job passes its stages in order, and has a final word exactly when it has ended."""
    for job in lived.jobs:
        stages = (job.submitted, job.scheduled, job.left, job.started, job.ended)
        known = [instant for instant in stages if instant is not None]
        assert known == sorted(known)
        assert (job.final in ENDED) == (job.ended is not None)


def test_same_seed_same_life() -> None:
    """Pools of one seed have the same ids and counts, however they are asked; another seed gives another life."""
    start = MONDAY.timestamp()
    often, once, other = (simulated_pools(4, seed)[0] for seed in (7, 7, 8))
    for hour in range(48):
        often.counts_at(start + 3600 * hour)
    once.counts_at(start)
    assert often.id == once.id
    assert often.counts_at(start + 2 * 86400) == once.counts_at(start + 2 * 86400)
    other.counts_at(start)
    assert (often.id, often.counts_at(start)) != (other.id, other.counts_at(start))


def test_a_pool_remembers() -> None:
    """Asked about an instant that has passed, a pool answers as it did then."""
    [pool] = simulated_pools(1)
    then = pool.counts_at(MONDAY.timestamp())
    pool.counts_at(MONDAY.timestamp() + WEEK)
    assert then == pool.counts_at(MONDAY.timestamp())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_end(number: signal.Signals) -> None:
    """`poolscope sandbox` says in one JSON line where it is, answers, and ends with 0 when it is told to."""
    arguments = [sys.executable, "-m", "collector", "sandbox", "--port", "0", "--pools", "5", "--history", "7d"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        connection = http.client.HTTPConnection(ready["endpoint"].removeprefix("http://"), timeout=10)
        connection.request("GET", f"/v2/{ready['project_id']}/pools")
        assert connection.getresponse().status == 401
        process.send_signal(number)
        assert process.wait(10) == 0
        connection.close()
    assert ready["event"] == "sandbox_ready"
