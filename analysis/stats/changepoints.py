"""When a daily figure changed: from one level to another, by more than its own autocorrelation makes.

Each stretch of days is cut where that explains most of its scatter, if chance does so rarely. What chance does is found
by making series as much alike from day to day as this one, of its own residuals (a sieve bootstrap: Bühlmann, Bernoulli
3 (1997), 123), and cutting each where that explains most. Where no cut tells more than chance, a spell may that ends
again. What remains on all sides is cut again (Vostrikova 1981).
"""

from dataclasses import dataclass, replace
from typing import Final

import numba
import numpy as np

from analysis.arrays import Floats
from analysis.stats.batches import CLAIM, FEWEST, MOST_CORRELATION, Days, rhythm
from analysis.stats.regression import Fit, direction, explain

SHORTEST: Final = 7
"""Days on either side of a change."""
SERIES: Final = 4999
"""Made by chance."""
RARE: Final = (1 - CLAIM) / 5
"""Chance as it is made here is up to five times rarer than in the queues of tests/benchmarks/trends.py."""
RAREST: Final = RARE / 4
"""For a spell, of which there are many more."""
ENOUGH: Final = 25
"""Of them, as large as the one that is judged, are told from so many: Besag and Clifford, Biometrika 78 (1991), 301."""
MOST_EDGES: Final = 64
AROUND_A_CUT: Final = (4.5, 8.5)
AROUND_A_SPELL: Final = (6.0, 12.0)
"""What is left is less alike by (4.5 + 8.5 r) / n, or (6 + 12 r) / n: found by simulation, of 20 to 365 days."""
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

    @property
    def direction(self) -> str | None:
        """Up or down; "not shown" where the difference may be none by its own interval.

        That it changed is told by less than by how much: where the days are too few for an interval it may still be
        said which way.
        """
        low, high = self.fit.interval(1)
        if np.isnan(low):
            return "up" if self.fit.low[1] > 0 else "down" if self.fit.high[1] < 0 else "not shown"
        return direction(low, high)


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
    heights = _heights(days.values)
    columns = np.column_stack([np.ones(len(heights)), rhythm(days)]) * root[:, None]
    residuals = root * heights - columns @ (np.linalg.pinv(columns) @ (root * heights))
    # Days that are all alike scatter by what arithmetic rounds.
    residuals[np.abs(residuals) <= 1e-9 * float(np.abs(heights).max())] = 0.0
    tried = []
    for cut, rare in ((True, RARE), (False, RAREST)):
        (first, last), correlation, chance = _chance(residuals, root, cut)
        alike = (1 + correlation) / (1 - correlation)
        tried.append(Changes((), len(heights) / alike, correlation))
        if chance <= rare and tried[-1].batches >= FEWEST:
            break
    else:
        return max(tried, key=lambda each: each.batches)
    of_spell = _explained(residuals, root, first, last)
    scatter = (float(residuals @ residuals) - of_spell) / (len(heights) - 2)
    found: list[Change] = []
    edges = [0, *(edge for edge in (first, last) if 0 < edge < len(heights)), len(heights)]
    for before, edge, after in zip(edges, edges[1:], edges[2:], strict=False):
        found += _parts(days, before, edge)
        spells = [(day, last) if edge == first else (first, day) for day in range(before + 1, after)]
        near = [
            day
            for day, spell in zip(range(before + 1, after), spells, strict=True)
            if _explained(residuals, root, *spell) >= of_spell - DATE_LOSS * scatter * alike
        ]
        here = _between(days, before, after)
        fit = explain(here, np.column_stack([np.ones(after - before), np.arange(before, after) >= edge]))
        earliest, latest = (int(days.numbers[near[end]]) for end in (0, -1))
        found.append(Change(int(days.numbers[edge]), earliest, latest, fit))
    found += _parts(days, edges[-2], edges[-1])
    return replace(tried[-1], found=tuple(found))


