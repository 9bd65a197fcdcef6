"""The spell of a run of days that explains most, and how probable one is that explains as much by chance.

See `changepoints` for the terms and the method.
"""

from typing import Final

import numpy as np

from analysis.arrays import Floats
from analysis.compiled import compiled
from analysis.stats.batches import MOST_CORRELATION

SHORTEST: Final = 7
"""The fewest days on either side of a change."""
BOOTSTRAPS: Final = 4999
"""The largest number of series that the bootstrap draws."""
ENOUGH: Final = 25
"""The bootstrap ends early after this many series whose best cut explains as much: Besag and Clifford, Biometrika 78
(1991), 301."""
MOST_EDGES: Final = 64
"""The largest number of days that are tried as an edge in a first search; then all days near the best are tried."""
AROUND_A_CUT: Final = (4.5, 8.5)
AROUND_A_SPELL: Final = (6.0, 12.0)
"""The residuals of n days around a cut underestimate the correlation r by (4.5 + 8.5 r) / n, those around a spell by
(6 + 12 r) / n: found by simulation of 20 to 365 days."""


@compiled
def explained_by(residuals: Floats, root: Floats, first: int, last: int) -> float:
    """Return the sum of squares that a spell explains; -1 where it has no days or all. `last` is the day after it."""
    whole, weight = (root**2).sum(), (root[first:last] ** 2).sum()
    surplus = (root[first:last] * residuals[first:last]).sum() - (root * residuals).sum() * weight / whole
    return surplus * surplus * (1 / weight + 1 / (whole - weight)) if 0 < weight < whole else -1.0


@compiled
def _search(residuals: Floats, root: Floats, cut: bool) -> tuple[int, int, float]:
    """Return the spell that explains most: its first day, the day after it, and the sum of squares that it explains.

    Circular binary segmentation: Olshen, Venkatraman, Lucito and Wigler, Biostatistics 5 (2004), 557. With `cut` only
    spells that begin on the first day are tried: such a spell cuts the days at its end. From `MOST_EDGES` days on,
    every second (third, ...) day is tried first, then all days near the best spell. `root` has the square roots of the
    days' weights.
    """
    n = len(residuals)
    weights, sums = np.zeros(n + 1), np.zeros(n + 1)
    for day in range(n):
        weights[day + 1] = weights[day] + root[day] * root[day]
        sums[day + 1] = sums[day] + root[day] * residuals[day]
    whole, mean = weights[n], sums[n] / weights[n]
    best, first, last = -1.0, 0, n
    step = 1 + n // MOST_EDGES
    low_first, high_first, low_last, high_last = 0, 0 if cut else n - SHORTEST, SHORTEST, n
    while True:
        for a in range(low_first, high_first + 1, step):
            if 0 < a < SHORTEST:
                continue
            for b in range(max(low_last, a + SHORTEST), high_last + 1, step):
                if n - SHORTEST < b < n or b - a > n - SHORTEST:
                    continue
                weight = weights[b] - weights[a]
                surplus = sums[b] - sums[a] - mean * weight
                explained = surplus * surplus * (1 / weight + 1 / (whole - weight))
                if explained > best:
                    best, first, last = explained, a, b
        if step == 1:
            return first, last, best
        low_first, high_first = max(first - step, 0), min(first + step, high_first)
        low_last, high_last = max(last - step, SHORTEST), min(last + step, n)
        step = 1


@compiled
def _tested(residuals: Floats, root: Floats, cut: bool, least: float) -> tuple[float, int, int, float]:
    """Return the test statistic of the spell that explains most.

    Parameters
    ----------
    least
        The least correlation of the residuals from day to day.

    Returns
    -------
    tuple
        The statistic: the sum of squares that the spell explains, over the variance of the residuals around it and over
        their inflation by autocorrelation; the spell's first day and the day after it; and the correlation of those
        residuals from day to day.
    """
    n = len(residuals)
    first, last, explained = _search(residuals, root, cut)
    inside, whole = (root[first:last] ** 2).sum(), (root**2).sum()
    surplus = (root[first:last] * residuals[first:last]).sum()
    level, rest = surplus / inside, ((root * residuals).sum() - surplus) / (whole - inside)
    squares, products, before = 0.0, 0.0, 0.0
    for day in range(n):
        left = residuals[day] - root[day] * (level if first <= day < last else rest)
        squares += left * left
        products += left * before
        before = left
    if explained <= 0 or squares <= 0:
        return (0.0 if explained <= 0 else np.inf), first, last, least
    constant, slope = AROUND_A_CUT if cut else AROUND_A_SPELL
    correlation = (n * products / squares + constant) / max(n - slope, 1.0)
    correlation = min(max(correlation, least), MOST_CORRELATION)
    return explained * (n - 2) / squares * (1 - correlation) / (1 + correlation), first, last, correlation


@compiled
def best_spell(residuals: Floats, root: Floats, cut: bool, least: float) -> tuple[tuple[int, int], float, float]:
    """Return the best spell, the correlation of the residuals around it, and its p-value by the bootstrap.

    The random numbers are the same at every call, so that the same days give the same answer.
    """
    n = len(residuals)
    explained, first, last, correlation = _tested(residuals, root, cut, least)
    if explained <= 0:
        return (first, last), correlation, 1.0
    np.random.seed(n)  # noqa: NPY002 - compiled: numba keeps one generator a thread
    innovations = residuals[1:] - correlation * residuals[:-1]
    innovations -= innovations.mean()
    simulated, roots = np.empty(n), np.empty(n)
    larger = 0
    for number in range(BOOTSTRAPS):
        value = residuals[np.random.randint(0, n)]  # noqa: NPY002 - compiled: a Generator is five times slower
        for day in range(n):
            drawn = np.random.randint(0, n - 1)  # noqa: NPY002 - compiled: a Generator is five times slower
            value = correlation * value + innovations[drawn]
            # Each with its weight: days with many jobs are often those that are far from the others.
            simulated[day], roots[day] = value, root[drawn + 1]
        if _tested(simulated, roots, cut, least)[0] >= explained:
            larger += 1
            if larger == ENOUGH:
                return (first, last), correlation, larger / (number + 1)
    return (first, last), correlation, (larger + 1) / (BOOTSTRAPS + 1)
