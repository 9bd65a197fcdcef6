"""What the forecasts are held against: last week again, medians, simpler intervals, and methods of statsforecast.

Each takes the hours of whole days, a row a day, and gives the 90 % interval and the point of each period of a week
ahead, as our own do.
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
    """Return the whole weeks before the end: a row a week, a column a period."""
    n = len(hours) // WEEK
    weeks = np.nan_to_num(hours[len(hours) - n * WEEK :]).reshape(n, WEEK * 24)
    sums: Floats = weeks.reshape(n, PERIODS[every], -1).sum(axis=2)
    return sums


def last_week(weeks: Floats) -> Floats:
    """Return the last week over again."""
    last: Floats = weeks[-1]
    return last


def median(weeks: Floats) -> Floats:
    """Return the median of thirteen weeks."""
    middle: Floats = np.median(weeks[-13:], axis=0)
    return middle


def negative_binomial(weeks: Floats, ahead: int, _weekday: int) -> Outlook:
    """Return a negative binomial about the mean of eight weeks, whose dispersion is that of the last six folds."""
    sizes = []
    for fold in range(max(1, len(weeks) - ahead - 5), len(weeks) - ahead + 1):
        mean, came = weeks[max(0, fold - 8) : fold].mean(axis=0), weeks[fold + ahead - 1]
        sizes.append((((came - mean) ** 2 - mean).sum(), (mean**2).sum()))
    over, squares = np.sum(sizes, axis=0) if sizes else (0.0, 1.0)
    dispersion = max(over / max(squares, 1e-9), 1e-6)
    mean = np.maximum(weeks[-8:].mean(axis=0), 1e-3)
    return Outlook(*(nbinom.ppf(share, 1 / dispersion, 1 / (1 + mean * dispersion)) for share in SHARES))


def hours_of_like_days(weeks: Floats, _ahead: int, weekday: int) -> Outlook:
    """Return quantiles of eight weeks, an hour to either side, of all weekdays alike, or of all weekends."""
    line = weeks[-8:].ravel()
    near = np.stack([np.append(line[:1], line[:-1]), line, np.append(line[1:], line[-1:])]).reshape(3, -1, WEEK, 24)
    weekend = (weekday + np.arange(WEEK)) % WEEK >= 5
    found = np.empty((len(SHARES), WEEK, 24))
    for days in (weekend, ~weekend):
        found[:, days] = np.quantile(near[:, :, days], SHARES, axis=(0, 1, 2))[:, None]
    return Outlook(*found.reshape(len(SHARES), -1))


def conformal(weeks: Floats, ahead: int, _weekday: int) -> Outlook:
    """Return quantiles of thirteen weeks, as far widened as nine in ten of the folds need it."""
    distances = []
    for fold in range(3, len(weeks) - ahead + 1):
        low, point, high = np.quantile(weeks[max(0, fold - 13) : fold], SHARES, axis=0)
        came = weeks[fold + ahead - 1]
        away = np.where(
            came < point, (point - came) / np.maximum(point - low, 1), (came - point) / np.maximum(high - point, 1)
        )
        distances.append(away)
    factor = np.quantile(distances, 0.9) if distances else 1.0
    low, point, high = np.quantile(weeks[-13:], SHARES, axis=0)
    return Outlook(np.maximum(point - factor * (point - low), 0), point, point + factor * (high - point))


SIMPLE: Final[dict[str, dict[str, Callable[[Floats, int, int], Outlook]]]] = {
    "1h": {"negative binomial": negative_binomial, "quantiles of like hours": hours_of_like_days},
    "1d": {"conformal quantiles": conformal},
    "1w": {"conformal quantiles": conformal},
}
"""Simpler ways, by period: ours are to be at least as good. They take weeks, how many ahead, and the first weekday."""


def statsforecast(weeks: Floats, every: str, ahead: int) -> list[Outlook]:
    """Return what AutoETS says of days and weeks, and MSTL of hours, a week each."""
    from statsforecast.models import MSTL, AutoETS  # noqa: PLC0415 - an optional peer

    model: Any = {
        "1h": lambda: MSTL(season_length=[24, 168]),
        "1d": lambda: AutoETS(season_length=7),
        "1w": lambda: AutoETS(season_length=1),
    }[every]()
    said = model.forecast(weeks.ravel(), h=PERIODS[every] * ahead, level=[90])
    columns = [np.maximum(np.asarray(said[name], float), 0) for name in ("lo-90", "mean", "hi-90")]
    return [Outlook(*each) for each in np.array(columns).reshape(3, ahead, -1).transpose(1, 0, 2)]
