"""Daily figures as batches: the week's rhythm, and how many independent ones they amount to.

Days that are alike because they follow each other tell less.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints

LEVEL: Final = 0.95
FEWEST: Final = 10.0
"""Effective batches; below this no interval is given."""
WEEKS: Final = 3
"""As many are needed to tell a week's rhythm from chance."""
QUESTIONS: Final = 8
"""Asked of a series: slope and change of four measures. A claim of one is made at so much smaller an error."""
CLAIM: Final = 1 - (1 - LEVEL) / QUESTIONS
MOST_CORRELATION: Final = 0.97


@dataclass(frozen=True)
class Stretches:
    """What is known of sums over stretches of days: more than the sum of what is known of each day.

    Who waited long on one day cannot all have done so on the next as well.
    """

    first: Ints
    last: Ints
    """Day numbers, the last one excluded; from the whole to each single day, those of one length side by side."""
    low: Floats
    high: Floats
    """Bounds of the sum of values times weights; infinite where there is none."""


@dataclass(frozen=True)
class Days:
    """One figure of the days that have it."""

    numbers: Ints
    """Of each day, rising; those of Mondays are alike but for multiples of seven."""
    values: Floats
    low: Floats
    high: Floats
    """Bounds; infinite where there is none."""
    weights: Floats
    """How many jobs a day's value is about; one where it is about the day itself."""
    stretches: Stretches | None = None
    """Where there are any, bounds come from them."""

    def where(self, chosen: Bools) -> "Days":
        """Return some of the days."""
        low, high, weights = self.low[chosen], self.high[chosen], self.weights[chosen]
        return Days(self.numbers[chosen], self.values[chosen], low, high, weights, self.stretches)


def more_days(batches: float, correlation: float) -> int:
    """Return how many more days it takes to ten effective batches, when days stay as alike as they are."""
    return max(0, int(np.ceil((FEWEST - batches) * (1 + correlation) / (1 - correlation))))


def rhythm(days: Days) -> Floats:
    """Return what each day of the week differs by, as six columns that leave weighted means alone.

    None where the days span less than three weeks.
    """
    if not len(days.numbers) or days.numbers[-1] - days.numbers[0] < 7 * WEEKS - 1:
        return np.empty((len(days.numbers), 0))
    weekday = days.numbers % 7
    columns = (weekday[:, None] == np.arange(1, 7)).astype(float) - (weekday == 0)[:, None]
    centred: Floats = columns - np.average(columns, axis=0, weights=days.weights)
    return centred


def correlation_of(residuals: Floats) -> float:
    """Return the correlation of days that follow each other, however many are missing between, at least zero.

    Residuals of n days from a line have one too small by (2 + 4 r) / n: Kendall, Biometrika 41 (1954), 403; Marriott
    and Pope, Biometrika 41 (1954), 390.
    """
    n, square = len(residuals), float(residuals @ residuals)
    if n < 5 or square <= 0:
        return 0.0
    together = float(residuals[1:] @ residuals[:-1]) / square
    return float(np.clip((n * together + 2) / (n - 4), 0.0, MOST_CORRELATION))
