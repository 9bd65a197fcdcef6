"""How many nodes and cards a pool had, and when that changed, as far as discovery told."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.arrays import Floats
from analysis.record.series import Pool


@dataclass(frozen=True)
class Nodes:
    """A pool's nodes over time."""

    changes: Floats
    """From when on, in seconds; the first is before all else."""
    nodes: Floats
    cards: Floats
    """NaN where nobody gave a flavor's cards."""
    flavors: frozenset[str]

    def mean(self, of: Floats, start: float, end: float) -> float:
        """Return the mean of nodes, or cards, over a span, in seconds."""
        edges = np.clip(np.append(self.changes, np.inf), start, end)
        return float(np.dot(of, np.diff(edges)) / (end - start)) if end > start else float(of[-1])


def nodes_of(pool: Pool, flavors: Mapping[str, int], until: int) -> Nodes | None:
    """Return a pool's nodes; None where discovery has not told.

    Parameters
    ----------
    flavors
        Cards a node, by flavor.
    until
        In seconds: what was told later is of no use, except where it is all there is.
    """
    told = [each for each in pool.nodes if each[0] <= until] or list(pool.nodes[:1])
    if not told:
        return None
    # What else was told of it is no change of its nodes.
    told = [row for before, row in zip([None, *told], told, strict=False) if before is None or before[1] != row[1]]
    # Before it was first described it is taken to have been as it was then.
    changes = np.array([-np.inf, *(float(slot) for slot, _ in told[1:])])
    nodes = np.array([float(sum(counts.values())) for _, counts in told])
    cards = [sum(flavors.get(flavor, np.nan) * number for flavor, number in counts.items()) for _, counts in told]
    names = frozenset(flavor for flavor, number in told[-1][1].items() if number)
    return Nodes(changes, nodes, np.array(cards, float), names)
