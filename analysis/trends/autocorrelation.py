"""Fits of daily measures, in which the days of a queue are at least as correlated as the demand that fills it.

Waits are bursts: a busy week leaves days before and after that hardly differ from one day to the next. So the days of a
queue show less autocorrelation than the demand does. And where busy days follow busy days, a queue stays full for
weeks, as after a change.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import numpy as np
from scipy.special import ndtri

from analysis.notes import joined, note
from analysis.stats.batches import LEVEL, Days
from analysis.stats.changepoints import Changes
from analysis.stats.regression import Fit
from analysis.trends.daily import Measure

OF_QUEUE: Final = ("wait", "over")
"""The measures of waits: the share over the limit is at least as correlated as the wait."""
SIGNIFICANT: Final = float(ndtri(LEVEL))
"""Demand is autocorrelated if the correlation of its days is beyond this many standard errors of independent days,
1 / sqrt(n). About one in ten records of independent days is taken for one of correlated days."""
Result = TypeVar("Result", Fit | None, Changes)


def fitted(
    measures: Iterable[Measure], fit: Callable[[Measure, float], Result], steady: Callable[[Days], float] | None = None
) -> Iterator[tuple[Measure, Result]]:
    """Yield each measure with its fit, and with a note where autocorrelated demand makes the fit of waits less sure.

    Parameters
    ----------
    fit
        A function that takes a measure and the least correlation of its days.
    steady
        A function that returns the correlation of days as if their level had never changed. With autocorrelated demand
        it is the least correlation of waits: then even a large change of waits is not found.
    """
    by_name = {measure.name: measure for measure in measures}
    demand = by_name["arrivals"]
    fits = {"arrivals": fit(demand, 0.0)}
    correlation = _correlation(fits["arrivals"])
    if correlation <= SIGNIFICANT / np.sqrt(max(len(demand.days.values), 1)):
        correlation = 0.0
    least = correlation
    for name, measure in by_name.items():
        if name in OF_QUEUE:
            floor = max(least, steady(measure.days)) if correlation and steady is not None else least
            fits[name] = fit(measure, floor)
            least = max(least, _correlation(fits[name]))
            yield (_with_note(measure, correlation) if correlation else measure), fits[name]
            continue
        if name not in fits:
            fits[name] = fit(measure, 0.0)
        yield measure, fits[name]


def _with_note(measure: Measure, correlation: float) -> Measure:
    correlated = note(
        "arrivals of successive days are correlated ({correlation:.1f}): waits count as at least as correlated, and "
        "their changes are harder to show",
        correlation=correlation,
    )
    return measure._replace(notes=joined(measure.notes, correlated))


def _correlation(fit: Fit | Changes | None) -> float:
    return 0.0 if fit is None else fit.correlation
