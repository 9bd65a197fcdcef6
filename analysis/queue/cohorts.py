"""The waits of the cohort of each window, the jobs that arrived in it, over the series of a group, in compiled passes.

The events and stays of the series lie one after the other, each series between two offsets; see `matching`.
"""

import math
from typing import NamedTuple

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.compiled import compiled
from analysis.queue.censoring import MOST_CENSORED, share_out
from analysis.queue.matching import UNBOUNDED, Events, Stays, part_of
from analysis.queue.mean_bounds import longest_total, shortest_total
from analysis.queue.quantile_bounds import Cohort, count_of, quantile_bounds


class Group(NamedTuple):
    """The series of a group, one after the other."""

    offsets: Ints
    """The events of series s are those from ``offsets[s]`` to ``offsets[s + 1]``."""
    stay_offsets: Ints
    """The same for stays."""
    waiting: Ints
    """Jobs that wait as each event begins."""
    first_slots: Ints
    """The first slot of each series, in seconds since 1970."""
    unit: int
    """In seconds: the distances between the slots of a series are multiples of it."""


class Asked(NamedTuple):
    """The windows, the quantiles and the limit that are asked for."""

    starts: Ints
    ends: Ints
    """Start and end of each window, in seconds since 1970."""
    shares: Floats
    """The quantiles as shares of the jobs in (0, 1), rising."""
    limit: int
    """The limit on waits, in seconds; below zero where there is no limit."""


class Spare(NamedTuple):
    """Jobs that may have come to the queue unseen, each as another job left it between the same two slots."""

    jobs: Ints
    """The most such jobs while jobs of each window can have waited."""
    stay: Floats
    """The longest time, in seconds, that one of them can have waited, if it came in the window; infinite where there is
    no limit."""


@compiled
def _chosen(group: Group, events: Events, stays: Stays, start: int, end: int) -> Ints:
    """Return 2 x series: the index of the first stay that can have arrived in a window, and the one after the last."""
    offsets = group.offsets
    chosen = np.empty((2, len(offsets) - 1), np.int64)
    for series in range(len(offsets) - 1):
        a, b = offsets[series], offsets[series + 1]
        first = np.searchsorted(events.ends[a:b], start, side="right")
        last = np.searchsorted(events.begins[a:b], end)
        first_stay = group.stay_offsets[series]
        own = stays.event[first_stay : group.stay_offsets[series + 1]]
        chosen[0, series] = first_stay + np.searchsorted(own, first)
        chosen[1, series] = first_stay + np.searchsorted(own, last)
    return chosen


