"""Jobs rebuilt from the counts of a pool: when each job arrived, and how long it ran.

Counts show how many jobs started and ended between two slots, but not which jobs. Every pairing of starts with ends
agrees with the observed queue and with the total run time; pairings differ in the spread of run times. So jobs are
rebuilt several times, each time with another pairing.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.calendar import HOUR
from analysis.capacity.occupancy import Occupancy
from analysis.compiled import compiled

SHIFT: Final = float(HOUR)
"""An added job arrives at most this many seconds before or after the job that it copies."""
NEAR: Final = 50
"""An added job has the run time of a job that is at most this many jobs before or after the job that it copies. Neither
this nor `SHIFT` was measured: near enough to keep the pattern of the day, and far enough not to double each burst."""
NOT_STARTED: Final = -0.5
"""The run time of a job that has not started; of one that has not ended it is -1 or less, see `_rebuild`."""
TRIES: Final = 100
"""The number of random draws to find a job that has not given up, before the oldest such job is taken: if half of the
jobs have given up, all draws fail once in 1e30 times."""


class Pairing(NamedTuple):
    """Which of the running jobs ends."""

    oldest: float
    newest: float
    """The shares of ends at which the job ends that started first, or last; at the other ends it is a random job."""


PAIRINGS: Final = {"oldest": Pairing(1.0, 0.0), "any": Pairing(0.0, 0.0), "newest": Pairing(0.0, 0.5)}
"""Run times spread least if the oldest job ends: all are then similar. If a random job ends, run times are about
exponential."""


class Counts(NamedTuple):
    """The counts from which jobs are rebuilt; n slots bound n - 1 intervals."""

    slots: Ints
    arrivals: Ints
    starts: Ints
    give_ups: Ints
    ends: Ints
    """n - 1 of each."""
    present: tuple[int, int]
    """Jobs that run, and jobs that wait, at the first slot."""


class Rebuilt(NamedTuple):
    """The jobs of some counts, in the order of their arrival; times in seconds."""

    arrivals: Floats
    runs: Floats
    """The run time of each job; minus its run time so far if it had not ended; `NOT_STARTED` if it had not started."""
    waits: Floats
    """The wait of each job; its wait so far if it still waits."""
    gave_up: Bools


@dataclass(frozen=True)
class Jobs:
    """The jobs of a pool, in the order of their arrival; times in seconds."""

    arrivals: Floats
    """The arrival of each job; jobs that were present at the first slot arrived at it."""
    runs: Floats
    """The run time of each job."""
    running: int
    """The number of jobs that run at the first slot; they come first."""
    waiting: int
    """The number of jobs that wait at the first slot; they come next."""
    patience: Floats
    """The wait after which each job gives up; infinite where no job gives up."""

    @property
    def new(self) -> int:
        """The number of jobs that arrived after the first slot."""
        return len(self.arrivals) - self.running - self.waiting

    @property
    def spread(self) -> float:
        """The standard deviation of run times over their mean; NaN without jobs."""
        return float(self.runs.std() / self.runs.mean()) if len(self.runs) else float("nan")

    def scaled(self, demand: float, seed: int) -> "ScaledJobs":
        """Return `demand` times as many new jobs; the jobs of a lower demand are among those of a higher demand.

        An added job arrives within `SHIFT` of another job, and copies the run time and size of one of the jobs near it.
        """
        present = self.running + self.waiting
        new = np.arange(present, len(self.arrivals))
        copies = np.floor(demand + np.random.default_rng(seed).random(self.new)).astype(np.int64)
        arrivals, originals = [self.arrivals[new[copies > 0]]], [new[copies > 0]]
        for number in range(1, int(copies.max(initial=0))):
            random, copied = np.random.default_rng((seed, number)), copies > number
            shift, away = random.uniform(-SHIFT, SHIFT, self.new), random.integers(-NEAR, NEAR + 1, self.new)
            arrivals.append(np.maximum(self.arrivals[new[copied]] + shift[copied], self.arrivals[0]))
            originals.append(np.clip((new + away)[copied], present, len(self.arrivals) - 1))
        order = np.argsort(np.concatenate(arrivals), kind="stable")
        original = np.concatenate([np.arange(present), np.concatenate(originals)[order]])
        arrival = np.concatenate([self.arrivals[:present], np.concatenate(arrivals)[order]])
        jobs = Jobs(arrival, self.runs[original], self.running, self.waiting, self.patience[original])
        return ScaledJobs(jobs, original)


@dataclass(frozen=True)
class ScaledJobs:
    """The jobs of another demand."""

    jobs: Jobs
    originals: Ints
    """For each job the index of the job that it copies, among the jobs before scaling."""


def rebuild(occupancy: Occupancy, pairing: str, seed: int, *, longest: bool = False) -> Jobs:
    """Rebuild the jobs of a pool.

    Jobs start in the order of their arrival; each event is at a random time in its interval. A job that had not ended,
    or not started, gets the run time of a random job that ended and ran at least as long. A random waiting job gives
    up, or the oldest one with the pairing "oldest"; jobs that started get a patience similar to that of jobs that gave
    up.

    Parameters
    ----------
    pairing
        One of `PAIRINGS`.
    longest
        Whether jobs run for as long as they can have: from the beginning of the interval of their start to the end of
        the interval of their end.
    """
    random = np.random.default_rng(seed)
    counts = Counts(
        occupancy.slots, occupancy.arrivals, occupancy.starts, occupancy.give_ups, occupancy.ends,
        (int(occupancy.busy[0]), int(occupancy.queue[0])),
    )  # fmt: skip
    arrivals, runs, waits, gave_up = _rebuild(counts, PAIRINGS[pairing], random)
    if longest:
        arrivals, runs = _longest(occupancy.slots, arrivals, waits, runs)
    unfinished = runs < 0
    finished = np.sort(runs[~unfinished])
    if len(finished):
        shortest = np.searchsorted(finished, -runs[unfinished])
        shortest = np.minimum(shortest, len(finished) - 1)
        drawn = finished[random.integers(shortest, len(finished))]
        runs[unfinished] = np.maximum(drawn, -runs[unfinished])
    else:
        runs[unfinished] = float(occupancy.slots[-1] - occupancy.slots[0])
    patience = np.full(len(arrivals), np.inf)
    if gave_up.any():
        # All jobs have the same patience, or they are as likely to give up at any age.
        usual = np.maximum(waits, np.median(waits[gave_up]))
        alike = PAIRINGS[pairing].oldest == 1.0
        others = usual if alike else waits + random.exponential(1 / occupancy.give_up_rate, len(arrivals))
        patience = np.where(gave_up, waits, others)
    running, waiting = counts.present
    return Jobs(arrivals, runs, running, waiting, patience)


def _longest(slots: Ints, arrivals: Floats, waits: Floats, runs: Floats) -> tuple[Floats, Floats]:
    """Return arrivals moved to the slot before, and run times from a slot before the start to a slot after the end."""
    starts = arrivals + waits
    before = slots[np.maximum(np.searchsorted(slots, starts, side="right") - 1, 0)]
    ends = slots[np.minimum(np.searchsorted(slots, starts + runs), len(slots) - 1)]
    moved = slots[np.maximum(np.searchsorted(slots, arrivals, side="right") - 1, 0)]
    return moved.astype(float), np.where(runs < 0, runs, (ends - before).astype(float))


@compiled
def _rebuild(counts: Counts, pairing: Pairing, random: np.random.Generator) -> Rebuilt:
    """Return jobs that agree with the counts, in the order of their arrival."""
    slots, (busy, waiting) = counts.slots, counts.present
    n = busy + waiting + counts.arrivals.sum()
    arrivals, starts, runs = np.empty(n), np.full(n, np.inf), np.full(n, NOT_STARTED)
    gave_up = np.zeros(n, np.bool_)
    arrivals[: busy + waiting] = slots[0]
    starts[:busy] = slots[0]
    # Jobs by their start; those in `running` from `head` to `tail` run, in the order of their start.
    order = np.empty(n, np.int64)
    order[:busy] = np.arange(busy)
    running = order.copy()
    head, tail, begun, started = 0, busy, busy, busy
    # The number of jobs that have arrived, and the oldest that may wait.
    arrived, oldest = busy + waiting, busy
    for k in range(len(counts.arrivals)):
        low, high = float(slots[k]), float(slots[k + 1])
        arrivals[arrived : arrived + counts.arrivals[k]] = np.sort(random.uniform(low, high, counts.arrivals[k]))
        arrived += counts.arrivals[k]
        for start in np.sort(random.uniform(low, high, counts.starts[k])):
            while oldest < arrived and gave_up[oldest]:
                oldest += 1
            if oldest == arrived:
                break
            starts[oldest] = max(start, arrivals[oldest])
            order[started] = oldest
            started, oldest = started + 1, oldest + 1
        for departure in random.uniform(low, high, counts.give_ups[k]):
            job = _impatient(oldest, arrived, gave_up, random, pairing.oldest == 1.0)
            if job < arrived:
                gave_up[job] = True
                starts[job] = max(departure, arrivals[job])
        for end in np.sort(random.uniform(low, high, counts.ends[k])):
            while begun < started and (starts[order[begun]] <= end or tail == head):
                running[tail] = order[begun]
                tail, begun = tail + 1, begun + 1
            if tail == head:
                break
            place = _ending(head, tail, pairing, random)
            job = running[place]
            runs[job] = max(end - starts[job], 1.0)
            head, tail = _without(running, place, head, tail)
        while begun < started:
            running[tail] = order[begun]
            tail, begun = tail + 1, begun + 1
    for place in range(head, tail):
        runs[running[place]] = min(starts[running[place]] - float(slots[-1]), -1.0)
    return Rebuilt(arrivals, runs, np.minimum(starts, float(slots[-1])) - arrivals, gave_up)


@compiled
def _impatient(first: int, last: int, gave_up: Bools, random: np.random.Generator, alike: bool) -> int:
    """Return the waiting job that gives up: the oldest if `alike`, else a random one; `last` where no job waits."""
    for _try in range(0 if alike else TRIES):
        if last == first:
            break
        job = first + int(random.random() * (last - first))
        if not gave_up[job]:
            return job
    for job in range(first, last):
        if not gave_up[job]:
            return job
    return last


@compiled
def _ending(head: int, tail: int, pairing: Pairing, random: np.random.Generator) -> int:
    """Return which running job ends next, as an index from `head` to `tail`: the oldest, the newest or any."""
    chance = random.random()
    if chance < pairing.oldest:
        return head
    if chance < pairing.oldest + pairing.newest:
        return tail - 1
    return head + int(random.random() * (tail - head))


@compiled
def _without(running: Ints, place: int, head: int, tail: int) -> tuple[int, int]:
    """Remove a running job and keep the order of the others: the shorter side moves. Return the new head and tail."""
    if place - head < tail - 1 - place:
        for other in range(place, head, -1):
            running[other] = running[other - 1]
        return head + 1, tail
    for other in range(place, tail - 1):
        running[other] = running[other + 1]
    return head, tail - 1
