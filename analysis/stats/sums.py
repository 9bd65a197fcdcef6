"""Bounds of weighted sums of daily values, from the bounds of the days and of stretches of days."""

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.compiled import compiled
from analysis.stats.batches import Days


def bounds_of_sums(shares: Floats, days: Days, centre: float) -> tuple[Floats, Floats]:
    """Return the bounds of weighted sums of the days' values minus a centre, narrowed by the bounds of stretches."""
    low, high = days.low - centre, days.high - centre
    least, most = _at_worst(shares, low, high), _at_worst(shares, high, low)
    if days.stretches is None:
        return least, most
    stretches = days.stretches
    constant = centre * shares.sum(axis=1)
    for row, share in enumerate(shares):
        weights = np.zeros(int(stretches.last.max()))
        weights[days.numbers] = share / days.weights
        low_sum, high_sum = _by_stretches(weights, stretches.first, stretches.last, stretches.low, stretches.high)
        least[row] = max(least[row], low_sum - constant[row])
        most[row] = min(most[row], high_sum - constant[row])
    return least, most


@compiled
def _by_stretches(weights: Floats, first: Ints, last: Ints, low: Floats, high: Floats) -> tuple[float, float]:
    """Return the bounds of a weighted sum over days, from bounds of plain sums over nested stretches.

    The mean weight of a stretch's days multiplies the bounds of the stretch; the rest of the weights goes to the
    shorter stretches within it.
    """
    left = weights.copy()
    least, most = 0.0, 0.0
    for stretch in range(len(first)):
        a, b = first[stretch], last[stretch]
        mean = left[a:b].mean()
        if mean == 0.0:
            continue
        left[a:b] -= mean
        least += mean * (low[stretch] if mean > 0 else high[stretch])
        most += mean * (high[stretch] if mean > 0 else low[stretch])
    return least, most


def _at_worst(shares: Floats, low: Floats, high: Floats) -> Floats:
    """Return weighted sums of `low` where the weight is positive, and of `high` where it is negative."""
    with np.errstate(invalid="ignore"):
        worst = np.where(shares > 0, shares * low, np.where(shares < 0, shares * high, 0.0))
    total: Floats = worst.sum(axis=1)
    return total
