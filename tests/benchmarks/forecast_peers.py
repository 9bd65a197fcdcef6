"""Methods that the forecasts are compared with: last week, medians, simpler intervals, methods of statsforecast.

Each takes the hours of whole days, one row a day, and returns the point and the 90 % interval of each period of a week
ahead, like our own forecasts.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy.stats import nbinom

from analysis.capacity.analogs import SHARES, Outlook
from tests.simulated import Floats

WEEK: Final = 7
PERIODS: Final = {"1h": 168, "1d": 7, "1w": 1}


def weeks_of(hours: Floats, every: str) -> Floats:
    """Return the last whole weeks: a row a week, a column a period."""
    n = len(hours) // WEEK
    weeks = np.nan_to_num(hours[len(hours) - n * WEEK :]).reshape(n, WEEK * 24)
    sums: Floats = weeks.reshape(n, PERIODS[every], -1).sum(axis=2)
    return sums


def last_week(weeks: Floats) -> Floats:
    """Return the last week as forecast."""
    last: Floats = weeks[-1]
    return last


def median(weeks: Floats) -> Floats:
    """Return the median of thirteen weeks."""
    middle: Floats = np.median(weeks[-13:], axis=0)
    return middle


def negative_binomial(weeks: Floats, ahead: int, _weekday: int) -> Outlook:
    """Return a negative binomial with the mean of eight weeks and the dispersion of the last six folds."""
    sizes = []
    for fold in range(max(1, len(weeks) - ahead - 5), len(weeks) - ahead + 1):
        mean, actual = weeks[max(0, fold - 8) : fold].mean(axis=0), weeks[fold + ahead - 1]
        sizes.append((((actual - mean) ** 2 - mean).sum(), (mean**2).sum()))
    over, squares = np.sum(sizes, axis=0) if sizes else (0.0, 1.0)
    dispersion = max(over / max(squares, 1e-9), 1e-6)
    mean = np.maximum(weeks[-8:].mean(axis=0), 1e-3)
    return Outlook(*(nbinom.ppf(share, 1 / dispersion, 1 / (1 + mean * dispersion)) for share in SHARES))


def hours_of_like_days(weeks: Floats, _ahead: int, weekday: int) -> Outlook:
    """Return quantiles of the same and the adjacent hours of eight weeks, pooled over weekdays and over weekends."""
    line = weeks[-8:].ravel()
    near = np.stack([np.append(line[:1], line[:-1]), line, np.append(line[1:], line[-1:])]).reshape(3, -1, WEEK, 24)
    weekend = (weekday + np.arange(WEEK)) % WEEK >= 5
    quantiles = np.empty((len(SHARES), WEEK, 24))
    for days in (weekend, ~weekend):
        quantiles[:, days] = np.quantile(near[:, :, days], SHARES, axis=(0, 1, 2))[:, None]
    return Outlook(*quantiles.reshape(len(SHARES), -1))


def conformal(weeks: Floats, ahead: int, _weekday: int) -> Outlook:
    """Return quantiles of thirteen weeks, widened so far that they contain nine in ten values of the folds."""
    distances = []
    for fold in range(3, len(weeks) - ahead + 1):
        low, point, high = np.quantile(weeks[max(0, fold - 13) : fold], SHARES, axis=0)
        actual = weeks[fold + ahead - 1]
        below = (point - actual) / np.maximum(point - low, 1)
        above = (actual - point) / np.maximum(high - point, 1)
        distances.append(np.where(actual < point, below, above))
    factor = np.quantile(distances, 0.9) if distances else 1.0
    low, point, high = np.quantile(weeks[-13:], SHARES, axis=0)
    return Outlook(np.maximum(point - factor * (point - low), 0), point, point + factor * (high - point))


SIMPLE: Final[dict[str, dict[str, Callable[[Floats, int, int], Outlook]]]] = {
    "1h": {"negative binomial": negative_binomial, "quantiles of like hours": hours_of_like_days},
    "1d": {"conformal quantiles": conformal},
    "1w": {"conformal quantiles": conformal},
}
"""Simpler methods by period: ours must be at least as good. They take weeks, weeks ahead, and the first weekday."""


def statsforecast(weeks: Floats, every: str, ahead: int) -> list[Outlook]:
    """Return the forecasts of AutoETS for days and weeks, and of MSTL for hours, one a week."""
    from statsforecast.models import MSTL, AutoETS  # noqa: PLC0415 - an optional peer

    model: Any = {
        "1h": lambda: MSTL(season_length=[24, 168]),
        "1d": lambda: AutoETS(season_length=7),
        "1w": lambda: AutoETS(season_length=1),
    }[every]()
    forecast = model.forecast(weeks.ravel(), h=PERIODS[every] * ahead, level=[90])
    columns = [np.maximum(np.asarray(forecast[name], float), 0) for name in ("lo-90", "mean", "hi-90")]
    return [Outlook(*week) for week in np.array(columns).reshape(3, ahead, -1).transpose(1, 0, 2)]
