"""A check of plans: the waits that a plan from before a change of nodes predicts, and the waits that were observed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from analysis.calendar import DAY
from analysis.capacity.caveats import confidence_of
from analysis.capacity.ensemble import ensemble_of
from analysis.capacity.nodes import Nodes, nodes_of
from analysis.capacity.occupancy import Occupancy, occupancy_of
from analysis.capacity.today import observed_waits
from analysis.estimate import Estimate
from analysis.notes import NO_ARRIVALS, NONE, NOTHING, Note, Notes, joined, note
from analysis.queue.conservation import Flows
from analysis.queue.facts import Facts
from analysis.schemas.capacity import QUANTILES
from analysis.schemas.schema import Columns
from analysis.windows import Windows

LEAST: Final = DAY
"""The shortest time, in seconds, before and after a change that is checked: in less a plan is rarely possible, see
`floor`."""


@dataclass(frozen=True)
class Change:
    """A change of a pool's nodes, between two spans in which they did not change."""

    changed_at: int
    """In seconds since 1970."""
    before: float
    after: float
    """The number of nodes before and after the change."""
    spans: Windows
    """2: the span before the change and the span after it."""


@dataclass(frozen=True)
class Check:
    """A plan from before a change of nodes, and what was observed after it."""

    change: Change
    demand: float
    """Arrivals a day after the change, over arrivals a day before it."""
    planned: Estimate
    observed: Estimate
    """2: mean and P90 wait after the change, in seconds."""
    confidence: str
    reason: Notes
    note: Notes = NOTHING


def check(series: Sequence[Facts], queue: str) -> Columns:
    """Return the waits that plans of a pool predicted, with the waits that were observed.

    Parameters
    ----------
    series
        The series of the pool.
    queue
        One of `QUEUES`: the statuses that count as waiting.

    Returns
    -------
    dict
        The columns of the schema of checks, one row per change of nodes between two spans of a day or longer. Where
        there is no such change, one row with the reason.
    """
    occupancy = occupancy_of([facts[Flows] for facts in series], queue)
    if occupancy.unestimated:
        return _nothing(occupancy.unestimated)
    slots = occupancy.slots
    nodes = nodes_of(series[0][Flows].series.pool, {}, int(slots[-1])) if len(slots) else None
    if nodes is None:
        return _nothing(note("nodes are not known"))
    checks = [_check(series, occupancy, change) for change in _changes(nodes, int(slots[0]), int(slots[-1]))]
    if not checks:
        return _nothing(note("there is no change of the number of nodes with a day of record before and after it"))
    return _columns(checks)


def _changes(nodes: Nodes, first: int, last: int) -> Iterator[Change]:
    """Yield the changes of the number of nodes that have a day before and after them, in seconds since 1970."""
    edges = np.clip(np.append(nodes.changes, np.inf), first, last).astype(np.int64)
    for number, (before, after) in enumerate(pairwise(nodes.nodes.tolist())):
        spans = Windows(edges[number : number + 2], edges[number + 1 : number + 3])
        if spans.seconds.min() >= LEAST and min(before, after) > 0 and before != after:
            yield Change(int(edges[number + 1]), before, after, spans)


def _check(series: Sequence[Facts], occupancy: Occupancy, change: Change) -> Check:
    """Return the waits that a plan from the time before a change predicts, and those observed after the change."""
    before, after = (occupancy.between(start, end) for start, end in change.spans)
    if min(len(before.slots), len(after.slots)) < 2 or not before.arrivals.sum() or not after.arrivals.sum():
        why, unknown = joined(NO_ARRIVALS), Estimate.unknown(len(QUANTILES))
        return Check(change, np.nan, unknown, unknown, NONE, why, why)
    demand, factor = _arrivals_a_day(after) / _arrivals_a_day(before), change.after / change.before
    ensemble = ensemble_of(before, observed_waits(series, change.spans[:1]), None).scaled(demand)
    planned, observed = ensemble.effect(factor), observed_waits(series, change.spans[1:])
    confidence = confidence_of(ensemble, np.array([factor]), np.zeros(1, np.bool_), planned.high[:1])
    return Check(change, demand, planned, observed, confidence.words[0], confidence.reasons[0])


def _arrivals_a_day(occupancy: Occupancy) -> float:
    return float(occupancy.arrivals.sum() / (occupancy.slots[-1] - occupancy.slots[0]) * DAY)


def _columns(checks: Sequence[Check]) -> Columns:
    """Return the checks as columns, as the schema of `History.check` names them."""
    columns: Columns = {
        "changed_at": np.array([check.change.changed_at for check in checks], float),
        "nodes_before": np.array([check.change.before for check in checks]),
        "capacity": np.array([check.change.after for check in checks]),
        "demand": np.array([check.demand for check in checks]),
        "confidence": np.array([check.confidence for check in checks], object),
        "reason": np.array([check.reason for check in checks], object),
        "note": np.array([check.note for check in checks], object),
    }
    for measure, name in enumerate(QUANTILES):
        for prefix, waits in (
            ("", [check.planned for check in checks]),
            ("seen_", [check.observed for check in checks]),
        ):
            of_measure = (np.array([bound[measure] for bound in bounds]) for bounds in zip(*waits, strict=True))
            columns |= Estimate(*of_measure).columns(f"{prefix}{name}_seconds")
    return columns


def _nothing(why: Note) -> Columns:
    """Return the columns of a row that says why nothing can be checked."""
    return {"confidence": NONE, "reason": why, "note": np.array([why], object)}
