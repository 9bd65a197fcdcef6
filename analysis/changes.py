"""When a daily figure changed: from one level to another, by more than its own autocorrelation makes.

Each stretch of days is cut where that explains most of its scatter, if chance does so rarely. What chance does is found
by making series as much alike from day to day as this one, of its own residuals (a sieve bootstrap: Bühlmann, Bernoulli
3 (1997), 123), and cutting each where that explains most. Figures are compared by their roots, whose scatter depends
less on their level, and which no single day rules. What remains on both sides is cut again (Vostrikova 1981).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from analysis.batches import CLAIM, FEWEST, Days, Fit, correlation_of, explain, rhythm
from analysis.matching import Real

SHORTEST: Final = 7
"""Days on either side of a change."""
SERIES: Final = 1999
"""Made by chance."""
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


def changes_of(days: Days) -> Iterator[Change]:
    """Find the changes of a daily figure, in the order of time; none below ten effective batches.

    Parameters
    ----------
    days
        Values of at least zero.
    """
    if len(days.values) < 2 * SHORTEST:
        return
    root = np.sqrt(days.weights / days.weights.mean())
    heights = np.sqrt(np.maximum(days.values, 0.0))
    columns = np.column_stack([np.ones(len(heights)), rhythm(days)]) * root[:, None]
    residuals = root * heights - columns @ (np.linalg.pinv(columns) @ (root * heights))
    # Days that are all alike scatter by what arithmetic rounds.
    residuals[np.abs(residuals) <= 1e-9 * float(np.abs(heights).max())] = 0.0
    correlation = correlation_of(residuals, days.numbers)
    alike = (1 + correlation) / (1 - correlation)
    if len(heights) / alike < FEWEST:
        return
    chance, explained = _chance(residuals, root, correlation)
    if chance >= 1 - CLAIM:
        return
    at = int(np.argmax(explained))
    after = np.arange(len(heights)) >= at
    fit = explain(days, np.column_stack([np.ones(len(after)), after]))
    variance = (float(residuals @ residuals) - explained[at]) / (len(heights) - 2)
    near = np.flatnonzero(explained >= explained[at] - DATE_LOSS * variance * alike)
    yield from changes_of(days.where(~after))
    yield Change(int(days.numbers[at]), int(days.numbers[near[0]]), int(days.numbers[near[-1]]), fit)
    yield from changes_of(days.where(after))


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
def _share(residuals: Real, root: Real) -> float:
    """Return which share of the scatter the best cut explains."""
    whole, sum_, square = 0.0, 0.0, 0.0
    for day in range(len(residuals)):
        whole += root[day] * root[day]
        sum_ += root[day] * residuals[day]
        square += residuals[day] * residuals[day]
    scatter = square - sum_ * sum_ / whole
    return _explained(residuals, root).max() / scatter if scatter > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _chance(residuals: Real, root: Real, correlation: float) -> tuple[float, Real]:
    """Return how likely chance makes a cut that explains as much, and what each cut explains.

    The numbers are drawn alike at every call: the same days give the same answer.
    """
    n = len(residuals)
    share = _share(residuals, root)
    explained = _explained(residuals, root)
    if share <= 0:
        return 1.0, explained
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
        if _share(made, root) >= share:
            larger += 1
            if larger == ENOUGH:
                return larger / (number + 1), explained
    return (larger + 1) / (SERIES + 1), explained
