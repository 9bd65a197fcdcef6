"""From counts to flows: the jobs that arrived, left the queue and ended between two slots, by conservation.

No job appears or vanishes: the number of active jobs grows by arrivals and shrinks by ends. Ends show in the counts of
the terminal statuses, as far as the API keeps finished jobs (see `counters`). A gap is one long interval.
"""

from dataclasses import dataclass

import numpy as np

from analysis.arrays import Ints
from analysis.notes import Note, Notes, joined, note
from analysis.queue.assumptions import QUEUES
from analysis.queue.counters import Classes, classify
from analysis.queue.retention import ended_since
from analysis.queue.unkept_arrivals import unkept_arrivals
from analysis.record.series import Series
from analysis.windows import Since
from collector.record.statuses import ENDED


@dataclass(frozen=True)
class Ended:
    """The jobs that ended in one status; n slots bound n - 1 intervals."""

    point: Ints
    """n - 1: the jobs that ended in each interval."""
    most: Ints
    """n - 1: the most jobs that can have ended in each interval."""
    since: Since
    """Bounds of the jobs that ended since the first slot; sums of the bounds of intervals would be wider."""


@dataclass(frozen=True)
class Flows:
    """The flows of one series; n slots bound n - 1 intervals."""

    series: Series
    classes: Classes
    queue: Ints
    """n: jobs waiting."""
    arrivals: Ints
    """n - 1: jobs that arrived in the queue, including jobs that returned to it."""
    arrivals_most: Ints
    """n - 1: the most that can have arrived in each interval."""
    arrived: Since
    """Bounds of the jobs that arrived since the first slot."""
    ended: dict[str, Ended]
    """By status; empty where ends do not show in the counts."""
    unestimated: Note | None
    """Why arrivals have no point estimate; None if they have one. Without one `arrivals` are the fewest."""
    notes: Notes
    returned: Ints
    """n - 1: the fewest jobs that must have returned to the queue, or were deleted with others."""

    @property
    def bounded(self) -> bool:
        """Whether the counts bound arrivals from above: not where ends are not kept."""
        rolls_unknown = "rolling" in self.classes.by_status.values() and self.classes.retention is None
        return self.classes.name not in ("absent", "capped") and not rolls_unknown

    @property
    def shown(self) -> Ints:
        """Arrivals in each interval, without those that a model adds: n - 1."""
        return self.arrivals if self.ended else np.diff(self.arrived.low)

    @property
    def departures(self) -> Ints:
        """Jobs that left the queue in each interval, by starting or by giving up: n - 1."""
        return self.arrivals - np.diff(self.queue)

    @property
    def departed(self) -> Since:
        """Bounds of the jobs that left the queue since the first slot, minus the jobs that waited at that slot."""
        low, high = self.arrived.low - self.queue, self.arrived.high - self.queue
        return Since(self.arrived.slots, low, high, self.arrived.besides, self.arrived.independent)


def flows_of(series: Series, queue: str) -> Flows:
    """Return the flows of a series.

    Parameters
    ----------
    series
        A series with at least two slots.
    queue
        One of `QUEUES`: the statuses that count as waiting.
    """
    counts, classes = series.counts, classify(series)
    waiting = np.sum([counts[status] for status in QUEUES[queue]], axis=0)
    if classes.name in ("absent", "capped"):
        return _unkept(series, classes, queue, waiting)
    active = counts["total"] - np.sum([counts[status] for status in ENDED], axis=0)
    ended = {status: _ended(series, status, classes) for status in ENDED}
    grown, risen = np.diff(active), np.maximum(np.diff(waiting), 0)
    point, most = (np.sum([getattr(ends, name) for ends in ended.values()], axis=0) for name in ("point", "most"))
    restarted, restarted_most = _restarted(series, classes)
    independent = any(ends.since.independent for ends in ended.values())
    if not independent:
        # The bounds of each interval stand alone. However many jobs ended, the queue grows by arrivals alone.
        back = _since_first(np.maximum(risen - grown - most, 0))
        arrivals = np.maximum(grown + point - restarted, risen)
        arrivals_most = np.maximum(grown + most, risen)
        low = _since_first(np.maximum(grown + point - restarted_most, risen))
        high = _since_first(arrivals_most)
    else:
        needed = _since_first(np.maximum(risen - grown, -restarted_most))
        low, high = (
            np.sum([getattr(ends.since, bound) for ends in ended.values()], axis=0) for bound in ("low", "high")
        )
        low = low - _since_first(restarted_most)
        low = needed + np.maximum.accumulate(low - needed)
        # Jobs that the counts of finished jobs cannot explain returned to the queue, or were deleted with others.
        back = np.maximum.accumulate(np.maximum(low - high, 0))
        # From here on bounds of the jobs that ended or returned: between any two slots at least the needed number.
        high = needed + np.minimum.accumulate((high + back - needed)[::-1])[::-1]
        left = np.clip(needed + _monotone(_since_first(point - restarted) - needed), low, high)
        arrivals = np.diff(active + left)
        arrivals_most = np.maximum(arrivals, grown + np.diff(back) + most)
        low, high = (active - active[0] + bound for bound in (low, high))
    returned = note("{jobs:,} jobs returned to the queue, or were deleted with others", jobs=int(back[-1]))
    besides = series.besides()
    return Flows(
        series,
        classes,
        waiting,
        arrivals,
        arrivals_most + np.diff(besides),
        Since(series.slots, low, high, besides, independent),
        ended,
        None,
        joined(classes.notes, returned if back[-1] else None),
        np.diff(back),
    )


