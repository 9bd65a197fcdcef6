"""When a daily figure changed: from one level to another, by more than its own autocorrelation makes.

Each stretch of days is cut where that explains most of its scatter, if chance does so rarely. What chance does is found
by making series as much alike from day to day as this one, of its own residuals (a sieve bootstrap: Bühlmann, Bernoulli
3 (1997), 123), and cutting each where that explains most. Figures are compared by their roots, whose scatter depends
less on their level, and which no single day rules. What remains on both sides is cut again (Vostrikova 1981).
"""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from analysis.batches import CLAIM, FEWEST, MOST_CORRELATION, Days, Fit, explain, rhythm
from analysis.matching import Real

SHORTEST: Final = 7
"""Days on either side of a change."""
SERIES: Final = 1999
"""Made by chance."""
RARE: Final = (1 - CLAIM) / 4
"""Chance as it is made here is up to four times rarer than in the queues of tests/benchmarks/trends.py."""
ENOUGH: Final = 25
"""Of them, as large as the one that is judged, are told from so many: Besag and Clifford, Biometrika 78 (1991), 301."""
DATE_LOSS: Final = 2 * -np.log(1 - np.sqrt(0.95))
"""A day is in the interval of a date when it explains at most so much less, in variances: Eo and Morley, Quantitative
Economics 6 (2015), 463."""


@dataclass(frozen=True)
class Change:
    """One change of a daily figure."""

    day: int
    """The number of the first day of the new level, and below the earliest and the latest that it can have been."""
    earliest: int
    latest: int
    fit: Fit
    """The level before, and the difference to that after it, of the stretch that it cuts."""


@dataclass(frozen=True)
class Changes:
    """The changes of a daily figure, in the order of time."""

    found: tuple[Change, ...]
    batches: float
    """Effective ones, of the whole; below ten no change is looked for."""
    correlation: float
    """Of days that follow each other, on either side of the best cut of the whole."""


def changes_of(days: Days) -> Changes:
    """Find the changes of a daily figure.

    Parameters
    ----------
    days
        Values of at least zero.
    """
    if len(days.values) < 2 * SHORTEST:
        return Changes((), min(len(days.values), FEWEST - 1), 0.0)
    root = np.sqrt(days.weights / days.weights.mean())
    heights = np.sqrt(np.maximum(days.values, 0.0))
    columns = np.column_stack([np.ones(len(heights)), rhythm(days)]) * root[:, None]
    residuals = root * heights - columns @ (np.linalg.pinv(columns) @ (root * heights))
    # Days that are all alike scatter by what arithmetic rounds.
    residuals[np.abs(residuals) <= 1e-9 * float(np.abs(heights).max())] = 0.0
    at, correlation, chance = _chance(residuals, root)
    alike = (1 + correlation) / (1 - correlation)
    batches = len(heights) / alike
    if chance > RARE or batches < FEWEST:
        return Changes((), batches, correlation)
    after = np.arange(len(heights)) >= at
    explained = _explained(residuals, root)
    variance = (float(residuals @ residuals) - explained[at]) / (len(heights) - 2)
    near = np.flatnonzero(explained >= explained[at] - DATE_LOSS * variance * alike)
    fit = explain(days, np.column_stack([np.ones(len(after)), after]))
    here = Change(int(days.numbers[at]), int(days.numbers[near[0]]), int(days.numbers[near[-1]]), fit)
    before, then = (changes_of(days.where(side)).found for side in (~after, after))
    return Changes((*before, here, *then), batches, correlation)


@numba.njit(cache=True, nogil=True)
def _explained(residuals: Real, root: Real) -> Real:
    """Return by how much two levels, cut before each day, explain more than one does: minus one where none may be."""
    n = len(residuals)
    found = np.full(n, -1.0)
    whole, sum_ = 0.0, 0.0
    for day in range(n):
        whole += root[day] * root[day]
        sum_ += root[day] * residuals[day]
    weight, part = 0.0, 0.0
    for day in range(n - SHORTEST + 1):
        if day >= SHORTEST:
            surplus = part - sum_ * weight / whole
            found[day] = surplus * surplus * (1 / weight + 1 / (whole - weight))
        weight += root[day] * root[day]
        part += root[day] * residuals[day]
    return found


@numba.njit(cache=True, nogil=True)
def _cut(residuals: Real, root: Real) -> tuple[float, int, float, Real]:
    """Cut where that explains most.

    Returns
    -------
    tuple
        What it explains, in variances of what is left and for as many days as are independent; the day; the
        correlation of days that follow each other, of what is left; and what is left.
    """
    n = len(residuals)
    explained = _explained(residuals, root)
    at = int(np.argmax(explained))
    left = residuals.copy()
    for side in (slice(0, at), slice(at, n)):
        left[side] -= root[side] * ((root[side] * residuals[side]).sum() / (root[side] ** 2).sum())
    square = (left**2).sum()
    if explained[at] <= 0 or square <= 0:
        return (0.0 if explained[at] <= 0 else np.inf), at, 0.0, left
    together = (left[1:] * left[:-1]).sum() / square
    # What is left around the best cut is less alike by (4.5 + 8.5 r) / n: found by simulation, for 20 to 365 days.
    correlation = min(max((n * together + 4.5) / (n - 8.5), 0.0), MOST_CORRELATION)
    return explained[at] * (n - 2) / square * (1 - correlation) / (1 + correlation), at, correlation, left


@numba.njit(cache=True, nogil=True)
def _chance(residuals: Real, root: Real) -> tuple[int, float, float]:
    """Return the best cut, the correlation of what it leaves, and how likely chance makes one that explains as much.

    The numbers are drawn alike at every call: the same days give the same answer.
    """
    n = len(residuals)
    explained, at, correlation, _ = _cut(residuals, root)
    if explained <= 0:
        return at, correlation, 1.0
    np.random.seed(n)  # noqa: NPY002 - numba's own generator, one a thread
    news = residuals[1:] - correlation * residuals[:-1]
    news -= news.mean()
    made = np.empty(n)
    larger = 0
    for number in range(SERIES):
        value = residuals[np.random.randint(0, n)]  # noqa: NPY002 - as above
        for day in range(n):
            value = correlation * value + news[np.random.randint(0, n - 1)]  # noqa: NPY002 - as above
            made[day] = value
        if _cut(made, root)[0] >= explained:
            larger += 1
            if larger == ENOUGH:
                return at, correlation, larger / (number + 1)
    return at, correlation, (larger + 1) / (SERIES + 1)
