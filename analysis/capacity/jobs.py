"""Jobs rebuilt from the counts of a pool: when each came, and how long it ran.

Counts tell how many started and ended between two slots, not which. Every pairing of starts with ends leaves the work
that was done, and the queue, as they were seen; the pairings differ in how much run times spread. So a rebuilding
assumes one, and is made with several.
"""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from analysis.arrays import Floats, Ints
from analysis.capacity.occupancy import Counted

HOUR: Final = 3600.0
# Among so many jobs before and after it a job that is added finds its run time.
NEAR: Final = 50
NOT_STARTED: Final = -0.5
PAIRINGS: Final = {"oldest": (1.0, 0.0), "any": (0.0, 0.0), "newest": (0.0, 0.5)}
"""Which of the running jobs ends: the shares of ends that are of the oldest and of the newest; the others are of any.
The oldest spread least: all run alike. Where any ends, run times are as if no job remembered how long it ran."""


@dataclass(frozen=True)
class Jobs:
    """The jobs of a pool, in the order of their arrival."""

    came: Floats
    """In seconds. Who was there as the record begins came with it."""
    ran: Floats
    """For so many seconds."""
    running: int
    """The first so many run as the record begins,"""
    waiting: int
    """and so many wait."""

    @property
    def count(self) -> int:
        """How many came."""
        return len(self.came) - self.running - self.waiting

    @property
    def spread(self) -> float:
        """The standard deviation of run times over their mean; NaN of none."""
        return float(self.ran.std() / self.ran.mean()) if len(self.ran) else float("nan")

    def scaled(self, demand: float, seed: int) -> "Scaled":
        """Return as many more, or fewer, as `demand` says; those of less demand are among those of more.

        Who is added comes within the hour of another, and is like one of those around it.
        """
        there = self.running + self.waiting
        own = np.arange(there, len(self.came))
        copies = np.floor(demand + np.random.default_rng(seed).random(self.count)).astype(np.int64)
        came, like = [self.came[own[copies > 0]]], [own[copies > 0]]
        for more in range(1, int(copies.max(initial=0))):
            random, some = np.random.default_rng((seed, more)), copies > more
            shift, away = random.uniform(-HOUR, HOUR, self.count), random.integers(-NEAR, NEAR + 1, self.count)
            came.append(np.maximum(self.came[own[some]] + shift[some], self.came[0]))
            like.append(np.clip((own + away)[some], there, len(self.came) - 1))
        order = np.argsort(np.concatenate(came), kind="stable")
        of = np.concatenate([np.arange(there), np.concatenate(like)[order]])
        at = np.concatenate([self.came[:there], np.concatenate(came)[order]])
        return Scaled(Jobs(at, self.ran[of], self.running, self.waiting), of)


@dataclass(frozen=True)
class Scaled:
    """Jobs of another demand."""

    jobs: Jobs
    like: Ints
    """Of each the job of the other demand that it is like."""


def rebuild(seen: Counted, pairing: str, seed: int) -> Jobs:
    """Rebuild the jobs of a pool.

    Jobs start in the order in which they came; each event is anywhere in its interval. Who had not ended, or not
    started, runs as long as some job that did and that ran at least so long.

    Parameters
    ----------
    pairing
        One of `PAIRINGS`.
    """
    oldest, newest = PAIRINGS[pairing]
    random = np.random.default_rng(seed)
    there = int(seen.queue[0]), int(seen.busy[0])
    came, ran = _rebuild(seen.slots, seen.arrivals, seen.starts, seen.ends, *there, oldest, newest, random)
    open_ = ran < 0
    ended = np.sort(ran[~open_])
    if len(ended):
        # Negative: for how long it has run so far.
        least = np.searchsorted(ended, -ran[open_])
        least = np.minimum(least, len(ended) - 1)
        chosen = ended[random.integers(least, len(ended))]
        ran[open_] = np.maximum(chosen, -ran[open_])
    else:
        ran[open_] = float(seen.slots[-1] - seen.slots[0])
    return Jobs(came, ran, int(seen.busy[0]), int(seen.queue[0]))


@numba.njit(cache=True, nogil=True)
def _rebuild(
    slots: Ints,
    arrivals: Ints,
    starts: Ints,
    ends: Ints,
    waiting: int,
    busy: int,
    oldest: float,
    newest: float,
    random: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Return when each job came and for how long it ran; minus how long so far where it had not ended."""
    n = busy + waiting + arrivals.sum()
    came, started, ran = np.empty(n), np.full(n, np.inf), np.full(n, NOT_STARTED)
    came[: busy + waiting] = slots[0]
    started[:busy] = slots[0]
    # Who runs, by start: those from `head` to `tail`.
    running = np.empty(n, np.int64)
    running[:busy] = np.arange(busy)
    head, tail = 0, busy
    arrived, begun = busy + waiting, busy
    for k in range(len(arrivals)):
        low, high = float(slots[k]), float(slots[k + 1])
        came[arrived : arrived + arrivals[k]] = np.sort(random.uniform(low, high, arrivals[k]))
        arrived += arrivals[k]
        until = begun + starts[k]
        started[begun:until] = np.maximum(np.sort(random.uniform(low, high, starts[k])), came[begun:until])
        for end in np.sort(random.uniform(low, high, ends[k])):
            while begun < until and (started[begun] <= end or tail == head):
                running[tail] = begun
                tail, begun = tail + 1, begun + 1
            if tail == head:
                break
            place = _ending(head, tail, oldest, newest, random)
            job = running[place]
            ran[job] = max(end - started[job], 1.0)
            head, tail = _closed(running, place, head, tail)
        while begun < until:
            running[tail] = begun
            tail, begun = tail + 1, begun + 1
    for place in range(head, tail):
        ran[running[place]] = min(started[running[place]] - float(slots[-1]), -1.0)
    return came, ran


@numba.njit(cache=True, nogil=True)
def _ending(head: int, tail: int, oldest: float, newest: float, random: np.random.Generator) -> int:
    """Return the place of who ends among those who run."""
    chance = random.random()
    if chance < oldest:
        return head
    if chance < oldest + newest:
        return tail - 1
    return head + int(random.random() * (tail - head))


@numba.njit(cache=True, nogil=True)
def _closed(running: Ints, place: int, head: int, tail: int) -> tuple[int, int]:
    """Take who ended out of those who run, in their order: the shorter side moves up."""
    if place - head < tail - 1 - place:
        for other in range(place, head, -1):
            running[other] = running[other - 1]
        return head + 1, tail
    for other in range(place, tail - 1):
        running[other] = running[other + 1]
    return head, tail - 1
