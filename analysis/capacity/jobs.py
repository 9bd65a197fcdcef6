"""Jobs rebuilt from the counts of a pool: when each came, and how long it ran.

Counts tell how many started and ended between two slots, not which. Every pairing of starts with ends leaves the work
that was done, and the queue, as they were seen; the pairings differ in how much run times spread. So a rebuilding
assumes one, and is made with several.
"""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.occupancy import Counted

HOUR: Final = 3600.0
# Among so many jobs before and after it a job that is added finds its run time.
NEAR: Final = 50
NOT_STARTED: Final = -0.5
# So often any job is drawn before the oldest who waits is taken.
TRIES: Final = 100
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
    patience: Floats
    """How long each would wait, in seconds, before it gives up; infinite where nobody gives up."""

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
        return Scaled(Jobs(at, self.ran[of], self.running, self.waiting, self.patience[of]), of)


@dataclass(frozen=True)
class Scaled:
    """Jobs of another demand."""

    jobs: Jobs
    like: Ints
    """Of each the job of the other demand that it is like."""


def rebuild(seen: Counted, pairing: str, seed: int, *, longest: bool = False) -> Jobs:
    """Rebuild the jobs of a pool.

    Jobs start in the order in which they came; each event is anywhere in its interval. Who had not ended, or not
    started, runs as long as some job that did and that ran at least so long. Of who waits any gives up, or the oldest
    where all jobs are alike; who started would have waited on, and given up as others do.

    Parameters
    ----------
    pairing
        One of `PAIRINGS`.
    longest
        Whether each event is where jobs run for as long as they can have: starts where intervals begin, ends where they
        end.
    """
    oldest, newest = PAIRINGS[pairing]
    random = np.random.default_rng(seed)
    there = int(seen.queue[0]), int(seen.busy[0])
    flows = seen.arrivals, seen.starts, seen.gave_up, seen.ends
    came, ran, waited, gave_up = _rebuild(seen.slots, *flows, *there, oldest, newest, random, alike=oldest == 1.0)
    if longest:
        came, ran = _longest(seen.slots, came, waited, ran)
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
    patience = np.full(len(came), np.inf)
    if gave_up.any():
        # All alike, or who waits forgets for how long it has, so that the share that gives up is the same at any age.
        usual = np.maximum(waited, np.median(waited[gave_up]))
        others = usual if oldest == 1.0 else waited + random.exponential(1 / seen.hazard, len(came))
        patience = np.where(gave_up, waited, others)
    return Jobs(came, ran, int(seen.busy[0]), int(seen.queue[0]), patience)


def _longest(slots: Ints, came: Floats, waited: Floats, ran: Floats) -> tuple[Floats, Floats]:
    """Return jobs that came and started at the slot before, and ended at the slot after."""
    started = came + waited
    before = slots[np.maximum(np.searchsorted(slots, started, side="right") - 1, 0)]
    ended = slots[np.minimum(np.searchsorted(slots, started + ran), len(slots) - 1)]
    at = slots[np.maximum(np.searchsorted(slots, came, side="right") - 1, 0)]
    return at.astype(float), np.where(ran < 0, ran, (ended - before).astype(float))


@numba.njit(cache=True, nogil=True)
def _rebuild(
    slots: Ints,
    arrivals: Ints,
    starts: Ints,
    give_ups: Ints,
    ends: Ints,
    waiting: int,
    busy: int,
    oldest: float,
    newest: float,
    random: np.random.Generator,
    *,
    alike: bool,
) -> tuple[Floats, Floats, Floats, Bools]:
    """Return when each job came, how long it ran and waited, and whether it gave up.

    Minus how long it has run so far where it had not ended; how long it has waited so far where it still does.
    """
    n = busy + waiting + arrivals.sum()
    came, started, ran = np.empty(n), np.full(n, np.inf), np.full(n, NOT_STARTED)
    gave_up = np.zeros(n, np.bool_)
    came[: busy + waiting] = slots[0]
    started[:busy] = slots[0]
    # Who started, by start; of these run those from `head` to `tail` of who runs.
    order = np.empty(n, np.int64)
    order[:busy] = np.arange(busy)
    running = order.copy()
    head, tail, begun, until = 0, busy, busy, busy
    # Who came, and the oldest who may wait.
    arrived, oldest_waiting = busy + waiting, busy
    for k in range(len(arrivals)):
        low, high = float(slots[k]), float(slots[k + 1])
        came[arrived : arrived + arrivals[k]] = np.sort(random.uniform(low, high, arrivals[k]))
        arrived += arrivals[k]
        for start in np.sort(random.uniform(low, high, starts[k])):
            while oldest_waiting < arrived and gave_up[oldest_waiting]:
                oldest_waiting += 1
            if oldest_waiting == arrived:
                break
            started[oldest_waiting] = max(start, came[oldest_waiting])
            order[until] = oldest_waiting
            until, oldest_waiting = until + 1, oldest_waiting + 1
        for leaving in random.uniform(low, high, give_ups[k]):
            job = _waiting(oldest_waiting, arrived, gave_up, random, alike)
            if job < arrived:
                gave_up[job] = True
                started[job] = max(leaving, came[job])
        for end in np.sort(random.uniform(low, high, ends[k])):
            while begun < until and (started[order[begun]] <= end or tail == head):
                running[tail] = order[begun]
                tail, begun = tail + 1, begun + 1
            if tail == head:
                break
            place = _ending(head, tail, oldest, newest, random)
            job = running[place]
            ran[job] = max(end - started[job], 1.0)
            head, tail = _closed(running, place, head, tail)
        while begun < until:
            running[tail] = order[begun]
            tail, begun = tail + 1, begun + 1
    for place in range(head, tail):
        ran[running[place]] = min(started[running[place]] - float(slots[-1]), -1.0)
    return came, ran, np.minimum(started, float(slots[-1])) - came, gave_up


@numba.njit(cache=True, nogil=True)
def _waiting(first: int, last: int, gave_up: Bools, random: np.random.Generator, oldest: bool) -> int:
    """Return any of who waits, or the oldest; `last` where nobody does."""
    for _try in range(0 if oldest else TRIES):
        if last == first:
            break
        job = first + int(random.random() * (last - first))
        if not gave_up[job]:
            return job
    for job in range(first, last):
        if not gave_up[job]:
            return job
    return last


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
