"""Who left the queue when: arrivals matched with departures under an order of service.

An event is an interval (begins, ends] between two slots, in seconds, with the arrivals and departures that happened
anywhere in it; the last one ends with the record. A cohort is what arrived in a window (start, end] of time. Where an
event lies partly outside the window, only some of its arrivals may be of the cohort.

Bounds of a cohort's waits, over every order of service and every place of each event in its interval, are in
`mean_bounds` and `quantile_bounds`.
"""

import numba
import numpy as np

from analysis.arrays import Ints

UNBOUNDED = -1
"""Stands for an upper bound that the record does not give."""


@numba.njit(cache=True, nogil=True)
def serve(arrivals: Ints, departures: Ints, waiting: int, newest_share: float) -> tuple[Ints, Ints, Ints]:
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
