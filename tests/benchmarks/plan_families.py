"""Families of simulated pools on which plans are tested: each is a function that draws a `Case`.

A wait is the time in the queue until the job starts or gives up; a job that was put back has several waits. The truth
for another capacity is simulated with the same jobs, the same patience and the same estimates. Pools with almost no
wait are drawn again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Final, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from analysis.record.series import Series
from tests.planned import FIRST
from tests.recorded import MONDAY, observed
from tests.schedulers import OUTCOMES, PASSING, Stays, stays_of
from tests.simulated import DAY, HOUR, SIZES, STEP, Floats, Scenario, Work, scenario, work_of

LEAST_WAIT: Final = 10.0
"""Seconds; pools with a shorter mean wait are drawn again."""
LONGEST: Final = 14 * DAY
TYPES: Final = ("notebook", "train")
"""By `Work.urgent`, where a pool has two types."""


@dataclass(frozen=True)
class Case:
    """A pool's record, the capacity to plan for, and the truth."""

    counts: dict[str, Series]
    """By type."""
    nodes: Sequence[tuple[datetime, int]]
    """The nodes that discovery found, with the time of each change; empty if unknown."""
    other: int
    """The number of servers to plan for."""
    days: int
    stays: Stays
    """The true waits, to the last job."""
    scheduled: Callable[[int], Stays]
    """Returns the true waits with another, constant number of servers."""

    def truth(self, servers: int) -> Floats:
        """Return the mean and the P90 wait with `servers` servers, in seconds."""
        return self.scheduled(servers).mean_and_ninth


class Rules(TypedDict, total=False):
    """The service discipline of a pool, see `stays_of`."""

    passing: str
    requeue: str
    patience: Floats
    estimate: Floats


Draw = Callable[[np.random.Generator], Case]


def _pool(random: np.random.Generator, *sizes: str) -> Scenario:
    """Draw a pool whose jobs have one of these `SIZES`; by default of all."""
    widths = str(random.choice(sizes or list(SIZES)))
    return Scenario(
        servers=int(random.choice([8, 16, 32, 64] if widths in ("one", "two") else [16, 32, 64])),
        load=random.uniform(0.5, 1.1),
        spread=random.uniform(1, 3),
        mean=_between(random, 0.5, 6) * HOUR,
        days=int(random.choice([14, 21, 28, 42])),
        sizes=widths,
        rhythm=bool(random.integers(2)),
    )


