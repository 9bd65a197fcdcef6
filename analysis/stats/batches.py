"""Daily values as batches: their weekly pattern, and the effective number of batches.

Days whose values are correlated with the values of the day before count as fewer independent batches.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints

LEVEL: Final = 0.95
"""The level of the intervals of waits, failures and trends, of 1; forecasts have `schemas.capacity.LEVEL`."""
FEWEST: Final = 10.0
"""Effective batches below which no interval is given."""
WEEKS: Final = 3
"""The fewest weeks from which a weekly pattern is estimated: in fewer, chance looks like one."""
QUESTIONS: Final = 8
"""Tests of a series: slope and change of four measures."""
CLAIM: Final = 1 - (1 - LEVEL) / QUESTIONS
"""The level of each of these tests, by Bonferroni's correction for their number."""
MOST_CORRELATION: Final = 0.97
"""The largest correlation that is used: n days are at least n / 66 effective batches."""


@dataclass(frozen=True)
class Stretches:
    """Bounds of sums over stretches of days, which are narrower than the sums of the bounds of their days.

    The values of all days cannot be at their bounds at the same time.
    """

    first: Ints
    last: Ints
    """Day numbers, `last` excluded. The first stretch is the whole; then they become shorter, down to single days."""
    low: Floats
    high: Floats
    """Bounds of the sum of values times weights; infinite where there is no bound."""


@dataclass(frozen=True)
class Days:
    """One value of each of n days; days without a value are left out."""

    numbers: Ints
    """Day numbers, rising; those of the same day of the week differ by multiples of seven."""
    values: Floats
    low: Floats
    high: Floats
    """Bounds of the values; infinite where there is no bound."""
    weights: Floats
    """The number of jobs that each value is a mean of; 1 if the value is of the day itself, such as its arrivals."""
    stretches: Stretches | None = None
    """Narrower bounds of sums over several days, if there are any."""

    def where(self, chosen: Bools) -> "Days":
        """Return the chosen days."""
        low, high, weights = self.low[chosen], self.high[chosen], self.weights[chosen]
        return Days(self.numbers[chosen], self.values[chosen], low, high, weights, self.stretches)


def more_days(batches: float, correlation: float) -> int:
    """Return the number of further days for ten effective batches, at the same correlation from day to day."""
    return max(0, int(np.ceil((FEWEST - batches) * (1 + correlation) / (1 - correlation))))


def rhythm(days: Days) -> Floats:
    """Return the regressors of the weekly pattern: n by 6, each of weighted mean zero, so that they change no mean.

    There are no columns where the days span less than three weeks.
    """
    if not len(days.numbers) or days.numbers[-1] - days.numbers[0] < 7 * WEEKS - 1:
        return np.empty((len(days.numbers), 0))
    weekday = days.numbers % 7
    columns = (weekday[:, None] == np.arange(1, 7)).astype(float) - (weekday == 0)[:, None]
    centred: Floats = columns - np.average(columns, axis=0, weights=days.weights)
    return centred


def without_bias(raw: Floats | float, n: Ints | int) -> Floats:
    """Return correlations of successive residuals of n days, at least 5, without their bias; in [0, 0.97].

    The residuals of n days from a line underestimate r by (2 + 4 r) / n: Kendall, Biometrika 41 (1954), 403; Marriott
    and Pope, Biometrika 41 (1954), 390.
    """
    return np.clip((n * raw + 2) / (n - 4), 0.0, MOST_CORRELATION)


def correlation_of(residuals: Floats) -> float:
    """Return the correlation of each residual with the next one, in [0, 0.97]; days between them may be missing."""
    n, square = len(residuals), float(residuals @ residuals)
    if n < 5 or square <= 0:
        return 0.0
    raw = float(residuals[1:] @ residuals[:-1]) / square
    return float(without_bias(raw, n))
