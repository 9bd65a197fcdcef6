"""Jobs replayed through a pool of another capacity: when each would have started."""

import heapq
from typing import Final

import numba
import numpy as np

from analysis.arrays import Floats, Ints

FOREVER: Final = np.inf


@numba.njit(cache=True, nogil=True)
def replay(
    came: Floats, ran: Floats, kind: Ints, widths: Ints, running: int, changes: Floats, capacity: Ints, *, passing: bool
) -> Floats:
    """Return when each job starts.

    Parameters
    ----------
    came, ran, kind
        Of each job, in the order of arrival: when it comes, for how long it runs, and which of the widths it has.
    widths
        How much of the capacity a job of each kind takes.
    running
        The first so many run from their arrival on, whatever the capacity.
    changes, capacity
        The instants, rising, from which on there is so much capacity; the first is before all else. A job that runs
        goes on when there is less.
    passing
        Whether a job that fits starts before an older one that does not.
    """
    n, kinds = len(came), len(widths)
    starts = np.full(n, FOREVER)
    # A queue for each kind, as linked lists: whoever passes, within a kind it is first in first out.
    follower = np.full(n, -1)
    head, last = np.full(kinds, -1), np.full(kinds, -1)
    ends = [(0.0, 0)]
    ends.pop()
    free, change = capacity[0], 1
    for job in range(running):
        starts[job] = came[job]
        heapq.heappush(ends, (came[job] + ran[job], job))
        free -= widths[kind[job]]
    arrival, waiting = running, 0
    while arrival < n or waiting > 0:
        now = came[arrival] if arrival < n else FOREVER
        if len(ends) > 0:
            now = min(now, ends[0][0])
        if change < len(changes):
            now = min(now, changes[change])
        if now == FOREVER:
            break
        while change < len(changes) and changes[change] <= now:
            free += capacity[change] - capacity[change - 1]
            change += 1
        while len(ends) > 0 and ends[0][0] <= now:
            free += widths[kind[heapq.heappop(ends)[1]]]
        while arrival < n and came[arrival] <= now:
            of = kind[arrival]
            if head[of] < 0:
                head[of] = arrival
            else:
                follower[last[of]] = arrival
            last[of] = arrival
            waiting += 1
            arrival += 1
        while waiting > 0:
            chosen = _first(head, widths, free, passing)
            if chosen < 0 or widths[chosen] > free:
                break
            job = head[chosen]
            head[chosen] = follower[job]
            free -= widths[chosen]
            waiting -= 1
            starts[job] = now
            heapq.heappush(ends, (now + ran[job], job))
    return starts


@numba.njit(cache=True, nogil=True)
def _first(head: Ints, widths: Ints, free: int, passing: bool) -> int:
    """Return the kind of the oldest who waits, of those that fit where these may pass; -1 where there is none."""
    chosen = -1
    for of in range(len(widths)):
        if head[of] >= 0 and (not passing or widths[of] <= free) and (chosen < 0 or head[of] < head[chosen]):
            chosen = of
    return chosen
