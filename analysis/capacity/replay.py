"""Jobs replayed through a pool of another capacity: when each would have left the queue, and whether to run."""

from typing import Final

import numba
import numpy as np

from analysis.arrays import Bools, Floats, Ints

FOREVER: Final = np.inf


@numba.njit(cache=True, nogil=True)
def replay(
    came: Floats,
    ran: Floats,
    patience: Floats,
    kind: Ints,
    widths: Ints,
    running: int,
    changes: Floats,
    capacity: Ints,
    *,
    passing: bool,
) -> tuple[Floats, Bools]:
    """Return when each job leaves the queue, and whether it starts then; else it gives up.

    Parameters
    ----------
    came, ran, patience, kind
        Of each job, in the order of arrival: when it comes, for how long it runs, for how long it waits before it gives
        up, and which of the widths it has.
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
    n, lines = len(came), len(widths) if passing else 1
    left, starts = came + patience, np.zeros(n, np.bool_)
    # Where jobs pass a queue for each kind, as linked lists: within a kind it is first in first out.
    follower = np.full(n, -1)
    head, last = np.full(lines, -1), np.full(lines, -1)
    # Who runs, as a heap by when they end.
    ends, taken, busy = np.empty(n), np.empty(n, np.int64), 0
    free, change = capacity[0], 1
    for job in range(running):
        left[job], starts[job] = came[job], True
        _push(ends, taken, busy, came[job] + ran[job], widths[kind[job]])
        busy += 1
        free -= widths[kind[job]]
    arrival = running
    # Views of the queues; where nobody ever gives up there is nothing to look at.
    impatient = head if np.isfinite(patience).any() else head[:0]
    while arrival < n or head.max() >= 0:
        now = came[arrival] if arrival < n else FOREVER
        if busy > 0:
            now = min(now, ends[0])
        if change < len(changes):
            now = min(now, changes[change])
        now = min(now, _gives_up(impatient, left))
        if now == FOREVER:
            break
        while change < len(changes) and changes[change] <= now:
            free += capacity[change] - capacity[change - 1]
            change += 1
        while busy > 0 and ends[0] <= now:
            free += taken[0]
            busy -= 1
            _pop(ends, taken, busy)
        while arrival < n and came[arrival] <= now:
            of = kind[arrival] if passing else 0
            if head[of] < 0:
                head[of] = arrival
            else:
                follower[last[of]] = arrival
            last[of] = arrival
            arrival += 1
        while True:
            _drop(impatient, follower, left, now)
            chosen = _first(head, widths, free) if passing else 0
            job = head[chosen] if chosen >= 0 else -1
            if job < 0 or widths[kind[job]] > free:
                break
            width = widths[kind[job]]
            head[chosen] = follower[job]
            free -= width
            left[job], starts[job] = now, True
            _push(ends, taken, busy, now + ran[job], width)
            busy += 1
    return left, starts


@numba.njit(cache=True, nogil=True)
def _push(ends: Floats, taken: Ints, size: int, end: float, width: int) -> None:
    """Put who ends then, and takes so much, into a heap of that size."""
    place = size
    while place > 0:
        above = (place - 1) // 2
        if ends[above] <= end:
            break
        ends[place], taken[place] = ends[above], taken[above]
        place = above
    ends[place], taken[place] = end, width


@numba.njit(cache=True, nogil=True)
def _pop(ends: Floats, taken: Ints, size: int) -> None:
    """Take the first out of a heap, of which so many are left."""
    end, width, place = ends[size], taken[size], 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and ends[below + 1] < ends[below]:
            below += 1
        if ends[below] >= end:
            break
        ends[place], taken[place] = ends[below], taken[below]
        place = below
    ends[place], taken[place] = end, width


@numba.njit(cache=True, nogil=True)
def _gives_up(head: Ints, left: Floats) -> float:
    """Return when the next of those who are first of their kind gives up: who does behind them is in nobody's way."""
    now = FOREVER
    for job in head:
        if job >= 0:
            now = min(now, left[job])
    return now


@numba.njit(cache=True, nogil=True)
def _drop(head: Ints, follower: Ints, left: Floats, now: float) -> None:
    """Take who gave up out of the front of the queues."""
    for kind in range(len(head)):
        while head[kind] >= 0 and left[head[kind]] <= now:
            head[kind] = follower[head[kind]]


@numba.njit(cache=True, nogil=True)
def _first(head: Ints, widths: Ints, free: int) -> int:
    """Return the kind of the oldest who waits and fits; -1 where there is none."""
    chosen = -1
    for of in range(len(widths)):
        if head[of] >= 0 and widths[of] <= free and (chosen < 0 or head[of] < head[chosen]):
            chosen = of
    return chosen
