"""Change points of a daily value: days on which its level changed by more than autocorrelation alone explains.

A cut parts a run of days into two runs; a spell is a run of days within it that has a level of its own. To explain
means to reduce the residual sum of squares. A run is cut where the cut explains most, if a cut by chance rarely
explains as much. The p-value is found by a sieve bootstrap (Bühlmann, Bernoulli 3 (1997), 123): series with the same
correlation from day to day are drawn from the run's own residuals, and the best cut of each is found. Where no cut is
significant, spells are tested in the same way. The parts on all sides are then searched in turn (Vostrikova 1981). A
run of days that may be a single queue is not cut, but the parts on its sides are searched too.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Floats
from analysis.stats.batches import CLAIM, FEWEST, LEVEL, Days, correlation_of, rhythm
from analysis.stats.regression import Fit, direction, step_of
from analysis.stats.spells import SHORTEST, best_spell, explained_by

RARE: Final = (1 - CLAIM) / 5
"""The largest p-value of a cut: the bootstrap's is up to five times too small in the queues of
tests/benchmarks/trends.py."""
RAREST: Final = RARE / 4
"""The largest p-value of a spell: there are many more spells than cuts to choose from."""
DRAINS: Final = 4
"""A run of days has a level of its own only if so many queues could drain within it, one after the other.

A queue that drains in d days correlates days for about d days, so that 4 d days are worth about two independent ones.
With 2 in place of 4, up to 15 % of the series of tests/benchmarks/trends.py whose demand varies most had false claims.
"""
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


class Draining(NamedTuple):
    """A run of days that differs from the days around it, but may be a single queue that drains."""

    days: tuple[int, ...]
    """The numbers of the days on which the level would change."""
    drain: float
    """The days that its queue takes to drain."""


@dataclass(frozen=True)
class Changes:
    """The changes of a daily value, in the order of time."""

    changes: tuple[Change, ...]
    batches: float
    """Effective batches of all days; with fewer than ten there are no changes."""
    correlation: float
    """The correlation from day to day, on either side of the best cut of all days."""
    draining: Draining | None = None
    """The run of days that explains most beyond chance, where it is too short to be a change; else None."""


def changes_of(days: Days, least: float = 0.0, drain: Callable[[Days], float] | None = None) -> Changes:
    """Return the changes of a daily value.

    Parameters
    ----------
    days
        Values of at least zero.
    least
        The least correlation from day to day, of what drives these values: at most 0.97.
    drain
        A function that returns how many days the queues of a run of days take to drain: a single queue is no change.
    """
    if len(days.values) < 2 * SHORTEST:
        return Changes((), min(len(days.values), FEWEST - 1), 0.0)
    residuals, root = _residuals(days)
    attempts: list[Changes] = []
    draining, edges = None, [0, len(root)]
    for cut, rare in ((True, RARE), (False, RAREST)):
        (first, last), correlation, chance = best_spell(residuals, root, cut, least)
        inflation = (1 + correlation) / (1 - correlation)
        attempts.append(Changes((), len(root) / inflation, correlation))
        if chance <= rare and attempts[-1].batches >= FEWEST:
            edges = _edges(first, last, len(root))
            draining = None if drain is None else _draining(days, first, last, drain)
            if draining is None:
                break
    else:
        beside = chain.from_iterable(_parts(days, *part, least, drain) for part in pairwise(edges)) if draining else ()
        return replace(max(attempts, key=lambda attempt: attempt.batches), changes=tuple(beside), draining=draining)
    explained = explained_by(residuals, root, first, last)
    scatter = (float(residuals @ residuals) - explained) / (len(root) - 2)
    changes: list[Change] = []
    for before, edge, after in zip(edges, edges[1:], edges[2:], strict=False):
        changes += _parts(days, before, edge, least, drain)
        spells = [(day, last) if edge == first else (first, day) for day in range(before + 1, after)]
        near = [
            day
            for day, spell in zip(range(before + 1, after), spells, strict=True)
            if explained_by(residuals, root, *spell) >= explained - DATE_LOSS * scatter * inflation
        ]
        stretch = _between(days, before, after)
        fit = step_of(stretch, np.arange(before, after) >= edge, least)
        earliest, latest = (int(days.numbers[near[end]]) for end in (0, -1))
        changes.append(Change(int(days.numbers[edge]), earliest, latest, fit))
    changes += _parts(days, edges[-2], edges[-1], least, drain)
    return replace(attempts[-1], changes=tuple(changes))


def correlation_without_changes(days: Days) -> float:
    """Return the correlation of a daily value from day to day, as if its level had never changed."""
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


def _parts(
    days: Days, first: int, last: int, least: float, drain: Callable[[Days], float] | None
) -> tuple[Change, ...]:
    """Return the changes among the days from index `first` to index `last`, which is excluded."""
    return changes_of(_between(days, first, last), least, drain).changes


def _draining(days: Days, first: int, last: int, drain: Callable[[Days], float]) -> Draining | None:
    """Return the queue that a spell, or the days before or after it, may be; None where all last long enough.

    Only the days that are nearer to their own level than to the other one count: a run may also hold the quiet days
    after a queue.
    """
    inside = (np.arange(len(days.values)) >= first) & (np.arange(len(days.values)) < last)
    heights = _heights(days.values)
    level, other = (np.average(heights[run], weights=days.weights[run]) for run in (inside, ~inside))
    own = inside == (np.abs(heights - level) < np.abs(heights - other))
    edges = _edges(first, last, len(days.values))
    for before, after in pairwise(edges):
        longest = drain(_between(days, before, after))
        if own[before:after].sum() < DRAINS * longest:
            return Draining(tuple(int(days.numbers[edge]) for edge in edges[1:-1]), longest)
    return None


def _edges(first: int, last: int, length: int) -> list[int]:
    """Return where the runs of days before, in and after a spell begin, and where the last one ends."""
    return [0, *(edge for edge in (first, last) if 0 < edge < length), length]
