"""When a week may bring more than today's capacity takes, and by when more is to be ordered."""

from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from analysis.arrays import Floats
from analysis.capacity.analogs import LEVEL
from analysis.capacity.backtest import Forecast
from analysis.capacity.calibration import ways
from analysis.windows import WEEK, Columns

MAY: Final = 0.1
LIKELY: Final = 0.5
"""Chances of a week with more than today's capacity takes, from which on that is told."""


def growth_of(said: Columns) -> Floats:
    """Return the growth that a pool takes: the point, and the interval's ends; NaN where one is not known."""
    return np.asarray(said.get("growth", np.full(3, np.nan)), float)


def pass_probability(weeks: list[Forecast], said: Columns) -> Floats:
    """Return how probable it is that a week brings more than today's capacity takes; NaN where that is unknown.

    Both are uncertain: what comes by the forecast's interval, what is taken by the interval of the growth. In roots,
    in which counts scatter alike, each side of an interval is taken for that of a normal distribution.

    Parameters
    ----------
    weeks
        Forecasts of whole weeks.
    said
        With the `growth_of` the pool, over the jobs of a week in ``base``.
    """
    growth, base = growth_of(said), float(np.asarray(said["base"], float)[0])
    if not np.isfinite(growth).all() or base <= 0:
        return np.full(len(weeks), np.nan)
    middle, down, up = (
        np.array([way[0] for way in each]) for each in zip(*(ways(w.expected) for w in weeks), strict=True)
    )
    taken, least, most = np.sqrt(base * growth)
    # Where the lower end is at no demand at all the upper one alone says how unsure it is.
    doubt = (most - least) / 2 if least > 0 else most - taken
    spread = np.hypot(np.where(taken > middle, up, down), doubt) / ndtri((1 + LEVEL) / 2)
    probability: Floats = ndtr((middle - taken) / np.maximum(spread, 1e-9))
    return probability


def dates(probability: Floats, end: int, lead_time: float | None) -> dict[str, float]:
    """Return from when on today's capacity may fall short, by when to order, and how long that takes, in seconds.

    Parameters
    ----------
    probability
        By week ahead.
    end
        When the first of these weeks begins.
    """
    found: dict[str, float] = {"lead_seconds": lead_time or np.nan}
    for name, share in (("may_pass_from", MAY), ("passes_from", LIKELY)):
        weeks = np.flatnonzero(probability >= share)
        found[name] = float(end + weeks[0] * WEEK) if len(weeks) else np.nan
    found["order_by"] = found["may_pass_from"] - found["lead_seconds"]
    return found
