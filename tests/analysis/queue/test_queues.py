"""Estimates against queues of which all is known: theory, and Ciw, a simulator by others."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import ciw  # type: ignore[import-untyped]  # it comes without types, and there are no stubs
import numpy as np
import pytest

from analysis.arrays import Floats
from analysis.queue.conservation import flows_of
from analysis.queue.discipline import Waiting, waiting_of
from analysis.schemas.queue import QUANTILES
from tests.estimated import Waited, estimate
from tests.recorded import KEPT, observed

DAY: Final = 86_400
WEEK: Final = 7 * DAY
SERVICE: Final = 5400.0
SERVERS: Final = 6


@dataclass(frozen=True)
class Jobs:
    """When each came, started and ended, in seconds."""

    came: Floats
    started: Floats
    ended: Floats

    def waiting(self, until: float, step: int, retention: float = KEPT, order: str = "unknown") -> Waiting:
        """Return what counts at every step tell of them."""
        slots = np.arange(0, until + 1, step)
        counted = observed(slots, self.came, self.started, self.ended, retention=retention)
        return waiting_of(flows_of(counted, "queue"), order)

    def waits(self, start: float, end: float) -> Floats:
        """Return how long those waited that came in a window, the shortest first."""
        mine = (self.came > start) & (self.came <= end)
        waits: Floats = np.sort((self.started - self.came)[mine])
        return waits


def first_in_first_out(came: Floats, lasts: Floats, servers: int) -> Jobs:
    """Serve jobs in the order in which they came."""
    free = np.zeros(servers)
    started = np.empty(len(came))
    for job, at in enumerate(came):
        server = int(free.argmin())
        started[job] = max(at, free[server])
        free[server] = started[job] + lasts[job]
    return Jobs(came, started, started + lasts)


def poisson(seed: int, servers: int, load: float, days: int) -> Jobs:
    """Draw an M/M/c queue whose jobs run for a mean of `SERVICE`."""
    draw = np.random.default_rng(seed)
    number = int(days * DAY * load * servers / SERVICE * 1.2)
    came = np.cumsum(draw.exponential(SERVICE / servers / load, number))
    return first_in_first_out(came, draw.exponential(SERVICE, number), servers)


def erlang_c(servers: int, load: float) -> float:
    """Return the share of jobs of an M/M/c queue that wait at all (Erlang, 1917)."""
    offered = servers * load
    all_busy = offered**servers / math.factorial(servers) / (1 - load)
    return all_busy / (sum(offered**n / math.factorial(n) for n in range(servers)) + all_busy)


@cache
def simulated(discipline: str, seed: int) -> Jobs:
    """Let Ciw simulate four weeks and more of a queue with the given order of service."""
    order: Callable[..., Any] = getattr(ciw.disciplines, discipline)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(0.92 * SERVERS / SERVICE)],
        service_distributions=[ciw.dists.Exponential(1 / SERVICE)],
        number_of_servers=[SERVERS],
        service_disciplines=[order],
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(6 * WEEK)
    records = sorted(simulation.get_all_records(), key=lambda record: record.id_number)
    records = [record for record in records if record.arrival_date < 4 * WEEK]
    assert list(range(1, len(records) + 1)) == [record.id_number for record in records], "all have left"
    return Jobs(
        *(np.array([getattr(r, f"{what}_date") for r in records]) for what in ("arrival", "service_start", "exit"))
    )


def true_quantile(waits: Floats, quantile: int) -> float:
    return float(waits[math.ceil(quantile / 100 * len(waits) - 1e-9) - 1])


def hold(bounds: tuple[float | None, float | None, float | None], value: float) -> bool:
    """Tell whether a value lies within bounds, which may have no upper one."""
    _, low, high = bounds
    return low is not None and low <= value + 1e-6 and (high is None or value <= high + 1e-6)


def weeks(jobs: Jobs, waiting: Waiting) -> Iterator[tuple[Waited, Floats]]:
    """Yield the estimates of each of four weeks, beside the true waits."""
    for start in range(0, 4 * WEEK, WEEK):
        yield estimate([waiting], start, start + WEEK, 1800), jobs.waits(start, start + WEEK)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (4, 0.8), (8, 0.85)])
def test_a_queue_of_many_servers_waits_as_erlang_says(servers: int, load: float) -> None:
    """The mean of a long M/M/c queue is C(c, a) / (c mu - lambda), the share over t that of its exponential tail."""
    days = 9000 // servers
    jobs = poisson(1, servers, load, days)
    limit = 3600
    # All who came within it have left at the end of the record.
    found = estimate([jobs.waiting((days + 30) * DAY, 300, order="fifo")], 0, days * DAY, limit)
    leaves = servers * (1 - load) / SERVICE
    # So long a sample lies within a tenth of what it is drawn from.
    mean = erlang_c(servers, load) / leaves
    assert mean == pytest.approx(found.mean[0], rel=0.1)
    over = erlang_c(servers, load) * math.exp(-leaves * limit)
    assert over == pytest.approx(found.over[0], rel=0.1)
    waits = jobs.waits(0, days * DAY)
    assert hold(found.mean, float(waits.mean()))
    assert hold(found.over, float((waits > limit).mean()))
    for quantile in (90, 95, 99):
        longest = math.log(erlang_c(servers, load) / (1 - quantile / 100)) / leaves
        assert longest == pytest.approx(found.quantiles[quantile][0], rel=0.15)
        assert hold(found.quantiles[quantile], true_quantile(waits, quantile))


@pytest.mark.parametrize("step", [60, 300])
def test_an_overloaded_hour_waits_as_a_fluid(step: int) -> None:
    """Two come a minute and one leaves: after an hour 60 wait, and who came at t waited t; half of it on average."""
    came = np.arange(1, 3601, 30, dtype=np.float64)
    jobs = first_in_first_out(came, np.full(120, 60.0), 1)
    found = estimate([jobs.waiting(4 * 3600, step, order="fifo")], 0, 3600, 1800)
    assert (120, 120, 120) == (found.arrivals, found.arrivals_low, found.arrivals_high)
    assert 1800 == pytest.approx(found.mean[0], abs=60)
    for quantile in QUANTILES:
        assert 36 * quantile == pytest.approx(found.quantiles[quantile][0], abs=step)
        assert hold(found.quantiles[quantile], 36 * quantile)
    assert 0.5 == pytest.approx(found.over[0], abs=step / 3600)


def test_a_fluid_that_is_never_overloaded_does_not_wait() -> None:
    """One comes a minute and takes half of it: no wait, and none longer than a slot can have been."""
    came = np.arange(1, 36_001, 60, dtype=np.float64)
    jobs = first_in_first_out(came, np.full(600, 30.0), 1)
    found = estimate([jobs.waiting(36_000, 300)], 0, 36_000, 300)
    assert (0.0, 0.0, 300.0) == found.mean
    assert (0.0, 0.0, 0.0) == found.over


@pytest.mark.parametrize("retention", [KEPT, WEEK, 0], ids=["kept", "rolling", "absent"])
@pytest.mark.parametrize("discipline", ["FIFO", "LIFO", "SIRO"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_truth_lies_within_the_bounds(discipline: str, retention: int, seed: int) -> None:
    """Whatever the order of service, and whatever the history: mean, quantiles and the share over half an hour."""
    jobs = simulated(discipline, seed)
    for step in (60, 300):
        for found, waits in weeks(jobs, jobs.waiting(4 * WEEK, step, retention)):
            assert found.arrivals_low <= len(waits)
            assert found.arrivals_high is None or len(waits) <= found.arrivals_high
            assert hold(found.mean, float(waits.mean()))
            assert hold(found.over, float((waits > 1800).mean()))
            for quantile in QUANTILES:
                assert hold(found.quantiles[quantile], true_quantile(waits, quantile))


@pytest.mark.parametrize("retention", [KEPT, WEEK], ids=["kept", "rolling"])
def test_points_of_first_in_first_out_are_near(retention: int) -> None:
    """Without being told the order: quantiles within half an octave on average, means within three hundredths."""
    octaves = []
    for seed in (1, 2, 3):
        jobs = simulated("FIFO", seed)
        for found, waits in weeks(jobs, jobs.waiting(4 * WEEK, 300, retention)):
            if found.mean[0] is not None:
                assert float(waits.mean()) == pytest.approx(found.mean[0], rel=0.03, abs=30)
            for quantile in (50, 90, 95):
                point = found.quantiles[quantile][0]
                if point is not None:
                    octaves.append(abs(math.log2(max(point, 150) / max(true_quantile(waits, quantile), 150))))
    assert 30 <= len(octaves)
    assert 0.5 > np.mean(octaves)


@pytest.mark.parametrize("discipline", ["FIFO", "LIFO"])
@pytest.mark.parametrize("seed", [1, 2])
def test_with_nothing_kept_a_model_finds_those_unseen(discipline: str, seed: int) -> None:
    """At a poll a minute arrivals are within a twentieth of the truth, whatever the order."""
    jobs = simulated(discipline, seed)
    waiting = jobs.waiting(4 * WEEK, 60, 0)
    for found, waits in weeks(jobs, waiting):
        assert found.arrivals is not None
        assert 0.95 * len(waits) <= found.arrivals <= 1.05 * len(waits)