def _between(random: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _passing(random: np.random.Generator) -> str:
    return str(random.choice(PASSING[:2]))


def _work(random: np.random.Generator, pool: Scenario) -> Work:
    return work_of(pool, int(random.integers(2**32)))


def _sorted(*works: Work) -> Work:
    """Return all jobs in the order of their arrival."""
    fields = ("came", "size", "run", "urgent")
    together = Work(*(np.concatenate([getattr(work, name) for work in works]) for name in fields))
    order = np.argsort(together.came, kind="stable")
    return Work(*(getattr(together, name)[order] for name in fields))


def _other(random: np.random.Generator, servers: int, least: int) -> int:
    """Draw another number of servers, from 0.75 to 1.5 times today's; the largest job must fit."""
    numbers = np.arange(max(int(np.ceil(0.75 * servers)), least), int(1.5 * servers) + 1)
    numbers = numbers[numbers != servers]
    return int(random.choice(numbers)) if len(numbers) else servers + 1


def _case(
    random: np.random.Generator,
    pool: Scenario,
    work: Work,
    *,
    changes: Sequence[tuple[float, int]] = (),
    two_types: bool = False,
    **rules: Unpack[Rules],
) -> Case:
    scheduled = partial(stays_of, work, **rules)
    stays = stays_of(work, pool.servers, capacity=changes, **rules)
    slots = MONDAY + np.arange(0, pool.days * int(DAY) + 1, STEP)
    outcomes = np.array(OUTCOMES)[stays.outcome]

    def counts(of_type: NDArray[np.bool_]) -> Series:
        arrived, left, ended = (MONDAY + times[of_type] for times in (stays.came, stays.left, stays.ended))
        return observed(slots, arrived, left, ended, outcomes[of_type].tolist())

    urgent = work.urgent[stays.job]
    types = {name: urgent == number for number, name in enumerate(TYPES)} if two_types else {"train": urgent >= 0}
    nodes = [(FIRST, pool.servers), *((_instant(start), servers) for start, servers in changes)]
    other = _other(random, pool.servers, int(work.size.max()))
    series = {name: counts(of_type) for name, of_type in types.items()}
    return Case(series, nodes, other, pool.days, stays, scheduled)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(MONDAY + seconds, UTC).replace(tzinfo=None)


def give_ups(random: np.random.Generator) -> Case:
    """Draw jobs that give up, with exponential, lognormal or constant patience."""
    pool = _pool(random)
    work = _work(random, pool)
    n, mean = len(work.came), _between(random, 0.25, 4) * HOUR
    kinds = random.exponential(1, n), np.exp(random.normal(-0.5, 1, n)), np.ones(n)
    return _case(random, pool, work, patience=mean * kinds[random.integers(3)], passing=_passing(random))


def short_jobs(random: np.random.Generator) -> Case:
    """Draw bursts of jobs that are shorter than the poll interval.

    "few": on few servers. "mixed": with longer jobs on more servers. "unseen": right after a poll, on enough servers
    that most jobs end before the next poll, and with unknown nodes; the plan is for one, two or four concurrent jobs.
    """
    kind = random.choice(["few", "mixed", "unseen"], p=[0.5, 0.3, 0.2])
    pool = replace(_pool(random, "one"), rhythm=False)
    if kind == "few":
        pool = replace(pool, servers=int(random.integers(1, 5)))
    daily = int(random.integers(1, 5)) if kind != "unseen" else 1
    hours = random.choice(24, daily, replace=False)
    delay = random.uniform(0, 30 if kind == "unseen" else HOUR, (pool.days, daily))
    bursts = ((np.arange(pool.days)[:, None] * 24 + hours) * HOUR + delay).ravel()
    # The largest burst has up to three times the jobs of the smallest.
    jobs = np.rint(random.integers(50, 301) * random.uniform(0.5, 1.5, len(bursts))).astype(int)
    arrivals = np.sort(np.repeat(bursts, jobs) + random.uniform(0, 5, jobs.sum()))
    run = random.uniform(20, 120) * random.uniform(0.8, 1.25, len(arrivals))
    if kind == "unseen":
        pool = replace(pool, servers=int(np.ceil(jobs.max() * run.mean() / random.uniform(150, 400))))
    work = Work(arrivals, np.ones(len(arrivals), np.int64), run, np.zeros(len(arrivals), np.int64))
    if kind == "mixed":
        work = _sorted(work, _work(random, replace(pool, load=pool.load * 0.8)))
    case = _case(random, pool, work)
    return replace(case, nodes=(), other=int(random.choice([1, 2, 4]))) if kind == "unseen" else case


def _two_types(random: np.random.Generator) -> tuple[Scenario, Work]:
    """Draw large or small jobs, and urgent jobs, which are mostly shorter."""
    pool, share = _pool(random, "one", "two", "four"), random.uniform(0.1, 0.5)
    urgent = replace(
        pool,
        load=pool.load * share,
        mean=pool.mean * random.uniform(0.2, 1),
        sizes=str(random.choice(["one", "two"])),
        rhythm=True,
    )
    usual = _work(random, replace(pool, load=pool.load * (1 - share)))
    if pool.servers >= 16 and random.random() < 1 / 3:
        # Jobs of 8 servers each, with the same load.
        selected = random.random(len(usual.came)) < usual.size.mean() / 8
        usual = Work(usual.came[selected], np.full(selected.sum(), 8), usual.run[selected], usual.urgent[selected])
    usual = replace(usual, urgent=np.ones_like(usual.size))
    return pool, _sorted(_work(random, urgent), usual)


def priority(random: np.random.Generator) -> Case:
    """Draw two types, of which one has priority over the other, without pre-emption."""
    pool, work = _two_types(random)
    return _case(random, pool, work, two_types=True, passing=_passing(random))


def preemption(random: np.random.Generator) -> Case:
    """Draw two types, of which one pre-empts the other, whose jobs later restart or resume."""
    pool, work = _two_types(random)
    requeue = str(random.choice(["restart", "resume"]))
    return _case(random, pool, work, two_types=True, requeue=requeue, passing=_passing(random))


def whole_pool(random: np.random.Generator) -> Case:
    """Draw some jobs as large as the pool; plans are not for less capacity, with which these never run.

    The load is halved, because the pool must drain before each of these jobs.
    """
    pool = _pool(random, "one", "two", "four")
    pool, share = replace(pool, load=pool.load * 0.5), random.uniform(0.1, 0.4)
    usual = _work(random, replace(pool, load=pool.load * (1 - share)))
    mean = pool.mean * random.uniform(0.5, 2)
    # As many jobs as a single server would serve with this load.
    whole = _work(random, replace(pool, servers=1, load=pool.load * share, mean=mean, sizes="one"))
    whole = replace(whole, size=np.full(len(whole.came), pool.servers))
    return _case(random, pool, _sorted(usual, whole), passing=_passing(random))


def arrays(random: np.random.Generator) -> Case:
    """Draw arrays of 50 jobs with about the same run time."""
    pool = _pool(random, "one", "two")
    work = _work(random, pool)
    first_jobs = np.flatnonzero(random.random(len(work.came)) < 1 / 50)
    jobs = np.repeat(first_jobs, 50)
    run = np.clip(work.run[jobs] * np.exp(random.normal(0, 0.2, len(jobs))), 1.0, LONGEST)
    return _case(random, pool, Work(work.came[jobs], work.size[jobs], run, work.urgent[jobs]))


def easy(random: np.random.Generator) -> Case:
    """Draw jobs with estimates of their run times, by which some overtake the first of the queue (EASY backfill)."""
    pool = _pool(random, "two", "odd", "four")
    work = _work(random, pool)
    factor = 1 + random.exponential(random.uniform(0.2, 3), len(work.came))
    return _case(random, pool, work, estimate=work.run * factor, passing="easy")


def smallest_first(random: np.random.Generator) -> Case:
    """Draw a pool in which smaller jobs have priority over larger ones."""
    pool = _pool(random, "two", "odd", "four")
    work = _work(random, pool)
    return _case(random, pool, replace(work, urgent=work.size))


def day_only(random: np.random.Generator) -> Case:
    """Draw jobs that all arrive between 9 and 17 o'clock."""
    pool = replace(_pool(random), rhythm=False)
    work = _work(random, pool)
    arrivals = work.came // DAY * DAY + 9 * HOUR + work.came % DAY / 3
    return _case(random, pool, replace(work, came=arrivals), passing=_passing(random))


def growth(random: np.random.Generator) -> Case:
    """Draw a load that grows to 1.5 to 3 times its first value; `load` is its mean."""
    pool = replace(_pool(random), rhythm=False)
    work, growth_factor = _work(random, pool), random.uniform(0.5, 2)
    # The share of arrivals until t in [0, 1], with g the growth: (t + g t**2 / 2) / (1 + g / 2).
    share = work.came / (pool.days * DAY)
    arrivals = np.sqrt(1 + 2 * growth_factor * (1 + growth_factor / 2) * share) - 1
    arrivals = arrivals / growth_factor * pool.days * DAY
    return _case(random, pool, replace(work, came=arrivals), passing=_passing(random))


def node_loss(random: np.random.Generator) -> Case:
    """Draw one or two periods without some of the nodes, whose jobs end normally or are put back into the queue."""
    pool = _pool(random)
    work = _work(random, pool)
    most = pool.servers - int(work.size.max())
    changes = []
    for period in range(periods := int(random.integers(1, 3))):
        start, end = np.sort(random.uniform(0.1, 0.9, 2) + period) / periods * pool.days * DAY
        end = min(end, start + random.uniform(0.5, 5) * DAY)
        lost = min(max(round(pool.servers * random.uniform(0.2, 0.6)), 1), most)
        changes += [(start // STEP * STEP, pool.servers - lost), (end // STEP * STEP + STEP, pool.servers)]
    # No job is urgent, so each may be put back.
    work = replace(work, urgent=np.ones_like(work.size))
    requeue = str(random.choice(["never", "restart"]))
    return _case(random, pool, work, changes=changes, requeue=requeue, passing=_passing(random))


def one_user(random: np.random.Generator) -> Case:
    """Draw a user who submits a third to two thirds of the load in bursts, and others who submit steadily."""
    pool = _pool(random)
    share = random.uniform(1 / 3, 2 / 3)
    others = _work(random, replace(pool, load=pool.load * (1 - share)))
    user = _work(random, replace(pool, load=pool.load * share, sizes="one", mean=pool.mean * random.uniform(0.2, 1)))
    burst = int(random.integers(30, 200))
    arrivals = np.repeat(user.came[::burst], burst)[: len(user.came)]
    return _case(random, pool, _sorted(others, replace(user, came=arrivals)), passing=_passing(random))


def pareto(random: np.random.Generator) -> Case:
    """Draw Pareto run times with an exponent from 1.1 to 2, cut at 14 days."""
    pool = _pool(random)
    work = _work(random, pool)
    run = (1 - random.random(len(work.came))) ** (-1 / random.uniform(1.1, 2))
    for _ in range(20):
        run *= pool.mean / np.minimum(run, LONGEST).mean()
    return _case(random, pool, replace(work, run=np.clip(run, 1.0, LONGEST)), passing=_passing(random))


FAMILIES: Final[dict[str, Draw]] = {
    "give-ups": give_ups,
    "short-jobs": short_jobs,
    "priority": priority,
    "pre-emption": preemption,
    "whole-pool": whole_pool,
    "arrays": arrays,
    "easy": easy,
    "smallest-first": smallest_first,
    "day-only": day_only,
    "growth": growth,
    "node-loss": node_loss,
    "one-user": one_user,
    "pareto": pareto,
}


def case_of(family: str, seed: int) -> Case:
    """Return a case of a family, the same for the same seed."""
    for attempt in count():
        case = FAMILIES[family](np.random.default_rng([seed, list(FAMILIES).index(family), attempt]))
        if case.stays.waits.mean() >= LEAST_WAIT:
            return case
    raise AssertionError


def usual(seed: int) -> Case:
    """Return the case of `scenario`, which is of no family."""
    pool = scenario(seed)
    case = _case(np.random.default_rng(seed), pool, work_of(pool, seed), passing="any" if pool.backfill else "none")
    return replace(case, other=pool.other)
