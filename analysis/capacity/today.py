"""A pool as it is at the end of the record: its nodes, its capacity, and the replicas that explain its counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.capacity.ensemble import Ensemble, ensemble_of
from analysis.capacity.nodes import Nodes, nodes_of
from analysis.capacity.occupancy import Occupancy
from analysis.capacity.replicas import FEWEST_QUEUED, CapacityChanges
from analysis.estimate import Estimate
from analysis.notes import word
from analysis.queue import waits
from analysis.queue.conservation import Flows
from analysis.queue.discipline import Waiting
from analysis.queue.facts import Facts
from analysis.schemas.capacity import QUANTILES
from analysis.windows import Windows

NODES: Final = word("nodes")
CONCURRENT: Final = word("concurrent jobs")
"""Units of a capacity."""


@dataclass(frozen=True)
class Today:
    """A pool at the end of the record."""

    nodes: Nodes | None
    capacity: float
    unit: str
    """`NODES`; `CONCURRENT` where the nodes are not known, or there are none."""
    ensemble: Ensemble


def today_of(series: Sequence[Facts], occupancy: Occupancy, window: Windows) -> Today:
    """Return a pool at the end of the record.

    Parameters
    ----------
    series
        The series of the pool.
    occupancy
        The counts of the pool in the window.
    window
        One window: the replicas explain the waits of the jobs that arrived in it.
    """
    nodes = nodes_of(series[0][Flows].series.pool, {}, int(occupancy.slots[-1]))
    observed, changes = observed_waits(series, window), _changes(nodes, occupancy)
    if nodes is not None and nodes.nodes[-1] > 0:
        return Today(nodes, float(nodes.nodes[-1]), NODES, ensemble_of(occupancy, observed, changes))
    capacity = _concurrent_jobs(occupancy)
    return Today(nodes, capacity, CONCURRENT, ensemble_of(occupancy, observed, changes, capacity))


def _concurrent_jobs(occupancy: Occupancy) -> float:
    """Return the mean number of jobs that run while others wait; without a queue, the most jobs that ever ran."""
    queued = occupancy.queue > 0
    enough = occupancy.queued_slots >= FEWEST_QUEUED
    return max(float(occupancy.busy[queued].mean() if enough else occupancy.busy.max()), 1.0)


def observed_waits(series: Sequence[Facts], window: Windows) -> Estimate:
    """Return the mean and the P90 wait of the jobs of a pool that arrived in a window, in seconds; 2."""
    measured = waits.estimate([_as_shown(facts[Waiting]) for facts in series], window, None, (90,))
    point, low, high = (
        np.array([bound[0] for bound in bounds]) for bounds in zip(measured.mean, measured.quantiles[90], strict=True)
    )
    # Replicas are calibrated to observed waits; the mean of waits that have not all ended is from another model.
    if measured.censored[0]:
        point[QUANTILES.index("mean")] = np.nan
    return Estimate(point, low, high)


def _as_shown(waiting: Waiting) -> Waiting:
    """Return the waiting of a series without jobs that came or returned unseen: replicas leave these out too."""
    arrived = replace(waiting.arrived, unseen=None, other=None)
    return replace(waiting, arrived=arrived, bounded=waiting.counted)


def _changes(nodes: Nodes | None, occupancy: Occupancy) -> CapacityChanges | None:
    """Return the changes of capacity within the record; None where there is none, or it is not known."""
    if nodes is None or nodes.nodes[-1] <= 0:
        return None
    changes = CapacityChanges(nodes.changes, nodes.nodes / nodes.nodes[-1])
    return changes if (changes.at(occupancy.slots) != 1).any() else None
