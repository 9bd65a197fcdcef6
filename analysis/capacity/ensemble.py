"""What another capacity or demand would do to the wait of a pool's jobs, over all replicas that explain its counts."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Floats
from analysis.capacity.floor import lacking
from analysis.capacity.jobs import Scaled
from analysis.capacity.occupancy import Counted
from analysis.capacity.replicas import FEWEST_QUEUED, SEED, Capacity, Explained, candidates, longest

LEVEL: Final = 0.90
# What replicas leave out, on either side, in logarithms: a share of what they say, and something for any change at all.
# Chosen on 120 simulated pools so that nine in ten truths lie inside; others judge it, see tests/benchmarks/plans.py.
LEFT_OUT: Final = (0.1, 0.05)
# Beside these of waits that have not all ended: by how the jobs that still wait will run, for a share that is unseen.
TO_COME: Final = 0.4
# Likewise where jobs came back to the queue: nobody knows what they lost, and who goes first.
RETURNS: Final = (0.2, 0.2)
# Likewise where jobs may take the whole pool: how many do is guessed, and a few nodes more change much.
WHOLES: Final = (0.15, 0.15)
# Fewer of who came back than this share are nothing.
RETURNED: Final = 0.01
# A replica this much farther away than the nearest counts exp(-1/2) as much; nearer ones than one are all alike.
NEAR: Final = 1.0
# Replicas that count less than this, of the nearest, have no say.
FAINT: Final = 0.1
# Who waits while so little is busy, of what usually is while others wait, may wait for something else than capacity,
SLACK: Final = 0.25
# which is looked at from this share of all waiting on.
HELD: Final = 0.05
# Farther away than this from what was seen no replica explains it.
UNLIKE: Final = 3.0
# By so many times, beyond the time between polls, one type waits longer than another where it is not by chance.
DIFFER: Final = 2.0
# As little of the time between polls is nothing beside today's wait.
SMALL: Final = 0.1
# Replicas of more than this weight whose largest jobs do not fit leave a capacity without an upper bound.
NARROW: Final = 0.05


@dataclass(frozen=True)
class Observed:
    """What the pool's jobs waited: mean and 9-of-10 wait, in seconds."""

    points: Floats
    low: Floats
    high: Floats
    """NaN where there is none."""


