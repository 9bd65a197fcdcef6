"""Replicas: pools that would have been counted as this one was, and what each would have done with another capacity.

Sizes of jobs, the order of service and which job ran how long are not in the counts. Each replica assumes some of each;
its capacity is calibrated so that as much waiting comes of it as was seen, and it counts by how alike its counts are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.jobs import PAIRINGS, Jobs, Scaled, rebuild
from analysis.capacity.occupancy import Counted
from analysis.capacity.replay import replay
from analysis.stats.search import smallest

SIZES: Final = (
    {1: 1.0},
    {1: 0.6, 2: 0.4},
    {1: 0.5, 2: 0.3, 4: 0.2},
    {1: 0.5, 2: 0.25, 4: 0.15, 8: 0.1},
    {1: 0.6, 4: 0.25, 16: 0.15},
)
"""How many jobs have which size, in units of capacity: from all alike to a few that take as much as sixteen others."""
WHOLE: Final = np.geomspace(0.0005, 0.6, 48)
"""How many jobs may take all that others ever took together, where that is needed to explain"""
UNEVEN: Final = 0.4
"""that who runs while others wait spreads by so much of their mean."""
SEED: Final = 20
# Of who ran while others waited; capacity is sought up to so many times that.
MOST_TIMES: Final = 64
# So far, in logarithms, a replica's counts may be from those seen: the mean of who ran while others waited, its spread
# over that mean, and the share of time with a queue. Chosen on simulated pools.
ALIKE: Final = np.array([0.05, 0.05, 0.15])
# Fewer slots with a queue than this tell nothing of who runs meanwhile.
FEWEST_QUEUED: Final = 5
# With no more slots with a queue than this chance alone makes counts of one pool differ as much again.
FEW_QUEUED: Final = 100


def likeness(queue: Ints, busy: Ints) -> Floats:
    """Return what a replica has to have alike: see `ALIKE`; NaN where there was hardly a queue."""
    queued = queue > 0
    if queued.sum() < FEWEST_QUEUED:
        return np.full(3, np.nan)
    meanwhile = busy[queued]
    mean = max(float(meanwhile.mean()), 0.1)
    return np.array([np.log(mean), meanwhile.std() / mean, np.log(queued.mean())])


@dataclass(frozen=True)
class Capacity:
    """How the capacity of a record went, as multiples of that of its end."""

    changes: Floats
    """From when on, in seconds; the first is before all else."""
    levels: Floats

    def at(self, slots: Ints) -> Floats:
        """Return it at each slot."""
        levels: Floats = self.levels[np.searchsorted(self.changes, slots, side="right") - 1]
        return levels


@dataclass
class Replica:
    """Jobs, their sizes and an order of service: what any capacity makes of them."""

    jobs: Jobs
    kind: Ints
    """Of each job, its place in the widths."""
    widths: Ints
    passing: bool
    until: float
    """The record's end."""
    found: dict[tuple[int, bool], Floats] = field(default_factory=dict)
    went: Capacity | None = None
    last: dict[int, tuple[Floats, Bools]] = field(default_factory=dict)
    """The last replays as it went, by capacity: one of them is looked at again."""
    whole: bool = False
    """Whether some jobs take all that others ever took together, as many as explain the waiting."""

    def leaves(self, capacity: int, *, as_it_went: bool) -> tuple[Floats, Bools]:
        """Return when each job leaves the queue with a capacity, and whether it starts.

        `as_it_went` scales the capacity as the record's own changed.
        """
        capacity = max(capacity, int(self.widths[-1]))
        changes, levels = np.array([-np.inf]), np.array([capacity])
        if as_it_went and self.went is not None:
            changes = self.went.changes
            levels = np.maximum(np.rint(capacity * self.went.levels).astype(np.int64), int(self.widths[-1]))
            levels[self.went.levels == 0] = 0
        jobs = self.jobs
        of = jobs.came, jobs.ran, jobs.patience, self.kind, self.widths, jobs.running
        return replay(*of, changes, levels, passing=self.passing)

    def fits(self, capacity: float) -> bool:
        """Tell whether the largest of its jobs would ever run."""
        return bool(capacity >= self.widths[-1])

    def waits(self, capacity: float, *, as_it_went: bool = False) -> Floats:
        """Return mean and 9-of-10 wait of who came, and all waiting until the record's end, in seconds.

        Between two whole capacities in proportion, of logarithms: waits fall steeply.
        """
        low = int(np.floor(capacity))
        part = capacity - low
        if part == 0:
            return self._waits(low, as_it_went)
        below, above = (np.log1p(self._waits(each, as_it_went)) for each in (low, low + 1))
        between: Floats = np.expm1((1 - part) * below + part * above)
        return between

    def _waits(self, capacity: int, as_it_went: bool) -> Floats:
        # Of a capacity that did not change both are one.
        key = (capacity, as_it_went and self.went is not None)
        if key not in self.found:
            jobs = self.jobs
            left, starts = self.leaves(capacity, as_it_went=as_it_went)
            if as_it_went:
                self.last = {**dict(list(self.last.items())[-1:]), capacity: (left, starts)}
            waited = left - jobs.came
            seen = np.clip(np.minimum(left, self.until) - jobs.came, 0.0, None).sum()
            mine = waited[jobs.running + jobs.waiting :]
            # Among those who waited at all: to part many alike takes ten times as long.
            some = mine[mine > 0]
            rank = max(int(np.ceil(0.9 * len(mine))) - 1, 0) - (len(mine) - len(some))
            ninth = np.partition(some, rank)[rank] if rank >= 0 and len(some) else 0.0
            self.found[key] = np.array([mine.mean() if len(mine) else 0.0, ninth, seen])
        return self.found[key]

    def waited(self, capacity: int) -> float:
        """Return all waiting until the record's end with a capacity as it went, in seconds."""
        return float(self._waits(capacity, as_it_went=True)[2])

    def calibrate(self, waited_seconds: float, near: int) -> float:
        """Return the capacity with which as much waiting comes of it as was seen; `near` is where to begin."""
        widest = int(self.widths[-1])
        most = max(MOST_TIMES * near, widest + 1)
        found = smallest(lambda capacity: self.waited(capacity) <= waited_seconds, near, widest + 1, most)
        high = most if found is None else found
        low = high - 1
        below, above, wanted = (np.log1p(seconds) for seconds in (self.waited(low), self.waited(high), waited_seconds))
        return low + float(np.clip((below - wanted) / (below - above), 0.0, 1.0)) if below > above else float(low)

    def counts(self, capacity: float, slots: Ints) -> tuple[Ints, Ints]:
        """Return who waits and who runs at each slot."""
        left, starts = self.last.get(round(capacity)) or self.leaves(round(capacity), as_it_went=True)
        events = self.jobs.came, left, left[starts], (left + self.jobs.ran)[starts]
        # What happened until each slot, without sorting it.
        came, gone, begun, done = (
            np.cumsum(np.bincount(np.searchsorted(slots, times), minlength=len(slots) + 1))[:-1] for times in events
        )
        return came - gone, begun - done

    @property
    def mean_width(self) -> float:
        """How much of the capacity a job takes on average."""
        return float(self.widths[self.kind].mean()) if len(self.kind) else 1.0

    def most_busy(self) -> int:
        """Return how much capacity was ever busy at once, where nobody waited."""
        width = self.widths[self.kind]
        changes = np.concatenate([self.jobs.came, self.jobs.came + self.jobs.ran])
        # At one instant who ends makes room first.
        order = np.lexsort((np.repeat([1, 0], len(width)), changes))
        return int(np.cumsum(np.concatenate([width, -width])[order]).max(initial=1))

    def of(self, scaled: Scaled) -> "Replica":
        """Return it with its jobs scaled to another demand."""
        return replace(self, jobs=scaled.jobs, kind=self.kind[scaled.like], found={}, last={})

    def explain(self, seen: Counted, waited_seconds: float) -> "Explained":
        """Calibrate it to what was counted of a pool, of which so much waiting is for want of capacity."""
        capacity = self.calibrate(waited_seconds, int(seen.busy[seen.queue > 0].mean() * self.mean_width) + 1)
        away = likeness(*self.counts(capacity, seen.slots)) - likeness(seen.queue, seen.busy)
        self.last = {}
        few = np.sqrt(1 + FEW_QUEUED / seen.queued)
        return Explained(self, capacity, float(np.sqrt(np.square(away / ALIKE).sum()) / few))


