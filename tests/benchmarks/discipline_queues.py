"""Simulated queues of every service discipline, for tests/benchmarks/disciplines.py: a function draws each kind."""

import heapq
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

import numba
import numpy as np

from tests.schedulers import PASSING, Stays, stays_of
from tests.simulated import DAY, HOUR, SIZES, Floats, Ints, Scenario, Work, work_of

NEVER: Final = 1e12
"""Seconds: after the end of every record."""


class Queue(NamedTuple):
    """The jobs of one pool, times in seconds from the start of its record, and the record's length in days."""

    came: Floats
    left: Floats
    ended: Floats
    days: int


Draw = Callable[[np.random.Generator], Queue]


def _pool(random: np.random.Generator, sizes: str) -> tuple[Scenario, Work]:
    """Draw a pool and its jobs; in three of ten pools users send some jobs many at a time."""
    pool = Scenario(
        servers=int(random.choice([8, 16, 32, 64] if sizes in ("one", "two") else [16, 32, 64])),
        load=random.uniform(0.45, 1.05),
        spread=random.uniform(1, 4),
        mean=float(np.exp(random.uniform(np.log(0.2), np.log(6)))) * HOUR,
        days=int(random.choice([15, 29])),
        sizes=sizes,
        rhythm=bool(random.integers(2)),
    )
    work = work_of(pool, int(random.integers(2**32)))
    return pool, _in_arrays(random, work) if random.random() < 0.3 else work


def _in_arrays(random: np.random.Generator, work: Work) -> Work:
    """Return as many jobs; of one in ten there are several at the same time, of about the same run time."""
    n = len(work.came)
    copies = np.where(random.random(n) < 0.1, random.geometric(1 / random.choice([5, 10, 30]), n), 1)
    kept = np.sort(random.permutation(n)[: max(int(n / copies.mean()), 1)])
    chosen = np.repeat(kept, copies[kept])
    run = np.maximum(work.run[chosen] * random.uniform(0.8, 1.2, len(chosen)), 1.0)
    return Work(work.came[chosen], work.size[chosen], run, work.urgent[chosen])


def _sizes(random: np.random.Generator) -> str:
    return str(random.choice([name for name in SIZES if name != "one"]))


def _queue(stays: Stays, pool: Scenario) -> Queue:
    return Queue(stays.came, stays.left, stays.ended, pool.days)


def _ordered(order: Callable[[np.random.Generator, Work], Ints], random: np.random.Generator, *, one: bool) -> Queue:
    """Serve jobs by an order; where jobs have several sizes, one that fits passes one that does not."""
    pool, work = _pool(random, "one" if one else _sizes(random))
    ordered = replace(work, urgent=order(random, work))
    return _queue(stays_of(ordered, pool.servers, passing="none" if one else "any"), pool)


def _urgent(random: np.random.Generator, work: Work) -> Ints:
    return (random.random(len(work.came)) < random.uniform(0.5, 0.95)).astype(np.int64)


def _at_random(random: np.random.Generator, work: Work) -> Ints:
    return random.permutation(len(work.came)).astype(np.int64)


def _newest(random: np.random.Generator, work: Work) -> Ints:  # noqa: ARG001 - as `_ordered` calls it
    return np.arange(len(work.came), 0, -1)


def _shortest(random: np.random.Generator, work: Work) -> Ints:  # noqa: ARG001 - as `_ordered` calls it
    return np.argsort(np.argsort(work.run)).astype(np.int64)


def _smallest(random: np.random.Generator, work: Work) -> Ints:  # noqa: ARG001 - as `_ordered` calls it
    return work.size


def _backfill(random: np.random.Generator, passing: str) -> Queue:
    """Serve jobs of several sizes in order of arrival; others may pass a job that does not fit."""
    pool, work = _pool(random, _sizes(random))
    estimate = work.run * random.choice([1.0, 2.0, 5.0], len(work.run))
    return _queue(stays_of(work, pool.servers, passing=passing, estimate=estimate), pool)


def _first_in_first_out(random: np.random.Generator, *, one: bool) -> Queue:
    pool, work = _pool(random, "one" if one else _sizes(random))
    return _queue(stays_of(work, pool.servers), pool)


def _larger_later(random: np.random.Generator) -> Queue:
    """Serve jobs of one size in order of arrival; in the middle of the record servers and arrivals double."""
    pool, work = _pool(random, "one")
    half = pool.days * DAY / 2
    later = work.came > half
    arrivals = np.concatenate([work.came, work.came[later] + random.uniform(0, 60, int(later.sum()))])
    order = np.argsort(arrivals, kind="stable")
    jobs = (np.concatenate([column, column[later]])[order] for column in (work.size, work.run, work.urgent))
    stays = stays_of(Work(arrivals[order], *jobs), pool.servers, capacity=[(half, 2 * pool.servers)])
    return _queue(stays, pool)