def _heights(values: Floats) -> Floats:
    """Return figures on a scale on which the high ones do not rule: as they are below the usual, in octaves above.

    Waits scatter in proportion to their level.
    """
    some = values[values > 0]
    heights: Floats = np.log1p(np.maximum(values, 0.0) / np.median(some)) if len(some) else np.zeros(len(values))
    return heights


def _between(days: Days, first: int, last: int) -> Days:
    return days.where((np.arange(len(days.values)) >= first) & (np.arange(len(days.values)) < last))


def _parts(days: Days, first: int, last: int) -> tuple[Change, ...]:
    """Return the changes within a part."""
    return changes_of(_between(days, first, last)).found


@numba.njit(cache=True, nogil=True)
def _explained(residuals: Floats, root: Floats, first: int, last: int) -> float:
    """Return by how much a spell with a level of its own, before its last day, explains more than one level."""
    whole, weight = (root**2).sum(), (root[first:last] ** 2).sum()
    surplus = (root[first:last] * residuals[first:last]).sum() - (root * residuals).sum() * weight / whole
    return surplus * surplus * (1 / weight + 1 / (whole - weight)) if 0 < weight < whole else -1.0


@numba.njit(cache=True, nogil=True)
def _spell(residuals: Floats, root: Floats, cut: bool) -> tuple[int, int, float]:
    """Return the spell that explains most, and how much: of all, or of those that begin with the days.

    Circular binary segmentation: Olshen, Venkatraman, Lucito and Wigler, Biostatistics 5 (2004), 557. Of many days
    every few are tried first.
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


@numba.njit(cache=True, nogil=True)
def _judged(residuals: Floats, root: Floats, cut: bool) -> tuple[float, int, int, float]:
    """Find the spell that explains most.

    Returns
    -------
    tuple
        What it explains, in variances of what is left and for as many days as are independent; its first day and the
        one after its last; and the correlation of days that follow each other, of what is left.
    """
    n = len(residuals)
    first, last, explained = _spell(residuals, root, cut)
    inside, whole = (root[first:last] ** 2).sum(), (root**2).sum()
    of_spell = (root[first:last] * residuals[first:last]).sum()
    level, rest = of_spell / inside, ((root * residuals).sum() - of_spell) / (whole - inside)
    square, together, before = 0.0, 0.0, 0.0
    for day in range(n):
        left = residuals[day] - root[day] * (level if first <= day < last else rest)
        square += left * left
        together += left * before
        before = left
    if explained <= 0 or square <= 0:
        return (0.0 if explained <= 0 else np.inf), first, last, 0.0
    constant, slope = AROUND_A_CUT if cut else AROUND_A_SPELL
    correlation = (n * together / square + constant) / max(n - slope, 1.0)
    correlation = min(max(correlation, 0.0), MOST_CORRELATION)
    return explained * (n - 2) / square * (1 - correlation) / (1 + correlation), first, last, correlation


@numba.njit(cache=True, nogil=True)
def _chance(residuals: Floats, root: Floats, cut: bool) -> tuple[tuple[int, int], float, float]:
    """Return the spell, the correlation of what it leaves, and how likely chance makes one that explains as much.

    The numbers are drawn alike at every call: the same days give the same answer.
    """
    n = len(residuals)
    explained, first, last, correlation = _judged(residuals, root, cut)
    if explained <= 0:
        return (first, last), correlation, 1.0
    np.random.seed(n)  # noqa: NPY002 - compiled, of which numba keeps one a thread
    news = residuals[1:] - correlation * residuals[:-1]
    news -= news.mean()
    made = np.empty(n)
    larger = 0
    for number in range(SERIES):
        value = residuals[np.random.randint(0, n)]  # noqa: NPY002 - compiled: a Generator is five times slower
        for day in range(n):
            value = correlation * value + news[np.random.randint(0, n - 1)]  # noqa: NPY002 - compiled: a Generator is five times slower
            made[day] = value
        if _judged(made, root, cut)[0] >= explained:
            larger += 1
            if larger == ENOUGH:
                return (first, last), correlation, larger / (number + 1)
    return (first, last), correlation, (larger + 1) / (SERIES + 1)