@dataclass(frozen=True)
class Explained:
    """A replica that was calibrated."""

    replica: Replica
    capacity: float
    distance: float
    """From what was seen, see `ALIKE`."""


def candidates(seen: Counted, went: Capacity | None) -> Iterator[Replica]:
    """Return a replica for each pairing of starts with ends, sizes of jobs, and order of service."""
    pairings = [rebuild(seen, pairing, SEED) for pairing in PAIRINGS]
    yield from _of_sizes(pairings, SIZES, seen, went)
    meanwhile, most = seen.busy[seen.queue > 0], int(seen.busy.max())
    if most > 1 and float(meanwhile.std()) > UNEVEN * float(meanwhile.mean()):
        for jobs in pairings:
            for passing in (False, True):
                yield _with_whole(jobs, np.array([1, most]), passing, seen, went)


def _with_whole(jobs: Jobs, widths: Ints, passing: bool, seen: Counted, went: Capacity | None) -> Replica:
    """Return a replica in which so many jobs take all of its capacity as make as much waiting as was seen."""
    drawn = np.random.default_rng(SEED).random(len(jobs.came))

    def of(step: int) -> Replica:
        kind = (drawn < WHOLE[step]).astype(np.int64)
        return Replica(jobs, kind, widths, passing, float(seen.slots[-1]), went=went, whole=True)

    def enough(step: int) -> bool:
        return of(step).waited(int(widths[-1])) >= seen.waited_seconds

    last = len(WHOLE) - 1
    return of(smallest(enough, last // 2, 0, last) or last)


def longest(seen: Counted, *, alike: bool) -> Iterator[Replica]:
    """Return replicas of a pool that hardly queued, whose jobs run for as long as they can have.

    What came and ended between two polls was not seen to run: it is nobody's capacity. `alike`: all of one size.
    """
    pairings = [rebuild(seen, pairing, SEED, longest=True) for pairing in PAIRINGS]
    yield from _of_sizes(pairings, SIZES[:1] if alike else SIZES, seen, None)


def _of_sizes(
    pairings: Sequence[Jobs], sizes: Sequence[dict[int, float]], seen: Counted, went: Capacity | None
) -> Iterator[Replica]:
    for shares in sizes:
        widths = np.array(list(shares), np.int64)
        random = np.random.default_rng(SEED)
        # As many jobs in every pairing, which share their sizes.
        kind = random.choice(len(widths), len(pairings[0].came), p=list(shares.values()))
        for jobs in pairings:
            for passing in (False, True) if len(shares) > 1 else (False,):
                yield Replica(jobs, kind, widths, passing, float(seen.slots[-1]), went=went)
