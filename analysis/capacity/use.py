"""How much of a pool is in use: the jobs that it runs at once when it is full, and how many of them run on average."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.occupancy import Counted
from analysis.capacity.parts import Parts, with_interval
from analysis.capacity.replicas import FEWEST_QUEUED, Capacity
from analysis.windows import ratio

FULL: Final = 0.95
"""Of the most that ever ran, which runs on average while others queue where it is the queue that fills the pool."""


@dataclass(frozen=True)
class Servers:
    """How many jobs a pool runs at once in each window."""

    point: Floats
    """While others queue, on average; NaN where the pool may run more: little queued, or large jobs waited beside free
    capacity, so that more ran at other times."""
    low: Floats
    """At least so many."""
    high: Floats
    """NaN where there is none."""
    hardly: Bools
    """Whether hardly anybody queued."""
    most: Floats
    """That ever ran while others queued; at all, where hardly anybody did."""

    @property
    def per_node(self) -> Floats:
        """At least how many run at once where the queue filled the pool; NaN where nobody was held up by others."""
        return np.where(self.hardly, np.nan, np.where(np.isnan(self.low), self.point, self.low))

    def used(self, running: Floats) -> tuple[Floats, Floats]:
        """Return which share of them runs on average, and at most, of how many run on average."""
        least = np.where(np.isnan(self.low), self.point, self.low)
        return ratio(running, self.point), np.clip(ratio(running, least), 0.0, 1.0)


def servers_of(seen: Counted, windows: Ints, parts: Parts, went: Capacity | None = None) -> Servers:
    """Return how many jobs a pool runs at once in each window, with 95 % intervals.

    Parameters
    ----------
    windows
        A row a window: start and end, in seconds.
    parts
        Of these windows.
    went
        How the pool's capacity went; with it the servers are those of the record's end.
    """
    level = np.ones(len(seen.slots)) if went is None else went.at(seen.slots)
    busy = np.divide(seen.busy, level, out=np.zeros(len(level)), where=level > 0)
    queue = np.where(level > 0, seen.queue, 0)
    queued = (queue[1:] > 0) & (queue[:-1] > 0)
    mean, low, high = with_interval(parts.sums((busy[1:] + busy[:-1]) / 2 * queued), parts.sums(queued))
    most, slots = _most(seen.slots, queue, busy, windows)
    hardly = (slots < FEWEST_QUEUED) | np.isnan(mean)
    at_least = hardly | (mean < FULL * most) | (most == 0)
    nothing = np.full(len(most), np.nan)
    # Where hardly anybody queued there was room for all who ran.
    least = np.where(hardly, most, np.where(np.isnan(low), mean, low))
    return Servers(
        np.where(at_least, nothing, mean),
        np.where(at_least, least, low),
        np.where(at_least, nothing, high),
        hardly,
        most,
    )


def _most(slots: Ints, queue: Ints, busy: Floats, windows: Ints) -> tuple[Floats, Ints]:
    """Return the most that ran at once while others queued, in each window, and at how many slots somebody did.

    Where that is hardly any, it is the most that ever ran at once.
    """
    most, queued = np.full(len(windows), np.nan), np.zeros(len(windows), np.int64)
    for window, (first, last) in enumerate(np.searchsorted(slots, windows, side="right")):
        ran, waited = busy[first:last], queue[first:last] > 0
        queued[window] = waited.sum()
        if len(ran):
            most[window] = (ran[waited] if queued[window] >= FEWEST_QUEUED else ran).max()
    return most, queued
