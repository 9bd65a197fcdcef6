"""How long jobs waited: mean and quantiles of what arrived in a window, with bounds over every order of service.

Counts do not tell who left the queue. The bounds hold for every order of service, and for every place of each event
between its two slots. The point assumes an order: so large a share of those who leave are the newest, the rest the
oldest. By default that share follows from how often jobs start in the slot of their arrival past others that wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from analysis.flows import Flows
from analysis.matching import UNBOUNDED, Real, Whole, count_of, longest_total, quantile_bounds, serve, shortest_total
from analysis.periods import bounds_since

QUANTILES: Final = (50, 90, 95, 99)
ORDERS: Final = ("unknown", "fifo", "backfill")
# Below and above these shares of arrivals that pass the queue at once it is first in first out, and last in first out.
# Chosen on simulated queues: without passing up to 0.05 was seen, with backfill from 0.25 on the newest went first.
PASSING: Final = (0.05, 0.30)
# As many as this have to have met a queue that could not be served whole.
FEWEST_MET: Final = 20


class Waiting:
    """The waits of one series."""

    def __init__(self, flows: Flows, order: str) -> None:
        slots, departures = flows.series.slots, flows.departures
        most = flows.arrivals_most - np.diff(flows.queue)
        self.bounded, self.unseen = flows.bounded, flows.unseen
        self.order, self.newest_share = _order(flows, order)
        # What the queue did not notice tells nothing; the last interval ends the record.
        telling = (flows.arrivals_most > 0) | (most > 0) | (np.diff(flows.came_high + flows.came_low) > 0)
        telling[-1] = True
        self.begins, self.ends = slots[:-1][telling], slots[1:][telling]
        self.arrivals, self.departures = flows.arrivals[telling], departures[telling]
        self.arrivals_most, self.departures_most = flows.arrivals_most[telling], most[telling]
        self.queue_before, self.queue_after = flows.queue[:-1][telling], flows.queue[1:][telling]
        marks = np.flatnonzero(np.append(telling, False) | np.append(False, telling))
        self.slots, self.came_low, self.came_high = slots[marks], flows.came_low[marks], flows.came_high[marks]
        self.unit = int(np.gcd.reduce(np.diff(slots)))

    @cached_property
    def served(self) -> tuple[Whole, Real, Whole]:
        """The event of each batch's arrival, its wait in seconds (infinite: not ended), and its jobs."""
        from_, to, jobs = serve(self.arrivals, self.departures, int(self.queue_before[0]), self.newest_share)
        of_record = from_ >= 0
        from_, to, jobs = from_[of_record], to[of_record], jobs[of_record]
        middle = (self.begins + self.ends) / 2
        waits = np.where(to < 0, np.inf, middle[to] - middle[from_])
        in_order = np.argsort(from_, kind="stable")
        return from_[in_order], waits[in_order], jobs[in_order]

    @cached_property
    def longest_stay(self) -> Real:
        """For each event how long, at most, who came in it can have stayed: until nobody waited."""
        until = np.where(self.queue_after == 0, self.ends.astype(float), np.inf)
        until = np.minimum.accumulate(until[::-1])[::-1]
        stay: Real = until - self.begins
        return stay

    def waiting_at(self, event: int) -> int:
        """Return how many waited as an event began."""
        return int(self.queue_before[event] if event < len(self.queue_before) else self.queue_after[-1])


def _order(flows: Flows, order: str) -> tuple[str, float]:
    """Return the order of service that is assumed, in words and as the share of departures that are the newest."""
    policy = (flows.series.pool.queue_policy or "").lower()
    if order == "fifo" or (order == "unknown" and policy == "fifo"):
        return "fifo", 0.0
    low, high = PASSING
    share = float(np.clip((passing(flows) - low) / (high - low), 0.0, 1.0))
    if order == "backfill":
        share = max(share, 0.5)
    return ("fifo" if share == 0 else f"{share:.0%} newest first"), share


def passing(flows: Flows) -> float:
    """Return the share of arrivals that left the queue in the slot of their arrival, past others that waited.

    The slope of departures over arrivals in the slots that began with more jobs waiting than leave in nearly any slot.
    Where the oldest go first a departure has nothing to do with the arrivals of its slot, and the slope is zero.
    """
    waiting, arrivals, departures = flows.queue[:-1], flows.arrivals, flows.departures
    length = np.diff(flows.series.slots)
    usual = length == np.median(length)
    leaving = departures[usual & (waiting > 0) & (departures > 0)]
    if not len(leaving):
        return 0.0
    for enough in (max(2.0, float(np.quantile(leaving, 0.95))), 1.0):
        met = usual & (waiting >= enough)
        if arrivals[met].sum() >= FEWEST_MET and arrivals[met].var() > 0:
            both = np.cov(arrivals[met], departures[met])
            return float(both[0, 1] / both[0, 0])
    return 0.0


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
    came = [bounds_since(each.slots, each.came_low, each.came_high, start, end) for each in group]
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
    order = np.argsort(waits, kind="stable")
    reached = hidden + np.cumsum(jobs[order])
    if not len(reached):
        return [None] * len(QUANTILES)
    found: list[float | None] = []
    for quantile in QUANTILES:
        rank = quantile / 100 * reached[-1] - 1e-9
        wait = 0.0 if hidden >= rank else float(waits[order][np.searchsorted(reached, rank)])
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
    events = [
        np.concatenate([getattr(each, name)[at:] for each, at in zip(group, first, strict=True)])
        for name in ("begins", "ends", "arrivals_most", "departures_most")
    ]
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
    finished = np.isfinite(waits) | (waits > slo)
    point = float(jobs[(waits > slo) & finished].sum() / arrivals) if arrivals else None
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
            each.arrivals_most[
                np.searchsorted(each.ends, start, side="right") : np.searchsorted(each.begins, end)
            ].sum()
        )
        for each in group
    )


def _longest_stay(group: Sequence[Waiting], start: int, end: int) -> float | None:
    """Return how long, at most, who came in a window can have waited; None where the record does not say."""
    longest = 0.0
    for each in group:
        first, last = np.searchsorted(each.ends, start, side="right"), np.searchsorted(each.begins, end)
        longest = max(longest, float(each.longest_stay[first:last].max(initial=0.0)))
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
