"""Who left the queue when: arrivals matched with departures under an order of service, and bounds over every order.

An event is an interval (begins, ends] between two slots, in seconds, with the arrivals and departures that happened
anywhere in it; the last one ends with the record. A cohort is what arrived in a window (start, end] of time. Where an
event lies partly outside the window, only some of its arrivals may be of the cohort.

The bounds are over every order of service and every place of each event in its interval. They are sharp, each by one
greedy pass: the cohort served first among those waiting for the smallest waits, last for the largest; for a quantile
the largest number of the cohort's jobs that can have waited at most w, and more than w.
"""

from typing import TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

Whole: TypeAlias = NDArray[np.int64]
Real: TypeAlias = NDArray[np.float64]

UNBOUNDED = -1
"""Stands for an upper bound that the record does not give."""


@numba.njit(cache=True, nogil=True)
def serve(arrivals: Whole, departures: Whole, waiting: int, newest_share: float) -> tuple[Whole, Whole, Whole]:
    """Match arrivals with departures, a share of which go to who arrived last and the others to who arrived first.

    Parameters
    ----------
    waiting
        How many wait before the first event.
    newest_share
        In [0, 1]: 0 is first in first out, 1 last in first out.

    Returns
    -------
    tuple
        Three arrays: the event of the arrival (-1: before the first), that of the departure (-1: still waiting at the
        end), and how many jobs.
    """
    events = len(arrivals)
    # A deque of batches that arrived together.
    arrived = np.empty(events + 1, np.int64)
    left = np.empty(events + 1, np.int64)
    head, tail = 0, 0
    if waiting > 0:
        arrived[0], left[0], tail = -1, waiting, 1
    # An event ends batches, and takes parts of at most two; at the end each batch may be left.
    size = 4 * events + 4
    from_, to, jobs = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    found = 0
    owed = 0.5
    for event in range(events):
        if arrivals[event] > 0:
            arrived[tail], left[tail] = event, arrivals[event]
            tail += 1
        owed += newest_share * departures[event]
        to_newest = int(owed)
        owed -= to_newest
        to_oldest = departures[event] - to_newest
        while to_newest > 0 and tail > head:
            n = min(to_newest, left[tail - 1])
            from_[found], to[found], jobs[found] = arrived[tail - 1], event, n
            found += 1
            to_newest -= n
            left[tail - 1] -= n
            if left[tail - 1] == 0:
                tail -= 1
        while to_oldest > 0 and tail > head:
            n = min(to_oldest, left[head])
            from_[found], to[found], jobs[found] = arrived[head], event, n
            found += 1
            to_oldest -= n
            left[head] -= n
            if left[head] == 0:
                head += 1
    for batch in range(head, tail):
        from_[found], to[found], jobs[found] = arrived[batch], -1, left[batch]
        found += 1
    return from_[:found], to[:found], jobs[:found]


@numba.njit(cache=True, nogil=True)
def shortest_total(
    begins: Whole, ends: Whole, arrivals: Whole, departures: Whole, window: tuple[int, int], left_out: tuple[int, int]
) -> float:
    """Return the smallest sum of the waits, in seconds, that a cohort of one series can have had.

    Parameters
    ----------
    window
        Its start and end, in seconds.
    left_out
        How many of the arrivals of the first and the last event, which lie partly outside the window, are not of it.
    """
    start, end = window
    cohort = 0
    total = 0.0
    last = len(begins) - 1
    for event in range(len(begins)):
        if ends[event] <= start:
            continue
        mine = 0
        if begins[event] < end:
            mine = arrivals[event]
            if begins[event] < start:
                mine -= left_out[0]
            if ends[event] > end:
                mine -= left_out[1]
        elif cohort == 0:
            return total
        # Those who waited before leave as the event begins, who comes and goes within it does not wait.
        old = min(cohort, departures[event])
        new = min(mine, departures[event] - old)
        total += old * float(begins[event]) - (mine - new) * float(min(ends[event], end))
        cohort += mine - old - new
    # A wait that has not ended counts with its age.
    return total + cohort * float(ends[last]) if cohort else total