def _shorter_by_day(random: np.random.Generator) -> Queue:
    """Serve jobs of one size in order of arrival; by day more jobs arrive, and they are shorter."""
    pool, work = _pool(random, "one")
    by_day = 1 + 0.7 * np.sin(2 * np.pi * work.came / DAY)
    return _queue(stays_of(replace(work, run=work.run / by_day), pool.servers), pool)


def _give_ups(random: np.random.Generator) -> Queue:
    pool, work = _pool(random, _sizes(random))
    patience = random.exponential(float(np.exp(random.uniform(np.log(0.5), np.log(12)))) * HOUR, len(work.came))
    return _queue(stays_of(work, pool.servers, passing=str(random.choice(PASSING)), patience=patience), pool)


def _held(random: np.random.Generator, *, limited: bool, holds: bool) -> Queue:
    """Limit the servers of each user, or hold some jobs back for hours or days."""
    pool, work = _pool(random, str(random.choice(list(SIZES))))
    n = len(work.came)
    users = int(random.choice([5, 10, 30]))
    weights = 1 / np.arange(1, users + 1) ** random.uniform(0.5, 1.5)
    # The jobs of an array are of one user.
    _, array = np.unique(work.came, return_inverse=True)
    user = random.choice(users, n, p=weights / weights.sum())[array]
    limit = max(int(pool.servers * random.choice([0.15, 0.25, 0.5])), 1) if limited else pool.servers
    ready = work.came.copy()
    if holds:
        held = random.random(n) < random.choice([0.005, 0.02, 0.05, 0.1])
        ready[held] += random.lognormal(0, 1.5, held.sum()) * random.choice([4, 12, 48]) * HOUR
    started = _starts(work.came, work.size, work.run, user, ready, pool.servers, limit, bool(random.random() < 0.7))
    return Queue(work.came, started, np.minimum(started + work.run, NEVER), pool.days)


@numba.njit(cache=True)
def _starts(
    came: Floats, size: Ints, run: Floats, user: Ints, ready: Floats, servers: int, limit: int, passing: bool
) -> Floats:
    """Return starts in order of arrival; a job whose user is at the limit, or that is not ready, does not stop others.

    With `passing`, neither does a job that does not fit.
    """
    n = len(came)
    starts, used = np.full(n, NEVER), np.zeros(user.max() + 1, np.int64)
    running = [(0.0, 0)]
    running.pop()
    entering, queue = np.argsort(ready), np.empty(n, np.int64)
    queued, free, entered = 0, servers, 0
    while entered < n or queued > 0:
        now = ready[entering[entered]] if entered < n else np.inf
        if len(running) > 0:
            now = min(now, running[0][0])
        if now == np.inf:
            break
        while len(running) > 0 and running[0][0] <= now:
            job = heapq.heappop(running)[1]
            free += size[job]
            used[user[job]] -= size[job]
        while entered < n and ready[entering[entered]] <= now:
            job, place = entering[entered], queued
            while place > 0 and came[queue[place - 1]] > came[job]:
                queue[place] = queue[place - 1]
                place -= 1
            queue[place] = job
            queued += 1
            entered += 1
        left, stopped = 0, False
        for place in range(queued):
            job = queue[place]
            allowed = used[user[job]] == 0 or used[user[job]] + size[job] <= limit
            if allowed and not stopped and size[job] <= free:
                free -= size[job]
                used[user[job]] += size[job]
                starts[job] = now
                heapq.heappush(running, (now + run[job], job))
                continue
            stopped = stopped or free == 0 or (allowed and not passing)
            queue[left] = job
            left += 1
        queued = left
    return starts


BLIND: Final[dict[str, Draw]] = {
    "FIFO": partial(_first_in_first_out, one=True),
    "FIFO, sizes": partial(_first_in_first_out, one=False),
    "FIFO, larger later": _larger_later,
    "FIFO, shorter by day": _shorter_by_day,
    "priorities": partial(_ordered, _urgent, one=True),
    "random": partial(_ordered, _at_random, one=True),
    "LIFO": partial(_ordered, _newest, one=True),
}
"""Queues in which no job starts at once while others wait: the counts cannot show their discipline."""
SHOWN: Final[dict[str, Draw]] = {
    "backfill": partial(_backfill, passing="any"),
    "EASY": partial(_backfill, passing="easy"),
    "priorities, sizes": partial(_ordered, _urgent, one=False),
    "random, sizes": partial(_ordered, _at_random, one=False),
    "LIFO, sizes": partial(_ordered, _newest, one=False),
    "shortest": partial(_ordered, _shortest, one=False),
    "smallest": partial(_ordered, _smallest, one=False),
    "give-ups": _give_ups,
    "limits": partial(_held, limited=True, holds=False),
    "holds": partial(_held, limited=False, holds=True),
    "both": partial(_held, limited=True, holds=True),
}
KINDS: Final = {**BLIND, **SHOWN}


def queue_of(kind: str, seed: int) -> tuple[Queue, int]:
    """Draw a queue of a kind by a seed, and the seconds between polls."""
    random = np.random.default_rng([seed, list(KINDS).index(kind)])
    return KINDS[kind](random), int(random.choice([60, 300, 900]))
