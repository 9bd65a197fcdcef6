"""Whether a daily figure rises or falls: its level and its slope, after the week's rhythm."""

import numpy as np

from analysis.batches import Days, Fit, explain


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
