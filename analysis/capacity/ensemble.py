"""The waits of a pool's jobs with another capacity or demand, over all replicas that explain the pool's counts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.capacity.explanation import NEAR, Explanation, with_queue, without_queue
from analysis.capacity.floor import lacking
from analysis.capacity.occupancy import Occupancy
from analysis.capacity.replicas import FEWEST_QUEUED, SEED, CapacityChanges, Replica
from analysis.estimate import Estimate
from analysis.notes import NOTHING, Notes
from analysis.schemas.capacity import LEVEL

LEFT_OUT: Final = (0.1, 0.05)
"""By how much an interval is widened at each end, in logarithms, for what replicas leave out: a share of the change of
the wait, and a constant for any change of capacity or demand. Chosen on 120 simulated pools so that intervals cover
nine in ten true values, and tested on others, see tests/benchmarks/plans.py. The next constants were chosen there too.
"""
TO_COME: Final = 0.4
"""The constant for waits that have not all ended, times the share of the waiting that is still to come."""
RETURNS: Final = (0.2, 0.2)
"""Share and constant where jobs returned to the queue: the work that they lost and their priority are not known."""
WHOLES: Final = (0.15, 0.15)
"""Share and constant where jobs may take the whole pool: their number is a guess, and a few nodes more change much."""
RETURNED: Final = 0.01
"""The smallest share of the arrivals that counts as jobs that returned to the queue."""
DIFFER: Final = 2.0
"""A type waits much longer than another if its mean wait is more than this many times the other's wait plus the time
between polls."""
SMALL: Final = 0.1
"""This share of the time between polls is added to waits before their ratio is taken, so that none divides by zero."""
NARROW: Final = 0.05
"""If the replicas in which some jobs do not fit a capacity have more than this share of the weight, the waits at this
capacity have no upper bound."""


@dataclass(frozen=True)
class Baseline:
    """The waits with today's capacity: in the replicas, and observed."""

    by_replica: Floats
    """n x 2: mean and P90 wait in each replica, in seconds."""
    waits: Estimate
    """2: mean and P90 wait, in seconds: observed, or estimated by the replicas where not all waits have ended."""