@numba.njit(cache=True, nogil=True)
def longest_total(
    begins: Whole,
    ends: Whole,
    arrivals: Whole,
    departures: Whole,
    waiting: int,
    window: tuple[int, int],
    left_out: tuple[int, int],
) -> float:
    """Return the largest sum of the waits, in seconds, that a cohort of one series can have had.

    `UNBOUNDED` where the cohort, served last, still waits at the end of the record. `waiting` before the first event;
    the rest as in `shortest_total`.
    """
    start, end = window
    others = waiting
    cohort = 0
    total = 0.0
    for event in range(len(begins)):
        mine = 0
        if ends[event] > start and begins[event] < end:
            mine = arrivals[event]
            if begins[event] < start:
                mine -= left_out[0]
            if ends[event] > end:
                mine -= left_out[1]
        elif begins[event] >= end and cohort == 0:
            return total
        others += arrivals[event] - mine
        theirs = min(others, departures[event])
        ours = departures[event] - theirs
        others -= theirs
        cohort += mine - ours
        total += ours * float(ends[event]) - mine * float(max(begins[event], start))
    return float(UNBOUNDED) if cohort else total


@numba.njit(cache=True, nogil=True)
def most_within(
    begins: Whole, ends: Whole, arrivals: Whole, departures: Whole, window: tuple[int, int], limit: int
) -> int:
    """Return the largest number of a cohort's jobs that can have waited at most `limit` seconds, in one series.

    Of the cohort the oldest that can still be in time goes first. Whoever still waits at the end can be in time while
    the record has not seen more.
    """
    start, end = window
    first = np.searchsorted(ends, start, side="right")
    size = np.searchsorted(begins, end) - first + 1
    batch, left = np.empty(size, np.int64), np.empty(size, np.int64)
    head, tail, hopeful, within = 0, 0, 0, 0
    last = int(first)
    for event in range(first, len(begins)):
        last = event
        # Who came too long ago for a departure as this event begins is too late; who comes in it is not.
        while head < tail and begins[event] - min(ends[batch[head]], end) > limit:
            hopeful -= left[head]
            head += 1
        if begins[event] < end:
            if arrivals[event] > 0:
                batch[tail], left[tail] = event, arrivals[event]
                hopeful += arrivals[event]
                tail += 1
        elif hopeful == 0:
            break
        served = min(hopeful, departures[event])
        within += served
        hopeful -= served
        while served > 0:
            n = min(served, left[head])
            left[head] -= n
            served -= n
            if left[head] == 0:
                head += 1
    while head < tail and ends[last] - min(ends[batch[head]], end) > limit:
        hopeful -= left[head]
        head += 1
    return within + hopeful


@numba.njit(cache=True, nogil=True)
def most_over(
    begins: Whole, ends: Whole, arrivals: Whole, departures: Whole, waiting: int, window: tuple[int, int], limit: int
) -> int:
    """Return the largest number of a cohort's jobs that can have waited more than `limit` seconds, in one series.

    The others go first; where they do not suffice, who is over the limit already, and then who came last.
    """
    start, end = window
    size = np.searchsorted(begins, end) - np.searchsorted(ends, start, side="right") + 1
    batch, left = np.empty(size, np.int64), np.empty(size, np.int64)
    head, tail, others, waits, over = 0, 0, waiting, 0, 0
    for event in range(len(begins)):
        if ends[event] > start and begins[event] < end:
            if arrivals[event] > 0:
                batch[tail], left[tail] = event, arrivals[event]
                waits += arrivals[event]
                tail += 1
        else:
            if begins[event] >= end and waits == 0:
                break
            others += arrivals[event]
        # Once over the limit it is all the same when it leaves: as good as another.
        while head < tail and ends[event] - max(begins[batch[head]], start) > limit:
            over += left[head]
            others += left[head]
            waits -= left[head]
            head += 1
        served = min(others, departures[event])
        others -= served
        lost = departures[event] - served
        waits -= lost
        while lost > 0:
            n = min(lost, left[tail - 1])
            left[tail - 1] -= n
            lost -= n
            if left[tail - 1] == 0:
                tail -= 1
    return over + waits


