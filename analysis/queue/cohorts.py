"""What the jobs that came in each window waited, over the series of a group: all windows in one compiled pass.

The events of the series lie one after the other, each series between two `offsets`; see `matching` for events.
"""

import math

import numba
import numpy as np

from analysis.arrays import Floats, Ints
from analysis.queue.censoring import MOST_CENSORED, share_out
from analysis.queue.matching import UNBOUNDED
from analysis.queue.mean_bounds import longest_total, shortest_total
from analysis.queue.quantile_bounds import count_of, quantile_bounds


@numba.njit(cache=True, nogil=True)
def _batches(offsets: Ints, begins: Ints, ends: Ints, served: Ints, from_: Ints, start: int, end: int) -> Ints:
    """Return of each series the first batch that can have come in a window, and the one after the last."""
    chosen = np.empty((2, len(offsets) - 1), np.int64)
    for series in range(len(offsets) - 1):
        a, b = offsets[series], offsets[series + 1]
        first, last = np.searchsorted(ends[a:b], start, side="right"), np.searchsorted(begins[a:b], end)
        of_series = from_[served[series] : served[series + 1]]
        chosen[0, series] = served[series] + np.searchsorted(of_series, first)
        chosen[1, series] = served[series] + np.searchsorted(of_series, last)
    return chosen


