"""How often jobs fail: Failed among all that ended in a window, with an interval for the underlying rate.

Failures come in bursts, so that n jobs tell less than n coin tosses would: the interval is that of n / phi jobs, with
phi from how much the days of the last four weeks differ (Pearson's chi-square over its degrees of freedom).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import betaincinv

from analysis.flows import Flows
from analysis.matching import Real
from analysis.periods import bounds_since
from analysis.series import ENDED

DAY: Final = 86_400
TRAILING_DAYS: Final = 28
FEWEST_DAYS: Final = 10
LEVEL: Final = 0.95


class Ending:
    """What ended in one series, by outcome."""

    def __init__(self, flows: Flows) -> None:
        self.kept = bool(flows.ended) and flows.bounded
        slots = flows.series.slots
        # Slots around which nothing ended tell nothing.
        changes = np.zeros(len(slots), np.bool_)
        changes[0] = changes[-1] = True
        for each in flows.ended.values():
            moved = (each.point != 0) | (np.diff(each.since_low) != 0) | (np.diff(each.since_high) != 0)
            changes[1:] |= moved
            changes[:-1] |= moved
        self.slots = slots[changes]
        # As np.interp takes them: else it makes them so, whole, at every call.
        self._instants = self.slots.astype(float)
        self.since = {
            status: np.concatenate([[0.0], np.cumsum(each.point)])[changes] for status, each in flows.ended.items()
        }
        self.level = {status: each.level for status, each in flows.ended.items()}
        self.low = {status: each.since_low[changes] for status, each in flows.ended.items()}
        self.high = {status: each.since_high[changes] for status, each in flows.ended.items()}

    def between(self, bounds: Real) -> dict[str, Real]:
        """Return what ended by outcome between consecutive instants, each end anywhere in its interval."""
        return {
            status: np.diff(np.interp(bounds, self._instants, self.since[status]))
            if self.since
            else np.zeros(len(bounds) - 1)
            for status in ENDED
        }


@dataclass(frozen=True)
class FailureEstimate:
    """What is said of the failures of one window."""

    finished: float | None
    finished_low: int | None
    finished_high: int | None
    failed: float | None
    rate: tuple[float | None, float | None, float | None]
    rate_of_ran: float | None
    overdispersion: float | None
    note: str


_NOTHING: Final = (None, None, None)


def estimate(group: Sequence[Ending], start: int, end: int) -> FailureEstimate:
    """Estimate the failure rate of what ended in a window, over the series of a group."""
    if not all(each.kept for each in group):
        note = "ends are not counted long enough to say how they ended"
        return FailureEstimate(None, None, None, None, _NOTHING, None, None, note)
    ended = dict.fromkeys(ENDED, 0.0)
    low, high = dict.fromkeys(ENDED, 0), dict.fromkeys(ENDED, 0)
    for each in group:
        for status, count in each.between(np.array([start, end], float)).items():
            ended[status] += float(count[0])
            fewest, most = bounds_since(
                each.slots, each.low[status], each.high[status], start, end, level=each.level[status]
            )
            low[status] += fewest
            high[status] += most
    finished, fewest, most = sum(ended.values()), sum(low.values()), sum(high.values())
    phi, note = overdispersion(group, end)
    if not most or not finished:
        return FailureEstimate(finished, fewest, most, 0.0, _NOTHING, None, phi, "nothing ended")
    failed, ran = ended["Failed"], ended["Failed"] + ended["Completed"]
    others_low, others_high = fewest - low["Failed"], most - high["Failed"]
    interval = (
        jeffreys(low["Failed"], low["Failed"] + others_high, phi or 1.0)[0],
        jeffreys(high["Failed"], high["Failed"] + others_low, phi or 1.0)[1],
    )
    rate = (failed / finished, *interval)
    return FailureEstimate(finished, fewest, most, failed, rate, failed / ran if ran else None, phi, note)


def overdispersion(group: Sequence[Ending], end: int) -> tuple[float | None, str]:
    """Return by how much days differ more than coin tosses would, over the four weeks before an instant.

    Pearson's chi-square over days less one, at least 1; None, with a note, where fewer than ten days had ends.
    """
    bounds = end - DAY * np.arange(TRAILING_DAYS, -1, -1, dtype=float)
    days = {status: np.zeros(TRAILING_DAYS) for status in ENDED}
    for each in group:
        for status, counts in each.between(bounds).items():
            days[status] += counts
    finished = np.sum(list(days.values()), axis=0)
    had = finished > 0
    if had.sum() < FEWEST_DAYS:
        return None, f"ends on {had.sum()} of the last {TRAILING_DAYS} days: too few to say how they scatter"
    rate = days["Failed"].sum() / finished.sum()
    if rate in (0.0, 1.0):
        return 1.0, ""
    expected = finished[had] * rate
    chi_square = float(((days["Failed"][had] - expected) ** 2 / (expected * (1 - rate))).sum())
    return max(1.0, chi_square / (int(had.sum()) - 1)), ""


def jeffreys(failed: float, finished: float, phi: float) -> tuple[float, float]:
    """Return Jeffreys' interval for a rate, of as many jobs as tell as much as these do.

    Brown, Cai and DasGupta, Interval estimation for a binomial proportion, Statistical Science 16 (2001), 4.1.3.

    >>> [round(bound, 4) for bound in jeffreys(10, 100, 1.0)]
    [0.0527, 0.1701]
    """
    a, b = failed / phi + 0.5, (finished - failed) / phi + 0.5
    tail = (1 - LEVEL) / 2
    low = 0.0 if failed <= 0 else float(betaincinv(a, b, tail))
    high = 1.0 if failed >= finished else float(betaincinv(a, b, 1 - tail))
    return low, high


def difference(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the difference of two rates with its interval, from the rates and their own intervals.

    Newcombe's hybrid (method 10 with Jeffreys' intervals): Statistics in Medicine 17 (1998) 873-890.

    Parameters
    ----------
    one, other
        Rate, low and high.

    Returns
    -------
    tuple
        `one` less `other`, low and high.
    """
    (p, low, high), (q, other_low, other_high) = one, other
    down = float(np.hypot(p - low, other_high - q))
    up = float(np.hypot(high - p, q - other_low))
    return p - q, p - q - down, p - q + up
