"""What a plan from before nodes changed said of what came after, beside what happened."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.capacity.caveats import confidence_of
from analysis.capacity.ensemble import Ensemble
from analysis.capacity.nodes import nodes_of
from analysis.capacity.occupancy import Counted, counted
from analysis.capacity.plan import WAITS
from analysis.capacity.scenario import QUANTILES
from analysis.capacity.today import observed_of
from analysis.notes import NONE, mark
from analysis.queue.told import Told
from analysis.windows import DAY, Columns

CHECK: Final = (
    "changed_at", "nodes_before", "capacity", "demand", *WAITS, *(f"seen_{name}" for name in WAITS), "confidence",
    "reason", "coverage", "history", "method", "note",
)  # fmt: skip
"""A row a change of nodes: when it was seen, nodes before it and from then on (capacity); demand: jobs a day after it
for one before. The waits that a plan from before said for these nodes and this demand, with 90 % intervals, and those
that were seen from then on until the next change, with their bounds."""
LEAST: Final = DAY
"""Nodes that were there for less than this tell nothing."""


def check(group: Sequence[Told], queue: str) -> Columns:
    """Hold plans of a pool against what happened.

    Parameters
    ----------
    group
        Its series.
    queue
        Which statuses are waiting.

    Returns
    -------
    dict
        `CHECK`, a row a change of nodes between two spans of a day or longer; of none a note.
    """
    seen = counted([told.flows for told in group], queue)
    nodes = nodes_of(group[0].flows.series.pool, {}, int(seen.slots[-1])) if len(seen.slots) else None
    if nodes is None:
        return _nothing(mark("note", "nodes are not known"))
    first, last = float(seen.slots[0]), float(seen.slots[-1])
    edges = np.clip(np.append(nodes.changes, np.inf), first, last)
    rows: list[Columns] = []
    for number in range(1, len(nodes.nodes)):
        start, changed, end = edges[number - 1 : number + 2]
        before, after = nodes.nodes[number - 1 : number + 1]
        if min(changed - start, end - changed) >= LEAST and min(before, after) > 0 and before != after:
            spans = np.array([(start, changed), (changed, end)], np.int64)
            rows.append(_change(group, seen, spans, float(before), float(after)))
    if not rows:
        return _nothing(mark("note", "no change of nodes was seen with a day before and after it"))
    return {name: np.concatenate([np.asarray(row[name]) for row in rows]) for name in rows[0]}


def _change(group: Sequence[Told], seen: Counted, spans: Ints, before: float, after: float) -> Columns:
    """Say what a plan from the first of two spans said of the second, and what was seen there."""
    row: dict[str, object] = {"changed_at": spans[1, 0], "nodes_before": before, "capacity": after, "note": ""}
    first, second = (seen.between(*span) for span in spans.tolist())
    if min(len(first.slots), len(second.slots)) < 2 or not first.arrivals.sum() or not second.arrivals.sum():
        little = mark("note", "no arrivals")
        return _columns(row | {"confidence": NONE, "reason": little, "note": little})
    ensemble = Ensemble(first, observed_of(group, spans[:1]), None)
    demand = _daily(second) / _daily(first)
    factor = after / before
    effect, observed = ensemble.effect(factor, demand), observed_of(group, spans[1:])
    for prefix, waits in (("", effect), ("seen_", observed)):
        for bound, values in (("", waits.points), ("_low", waits.low), ("_high", waits.high)):
            row |= {f"{prefix}{name}{bound}_seconds": values[place] for place, name in enumerate(QUANTILES)}
    sure = confidence_of(ensemble, np.array([factor]), demand, np.zeros(1, np.bool_), effect.high[None, :])
    return _columns(row | {"demand": demand}) | sure


def _daily(seen: Counted) -> float:
    """Return the jobs a day that came."""
    return float(seen.arrivals.sum() / (seen.slots[-1] - seen.slots[0]) * DAY)


def _columns(row: dict[str, object]) -> Columns:
    """Return the columns of one row; what it lacks of the waits is not known."""
    missing: dict[str, object] = dict.fromkeys(("demand", *WAITS, *(f"seen_{name}" for name in WAITS)), np.nan)
    return {
        name: np.array([value], object if isinstance(value, str) else float) for name, value in (missing | row).items()
    }


def _nothing(note: str) -> Columns:
    """Say that nothing can be checked, and why."""
    return {"confidence": NONE, "reason": note, "note": np.array([note], object)}
