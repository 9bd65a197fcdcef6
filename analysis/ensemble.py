"""What another capacity or demand would do to the wait of a pool's jobs, over all replicas that explain its counts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.jobs import Counted
from analysis.matching import Real
from analysis.replicas import FEWEST_QUEUED, SEED, Capacity, Explained, Replica, candidates

MEASURES: Final = ("mean", "p90")
LEVEL: Final = 0.90
# What replicas leave out, on either side, in logarithms: a share of what they say, and something for any change at all.
# Chosen on 120 simulated pools so that nine in ten truths lie inside; others judge it, see tests/benchmarks/plans.py.
LEFT_OUT: Final = (0.1, 0.05)
# A replica this much farther away than the nearest counts exp(-1/2) as much; nearer ones than one are all alike.
NEAR: Final = 1.0
# Replicas that count less than this, of the nearest, have no say.
FAINT: Final = 0.005
# Who waits while so little is busy, of what usually is while others wait, may wait for something else than capacity,
SLACK: Final = 0.25
# which is looked at from this share of all waiting on.
HELD: Final = 0.05


@dataclass(frozen=True)
class Observed:
    """What the pool's jobs waited: mean and 9-of-10 wait, in seconds."""

    points: Real
    low: Real
    high: Real
    """NaN where there is none."""


@dataclass(frozen=True)
class Effect:
    """What they would have waited: mean and 9-of-10 wait, in seconds."""

    points: Real
    low: Real
    high: Real


def weighted_quantile(values: Real, weights: Real, share: float) -> float:
    """Return the value that a share of the weights does not exceed."""
    order = np.argsort(values, kind="stable")
    until = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share * weights.sum(), until, values[order]))


