"""Who was served when: a series' arrivals and departures as events, and the order of service that a point assumes.

Counts do not tell who left the queue. A point assumes that a share of those who leave are the newest, and the others
the oldest. By default that share follows from how often jobs start in the slot of their arrival past others that wait.
"""

from functools import cached_property
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.notes import mark
from analysis.queue.conservation import Flows
from analysis.queue.matching import serve

ORDERS: Final = ("unknown", "fifo", "backfill")
# The names of a pool's queue policy are not documented: these are what its pages call them.
POLICIES: Final = {"fifo": "fifo", "traversal": "backfill", "backfill": "backfill"}
# Below and above these shares of arrivals that pass the queue at once it is first in first out, and last in first out.
# Chosen on simulated queues: without passing up to 0.05 was seen, with backfill from 0.25 on the newest went first.
PASSING: Final = (0.05, 0.30)
# As many as this have to have met a queue that could not be served whole.
FEWEST_MET: Final = 20


class Waiting:
    """The waits of one series."""

    def __init__(self, flows: Flows, order: str) -> None:
        slots, departures = flows.series.slots, flows.departures
        most = flows.arrivals_most - np.diff(flows.queue)
        self.bounded, self.level, self.unseen = flows.bounded, flows.level, flows.unseen
        self.order, self.newest_share = _order(flows, order)
        # What the queue did not notice tells nothing; the first and the last interval bound the record.
        telling = (flows.arrivals_most > 0) | (most > 0) | (np.diff(flows.came_high + flows.came_low) > 0)
        telling[[0, -1]] = True
        self.begins, self.ends = slots[:-1][telling], slots[1:][telling]
        self.arrivals, self.departures = flows.arrivals[telling], departures[telling]
        self.arrivals_most, self.departures_most = flows.arrivals_most[telling], most[telling]
        self.possible = np.concatenate([[0], np.cumsum(self.arrivals_most)])
        self.queue_before, self.queue_after = flows.queue[:-1][telling], flows.queue[1:][telling]
        marks = np.flatnonzero(np.append(telling, False) | np.append(False, telling))
        self.slots, self.came_low, self.came_high = slots[marks], flows.came_low[marks], flows.came_high[marks]
        self.came_besides = flows.came_besides[marks]
        # Where ends are not kept only an empty queue says who has left it.
        self.empty = slots[:0] if flows.bounded else slots[flows.queue == 0]
        self.unit = int(np.gcd.reduce(np.diff(slots)))

    @cached_property
    def served(self) -> tuple[Ints, Floats, Ints]:
        """The event of each batch's arrival, its wait in seconds (infinite: not ended), and its jobs."""
        from_, to, jobs = serve(self.arrivals, self.departures, int(self.queue_before[0]), self.newest_share)
        of_record = from_ >= 0
        from_, to, jobs = from_[of_record], to[of_record], jobs[of_record]
        middle = (self.begins + self.ends) / 2
        waits = np.where(to < 0, np.inf, middle[to] - middle[from_])
        in_order = np.argsort(from_, kind="stable")
        return from_[in_order], waits[in_order], jobs[in_order]

    def longest_stay(self, start: int, end: int) -> float:
        """Return how long, at most, who came in a window can have stayed: until the next slot at which nobody waited.

        Infinite where the record does not say. It holds for those too who came and went between two slots.
        """
        start, end = max(start, int(self.slots[0])), min(end, int(self.slots[-1]))
        if end <= start:
            return 0.0
        first, last = np.searchsorted(self.empty, start, side="right"), np.searchsorted(self.empty, end)
        until = self.empty[last] if last < len(self.empty) else np.inf
        return float(np.diff([start, *self.empty[first:last], until]).max())

    def waiting_at(self, instants: Ints) -> Ints:
        """Return how many waited at the last slot until each instant; at the first one before it."""
        queue = np.append(self.queue_before, self.queue_after[-1])
        waiting: Ints = queue[np.searchsorted(self.ends, instants, side="right")]
        return waiting


def _order(flows: Flows, order: str) -> tuple[str, float]:
    """Return the order of service that is assumed, in words and as the share of departures that are the newest."""
    if order == "unknown":
        order = POLICIES.get((flows.series.pool.queue_policy or "").lower(), order)
    if order == "fifo":
        return "fifo", 0.0
    low, high = PASSING
    share = float(np.clip((passing(flows) - low) / (high - low), 0.0, 1.0))
    if order == "backfill":
        share = max(share, 0.5)
    return (mark("note", "fifo") if share == 0 else mark("note", "{share:.0%} newest first").format(share=share)), share


def passing(flows: Flows) -> float:
    """Return the share of arrivals that left the queue in the slot of their arrival, past others that waited.

    The slope of departures over arrivals in the slots that began with more jobs waiting than leave in nearly any slot.
    Where the oldest go first a departure has nothing to do with the arrivals of its slot, and the slope is zero.
    """
    waiting, arrivals, departures = flows.queue[:-1], flows.arrivals, flows.departures
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
