"""What a forecast needs of a pool: the jobs of each hour, and what growth the pool takes with today's capacity."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.capacity.caveats import doubts_of
from analysis.capacity.ensemble import Effect, Ensemble
from analysis.capacity.occupancy import counted
from analysis.capacity.scenario import QUANTILES, Wish
from analysis.capacity.today import Today
from analysis.notes import TOO_SHORT
from analysis.queue.told import Told
from analysis.queue.totals import arrivals_of
from analysis.stats.search import smallest
from analysis.windows import WEEK, Columns

RECENT_WEEKS: Final = 8
"""Weeks whose jobs are replayed to see what growth the pool takes."""
STEP: Final = 0.03
MOST_STEPS: Final = 66
"""Growth is sought in steps of 3 %, up to sevenfold and down to a seventh."""


def hourly(group: Sequence[Told], windows: Ints, wish: Wish, queue: str) -> Columns:
    """Return the jobs that came in each hour, and what growth the pool takes."""
    said: Columns = {"arrivals": arrivals_of([each.flows for each in group], windows)}
    if wish.target is not None:
        said |= {"target": np.array([wish.target]), "lead": np.array([wish.lead_time])}
    seen = counted([each.flows for each in group], queue)
    if len(seen.slots) < 2:
        return {"note": TOO_SHORT}
    recent = seen.since(int(seen.slots[-1]) - RECENT_WEEKS * WEEK)
    span = max(float(recent.slots[-1] - recent.slots[0]), 1.0)
    said["run_seconds"] = np.array([recent.run_seconds])
    said["base"] = np.array([recent.unseen * recent.arrivals.sum() / span * WEEK])
    if wish.target is not None and recent.arrivals.sum() > 0:
        window = np.array([(recent.slots[0], recent.slots[-1])])
        ensemble = Today(group, recent, window).ensemble
        if ensemble.lacking:
            said["lacking"] = ensemble.lacking
            return said
        said["growth"] = _growth(ensemble, QUANTILES.index(wish.measure), wish.target)
        said["doubts"] = "; ".join(doubts_of(ensemble))
        said["changed"] = np.array([ensemble.went is not None])
    return said


def _growth(ensemble: Ensemble, measure: int, target: float) -> Floats:
    """Return the largest demand with which the target is reached: by the point, and by the intervals' ends.

    NaN by the point and the lower end of the waits where it is reached with any demand, or with none; zero by the upper
    end where it is reached with none.
    """
    known: dict[int, Effect] = {}

    def passed(step: int, name: str) -> bool:
        if step not in known:
            known[step] = ensemble.effect(1.0, (1 + STEP) ** step)
        return not getattr(known[step], name)[measure] <= target

    found, near = [], 0
    # The higher the wait is taken to be, the less growth there is to take.
    for name in ("points", "high", "low") if ensemble.queued else ("high",):
        step = smallest(partial(passed, name=name), near, -MOST_STEPS, MOST_STEPS)
        near = near if step is None else step
        none, all_ = step == -MOST_STEPS, step is None
        least = 0.0 if none else (1 + STEP) ** ((MOST_STEPS if step is None else step) - 1)
        found.append(least if name == "high" or not (none or all_) else np.nan)
    return np.array(found if ensemble.queued else [np.nan, *found, np.nan])
