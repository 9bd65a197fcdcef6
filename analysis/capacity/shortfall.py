"""The first weeks that may bring more arrivals than today's capacity can take, and the last date to order nodes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from analysis.arrays import Floats
from analysis.calendar import WEEK
from analysis.capacity.backtest import Forecast
from analysis.capacity.calibration import distances_in_roots
from analysis.estimate import Estimate
from analysis.schemas.capacity import LEVEL

MAY: Final = 0.1
LIKELY: Final = 0.5
"""The probabilities that today's capacity is passed in a week: the first week that reaches each of them is returned."""


def pass_probability(weeks: Sequence[Forecast], growth: Estimate, base_jobs: float) -> Floats:
    """Return the probability that each week brings more arrivals than today's capacity can take; NaN where unknown.

    Both numbers are uncertain: arrivals by the interval of the forecast, capacity by the interval of the growth. Each
    side of an interval is taken for that of a normal distribution of square roots, in which counts have the same
    variance.

    Parameters
    ----------
    weeks
        Forecasts of whole weeks.
    growth
        1: the largest demand that the pool can take, as a multiple of `base_jobs`.
    base_jobs
        Arrivals a week.
    """
    if not np.isfinite(growth).all() or base_jobs <= 0:
        return np.full(len(weeks), np.nan)
    middle, down, up = (
        np.array([roots[0] for roots in of_weeks])
        for of_weeks in zip(*(distances_in_roots(week.expected) for week in weeks), strict=True)
    )
    taken, least, most = (np.sqrt(base_jobs * bound[0]) for bound in growth)
    # Where the lower bound is zero, the upper bound alone gives the uncertainty.
    error = (most - least) / 2 if least > 0 else most - taken
    spread = np.hypot(np.where(taken > middle, up, down), error) / ndtri((1 + LEVEL) / 2)
    probability: Floats = ndtr((middle - taken) / np.maximum(spread, 1e-9))
    return probability


def dates(probability: Floats, start: int, lead_seconds: float) -> dict[str, float]:
    """Return the dates from which today's capacity may fall short, the date to order by, and the lead time, by column.

    Dates are in seconds since 1970, the lead time in seconds; NaN where there is none.

    Parameters
    ----------
    probability
        The result of `pass_probability`, by week ahead.
    start
        When the first of these weeks begins, in seconds since 1970.
    """
    instants: dict[str, float] = {"lead_seconds": lead_seconds or np.nan}
    for name, share in (("may_pass_from", MAY), ("passes_from", LIKELY)):
        weeks = np.flatnonzero(probability >= share)
        instants[name] = float(start + weeks[0] * WEEK) if len(weeks) else np.nan
    instants["order_by"] = instants["may_pass_from"] - instants["lead_seconds"]
    return instants
