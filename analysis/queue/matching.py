"""Events of a queue, and arrivals matched with departures under a service discipline.

An event is an interval (begin, end] between two slots with the arrivals and departures that happened anywhere in it;
the last one ends with the record. A cohort is the jobs that arrived in a window (start, end]. Where an event lies
partly outside the window, only some of its arrivals may be of the cohort.

Bounds of a cohort's waits, over every service discipline and every place of each event in its interval, are in
`mean_bounds` and `quantile_bounds`.
"""

from typing import NamedTuple

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.compiled import compiled

UNBOUNDED = -1
"""Stands for an upper bound that the record does not give."""


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
def serve(arrivals: Ints, departures: Ints, waiting: int, newest_share: float) -> tuple[Ints, Ints, Ints]:
    """Match arrivals with departures: a share of the departures are of the newest jobs, the others of the oldest.

    Parameters
    ----------
    arrivals, departures
        The jobs that arrive and leave in each event.
    waiting
        The jobs that wait before the first event.
    newest_share
        In [0, 1]: 0 is first in first out, 1 last in first out.

    Returns
    -------
    tuple
        Three arrays with one value per stay: the event of the arrival (-1: before the first event), the event of the
        departure (-1: still waiting at the end), and the number of jobs.
    """
    events = len(arrivals)
    # A deque of stays that arrived together.
    arrived = np.empty(events + 1, np.int64)
    left = np.empty(events + 1, np.int64)
    head, tail = 0, 0
    if waiting > 0:
        arrived[0], left[0], tail = -1, waiting, 1
    # An event ends stays, and takes parts of at most two; at the end every stay may still wait.
    size = 4 * events + 4
    from_, to, jobs = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    matched = 0
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
            from_[matched], to[matched], jobs[matched] = arrived[tail - 1], event, n
            matched += 1
            to_newest -= n
            left[tail - 1] -= n
            if left[tail - 1] == 0:
                tail -= 1
        while to_oldest > 0 and tail > head:
            n = min(to_oldest, left[head])
            from_[matched], to[matched], jobs[matched] = arrived[head], event, n
            matched += 1
            to_oldest -= n
            left[head] -= n
            if left[head] == 0:
                head += 1
    for stay in range(head, tail):
        from_[matched], to[matched], jobs[matched] = arrived[stay], -1, left[stay]
        matched += 1
    return from_[:matched], to[:matched], jobs[:matched]
