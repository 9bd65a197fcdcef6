"""Change points of a daily value: days on which its level changed by more than autocorrelation alone explains.

A cut parts a run of days into two runs; a spell is a run of days within it that has a level of its own. To explain
means to reduce the residual sum of squares. A run is cut where the cut explains most, if a cut by chance rarely
explains as much. The p-value is found by a sieve bootstrap (Bühlmann, Bernoulli 3 (1997), 123): series with the same
correlation from day to day are drawn from the run's own residuals, and the best cut of each is found. Where no cut is
significant, spells are tested in the same way. The parts on all sides are then searched in turn (Vostrikova 1981).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
CLEARINGS: Final = 4
"""A run of days has a level of its own only if it is this many times as long as its backlogs take to clear. Days that
remember for c days are worth one independent day in 2 c: these are two."""
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


class Backlog(NamedTuple):
    """A run of days that differs from the others, but may be one backlog."""

    days: tuple[int, ...]
    """The numbers of the days on which the level would change."""
    clearing: float
    """The days that its backlogs take to clear."""


@dataclass(frozen=True)
class Changes:
    """The changes of a daily value, in the order of time."""

    changes: tuple[Change, ...]
    batches: float
    """Effective batches of all days; with fewer than ten there are no changes."""
    correlation: float
    """The correlation from day to day, on either side of the best cut of all days."""
    backlog: Backlog | None = None
    """Set if there are no changes because of it."""


def changes_of(days: Days, least: float = 0.0, clearing: Callable[[Days], float] | None = None) -> Changes:
    """Return the changes of a daily value.

    Parameters
    ----------
    days
        Values of at least zero.
    least
        The least correlation from day to day, of what drives these values: at most 0.97.
    clearing
        A function that returns the days that the backlogs of a run of days take to clear: a single one is no change.
    """
    if len(days.values) < 2 * SHORTEST:
        return Changes((), min(len(days.values), FEWEST - 1), 0.0)
    residuals, root = _residuals(days)
    attempts, backlogs = [], []
    for cut, rare in ((True, RARE), (False, RAREST)):
        (first, last), correlation, chance = best_spell(residuals, root, cut, least)
        inflation = (1 + correlation) / (1 - correlation)
        attempts.append(Changes((), len(root) / inflation, correlation))
        if chance <= rare and attempts[-1].batches >= FEWEST:
            backlog = None if clearing is None else _backlog(days, first, last, clearing)
            if backlog is None:
                break
            backlogs.append(backlog)
    else:
        clearest = max(attempts, key=lambda attempt: attempt.batches)
        return replace(clearest, backlog=backlogs[0] if backlogs else None)
    explained = explained_by(residuals, root, first, last)
    scatter = (float(residuals @ residuals) - explained) / (len(root) - 2)
    changes: list[Change] = []
    edges = [0, *(edge for edge in (first, last) if 0 < edge < len(root)), len(root)]
    for before, edge, after in zip(edges, edges[1:], edges[2:], strict=False):
        changes += _parts(days, before, edge, least, clearing)
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
    changes += _parts(days, edges[-2], edges[-1], least, clearing)
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
    days: Days, first: int, last: int, least: float, clearing: Callable[[Days], float] | None
) -> tuple[Change, ...]:
    """Return the changes among the days from index `first` to index `last`, which is excluded."""
    return changes_of(_between(days, first, last), least, clearing).changes


def _backlog(days: Days, first: int, last: int, clearing: Callable[[Days], float]) -> Backlog | None:
    """Return the backlog that a spell, or what is around it, may be; None where both last long enough."""
    inside = (np.arange(len(days.values)) >= first) & (np.arange(len(days.values)) < last)
    for run in (inside, ~inside):
        lasting = clearing(days.where(run))
        if run.sum() < CLEARINGS * lasting:
            edges = (int(days.numbers[edge]) for edge in (first, last) if 0 < edge < len(days.values))
            return Backlog(tuple(edges), lasting)
    return None
