"""What a target takes: the smallest capacity that reaches it, and how sure that is."""

from functools import partial
from typing import Final

import numpy as np

from analysis.capacity.caveats import confidence_of
from analysis.capacity.ensemble import Effect, Ensemble
from analysis.capacity.scenario import QUANTILES, Wish
from analysis.stats.search import smallest
from analysis.windows import Columns

MOST: Final = 4.0
"""As many times today's capacity are looked at."""


def needed(ensemble: Ensemble, wish: Wish, today: float) -> Columns:
    """Return the smallest capacity, in whole steps from today's, that reaches the target: by point, low and high.

    Returns
    -------
    dict
        ``needed``, ``needed_low`` and ``needed_high``, NaN where up to `MOST` times today's does not reach it or there
        is no target; ``needed_confidence`` and ``needed_reason``. Today's waits were seen, but that no less would do is
        a model's: it is as sure as the model.
    """
    capacities = {"points": np.nan, "low": np.nan, "high": np.nan}
    known: dict[int, Effect] = {}

    def effect(step: int) -> Effect:
        if step not in known:
            known[step] = ensemble.effect((today + step) / today, wish.demand)
        return known[step]

    def reaches(step: int, bound: str) -> bool:
        return bool(getattr(effect(step), bound)[QUANTILES.index(wish.measure)] <= wish.target)

    first, last, near = min(1 - int(np.ceil(today)), 0), int(np.ceil((MOST - 1) * today)), 0
    # Below the floor what was seen has a point at today's capacity alone: that is no smallest one.
    bounds = () if wish.target is None else ("low", "high") if ensemble.lacking else tuple(capacities)
    for bound in bounds:
        step = smallest(partial(reaches, bound=bound), near, first, last)
        near = near if step is None else step
        capacities[bound] = np.nan if step is None else today + step
    # Known by the point, else by the upper bound; else nothing is known but of today's.
    step = next((round(capacities[bound] - today) for bound in ("points", "high") if capacities[bound] > 0), 0)
    factors, high = np.array([(today + step) / today]), effect(step).high[None, :]
    sure = confidence_of(ensemble, factors, wish.demand, np.zeros(1, np.bool_), high)
    columns: Columns = {f"needed_{name}": np.asarray(values)[0] for name, values in sure.items()}
    names = {"points": "needed", "low": "needed_low", "high": "needed_high"}
    return columns | {names[bound]: np.array(capacity) for bound, capacity in capacities.items()}
