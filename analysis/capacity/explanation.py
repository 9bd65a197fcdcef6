"""Which replicas explain a pool's counts, and the weight of each.

Its constants were not varied one by one: tests/benchmarks/plans.py judges the plans that result from all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Floats
from analysis.capacity.occupancy import Occupancy
from analysis.capacity.replicas import CalibratedReplica, CapacityChanges, Replica, candidates, longest

NEAR: Final = 1.0
"""Replicas at this distance from the counts or nearer have the same weight; a replica whose distance is larger than
the smallest by 1 has exp(-1/2) of the largest weight."""
FAINT: Final = 0.1
"""Replicas with a smaller share of the largest weight are left out."""
SLACK: Final = 0.25
"""A job that waits while at most this share of the usual number of jobs is busy may wait for another cause than
capacity."""
OTHER: Final = 0.05
"""Other causes are taken into account if they explain at least this share of all waiting."""
FAR: Final = 3.0
"""Replicas with a larger distance do not explain the counts."""
TOO_FAR: Final = 2 * FAR
"""If all replicas have a larger distance, large jobs do not explain either why other jobs wait while few run."""
USUAL: Final = 0.9
"""The usual number of busy jobs is this quantile of their number while others wait."""


@dataclass(frozen=True)
class Explanation:
    """The n replicas of a pool that explain its counts, with their weights."""

    replicas: tuple[CalibratedReplica, ...]
    weights: Floats
    """n; their sum may differ from 1."""
    other_seconds: Floats
    """n: the mean time, in seconds, that a job waits for other causes than capacity, in each replica."""
    other_share: float
    """The share of all waiting that may have other causes than capacity, of 1."""

    @property
    def distance(self) -> float:
        """The smallest distance of a replica, see `CalibratedReplica`; NaN where none is known."""
        return float(np.fmin.reduce([calibrated.distance for calibrated in self.replicas]))

    @property
    def whole(self) -> bool:
        """Whether jobs that take the whole pool are a part of the explanation."""
        return any(calibrated.replica.whole for calibrated in self.replicas)

    @property
    def spreads(self) -> tuple[float, float]:
        """The smallest and the largest ratio of standard deviation to mean of run times, over the replicas."""
        spreads = [calibrated.replica.jobs.spread for calibrated in self.replicas]
        return min(spreads), max(spreads)

    def quantile(self, values: Floats, share: float) -> float:
        """Return the weighted quantile of values, one value per replica."""
        order = np.argsort(values, kind="stable")
        until = np.cumsum(self.weights[order]) - self.weights[order] / 2
        return float(np.interp(share * self.weights.sum(), until, values[order]))

    def too_narrow(self, factor: float) -> float:
        """Return the share of the weight of replicas whose largest jobs do not fit `factor` times the capacity."""
        narrow = np.array([not calibrated.replica.fits(calibrated.capacity * factor) for calibrated in self.replicas])
        return float(self.weights[narrow].sum() / self.weights.sum())


def with_queue(occupancy: Occupancy, changes: CapacityChanges | None) -> Explanation:
    """Explain the counts of a pool that had a queue."""
    waited, jobs = occupancy.waited_seconds, max(int(occupancy.arrivals.sum()), 1)
    replicas, weights = _weighed(candidates(occupancy, changes), occupancy, waited)
    without = Explanation(replicas, weights, np.zeros(len(weights)), _other_share(occupancy, changes, SLACK))
    # Large jobs explain that others wait while few jobs run, but not that they wait while no job runs.
    share = _other_share(occupancy, changes, 0.0) if without.distance <= TOO_FAR else without.other_share
    if share < OTHER:
        return Explanation(replicas, weights, np.zeros(len(weights)), share)
    other = waited * share
    again, weights_again = _weighed((known.replica for known in replicas), occupancy, waited - other)
    seconds = np.repeat([0.0, other / jobs], [len(weights), len(weights_again)])
    return Explanation(replicas + again, np.concatenate([weights, weights_again]), seconds, share)


def without_queue(occupancy: Occupancy, concurrent_jobs: float | None) -> Explanation:
    """Explain the counts of a pool without a queue.

    The capacity of every replica is `concurrent_jobs`; where that is None, the largest capacity that its jobs used.
    """
    replicas = tuple(
        CalibratedReplica(replica, float(replica.most_busy()) if concurrent_jobs is None else concurrent_jobs, np.nan)
        for replica in longest(occupancy, alike=concurrent_jobs is not None)
    )
    return Explanation(replicas, np.ones(len(replicas)), np.zeros(len(replicas)), 0.0)


def _weighed(
    replicas: Iterable[Replica], occupancy: Occupancy, waited_seconds: float
) -> tuple[tuple[CalibratedReplica, ...], Floats]:
    """Return the replicas calibrated to `waited_seconds` of waiting, without those of small weight, and the weights."""
    calibrated = [replica.calibrated(occupancy, waited_seconds) for replica in replicas]
    relative = _relative_weights(np.array([replica.distance for replica in calibrated]))
    chosen = np.flatnonzero(relative >= FAINT)
    weights: Floats = relative[chosen] / relative[chosen].sum()
    return tuple(calibrated[number] for number in chosen), weights


def _other_share(occupancy: Occupancy, changes: CapacityChanges | None, slack: float) -> float:
    """Return the share of all waiting time in which at most `slack` times the usual number of jobs ran.

    Times at which the pool had no capacity do not count.
    """
    usual = float(np.quantile(occupancy.busy[occupancy.queue > 0], USUAL))
    idle = occupancy.busy <= slack * usual
    if changes is not None:
        idle &= changes.at(occupancy.slots) > 0
    waited = (idle[1:] & idle[:-1]) * np.diff(occupancy.slots) * (occupancy.queue[1:] + occupancy.queue[:-1]) / 2
    return float(waited.sum() / max(occupancy.waited_seconds, 1.0))


def _relative_weights(distances: Floats) -> Floats:
    """Return the weights over the weight of the nearest replica; all are 1 where no distance is known."""
    if not np.isfinite(distances).any():
        return np.ones(len(distances))
    away = np.maximum(distances, NEAR) - max(float(np.nanmin(distances)), NEAR)
    relative: Floats = np.exp(-(np.nan_to_num(away, nan=np.inf) ** 2) / 2)
    return relative