@numba.njit(cache=True, nogil=True)
def points(
    offsets: Ints,
    begins: Ints,
    ends: Ints,
    unseen: Floats,
    served: Ints,
    from_: Ints,
    waits: Floats,
    jobs: Ints,
    windows: Ints,
    shares: Floats,
    limit: int,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Sum up the waits of each window's cohort under the order of service that was assumed.

    Parameters
    ----------
    unseen
        Of each series: jobs in truth for one that was seen.
    served
        The batches of series s are those from ``served[s]`` to ``served[s + 1]``.
    from_, waits, jobs
        Of each batch the event of its arrival in the series, rising, its wait (infinite: not ended) and its jobs.
    windows
        A row a window: start and end, in seconds.
    shares
        Of the quantiles, rising.
    limit
        In seconds.

    Returns
    -------
    tuple
        Of each window: arrivals; those of them whose wait has not ended; the share that waited longer than the limit;
        the mean of the waits; and, a column a share, their order statistics. NaN where there is none, and where more
        than `MOST_CENSORED` still wait, for how long changes it.
    """
    n = len(windows)
    arrivals, unfinished, over, mean = np.zeros(n), np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    quantiles = np.full((n, len(shares)), np.nan)
    for window in range(n):
        start, end = windows[window]
        chosen = _batches(offsets, begins, ends, served, from_, start, end)
        size = np.maximum(chosen[1] - chosen[0], 0).sum()
        waited, weight = np.empty(size), np.empty(size)
        found, hidden, total = 0, 0.0, 0.0
        # Of waits that are shorter than any that has not ended all is known.
        known = np.inf
        for series in range(len(offsets) - 1):
            before, seen, waiting, spent = found, 0.0, 0.0, 0.0
            record_end = ends[offsets[series + 1] - 1]
            ended = np.ones(max(chosen[1, series] - chosen[0, series], 0), np.bool_)
            for batch in range(chosen[0, series], chosen[1, series]):
                event = offsets[series] + from_[batch]
                inside = min(ends[event], end) - max(begins[event], start)
                waited[found] = waits[batch]
                weight[found] = jobs[batch] * inside / (ends[event] - begins[event])
                seen += weight[found]
                if math.isinf(waits[batch]):
                    waited[found] = record_end - (begins[event] + ends[event]) / 2
                    ended[found - before] = False
                    known = min(known, waited[found])
                    waiting += weight[found]
                else:
                    spent += waits[batch] * weight[found]
                found += 1
            if waiting:
                mine = slice(before, found)
                waited[mine], weight[mine] = share_out(waited[mine], ended, weight[mine], end - start)
                spent = (waited[mine] * weight[mine]).sum()
            total += spent
            unfinished[window] += waiting
            arrivals[window] += seen
            hidden += seen * (unseen[series] - 1)
        if not found:
            continue
        arrivals[window] += hidden
        few = unfinished[window] <= MOST_CENSORED * arrivals[window]
        if few:
            mean[window] = total / arrivals[window]
        if few or limit < known:
            over[window] = weight[waited > limit].sum() / arrivals[window]
        order = np.argsort(waited)
        # Who came and went unseen did not wait.
        reached = hidden + np.cumsum(weight[order])
        for number in range(len(shares)):
            rank = shares[number] * reached[-1] - 1e-9
            wait = 0.0 if hidden >= rank else waited[order[np.searchsorted(reached, rank)]]
            if few or wait < known:
                quantiles[window, number] = wait
    return arrivals, unfinished, over, mean, quantiles


@numba.njit(cache=True, nogil=True)
def bounds(
    offsets: Ints,
    begins: Ints,
    ends: Ints,
    arrivals: Ints,
    departures: Ints,
    waiting: Ints,
    first_slots: Ints,
    unit: int,
    windows: Ints,
    fewest: Ints,
    most: Ints,
    shares: Floats,
    limit: int,
) -> tuple[Floats, Floats, Floats]:
    """Return the sharp bounds of each window's cohort; see `mean_bounds` and `quantile_bounds`.

    Parameters
    ----------
    arrivals, departures
        The most that can have come and gone in each event.
    waiting
        How many wait as each event begins.
    first_slots
        Of each series, in seconds.
    unit
        Seconds of which the distances of a series' slots are multiples.
    windows
        A row a window: start and end, in seconds.
    fewest, most
        How many came in each window at least, and at most.
    shares
        Of the quantiles, rising.
    limit
        In seconds; below zero for none.

    Returns
    -------
    tuple
        Of each window, each with low and high in the last place: the mean, the quantiles in the order of their shares,
        and the share of jobs that waited longer than the limit. NaN where there is no bound.
    """
    n, members = len(windows), len(offsets) - 1
    means, over = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
    quantiles = np.full((n, len(shares), 2), np.nan)
    firsts, lasts, before = np.empty(members, np.int64), offsets[1:], np.empty(members, np.int64)
    for window in range(n):
        if not most[window]:
            continue
        start, end = windows[window]
        shortest, longest, possible, unbounded, fits = 0.0, 0.0, 0, False, math.gcd(unit, end - start)
        for series in range(members):
            a, b = offsets[series], offsets[series + 1]
            first = a + np.searchsorted(ends[a:b], start, side="right")
            after = a + np.searchsorted(begins[a:b], end)
            firsts[series], before[series] = first, waiting[first] if first < b else 0
            possible += arrivals[first:after].sum()
            fits = math.gcd(fits, abs(start - first_slots[series]))
            # Of the events that lie partly outside the window any arrival may be of the cohort or not.
            left = arrivals[first] if first < after and begins[first] < start else 0
            right = arrivals[after - 1] if first < after and ends[after - 1] > end else 0
            events = slice(first, b)
            of_window = begins[events], ends[events], arrivals[events], departures[events]
            shortest += shortest_total(*of_window, (start, end), (left, right))
            total = longest_total(*of_window, before[series], (start, end), (0, 0))
            unbounded |= total == UNBOUNDED
            longest += total
        means[window, 0] = max(shortest, 0.0) / most[window]
        if fewest[window] and not unbounded:
            means[window, 1] = longest / fewest[window]
        doubtful = possible - fewest[window]
        group = firsts, lasts, begins, ends, arrivals, departures, before
        both = quantile_bounds(*group, (start, end), doubtful, shares, fits)
        for side in range(2):
            for number in range(len(shares)):
                if both[side][number] != UNBOUNDED:
                    quantiles[window, number, side] = both[side][number]
        if limit >= 0:
            within = count_of(0, *group, (start, end), limit)
            longer = count_of(1, *group, (start, end), limit)
            # Of those that may not be of the window as many are left out as make the share small, or large.
            over[window, 0] = max(possible - within - doubtful, 0) / max(possible - min(doubtful, possible - within), 1)
            over[window, 1] = longer / max(possible - min(doubtful, possible - longer), 1)
    return means, quantiles, over
