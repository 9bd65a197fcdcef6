"""Events of a queue, and arrivals matched with departures under a service discipline.

An event is an interval (begin, end] between two slots with the arrivals and departures that happened anywhere in it;
the last one ends with the record. A cohort is the jobs that arrived in a window (start, end]. Where an event lies
partly outside the window, only some of its arrivals may be of the cohort.

Bounds of a cohort's waits, over every service discipline and every place of each event in its interval, are in
`mean_bounds` and `quantile_bounds`.
"""

from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.compiled import compiled

UNBOUNDED = -1
"""Stands for an upper bound that the record does not give."""
LOTS: Final = 8
"""The random departures of an event are drawn in about so many lots of as many jobs, one by one where they are fewer.
So an event has few stays, however many jobs leave in it. The number was not chosen by an experiment."""


class Events(NamedTuple):
    """The events of one series, or of several one after the other."""

    begins: Ints
    ends: Ints
    """Seconds."""
    arrivals: Ints
    departures: Ints
    """The most jobs that can have arrived and left in each event."""


class Stays(NamedTuple):
    """Jobs of one series, or of several one after the other, that arrived in one event and left in one."""

    event: Ints
    """The event of the arrival in the series, rising."""
    wait: Floats
    """In seconds; infinite where the wait has not ended."""
    jobs: Ints


@compiled
def part_of(events: Events, first: int, after: int) -> Events:
    """Return the events from index `first` to index `after`, which is excluded."""
    return Events(
        events.begins[first:after],
        events.ends[first:after],
        events.arrivals[first:after],
        events.departures[first:after],
    )


@compiled
def serve(arrivals: Ints, departures: Ints, waiting: int, oldest: float, newest: float) -> tuple[Ints, Ints, Ints]:
    """Match arrivals with departures: shares of them are of the oldest and the newest jobs, the others at random.

    Parameters
    ----------
    arrivals, departures
        The jobs that arrive and leave in each event, at least zero.
    waiting
        The jobs that wait before the first event.
    oldest, newest
        In [0, 1], together at most 1. ``oldest=1`` is first in first out, ``newest=1`` last in first out, and both 0
        random order. The random numbers are the same at every call, so that the same events give the same answer.

    Returns
    -------
    tuple
        Three arrays with one value per stay: the event of the arrival (-1: before the first event), the event of the
        departure (-1: still waiting at the end), and the number of jobs.
    """
    np.random.seed(1)  # noqa: NPY002 - compiled: numba keeps one generator a thread
    events = len(arrivals)
    # The waiting jobs by the event of their arrival, and their sums; the jobs from before the first event come first.
    left, sums = np.zeros(events + 1, np.int64), np.zeros(events + 2, np.int64)
    left[0] = waiting
    _add(sums, 0, waiting)
    # A stay is the last of its batch, of its event's newest, oldest or random departures, or a lot.
    size = (LOTS + 6) * (events + 1)
    from_, to, jobs = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    stays = 0
    of_oldest, of_newest = 0.5, 0.5
    for event in range(events):
        left[event + 1] = arrivals[event]
        _add(sums, event + 1, arrivals[event])
        waiting += arrivals[event]
        leaving = min(departures[event], waiting)
        of_newest += newest * leaving
        of_oldest += oldest * leaving
        to_newest = min(int(of_newest), leaving)
        to_oldest = min(int(of_oldest), leaving - to_newest)
        of_newest -= to_newest
        of_oldest -= to_oldest
        lot = 1 + (leaving - to_newest - to_oldest) // LOTS
        after_newest, after_random, after = waiting - to_newest, waiting - leaving + to_oldest, waiting - leaving
        while waiting > after:
            if waiting > after_newest:
                rank, most = waiting - 1, waiting - after_newest
            elif waiting > after_random:
                rank = np.random.randint(0, waiting)  # noqa: NPY002 - compiled: a Generator is five times slower
                most = min(lot, waiting - after_random)
            else:
                rank, most = 0, waiting - after
            batch = _batch_at(sums, rank)
            taken = min(most, left[batch])
            left[batch] -= taken
            _add(sums, batch, -taken)
            waiting -= taken
            from_[stays], to[stays], jobs[stays] = batch - 1, event, taken
            stays += 1
    for unserved in np.flatnonzero(left):
        from_[stays], to[stays], jobs[stays] = unserved - 1, -1, left[unserved]
        stays += 1
    return from_[:stays], to[:stays], jobs[:stays]


@compiled
def _add(sums: Ints, batch: int, jobs: int) -> None:
    """Add jobs to a batch in a Fenwick tree: each place has the sum of a run of batches; see `_batch_at`."""
    place = batch + 1
    while place < len(sums):
        sums[place] += jobs
        place += place & -place


@compiled
def _batch_at(sums: Ints, rank: int) -> int:
    """Return the batch of the waiting job with a rank in order of arrival, from zero on.

    P. M. Fenwick, A new data structure for cumulative frequency tables, Software 24 (1994), 327.
    """
    step = 1
    while 2 * step < len(sums):
        step *= 2
    place = 0
    while step > 0:
        if place + step < len(sums) and sums[place + step] <= rank:
            place += step
            rank -= sums[place]
        step //= 2
    return place
