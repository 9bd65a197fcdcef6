"""Bounds of the quantiles of a cohort's waits over every order of service; see `matching` for events and cohorts.

Sharp, each by greedy passes: the largest number of the cohort's jobs that can have waited at most w, or more than w,
says whether a quantile can lie at w, or has to.
"""

from typing import Final

import numba
import numpy as np

from analysis.arrays import Floats, Ints
from analysis.queue.matching import UNBOUNDED

MOST_PROBES: Final = 256


@numba.njit(cache=True, nogil=True)
def most_within(begins: Ints, ends: Ints, arrivals: Ints, departures: Ints, window: tuple[int, int], limit: int) -> int:
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
    begins: Ints, ends: Ints, arrivals: Ints, departures: Ints, waiting: int, window: tuple[int, int], limit: int
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
def quantile_bounds(  # noqa: PLR0912 - a compiled pass: calls within it would copy its state
    firsts: Ints,
    lasts: Ints,
    begins: Ints,
    ends: Ints,
    arrivals: Ints,
    departures: Ints,
    waiting: Ints,
    window: tuple[int, int],
    doubtful: int,
    shares: Floats,
    unit: int,
) -> tuple[Ints, Ints]:
    """Return the smallest and the largest value that each quantile of a cohort's waits can have.

    A quantile is the order statistic: the smallest wait that at least that share of the jobs did not exceed.

    Parameters
    ----------
    firsts, lasts
        The events of series s from the window's start on are those from ``firsts[s]`` to ``lasts[s]``.
    waiting
        How many wait in each series before the first of them.
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
    for series in range(len(firsts)):
        longest = max(longest, ends[lasts[series] - 1] - start)
        for event in range(firsts[series], lasts[series]):
            if begins[event] >= end:
                break
            if ends[event] > start:
                jobs += arrivals[event]
    most = longest // unit + 1
    low, high = np.empty(len(shares), np.int64), np.empty(len(shares), np.int64)
    # One count answers for every quantile.
    limits, counts = np.empty(MOST_PROBES, np.int64), np.empty(MOST_PROBES, np.int64)
    for side in range(2):
        probes = 0
        below = -1
        for quantile in range(len(shares)):
            # Ever longer steps until it holds, then halves: most waits are short.
            above = 0
            while above <= below:
                above = 2 * above + 1
            last = below
            found = -1
            while found < 0 or found - last > 1:
                probe = min(above, most) if found < 0 else (found + last) // 2
                count = -1
                for known in range(probes):
                    if limits[known] == probe:
                        count = counts[known]
                if count < 0:
                    count = count_of(
                        side, firsts, lasts, begins, ends, arrivals, departures, waiting, window, probe * unit
                    )
                    if probes < MOST_PROBES:
                        limits[probes], counts[probes] = probe, count
                        probes += 1
                counted = jobs - min(doubtful, jobs - count)
                rank = int(np.ceil(shares[quantile] * counted - 1e-9))
                if count >= rank if side == 0 else counted - count >= rank:
                    found = probe
                elif probe == most:
                    # Not even the longest wait of the record.
                    break
                else:
                    last = probe
                    above = 2 * above + 1
            answer = found * unit if found >= 0 else UNBOUNDED
            if side == 0:
                low[quantile] = answer
            else:
                high[quantile] = answer
            below = last
    return low, high


@numba.njit(cache=True, nogil=True)
def count_of(
    side: int,
    firsts: Ints,
    lasts: Ints,
    begins: Ints,
    ends: Ints,
    arrivals: Ints,
    departures: Ints,
    waiting: Ints,
    window: tuple[int, int],
    limit: int,
) -> int:
    """Return `most_within` (side 0) or `most_over` (side 1), summed over series that lie one after the other."""
    count = 0
    for series in range(len(firsts)):
        a, b = firsts[series], lasts[series]
        if side == 0:
            count += most_within(begins[a:b], ends[a:b], arrivals[a:b], departures[a:b], window, limit)
        else:
            count += most_over(begins[a:b], ends[a:b], arrivals[a:b], departures[a:b], waiting[series], window, limit)
    return count
