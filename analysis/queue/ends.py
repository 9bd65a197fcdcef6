"""The jobs that ended in one status, from its count: by its rises, or by the retention where records roll."""

from dataclasses import dataclass

import numpy as np

from analysis.arrays import Ints
from analysis.queue.counters import Classes
from analysis.queue.removals import hidden, repeated
from analysis.queue.retention import ended_since, removed
from analysis.record.series import Series
from analysis.windows import Since, Unseen


@dataclass(frozen=True)
class Ended:
    """The jobs that ended in one status; n slots bound n - 1 intervals."""

    point: Ints
    """n - 1: the jobs that ended in each interval."""
    most: Ints
    """n - 1: the most jobs that can have ended in each interval."""
    since: Since
    """Bounds of the jobs that ended since the first slot; sums of the bounds of intervals would be wider."""
    removed: Unseen | None = None
    """The records that shown before their retention, where such ones show in the count of a status that rolls."""

    @property
    def local(self) -> Since:
        """The bounds whose differences between near slots are narrow, where there are several."""
        return self.since if self.since.other is None else self.since.other


def ended_in(series: Series, status: str, classes: Classes) -> Ended:
    """Return the jobs of a series that ended in one status."""
    count, slots = series.counts[status].astype(np.int64, copy=False), series.slots
    if classes.by_status[status] == "rolling" and classes.retention is not None:
        return _rolling(series, status, classes.retention)
    change = np.diff(count)
    point = np.maximum(change, 0)
    # Ends in the interval of a deletion or a purge do not show: at most as many as in the busiest other interval.
    most = np.where(change < 0, point.max(initial=0), point)
    unseen = hidden(slots, point, np.maximum(-change, 0))
    bounds = since_first(point), since_first(most), series.besides(status)
    return Ended(point, most, Since(slots, *bounds, independent=False, unseen=unseen))


def _rolling(series: Series, status: str, retention: int) -> Ended:
    """Return the jobs that ended in a status whose records go after the retention."""
    count, slots, besides = series.counts[status].astype(np.int64, copy=False), series.slots, series.besides(status)
    shown = removed(slots, count, retention)
    ends = ended_since(slots, count, retention, later_too=not shown.any())
    low, high = np.ceil(ends.low - 1e-6).astype(np.int64), np.floor(ends.high + 1e-6).astype(np.int64)
    near = np.rint(ends.point).astype(np.int64)
    removals = hidden(slots, np.maximum(np.diff(near), 0), shown, shown_too=True)
    local = None
    if removals is not None:
        until = np.arange(len(slots))
        most_removed = removals.between(np.zeros_like(until), until)
        # In the first retention, records that go early cannot be told from those of jobs that ended before the record.
        first = min(int(most_removed[slots <= slots[0] + retention][-1]), int(count[0])) * (until > 0)
        narrow = floor(low) - first, ceiling(high) + first
        local = Since(slots, *narrow, besides, independent=True, unseen=repeated(slots, removals, retention))
        low, high = low - first, high + first + most_removed
    low = ceiling(low)
    high = np.maximum(floor(high), low)
    point = np.clip(monotone(near), low, high)
    # Within one interval the removals of all others do not matter.
    least, largest = (ends.low, ends.high) if removals is not None else (low, high)
    most = np.maximum(np.diff(point), np.floor(largest[1:] - least[:-1] + 1e-6).astype(np.int64))
    since = Since(slots, low, high, besides, independent=True, other=local)
    return Ended(np.diff(point), most, since, removals)


def ceiling(count: Ints) -> Ints:
    """Return the running maximum of a count."""
    highest: Ints = np.maximum.accumulate(count)
    return highest


def floor(count: Ints) -> Ints:
    """Return the running minimum of a count from its end: the largest such count that never falls."""
    lowest: Ints = np.minimum.accumulate(count[::-1])[::-1]
    return lowest


def since_first(flow: Ints) -> Ints:
    """Return the flow from the first slot until each slot (n), from the flow in each interval (n - 1), in jobs."""
    return np.concatenate([[0], np.cumsum(flow)])


def monotone(count: Ints) -> Ints:
    """Return a count that never falls: the middle between its running maximum and, from the end, its running minimum.

    After a gap the estimated count goes up and down; the running maximum alone would be too high.
    """
    middle: Ints = (ceiling(count) + floor(count)) // 2
    return middle