class Ensemble:
    """The replicas of a pool that count.

    Parameters
    ----------
    interval
        Between polls, in seconds: nothing is told apart below it.
    went
        How its capacity went; None where that is not known to have changed.
    """

    def __init__(self, seen: Counted, observed: Observed, interval: float, went: Capacity | None) -> None:
        self.seen, self.interval, self._observed = seen, interval, observed
        self.queued = seen.queued >= FEWEST_QUEUED
        self.complete = bool(seen.queue[-1] == 0 and np.isfinite(observed.points).all())
        self.held_share = self._held() if self.queued else 0.0
        self._demand, self._scaled = 1.0, dict[int, Replica]()
        if self.queued:
            self._calibrate(went)
        else:
            self._explained, self._weights = _bounding(seen), np.ones(0)

    def _held(self) -> float:
        """Return the share of all waiting during which little was busy."""
        usual = float(np.quantile(self.seen.busy[self.seen.queue > 0], 0.9))
        slack = self.seen.busy <= SLACK * usual
        between = (slack[1:] & slack[:-1]) * np.diff(self.seen.slots) * (self.seen.queue[1:] + self.seen.queue[:-1]) / 2
        return float(between.sum() / max(self.seen.waited_seconds, 1.0))

    def _calibrate(self, went: Capacity | None) -> None:
        shares = (0.0, self.held_share) if self.held_share >= HELD else (0.0,)
        waited, jobs = self.seen.waited_seconds, max(int(self.seen.arrivals.sum()), 1)
        found: list[Explained] = []
        beside: list[float] = []
        weights: list[float] = []
        for share in shares:
            with ThreadPoolExecutor() as workers:
                made = list(
                    workers.map(lambda each: each.explain(self.seen, waited * (1 - share)), candidates(self.seen, went))  # noqa: B023 - it is used up within the turn
                )
            distances = np.array([each.distance for each in made])
            nearest = float(np.nanmin(distances)) if np.isfinite(distances).any() else 0.0
            away = np.nan_to_num(np.maximum(distances, NEAR) - max(nearest, NEAR), nan=np.inf)
            counts = np.exp(-(away**2) / 2) if np.isfinite(distances).any() else np.ones(len(made))
            chosen = np.flatnonzero(counts >= FAINT)
            found += [made[number] for number in chosen]
            weights += list(counts[chosen] / counts[chosen].sum())
            beside += [waited * share / jobs] * len(chosen)
        self._explained, self._weights = found, np.array(weights)
        self._beside = np.column_stack([beside, np.zeros(len(beside))])
        self._today = (
            np.array([each.replica.waits(each.capacity, as_it_went=True)[:2] for each in found]) + self._beside
        )
        self.distance = float(min(each.distance for each in found))
        if not self.complete:
            points = np.array([weighted_quantile(of, self._weights, 0.5) for of in self._today.T])
            self._observed = Observed(points, points - self.interval / 2, points + self.interval / 2)

    @property
    def spreads(self) -> tuple[float, float]:
        """The smallest and the largest spread of run times, over their mean, that has a say."""
        spreads = [each.replica.jobs.spread for each in self._explained]
        return min(spreads), max(spreads)

    @property
    def utilisation(self) -> float:
        """How much of today's capacity is busy on average; of a pool that never queued at most."""
        width = np.array([each.replica.mean_width / each.capacity for each in self._explained])
        running = self.seen.busy_seconds / max(float(self.seen.slots[-1] - self.seen.slots[0]), 1.0)
        weights = self._weights if self.queued else np.ones(len(width))
        return running * weighted_quantile(width, weights, 0.5)

    def effect(self, factor: float, demand: float = 1.0) -> Effect:
        """Return what the same jobs would have waited with so much times the capacity, and with another demand."""
        if demand != self._demand:
            self._demand, self._scaled = demand, {}
        if not self.queued:
            return self._bound(factor, demand)
        with ThreadPoolExecutor() as workers:
            told = workers.map(
                lambda each: self._of(each[0], each[1].replica, demand).waits(each[1].capacity * factor)[:2],
                enumerate(self._explained),
            )
            waits = np.array(list(told)) + self._beside
        observed, h = self._observed, self.interval
        # With nothing changed replicas say what was seen, where that was all of it.
        base = np.log(self._today + h) if self.complete else np.log(observed.points + h)
        ratios = np.log(waits + h) - base
        changed = factor != 1.0 or demand != 1.0 or not self.complete
        tail = (1 - LEVEL) / 2
        points, low, high = np.empty(2), np.empty(2), np.empty(2)
        for measure, of in enumerate(ratios.T):
            middle, least, most = (weighted_quantile(of, self._weights, share) for share in (0.5, tail, 1 - tail))
            if changed:
                least, most = (
                    bound + side * (LEFT_OUT[0] * abs(bound) + LEFT_OUT[1]) for bound, side in ((least, -1), (most, 1))
                )
            seen = observed.points[measure] + h
            points[measure] = np.exp(middle) * seen - h
            low[measure] = np.exp(least) * (np.fmin(observed.low[measure], observed.points[measure]) + h) - h
            high[measure] = np.exp(most) * (np.fmax(observed.high[measure], observed.points[measure]) + h) - h
        points, low, high = (np.maximum(each, 0.0) for each in (points, low, high))
        return Effect(points, np.minimum(low, points), np.maximum(high, points))

    def _of(self, number: int, replica: Replica, demand: float) -> Replica:
        if demand == 1.0:
            return replica
        if number not in self._scaled:
            self._scaled[number] = replica.scaled(demand, SEED)
        return self._scaled[number]

    def _bound(self, factor: float, demand: float) -> Effect:
        """Return the most that the jobs of a pool that never queued would have waited.

        It had at least the capacity that was ever busy at once.
        """
        waits = np.array(
            [
                self._of(number, each.replica, demand).waits(each.capacity * factor)[:2]
                for number, each in enumerate(self._explained)
            ]
        )
        most = waits.max(axis=0) if len(waits) else np.full(2, np.nan)
        if factor >= demand:
            most = np.fmin(most, self._observed.high)
        return Effect(np.full(2, np.nan), np.zeros(2), np.maximum(most, self.interval))


def _bounding(seen: Counted) -> list[Explained]:
    """Return replicas with the capacity that they ever had busy at once."""
    return [Explained(replica, float(replica.most_busy()), np.nan) for replica in candidates(seen, None)]
