"""A pool in the parts of each window: sums over the time in which it was seen, and ratios of them with intervals."""

import numpy as np
from scipy.special import stdtrit

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.occupancy import Counted
from analysis.queue.levels import GAP
from analysis.queue.totals import LEVEL, PARTS
from analysis.stats.batches import FEWEST, correlation_of
from analysis.windows import ratio


class Parts:
    """A pool in the parts of each window: sums over the time in which it was seen.

    Parameters
    ----------
    windows
        A row a window: start and end, in seconds.
    """

    def __init__(self, seen: Counted, windows: Ints) -> None:
        self.edges = windows[:, :1] + np.diff(windows) * np.linspace(0, 1, PARTS + 1)
        self._slots = seen.slots
        length = np.diff(seen.slots)
        self.seconds = length * (length <= GAP * np.median(length))

    def sums(self, rate: Floats | Ints | Bools) -> Floats:
        """Return what accrued at a rate of each interval, a row a window, a column a part."""
        until = np.concatenate([[0.0], np.cumsum(self.seconds * rate)])
        found: Floats = np.diff(np.interp(self.edges, self._slots, until))
        return found

    def events(self, number: Ints) -> Floats:
        """Return how many events of each interval there were; of gaps too."""
        found: Floats = np.diff(np.interp(self.edges, self._slots, np.concatenate([[0], np.cumsum(number)])))
        return found


def with_interval(part: Floats, whole: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the ratio of sums over the parts of each window, with an interval by how the parts differ.

    The errors are those of a ratio (Cochran, Sampling Techniques, 1977, section 6.4), for parts that are alike because
    they follow each other; NaN below ten effective ones.
    """
    points = ratio(part.sum(axis=1), whole.sum(axis=1))
    low, high = np.full(len(points), np.nan), np.full(len(points), np.nan)
    for window, point in enumerate(points):
        some = whole[window] > 0
        n = int(some.sum())
        if not np.isfinite(point) or n < FEWEST:
            continue
        errors = part[window, some] - point * whole[window, some]
        alike = correlation_of(errors)
        batches = n * (1 - alike) / (1 + alike)
        if batches < FEWEST:
            continue
        error = np.sqrt((errors**2).sum() * n / (n - 1) * (1 + alike) / (1 - alike)) / whole[window].sum()
        wide = float(stdtrit(batches - 1, (1 + LEVEL) / 2)) * error
        low[window], high[window] = max(point - wide, 0.0), point + wide
    return points, low, high
