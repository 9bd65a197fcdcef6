"""What another capacity or demand would do to the wait of a pool's jobs, over all replicas that explain its counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.capacity.explanation import NEAR, explanation_of, hardly_queued
from analysis.capacity.floor import lacking
from analysis.capacity.jobs import Scaled
from analysis.capacity.occupancy import Counted
from analysis.capacity.replicas import FEWEST_QUEUED, SEED, Capacity, Explained

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


class Ensemble:
    """The replicas of a pool that count.

    Parameters
    ----------
    went
        How its capacity went; None where that is not known to have changed.
    at_once
        Of a pool that hardly queued, whose nodes are not known: the jobs at once that are its capacity here; it may
        have far more.
    """

    def __init__(self, seen: Counted, observed: Observed, went: Capacity | None, at_once: float | None = None) -> None:
        self.seen, self.went, self.at_once = seen, went, at_once
        self.interval = float(np.median(np.diff(seen.slots)))
        """Between polls, in seconds: nothing is told apart below it."""
        self.queued = seen.queued >= FEWEST_QUEUED
        self.observed = observed
        self.complete = np.isfinite(observed.points) & np.isfinite(observed.high)
        self._demand, self._scaled = 1.0, dict[int, Scaled]()
        self.explanation = explanation_of(seen, went) if self.queued else hardly_queued(seen, at_once)
        if self.queued:
            self._hold_against()
        # Of what the jobs waited or will have, so much was seen.
        share = 1.0 if self.complete[0] or not self.queued else observed.low[0] / max(float(self._base.points[0]), 1.0)
        self.lacking = lacking(seen, share)
        """What is missing for anything to be said of another capacity; nothing where nothing is."""

    def _hold_against(self) -> None:
        """Find what replicas say of today, from which they tell the change of the wait that was seen."""
        why = self.explanation
        self._held_seconds = np.column_stack([why.held_seconds, np.zeros(len(why.held_seconds))])
        today = [one.replica.waits(one.capacity, as_it_went=True)[:2] for one in why.explained]
        self._today = np.array(today) + self._held_seconds
        modelled = np.array([why.quantile(waits, 0.5) for waits in self._today.T])
        observed, half = self.observed, self.interval / 2
        self._base = Observed(
            np.where(self.complete, observed.points, modelled),
            np.where(self.complete, np.fmin(observed.low, observed.points), modelled - half),
            np.where(self.complete, np.fmax(observed.high, observed.points), modelled + half),
        )

    def beyond(self, factors: Floats, demand: float) -> Bools:
        """Tell at which multiples of today's capacity there is more load on it than was ever seen."""
        most = 1.0 if self.went is None else float(self.went.at(self.seen.slots).max())
        return demand * most / factors > 1 + 1e-9

    @property
    def to_come(self) -> float:
        """Which share of the waiting of the jobs that came was still to come as the record ended."""
        all_of_it = float(self._base.points[0]) * float(self.seen.arrivals.sum())
        return max(1 - self.seen.waited_seconds / max(all_of_it, 1.0), 0.0)

    @property
    def returns(self) -> bool:
        """Whether jobs came back to the queue, as where some pre-empt others: no replica has that."""
        return bool(self.seen.returned.sum() > RETURNED * self.seen.arrivals.sum())

    @property
    def types_differ(self) -> bool:
        """Whether one type of jobs waits much longer than another: there is an order among them that no replica has."""
        waits = np.array(self.seen.by_type)
        return bool(len(waits) > 1 and waits.max() > DIFFER * (waits.min() + self.interval))

    def effect(self, factor: float, demand: float = 1.0) -> Effect:
        """Return what the same jobs would have waited with so much times the capacity, and with another demand."""
        if self.lacking:
            return self.seen_alone(factor, demand)
        if demand != self._demand:
            # Replicas share their jobs.
            shared = {id(one.replica.jobs): one.replica.jobs for one in self.explanation.explained}
            self._demand, self._scaled = demand, {key: jobs.scaled(demand, SEED) for key, jobs in shared.items()}
        waits = np.array([self._waits(one, factor, demand) for one in self.explanation.explained])
        narrow = self.explanation.narrow(factor)
        if not self.queued:
            return self._bound(waits.max(axis=0), more=factor >= 1.0 and demand <= 1.0, fits=not narrow)
        base, h = self._base, self.interval
        # Replicas say by what the wait that was seen changes; where not all of it was, what it is.
        ratios = np.log(waits + self._held_seconds + h) - np.log(np.where(self.complete, self._today, base.points) + h)
        same = factor == demand == 1.0 and self.went is None
        points, low, high = np.empty(2), np.empty(2), np.empty(2)
        for measure, ratio in enumerate(ratios.T):
            middle, least, most = (
                self.explanation.quantile(ratio, share) for share in (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)
            )
            for share, change in self._left_out(measure, same=same):
                least, most = least - share * abs(least) - change, most + share * abs(most) + change
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
        low = np.minimum(low, points)
        if narrow > NARROW:
            high = np.full(2, np.nan)
        if narrow > 1 / 2:
            # Replicas run their largest jobs on what these take: that is less waiting than there would be.
            points = np.full(2, np.nan)
        return Effect(points, low, high)

    def _left_out(self, measure: int, *, same: bool) -> Iterator[tuple[float, float]]:
        """Return what replicas leave out: shares of what they say, and something for any change at all."""
        complete = bool(self.complete[measure])
        if not (same and complete):
            # The less alike the nearest of them is, the more.
            unlike = max(self.explanation.distance, NEAR)
            yield unlike * LEFT_OUT[0], unlike * LEFT_OUT[1]
        if not complete:
            yield 0.0, TO_COME * self.to_come
        if not same and self.returns:
            yield RETURNS
        if not same and self.explanation.whole:
            yield WHOLES

    def _doubt(self, doubt: float, wait: float, measure: int) -> float:
        """Return what a doubt about today's wait is of another wait: as much of it as that wait is of today's."""
        small = self.interval * SMALL
        return doubt * (wait + small) / (float(self._base.points[measure]) + small)

    def _waits(self, one: Explained, factor: float, demand: float) -> Floats:
        replica = one.replica if demand == 1.0 else one.replica.of(self._scaled[id(one.replica.jobs)])
        mean_and_ninth: Floats = replica.waits(one.capacity * factor)[:2]
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
