"""The capacity that a target needs: the smallest capacity that reaches it, with its confidence."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from analysis.capacity.caveats import confidence_of
from analysis.capacity.ensemble import Ensemble
from analysis.capacity.scenario import Scenario
from analysis.estimate import Estimate
from analysis.notes import Notes
from analysis.schemas.capacity import QUANTILES
from analysis.schemas.schema import Columns
from analysis.stats.search import smallest

MOST: Final = 4.0
"""Capacities are searched up to this multiple of today's capacity; not measured."""


@dataclass(frozen=True)
class Needed:
    """The smallest capacity that reaches a target."""

    capacity: Estimate
    """1, in the unit of today's capacity; NaN where `MOST` times today's capacity does not reach the target, or where
    there is no target."""
    confidence: str
    """Good, weak or none. Even where today's capacity is the needed one, that no smaller capacity reaches the target is
    the result of a model."""
    reason: Notes

    def columns(self, n: int) -> Columns:
        """Return the columns of the schema of plans about the needed capacity, the same for n rows."""
        capacity = self.capacity.each(lambda bound: np.repeat(bound, n)).columns("needed")
        return {**capacity, "needed_confidence": self.confidence, "needed_reason": self.reason}


def needed(ensemble: Ensemble, scenario: Scenario, today: float) -> Needed:
    """Return the smallest capacity that reaches the target: today's, plus or minus whole nodes or servers.

    Its point estimate is where the point estimate of the wait is within the target; its bounds go by those of the wait.
    """
    effects: dict[int, Estimate] = {}

    def effect(step: int) -> Estimate:
        if step not in effects:
            effects[step] = ensemble.effect((today + step) / today)
        return effects[step]

    def reaches(step: int, bound: str) -> bool:
        return bool(getattr(effect(step), bound)[QUANTILES.index(scenario.measure)] <= scenario.target_seconds)

    first, last, near = min(1 - int(np.ceil(today)), 0), int(np.ceil((MOST - 1) * today)), 0
    # If the record is too short, only today's capacity has a point estimate: no smallest capacity follows from it.
    bounds = () if scenario.target is None else ("low", "high") if ensemble.lacking else Estimate._fields
    capacities = dict.fromkeys(Estimate._fields, np.nan)
    for bound in bounds:
        step = smallest(partial(reaches, bound=bound), near, first, last)
        near = near if step is None else step
        capacities[bound] = np.nan if step is None else today + step
    # The confidence is that at the point, else at the upper bound, else at today's capacity.
    step = next((round(capacities[bound] - today) for bound in ("point", "high") if capacities[bound] > 0), 0)
    factors, high = np.array([(today + step) / today]), effect(step).high[:1]
    confidence = confidence_of(ensemble, factors, np.zeros(1, np.bool_), high)
    capacity = Estimate(*(np.array([capacities[bound]]) for bound in Estimate._fields))
    return Needed(capacity, confidence.words[0], confidence.reasons[0])
