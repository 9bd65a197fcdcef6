"""What is to be said of a plan: what it leaves out, what was changed or guessed, and what the target takes."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from analysis.arrays import Floats
from analysis.capacity.ensemble import HELD, Ensemble
from analysis.capacity.nodes import Nodes
from analysis.capacity.occupancy import Counted
from analysis.capacity.scenario import Wish
from analysis.notes import amount, mark
from analysis.windows import WEEK

UNLIKE: Final = 3.0
"""Farther away than this from what was seen no replica explains it."""
MOST: Final = 4.0
"""As many times today's capacity are looked at to reach a target."""
FEW: Final = 12
"""Slots with a queue, of which a week has to have more."""
MOVED: Final = 1.25
"""By so much, over weeks, those who run while others queue may differ before it is told."""


def notes_of(ensemble: Ensemble, nodes: Nodes | None, wish: Wish, needed: Sequence[float], high: Floats) -> list[str]:
    """Return what is to be said of a plan."""
    notes = [mark("note", "sizes of jobs are not counted: several were assumed")]
    if not ensemble.queued:
        notes.append(mark("note", "it hardly queued: only the most that jobs would have waited can be said"))
    elif not ensemble.complete.all():
        notes.append(mark("note", "jobs still waited at the end: today's wait is a model's too"))
    if ensemble.held_share >= HELD:
        text = mark("note", "{share:.0%} of all waiting was while little ran: more capacity may not end it")
        notes.append(text.format(share=ensemble.held_share))
    if ensemble.seen.guessed_share >= HELD:
        text = mark("note", "{share:.0%} of all waiting lies in gaps, and is guessed")
        notes.append(text.format(share=ensemble.seen.guessed_share))
    if ensemble.queued and not ensemble.distance <= UNLIKE:
        notes.append(mark("note", "the counts are unlike every pool that was replayed: distrust the figures"))
    if ensemble.queued and np.isnan(high[0, 0]):
        notes.append(mark("note", "without an upper bound: large jobs, as there may be, would never have run"))
    notes += _of_nodes(ensemble, nodes)
    if wish.target is not None and np.isfinite(needed[0]):
        least, most = (amount(each) if np.isfinite(each) else "?" for each in needed[1:])
        text = mark("note", "the target takes {needed} ({low} to {high})")
        notes.append(text.format(needed=amount(needed[0]), low=least, high=most))
    elif wish.target is not None and ensemble.queued:
        text = mark("note", "even {times:.0f} times the capacity does not reach the target")
        notes.append(text.format(times=MOST))
    return notes


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
