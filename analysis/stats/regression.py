"""What daily figures say of a level, a slope, or the difference of two periods, after the week's rhythm.

All of it is linear: weighted sums of the days, by which the bounds of the days are carried along.
"""

from dataclasses import dataclass, replace
from typing import Final

import numba
import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.arrays import Bools, Floats, Ints
from analysis.stats.batches import FEWEST, LEVEL, Days, correlation_of, more_days, rhythm

STRAIGHT: Final = 1e-6
"""Errors that are less skewed than this are taken as they are."""


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


def slope_of(days: Days) -> Fit:
    """Fit a line: the first coefficient is the level, the mean of jobs where days weigh by jobs, the second its slope.

    Parameters
    ----------
    days
        At least two.
    """
    at = days.numbers - np.average(days.numbers, weights=days.weights)
    return explain(days, np.column_stack([np.ones(len(at)), at]))


def direction(low: float, high: float) -> str | None:
    """Say what the interval of a slope or of a difference shows: up, down, or "not shown" where it holds zero."""
    if np.isnan(low) or np.isnan(high):
        return None
    return "up" if low > 0 else "down" if high < 0 else "not shown"


def difference_of(days: Days, later: Bools) -> Fit:
    """Fit a level to each of two periods.

    Parameters
    ----------
    days
        Those of both, at least two each.
    later
        Which are of the second period.

    Returns
    -------
    Fit
        Its first coefficient is the level of the first period, its second what the other adds to it. Its batches are
        those of the shorter period: both need ten. By that one too the errors are known, as Welch has it.
    """
    fit = explain(days, np.column_stack([np.ones(len(later)), later]))
    alike = (1 + fit.correlation) / (1 - fit.correlation)
    batches = min(int(later.sum()), int((~later).sum())) / alike
    return replace(fit, batches=batches, freedom=max(2 * batches - 2, 1.0))
