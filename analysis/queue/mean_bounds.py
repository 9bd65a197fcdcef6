"""Bounds of the mean of a cohort's waits over every order of service; see `matching` for events and cohorts.

Sharp, each by one greedy pass: for the smallest waits the cohort is served first among those waiting, for the largest
last.
"""

import numba

from analysis.arrays import Ints
from analysis.queue.matching import UNBOUNDED


@numba.njit(cache=True, nogil=True)
def shortest_total(
    begins: Ints, ends: Ints, arrivals: Ints, departures: Ints, window: tuple[int, int], left_out: tuple[int, int]
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
    begins: Ints,
    ends: Ints,
    arrivals: Ints,
    departures: Ints,
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
