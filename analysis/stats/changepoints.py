"""Change points of a daily value: days on which its level changed by more than autocorrelation alone explains.

A cut parts a run of days into two runs; a spell is a run of days within it that has a level of its own. To explain
means to reduce the residual sum of squares. A run is cut where the cut explains most, if a cut by chance rarely
explains as much. The p-value is found by a sieve bootstrap (Bühlmann, Bernoulli 3 (1997), 123): series with the same
correlation from day to day are drawn from the run's own residuals, and the best cut of each is found. Where no cut is
significant, spells are tested in the same way. The parts on all sides are then searched in turn (Vostrikova 1981).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.arrays import Floats
from analysis.compiled import compiled
from analysis.stats.batches import CLAIM, FEWEST, LEVEL, MOST_CORRELATION, Days, correlation_of, rhythm
from analysis.stats.regression import Fit, direction, step_of

SHORTEST: Final = 7
"""The fewest days on either side of a change."""
BOOTSTRAPS: Final = 4999
"""The largest number of series that the bootstrap draws."""
RARE: Final = (1 - CLAIM) / 5
"""The largest p-value of a cut: the bootstrap's is up to five times too small in the queues of
tests/benchmarks/trends.py."""
RAREST: Final = RARE / 4
"""The largest p-value of a spell: there are many more spells than cuts to choose from."""
ENOUGH: Final = 25
"""The bootstrap ends early after this many series whose best cut explains as much: Besag and Clifford, Biometrika 78
(1991), 301."""
MOST_EDGES: Final = 64
"""The largest number of days that are tried as an edge in a first search; then all days near the best are tried."""
AROUND_A_CUT: Final = (4.5, 8.5)
AROUND_A_SPELL: Final = (6.0, 12.0)
"""The residuals of n days around a cut underestimate the correlation r by (4.5 + 8.5 r) / n, those around a spell by
(6 + 12 r) / n: found by simulation of 20 to 365 days."""
DATE_LOSS: Final = 2 * -np.log(1 - np.sqrt(LEVEL))
"""The interval of a date holds the days that explain at most this much less, in variances, than the best day: Eo and
Morley, Quantitative Economics 6 (2015), 463."""


@dataclass(frozen=True)
class Change:
    """One change of a daily value."""

    day: int
    """The number of the first day of the new level."""
    earliest: int
    latest: int
    """The 95% interval of `day`."""
    fit: Fit
    """Two coefficients: the level before the change, back to the previous change, and the difference of the level after
    it, up to the next change."""

    @property
    def direction(self) -> str | None:
        """Up or down; "not shown" where the interval of the difference contains zero.

        A change can be found on fewer days than the interval of its difference needs. Without an interval, the bounds
        of the difference decide.
        """
        low, high = self.fit.interval(1)
        if np.isnan(low):
            return "up" if self.fit.low[1] > 0 else "down" if self.fit.high[1] < 0 else "not shown"
        return direction(low, high)


@dataclass(frozen=True)
class Changes:
    """The changes of a daily value, in the order of time."""

    changes: tuple[Change, ...]
    batches: float
    """Effective batches of all days; with fewer than ten there are no changes."""
    correlation: float
    """The correlation from day to day, on either side of the best cut of all days."""


def changes_of(days: Days, least: float = 0.0) -> Changes:
    """Return the changes of a daily value.

    Parameters
    ----------
    days
        Values of at least zero.
    least
        The least correlation from day to day, of what drives these values: at most 0.97.
    """
    if len(days.values) < 2 * SHORTEST:
        return Changes((), min(len(days.values), FEWEST - 1), 0.0)
    residuals, root = _residuals(days)
    attempts = []
    for cut, rare in ((True, RARE), (False, RAREST)):
        (first, last), correlation, chance = _chance(residuals, root, cut, least)
        inflation = (1 + correlation) / (1 - correlation)
        attempts.append(Changes((), len(root) / inflation, correlation))
        if chance <= rare and attempts[-1].batches >= FEWEST:
            break
    else:
        return max(attempts, key=lambda attempt: attempt.batches)
    explained = _explained(residuals, root, first, last)
    scatter = (float(residuals @ residuals) - explained) / (len(root) - 2)
    changes: list[Change] = []
    edges = [0, *(edge for edge in (first, last) if 0 < edge < len(root)), len(root)]
    for before, edge, after in zip(edges, edges[1:], edges[2:], strict=False):
        changes += _parts(days, before, edge, least)
        spells = [(day, last) if edge == first else (first, day) for day in range(before + 1, after)]
        near = [
            day
            for day, spell in zip(range(before + 1, after), spells, strict=True)
            if _explained(residuals, root, *spell) >= explained - DATE_LOSS * scatter * inflation
        ]
        stretch = _between(days, before, after)
        fit = step_of(stretch, np.arange(before, after) >= edge, least)
        earliest, latest = (int(days.numbers[near[end]]) for end in (0, -1))
        changes.append(Change(int(days.numbers[edge]), earliest, latest, fit))
    changes += _parts(days, edges[-2], edges[-1], least)
    return replace(attempts[-1], changes=tuple(changes))


def memory_of(days: Days) -> float:
    """Return the correlation of a daily value from day to day as if its level had never changed."""
    return correlation_of(_residuals(days)[0]) if len(days.values) else 0.0


def _residuals(days: Days) -> tuple[Floats, Floats]:
    """Return what is left of the heights of days without their weekly pattern, and the square roots of the weights.

    The residuals are multiplied by these roots.
    """
    root = np.sqrt(days.weights / days.weights.mean())
    heights = _heights(days.values)
    columns = np.column_stack([np.ones(len(heights)), rhythm(days)]) * root[:, None]
    residuals = root * heights - columns @ (np.linalg.pinv(columns) @ (root * heights))
    # Equal days have residuals of zero, but for rounding.
    residuals[np.abs(residuals) <= 1e-9 * float(np.abs(heights).max())] = 0.0
    return residuals, root


def _heights(values: Floats) -> Floats:
    """Return values on a scale that is linear below the median of the values above zero, and logarithmic above it.

    The spread of waits grows with their level; on this scale high days do not outweigh the others.
    """
    positive = values[values > 0]
    heights: Floats = (
        np.log1p(np.maximum(values, 0.0) / np.median(positive)) if len(positive) else np.zeros(len(values))
    )
    return heights


def _between(days: Days, first: int, last: int) -> Days:
    return days.where((np.arange(len(days.values)) >= first) & (np.arange(len(days.values)) < last))


def _parts(days: Days, first: int, last: int, least: float) -> tuple[Change, ...]:
    """Return the changes among the days from index `first` to index `last`, which is excluded."""
    return changes_of(_between(days, first, last), least).changes


@compiled
def _explained(residuals: Floats, root: Floats, first: int, last: int) -> float:
    """Return the sum of squares that a spell explains; -1 where it has no days or all. `last` is the day after it."""
    whole, weight = (root**2).sum(), (root[first:last] ** 2).sum()
    surplus = (root[first:last] * residuals[first:last]).sum() - (root * residuals).sum() * weight / whole
    return surplus * surplus * (1 / weight + 1 / (whole - weight)) if 0 < weight < whole else -1.0


@compiled
def _best_spell(residuals: Floats, root: Floats, cut: bool) -> tuple[int, int, float]:
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

    Returns
    -------
    tuple
        The statistic: the sum of squares that the spell explains, over the variance of the residuals around it and over
        their inflation by autocorrelation; the spell's first day and the day after it; and the correlation of those
        residuals from day to day.
    """
    n = len(residuals)
    first, last, explained = _best_spell(residuals, root, cut)
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
        return (0.0 if explained <= 0 else np.inf), first, last, 0.0
    constant, slope = AROUND_A_CUT if cut else AROUND_A_SPELL
    correlation = (n * products / squares + constant) / max(n - slope, 1.0)
    correlation = min(max(correlation, least), MOST_CORRELATION)
    return explained * (n - 2) / squares * (1 - correlation) / (1 + correlation), first, last, correlation


@compiled
def _chance(residuals: Floats, root: Floats, cut: bool, least: float) -> tuple[tuple[int, int], float, float]:
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
    simulated = np.empty(n)
    larger = 0
    for number in range(BOOTSTRAPS):
        value = residuals[np.random.randint(0, n)]  # noqa: NPY002 - compiled: a Generator is five times slower
        for day in range(n):
            value = correlation * value + innovations[np.random.randint(0, n - 1)]  # noqa: NPY002 - compiled: a Generator is five times slower
            simulated[day] = value
        if _tested(simulated, root, cut, least)[0] >= explained:
            larger += 1
            if larger == ENOUGH:
                return (first, last), correlation, larger / (number + 1)
    return (first, last), correlation, (larger + 1) / (BOOTSTRAPS + 1)