@numba.njit(cache=True, nogil=True)
def quantile_bounds(
    offsets: Whole,
    begins: Whole,
    ends: Whole,
    arrivals: Whole,
    departures: Whole,
    waiting: Whole,
    window: tuple[int, int],
    doubtful: int,
    shares: Real,
    unit: int,
) -> tuple[Whole, Whole]:
    """Return the smallest and the largest value that each quantile of a cohort's waits can have.

    A quantile is the order statistic: the smallest wait that at least that share of the jobs did not exceed.

    Parameters
    ----------
    offsets
        The events of series s of the cohort are those from ``offsets[s]`` to ``offsets[s + 1]``.
    waiting
        How many wait in each series before its first event.
    doubtful
        How many of the arrivals may not be of the cohort: each bound leaves out those that are in its way.
    shares
        In (0, 1), rising.
    unit
        Seconds of which all times are multiples, and so all bounds.

    Returns
    -------
    tuple
        Two arrays of seconds; `UNBOUNDED` where the record does not say how large it can be.
    """
    start, end = window
    jobs = 0
    longest = 0
    for series in range(len(offsets) - 1):
        for event in range(offsets[series], offsets[series + 1]):
            if ends[event] > start and begins[event] < end:
                jobs += arrivals[event]
        longest = max(longest, ends[offsets[series + 1] - 1] - start)
    most = longest // unit + 1
    low, high = np.empty(len(shares), np.int64), np.empty(len(shares), np.int64)
    for side in range(2):
        below = -1
        for quantile in range(len(shares)):
            # Ever longer steps until it holds, then halves: most waits are short.
            above, step = below + 1, 1
            while above <= most and not _holds(
                side,
                offsets,
                begins,
                ends,
                arrivals,
                departures,
                waiting,
                window,
                doubtful,
                jobs,
                shares[quantile],
                above * unit,
            ):
                below, above, step = above, min(above + step, max(most, above + 1)), step * 2
            while above <= most and above - below > 1:
                middle = (above + below) // 2
                if _holds(
                    side,
                    offsets,
                    begins,
                    ends,
                    arrivals,
                    departures,
                    waiting,
                    window,
                    doubtful,
                    jobs,
                    shares[quantile],
                    middle * unit,
                ):
                    above = middle
                else:
                    below = middle
            found = above * unit if above <= most else UNBOUNDED
            if side == 0:
                low[quantile] = found
            else:
                high[quantile] = found
            below = min(below, above - 1)
    return low, high


@numba.njit(cache=True, nogil=True)
def _holds(
    side: int,
    offsets: Whole,
    begins: Whole,
    ends: Whole,
    arrivals: Whole,
    departures: Whole,
    waiting: Whole,
    window: tuple[int, int],
    doubtful: int,
    jobs: int,
    share: float,
    limit: int,
) -> bool:
    """Tell whether the share of a cohort that waits at most a limit can be reached (side 0), or must be (side 1)."""
    count = count_of(side, offsets, begins, ends, arrivals, departures, waiting, window, limit)
    counted = jobs - min(doubtful, jobs - count)
    rank = int(np.ceil(share * counted - 1e-9))
    return count >= rank if side == 0 else counted - count >= rank


@numba.njit(cache=True, nogil=True)
def count_of(
    side: int,
    offsets: Whole,
    begins: Whole,
    ends: Whole,
    arrivals: Whole,
    departures: Whole,
    waiting: Whole,
    window: tuple[int, int],
    limit: int,
) -> int:
    """Return `most_within` (side 0) or `most_over` (side 1), summed over series that lie one after the other."""
    count = 0
    for series in range(len(offsets) - 1):
        a, b = offsets[series], offsets[series + 1]
        if side == 0:
            count += most_within(begins[a:b], ends[a:b], arrivals[a:b], departures[a:b], window, limit)
        else:
            count += most_over(begins[a:b], ends[a:b], arrivals[a:b], departures[a:b], waiting[series], window, limit)
    return count
