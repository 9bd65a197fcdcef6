"""Jobs rebuilt from the counts of a pool: when each came, and how long it ran.

Counts tell how many started and ended between two slots, not which. Every pairing of starts with ends leaves the work
that was done, and the queue, as they were seen; the pairings differ in how much run times spread. So a rebuilding
assumes one, and is made with several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from analysis.flows import QUEUES, Flows
from analysis.loads import level_of
from analysis.matching import Real, Whole
from analysis.periods import between

HOUR: Final = 3600.0
# Among so many jobs before and after it a job that is added finds its run time.
NEAR: Final = 50
BUSY: Final = ("Running", "Creating")
NOT_STARTED: Final = -0.5
PAIRINGS: Final = {"oldest": (1.0, 0.0), "any": (0.0, 0.0), "newest": (0.0, 0.5)}
"""Which of the running jobs ends: the shares of ends that are of the oldest and of the newest; the others are of any.
The oldest spread least: all run alike. Where any ends, run times are as if no job remembered how long it ran."""


@dataclass(frozen=True)
class Counted:
    """What was counted of a pool: its queue, who came to it and left it, and who was busy."""

    slots: Whole
    """n, in seconds; those at which all of it was seen."""
    queue: Whole
    busy: Whole
    """n: jobs that wait, and jobs that have left the queue and hold capacity."""
    arrivals: Whole
    """n - 1: of each interval."""

    @property
    def starts(self) -> Whole:
        """N - 1: jobs that left the queue; those too that gave up, as if they had run for no time."""
        return np.maximum(self.arrivals - np.diff(self.queue), 0)

    @property
    def ends(self) -> Whole:
        """N - 1: jobs that gave their capacity back."""
        since = np.concatenate([[0], np.cumsum(self.starts)]) - (self.busy - self.busy[0])
        # Who runs again without having waited is not told from who had not ended.
        rising: Whole = np.diff(np.maximum.accumulate(np.maximum(since, 0)))
        return rising

    @property
    def waited_seconds(self) -> float:
        """All waiting that was seen, in job-seconds."""
        return float(np.trapezoid(self.queue, self.slots))

    @property
    def busy_seconds(self) -> float:
        """All running that was seen, in job-seconds."""
        return float(np.trapezoid(self.busy, self.slots))

    @property
    def queued(self) -> int:
        """At how many slots somebody waited."""
        return int((self.queue > 0).sum())

    def since(self, instant: int) -> "Counted":
        """Return what was counted from an instant on; all where hardly anything was."""
        first = min(int(np.searchsorted(self.slots, instant)), max(len(self.slots) - 2, 0))
        return Counted(self.slots[first:], self.queue[first:], self.busy[first:], self.arrivals[first:])


@dataclass(frozen=True)
class Jobs:
    """The jobs of a pool, in the order of their arrival."""

    came: Real
    """In seconds. Who was there as the record begins came with it."""
    ran: Real
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
    def ran_seconds(self) -> float:
        """How long a job ran on average; NaN of none."""
        return float(self.ran.mean()) if len(self.ran) else float("nan")

    @property
    def spread(self) -> float:
        """The standard deviation of run times over their mean; NaN of none."""
        return float(self.ran.std() / self.ran.mean()) if len(self.ran) else float("nan")

    def scaled(self, demand: float, seed: int) -> "Jobs":
        """Return as many more, or fewer, as `demand` says.

        Who is added comes within the hour of another, and runs as long as one of the same days.
        """
        random = np.random.default_rng(seed)
        there = self.running + self.waiting
        copies = np.floor(demand + random.random(self.count)).astype(np.int64)
        chosen = np.repeat(np.arange(there, len(self.came)), copies)
        first = np.concatenate([[True], np.diff(chosen) > 0]) if len(chosen) else np.empty(0, np.bool_)
        came, ran = self.came[chosen], self.ran[chosen]
        added = np.flatnonzero(~first)
        came[added] += random.uniform(-HOUR, HOUR, len(added))
        near = np.clip(chosen[added] + random.integers(-NEAR, NEAR + 1, len(added)), there, len(self.came) - 1)
        ran[added] = self.ran[near]
        came = np.maximum(came, self.came[0])
        order = np.argsort(came, kind="stable")
        came, ran = (np.concatenate([each[:there], of[order]]) for each, of in ((self.came, came), (self.ran, ran)))
        return Jobs(came, ran, self.running, self.waiting)


def counted(group: Sequence[Flows], queue: str) -> Counted:
    """Sum up what was counted of the series of a pool; `queue` is one of `QUEUES`."""
    statuses = [status for status in BUSY if status not in QUEUES[queue]]
    waiting, *busy = (level_of(group, status) for status in (None, *statuses))
    slots = waiting.slots
    came = np.sum([between(each.series.slots, each.arrivals, slots) for each in group], axis=0)
    arrivals = np.diff(np.rint(came)).astype(np.int64)
    # A queue never grows by more than what came.
    arrivals = np.maximum(arrivals, np.diff(waiting.jobs))
    return Counted(slots, waiting.jobs, np.sum([each.jobs for each in busy], axis=0), arrivals)


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
    slots: Whole,
    arrivals: Whole,
    starts: Whole,
    ends: Whole,
    waiting: int,
    busy: int,
    oldest: float,
    newest: float,
    random: np.random.Generator,
) -> tuple[Real, Real]:
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
def _closed(running: Whole, place: int, head: int, tail: int) -> tuple[int, int]:
    """Take who ended out of those who run, in their order: the shorter side moves up."""
    if place - head < tail - 1 - place:
        for other in range(place, head, -1):
            running[other] = running[other - 1]
        return head + 1, tail
    for other in range(place, tail - 1):
        running[other] = running[other + 1]
    return head, tail - 1
