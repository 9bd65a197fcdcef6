"""Removals: records of finished jobs that were deleted, or whose jobs were restarted, and those that do not show.

A removal shows where a count falls; where a job comes to the count in the same interval, it hides. No bound without an
assumption holds for hidden removals. The assumption is that removals become more frequent as jobs come to the count,
over hours, and do not depend on whether a job came in their own interval. Where u(i) jobs come in an interval on
average around it, removals of k records show in the share sum(u; fewer than k came) / sum(u) of the cases. The removals
that show thus give the number of hidden ones, and its upper limit is that of Fay and Feuer (1997) for a weighted sum of
Poisson numbers. Removals within hours of each other count as one case, as people delete several at a time.
"""

from typing import Final

import numpy as np
from scipy.special import gammaincinv

from analysis.arrays import Floats, Ints
from analysis.calendar import HOUR
from analysis.windows import Unseen

AROUND: Final = 3 * HOUR
"""The time over which the jobs that come are averaged, and within which removals are one case."""
LIMIT: Final = 0.95
"""The confidence of the upper limit of the mean number of removals. On 75 simulated pools with removals the bounds hold
the truth in all windows at 0.9, 0.95 and 0.995; arrivals_high exceeds it by 11, 14 and 19 %, by the median:
tests/benchmarks/returns.py."""


def hidden(slots: Ints, came: Ints, fell: Ints, *, shown_too: bool = False) -> Unseen | None:
    """Return the removals that do not show in a count.

    Parameters
    ----------
    slots
        n, in seconds.
    came, fell
        n - 1: the jobs that came to the count in each interval, and the removals that show.
    shown_too
        Whether removals that show are counted too, at times that are not known.

    Returns
    -------
    Unseen or None
        None where no removal shows, and where all would.
    """
    cases = np.flatnonzero(fell)
    if not len(cases):
        return None
    around, busy = _around(slots, came), _around(slots, np.minimum(came, 1))
    frequency = around if shown_too else around * busy
    sizes, size = np.unique(fell[cases], return_inverse=True)
    # A count that falls by k was changed by at least k removals.
    quiet = np.array([around[came < least].sum() for least in sizes])
    factor = around.sum() / np.maximum(quiet, around.mean()) - (not shown_too)
    weights = np.bincount(slots[cases] // AROUND - slots[0] // AROUND, fell[cases] * np.maximum(factor, 0)[size])
    total, square, largest = weights.sum(), (weights**2).sum(), weights.max()
    if not total or not frequency.sum():
        return None
    scale = (square + largest**2) / (total + largest)
    most = scale * float(gammaincinv((total + largest) / scale, LIMIT))
    until = np.concatenate([[0.0], np.cumsum(frequency * (most / frequency.sum()))])
    return Unseen(until, max(1.0, square / total))


def repeated(slots: Ints, removals: Unseen, retention: int) -> Unseen:
    """Return removals that change a count once more after each retention, see `retention`."""
    turns = range(int(slots[-1] - slots[0]) // retention + 1)
    until = np.sum([np.interp(slots - turn * retention, slots, removals.until) for turn in turns], axis=0)
    return Unseen(until, removals.batch)


def _around(slots: Ints, flow: Ints) -> Floats:
    """Return the mean of a flow over the intervals around each interval."""
    middle = (slots[1:] + slots[:-1]) / 2
    first, after = (np.searchsorted(middle, middle + side * AROUND / 2, side="right") for side in (-1, 1))
    until = np.concatenate([[0], np.cumsum(flow)])
    mean: Floats = (until[after] - until[first]) / (after - first)
    return mean
