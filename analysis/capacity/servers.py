"""The servers of a pool: the number of jobs that run while others wait, and the share of them in use on average."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints, ratio
from analysis.capacity.occupancy import Occupancy
from analysis.capacity.parts import Parts, ratio_of_sums
from analysis.capacity.replicas import FEWEST_QUEUED, CapacityChanges
from analysis.estimate import Estimate
from analysis.windows import Windows

FULL: Final = 0.95
"""A queue is taken to fill the pool where the mean number of jobs that run meanwhile is at least this share of their
maximum. Not measured."""


@dataclass(frozen=True)
class Servers:
    """The servers of a pool in each of n windows."""

    number: Estimate
    """The mean number of jobs that run while others wait. The point is NaN where the pool may run more: it had no
    queue, or large jobs waited beside free capacity, so that more ran at other times."""
    unqueued: Bools
    """Whether there was no queue, or hardly one."""
    most: Floats
    """The most jobs that ran at a slot at which others waited; at any slot, where there was no queue."""

    @property
    def at_least(self) -> Floats:
        """The lower bound of the number of servers in each window; where there is none, the point."""
        return np.where(np.isnan(self.number.low), self.number.point, self.number.low)

    @property
    def queued(self) -> Floats:
        """The lower bound of the number of servers in windows with a queue; NaN in windows without one."""
        return np.where(self.unqueued, np.nan, self.at_least)

    def utilisation(self, running: Floats) -> tuple[Floats, Floats]:
        """Return the mean share of the servers in use, and its upper bound, both of 1, one value per window.

        Parameters
        ----------
        running
            The mean number of running jobs in each window.
        """
        return ratio(running, self.number.point), np.clip(ratio(running, self.at_least), 0.0, 1.0)


def servers_of(occupancy: Occupancy, windows: Windows, parts: Parts, changes: CapacityChanges | None = None) -> Servers:
    """Return the servers of a pool in each window, with 95 % intervals.

    Parameters
    ----------
    parts
        The parts of these windows.
    changes
        How the pool's capacity changed. If given, all counts are scaled to the capacity at the record's end.
    """
    multiples = np.ones(len(occupancy.slots)) if changes is None else changes.at(occupancy.slots)
    busy = np.divide(occupancy.busy, multiples, out=np.zeros(len(multiples)), where=multiples > 0)
    queue = np.where(multiples > 0, occupancy.queue, 0)
    queued = (queue[1:] > 0) & (queue[:-1] > 0)
    mean, low, high = ratio_of_sums(parts.sums((busy[1:] + busy[:-1]) / 2 * queued), parts.sums(queued))
    most, queued_slots = _most(occupancy.slots, queue, busy, windows)
    unqueued = (queued_slots < FEWEST_QUEUED) | np.isnan(mean)
    bound_alone = unqueued | (mean < FULL * most) | (most == 0)
    unknown = np.full(len(most), np.nan)
    # Without a queue there was room for all jobs that ran.
    least = np.where(unqueued, most, np.where(np.isnan(low), mean, low))
    number = Estimate(
        np.where(bound_alone, unknown, mean), np.where(bound_alone, least, low), np.where(bound_alone, unknown, high)
    )
    return Servers(number, unqueued, most)


def _most(slots: Ints, queue: Ints, busy: Floats, windows: Windows) -> tuple[Floats, Ints]:
    """Return the most jobs that ran at a slot with a queue, and the number of such slots, one value of each per window.

    Where a window has fewer than `FEWEST_QUEUED` such slots, the first is the most jobs that ran at any of its slots.
    """
    most, queued_slots = np.full(len(windows), np.nan), np.zeros(len(windows), np.int64)
    for window, (first, after) in enumerate(zip(*windows.places(slots), strict=True)):
        running, queued = busy[first:after], queue[first:after] > 0
        queued_slots[window] = queued.sum()
        if len(running):
            most[window] = (running[queued] if queued_slots[window] >= FEWEST_QUEUED else running).max()
    return most, queued_slots
