"""Daily figures as batches: the week's rhythm taken out of them, and how many that are independent they amount to.

What is asked of them is linear: a level, a slope, the difference of two periods. Each is a weighted sum of the days, by
which the bounds of the days are carried along. Days that are alike because they follow each other tell less.
"""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
from scipy.special import stdtr, stdtrit

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
# Errors that are less skewed than this are taken as they are.
STRAIGHT: Final = 1e-6


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


@dataclass(frozen=True)
class Fit:
    """Days explained by what is asked of them, and by the week's rhythm, with weighted least squares."""

    values: Floats
    low: Floats
    high: Floats
    """The k coefficients of what is asked: points, and the least and the most that the days' bounds allow."""
    errors: Floats
    """k: standard errors that respect autocorrelation and days that scatter differently."""
    skews: Floats
    """k: the skewness of what the days add to a mean; zero for differences, whose two sides it has alike."""
    correlation: float
    """Of residuals that follow each other, without the bias that a fit gives it; zero at least."""
    batches: float
    """The effective number: n (1 - r) / (1 + r)."""
    freedom: float
    """Of the errors: degrees by which they are known."""

    def interval(self, column: int, level: float = LEVEL) -> tuple[float, float]:
        """Return the interval of a coefficient: what the days scatter, and beyond it what their bounds leave open.

        NaN below ten effective batches. Waits have a long tail, of which a mean of few days holds more than its share
        or less: the errors are put right for their skewness (Hall, Journal of the Royal Statistical Society B 54
        (1992), 221).
        """
        if self.batches < FEWEST:
            return np.nan, np.nan
        most = float(stdtrit(self.freedom, (1 + level) / 2))
        skew, root = float(self.skews[column]), np.sqrt(self.batches)
        up, down = most, -most
        if abs(skew) > STRAIGHT:
            up, down = (
                root * 3 / skew * (np.cbrt(1 + skew * (normal / root - skew / (6 * self.batches))) - 1)
                for normal in (most, -most)
            )
        error = self.errors[column]
        return float(self.low[column] - up * error), float(self.high[column] - down * error)

    def chance(self, column: int) -> float:
        """Return how probable so large a difference from zero is where there is none, for differences and slopes.

        It is where the interval just reaches zero; NaN below ten effective batches.
        """
        if self.batches < FEWEST:
            return np.nan
        away = max(float(self.low[column]), -float(self.high[column]), 0.0)
        if away == 0.0 or self.errors[column] == 0.0:
            return float(away == 0.0)
        return float(2 * stdtr(self.freedom, -away / self.errors[column]))

    @property
    def more_days(self) -> int:
        """How many more days it takes to ten effective batches; zero where they are there."""
        return more_days(self.batches, self.correlation)


def more_days(batches: float, correlation: float) -> int:
    """Return how many more days it takes to ten effective batches, when days stay as alike as they are."""
    return max(0, int(np.ceil((FEWEST - batches) * (1 + correlation) / (1 - correlation))))


def explain(days: Days, asked: Floats) -> Fit:
    """Explain days by what is asked of them.

    The weights of the days make it an answer about jobs. The errors are those of White (Econometrica 48 (1980), 817,
    with his HC1's factor), times (1 + r) / (1 - r) for the autocorrelation (Bartlett 1946; Zwiers and von Storch,
    Journal of Climate 8 (1995), 336).

    Parameters
    ----------
    asked
        n by k: a column a coefficient; together they hold the constant.
    """
    n = len(days.values)
    root = np.sqrt(days.weights / days.weights.mean())
    columns = np.column_stack([asked, rhythm(days)])
    # From the median, of which days that are all alike do not differ at all; the constant takes it back.
    centre = float(np.median(days.values))
    inverse = np.linalg.pinv(columns * root[:, None])
    shares = inverse[: asked.shape[1]] * root
    values = shares @ (days.values - centre)
    residuals = root * (days.values - centre) - (columns * root[:, None]) @ (inverse @ (root * (days.values - centre)))
    correlation = correlation_of(residuals)
    freedom = max(n - columns.shape[1], 1)
    added = shares / root * residuals
    square = (added**2).sum(axis=1)
    mean = (square > 0) & (shares >= 0).all(axis=1)
    skews = np.divide((added**3).mean(axis=1), (square / n) ** 1.5, out=np.zeros(len(square)), where=mean)
    variance = square * n / freedom
    alike = (1 + correlation) / (1 - correlation)
    # Of the mean all of the centre, and of a slope nothing.
    constant = centre * np.round(shares.sum(axis=1), 9)
    batches = min(n, freedom + 2) / alike
    low, high = _bounds(shares, days, centre)
    return Fit(
        values + constant,
        low + constant,
        high + constant,
        np.sqrt(variance * alike),
        skews,
        correlation,
        batches,
        max(batches - 2, 1.0),
    )


def _bounds(shares: Floats, days: Days, centre: float) -> tuple[Floats, Floats]:
    """Return the least and the most that weighted sums of the days' values, from a centre, can be."""
    low, high = days.low - centre, days.high - centre
    least, most = _at_worst(shares, low, high), _at_worst(shares, high, low)
    if days.stretches is None:
        return least, most
    known = days.stretches
    constant = centre * shares.sum(axis=1)
    for row, share in enumerate(shares):
        each = np.zeros(int(known.last.max()))
        each[days.numbers] = share / days.weights
        within = _at_best_known(each, known.first, known.last, known.low, known.high)
        least[row] = max(least[row], within[0] - constant[row])
        most[row] = min(most[row], within[1] - constant[row])
    return least, most


@numba.njit(cache=True, nogil=True)
def _at_best_known(each: Floats, first: Ints, last: Ints, low: Floats, high: Floats) -> tuple[float, float]:
    """Return bounds of a weighted sum over days from those of the sums over stretches that contain each other.

    Of each stretch its days' mean weight goes to what is known of it, and what is left to the shorter ones in it.
    """
    left = each.copy()
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
    """Return weighted sums of what is low where it adds and high where it takes away."""
    with np.errstate(invalid="ignore"):
        worst = np.where(shares > 0, shares * low, np.where(shares < 0, shares * high, 0.0))
    total: Floats = worst.sum(axis=1)
    return total


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
