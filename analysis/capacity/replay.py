"""Jobs replayed through a pool of another capacity: when each leaves the queue, and whether it starts then."""

from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.compiled import compiled

FOREVER: Final = np.inf


class Work(NamedTuple):
    """Jobs in the order of their arrival, with the units of capacity that they take; times in seconds."""

    arrivals: Floats
    runs: Floats
    """The run time of each job."""
    patience: Floats
    """The wait after which each job gives up; infinite where it never does."""
    kinds: Ints
    """The kind of each job: the index of its width in `widths`."""
    widths: Ints
    """The width of each kind: the units of capacity that a job takes."""
    running: int
    """The number of jobs, the first ones, that run from their arrival on, whatever the capacity."""


class Supply(NamedTuple):
    """A pool's capacity over time. Running jobs continue where the capacity shrinks."""

    changes: Floats
    """When each capacity begins, in seconds, rising; the first is minus infinity."""
    capacity: Ints


class Heap(NamedTuple):
    """Running jobs as a binary heap, ordered by their ends."""

    ends: Floats
    widths: Ints


@compiled
def replay(work: Work, supply: Supply, *, passing: bool) -> tuple[Floats, Bools]:
    """Return when each job leaves the queue, in seconds, and whether it starts then; if not, it gives up.

    Parameters
    ----------
    passing
        Whether a job that fits starts before an older job that does not fit.
    """
    arrivals, kinds, widths = work.arrivals, work.kinds, work.widths
    n, lines = len(arrivals), len(widths) if passing else 1
    departures, starts = arrivals + work.patience, np.zeros(n, np.bool_)
    # Where jobs pass each other each kind has a queue, as a linked list: within a kind it is first in first out.
    follower = np.full(n, -1)
    head, last = np.full(lines, -1), np.full(lines, -1)
    heap, busy = Heap(np.empty(n), np.empty(n, np.int64)), 0
    free, change = supply.capacity[0], 1
    for job in range(work.running):
        departures[job], starts[job] = arrivals[job], True
        _push(heap, busy, arrivals[job] + work.runs[job], widths[kinds[job]])
        busy += 1
        free -= widths[kinds[job]]
    arrival = work.running
    # A view of the queues; empty where no job ever gives up, so that no time is spent on it.
    impatient = head if np.isfinite(work.patience).any() else head[:0]
    while arrival < n or head.max() >= 0:
        now = arrivals[arrival] if arrival < n else FOREVER
        if busy > 0:
            now = min(now, heap.ends[0])
        if change < len(supply.changes):
            now = min(now, supply.changes[change])
        now = min(now, _next_give_up(impatient, departures))
        if now == FOREVER:
            break
        while change < len(supply.changes) and supply.changes[change] <= now:
            free += supply.capacity[change] - supply.capacity[change - 1]
            change += 1
        while busy > 0 and heap.ends[0] <= now:
            free += heap.widths[0]
            busy -= 1
            _pop(heap, busy)
        while arrival < n and arrivals[arrival] <= now:
            line = kinds[arrival] if passing else 0
            if head[line] < 0:
                head[line] = arrival
            else:
                follower[last[line]] = arrival
            last[line] = arrival
            arrival += 1
        while True:
            _drop(impatient, follower, departures, now)
            line = _first(head, widths, free) if passing else 0
            job = head[line] if line >= 0 else -1
            if job < 0 or widths[kinds[job]] > free:
                break
            width = widths[kinds[job]]
            head[line] = follower[job]
            free -= width
            departures[job], starts[job] = now, True
            _push(heap, busy, now + work.runs[job], width)
            busy += 1
    return departures, starts


@compiled
def _push(heap: Heap, size: int, end: float, width: int) -> None:
    """Add a job to a heap of `size` jobs."""
    ends, widths, place = heap.ends, heap.widths, size
    while place > 0:
        above = (place - 1) // 2
        if ends[above] <= end:
            break
        ends[place], widths[place] = ends[above], widths[above]
        place = above
    ends[place], widths[place] = end, width


@compiled
def _pop(heap: Heap, size: int) -> None:
    """Remove the job that ends first from a heap; `size` jobs are left."""
    ends, widths = heap.ends, heap.widths
    end, width, place = ends[size], widths[size], 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and ends[below + 1] < ends[below]:
            below += 1
        if ends[below] >= end:
            break
        ends[place], widths[place] = ends[below], widths[below]
        place = below
    ends[place], widths[place] = end, width


@compiled
def _next_give_up(head: Ints, departures: Floats) -> float:
    """Return when the next job at the head of a queue gives up; jobs behind the head do not block others."""
    now = FOREVER
    for job in head:
        if job >= 0:
            now = min(now, departures[job])
    return now


@compiled
def _drop(head: Ints, follower: Ints, departures: Floats, now: float) -> None:
    """Remove jobs that gave up from the heads of the queues."""
    for line in range(len(head)):
        while head[line] >= 0 and departures[head[line]] <= now:
            head[line] = follower[head[line]]


@compiled
def _first(head: Ints, widths: Ints, free: int) -> int:
    """Return the kind of the oldest waiting job that fits into `free` units of capacity; -1 where no job fits."""
    chosen = -1
    for kind in range(len(widths)):
        if head[kind] >= 0 and widths[kind] <= free and (chosen < 0 or head[kind] < head[chosen]):
            chosen = kind
    return chosen
