"""What a pool has today and what its jobs waited: what its replicas are held against."""

from collections.abc import Sequence

import numpy as np

from analysis.arrays import Ints
from analysis.capacity.ensemble import Ensemble, Observed
from analysis.capacity.nodes import Nodes, nodes_of
from analysis.capacity.occupancy import Counted
from analysis.capacity.replicas import FEWEST_QUEUED, Capacity
from analysis.capacity.scenario import QUANTILES
from analysis.queue import waits
from analysis.queue.told import Told


class Today:
    """A pool's capacity of today, and the replicas that explain its counts.

    Parameters
    ----------
    group
        The pool's series.
    seen
        What was counted of them in the window.
    window
        One row: start and end, in seconds.
    """

    def __init__(self, group: Sequence[Told], seen: Counted, window: Ints) -> None:
        nodes = nodes_of(group[0].flows.series.pool, {}, int(seen.slots[-1]))
        self.nodes = nodes
        self.unit = "nodes" if nodes is not None and nodes.nodes[-1] > 0 else "jobs at once"
        self.capacity = nodes.nodes[-1] if nodes is not None and self.unit == "nodes" else at_once(seen)
        self.ensemble = Ensemble(
            seen,
            observed_of(group, window),
            capacity_over_time(nodes, seen),
            None if self.unit == "nodes" else self.capacity,
        )


def at_once(seen: Counted) -> float:
    """Return how many run while others wait, the most that ever ran where nobody waited."""
    queued = seen.queue > 0
    return max(float(seen.busy[queued].mean() if seen.queued >= FEWEST_QUEUED else seen.busy.max()), 1.0)


def observed_of(group: Sequence[Told], window: Ints) -> Observed:
    """Return what the jobs of a pool waited in a window."""
    estimates = waits.estimate([told.waiting for told in group], window, None, (90,))
    points, low, high = (
        np.array([np.asarray(estimates[f"{name}{bound}_seconds"], float)[0] for name in QUANTILES])
        for bound in ("", "_low", "_high")
    )
    # Replicas are calibrated to what was seen; a mean of waits that have not all ended is itself a model's.
    if np.asarray(estimates["censored"], float)[0]:
        points[QUANTILES.index("mean")] = np.nan
    return Observed(points, low, high)


def capacity_over_time(nodes: Nodes | None, seen: Counted) -> Capacity | None:
    """Return how capacity changed within what was seen; None where it did not, or nobody knows."""
    if nodes is None or nodes.nodes[-1] <= 0:
        return None
    capacity = Capacity(nodes.changes, nodes.nodes / nodes.nodes[-1])
    return capacity if (capacity.at(seen.slots) != 1).any() else None
