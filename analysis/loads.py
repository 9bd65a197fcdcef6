"""What flowed through a queue in a window: arrivals, departures, ends by outcome, and how long it takes to drain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaincinv

from analysis.flows import Flows
from analysis.matching import Real
from analysis.periods import bounds_since, shares
from analysis.series import ENDED

LEVEL: Final = 0.95
# Into so many parts a window is cut to see how unevenly its jobs leave.
PARTS: Final = 24


@dataclass(frozen=True)
class Load:
    """The flows of one window."""

    arrivals: float
    arrivals_low: int
    arrivals_high: int | None
    departures: float
    starts_low: float | None
    starts_high: float | None
    ended: dict[str, float | None]
    queue_start: float | None
    queue_end: float | None
    abnormal: float | None
    drain: tuple[float | None, float | None, float | None]
    """Seconds until the queue of the window's end is empty when nothing more arrives; low and high."""


def load(group: Sequence[Flows], start: int, end: int) -> Load:
    """Sum up the flows of the series of a group in a window."""
    arrivals = departures = 0.0
    fewest = most = 0
    ended: dict[str, float | None] = dict.fromkeys(ENDED, 0.0)
    bounded, parts = True, np.zeros(PARTS)
    for each in group:
        inside, share = shares(each.series.slots, start, end)
        arrivals += float((each.arrivals[inside] * share).sum()) * each.unseen
        departures += float((each.departures[inside] * share).sum())
        low, high = bounds_since(each.series.slots, each.came_low, each.came_high, start, end, level=each.level)
        fewest, most, bounded = fewest + low, most + high, bounded and each.bounded
        for status in ENDED:
            found = each.ended.get(status)
            so_far = ended[status]
            ended[status] = (
                None if found is None or so_far is None else so_far + float((found.point[inside] * share).sum())
            )
        parts += _departures_by_part(each, start, end)
    # What has not been seen since before the window is gone, or nobody knows of it: its last queue is none of now.
    present = [each for each in group if each.series.slots[-1] > start]
    left = _at(present, end)
    terminated = ended["Terminated"]
    return Load(
        arrivals,
        fewest,
        max(most, round(arrivals)) if bounded else None,
        departures,
        None if terminated is None else max(departures - terminated, 0.0),
        departures,
        ended,
        _at(present, start),
        left,
        _at(present, end, "Abnormal"),
        _drain(left, parts, end - start),
    )


def _departures_by_part(flows: Flows, start: int, end: int) -> Real:
    gone = np.concatenate([[0], np.cumsum(flows.departures)])
    parts: Real = np.diff(np.interp(np.linspace(start, end, PARTS + 1), flows.series.slots, gone))
    return parts


def _at(group: Sequence[Flows], instant: int, status: str | None = None) -> float | None:
    """Return how many waited, or were in a status, at the last slot until an instant; None before the first."""
    if not group:
        return None
    total = 0.0
    for each in group:
        place = int(np.searchsorted(each.series.slots, instant, side="right")) - 1
        if place < 0:
            return None
        total += float((each.queue if status is None else each.series.counts[status])[place])
    return total


def _drain(left: float | None, parts: Real, seconds: int) -> tuple[float | None, float | None, float | None]:
    """Return how long a queue takes to leave at the rate of a window, by a gamma interval of that rate.

    Jobs that leave in bursts tell less: their number is divided by the variance over the mean of the window's parts.
    """
    if left is None:
        return None, None, None
    if not left:
        return 0.0, 0.0, 0.0
    jobs = float(parts.sum())
    if not jobs:
        return None, None, None
    phi = max(1.0, float(parts.var(ddof=1) / parts.mean()))
    tail = (1 - LEVEL) / 2
    slow, fast = (float(gammaincinv(jobs / phi + 0.5, p)) * phi for p in (tail, 1 - tail))
    return left * seconds / jobs, left * seconds / fast, left * seconds / slow if slow else None
