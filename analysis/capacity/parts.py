"""Windows cut into parts: sums over the observed time of each part, and ratios of sums with intervals."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from analysis.arrays import Bools, Floats, Ints, ratio
from analysis.capacity.occupancy import Occupancy
from analysis.estimate import Estimate
from analysis.queue.job_counts import GAP
from analysis.queue.totals import PARTS
from analysis.stats.batches import FEWEST, LEVEL, correlation_of
from analysis.windows import Windows, flowed_until


@dataclass(frozen=True)
class Parts:
    """The parts of each of m windows, and the n - 1 intervals between a pool's slots."""

    edges: Floats
    """m x (`PARTS` + 1): the edges of the parts of each window, in seconds since 1970."""
    slots: Ints
    """n, in seconds."""
    seconds: Floats
    """n - 1: the length of each interval; zero where it is a gap."""

    def sums(self, rate: Floats | Ints | Bools) -> Floats:
        """Return what a rate per second of each interval sums up to in each part, without gaps: m x `PARTS`."""
        until = np.concatenate([[0.0], np.cumsum(self.seconds * rate)])
        sums: Floats = np.diff(np.interp(self.edges, self.slots, until))
        return sums

    def events(self, numbers: Ints) -> Floats:
        """Return the number of events in each part of m windows: m x `PARTS`.

        The events of an interval are spread evenly over it.
        """
        events: Floats = np.diff(flowed_until(self.slots, numbers, self.edges))
        return events

    @property
    def lengths(self) -> Floats:
        """The length of each part in seconds, m x `PARTS`."""
        lengths: Floats = np.diff(self.edges)
        return lengths


def parts_of(occupancy: Occupancy, windows: Windows) -> Parts:
    """Cut windows into parts, for the counts of a pool."""
    length = np.diff(occupancy.slots)
    return Parts(windows.parts(PARTS), occupancy.slots, length * (length <= GAP * np.median(length)))


def ratio_of_sums(numerator: Floats, denominator: Floats) -> Estimate:
    """Return, for each window, the ratio of two sums over its parts, with an interval from the variance of the parts.

    The standard error is that of a ratio (Cochran, Sampling Techniques, 1977, section 6.4), for parts that are
    correlated with the parts before them; with fewer than ten effective parts there is no interval.
    """
    points = ratio(numerator.sum(axis=1), denominator.sum(axis=1))
    low, high = np.full(len(points), np.nan), np.full(len(points), np.nan)
    for window, point in enumerate(points):
        some = denominator[window] > 0
        n = int(some.sum())
        if not np.isfinite(point) or n < FEWEST:
            continue
        errors = numerator[window, some] - point * denominator[window, some]
        correlation = correlation_of(errors)
        batches = n * (1 - correlation) / (1 + correlation)
        if batches < FEWEST:
            continue
        widened = (errors**2).sum() * n / (n - 1) * (1 + correlation) / (1 - correlation)
        error = np.sqrt(widened) / denominator[window].sum()
        half = float(stdtrit(batches - 1, (1 + LEVEL) / 2)) * error
        low[window], high[window] = max(point - half, 0.0), point + half
    return Estimate(points, low, high)