@dataclass(frozen=True)
class Ensemble:
    """The replicas that explain a pool's counts, with one demand."""

    occupancy: Occupancy
    observed: Estimate
    """2: mean and P90 wait of the pool's jobs, in seconds."""
    changes: CapacityChanges | None
    """None where no change of the capacity is known."""
    concurrent_jobs: float | None
    """The capacity of a pool whose nodes are not known; the true capacity may be far higher if there was no queue. None
    where the nodes are known."""
    interval: float
    """The time between polls, in seconds: shorter times cannot be distinguished."""
    explanation: Explanation
    baseline: Baseline | None
    """None where there was no queue: then waits have bounds and no point estimates."""
    lacking: Notes
    """Why the record is too short for a plan of another capacity; empty where it is long enough."""
    demand: float
    """The arrivals as a multiple of those observed."""
    replicas: tuple[Replica, ...]
    """The replicas of the explanation, with their jobs scaled to the demand."""

    def scaled(self, demand: float) -> "Ensemble":
        """Return the ensemble with another demand."""
        originals = tuple(calibrated.replica for calibrated in self.explanation.replicas)
        if demand == 1.0 or self.lacking:
            return replace(self, demand=demand, replicas=originals)
        jobs = {replica.pairing: replica.jobs for replica in originals}
        scaled = {pairing: shared.scaled(demand, SEED) for pairing, shared in jobs.items()}
        replicas = tuple(replica.with_jobs(scaled[replica.pairing]) for replica in originals)
        return replace(self, demand=demand, replicas=replicas)

    @property
    def queued(self) -> bool:
        """Whether the pool had a queue."""
        return self.baseline is not None

    @property
    def complete(self) -> Bools:
        """2: whether mean and P90 wait were observed, so that no model is needed for jobs that still wait."""
        return np.isfinite(self.observed.point) & np.isfinite(self.observed.high)

    def beyond(self, factors: Floats) -> Bools:
        """Return whether, at each multiple of today's capacity, the load on it exceeds every observed load."""
        most = 1.0 if self.changes is None else float(self.changes.at(self.occupancy.slots).max())
        return self.demand * most / factors > 1 + 1e-9

    @property
    def returns(self) -> bool:
        """Whether jobs returned to the queue, as with pre-emption. No replica simulates that."""
        return bool(self.occupancy.returns.sum() > RETURNED * self.occupancy.arrivals.sum())

    @property
    def types_differ(self) -> bool:
        """Whether one type waits much longer than another, so that jobs have priorities. No replica simulates these."""
        waits = np.array(self.occupancy.type_waits)
        return bool(len(waits) > 1 and waits.max() > DIFFER * (waits.min() + self.interval))

    def effect(self, factor: float) -> Estimate:
        """Return the waits that the jobs would have had with `factor` times today's capacity, and this demand.

        Returns
        -------
        Estimate
            2: mean and P90 wait, in seconds. The point is NaN where there are only bounds. The upper bound is NaN where
            some jobs may be too large for the capacity: these would never have run.
        """
        if self.lacking:
            return self.observed_bounds(factor)
        waits = np.array(
            [
                replica.waits(calibrated.capacity * factor)[:2]
                for replica, calibrated in zip(self.replicas, self.explanation.replicas, strict=True)
            ]
        )
        narrow = self.explanation.too_narrow(factor)
        if self.baseline is None:
            return self._most(waits.max(axis=0), more=factor >= 1.0 and self.demand <= 1.0, fits=not narrow)
        today, h, complete = self.baseline.waits, self.interval, self.complete
        # Replicas give the factor by which the observed wait changes; where it was not observed, the wait itself.
        ratios = np.log(waits + _other(self.explanation) + h) - np.log(
            np.where(complete, self.baseline.by_replica, today.point) + h
        )
        same = factor == self.demand == 1.0 and self.changes is None
        points, low, high = np.empty(2), np.empty(2), np.empty(2)
        for measure, ratio in enumerate(ratios.T):
            middle, least, most = (
                self.explanation.quantile(ratio, share) for share in (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)
            )
            for share, change in self._left_out(self.baseline, measure, same=same):
                least, most = least - share * abs(least) - change, most + share * abs(most) + change
            middle, least, most = (
                max(np.exp(logarithm) * (today.point[measure] + h) - h, 0.0) for logarithm in (middle, least, most)
            )
            small = h * SMALL
            scale = float(today.point[measure]) + small
            points[measure] = middle
            # The relative error of today's wait is that of the wait at another capacity too.
            low[measure] = least - (today.point[measure] - today.low[measure]) * (least + small) / scale
            high[measure] = most + (today.high[measure] - today.point[measure]) * (most + small) / scale
        points, low, high = (np.maximum(bound, 0.0) for bound in (points, low, high))
        if same:
            # A wait that has not ended is at least as long as it was observed.
            points, low = (np.fmax(bound, self.observed.low) for bound in (points, low))
        high = np.maximum(high, points)
        low = np.minimum(low, points)
        if narrow > NARROW:
            high = np.full(2, np.nan)
        if narrow > 1 / 2:
            # Replicas give their largest jobs as much capacity as these take, so that waits are too short.
            points = np.full(2, np.nan)
        return Estimate(points, low, high)

    def _left_out(self, baseline: Baseline, measure: int, *, same: bool) -> Iterator[tuple[float, float]]:
        """Yield by how much interval ends are moved, in logarithms: a share of the change, and a constant."""
        complete = bool(self.complete[measure])
        if not (same and complete):
            # The larger the distance of the nearest replica from the counts, the more.
            distance = max(self.explanation.distance, NEAR)
            yield distance * LEFT_OUT[0], distance * LEFT_OUT[1]
        if not complete:
            # In proportion to the share of the waiting that was still to come when the record ended.
            all_waiting = float(baseline.waits.point[0]) * float(self.occupancy.arrivals.sum())
            yield 0.0, TO_COME * max(1 - self.occupancy.waited_seconds / max(all_waiting, 1.0), 0.0)
        if not same and self.returns:
            yield RETURNS
        if not same and self.explanation.whole:
            yield WHOLES

    def observed_bounds(self, factor: float) -> Estimate:
        """Return the bounds that follow from the observed waits alone.

        With more capacity no job waits longer, and with less capacity none waits less. With another demand, or where
        the capacity changed, the waits have no upper bound.
        """
        observed, unknown = self.observed, np.full(2, np.nan)
        if self.changes is not None or self.demand != 1.0:
            return Estimate(unknown, np.zeros(2), unknown)
        if factor == 1.0:
            return Estimate(np.where(self.complete, observed.point, np.nan), np.nan_to_num(observed.low), observed.high)
        if factor > 1.0:
            return Estimate(unknown, np.zeros(2), observed.high)
        return Estimate(unknown, np.nan_to_num(observed.low), unknown)

    def _most(self, most: Floats, *, more: bool, fits: bool) -> Estimate:
        """Return upper bounds of the mean and P90 wait of a pool without a queue; NaN where some jobs would not fit.

        With less than today's capacity each event may be a poll later than in the replicas.
        """
        observed = self.observed.high
        if self.concurrent_jobs is not None:
            high = np.maximum(most, observed)
        else:
            high = observed if more else np.maximum(most + self.interval, observed)
        high = np.full(2, np.nan) if not (fits or more) else np.maximum(high, self.interval)
        return Estimate(np.full(2, np.nan), np.zeros(2), high)


