"""How long jobs waited: mean and quantiles of what arrived in a window, with bounds over every order of service.

The bounds hold for every order of service, and for every place of each event between its two slots. The point assumes
an order, see `service`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.matching import UNBOUNDED, Real, Whole, longest_total, shortest_total
from analysis.periods import bounds_since
from analysis.quantiles import count_of, quantile_bounds
from analysis.service import Waiting

QUANTILES: Final = (50, 90, 95, 99)


@dataclass(frozen=True)
class Estimate:
    """What is said of the waits of one window."""

    arrivals: float
    arrivals_low: int
    arrivals_high: int | None
    mean: tuple[float | None, float | None, float | None]
    quantiles: dict[int, tuple[float | None, float | None, float | None]]
    over: tuple[float | None, float | None, float | None]
    note: str


def estimate(group: Sequence[Waiting], start: int, end: int, slo: int | None) -> Estimate:
    """Estimate the waits of what arrived in a window, over the series of a group.

    Parameters
    ----------
    group
        The series, each with at least two slots.
    start, end
        Of the window, in seconds.
    slo
        The limit, in seconds, over which the share of jobs is wanted.
    """
    came = [bounds_since(each.slots, each.came_low, each.came_high, start, end, level=each.level) for each in group]
    fewest, most = sum(low for low, _ in came), sum(high for _, high in came)
    bounded = all(each.bounded for each in group)
    waits, jobs, hidden = _waits(group, start, end)
    arrivals = float(jobs.sum() + hidden)
    high = max(most, round(arrivals)) if bounded else None
    if not most:
        return Estimate(arrivals, 0, high, _NOTHING, dict.fromkeys(QUANTILES, _NOTHING), _NOTHING, "no arrivals")
    note = ""
    unfinished = float(jobs[np.isinf(waits)].sum())
    if unfinished:
        note = f"{unfinished:.0f} of {arrivals:.0f} jobs still waited at the end"
    mean = None if unfinished or not arrivals else float((waits * jobs).sum() / arrivals)
    if bounded:
        low_mean, high_mean = _mean_bounds(group, start, end, fewest, most)
        low, top = _quantile_bounds(group, start, end, fewest)
    else:
        stay = _longest_stay(group, start, end)
        low_mean, high_mean = 0.0, stay
        low, top = [0.0] * len(QUANTILES), [stay] * len(QUANTILES)
    points = _quantiles(waits, jobs, hidden)
    quantiles = {
        quantile: _inside(points[number], low[number], top[number]) for number, quantile in enumerate(QUANTILES)
    }
    over = _NOTHING if slo is None else _over(group, start, end, slo, fewest, waits, jobs, arrivals, bounded)
    return Estimate(arrivals, fewest, high, _inside(mean, low_mean, high_mean), quantiles, over, note)


_NOTHING: Final = (None, None, None)


def _inside(
    point: float | None, low: float | None, high: float | None
) -> tuple[float | None, float | None, float | None]:
    """Put a point between its bounds: an order of service that the counts exclude is not assumed."""
    if point is not None:
        point = max(point, low or 0.0)
        point = point if high is None else min(point, high)
    return point, low, high


def _waits(group: Sequence[Waiting], start: int, end: int) -> tuple[Real, Real, float]:
    """Return waits and how many jobs had each, of what came in a window, and how many came and went unseen."""
    all_waits, all_jobs, hidden = [], [], 0.0
    for each in group:
        from_, waits, jobs = each.served
        first = np.searchsorted(each.ends, start, side="right")
        last = np.searchsorted(each.begins, end)
        chosen = slice(np.searchsorted(from_, first), np.searchsorted(from_, last))
        came = from_[chosen]
        inside = np.minimum(each.ends[came], end) - np.maximum(each.begins[came], start)
        weight = jobs[chosen] * inside / (each.ends[came] - each.begins[came])
        all_waits.append(waits[chosen])
        all_jobs.append(weight)
        hidden += float(weight.sum()) * (each.unseen - 1)
    return np.concatenate(all_waits), np.concatenate(all_jobs), hidden


def _quantiles(waits: Real, jobs: Real, hidden: float) -> list[float | None]:
    """Return the order statistics; who came and went unseen did not wait."""
    order = np.argsort(waits)
    waits, reached = waits[order], hidden + np.cumsum(jobs[order])
    if not len(reached):
        return [None] * len(QUANTILES)
    found: list[float | None] = []
    for quantile in QUANTILES:
        rank = quantile / 100 * reached[-1] - 1e-9
        wait = 0.0 if hidden >= rank else float(waits[np.searchsorted(reached, rank)])
        found.append(None if np.isinf(wait) else wait)
    return found


def _mean_bounds(group: Sequence[Waiting], start: int, end: int, fewest: int, most: int) -> tuple[float, float | None]:
    shortest, longest, unbounded = 0.0, 0.0, False
    for each in group:
        begins, ends, arrivals, departures = each.begins, each.ends, each.arrivals_most, each.departures_most
        partly = _partly(each, start, end)
        first = int(np.searchsorted(ends, start, side="right"))
        before = each.waiting_at(first)
        of_window = slice(first, None)
        shortest += shortest_total(
            begins[of_window], ends[of_window], arrivals[of_window], departures[of_window], (start, end), partly
        )
        total = longest_total(
            begins[of_window], ends[of_window], arrivals[of_window], departures[of_window], before, (start, end), (0, 0)
        )
        unbounded |= total == UNBOUNDED
        longest += total
    return max(shortest, 0.0) / most, None if unbounded or not fewest else longest / fewest


def _quantile_bounds(
    group: Sequence[Waiting], start: int, end: int, fewest: int
) -> tuple[list[float | None], list[float | None]]:
    unit = int(np.gcd.reduce([each.unit for each in group] + [abs(start - each.slots[0]) for each in group]))
    unit = int(np.gcd(unit, end - start))
    low, high = quantile_bounds(
        *_side_by_side(group, start),
        (start, end),
        _possible(group, start, end) - fewest,
        np.array(QUANTILES) / 100,
        unit,
    )
    return [_said(value) for value in low], [_said(value) for value in high]


def _said(seconds: int) -> float | None:
    return None if seconds == UNBOUNDED else float(seconds)


def _side_by_side(group: Sequence[Waiting], start: int) -> tuple[Whole, Whole, Whole, Whole, Whole, Whole]:
    """Return offsets, the events of all series from a window's start on, and how many waited before."""
    first = [int(np.searchsorted(each.ends, start, side="right")) for each in group]
    names = ("begins", "ends", "arrivals_most", "departures_most")
    parts = [[getattr(each, name)[at:] for each, at in zip(group, first, strict=True)] for name in names]
    events = [np.concatenate(part) if len(part) > 1 else part[0] for part in parts]
    lengths = [len(each.ends) - at for each, at in zip(group, first, strict=True)]
    waiting = np.array([each.waiting_at(at) for each, at in zip(group, first, strict=True)])
    return np.concatenate([[0], np.cumsum(lengths)]), events[0], events[1], events[2], events[3], waiting