@compiled
def points(group: Group, events: Events, stays: Stays, asked: Asked) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return statistics of the waits of each window's cohort, under the service discipline that the stays assume.

    Returns
    -------
    tuple
        Arrays with one value per window: the arrivals; the arrivals whose wait has not ended; the share of the arrivals
        that waited longer than the limit; the mean wait, in seconds; and the quantiles of the waits, in seconds, one
        column per share. A value is NaN where nothing arrived, and where more than `MOST_CENSORED` of the arrivals
        still wait and the value depends on how long they will.
    """
    offsets, begins, ends = group.offsets, events.begins, events.ends
    shares, limit = asked.shares, max(asked.limit, 0)
    n = len(asked.starts)
    arrivals, unfinished, over, mean = np.zeros(n), np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    quantiles = np.full((n, len(shares)), np.nan)
    for window in range(n):
        start, end = asked.starts[window], asked.ends[window]
        chosen = _chosen(group, events, stays, start, end)
        size = np.maximum(chosen[1] - chosen[0], 0).sum()
        waited, weight = np.empty(size), np.empty(size)
        filled, total = 0, 0.0
        # The smallest age of a wait that has not ended: every shorter wait is known.
        known = np.inf
        for series in range(len(offsets) - 1):
            before, waiting, spent = filled, 0.0, 0.0
            record_end = ends[offsets[series + 1] - 1]
            ended = np.ones(max(chosen[1, series] - chosen[0, series], 0), np.bool_)
            for stay in range(chosen[0, series], chosen[1, series]):
                event = offsets[series] + stays.event[stay]
                inside = min(ends[event], end) - max(begins[event], start)
                waited[filled] = stays.wait[stay]
                weight[filled] = stays.jobs[stay] * inside / (ends[event] - begins[event])
                arrivals[window] += weight[filled]
                if math.isinf(stays.wait[stay]):
                    waited[filled] = record_end - (begins[event] + ends[event]) / 2
                    ended[filled - before] = False
                    known = min(known, waited[filled])
                    waiting += weight[filled]
                else:
                    spent += stays.wait[stay] * weight[filled]
                filled += 1
            if waiting:
                own = slice(before, filled)
                waited[own], weight[own] = share_out(waited[own], ended, weight[own], end - start)
                spent = (waited[own] * weight[own]).sum()
            total += spent
            unfinished[window] += waiting
        if not filled:
            continue
        few = unfinished[window] <= MOST_CENSORED * arrivals[window]
        if few:
            mean[window] = total / arrivals[window]
        if few or limit < known:
            over[window] = weight[waited > limit].sum() / arrivals[window]
        order = np.argsort(waited)
        reached = np.cumsum(weight[order])
        for number in range(len(shares)):
            rank = shares[number] * reached[-1] - 1e-9
            wait = waited[order[np.searchsorted(reached, rank)]]
            if few or wait < known:
                quantiles[window, number] = wait
    return arrivals, unfinished, over, mean, quantiles


@compiled
def bounds(
    group: Group, events: Events, asked: Asked, arrived: tuple[Ints, Ints], spare: Spare
) -> tuple[Floats, Floats, Floats]:
    """Return bounds of the waits of each window's cohort; see `mean_bounds` and `quantile_bounds`.

    They are sharp where no job came unseen. An unseen job lets one more job of the cohort leave early, and may be of
    the cohort itself, with a short or a long wait.

    Parameters
    ----------
    arrived
        The lower and upper bound of the arrivals in each window, unseen ones included.

    Returns
    -------
    tuple
        Arrays with the window on the first axis, and lower and upper bound on the last: the mean wait; each quantile,
        in the order of the shares, both in seconds; and the share of the jobs that waited longer than the limit. NaN
        where there is no bound.
    """
    offsets, begins, ends, arrivals = group.offsets, events.begins, events.ends, events.arrivals
    shares, limit = asked.shares, asked.limit
    fewest, most = arrived
    n, members = len(asked.starts), len(offsets) - 1
    means, over = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
    quantiles = np.full((n, len(shares), 2), np.nan)
    firsts, lasts, before = np.empty(members, np.int64), offsets[1:], np.empty(members, np.int64)
    for window in range(n):
        if not most[window]:
            continue
        start, end, hidden = asked.starts[window], asked.ends[window], spare.jobs[window]
        shortest, longest, possible, unbounded, fits = 0.0, 0.0, 0, False, math.gcd(group.unit, end - start)
        for series in range(members):
            a, b = offsets[series], offsets[series + 1]
            first = a + np.searchsorted(ends[a:b], start, side="right")
            after = a + np.searchsorted(begins[a:b], end)
            firsts[series], before[series] = first, group.waiting[first] if first < b else 0
            possible += arrivals[first:after].sum()
            fits = math.gcd(fits, abs(start - group.first_slots[series]))
            # Each arrival of an event that lies partly outside the window may or may not belong to the cohort.
            left = arrivals[first] if first < after and begins[first] < start else 0
            right = arrivals[after - 1] if first < after and ends[after - 1] > end else 0
            own = part_of(events, first, b)
            shortest += shortest_total(own, (start, end), (left, right), hidden)
            total = longest_total(own, before[series], (start, end), (0, 0))
            unbounded |= total == UNBOUNDED
            longest += total
        means[window, 0] = max(shortest, 0.0) / most[window]
        if fewest[window] and not unbounded:
            means[window, 1] = longest / fewest[window]
            if hidden:
                long = (longest + hidden * spare.stay[window]) / (fewest[window] + hidden)
                means[window, 1] = max(means[window, 1], long) if long < np.inf else np.nan
        doubtful = possible - fewest[window]
        cohort = Cohort(firsts, lasts, before, start, end)
        both = quantile_bounds(events, cohort, (doubtful, hidden), shares, fits)
        for side in range(2):
            for number in range(len(shares)):
                if both[side][number] != UNBOUNDED:
                    quantiles[window, number, side] = both[side][number]
                elif side == 1 and hidden and spare.stay[window] < np.inf:
                    quantiles[window, number, side] = spare.stay[window]
        if limit >= 0:
            within = min(count_of(0, events, cohort, limit) + hidden, possible)
            longer = count_of(1, events, cohort, limit) + hidden
            # Of the arrivals that may not belong to the window, those are left out that make the share small, or large.
            counted = possible - min(doubtful, possible - within) + hidden
            over[window, 0] = max(possible - within - doubtful, 0) / max(counted, 1)
            counted = possible + hidden
            over[window, 1] = longer / max(counted - min(doubtful, counted - longer), 1)
    return means, quantiles, over
