"""Simulated pools: jobs with known sizes, priorities and run times, and a scheduler that runs them.

It uses none of the project's code. Its waits of the same jobs with another capacity are the truth of a what-if.
"""

import heapq
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

DAY = 86_400.0
HOUR = 3_600.0
STEP = 300
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SIZES = {
    "one": ((1,), (1.0,)),
    "two": ((1, 2), (0.7, 0.3)),
    "odd": ((1, 3, 5), (0.5, 0.3, 0.2)),
    "four": ((1, 2, 4, 8), (0.5, 0.25, 0.15, 0.1)),
}
"""Sizes of jobs in servers, and the share of each."""


@dataclass(frozen=True)
class Scenario:
    """A pool and its jobs."""

    servers: int
    load: float
    """The mean offered load, over the number of servers."""
    spread: float
    """The standard deviation of run times over their mean."""
    mean: float
    """The mean run time, in seconds."""
    days: int
    sizes: str = "one"
    backfill: bool = False
    """Whether a job that fits may start before an earlier one that does not."""
    rhythm: bool = False
    """Whether more jobs arrive by day and on weekdays."""
    priorities: bool = False
    """Whether one job in five is served before the others."""
    factor: float = 1.25
    """The capacity of the what-if, over that of the record."""

    @property
    def other(self) -> int:
        """The servers of the what-if: at least as many as the largest job needs."""
        return max(round(self.servers * self.factor), SIZES[self.sizes][0][-1])


def scenario(seed: int) -> Scenario:
    """Draw a scenario by a seed: load 0.5 to 1.1, spread 1 to 4, factor 0.8 to 1.5."""
    random = np.random.default_rng(seed)
    sizes = list(SIZES)[random.integers(len(SIZES))]
    return Scenario(
        load=random.uniform(0.5, 1.1),
        spread=random.uniform(1, 4),
        rhythm=bool(random.integers(2)),
        backfill=bool(random.integers(2)),
        sizes=sizes,
        priorities=bool(random.integers(2)),
        servers=int(random.choice([8, 16, 32, 64] if sizes in ("one", "two") else [16, 32, 64])),
        days=int(random.choice([28, 60])),
        mean=float(random.choice([0.5, 2, 6])) * HOUR,
        factor=random.uniform(0.8, 1.5),
    )


@dataclass(frozen=True)
class Work:
    """Jobs in the order of their arrival; times in seconds."""

    came: Floats
    size: Ints
    run: Floats
    urgent: Ints
    """0 is served before 1."""


def work_of(pool: Scenario, seed: int) -> Work:
    """Draw the jobs of a scenario: Poisson arrivals, lognormal run times."""
    random = np.random.default_rng(seed)
    widths, shares = (np.array(values) for values in SIZES[pool.sizes])
    rate = pool.load * pool.servers / (float(widths @ shares) * pool.mean)
    until = pool.days * DAY
    arrivals = np.sort(random.uniform(0, until, random.poisson(rate * until * (2.2 if pool.rhythm else 1))))
    if pool.rhythm:
        hour, day = arrivals / HOUR % 24, arrivals // DAY % 7
        usual = (1 + 0.8 * np.sin((hour - 9) / 12 * np.pi)) * np.where(day >= 5, 0.5, 1.2)
        arrivals = arrivals[random.uniform(0, 2.2, len(arrivals)) < usual]
    n = len(arrivals)
    sigma = np.sqrt(np.log1p(pool.spread**2))
    run = np.clip(np.exp(random.normal(-(sigma**2) / 2, sigma, n)) * pool.mean, 1.0, 14 * DAY)
    urgent = (random.random(n) < 0.8).astype(np.int64) if pool.priorities else np.zeros(n, np.int64)
    return Work(arrivals, random.choice(widths, n, p=shares).astype(np.int64), run, urgent)


def starts_of(work: Work, servers: int, *, backfill: bool) -> Floats:
    """Return the start of each job, in order of priority, then arrival; with backfill, before one that does not fit."""
    return _starts(work.came, work.size, work.run, work.urgent, servers, backfill)


def fifo(came: Floats, run: Floats, servers: int) -> Floats:
    """Return the starts of one-server jobs under FIFO; times in seconds."""
    zeros = np.zeros(len(came), np.int64)
    return starts_of(Work(came, zeros + 1, run, zeros), servers, backfill=False)


@numba.njit(cache=True)
def _starts(came: Floats, size: Ints, run: Floats, urgent: Ints, servers: int, backfill: bool) -> Floats:
    n = len(came)
    starts = np.full(n, np.inf)
    running = [(0.0, 0)]
    running.pop()
    queue, queued = np.empty(n, np.int64), 0
    free, arrival = servers, 0
    while arrival < n or queued > 0:
        now = came[arrival] if arrival < n else np.inf
        if len(running) > 0:
            now = min(now, running[0][0])
        if now == np.inf:
            break
        while len(running) > 0 and running[0][0] <= now:
            free += size[heapq.heappop(running)[1]]
        while arrival < n and came[arrival] <= now:
            place = queued
            while place > 0 and urgent[queue[place - 1]] > urgent[arrival]:
                queue[place] = queue[place - 1]
                place -= 1
            queue[place] = arrival
            queued += 1
            arrival += 1
        left, stopped = 0, False
        for place in range(queued):
            job = queue[place]
            if not stopped and size[job] <= free:
                free -= size[job]
                starts[job] = now
                heapq.heappush(running, (now + run[job], job))
            else:
                stopped = stopped or not backfill or free == 0
                queue[left] = job
                left += 1
        queued = left
    return starts


def wait_of(work: Work, servers: int, *, backfill: bool) -> Floats:
    """Return the mean and P90 wait with a number of servers, in seconds."""
    waited = np.sort(starts_of(work, servers, backfill=backfill) - work.came)
    return np.array([waited.mean(), waited[int(np.ceil(0.9 * len(waited))) - 1]])
