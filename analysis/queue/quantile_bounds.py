"""Bounds of the quantiles of a cohort's waits over every service discipline; see `matching` for events and cohorts.

Each bound is sharp and takes greedy passes: the largest number of the cohort's jobs that can have waited at most w, or
more than w, decides whether a quantile can be, or must be, at most w.
"""

from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.compiled import compiled
from analysis.queue.matching import UNBOUNDED, Events, part_of

MOST_PROBES: Final = 256
"""Counts that are kept for other quantiles of the same cohort: a bisection takes at most 2 x 63 per quantile."""


class Cohort(NamedTuple):
    """The jobs that arrived in a window, in the series of a group."""

    firsts: Ints
    lasts: Ints
    """For each series the index of the first event that ends after the window's start, and that after its last event.
    """
    waiting: Ints
    """For each series the jobs that wait before the first of these events."""
    start: int
    end: int
    """Start and end of the window, in seconds."""


@compiled
def most_within(events: Events, window: tuple[int, int], limit: int) -> int:
    """Return the largest number of a cohort's jobs that can have waited at most `limit` seconds, in one series.

    The oldest job of the cohort that can still be in time is served first. A job that still waits at the end of the
    record counts as in time unless it has waited longer already.
    """
    start, end = window
    begins, ends, arrivals, departures = events
    first = np.searchsorted(ends, start, side="right")
    size = np.searchsorted(begins, end) - first + 1
    arrived, left = np.empty(size, np.int64), np.empty(size, np.int64)
    head, tail, hopeful, within = 0, 0, 0, 0
    last = int(first)
    for event in range(first, len(begins)):
        last = event
        # A job that arrived too long before this event begins is late; one that arrives in the event is not.
        while head < tail and begins[event] - min(ends[arrived[head]], end) > limit:
            hopeful -= left[head]
            head += 1
        if begins[event] < end:
            if arrivals[event] > 0:
                arrived[tail], left[tail] = event, arrivals[event]
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
    while head < tail and ends[last] - min(ends[arrived[head]], end) > limit:
        hopeful -= left[head]
        head += 1
    return within + hopeful


@compiled
def most_over(events: Events, waiting: int, window: tuple[int, int], limit: int) -> int:
    """Return the largest number of a cohort's jobs that can have waited more than `limit` seconds, in one series.

    Other jobs are served first, then jobs that are over the limit already, then the newest jobs.
    """
    start, end = window
    begins, ends, arrivals, departures = events
    size = np.searchsorted(begins, end) - np.searchsorted(ends, start, side="right") + 1
    arrived, left = np.empty(size, np.int64), np.empty(size, np.int64)
    head, tail, others, waits, over = 0, 0, waiting, 0, 0
    for event in range(len(begins)):
        if ends[event] > start and begins[event] < end:
            if arrivals[event] > 0:
                arrived[tail], left[tail] = event, arrivals[event]
                waits += arrivals[event]
                tail += 1
        else:
            if begins[event] >= end and waits == 0:
                break
            others += arrivals[event]
        # It does not matter when a job leaves that is over the limit: it counts with the other jobs.
        while head < tail and ends[event] - max(begins[arrived[head]], start) > limit:
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


@compiled
def quantile_bounds(  # noqa: PLR0912 - a compiled pass: calls within it would copy its state
    events: Events, cohort: Cohort, uncertain: tuple[int, int], shares: Floats, unit: int
) -> tuple[Ints, Ints]:
    """Return the smallest and the largest value that each quantile of a cohort's waits can have.

    A quantile is the order statistic: the smallest wait that at least that share of the jobs did not exceed.

    Parameters
    ----------
    events
        The events of all series, one after the other.
    uncertain
        The number of arrivals that may not be of the cohort: each bound leaves out the jobs that would narrow it. And
        the number of jobs that may have come unseen, see `cohorts.Spare`: each of these is of the cohort, with the wait
        that widens the bound, and lets one other job wait less.
    shares
        The quantiles as shares of the jobs in (0, 1), rising.
    unit
        In seconds: all times are multiples of it, and so are all bounds.

    Returns
    -------
    tuple
        Two arrays of seconds; `UNBOUNDED` where the record does not bound the quantile.
    """
    doubtful, unseen = uncertain
    jobs = 0
    longest = 0
    for series in range(len(cohort.firsts)):
        longest = max(longest, events.ends[cohort.lasts[series] - 1] - cohort.start)
        for event in range(cohort.firsts[series], cohort.lasts[series]):
            if events.begins[event] >= cohort.end:
                break
            if events.ends[event] > cohort.start:
                jobs += events.arrivals[event]
    most = longest // unit + 1
    low, high = np.empty(len(shares), np.int64), np.empty(len(shares), np.int64)
    # A count serves every quantile.
    limits, counts = np.empty(MOST_PROBES, np.int64), np.empty(MOST_PROBES, np.int64)
    for side in range(2):
        probes = 0
        below = -1
        for quantile in range(len(shares)):
            # Steps double until the condition holds, then a bisection follows: most waits are short.
            above = 0
            while above <= below:
                above = 2 * above + 1
            last = below
            holds = -1
            while holds < 0 or holds - last > 1:
                probe = min(above, most) if holds < 0 else (holds + last) // 2
                count = -1
                for known in range(probes):
                    if limits[known] == probe:
                        count = counts[known]
                if count < 0:
                    count = count_of(side, events, cohort, probe * unit)
                    if probes < MOST_PROBES:
                        limits[probes], counts[probes] = probe, count
                        probes += 1
                if side == 0:
                    count = min(count + unseen, jobs)
                counted = jobs - min(doubtful, jobs - count)
                rank = int(np.ceil(shares[quantile] * (counted + unseen) - 1e-9))
                if count + unseen >= rank if side == 0 else counted - count >= rank:
                    holds = probe
                elif probe == most:
                    # Not even the longest wait of the record.
                    break
                else:
                    last = probe
                    above = 2 * above + 1
            answer = holds * unit if holds >= 0 else UNBOUNDED
            if side == 0:
                low[quantile] = answer
            else:
                high[quantile] = answer
            below = last
    return low, high


@compiled
def count_of(side: int, events: Events, cohort: Cohort, limit: int) -> int:
    """Return `most_within` (side 0) or `most_over` (side 1), summed over series that lie one after the other."""
    window = cohort.start, cohort.end
    count = 0
    for series in range(len(cohort.firsts)):
        own = part_of(events, cohort.firsts[series], cohort.lasts[series])
        if side == 0:
            count += most_within(own, window, limit)
        else:
            count += most_over(own, cohort.waiting[series], window, limit)
    return count