def _over(
    group: Sequence[Waiting],
    start: int,
    end: int,
    slo: int,
    fewest: int,
    waits: Real,
    jobs: Real,
    arrivals: float,
    bounded: bool,
) -> tuple[float | None, float | None, float | None]:
    """Return the share of jobs that waited longer than a limit."""
    # Who still waits at the end of the record has waited for longer than the limit, or nobody knows.
    known = np.isfinite(waits).all() or min(int(each.ends[-1]) for each in group) - end >= slo
    point = float(jobs[waits > slo].sum() / arrivals) if arrivals and known else None
    if not bounded:
        return point, 0.0, 0.0 if (_longest_stay(group, start, end) or np.inf) <= slo else 1.0
    parts = _side_by_side(group, start)
    most = _possible(group, start, end)
    within, over = (count_of(side, *parts, (start, end), slo) for side in (0, 1))
    # Of those that may not be of the window as many are left out as make the share small, or large.
    doubtful = most - fewest
    least_over = max(most - within - doubtful, 0) / max(most - min(doubtful, most - within), 1)
    most_over = over / max(most - min(doubtful, most - over), 1)
    return _inside(point, least_over, most_over)


def _possible(group: Sequence[Waiting], start: int, end: int) -> int:
    """Return how many can have come in the events that share an instant with a window."""
    return sum(
        int(
            each.possible[np.searchsorted(each.begins, end)]
            - each.possible[np.searchsorted(each.ends, start, side="right")]
        )
        for each in group
    )


def _longest_stay(group: Sequence[Waiting], start: int, end: int) -> float | None:
    """Return how long, at most, who came in a window can have waited; None where the record does not say."""
    longest = max(each.longest_stay(start, end) for each in group)
    return None if np.isinf(longest) else longest


def _partly(each: Waiting, start: int, end: int) -> tuple[int, int]:
    """Return how many came in the events that lie partly before, or after, a window."""
    before = np.searchsorted(each.ends, start, side="right")
    after = np.searchsorted(each.begins, end) - 1
    left = int(each.arrivals_most[before]) if before < len(each.ends) and each.begins[before] < start else 0
    right = int(each.arrivals_most[after]) if after >= 0 and each.ends[after] > end else 0
    if before == after and left:
        right = 0
    return left, right
