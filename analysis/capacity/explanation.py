"""Which replicas explain a pool's counts, and how much each of them counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Floats
from analysis.capacity.occupancy import Counted
from analysis.capacity.replicas import Capacity, Explained, Replica, candidates, longest

# A replica this much farther away than the nearest counts exp(-1/2) as much; nearer ones than one are all alike.
NEAR: Final = 1.0
# Replicas that count less than this, of the nearest, have no say.
FAINT: Final = 0.1
# Who waits while so little is busy, of what usually is while others wait, may wait for something else than capacity,
SLACK: Final = 0.25
# which is looked at from this share of all waiting on.
HELD: Final = 0.05
# Farther away than this from what was seen no replica explains it,
UNLIKE: Final = 3.0
# nor, farther away than this, do large jobs explain why others wait while few run.
EXPLAINED: Final = 2 * UNLIKE


@dataclass(frozen=True)
class Explanation:
    """The replicas of a pool that have a say."""

    explained: list[Explained]
    weights: Floats
    """How much each counts."""
    held_seconds: Floats
    """How long a job waits on average for something else than capacity, in each."""
    held_share: float
    """Of all waiting, that may have been for something else than capacity."""

    @property
    def distance(self) -> float:
        """How far the nearest one's counts are from those seen, see `replicas.ALIKE`; NaN where that is not known."""
        return float(np.fmin.reduce([one.distance for one in self.explained]))

    @property
    def whole(self) -> bool:
        """Whether jobs that take the whole pool are a part of the explanation."""
        return any(one.replica.whole for one in self.explained)

    @property
    def spreads(self) -> tuple[float, float]:
        """The smallest and the largest spread of run times, over their mean."""
        spreads = [one.replica.jobs.spread for one in self.explained]
        return min(spreads), max(spreads)

    def quantile(self, values: Floats, share: float) -> float:
        """Return the value, of one a replica, that a share of the weights does not exceed."""
        order = np.argsort(values, kind="stable")
        until = np.cumsum(self.weights[order]) - self.weights[order] / 2
        return float(np.interp(share * self.weights.sum(), until, values[order]))

    def narrow(self, factor: float) -> float:
        """Return the share of the weights of replicas whose largest jobs do not fit so many times the capacity."""
        narrow = np.array([not one.replica.fits(one.capacity * factor) for one in self.explained])
        return float(self.weights[narrow].sum() / self.weights.sum())


def explanation_of(seen: Counted, went: Capacity | None) -> Explanation:
    """Explain the counts of a pool that queued; `went` is how its capacity changed."""
    waited, jobs = seen.waited_seconds, max(int(seen.arrivals.sum()), 1)
    free = Explanation(*_alike(candidates(seen, went), seen, waited), np.zeros(0), _held(seen, went, SLACK))
    # Large jobs explain that others wait while few run; not that they do while none does.
    held_share = _held(seen, went, 0.0) if free.distance <= EXPLAINED else free.held_share
    if held_share < HELD:
        return Explanation(free.explained, free.weights, np.zeros(len(free.weights)), held_share)
    held = waited * held_share
    explained, weights = _alike([one.replica for one in free.explained], seen, waited - held)
    beside = np.repeat([0.0, held / jobs], [len(free.weights), len(weights)])
    return Explanation(free.explained + explained, np.concatenate([free.weights, weights]), beside, held_share)


def hardly_queued(seen: Counted, at_once: float | None) -> Explanation:
    """Explain a pool that hardly queued: it had at least the capacity that it ever had busy at once, or `at_once`."""
    explained = [
        Explained(replica, float(replica.most_busy()) if at_once is None else at_once, np.nan)
        for replica in longest(seen, alike=at_once is not None)
    ]
    return Explanation(explained, np.ones(len(explained)), np.zeros(len(explained)), 0.0)


def _alike(replicas: Iterable[Replica], seen: Counted, waited: float) -> tuple[list[Explained], Floats]:
    """Calibrate replicas to so much waiting; return those that have a say, and how much."""
    explained = [replica.explain(seen, waited) for replica in replicas]
    counts = _counts(np.array([one.distance for one in explained]))
    chosen = np.flatnonzero(counts >= FAINT)
    weights: Floats = counts[chosen] / counts[chosen].sum()
    return [explained[number] for number in chosen], weights


def _held(seen: Counted, went: Capacity | None, slack_share: float) -> float:
    """Return the share of all waiting during which so little of what usually is was busy, beside capacity."""
    usual = float(np.quantile(seen.busy[seen.queue > 0], 0.9))
    slack = seen.busy <= slack_share * usual
    if went is not None:
        slack &= went.at(seen.slots) > 0
    between = (slack[1:] & slack[:-1]) * np.diff(seen.slots) * (seen.queue[1:] + seen.queue[:-1]) / 2
    return float(between.sum() / max(seen.waited_seconds, 1.0))


def _counts(distances: Floats) -> Floats:
    """Return how much one of some replicas counts, of one that is nearest; where nobody knows, all alike."""
    if not np.isfinite(distances).any():
        return np.ones(len(distances))
    away = np.maximum(distances, NEAR) - max(float(np.nanmin(distances)), NEAR)
    counts: Floats = np.exp(-(np.nan_to_num(away, nan=np.inf) ** 2) / 2)
    return counts
