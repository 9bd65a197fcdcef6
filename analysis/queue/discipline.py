"""A series' arrivals and departures as events, and the service discipline that a point estimate assumes.

Counts do not tell which job left the queue. A point assumes first in first out, unless the counts show that jobs pass
others: that they start in the slot of their arrival while others wait. Then a share of the departures are of the oldest
jobs, a share of the newest, and the others are of waiting jobs at random; the more jobs pass, the fewer are of the
oldest, and the more of the newest. Where all jobs have one size and none is held back, no job passes: every service
discipline has the same counts, and the point stays first in first out.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Ints
from analysis.notes import Note, note
from analysis.queue.assumptions import POLICIES
from analysis.queue.conservation import Flows
from analysis.queue.matching import Events, Stays, serve
from analysis.windows import Since, Windows

# The constants below were chosen on simulated queues with seeds below 1000, by the errors of P50, P90 and P95. At other
# values these differ by up to an eighth: tests/benchmarks/disciplines.py --constants. The last corner of `NEWEST` was
# chosen among values that differ by less, after traces of real jobs were seen to be nearer with it.
SURE: Final = (1.0, 3.0)
"""The share of arrivals that pass counts as nothing up to so many standard errors, and fully from so many on."""
OLDEST: Final = ((0.0, 0.075), (1.0, 0.0))
NEWEST: Final = ((0.05, 0.3, 0.5), (0.0, 0.7, 1.0))
"""The shares of departures that are of the oldest, and of the newest jobs, by the share of arrivals that pass: x and y
of the corners of a line. The other departures are of jobs at random."""
BACKFILL: Final = 0.05
"""The least share of arrivals that pass in a pool with backfill, whether the counts show them or not."""
FEWEST_MET: Final = 20
"""The fewest intervals with arrivals from which that share is measured."""
BLOCK: Final = 3 * 3600
"""In seconds: arrivals and departures are compared with their means in as long a part of the record, so that busier
times and other capacities do not look like jobs that pass."""


class Discipline(NamedTuple):
    """A service discipline: which jobs leave the queue."""

    described: Note
    oldest: float
    newest: float
    """The shares of departures that are of the oldest and the newest jobs; the others are at random."""


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
    """Return the waits of a series under the service discipline that an order stands for, one of `ORDERS`."""
    return waiting_under(flows, discipline_of(flows, order))


def waiting_under(flows: Flows, discipline: Discipline) -> Waiting:
    """Return the waits of a series under a service discipline."""
    slots, departures, arrived = flows.series.slots, flows.departures, flows.arrived
    departures_most = flows.arrivals_most - np.diff(flows.queue)
    # Intervals without a change are left out; the first and the last interval stay, as they bound the record.
    telling = (flows.arrivals_most > 0) | (departures_most > 0) | (np.diff(arrived.high + arrived.low) > 0)
    telling[[0, -1]] = True
    begins, ends = slots[:-1][telling], slots[1:][telling]
    queue_before, queue_after = flows.queue[:-1][telling], flows.queue[1:][telling]
    flowed, at_first = (flows.arrivals[telling], departures[telling]), int(queue_before[0])
    from_, to, jobs = serve(*flowed, at_first, discipline.oldest, discipline.newest)
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
        discipline.described,
        flows.bounded,
        flows.counted,
        flows.unestimated is None,
        int(np.gcd.reduce(np.diff(slots))),
    )


def discipline_of(flows: Flows, order: str) -> Discipline:
    """Return the service discipline that an order stands for, one of `ORDERS`."""
    if order == "unknown":
        order = POLICIES.get((flows.series.pool.queue_policy or "").lower(), order)
    share = 0.0 if order == "fifo" else max(passing(flows), BACKFILL if order == "backfill" else 0.0)
    oldest, newest = (float(np.interp(share, *line)) for line in (OLDEST, NEWEST))
    if oldest == 1:
        return Discipline(note("fifo"), oldest, newest)
    described = note(
        "{oldest:.0%} oldest first, {random:.0%} at random, {newest:.0%} newest first",
        oldest=oldest,
        random=1 - oldest - newest,
        newest=newest,
    )
    return Discipline(described, oldest, newest)


def passing(flows: Flows) -> float:
    """Return the share of arrivals that left the queue in the interval of their arrival although older jobs waited.

    It is the slope of departures over arrivals, both as deviations from their means in a `BLOCK`, in the intervals that
    begin with at least as many waiting jobs as leave. Where the oldest job leaves first, departures do not depend on
    the arrivals of their interval, and the slope is zero but for chance. It is shrunk towards zero where it is not
    `SURE`, by its robust standard error (HC3: MacKinnon and White, Journal of Econometrics 29 (1985), 305), and zero
    where there are too few arrivals.
    """
    # An arrival that a model adds comes with a departure, and tells nothing.
    slots, waiting, arrivals = flows.series.slots, flows.queue[:-1], flows.shown
    departures = arrivals - np.diff(flows.queue)
    length = np.diff(slots)
    met = (length == np.median(length)) & (waiting > 0) & (departures <= waiting)
    if (arrivals[met] > 0).sum() < FEWEST_MET:
        return 0.0
    _, block, intervals = np.unique((slots[:-1][met] - slots[0]) // BLOCK, return_inverse=True, return_counts=True)
    more, left = (flow[met] - (np.bincount(block, flow[met]) / intervals)[block] for flow in (arrivals, departures))
    squares = float(more @ more)
    if squares == 0:
        return 0.0
    slope = float(more @ left) / squares
    # Below 1, so that an interval that stands alone makes the error large, and not infinite.
    leverage = np.minimum(1 / intervals[block] + more**2 / squares, 0.999)
    error = float(np.sqrt((more / (1 - leverage)) ** 2 @ (left - slope * more) ** 2)) / squares
    low, high = SURE
    return slope * float(np.clip((slope - low * error) / max((high - low) * error, 1e-12), 0.0, 1.0))
