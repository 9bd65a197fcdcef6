"""Regression of daily values: a level, a slope, or the difference of two periods, adjusted for the weekly pattern.

All coefficients are weighted sums of the days, so that the bounds of the days give bounds of the coefficients.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.arrays import Bools, Floats
from analysis.stats.batches import FEWEST, LEVEL, Days, correlation_of, more_days, rhythm
from analysis.stats.sums import bounds_of_sums

STRAIGHT: Final = 1e-6
"""The skewness below which errors are not corrected for it."""
OWN: Final = 1e-6
"""The share of a day that is left to chance, below which the day has a coefficient of its own."""


@dataclass(frozen=True)
class Fit:
    """Daily values fitted by k regressors and the weekly pattern, with weighted least squares."""

    values: Floats
    low: Floats
    high: Floats
    """k coefficients: point estimates, and the smallest and the largest value that the days' bounds allow."""
    errors: Floats
    """k standard errors, robust to autocorrelation and to unequal variances of the days."""
    skews: Floats
    """k: the skewness of the days' contributions to a mean; zero for differences and slopes."""
    correlation: float
    """The correlation of consecutive residuals, corrected for the bias of a fit; at least zero, and the least one."""
    batches: float
    """The effective number of days: n (1 - r) / (1 + r), where n is at most the days less the coefficients plus two."""
    freedom: Floats
    """k: the degrees of freedom of the errors."""

    def interval(self, column: int, level: float = LEVEL) -> tuple[float, float]:
        """Return the interval of a coefficient: that from the scatter of the days, widened by the days' bounds.

        NaN with fewer than ten effective batches. Waits have a long tail, which biases the interval of the mean of few
        days; it is corrected for skewness (Hall, Journal of the Royal Statistical Society B 54 (1992), 221).
        """
        if self.batches < FEWEST:
            return np.nan, np.nan
        most = float(stdtrit(self.freedom[column], (1 + level) / 2))
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
        """Return the p-value of a coefficient, for differences and slopes.

        It is one minus the level at which the interval just reaches zero; NaN with fewer than ten effective batches.
        """
        if self.batches < FEWEST:
            return np.nan
        away = max(float(self.low[column]), -float(self.high[column]), 0.0)
        if away == 0.0 or self.errors[column] == 0.0:
            return float(away == 0.0)
        return float(2 * stdtr(self.freedom[column], -away / self.errors[column]))

    @property
    def more_days(self) -> int:
        """The number of further days that are needed for ten effective batches; zero if there are enough."""
        return more_days(self.batches, self.correlation)


def explain(days: Days, regressors: Floats, least: float = 0.0) -> Fit:
    """Fit daily values by regressors and the weekly pattern.

    Days are weighted by their jobs, so that coefficients are about jobs. The variances are those of White
    (Econometrica 48 (1980), 817, corrected for leverage as HC2: MacKinnon and White, Journal of Econometrics 29 (1985),
    305), times (1 + r) / (1 - r) for the autocorrelation (Bartlett 1946; Zwiers and von Storch, Journal of Climate 8
    (1995), 336).

    Parameters
    ----------
    days
        n days.
    regressors
        n by k; a combination of them is constant.
    least
        The least correlation from day to day, of what drives these values: at most 0.97.
    """
    return _fit(days, regressors, rhythm(days), least)


def _fit(days: Days, regressors: Floats, pattern: Floats, least: float) -> Fit:
    """Fit daily values by regressors and by the columns of a weekly pattern, see `explain`."""
    n = len(days.values)
    root = np.sqrt(days.weights / days.weights.mean())
    columns = np.column_stack([regressors, pattern]) * root[:, None]
    # Values are taken from the median, so that equal days have residuals of exactly zero; it is added back below.
    centre = float(np.median(days.values))
    vectors, sizes, right = np.linalg.svd(columns, full_matrices=False)
    chosen = sizes > sizes[0] * n * np.finfo(float).eps
    basis = vectors[:, chosen]
    inverse = right[chosen].T / sizes[chosen] @ basis.T
    shares = inverse[: regressors.shape[1]] * root
    values = shares @ (days.values - centre)
    residuals = root * (days.values - centre) - columns @ (inverse @ (root * (days.values - centre)))
    correlation = max(correlation_of(residuals), least)
    # A day that has a coefficient of its own has no residual.
    rest = np.maximum(1 - (basis**2).sum(axis=1), OWN)
    contributions = shares / root * residuals / np.sqrt(rest)
    squares = (contributions**2).sum(axis=1)
    is_mean = (squares > 0) & (shares >= 0).all(axis=1)
    skews = np.divide((contributions**3).mean(axis=1), (squares / n) ** 1.5, out=np.zeros(len(squares)), where=is_mean)
    inflation = (1 + correlation) / (1 - correlation)
    # The median for a mean; nothing for a slope or a difference.
    constant = centre * np.round(shares.sum(axis=1), 9)
    batches = min(n, max(n - columns.shape[1], 1) + 2) / inflation
    freedom = _freedom(shares / root / np.sqrt(rest), basis, root**2)
    low, high = bounds_of_sums(shares, days, centre)
    return Fit(
        values + constant,
        low + constant,
        high + constant,
        np.sqrt(squares * inflation),
        skews,
        correlation,
        batches,
        np.maximum(np.minimum(n, freedom + 2) / inflation - 2, 1.0),
    )


