"""Replicas: simulated copies of a pool that may have produced its counts; they are replayed with other capacities.

The counts do not show the sizes of jobs, the service discipline, or the run time of each job. Each replica assumes all
three. Its capacity is calibrated so that the total wait is the observed total, and its weight follows from the distance
between its counts and the observed counts.

Except for `SCALES`, the constants were not varied one by one: tests/benchmarks/plans.py tests the plans that result.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.jobs import PAIRINGS, Jobs, ScaledJobs, rebuild
from analysis.capacity.occupancy import Occupancy
from analysis.capacity.replay import Supply, Work, replay
from analysis.stats.search import smallest

SIZES: Final = (
    {1: 1.0},
    {1: 0.6, 2: 0.4},
    {1: 0.5, 2: 0.3, 4: 0.2},
    {1: 0.5, 2: 0.25, 4: 0.15, 8: 0.1},
    {1: 0.6, 4: 0.25, 16: 0.15},
)
"""The share of jobs of each size, in units of capacity: from jobs of one size to a few that are sixteen times as large.
"""
WHOLE: Final = np.geomspace(0.0005, 0.6, 48)
"""The shares that are tried of jobs that take the whole pool: the largest number of jobs that ever ran together."""
UNEVEN: Final = 0.4
"""Jobs that take the whole pool are tried if the number of jobs that run while others wait has a standard deviation of
more than this share of its mean."""
SEED: Final = 20
MOST_TIMES: Final = 64
"""The capacity is searched up to this multiple of the mean capacity that was busy while jobs waited."""
SCALES: Final = np.array([0.05, 0.05, 0.15])
"""The scales of the three statistics in the distance between counts, see `statistics_of`. Chosen on simulated pools, of
the kinds in tests/benchmarks/plans.py."""
FEWEST_QUEUED: Final = 5
"""The fewest slots with a queue from which the jobs that run meanwhile are compared."""
FEW_QUEUED: Final = 100
"""With this number of slots with a queue, chance alone makes the counts of a pool differ by as much as the scales."""
NINTH: Final = 0.9
"""The quantile that is estimated in addition to the mean, see `QUANTILES`."""


def statistics_of(queue: Ints, busy: Ints) -> Floats:
    """Return the three statistics by which counts are compared; NaN with fewer than `FEWEST_QUEUED` slots with a queue.

    They are the logarithm of the mean number of jobs that run while others wait, the standard deviation of this number
    over its mean, and the logarithm of the share of slots with a queue.
    """
    queued = queue > 0
    if queued.sum() < FEWEST_QUEUED:
        return np.full(3, np.nan)
    meanwhile = busy[queued]
    mean = max(float(meanwhile.mean()), 0.1)
    return np.array([np.log(mean), meanwhile.std() / mean, np.log(queued.mean())])


@dataclass(frozen=True)
class CapacityChanges:
    """The capacity over a record, as multiples of the capacity at its end: n spans, each from its start to the next."""

    starts: Floats
    """n, in seconds since 1970; the first is minus infinity."""
    multiples: Floats
    """n."""

    def at(self, slots: Ints) -> Floats:
        """Return the multiple at each slot."""
        multiples: Floats = self.multiples[np.searchsorted(self.starts, slots, side="right") - 1]
        return multiples


@dataclass(frozen=True, eq=False)
class Replica:
    """A simulated copy of a pool: jobs, their sizes and a service discipline; it can be replayed with any capacity."""

    jobs: Jobs
    pairing: str
    """The one of `PAIRINGS` by which the jobs were rebuilt: replicas with one pairing share their jobs."""
    kinds: Ints
    """The kind of each job: the index of its width in `widths`."""
    widths: Ints
    """The sizes of jobs, in units of capacity, rising."""
    passing: bool
    """Whether a job that fits starts before an older job that does not fit."""
    until: float
    """The end of the record, in seconds since 1970."""
    changes: CapacityChanges | None = None
    whole: bool = False
    """Whether some jobs take the whole pool; their share is such that the observed waiting results."""
    _waits: dict[tuple[int, bool], Floats] = field(default_factory=dict, init=False, repr=False)
    _replays: dict[int, tuple[Floats, Bools]] = field(default_factory=dict, init=False, repr=False)
    """Caches: waits by capacity, and the last two replays with the record's changes, since one of these is used again.
    `replace` begins with empty caches."""

    def departures(self, capacity: int, *, changing: bool) -> tuple[Floats, Bools]:
        """Return when each job leaves the queue, in seconds, and whether it starts then.

        If `changing`, the capacity is the one at the record's end; before, it changes as the record's capacity did.
        """
        capacity = max(capacity, int(self.widths[-1]))
        supply = Supply(np.array([-np.inf]), np.array([capacity]))
        if changing and self.changes is not None:
            multiples = self.changes.multiples
            capacities = np.maximum(np.rint(capacity * multiples).astype(np.int64), int(self.widths[-1]))
            capacities[multiples == 0] = 0
            supply = Supply(self.changes.starts, capacities)
        jobs = self.jobs
        work = Work(jobs.arrivals, jobs.runs, jobs.patience, self.kinds, self.widths, jobs.running)
        return replay(work, supply, passing=self.passing)

    def fits(self, capacity: float) -> bool:
        """Return whether the largest job fits a capacity."""
        return bool(capacity >= self.widths[-1])

    def waits(self, capacity: float, *, changing: bool = False) -> Floats:
        """Return the mean and the P90 wait of the jobs that arrived in the record, and the total wait of all jobs.

        All three are in seconds; the total counts waits only until the record's end. Between two whole capacities the
        logarithms of waits are interpolated, since waits fall steeply. `changing` is as in `departures`.
        """
        low = int(np.floor(capacity))
        part = capacity - low
        if part == 0:
            return self._waits_with(low, changing)
        below, above = (np.log1p(self._waits_with(whole, changing)) for whole in (low, low + 1))
        between: Floats = np.expm1((1 - part) * below + part * above)
        return between

    def _waits_with(self, capacity: int, changing: bool) -> Floats:
        # Where the capacity did not change, `changing` makes no difference.
        key = (capacity, changing and self.changes is not None)
        if key not in self._waits:
            jobs = self.jobs
            departures, starts = self.departures(capacity, changing=changing)
            if changing:
                while len(self._replays) > 1:
                    del self._replays[next(iter(self._replays))]
                self._replays[capacity] = departures, starts
            waits = departures - jobs.arrivals
            until_end = np.clip(np.minimum(departures, self.until) - jobs.arrivals, 0.0, None).sum()
            new = waits[jobs.running + jobs.waiting :]
            # Partitioning the waits above zero alone is ten times as fast as with many that are equal.
            waited = new[new > 0]
            rank = max(int(np.ceil(NINTH * len(new))) - 1, 0) - (len(new) - len(waited))
            ninth = np.partition(waited, rank)[rank] if rank >= 0 and len(waited) else 0.0
            self._waits[key] = np.array([new.mean() if len(new) else 0.0, ninth, until_end])
        return self._waits[key]

    def waited(self, capacity: int) -> float:
        """Return the total wait until the record's end, in job-seconds, with that capacity at its end.

        Before, the capacity is the same multiple of it as the observed capacity was of its own last value.
        """
        return float(self._waits_with(capacity, changing=True)[2])

    def _capacity_for(self, waited_seconds: float, near: int) -> float:
        """Return the capacity with which the total wait is `waited_seconds`; the search begins at `near`."""
        widest = int(self.widths[-1])
        most = max(MOST_TIMES * near, widest + 1)
        enough = smallest(lambda capacity: self.waited(capacity) <= waited_seconds, near, widest + 1, most)
        high = most if enough is None else enough
        low = high - 1
        below, above, wanted = (np.log1p(seconds) for seconds in (self.waited(low), self.waited(high), waited_seconds))
        return low + float(np.clip((below - wanted) / (below - above), 0.0, 1.0)) if below > above else float(low)

    def _counts(self, capacity: float, slots: Ints) -> tuple[Ints, Ints]:
        """Return the number of jobs that wait, and the number that run, at each slot."""
        departures, starts = self._replays.get(round(capacity)) or self.departures(round(capacity), changing=True)
        events = self.jobs.arrivals, departures, departures[starts], (departures + self.jobs.runs)[starts]
        # The number of events until each slot, without sorting them.
        arrived, departed, started, ended = (
            np.cumsum(np.bincount(np.searchsorted(slots, times), minlength=len(slots) + 1))[:-1] for times in events
        )
        return arrived - departed, started - ended

    @property
    def mean_width(self) -> float:
        """The mean size of the jobs, in units of capacity."""
        return float(self.widths[self.kinds].mean()) if len(self.kinds) else 1.0

    def most_busy(self) -> int:
        """Return the most capacity that the jobs would use at one time if none waited, in units of `widths`."""
        width = self.widths[self.kinds]
        changes = np.concatenate([self.jobs.arrivals, self.jobs.arrivals + self.jobs.runs])
        # At one instant jobs that end release their capacity first.
        order = np.lexsort((np.repeat([1, 0], len(width)), changes))
        return int(np.cumsum(np.concatenate([width, -width])[order]).max(initial=1))

    def with_jobs(self, scaled: ScaledJobs) -> "Replica":
        """Return the replica with its jobs scaled to another demand."""
        return replace(self, jobs=scaled.jobs, kinds=self.kinds[scaled.originals])

    def calibrated(self, occupancy: Occupancy, waited_seconds: float) -> "CalibratedReplica":
        """Return the replica with the capacity at which its jobs wait `waited_seconds` job-seconds in total."""
        busy = occupancy.busy[occupancy.queue > 0].mean()
        capacity = self._capacity_for(waited_seconds, int(busy * self.mean_width) + 1)
        away = statistics_of(*self._counts(capacity, occupancy.slots)) - statistics_of(occupancy.queue, occupancy.busy)
        self._replays.clear()
        few = np.sqrt(1 + FEW_QUEUED / occupancy.queued_slots)
        return CalibratedReplica(self, capacity, float(np.sqrt(np.square(away / SCALES).sum()) / few))


@dataclass(frozen=True)
class CalibratedReplica:
    """A replica with the capacity that was found for it."""

    replica: Replica
    capacity: float
    """In the unit of the widths."""
    distance: float
    """The distance between its counts and the observed counts, in `SCALES`; NaN where the pool had no queue."""


def candidates(occupancy: Occupancy, changes: CapacityChanges | None) -> Iterator[Replica]:
    """Yield a replica for each pairing of starts with ends, each distribution of sizes, and each service discipline."""
    jobs_by_pairing = {pairing: rebuild(occupancy, pairing, SEED) for pairing in PAIRINGS}
    until = float(occupancy.slots[-1])
    yield from _of_sizes(jobs_by_pairing, SIZES, until, changes)
    meanwhile, most = occupancy.busy[occupancy.queue > 0], int(occupancy.busy.max())
    if most > 1 and float(meanwhile.std()) > UNEVEN * float(meanwhile.mean()):
        for pairing, jobs in jobs_by_pairing.items():
            # Their sizes are found below.
            kinds, widths = np.zeros(len(jobs.arrivals), np.int64), np.array([1, most])
            for passing in (False, True):
                replica = Replica(jobs, pairing, kinds, widths, passing, until, changes, whole=True)
                yield _with_whole(replica, occupancy.waited_seconds)


def _with_whole(replica: Replica, waited_seconds: float) -> Replica:
    """Return a replica with a share of jobs that take its whole capacity, such that the observed total wait results."""
    drawn = np.random.default_rng(SEED).random(len(replica.jobs.arrivals))

    def with_share(step: int) -> Replica:
        return replace(replica, kinds=(drawn < WHOLE[step]).astype(np.int64))

    def enough(step: int) -> bool:
        return with_share(step).waited(int(replica.widths[-1])) >= waited_seconds

    last = len(WHOLE) - 1
    return with_share(smallest(enough, last // 2, 0, last) or last)


def longest(occupancy: Occupancy, *, alike: bool) -> Iterator[Replica]:
    """Yield replicas of a pool without a queue: each job runs for the longest time that agrees with the counts.

    A job that arrived and ended between two polls is in no count of running jobs, so that it may need more
    capacity than was observed. If `alike`, all jobs have one size.
    """
    jobs_by_pairing = {pairing: rebuild(occupancy, pairing, SEED, longest=True) for pairing in PAIRINGS}
    yield from _of_sizes(jobs_by_pairing, SIZES[:1] if alike else SIZES, float(occupancy.slots[-1]), None)


def _of_sizes(
    jobs_by_pairing: dict[str, Jobs], sizes: Sequence[dict[int, float]], until: float, changes: CapacityChanges | None
) -> Iterator[Replica]:
    n = len(next(iter(jobs_by_pairing.values())).arrivals)
    for shares in sizes:
        widths = np.array(list(shares), np.int64)
        random = np.random.default_rng(SEED)
        # All pairings have the same number of jobs, and share the sizes.
        kinds = random.choice(len(widths), n, p=list(shares.values()))
        for pairing, jobs in jobs_by_pairing.items():
            for passing in (False, True) if len(shares) > 1 else (False,):
                yield Replica(jobs, pairing, kinds, widths, passing, until, changes)
