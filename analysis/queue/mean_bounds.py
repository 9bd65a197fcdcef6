"""Bounds of the mean of a cohort's waits over every service discipline; see `matching` for events and cohorts.

Each bound is sharp and takes one greedy pass: for the smallest waits the cohort is served before all other jobs, for
the largest waits after them.
"""

from analysis.compiled import compiled
from analysis.queue.matching import UNBOUNDED, Events


@compiled
def shortest_total(events: Events, window: tuple[int, int], left_out: tuple[int, int], unseen: int) -> float:
    """Return the smallest sum of the waits, in seconds, that a cohort of one series can have had.

    Parameters
    ----------
    events
        The events of the series.
    window
        Start and end of the cohort's window, in seconds.
    left_out
        The arrivals that are not of the cohort, in the first and the last event, which lie partly outside the window.
    unseen
        Further departures, each at any time: at all times so many jobs of the cohort fewer may wait.
    """
    start, end = window
    begins, ends, arrivals, departures = events
    cohort = 0
    total = 0.0
    last = len(begins) - 1
    for event in range(len(begins)):
        if ends[event] <= start:
            continue
        arrived = 0
        if begins[event] < end:
            arrived = arrivals[event]
            if begins[event] < start:
                arrived -= left_out[0]
            if ends[event] > end:
                arrived -= left_out[1]
        elif cohort == 0:
            return total
        # Jobs that waited before leave as the event begins; one that arrives and leaves within it does not wait.
        old = min(cohort, departures[event])
        new = min(arrived, departures[event] - old)
        before, between, after = (
            max(cohort - unseen, 0),
            max(cohort - old - unseen, 0),
            max(cohort - old + arrived - new - unseen, 0),
        )
        total += (before - between) * float(begins[event]) - (after - between) * float(min(ends[event], end))
        cohort += arrived - old - new
    # A wait that has not ended counts with its age.
    return total + max(cohort - unseen, 0) * float(ends[last])


@compiled
def longest_total(events: Events, waiting: int, window: tuple[int, int], left_out: tuple[int, int]) -> float:
    """Return the largest sum of the waits, in seconds, that a cohort of one series can have had.

    It is `UNBOUNDED` where the cohort, served last, still waits at the end of the record. `waiting` is the number of
    jobs that wait before the first event; the other parameters are as in `shortest_total`.
    """
    start, end = window
    begins, ends, arrivals, departures = events
    others = waiting
    cohort = 0
    total = 0.0
    for event in range(len(begins)):
        arrived = 0
        if ends[event] > start and begins[event] < end:
            arrived = arrivals[event]
            if begins[event] < start:
                arrived -= left_out[0]
            if ends[event] > end:
                arrived -= left_out[1]
        elif begins[event] >= end and cohort == 0:
            return total
        others += arrivals[event] - arrived
        others_left = min(others, departures[event])
        cohort_left = departures[event] - others_left
        others -= others_left
        cohort += arrived - cohort_left
        total += cohort_left * float(ends[event]) - arrived * float(max(begins[event], start))
    return float(UNBOUNDED) if cohort else total
