"""The changes of the number of active jobs, which wait or run, over one or several poll intervals.

A change is arrivals minus ends. Arrivals and ends that cancel each other do not show in it; but both are random, and
the more of them there are, the more the changes scatter. From the scatter follow the rates of both, see `level_of`.
Two things scatter too and are taken out before: demand that rises and falls with the time of day, and jumps, which
arrays of jobs make.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.queue.assumptions import QUEUES
from analysis.record.series import Series
from analysis.stats.skellam import cancelled
from collector.record.statuses import ENDED

Values = TypeVar("Values", Floats, Ints)
TREND: Final = 8
"""The intervals on each side of an interval over whose mean change a change is taken: two hours at polls every 15
minutes, in which demand hardly turns."""
LOCAL: Final = 200
"""The intervals on each side over which a rate is a mean: few enough to follow demand, enough for an error of 6 %."""
JUMP: Final = (4.0, 2.0)
"""A jump is a change larger than so many standard deviations, plus so many jobs. With single jobs it is fewer than one
change in 16,000; the second number matters where changes are rare, and have no standard deviation to speak of."""
STEPS: Final = 6
"""The steps of expectation and maximisation, from the rate by the variance on. Without them 39 instead of 41 of 63
pools of traces are answered: bursts of few jobs weigh more in a variance."""
ROUGH: Final = 2
"""The steps of the rates from which jumps are told."""
ROUNDS: Final = 4
"""The most times that jumps are looked for: without the largest ones smaller ones are found."""


class Active(NamedTuple):
    """The active jobs of a series at n slots."""

    steady: Floats
    """n: active jobs since the first slot, with the local mean change in place of jumps and gaps."""
    jumped: Floats
    """n: the running sum of the jumps that were taken out."""
    work: Floats
    """n: the running sum of running jobs times seconds, smoothed; ends are taken to be in proportion."""
    gaps: Ints
    """n: the number of intervals so far that are not of the usual length."""
    jumps: Bools
    """n - 1: whether the change in each interval is a jump."""
    running: float
    """The mean number of running jobs."""


@dataclass(frozen=True)
class Level:
    """The changes over a lag of several intervals, from each slot that has a slot so much later."""

    changes: Ints
    """n - lag: changes without jumps and trend."""
    trend: Floats
    """n - lag: what the local mean change makes of them."""
    rates: Floats
    """n - lag: the mean of arrivals and ends in the same time."""
    arrivals: Floats
    """n - lag: arrivals an interval, half of all arrivals and ends."""
    shown: Floats
    """n - lag: the fewest arrivals an interval that explain the counts at both ends of the lag."""
    regular: Bools
    """n - lag: whether all intervals of the lag have the usual length."""

    def mean(self) -> float:
        """Return the mean arrivals an interval."""
        return float(self.arrivals[self.regular].mean())

    def least(self) -> float:
        """Return the mean of the fewest arrivals an interval."""
        return float(self.shown[self.regular].mean())


def least_arrivals(series: Series, queue: str, lag: int = 1) -> Ints:
    """Return the fewest arrivals that explain the jobs that wait and run, between all slots that lie `lag` apart."""
    needed: Ints = np.zeros(len(series.slots) - lag, np.int64)
    for status in ("Running", "Creating", "Pending"):
        if status not in QUEUES[queue]:
            needed = np.maximum(0, _over(series.counts[status], lag) + needed)
    waiting: Ints = np.sum([series.counts[status] for status in QUEUES[queue]], axis=0)
    least: Ints = np.maximum(0, _over(waiting, lag) + needed)
    return least


def active_of(series: Series, queue: str) -> Active:
    """Return the active jobs of a series."""
    counts, lengths = series.counts, np.diff(series.slots)
    active = counts["total"] - np.sum([counts[status] for status in ENDED], axis=0)
    running = active - np.sum([counts[status] for status in QUEUES[queue]], axis=0)
    usual, times = np.unique(lengths, return_counts=True)
    gap = lengths != usual[times.argmax()]
    busy = _near((running[1:] + running[:-1]) / 2, TREND)
    # A pool that was empty at both slots may have run jobs between them.
    work = (busy + busy.mean() / 10) * lengths
    changes = np.diff(active).astype(float)
    usual_change = max(float(np.quantile(np.abs(changes), 0.9)), 1.0)
    steady = np.where(gap, 0.0, np.clip(changes, -usual_change, usual_change))
    for _ in range(ROUNDS):
        trend = _near(steady, TREND)
        rates = _rates(steady - trend, trend, work, ~gap, ROUGH)
        jumps = (np.abs(changes - trend) > JUMP[0] * np.sqrt(2 * rates) + JUMP[1]) & ~gap
        before, steady = steady, np.where(jumps | gap, trend, changes)
        if np.array_equal(before, steady):
            break
    jumped = np.where(jumps, changes - steady, 0.0)
    return Active(
        _since(steady), _since(jumped), _since(work), _since(gap).astype(np.int64), jumps, float(running.mean())
    )


def level_of(active: Active, shown: Ints, lag: int) -> Level:
    """Return the changes over a lag, and the arrivals that explain them.

    In the model arrivals and ends are independent Poisson counts with one mean, the rate. The expected number of both,
    given their difference, is its absolute value and twice those that cancel, see `skellam.cancelled`. The rate is that
    which equals the mean arrivals that it gives: the maximum of the likelihood.

    Parameters
    ----------
    shown
        The fewest arrivals that explain the counts, over the same lag.
    """
    first = np.arange(len(active.steady) - lag)
    before, after = np.maximum(first - TREND, 0), np.minimum(first + lag + TREND, len(active.steady) - 1)
    share = lag / (after - before)
    trend = share * (active.steady[after] - active.steady[before])
    # The trend has a share of the change in it, by which it makes the change smaller.
    changes = np.rint((_over(active.steady, lag) - trend) / np.sqrt(1 - share)).astype(np.int64)
    regular = _over(active.gaps, lag) == 0
    rates = _rates(changes.astype(float), trend, _over(active.work, lag), regular, STEPS)
    both = np.abs(changes) + 2 * cancelled(changes, rates) + np.abs(_over(active.jumped, lag))
    return Level(changes, trend, rates, both / 2 / lag, shown / lag, regular)


def _rates(changes: Floats, trend: Floats, work: Floats, regular: Bools, steps: int) -> Floats:
    """Return the rate of arrivals and ends in each interval, the mean of both, by the likelihood.

    Ends are in proportion to the work in the interval, and arrivals are ends and the trend.
    """
    worked, whole = np.where(regular, work, 0.0), np.rint(changes).astype(np.int64)

    def rates_by(rates: Floats) -> Floats:
        ends = _ratio(np.where(regular, rates - trend / 2, 0.0), worked) * work
        return np.maximum(ends + trend / 2, np.abs(trend) / 2)

    rates = rates_by(changes**2 / 2)
    for _ in range(steps):
        rates = rates_by(np.abs(whole) / 2 + cancelled(whole, rates))
    return rates


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Return the ratio of the sums of two flows over the neighbours of each interval, or over all without any."""
    near, everywhere = _sums(whole, LOCAL), whole.sum()
    overall = part.sum() / everywhere if everywhere else 0.0
    ratios: Floats = np.divide(_sums(part, LOCAL), near, out=np.full(len(whole), overall), where=near > 0)
    return ratios


def _near(values: Floats, reach: int) -> Floats:
    """Return the mean of each value and its neighbours."""
    means: Floats = _sums(values, reach) / _sums(np.ones(len(values)), reach)
    return means


def _sums(values: Floats, reach: int) -> Floats:
    """Return the sum of each value and its neighbours, so many on each side."""
    until, place = _since(values), np.arange(len(values))
    sums: Floats = until[np.minimum(place + reach + 1, len(values))] - until[np.maximum(place - reach, 0)]
    return sums


def _since(values: Floats | Bools) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def _over(values: Values, lag: int) -> Values:
    """Return the change of a value over a lag."""
    change: Values = values[lag:] - values[:-lag]
    return change
