"""A series' arrivals and departures as events, and the service discipline that a point estimate assumes.

Counts do not tell which job left the queue. A point assumes that a share of the departures are of the newest jobs, and
the others of the oldest. By default that share follows from how often jobs start in the slot of their arrival past
others that wait.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.notes import Note, note
from analysis.queue.assumptions import POLICIES
from analysis.queue.conservation import Flows
from analysis.queue.matching import Events, Stays, serve
from analysis.windows import Since, Windows

PASSING: Final = (0.05, 0.30)
"""Shares of arrivals that leave the queue without waiting while older jobs wait. Up to the first share the point
estimate assumes first in first out, from the second share on last in first out. P90 waits of 200 simulated pools are
wrong by 0.41 octaves on average; by 0.46 at 0.1 and 0.3, by 0.48 at 0.05 and 0.15, by 0.43 at 0.05 and 0.6, by 0.49 if
all are first in first out: tests/benchmarks/classes.py."""
FEWEST_MET: Final = 20
"""The fewest arrivals from which passing is measured; they come to a queue too long to be served within a slot. P90
waits of 200 simulated pools are wrong by 0.41 octaves on average; by 0.39 at 5 and 10, 0.42 at 40:
tests/benchmarks/classes.py."""


@dataclass(frozen=True)
class Waiting:
    """The waits of one series: the intervals in which the queue changed, and the jobs that arrived and left in them."""

    events: Events
    """The intervals with changes, the first and the last too, with the most jobs that can have arrived and left."""
    stays: Stays
    """Arrivals matched with departures by the assumed service discipline."""
    queue_before: Ints
    queue_after: Ints
    """Jobs waiting as each event begins, and as it ends."""
    arrived: Since
    """Bounds of all arrivals since the first slot, at the slots that bound the events."""
    empty: Ints
    """Slots at which no job waited, in seconds, where jobs may have come unseen: these slots alone show that all
    earlier jobs have left the queue. Else no slots."""
    order: Note
    """The assumed service discipline."""
    bounded: bool
    """Whether the counts bound arrivals from above."""
    counted: bool
    """Whether the counts show all jobs that end."""
    estimated: bool
    """Whether arrivals, and so waits, have a point estimate."""
    unit: int
    """In seconds: the distances between all slots are multiples of it."""

    def longest_stay(self, start: int, end: int) -> float:
        """Return the longest time, in seconds, that a job that arrived in a window can have waited.

        It ends at the next of the slots `empty`; infinite where there is none. Jobs that came and left between two
        slots did not wait longer either.
        """
        slots = self.arrived.slots
        start, end = max(start, int(slots[0])), min(end, int(slots[-1]))
        if end <= start:
            return 0.0
        first, last = np.searchsorted(self.empty, start, side="right"), np.searchsorted(self.empty, end)
        until = self.empty[last] if last < len(self.empty) else np.inf
        return float(np.diff([start, *self.empty[first:last], until]).max())

    def unseen_in(self, windows: Windows) -> Ints:
        """Return the most jobs that came unseen while jobs of each window can have waited.

        If the jobs of a window were served before all others, they would have left when as many jobs left as waited at
        its end.
        """
        arrived = self.arrived.other or self.arrived
        if arrived.unseen is None:
            return np.zeros(len(windows), np.int64)
        ends, left = self.events.ends, np.concatenate([[0], np.cumsum(self.events.departures)])
        after = left[np.searchsorted(ends, windows.ends, side="right")] + self.waiting_at(windows.ends)
        gone = ends[np.minimum(np.maximum(np.searchsorted(left, after) - 1, 0), len(ends) - 1)]
        return arrived.unseen_in(Windows(windows.starts, np.maximum(gone, windows.ends)))

    def waiting_at(self, instants: Ints) -> Ints:
        """Return the jobs that waited at the last slot until each instant; before the first slot, those at it."""
        queue = np.append(self.queue_before, self.queue_after[-1])
        waiting: Ints = queue[np.searchsorted(self.events.ends, instants, side="right")]
        return waiting


def waiting_of(flows: Flows, order: str) -> Waiting:
    """Return the waits of a series under a service discipline, one of `assumptions.ORDERS`."""
    slots, departures, arrived = flows.series.slots, flows.departures, flows.arrived
    departures_most = flows.arrivals_most - np.diff(flows.queue)
    described, newest_share = _discipline(flows, order)
    # Intervals without a change are left out; the first and the last interval stay, as they bound the record.
    telling = (flows.arrivals_most > 0) | (departures_most > 0) | (np.diff(arrived.high + arrived.low) > 0)
    telling[[0, -1]] = True
    begins, ends = slots[:-1][telling], slots[1:][telling]
    queue_before, queue_after = flows.queue[:-1][telling], flows.queue[1:][telling]
    from_, to, jobs = serve(flows.arrivals[telling], departures[telling], int(queue_before[0]), newest_share)
    of_record = from_ >= 0
    from_, to, jobs = from_[of_record], to[of_record], jobs[of_record]
    middle = (begins + ends) / 2
    waits = np.where(to < 0, np.inf, middle[to] - middle[from_])
    in_order = np.argsort(from_, kind="stable")
    marks = np.flatnonzero(np.append(telling, False) | np.append(False, telling))
    return Waiting(
        Events(begins, ends, flows.arrivals_most[telling], departures_most[telling]),
        Stays(from_[in_order], waits[in_order], jobs[in_order]),
        queue_before,
        queue_after,
        arrived.at(marks),
        slots[:0] if flows.bounded and not arrived.loose else slots[flows.queue == 0],
        described,
        flows.bounded,
        flows.counted,
        flows.unestimated is None,
        int(np.gcd.reduce(np.diff(slots))),
    )


def _discipline(flows: Flows, order: str) -> tuple[Note, float]:
    """Return the assumed service discipline as a note, and the share of departures that are of the newest jobs."""
    if order == "unknown":
        order = POLICIES.get((flows.series.pool.queue_policy or "").lower(), order)
    if order == "fifo":
        return note("fifo"), 0.0
    low, high = PASSING
    share = float(np.clip((passing(flows) - low) / (high - low), 0.0, 1.0))
    if order == "backfill":
        share = max(share, 0.5)
    return note("fifo") if share == 0 else note("{share:.0%} newest first", share=share), share


def passing(flows: Flows) -> float:
    """Return the share of arrivals that left the queue in the interval of their arrival although older jobs waited.

    It is the slope of departures over arrivals, in the intervals that begin with more waiting jobs than leave in nearly
    any interval. Where the oldest job leaves first, departures do not depend on the arrivals of their interval, and
    the slope is zero. Zero too where there are too few such arrivals.
    """
    # An arrival that a model adds comes with a departure, and tells nothing.
    waiting, arrivals = flows.queue[:-1], flows.shown
    departures = arrivals - np.diff(flows.queue)
    length = np.diff(flows.series.slots)
    usual = length == np.median(length)
    leaving = departures[usual & (waiting > 0) & (departures > 0)]
    if not len(leaving):
        return 0.0
    for enough in (max(2.0, float(np.quantile(leaving, 0.95))), 1.0):
        met = usual & (waiting >= enough)
        if arrivals[met].sum() >= FEWEST_MET and arrivals[met].var() > 0:
            both = np.cov(arrivals[met], departures[met])
            return float(both[0, 1] / both[0, 0])
    return 0.0
