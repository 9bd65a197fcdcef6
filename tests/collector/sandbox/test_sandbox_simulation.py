"""The sandbox's simulated pools: laws of queues that hold for every simulation, and the command that serves them."""

import http.client
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from collector.record.statuses import ENDED
from collector.sandbox.plans import DEFAULT_PLANS
from collector.sandbox.simulated import simulated_pools
from collector.sandbox.simulation import Simulation

MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
WEEK = 7 * 86400.0


@pytest.fixture(scope="module", params=DEFAULT_PLANS, ids=lambda plan: plan.name)
def simulated(request: pytest.FixtureRequest) -> Simulation:
    """Return a pool that has been simulated for two weeks."""
    simulation = Simulation(request.param, "p", "seed", 0.0)
    simulation.advance(2 * WEEK)
    return simulation


def test_counts_are_conserved(simulated: Simulation) -> None:
    """At any time no count is negative, and the sum over statuses is the number of arrivals so far, for each type."""
    for instant in range(0, int(2 * WEEK), 7001):
        for job_type, counts in simulated.ledger.counts_at(instant).items():
            assert min(counts.values()) >= 0
            assert sum(job.type == job_type and job.submitted <= instant for job in simulated.jobs) == sum(
                counts.values()
            )


def test_cards_are_never_oversubscribed(simulated: Simulation) -> None:
    """Jobs that have left the queue and have not ended never hold more cards than the pool has."""
    changes = []
    for job in simulated.jobs:
        gave_up = job.started is None and job.left is not None and job.left == job.scheduled
        if job.scheduled is not None and not gave_up:
            changes.append((job.scheduled, job.cards))
            changes += [] if job.ended is None else [(job.ended, -job.cards)]
    cards_in_use = 0
    for _, change in sorted(changes):
        cards_in_use += change
        assert 0 <= cards_in_use <= simulated.plan.cards
    assert simulated.plan.cards - simulated.free_cards == cards_in_use


def test_jobs_overtake_only_with_backfill(simulated: Simulation) -> None:
    """With FIFO, jobs start in the order of their arrival; with backfill, some overtake."""
    scheduled = [job.scheduled for job in simulated.jobs if job.scheduled is not None and job.started is not None]
    in_order = all(earlier <= later for earlier, later in pairwise(scheduled))
    assert in_order == (simulated.plan.policy == "fifo")


def test_times_of_a_job_are_in_order(simulated: Simulation) -> None:
    """Each job passes its stages in order, and has a final status exactly if it has ended."""
    for job in simulated.jobs:
        stages = (job.submitted, job.scheduled, job.left, job.started, job.ended)
        known = [instant for instant in stages if instant is not None]
        assert known == sorted(known)
        assert (job.final in ENDED) == (job.ended is not None)


def test_the_same_seed_gives_the_same_jobs() -> None:
    """Pools with the same seed have the same ids and counts after any requests; another seed gives other jobs."""
    start = MONDAY.timestamp()
    often, once, other = (simulated_pools(4, seed)[0] for seed in (7, 7, 8))
    for hour in range(48):
        often.counts_at(start + 3600 * hour)
    once.counts_at(start)
    assert often.id == once.id
    assert often.counts_at(start + 2 * 86400) == once.counts_at(start + 2 * 86400)
    other.counts_at(start)
    assert (often.id, often.counts_at(start)) != (other.id, other.counts_at(start))


def test_counts_of_the_past_do_not_change() -> None:
    """For a past time, a pool gives the same counts as at that time."""
    [pool] = simulated_pools(1)
    counts = pool.counts_at(MONDAY.timestamp())
    pool.counts_at(MONDAY.timestamp() + WEEK)
    assert counts == pool.counts_at(MONDAY.timestamp())


def test_counts_do_not_depend_on_the_order_of_requests() -> None:
    """Two times of the day of the first request have the same counts, whichever is requested first."""
    noon, evening = MONDAY.timestamp(), MONDAY.timestamp() + 8 * 3600
    forward, backward = (simulated_pools(1)[0] for _ in range(2))
    late, early = backward.counts_at(evening), backward.counts_at(noon)
    assert (early, late) == (forward.counts_at(noon), forward.counts_at(evening))
    assert early != late


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_a_signal(number: signal.Signals) -> None:
    """`poolscope sandbox` prints its endpoint as one JSON line, answers, and ends with 0 after a signal."""
    arguments = [sys.executable, "-m", "collector", "sandbox", "--port", "0", "--pools", "5", "--history", "7d"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        connection = http.client.HTTPConnection(ready["endpoint"].removeprefix("http://"))
        connection.request("GET", f"/v2/{ready['project_id']}/pools")
        assert connection.getresponse().status == 401
        process.send_signal(number)
        assert process.wait() == 0
        connection.close()
    assert ready["event"] == "sandbox_ready"
    assert f"init --sandbox --port {ready['endpoint'].rpartition(':')[2]} " in ready["message"]