def _since_first(flow: Ints) -> Ints:
    """Return the flow from the first slot until each slot (n), from the flow in each interval (n - 1), in jobs."""
    return np.concatenate([[0], np.cumsum(flow)])


def _monotone(count: Ints) -> Ints:
    """Return a count that never falls: the middle between its running maximum and, from the end, its running minimum.

    After a gap the estimated count goes up and down; the running maximum alone would be too high.
    """
    above, below = np.maximum.accumulate(count), np.minimum.accumulate(count[::-1])[::-1]
    middle: Ints = (above + below) // 2
    return middle


def _restarted(series: Series, classes: Classes) -> tuple[Ints, Ints]:
    """Return the finished jobs that became active again in each interval, and the most that can have: n - 1 each.

    Where the counts of finished jobs fell and the total did not, these jobs are active again. Where the total fell too,
    but by less, some of these jobs were deleted, and at most the difference is active again.
    """
    fallen = np.zeros(len(series.slots) - 1, np.int64)
    for status in ENDED:
        if classes.by_status[status] != "rolling":
            fallen += np.maximum(-np.diff(series.counts[status]), 0)
    grown = np.diff(series.counts["total"])
    return np.where(grown >= 0, fallen, 0), np.maximum(fallen + np.minimum(grown, 0), 0)


def _ended(series: Series, status: str, classes: Classes) -> Ended:
    """Return the jobs that ended in one status."""
    count, slots, besides = series.counts[status].astype(np.int64, copy=False), series.slots, series.besides(status)
    if classes.by_status[status] == "rolling" and classes.retention is not None:
        ends = ended_since(slots, count, classes.retention)
        low = np.maximum.accumulate(np.ceil(ends.low - 1e-6)).astype(np.int64)
        high = np.minimum.accumulate(np.floor(ends.high + 1e-6)[::-1])[::-1].astype(np.int64)
        high = np.maximum(high, low)
        until = np.clip(_monotone(np.rint(ends.point).astype(np.int64)), low, high)
        most = np.maximum(np.diff(until), high[1:] - low[:-1])
        return Ended(np.diff(until), most, Since(slots, low, high, besides, independent=True))
    change = np.diff(count)
    point = np.maximum(change, 0)
    # Ends in the interval of a deletion or a purge do not show: at most as many as in the busiest other interval.
    most = np.where(change < 0, point.max(initial=0), point)
    return Ended(point, most, Since(slots, _since_first(point), _since_first(most), besides, independent=False))


def _unkept(series: Series, classes: Classes, queue: str, waiting: Ints) -> Flows:
    """Return the flows of a series whose ends do not show in the counts: arrivals by a model, see `unkept_arrivals`."""
    unkept = unkept_arrivals(series, queue)
    shown, arrivals = _since_first(unkept.shown), unkept.arrivals
    since = Since(series.slots, shown, shown, np.zeros_like(shown), independent=False)
    factor = float(arrivals.sum() / max(unkept.shown.sum(), 1))
    model = note("a model puts arrivals at {factor:.2f} times those that the counts show", factor=factor)
    notes = joined(classes.notes, unkept.refused or model)
    return Flows(
        series, classes, waiting, arrivals, arrivals, since, {}, unkept.refused, notes, np.zeros_like(arrivals)
    )
