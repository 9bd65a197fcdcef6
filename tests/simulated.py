"""Pools of which all is known: jobs with sizes, priorities and run times, and a scheduler of its own that runs them.

It knows nothing of the project's code. What it says of another capacity, on the same jobs, is the truth of a what-if.
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
"""Sizes of jobs in servers, and how common each is."""


@dataclass(frozen=True)
class Scenario:
    """A pool and its work."""

    servers: int
    load: float
    """Of the servers, on average, offered."""
    spread: float
    """The standard deviation of run times over their mean."""
    mean: float
    """Run time, in seconds."""
    days: int
    sizes: str = "one"
    backfill: bool = False
    """Whether a job that fits passes one that does not."""
    rhythm: bool = False
    """Whether more jobs come by day and on weekdays."""
    priorities: bool = False
    """Whether one job in five goes before the others."""
    factor: float = 1.25
    """The capacity to ask for, over that of the record."""

    @property
    def other(self) -> int:
        """The servers to ask for: at least as many as the largest job takes."""
        return max(round(self.servers * self.factor), SIZES[self.sizes][0][-1])


def scenario(seed: int) -> Scenario:
    """Return one of endlessly many scenarios: load 0.5 to 1.1, spread 1 to 4, 0.8 to 1.5 of the capacity."""
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
    """0 goes before 1."""


def work_of(of: Scenario, seed: int) -> Work:
    """Draw the jobs of a scenario: Poisson arrivals, run times that are lognormal."""
    random = np.random.default_rng(seed)
    widths, shares = (np.array(each) for each in SIZES[of.sizes])
    rate = of.load * of.servers / (float(widths @ shares) * of.mean)
    until = of.days * DAY
    came = np.sort(random.uniform(0, until, random.poisson(rate * until * (2.2 if of.rhythm else 1))))
    if of.rhythm:
        hour, day = came / HOUR % 24, came // DAY % 7
        usual = (1 + 0.8 * np.sin((hour - 9) / 12 * np.pi)) * np.where(day >= 5, 0.5, 1.2)
        came = came[random.uniform(0, 2.2, len(came)) < usual]
    n = len(came)
    sigma = np.sqrt(np.log1p(of.spread**2))
    run = np.clip(np.exp(random.normal(-(sigma**2) / 2, sigma, n)) * of.mean, 1.0, 14 * DAY)
    urgent = (random.random(n) < 0.8).astype(np.int64) if of.priorities else np.zeros(n, np.int64)
    return Work(came, random.choice(widths, n, p=shares).astype(np.int64), run, urgent)


def starts_of(work: Work, servers: int, *, backfill: bool) -> Floats:
    """Return when each job starts: by priority, then arrival; past one that does not fit only with backfill."""
    return _starts(work.came, work.size, work.run, work.urgent, servers, backfill)


def fifo(came: Floats, run: Floats, servers: int) -> Floats:
    """Return when each of some jobs of one server starts, the oldest first; times in seconds."""
    nothing = np.zeros(len(came), np.int64)
    return starts_of(Work(came, nothing + 1, run, nothing), servers, backfill=False)


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
    """Return mean and 9-of-10 wait with so many servers, in seconds."""
    waited = np.sort(starts_of(work, servers, backfill=backfill) - work.came)
    return np.array([waited.mean(), waited[int(np.ceil(0.9 * len(waited))) - 1]])
