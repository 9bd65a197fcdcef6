"""From counts to flows: the jobs that arrived, left the queue and ended between two slots, by conservation.

No job appears or vanishes: the number of active jobs grows by arrivals and shrinks by ends. Ends show in the counts of
the terminal statuses, as far as the API keeps finished jobs (see `counters`). A gap is one long interval.

A record of a finished job that is deleted or restarted hides an end of the same interval, and a running job that is
deleted hides an arrival. Where such removals show, the bounds allow for those that do not, see `removals`. A job that
returns to the queue while another one starts does not show either. Unless returns show, or the caller says that the
pool pre-empts, there are assumed to be none; else arrivals have no upper bound.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from analysis.arrays import Ints
from analysis.notes import Note, Notes, joined, note
from analysis.queue.assumptions import QUEUES
from analysis.queue.counters import Classes, classify
from analysis.queue.ends import Ended, ceiling, ended_in, floor, monotone, since_first
from analysis.queue.removals import hidden
from analysis.queue.unkept_arrivals import unkept_arrivals
from analysis.record.series import Series
from analysis.windows import Since, Unseen
from collector.record.statuses import ENDED


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
    preempts: bool = False
    """Whether jobs may have returned to the queue unseen: returns show, or the pool is known to pre-empt."""

    @property
    def bounded(self) -> bool:
        """Whether the counts bound arrivals from above: not where ends are not kept, or jobs return unseen."""
        return self.counted and not self.preempts

    @property
    def counted(self) -> bool:
        """Whether the counts show all jobs that end."""
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
        return replace(self.arrived, low=low, high=high)


def flows_of(series: Series, queue: str, *, preempts: bool = False) -> Flows:
    """Return the flows of a series.

    Parameters
    ----------
    series
        A series with at least two slots.
    queue
        One of `QUEUES`: the statuses that count as waiting.
    preempts
        Whether the pool is known to return running jobs to the queue.
    """
    counts, classes = series.counts, classify(series)
    waiting = np.sum([counts[status] for status in QUEUES[queue]], axis=0)
    if classes.name in ("absent", "capped"):
        return _unkept(series, classes, queue, waiting, preempts=preempts)
    active = counts["total"] - np.sum([counts[status] for status in ENDED], axis=0)
    ended = {status: ended_in(series, status, classes) for status in ENDED}
    grown, risen = np.diff(active), np.maximum(np.diff(waiting), 0)
    point, most = (np.sum([getattr(ends, name) for ends in ended.values()], axis=0) for name in ("point", "most"))
    restarted, restarted_most = _restarted(series, classes)
    independent = any(ends.since.independent for ends in ended.values())
    removals = _sum_of(ends.removed for ends in ended.values())
    if not independent:
        # The bounds of each interval stand alone. However many jobs ended, the queue grows by arrivals alone.
        back = since_first(np.maximum(risen - grown - most, 0))
        arrivals = np.maximum(grown + point - restarted, risen)
        arrivals_most = np.maximum(grown + most, risen)
        low = since_first(np.maximum(grown + point - restarted_most, risen))
        high = since_first(arrivals_most)
    else:
        needed = since_first(np.maximum(risen - grown, -restarted_most))
        low, high = _sums([ends.since for ends in ended.values()])
        low = low - since_first(restarted_most)
        if removals is not None:
            # Each of these jobs may have been restarted instead of deleted.
            low = low - removals.between(np.zeros(len(low), np.int64), np.arange(len(low)))
        low = needed + ceiling(low - needed)
        # Jobs that the counts of finished jobs cannot explain returned to the queue, or were deleted with others.
        back = ceiling(np.maximum(low - high, 0))
        # From here on bounds of the jobs that ended or returned: between any two slots at least the needed number.
        high = needed + floor(high + back - needed)
        left = np.clip(needed + monotone(since_first(point - restarted) - needed), low, high)
        arrivals = np.diff(active + left)
        arrivals_most = np.maximum(arrivals, grown + np.diff(back) + most)
        low, high = (active - active[0] + bound for bound in (low, high))
    # Where fewer jobs are active, some were deleted; else some returned, or as many were deleted as arrived.
    deletions = np.minimum(np.diff(back), np.maximum(-grown, 0))
    returned = int(back[-1] - deletions.sum())
    if independent and deletions.any():
        # Other deletions look like jobs that ended as one from before the record went; so all that do may be deletions.
        deletions = np.maximum(deletions, -(grown + point))
    deleted = hidden(series.slots, arrivals, deletions)
    unseen = _sum_of([deleted, *(ends.since.unseen for ends in ended.values())])
    preempts = preempts or _most(deleted) < returned
    if preempts:
        # A job that returned need not be counted as an arrival.
        low = floor(np.minimum(low, since_first(np.maximum(grown + point - restarted_most, 0))))
    besides, other = series.besides(), None
    if removals is not None and not preempts:
        near, far = _sums([ends.local for ends in ended.values()])
        near, far = floor(active + near - since_first(restarted_most)), ceiling(active + far)
        most_unseen = _sum_of([deleted, removals, *(ends.local.unseen for ends in ended.values())])
        other = Since(series.slots, near, far, besides, independent, most_unseen)
    return Flows(
        series,
        classes,
        waiting,
        arrivals,
        arrivals_most + np.diff(besides),
        Since(series.slots, low, high, besides, independent, unseen, other),
        ended,
        None,
        joined(classes.notes, *_notes(ended, int(back[-1]), _sum_of([unseen, removals]), preempts=preempts)),
        np.diff(back),
        preempts,
    )


def _notes(ended: Mapping[str, Ended], back: int, unseen: Unseen | None, *, preempts: bool) -> Iterator[Note]:
    for status, ends in ended.items():
        if ends.removed is not None:
            yield note("{status}: some jobs were deleted or restarted before the retention", status=status)
    if back:
        yield note("{jobs:,} jobs returned to the queue, or were deleted with others", jobs=back)
    if most := _most(unseen):
        yield note(
            "bounds allow for up to {jobs:,} more arrivals or ends, which deletions or restarts may hide", jobs=most
        )
    if preempts:
        yield note("jobs may return to the queue unseen: arrivals have no upper bound, waits no lower bound")


def _most(unseen: Unseen | None) -> int:
    return 0 if unseen is None else int(unseen.between(np.array(0), np.array(-1)))


def _sums(bounds: Sequence[Since]) -> tuple[Ints, Ints]:
    """Return the sums of lower and of upper bounds."""
    return np.sum([own.low for own in bounds], axis=0), np.sum([own.high for own in bounds], axis=0)


def _sum_of(parts: Iterable[Unseen | None]) -> Unseen | None:
    there = [part for part in parts if part is not None]
    return reduce(Unseen.plus, there) if there else None


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


def _unkept(series: Series, classes: Classes, queue: str, waiting: Ints, *, preempts: bool) -> Flows:
    """Return the flows of a series whose ends do not show in the counts: arrivals by a model, see `unkept_arrivals`."""
    unkept = unkept_arrivals(series, queue)
    # A job that returns to the queue, as another starts, shows like an arrival; the number of active jobs stays.
    active = series.counts["total"] - np.sum([series.counts[status] for status in ENDED], axis=0)
    least = np.maximum(np.diff(active), 0) if preempts else unkept.shown
    shown, arrivals = since_first(least), unkept.arrivals
    since = Since(series.slots, shown, shown, np.zeros_like(shown), independent=False)
    factor = float(arrivals.sum() / max(unkept.shown.sum(), 1))
    model = note("a model puts arrivals at {factor:.2f} times those that the counts show", factor=factor)
    notes = joined(classes.notes, unkept.refused or model)
    none = np.zeros_like(arrivals)
    return Flows(series, classes, waiting, arrivals, arrivals, since, {}, unkept.refused, notes, none, preempts)
