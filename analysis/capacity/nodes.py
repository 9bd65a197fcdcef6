"""The nodes and cards of a pool over time, as far as discovery recorded them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.arrays import Floats
from analysis.record.series import Pool
from analysis.windows import Windows


@dataclass(frozen=True)
class Nodes:
    """A pool's nodes over time: n spans, each from one change to the next."""

    changes: Floats
    """n: when each span begins, in seconds; the first is minus infinity."""
    nodes: Floats
    """n: the number of nodes in each span."""
    cards: Floats
    """n: the number of cards in each span; NaN where the cards of a flavor are not known."""
    flavors: frozenset[str]
    """The flavors of the nodes in the last span."""

    def mean(self, numbers: Floats, windows: Windows) -> Floats:
        """Return the mean in each window of `numbers`, which are the nodes or the cards in each span."""
        return np.array([self._mean(numbers, start, end) for start, end in windows])

    def _mean(self, numbers: Floats, start: float, end: float) -> float:
        edges = np.clip(np.append(self.changes, np.inf), start, end)
        return float(np.dot(numbers, np.diff(edges)) / (end - start)) if end > start else float(numbers[-1])

    def changed_in(self, start: float, end: float) -> bool:
        """Return whether the number of nodes changed between two instants, in seconds since 1970."""
        return bool(((self.changes > start) & (self.changes < end)).any())


def nodes_of(pool: Pool, cards_by_flavor: Mapping[str, int], until: int) -> Nodes | None:
    """Return a pool's nodes; None where discovery did not record them.

    Parameters
    ----------
    cards_by_flavor
        The number of cards of a node, by flavor.
    until
        In seconds since 1970: later changes are left out, unless there is no earlier one.
    """
    rows = [row for row in pool.nodes if row[0] <= until] or list(pool.nodes[:1])
    if not rows:
        return None
    # A row is left out if its nodes are those of the row before: something else of the pool changed.
    rows = [row for before, row in zip([None, *rows], rows, strict=False) if before is None or before[1] != row[1]]
    # Before its first description the pool is taken to have had the nodes of that description.
    changes = np.array([-np.inf, *(float(slot) for slot, _ in rows[1:])])
    nodes = np.array([float(sum(counts.values())) for _, counts in rows])
    cards = [
        sum(cards_by_flavor.get(flavor, np.nan) * number for flavor, number in counts.items()) for _, counts in rows
    ]
    flavors = frozenset(flavor for flavor, number in rows[-1][1].items() if number)
    return Nodes(changes, nodes, np.array(cards, float), flavors)