def ensemble_of(
    occupancy: Occupancy, observed: Estimate, changes: CapacityChanges | None, concurrent_jobs: float | None = None
) -> Ensemble:
    """Return the ensemble of the replicas that explain a pool's counts; see `Ensemble` for the parameters."""
    interval = float(np.median(np.diff(occupancy.slots)))
    queued = occupancy.queued_slots >= FEWEST_QUEUED
    explanation = with_queue(occupancy, changes) if queued else without_queue(occupancy, concurrent_jobs)
    replicas = tuple(calibrated.replica for calibrated in explanation.replicas)
    ensemble = Ensemble(
        occupancy, observed, changes, concurrent_jobs, interval, explanation, None, NOTHING, 1.0, replicas
    )
    baseline = _baseline(explanation, observed, ensemble.complete, interval) if queued else None
    share = 1.0
    if baseline is not None and not ensemble.complete[0]:
        share = observed.low[0] / max(float(baseline.waits.point[0]), 1.0)
    return replace(ensemble, baseline=baseline, lacking=lacking(occupancy, share))


def _baseline(explanation: Explanation, observed: Estimate, complete: Bools, interval: float) -> Baseline:
    """Return the waits with today's capacity, in the replicas and observed; all changes are relative to these."""
    today = [calibrated.replica.waits(calibrated.capacity, changing=True)[:2] for calibrated in explanation.replicas]
    by_replica = np.array(today) + _other(explanation)
    modelled = np.array([explanation.quantile(waits, 0.5) for waits in by_replica.T])
    half = interval / 2
    waits = Estimate(
        np.where(complete, observed.point, modelled),
        np.where(complete, np.fmin(observed.low, observed.point), modelled - half),
        np.where(complete, np.fmax(observed.high, observed.point), modelled + half),
    )
    return Baseline(by_replica, waits)


def _other(explanation: Explanation) -> Floats:
    """Return n x 2, in seconds: the part of each replica's mean and P90 wait that has other causes than capacity."""
    return np.column_stack([explanation.other_seconds, np.zeros(len(explanation.other_seconds))])