@dataclass(frozen=True)
class Effect:
    """What they would have waited: mean and 9-of-10 wait, in seconds."""

    points: Floats
    """NaN where only bounds can be said."""
    low: Floats
    high: Floats
    """NaN where there is none: so large a job as some may be would never have run."""


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
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
    at_once
        Of a pool that hardly queued, whose nodes are not known: the jobs at once that are its capacity here; it may
        have far more.
    """

    def __init__(
        self, seen: Counted, observed: Observed, interval: float, went: Capacity | None, at_once: float | None = None
    ) -> None:
        self.seen, self.interval, self.went, self.at_once = seen, interval, went, at_once
        self.queued = seen.queued >= FEWEST_QUEUED
        self.observed = observed
        self.complete = np.isfinite(observed.points) & np.isfinite(observed.high)
        self.held_share = self._held(SLACK) if self.queued else 0.0
        self._demand, self._scaled = 1.0, dict[int, Scaled]()
        if self.queued:
            self._calibrate()
        else:
            # It had at least the capacity that it ever had busy at once.
            self._explained = [
                Explained(each, float(each.most_busy()) if at_once is None else at_once, np.nan)
                for each in longest(seen, alike=at_once is not None)
            ]
            self._weights = np.ones(len(self._explained))
        # Of what the jobs waited or will have, so much was seen.
        share = 1.0 if self.complete[0] or not self.queued else observed.low[0] / max(float(self._base.points[0]), 1.0)
        self.lacking = lacking(seen, share)
        """What is missing for anything to be said of another capacity; nothing where nothing is."""

    def _held(self, slack_share: float) -> float:
        """Return the share of all waiting during which so little of what usually is was busy, beside capacity."""
        seen = self.seen
        usual = float(np.quantile(seen.busy[seen.queue > 0], 0.9))
        slack = seen.busy <= slack_share * usual
        if self.went is not None:
            slack &= self.went.at(seen.slots) > 0
        between = (slack[1:] & slack[:-1]) * np.diff(seen.slots) * (seen.queue[1:] + seen.queue[:-1]) / 2
        return float(between.sum() / max(seen.waited_seconds, 1.0))

    def _calibrate(self) -> None:
        waited, jobs = self.seen.waited_seconds, max(int(self.seen.arrivals.sum()), 1)
        self._explained, weights, beside = list[Explained](), list[float](), list[float]()
        replicas = list(candidates(self.seen, self.went))
        for share in (0.0, self.held_share):
            if share and self.held_share < HELD:
                continue
            made = [each.explain(self.seen, waited * (1 - share)) for each in replicas]
            counts = _counts(np.array([each.distance for each in made]))
            chosen = np.flatnonzero(counts >= FAINT)
            self._explained += [made[number] for number in chosen]
            weights += list(counts[chosen] / counts[chosen].sum())
            beside += [waited * share / jobs] * len(chosen)
            replicas = [replicas[number] for number in chosen]
            if not share and min(each.distance for each in made) <= 2 * UNLIKE:
                # Large jobs explain that others wait while few run; not that they do while none does.
                self.held_share = self._held(0.0)
        self._weights = np.array(weights)
        self._held_seconds = np.column_stack([beside, np.zeros(len(beside))])
        today = [each.replica.waits(each.capacity, as_it_went=True)[:2] for each in self._explained]
        self._today = np.array(today) + self._held_seconds
        modelled = np.array([weighted_quantile(of, self._weights, 0.5) for of in self._today.T])
        observed, half = self.observed, self.interval / 2
        self._base = Observed(
            np.where(self.complete, observed.points, modelled),
            np.where(self.complete, np.fmin(observed.low, observed.points), modelled - half),
            np.where(self.complete, np.fmax(observed.high, observed.points), modelled + half),
        )

    @property
    def distance(self) -> float:
        """How far the nearest replica's counts are from those seen, see `replicas.ALIKE`."""
        return float(min(each.distance for each in self._explained))

    @property
    def to_come(self) -> float:
        """Which share of the waiting of the jobs that came was still to come as the record ended."""
        all_of_it = float(self._base.points[0]) * float(self.seen.arrivals.sum())
        return max(1 - self.seen.waited_seconds / max(all_of_it, 1.0), 0.0)

    @property
    def whole(self) -> bool:
        """Whether jobs that take the whole pool are a part of what explains the counts."""
        return any(each.replica.whole for each in self._explained)

    @property
    def returns(self) -> bool:
        """Whether jobs came back to the queue, as where some pre-empt others: no replica has that."""
        return self.seen.returned > RETURNED * float(self.seen.arrivals.sum())

    @property
    def types_differ(self) -> bool:
        """Whether one type of jobs waits much longer than another: there is an order among them that no replica has."""
        waits = np.array(self.seen.by_type)
        return bool(len(waits) > 1 and waits.max() > DIFFER * (waits.min() + self.interval))

    @property
    def spreads(self) -> tuple[float, float]:
        """The smallest and the largest spread of run times, over their mean, that has a say."""
        spreads = [each.replica.jobs.spread for each in self._explained]
        return min(spreads), max(spreads)

    def effect(self, factor: float, demand: float = 1.0) -> Effect:
        """Return what the same jobs would have waited with so much times the capacity, and with another demand."""
        if self.lacking:
            return self.seen_alone(factor, demand)
        if demand != self._demand:
            # Replicas share their jobs.
            jobs = {id(each.replica.jobs): each.replica.jobs for each in self._explained}
            self._demand, self._scaled = demand, {key: of.scaled(demand, SEED) for key, of in jobs.items()}
        waits = np.array([self._waits(each, factor, demand) for each in self._explained])
        if not self.queued:
            fits = all(each.replica.fits(each.capacity * factor) for each in self._explained)
            return self._bound(waits.max(axis=0), more=factor >= 1.0 and demand <= 1.0, fits=fits)
        base, h = self._base, self.interval
        # Replicas say by what the wait that was seen changes; where not all of it was, what it is.
        ratios = np.log(waits + self._held_seconds + h) - np.log(np.where(self.complete, self._today, base.points) + h)
        same = factor == demand == 1.0 and self.went is None
        points, low, high = np.empty(2), np.empty(2), np.empty(2)
        for measure, of in enumerate(ratios.T):
            # The less alike the nearest of them is, the more they leave out.
            unlike = 0.0 if same and self.complete[measure] else max(self.distance, NEAR)
            middle, least, most = (
                weighted_quantile(of, self._weights, share) for share in (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)
            )
            least -= unlike * (LEFT_OUT[0] * abs(least) + LEFT_OUT[1])
            most += unlike * (LEFT_OUT[0] * abs(most) + LEFT_OUT[1])
            if not self.complete[measure]:
                least, most = least - TO_COME * self.to_come, most + TO_COME * self.to_come
            for some, (share, any_) in ((self.returns, RETURNS), (self.whole, WHOLES)):
                if some and not same:
                    least, most = least - share * abs(least) - any_, most + share * abs(most) + any_
            middle, least, most = (
                max(np.exp(each) * (base.points[measure] + h) - h, 0.0) for each in (middle, least, most)
            )
            points[measure] = middle
            low[measure] = least - self._doubt(base.points[measure] - base.low[measure], least, measure)
            high[measure] = most + self._doubt(base.high[measure] - base.points[measure], most, measure)
        points, low, high = (np.maximum(each, 0.0) for each in (points, low, high))
        if same:
            # What is not all seen yet is at least what was.
            points, low = (np.fmax(each, self.observed.low) for each in (points, low))
        high = np.maximum(high, points)
        if factor >= 1.0 and demand == 1.0 and self.went is None:
            # With more room nobody waits longer than was seen.
            points, high = np.fmin(points, self.observed.high), np.fmin(high, self.observed.high)
        narrow = np.array([not each.replica.fits(each.capacity * factor) for each in self._explained])
        low = np.minimum(low, points)
        if self._weights[narrow].sum() > NARROW * self._weights.sum():
            high = np.full(2, np.nan)
        if 2 * self._weights[narrow].sum() > self._weights.sum():
            # Replicas run their largest jobs on what these take: that is less waiting than there would be.
            points = np.full(2, np.nan)
        return Effect(points, low, high)

    def _doubt(self, doubt: float, wait: float, measure: int) -> float:
        """Return what a doubt about today's wait is of another wait: as much of it as that wait is of today's."""
        small = self.interval * SMALL
        return doubt * (wait + small) / (float(self._base.points[measure]) + small)

    def _waits(self, each: Explained, factor: float, demand: float) -> Floats:
        replica = each.replica if demand == 1.0 else each.replica.of(self._scaled[id(each.replica.jobs)])
        mean_and_ninth: Floats = replica.waits(each.capacity * factor)[:2]
        return mean_and_ninth

    def seen_alone(self, factor: float, demand: float) -> Effect:
        """Return what follows from what was seen alone: with more room nobody waits longer, with less not shorter.

        Of fewer jobs, or of more, it says nothing.
        """
        seen, nothing = self.observed, np.full(2, np.nan)
        if self.went is not None or demand != 1.0:
            return Effect(nothing, np.zeros(2), nothing)
        if factor == 1.0:
            return Effect(np.where(self.complete, seen.points, np.nan), np.nan_to_num(seen.low), seen.high)
        if factor > 1.0:
            return Effect(nothing, np.zeros(2), seen.high)
        return Effect(nothing, np.nan_to_num(seen.low), nothing)

    def _bound(self, most: Floats, *, more: bool, fits: bool) -> Effect:
        """Return the most that the jobs of a pool that hardly queued would have waited; none where some would not fit.

        With less than it had each event may be a poll later than replicas have it.
        """
        seen = self.observed.high
        if self.at_once is not None:
            high = np.maximum(most, seen)
        else:
            high = seen if more else np.maximum(most + self.interval, seen)
        high = np.full(2, np.nan) if not (fits or more) else np.maximum(high, self.interval)
        return Effect(np.full(2, np.nan), np.zeros(2), high)


def _counts(distances: Floats) -> Floats:
    """Return how much each of some replicas counts, of one that is nearest; where nobody knows, all alike."""
    if not np.isfinite(distances).any():
        return np.ones(len(distances))
    away = np.maximum(distances, NEAR) - max(float(np.nanmin(distances)), NEAR)
    counts: Floats = np.exp(-(np.nan_to_num(away, nan=np.inf) ** 2) / 2)
    return counts
