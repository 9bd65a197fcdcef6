"""What a plan from before nodes changed said of what came after, beside what happened."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.capacity.caveats import confidence_of
from analysis.capacity.ensemble import Ensemble
from analysis.capacity.nodes import nodes_of
from analysis.capacity.occupancy import Counted, counted
from analysis.capacity.plan import observed_of
from analysis.capacity.scenario import QUANTILES
from analysis.notes import NONE, mark
from analysis.queue.told import Told
from analysis.windows import DAY, Columns

SAID: Final = tuple(f"{name}{bound}_seconds" for name in QUANTILES for bound in ("", "_low", "_high"))
CHECK: Final = (
    "changed_at", "nodes_before", "capacity", "demand", *SAID, *(f"seen_{name}" for name in SAID), "confidence",
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
    seen = counted([each.flows for each in group], queue)
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
    return {name: np.concatenate([np.atleast_1d(np.asarray(each[name])) for each in rows]) for name in rows[0]}


def _change(group: Sequence[Told], seen: Counted, spans: Ints, before: float, after: float) -> Columns:
    """Say what a plan from the first of two spans said of the second, and what was seen there."""
    part, later = (seen.between(*span) for span in spans.tolist())
    then = observed_of(group, spans[1:])
    rows: Columns = {"changed_at": spans[1, :1], "nodes_before": np.array([before]), "capacity": np.array([after])}
    if min(len(part.slots), len(later.slots)) < 2 or not part.arrivals.sum() or not later.arrivals.sum():
        little = {"confidence": NONE, "reason": mark("note", "no arrivals"), "note": mark("note", "no arrivals")}
        nothing = dict.fromkeys(("demand", *SAID, *(f"seen_{name}" for name in SAID)), np.array([np.nan]))
        return rows | nothing | {name: np.array([text], object) for name, text in little.items()}
    ensemble = Ensemble(part, observed_of(group, spans), float(np.median(np.diff(part.slots))), None)
    days = [float(each.slots[-1] - each.slots[0]) for each in (part, later)]
    demand = (later.arrivals.sum() / max(days[1], 1.0)) / (part.arrivals.sum() / max(days[0], 1.0))
    told = ensemble.effect(after / before, demand)
    said = (told.points, told.low, told.high, then.points, then.low, then.high)
    names = [f"{{}}{bound}_seconds" for bound in ("", "_low", "_high")]
    for name, values in zip([*names, *(f"seen_{name}" for name in names)], said, strict=True):
        rows |= {name.format(measure): values[[place]] for place, measure in enumerate(QUANTILES)}
    extrapolated = np.array([demand * before / after > 1 + 1e-9])
    sure = confidence_of(ensemble, np.zeros(1, np.bool_), told.high[None, :], extrapolated)
    return rows | sure | {"demand": np.array([demand]), "note": np.array([""], object)}


def _nothing(note: str) -> Columns:
    """Say that nothing can be checked, and why."""
    return {"confidence": NONE, "reason": note, "note": np.array([note], object)}