def _freedom(shares: Floats, basis: Floats, weights: Floats) -> Floats:
    """Return the degrees of freedom of White's variances of coefficients, if all days have the same variance.

    Few days with most of the weight give a variance that is known less well: Bell and McCaffrey, Survey Methodology 28
    (2002), 169. The covariance of the residuals is W - HW - WH + HWH, with the projection H on the regressors: a
    diagonal and a product U V' of few columns, so that no matrix of n by n is needed.

    Parameters
    ----------
    shares
        k by n: what each residual contributes to the coefficients.
    basis
        n by p: orthonormal columns that span the regressors.
    weights
        n: the weights of the days.
    """
    weighted = basis * weights[:, None]
    left = np.hstack([basis, weighted])
    right = np.hstack([basis @ (basis.T @ weighted) - weighted, -basis])
    diagonal = (left * right).sum(axis=1)
    freedom = np.ones(len(shares))
    for row, squares in enumerate(shares**2):
        products = (left.T * squares) @ left * ((right.T * squares) @ right)
        total = float((squares**2 * weights * (weights + 2 * diagonal)).sum() + products.sum())
        if total > 0:
            freedom[row] = np.abs(squares * (weights + diagonal)).sum() ** 2 / total
    return freedom


def slope_of(days: Days, least: float = 0.0) -> Fit:
    """Fit a line: the first coefficient is the weighted mean, the second the slope a day.

    Parameters
    ----------
    days
        At least two days.
    least
        The least correlation, see `explain`.
    """
    centred = days.numbers - np.average(days.numbers, weights=days.weights)
    return explain(days, np.column_stack([np.ones(len(centred)), centred]), least)


def direction(low: float, high: float) -> str | None:
    """Return up, down, or "not shown" if the interval of a slope or difference holds zero; None without an interval."""
    if np.isnan(low) or np.isnan(high):
        return None
    return "up" if low > 0 else "down" if high < 0 else "not shown"


def difference_of(days: Days, later: Bools, least: float = 0.0) -> Fit:
    """Fit a level to each of two periods.

    Parameters
    ----------
    days
        The days of both periods, at least two of each.
    later
        Which days are of the second period.
    least
        The least correlation, see `explain`.

    Returns
    -------
    Fit
        The first coefficient is the level of the first period, the second the difference of the second period from
        it. The batches are those of the shorter period, since both need ten; the degrees of freedom are at most theirs.
    """
    fit = explain(days, np.column_stack([np.ones(len(later)), later]), least)
    inflation = (1 + fit.correlation) / (1 - fit.correlation)
    batches = min(int(later.sum()), int((~later).sum())) / inflation
    return replace(fit, batches=batches, freedom=np.minimum(fit.freedom, max(2 * batches - 2, 1.0)))


def step_of(days: Days, later: Bools, least: float = 0.0) -> Fit:
    """Fit a level to each of two spells: the mean of its days, so that it is zero or more as the days are.

    The weekly pattern has a mean of zero in each spell, so that it takes part of the scatter and nothing of the levels:
    a pattern of busy days would lift or lower days without waits. The parameters are those of `difference_of`.

    Returns
    -------
    Fit
        The first coefficient is the level of the first spell, the second the difference of the second spell from it.
        The degrees of freedom are those of all days: a step that is asked for is significant already.
    """
    regressors = np.column_stack([np.ones(len(later)), later])
    pattern = rhythm(days)
    for spell in (later, ~later):
        pattern[spell] -= np.average(pattern[spell], axis=0, weights=days.weights[spell])
    fit = _fit(days, regressors, pattern, least)
    return replace(fit, freedom=np.full(2, max(fit.batches - 2, 1.0)))
