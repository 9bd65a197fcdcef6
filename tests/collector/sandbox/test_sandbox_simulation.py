"""The sandbox's simulated pools: laws of queues that any life of a pool keeps, and the command that serves them."""

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


def test_a_pool_is_asked_in_any_order() -> None:
    """Two instants of the day of the first question give the same counts, whichever is asked first."""
    noon, evening = MONDAY.timestamp(), MONDAY.timestamp() + 8 * 3600
    onward, back = (simulated_pools(1)[0] for _ in range(2))
    late, early = back.counts_at(evening), back.counts_at(noon)
    assert (early, late) == (onward.counts_at(noon), onward.counts_at(evening))
    assert early != late


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_end(number: signal.Signals) -> None:
    """`poolscope sandbox` says in one JSON line where it is, answers, and ends with 0 when it is told to."""
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
