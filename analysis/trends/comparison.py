"""By how much each measure of a group differs between two periods, and whether chance explains it.

A comparison has four tests, one of each measure. Each has an error of 5% / 4, so that at most one in twenty comparisons
claims a direction that is not there; the interval that is shown is at 95%.
"""

from typing import Final

import numpy as np

from analysis.arrays import Bools
from analysis.notes import joined, note
from analysis.queue.observation import Observation
from analysis.schemas.schema import Columns
from analysis.schemas.trends import COMPARE
from analysis.stats.batches import LEVEL
from analysis.stats.proportions import difference, jeffreys
from analysis.stats.regression import Fit, difference_of, direction, explain
from analysis.trends.autocorrelation import fitted
from analysis.trends.daily import Daily, Measure, measures
from analysis.trends.rows import (
    METHOD,
    SHARES,
    Row,
    batches_of,
    bounds,
    columns,
    complete,
    possible,
    refusal,
    row_of,
    without_bound,
)
from analysis.windows import Windows

LEVELS: Final = (LEVEL, 1 - (1 - LEVEL) / 4)
"""The level of the interval of a difference that is shown, and of the one whose direction is claimed."""


def compare(observation: Observation, daily: Daily | None, periods: Windows) -> Columns:
    """Return by how much each measure differs between two periods: one row per measure.

    Parameters
    ----------
    periods
        The later period and the other period. Days that do not lie wholly in one of them are left out.
    """
    rows: list[Row] = []
    windows = observation.windows
    later, other = ((windows.starts >= start) & (windows.ends <= end) for start, end in periods)
    inside = [
        measure._replace(days=measure.days.where((later | other)[measure.days.numbers]))
        for measure in measures(observation, daily)
    ]

    def difference_between(measure: Measure, least: float) -> Fit | None:
        of_later = later[measure.days.numbers]
        return difference_of(measure.days, of_later, least) if min(of_later.sum(), (~of_later).sum()) > 1 else None

    for measure, fit in fitted(inside, difference_between):
        days = measure.days
        row = row_of(observation, measure, METHOD) | {
            "window_start": periods.starts[0],
            "window_end": periods.ends[0],
            "other_start": periods.starts[1],
            "other_end": periods.ends[1],
            "coverage": observation.coverage[later | other].mean() if (later | other).any() else np.nan,
        }
        rows.append(row)
        of_later = later[days.numbers]
        for period, chosen in (("value", of_later), ("other", ~of_later)):
            if chosen.any():
                mean = explain(days.where(chosen), np.ones((int(chosen.sum()), 1)))
                row |= {period: max(0.0, mean.values[0])} | bounds(period, max(0.0, mean.low[0]), mean.high[0])
        if fit is None:
            complete(row, joined(note("a period has fewer than two days")))
            continue
        intervals = [_interval(measure, of_later, fit, level) for level in LEVELS]
        # Where an interval holds zero, the p-value must not say otherwise: that of shares may be widened.
        within = [1 - level for level, (low, high) in zip(LEVELS, intervals, strict=True) if low <= 0 <= high]
        row |= batches_of(fit) | bounds("difference", *intervals[0]) | {"difference": fit.values[1]}
        row |= {"chance": max([fit.chance(1), *within]), "direction": direction(*intervals[1])}
        complete(row, joined(refusal(row), without_bound(fit)))
    return columns(rows, COMPARE)


def _interval(measure: Measure, later: Bools, fit: Fit, level: float) -> tuple[float, float]:
    """Return the interval of a difference at a level.

    That of two shares is at least as wide as Newcombe's for their effective numbers of jobs: the scatter of days alone
    gives a share of zero an interval without width.
    """
    low, high = fit.interval(1, level)
    if measure.name in SHARES and not np.isnan(low):
        rates = []
        for chosen in (later, ~later):
            days = measure.days.where(chosen)
            jobs = np.array(days.weights.sum() * fit.batches / len(later))
            mean = explain(days, np.ones((len(days.values), 1)))
            least, most = (np.clip(bound[0], 0.0, 1.0) * jobs for bound in (mean.low, mean.high))
            rates.append((mean.values[0], jeffreys(least, jobs, 1.0, level)[0], jeffreys(most, jobs, 1.0, level)[1]))
        _, least, most = difference(*rates)
        low, high = min(low, float(least)), max(high, float(most))
    return possible(measure.name, fit, low, high)
