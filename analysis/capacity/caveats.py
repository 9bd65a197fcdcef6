"""The caveats of a plan: its confidence with the reasons, and what the plan leaves out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Bools, Floats
from analysis.calendar import WEEK
from analysis.capacity.ensemble import Ensemble
from analysis.capacity.explanation import FAR, OTHER
from analysis.capacity.nodes import Nodes
from analysis.capacity.occupancy import Occupancy
from analysis.notes import GOOD, NONE, NOTHING, WEAK, Note, Notes, joined, note

FEW: Final = 12
"""The fewest slots with a queue for which a week is compared with other weeks."""
MOVED: Final = 1.25
"""Between weeks the mean number of jobs that run while others wait may differ by this factor before a note says so.
Neither `FEW` nor this was measured."""
NODES_CHANGED: Final = note("the number of nodes changed: today's number is assumed for the whole time")


@dataclass(frozen=True)
class Confidence:
    """The confidence in the waits at each of n capacities."""

    words: NDArray[Any]
    """n: good, weak or none."""
    reasons: NDArray[Any]
    """n `Notes`: why the confidence is not good."""


def confidence_of(ensemble: Ensemble, factors: Floats, proven: Bools, high: Floats) -> Confidence:
    """Return the confidence in the waits at each capacity, with the reasons why it is not good.

    It is none where the record is too short for a plan, good where the observed waits alone prove the result
    or no reason for doubt is known, and weak otherwise.

    Parameters
    ----------
    factors
        n: the capacities, as multiples of today's capacity.
    proven
        n: whether the observed waits alone suffice at a capacity, without a model.
    high
        n: the upper bounds of the mean waits, in seconds; NaN where there is none.
    """
    n, beyond = len(factors), ensemble.beyond(factors)
    if ensemble.lacking:
        return Confidence(np.full(n, NONE, object), np.full(n, ensemble.lacking, object))
    general = doubts_of(ensemble)
    words, reasons = np.full(n, GOOD, object), np.full(n, NOTHING, object)
    for row in np.flatnonzero(~proven):
        reasons[row] = joined(general, *_doubts_at(ensemble, bool(beyond[row]), bool(np.isnan(high[row]))))
        words[row] = WEAK if reasons[row] else GOOD
    return Confidence(words, reasons)


def _doubts_at(ensemble: Ensemble, beyond: bool, unbounded: bool) -> Iterator[Note]:
    """Yield the reasons to doubt the waits at one capacity.

    `beyond`: its load is higher than every observed one; `unbounded`: the mean wait has no upper bound.
    """
    if ensemble.queued and unbounded:
        yield note("jobs may be too large for this capacity: such jobs would never run")
    if not ensemble.queued and ensemble.concurrent_jobs is None and beyond:
        yield note("the sizes of jobs are not known: with less capacity some may never run")
    if ensemble.types_differ and beyond:
        yield note("some job types wait much longer than others: the effect of less capacity depends on priorities")


def doubts_of(ensemble: Ensemble) -> Notes:
    """Return the reasons for doubt in the waits at every capacity of a plan."""
    return joined(*_doubts(ensemble))


def _doubts(ensemble: Ensemble) -> Iterator[Note]:
    explanation = ensemble.explanation
    if ensemble.queued and not explanation.distance <= FAR:
        yield note("no simulated pool has counts similar to the observed counts")
    if explanation.whole:
        yield note("some jobs may need the whole pool: their number is a guess")
    if ensemble.returns:
        yield note("jobs returned to the queue, as with pre-emption, which replicas do not have")
    if explanation.other_share >= OTHER:
        yield note(
            "{share:.0%} of all waiting was while few jobs ran: more capacity may not shorten it",
            share=explanation.other_share,
        )
    if (share := ensemble.occupancy.interpolated_share) >= OTHER:
        yield note("{share:.0%} of all waiting lies in gaps between polls, and is interpolated", share=share)


def notes_of(ensemble: Ensemble, nodes: Nodes | None) -> Notes:
    """Return the notes on what a plan assumes and leaves out; those on its confidence are not among them."""
    return joined(*_notes(ensemble), *_notes_of_nodes(ensemble, nodes))


def _notes(ensemble: Ensemble) -> Iterator[Note]:
    yield note("the sizes of jobs are not known: several distributions of sizes were assumed")
    if not ensemble.queued:
        yield note("there was hardly a queue: only upper bounds of the waits are known")
    elif not ensemble.complete.all():
        yield note("jobs still waited at the end: today's wait is estimated by a model too")
    if jobs := int(ensemble.occupancy.give_ups.sum()):
        yield note(
            "by a model about {jobs:,} jobs gave up in the queue: with less capacity more would do so", jobs=jobs
        )


def _notes_of_nodes(ensemble: Ensemble, nodes: Nodes | None) -> Iterator[Note]:
    if nodes is None:
        yield note("nodes are not known: capacity is in concurrent jobs")
    elif nodes.nodes[-1] <= 0:
        yield note("the pool has no nodes at the end: capacity is in concurrent jobs")
    elif len(nodes.flavors) > 1:
        yield note("nodes of several flavors are counted as equal")
    if ensemble.changes is not None:
        yield NODES_CHANGED
        return
    lowest, highest = _weekly_range(ensemble.occupancy)
    if highest > MOVED * lowest:
        yield note(
            "capacity or job sizes changed: by week, {low:.1f} to {high:.1f} jobs ran while others waited",
            low=lowest, high=highest,
        )  # fmt: skip


def _weekly_range(occupancy: Occupancy) -> tuple[float, float]:
    """Return the smallest and the largest weekly mean of jobs that run while others wait; 1 and 1 without a queue."""
    queued = occupancy.queue > 0
    week = (occupancy.slots - occupancy.slots[0]) // WEEK
    slots = np.bincount(week[queued], minlength=1)
    means = np.bincount(week[queued], occupancy.busy[queued], minlength=1)[slots >= FEW] / slots[slots >= FEW]
    return (float(means.min()), float(means.max())) if len(means) else (1.0, 1.0)
