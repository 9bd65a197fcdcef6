"""What is to be said of a plan: how sure it is and why, what it leaves out, and what the target takes."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.capacity.ensemble import Ensemble
from analysis.capacity.explanation import HELD, UNLIKE
from analysis.capacity.nodes import Nodes
from analysis.capacity.occupancy import Counted
from analysis.notes import GOOD, NONE, WEAK, mark
from analysis.windows import WEEK, Columns

FEW: Final = 12
"""Slots with a queue, of which a week has to have more."""
MOVED: Final = 1.25
"""By so much, over weeks, those who run while others queue may differ before it is told."""


def confidence_of(ensemble: Ensemble, factors: Floats, demand: float, proven: Bools, high: Floats) -> Columns:
    """Return how sure each capacity's figures are, and why not more.

    Parameters
    ----------
    factors
        The capacities, as multiples of today's.
    demand
        Jobs for one that came.
    proven
        Of which capacities the waits that were seen tell enough.
    high
        The upper bounds of the waits, a row a capacity.
    """
    n, beyond = len(factors), ensemble.beyond(factors, demand)
    if ensemble.lacking:
        return {"confidence": np.full(n, NONE, object), "reason": np.full(n, ensemble.lacking, object)}
    always = list(doubts_of(ensemble))
    never_ran = mark("note", "large jobs, as there may be, would never have run")
    words, reasons = np.full(n, GOOD, object), np.full(n, "", object)
    for row in range(n):
        if proven[row]:
            continue
        doubts = [*always, never_ran] if ensemble.queued and np.isnan(high[row, 0]) else [*always]
        if not ensemble.queued and ensemble.at_once is None and beyond[row]:
            doubts.append(mark("note", "how large jobs are is not known: with less capacity some may never run"))
        if ensemble.types_differ and beyond[row]:
            doubts.append(mark("note", "types wait differently: who goes first matters with less capacity"))
        words[row], reasons[row] = WEAK if doubts else GOOD, "; ".join(doubts)
    return {"confidence": words, "reason": reasons}


def doubts_of(ensemble: Ensemble) -> Iterator[str]:
    """Say why no figure of a plan is sure."""
    if ensemble.queued and not ensemble.explanation.distance <= UNLIKE:
        yield mark("note", "the counts are unlike every pool that was replayed")
    if ensemble.explanation.whole:
        yield mark("note", "some jobs may take the whole pool: how many is guessed")
    if ensemble.returns:
        yield mark("note", "jobs came back to the queue, as where some pre-empt others: no replica does")
    if ensemble.explanation.held_share >= HELD:
        text = mark("note", "{share:.0%} of all waiting was while little ran: more capacity may not end it")
        yield text.format(share=ensemble.explanation.held_share)
    if ensemble.seen.guessed_share >= HELD:
        text = mark("note", "{share:.0%} of all waiting lies in gaps, and is guessed")
        yield text.format(share=ensemble.seen.guessed_share)


def notes_of(ensemble: Ensemble, nodes: Nodes | None) -> list[str]:
    """Return what is to be said of a plan besides how sure it is."""
    notes = [mark("note", "sizes of jobs are not counted: several were assumed")]
    if not ensemble.queued:
        notes.append(mark("note", "it hardly queued: only the most that jobs would have waited can be said"))
    elif not ensemble.complete.all():
        notes.append(mark("note", "jobs still waited at the end: today's wait is a model's too"))
    if gave_up := int(ensemble.seen.gave_up.sum()):
        text = mark("note", "about {jobs:,} jobs gave up in the queue, by a model: more would with less capacity")
        notes.append(text.format(jobs=gave_up))
    return [*notes, *_of_nodes(ensemble, nodes)]


def _of_nodes(ensemble: Ensemble, nodes: Nodes | None) -> Iterator[str]:
    if nodes is None:
        yield mark("note", "nodes are not known: capacity is in jobs at once")
    elif nodes.nodes[-1] <= 0:
        yield mark("note", "there are no nodes at the end: capacity is in jobs at once")
    elif len(nodes.flavors) > 1:
        yield mark("note", "nodes of several flavors are counted alike")
    if ensemble.went is not None:
        yield mark("note", "nodes changed in between: today's number is taken for all of the time")
        return
    lowest, highest = _moved(ensemble.seen)
    if highest > MOVED * lowest:
        text = mark("note", "capacity or sizes changed: {low:.1f} to {high:.1f} ran, by week, while others queued")
        yield text.format(low=lowest, high=highest)


def _moved(seen: Counted) -> tuple[float, float]:
    """Return the least and the most, by week, of who ran while others queued."""
    queued = seen.queue > 0
    week = (seen.slots - seen.slots[0]) // WEEK
    times = np.bincount(week[queued], minlength=1)
    means = np.bincount(week[queued], seen.busy[queued], minlength=1)[times >= FEW] / times[times >= FEW]
    return (float(means.min()), float(means.max())) if len(means) else (1.0, 1.0)
