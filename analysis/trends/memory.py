"""What the days of a queue remember: at least what the demand remembers that filled it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import numpy as np
from scipy.special import ndtri

from analysis.stats.batches import LEVEL, Days
from analysis.stats.changepoints import Changes
from analysis.stats.regression import Fit
from analysis.trends.daily import Measure

OF_QUEUE: Final = ("wait", "over")
REMEMBERS: Final = float(ndtri(LEVEL))
"""Demand remembers if the correlation of its days is beyond this many standard errors of days without any, 1 / sqrt(n).
About one in ten records of demand that does not remember is taken for one that does."""
Result = TypeVar("Result", Fit | None, Changes)


def remembering(
    measures: Iterable[Measure], fit: Callable[[Days, float], Result], memory: Callable[[Days], float] | None = None
) -> Iterator[tuple[Measure, Result]]:
    """Yield each measure with its fit: where demand remembers, waits remember as much, and so do jobs over the limit.

    Waits are bursts: a busy week leaves days before and after that hardly differ from one day to the next. So the days
    of a queue show less of its memory than the demand that filled it.

    Parameters
    ----------
    fit
        A function that takes days and their least correlation from day to day.
    memory
        A function that returns the correlation of days as if nothing had changed: where demand remembers, the least one
        of the waits. A week of demand that remembers fills a queue for longer, as a change would; so a large change of
        waits is not found there either.
    """
    by_name = {measure.name: measure for measure in measures}
    demand = by_name["arrivals"].days
    fits = {"arrivals": fit(demand, 0.0)}
    correlation = _correlation(fits["arrivals"])
    remembers = correlation > REMEMBERS / np.sqrt(max(len(demand.values), 1))
    least = correlation if remembers else 0.0
    for name, measure in by_name.items():
        if name in OF_QUEUE:
            if remembers and memory is not None:
                least = max(least, memory(measure.days))
            fits[name] = fit(measure.days, least)
            least = max(least, _correlation(fits[name]))
        elif name not in fits:
            fits[name] = fit(measure.days, 0.0)
        yield measure, fits[name]


def _correlation(fit: Fit | Changes | None) -> float:
    return 0.0 if fit is None else fit.correlation
