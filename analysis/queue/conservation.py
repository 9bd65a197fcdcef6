"""From counts to flows: what arrived, left the queue and ended between two slots, by conservation.

Jobs are neither made nor lost: the active ones grow by what arrives and shrink by what ends. What ended is told by the
counts of the terminal statuses, as far as the API keeps them (see `counters`). A gap is one long interval.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.notes import mark
from analysis.queue.counters import Classes, classify
from analysis.queue.retention import ended_since
from analysis.record.series import Series
from collector.record.statuses import ENDED

QUEUES: Final = {
    "queue": ("Queue",),
    "queue+pending": ("Queue", "Pending"),
    "queue+pending+creating": ("Queue", "Pending", "Creating"),
}
LARGEST_CORRECTION: Final = 2.0


@dataclass(frozen=True)
class Ended:
    """What ended in one status: for each interval, and since the first slot at each slot, which pins it better.

    `besides` is what may have ended besides since the first slot, see `Flows`.
    """

    point: Ints
    most: Ints
    since_low: Ints
    since_high: Ints
    besides: Ints
    level: bool
    """Whether the doubt is about all that ended since the first slot, and not about each interval."""


@dataclass(frozen=True)
class Flows:
    """What happened in one series; n slots bound n - 1 intervals."""

    series: Series
    classes: Classes
    queue: Ints
    """n: jobs waiting."""
    arrivals: Ints
    """n - 1: jobs that came into the queue, those too that came back to it."""
    arrivals_most: Ints
    """n - 1: the most that can have come in each interval."""
    came_low: Ints
    came_high: Ints
    """n: bounds of what had come since the first slot."""
    came_besides: Ints
    """n: what may have come besides, where slots were left out whose counts may be as they stand."""
    ended: dict[str, Ended]
    """By status; empty where nothing is kept."""
    unseen: float
    """Where nothing is kept: jobs in truth for one that was seen, by a model; else 1."""
    notes: tuple[str, ...]
    returned: Ints
    """n - 1: at least so many of the arrivals came back to the queue, or were deleted with others."""

    @property
    def bounded(self) -> bool:
        """Whether the counts bound what came from above: not where ends are not kept."""
        return self.classes.name not in ("absent", "capped") and not self._rolls_unknown

    @property
    def level(self) -> bool:
        """Whether the doubt is about all that came since the first slot, and not about each interval."""
        return any(each.level for each in self.ended.values())

    @property
    def _rolls_unknown(self) -> bool:
        return "rolling" in self.classes.by_status.values() and self.classes.retention is None

    @property
    def departures(self) -> Ints:
        """N - 1: jobs that left the queue, by starting or by giving up."""
        return self.arrivals - np.diff(self.queue)


def flows_of(series: Series, queue: str) -> Flows:
    """Find the flows of a series.

    Parameters
    ----------
    series
        With at least two slots.
    queue
        One of `QUEUES`: which statuses are waiting.
    """
    counts, classes = series.counts, classify(series)
    waiting = np.sum([counts[status] for status in QUEUES[queue]], axis=0)
    if classes.name in ("absent", "capped"):
        return _unkept(series, classes, queue, waiting)
    active = counts["total"] - np.sum([counts[status] for status in ENDED], axis=0)
    ended = {status: _ended(series, status, classes) for status in ENDED}
    grown, risen = np.diff(active), np.maximum(np.diff(waiting), 0)
    point, most = _sum(ended, "point"), _sum(ended, "most")
    restarted, may_have = _restarted(series, classes)
    notes = list(classes.notes)
    if not any(each.level for each in ended.values()):
        # Each interval tells of itself. However many ended, the queue grows by arrivals alone.
        back = np.concatenate([[0], np.cumsum(np.maximum(risen - grown - most, 0))])
        arrivals = np.maximum(grown + point - restarted, risen)
        arrivals_most = np.maximum(grown + most, risen)
        low = np.concatenate([[0], np.cumsum(np.maximum(grown + point - may_have, risen))])
        high = np.concatenate([[0], np.cumsum(arrivals_most)])
    else:
        needed = np.concatenate([[0], np.cumsum(np.maximum(risen - grown, -may_have))])
        low = _sum(ended, "since_low") - np.concatenate([[0], np.cumsum(may_have)])
        high = _sum(ended, "since_high")
        low = needed + np.maximum.accumulate(low - needed)
        # What the counts of finished jobs cannot explain came back to the queue, or went with a deletion.
        back = np.maximum.accumulate(np.maximum(low - high, 0))
        # From here on bounds of what left, by ending or by coming back; between any two slots it is what was needed.
        high = needed + np.minimum.accumulate((high + back - needed)[::-1])[::-1]
        left = np.clip(needed + _rising(np.concatenate([[0], np.cumsum(point - restarted)]) - needed), low, high)
        arrivals = np.diff(active + left)
        arrivals_most = np.maximum(arrivals, grown + np.diff(back) + most)
        low, high = (active - active[0] + bound for bound in (low, high))
    if back[-1]:
        note = mark("note", "{jobs:,} came back to the queue, or were deleted with others")
        notes.append(note.format(jobs=back[-1]))
    besides = series.besides()
    arrivals_most = arrivals_most + np.diff(besides)
    return Flows(
        series, classes, waiting, arrivals, arrivals_most, low, high, besides, ended, 1.0, tuple(notes), np.diff(back)
    )


def _sum(ended: dict[str, Ended], what: str) -> Ints:
    total: Ints = np.sum([getattr(each, what) for each in ended.values()], axis=0)
    return total


def _rising(count: Ints) -> Ints:
    """Return what never falls and lies midway between what rises above a count and what rises below it.

    What a gap left open goes up and down; its upper edge alone would be too high.
    """
    above, below = np.maximum.accumulate(count), np.minimum.accumulate(count[::-1])[::-1]
    middle: Ints = (above + below) // 2
    return middle


def _restarted(series: Series, classes: Classes) -> tuple[Ints, Ints]:
    """Return how many finished jobs became active again in each interval, and how many at most.

    Their counts fell, and the total did not: the same jobs are there, and nothing came. Where the total fell by less,
    some were deleted; any may have been, while as many came.
    """
    fallen = np.zeros(len(series.slots) - 1, np.int64)
    for status in ENDED:
        if classes.by_status[status] != "rolling":
            fallen += np.maximum(-np.diff(series.counts[status]), 0)
    grown = np.diff(series.counts["total"])
    return np.where(grown >= 0, fallen, 0), np.maximum(fallen + np.minimum(grown, 0), 0)


def _ended(series: Series, status: str, classes: Classes) -> Ended:
    """Find what ended in one status."""
    count = series.counts[status].astype(np.int64, copy=False)
    if classes.by_status[status] == "rolling" and classes.retention is not None:
        found = ended_since(series.slots, count, classes.retention)
        low = np.maximum.accumulate(np.ceil(found.low - 1e-6)).astype(np.int64)
        high = np.minimum.accumulate(np.floor(found.high + 1e-6)[::-1])[::-1].astype(np.int64)
        high = np.maximum(high, low)
        point = np.clip(_rising(np.rint(found.point).astype(np.int64)), low, high)
        most = np.maximum(np.diff(point), high[1:] - low[:-1])
        return Ended(np.diff(point), most, low, high, series.besides(status), level=True)
    change = np.diff(count)
    point = np.maximum(change, 0)
    # What ended beside a deletion or a purge is not told; as much as in the busiest other interval can have.
    most = np.where(change < 0, point.max(initial=0), point)
    since = np.concatenate([[0], np.cumsum(point)])
    return Ended(point, most, since, np.concatenate([[0], np.cumsum(most)]), series.besides(status), level=False)


def _unkept(series: Series, classes: Classes, queue: str, waiting: Ints) -> Flows:
    """Find the smallest flows that explain the changes, where ends leave no trace."""
    arrivals = _least_arrivals(series, queue)
    came = np.concatenate([[0], np.cumsum(arrivals)])
    unseen = _unseen(series, queue)
    note = mark("note", "by a model {jobs:.2f} jobs came for one that was seen to").format(jobs=unseen)
    besides = np.zeros(len(came), np.int64)
    flows = arrivals, arrivals, came, came, besides
    return Flows(series, classes, waiting, *flows, {}, unseen, (*classes.notes, note), np.zeros_like(arrivals))


def _least_arrivals(series: Series, queue: str, slots: slice = slice(None)) -> Ints:
    """Return the fewest arrivals between some of the slots, all by default, that explain what waits and runs."""
    counts = {name: count[slots] for name, count in series.counts.items()}
    waiting: Ints = np.sum([counts[status] for status in QUEUES[queue]], axis=0)
    needed = np.zeros(len(waiting) - 1, np.int64)
    for status in ("Running", "Creating", "Pending"):
        if status not in QUEUES[queue]:
            needed = np.maximum(0, np.diff(counts[status]) + needed)
    least: Ints = np.maximum(0, np.diff(waiting) + needed)
    return least


def _unseen(series: Series, queue: str) -> float:
    """Return how many jobs there are for one that the smallest flows show, by a model.

    Of two jobs of which one comes and one goes between two slots nothing is seen. Were the slots twice as far apart, a
    share more would be missed; that what is missed falls alike with the next halving, exp(-k h) at a distance of h, is
    the model: the seen at h over the seen at 2 h is the truth over the seen at h.
    """
    seen = _least_arrivals(series, queue).sum()
    halves = [_least_arrivals(series, queue, slice(shift, None, 2)).sum() for shift in (0, 1)]
    coarser = sum(halves) / len(halves)
    return float(np.clip(seen / coarser, 1.0, LARGEST_CORRECTION)) if coarser else 1.0
