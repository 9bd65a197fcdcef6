"""What a forecast needs of a pool: its arrivals in each hour, and the largest demand that its capacity can serve."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from analysis.arrays import Floats
from analysis.calendar import WEEK
from analysis.capacity.caveats import doubts_of
from analysis.capacity.ensemble import Ensemble
from analysis.capacity.occupancy import Occupancy, occupancy_of
from analysis.capacity.scenario import Scenario
from analysis.capacity.today import today_of
from analysis.estimate import Estimate
from analysis.notes import NOTHING, TOO_SHORT, Notes, joined
from analysis.queue.conservation import Flows
from analysis.queue.facts import Facts
from analysis.queue.totals import arrivals_of
from analysis.schemas.capacity import QUANTILES
from analysis.stats.search import smallest
from analysis.windows import Windows

RECENT_WEEKS: Final = 8
"""The last weeks, whose jobs are replayed to find the growth; not measured: as many as the half-life in a forecast."""
STEP: Final = 0.03
MOST_STEPS: Final = 66
"""The largest demand is searched in steps of 3%, from a seventh to seven times the observed demand."""


@dataclass(frozen=True)
class Growth:
    """The growth of the demand with which a pool still reaches its target, at today's capacity."""

    demand: Estimate
    """1: the largest demand with which the target is reached, over the demand of the recent weeks. Where every demand
    that was tried reaches it, or none does, point and upper bound are NaN; if none does, the lower bound is zero."""
    doubts: Notes
    """The reasons for doubt in it."""
    nodes_changed: bool
    """Whether the number of nodes changed in the recent weeks: today's number is assumed for all of them."""


@dataclass(frozen=True)
class Demand:
    """The demand of a pool, and the growth with which the pool still reaches its target."""

    scenario: Scenario
    """The pool's own scenario."""
    arrivals: Floats
    """The arrivals in each window, in jobs."""
    run_seconds: float
    """The mean run time in seconds; NaN where it is not known."""
    base_jobs: float
    """Arrivals a week in the recent weeks; NaN where they are not known."""
    growth: Growth | None = None
    """None without a target, without arrivals, or where the record is too short to find it."""
    lacking: Notes = NOTHING
    """Why the record is too short to find the growth."""
    too_short: Notes = NOTHING
    """Why there can be no forecast."""


def demand_of(series: Sequence[Facts], windows: Windows, scenario: Scenario, queue: str) -> Demand:
    """Return the arrivals of each window, and the growth with which today's capacity still reaches the target.

    Parameters
    ----------
    series
        The series of the pool.
    windows
        The hours of the record.
    scenario
        The pool's own scenario.
    queue
        One of `QUEUES`: the statuses that count as waiting.
    """
    group = [facts[Flows] for facts in series]
    occupancy = occupancy_of(group, queue)
    arrivals = arrivals_of(group, windows)
    if len(occupancy.slots) < 2:
        return Demand(scenario, arrivals, np.nan, np.nan, too_short=joined(TOO_SHORT))
    if occupancy.unestimated:
        return Demand(scenario, arrivals, np.nan, np.nan, too_short=joined(occupancy.unestimated))
    recent = occupancy.since(int(occupancy.slots[-1]) - RECENT_WEEKS * WEEK)
    span = max(float(recent.slots[-1] - recent.slots[0]), 1.0)
    base = recent.arrivals.sum() / span * WEEK
    demand = Demand(scenario, arrivals, recent.run_seconds, float(base))
    if scenario.target is None or not recent.arrivals.sum() > 0:
        return demand
    return _with_growth(demand, series, recent)


def _with_growth(demand: Demand, series: Sequence[Facts], recent: Occupancy) -> Demand:
    """Return the demand with its growth, which is found with the jobs of the recent weeks."""
    ensemble = today_of(series, recent, Windows.one(int(recent.slots[0]), int(recent.slots[-1]))).ensemble
    if ensemble.lacking:
        return replace(demand, lacking=ensemble.lacking)
    scenario = demand.scenario
    largest = _largest_demand(ensemble, QUANTILES.index(scenario.measure), scenario.target_seconds)
    return replace(demand, growth=Growth(largest, doubts_of(ensemble), ensemble.changes is not None))


def _largest_demand(ensemble: Ensemble, measure: int, target: float) -> Estimate:
    """Return the largest demand with which the target is reached, see `Growth`."""
    effects: dict[int, Estimate] = {}

    def missed(step: int, bound: str) -> bool:
        if step not in effects:
            effects[step] = ensemble.scaled((1 + STEP) ** step).effect(1.0)
        return not getattr(effects[step], bound)[measure] <= target

    demands, near = dict.fromkeys(Estimate._fields, np.nan), 0
    # By the point of the waits and by their bounds: the higher the waits are, the lower the demand.
    by_waits = {"point": "point", "high": "low", "low": "high"} if ensemble.queued else {"high": "low"}
    for bound_of_waits, bound in by_waits.items():
        step = smallest(partial(missed, bound=bound_of_waits), near, -MOST_STEPS, MOST_STEPS)
        near = near if step is None else step
        with_none, with_any = step == -MOST_STEPS, step is None
        if with_none or with_any:
            # Only a lower bound is known: no demand at all, or the largest demand that was tried.
            known = 0.0 if with_none else (1 + STEP) ** (MOST_STEPS - 1)
            demands[bound] = known if bound == "low" else np.nan
        elif step is not None:
            demands[bound] = (1 + STEP) ** (step - 1)
    return Estimate(*(np.array([demands[bound]]) for bound in Estimate._fields))
