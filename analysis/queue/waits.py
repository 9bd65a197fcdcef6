"""How long jobs waited: mean and quantiles of the jobs that arrived in each window, with bounds.

The bounds hold for every service discipline, and for every place of each event between its two slots. They assume that
no running job returned to the queue as another one started, between the same two slots, unless jobs are known to return
(`Flows.preempts`): then a wait has no lower bound, and ends at the latest as the queue is empty. A job that returns
waits anew. The point assumes a discipline, see `discipline`; jobs that wait at the record's end count by an estimator
for censored waits, see `censoring`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Floats, Ints
from analysis.estimate import Estimate
from analysis.notes import NO_ARRIVALS, NOTHING, Note, Notes, joined, note
from analysis.queue import cohorts
from analysis.queue.censoring import MOST_CENSORED
from analysis.queue.cohorts import Asked, Group
from analysis.queue.discipline import Waiting
from analysis.queue.matching import Events, Stays
from analysis.queue.unkept_arrivals import METHOD
from analysis.schemas.queue import QUANTILES
from analysis.schemas.schema import Columns
from analysis.windows import Windows


@dataclass(frozen=True)
class Waits:
    """The waits of the jobs that arrived in each of n windows."""

    arrivals: Estimate
    mean: Estimate
    """In seconds."""
    quantiles: Mapping[int, Estimate]
    """In seconds, by per cent of the jobs."""
    over: Estimate | None
    """The share of the jobs that waited longer than the limit; None without a limit."""
    censored: Floats
    """n: arrivals that still wait at the record's end, in jobs."""
    waiting: Ints
    """n: jobs that wait at each window's end, whenever they arrived."""
    order: Note
    method: NDArray[Any]
    notes: NDArray[Any]
    """n `Notes` each."""

    def columns(self) -> Columns:
        """Return the columns of the schema of waits, without those about a verdict."""
        columns: Columns = {**self.arrivals.columns("arrivals"), **self.mean.columns("mean_seconds")}
        for quantile, estimate in self.quantiles.items():
            columns |= estimate.columns(f"p{quantile}_seconds")
        if self.over is not None:
            columns |= self.over.columns("over_slo")
        return columns | {"order": self.order, "method": self.method, "note": self.notes}


def estimate(
    group: Sequence[Waiting], windows: Windows, limit: int | None, quantiles: Sequence[int] = QUANTILES
) -> Waits:
    """Estimate the waits of the jobs that arrived in each window, over the series of a group.

    Parameters
    ----------
    group
        The series, each with at least two slots.
    limit
        In seconds: the share of the jobs that waited longer is estimated too; None: it is not.
    quantiles
        Per cent of the jobs, rising.
    """
    arrived = [windows.happened(waiting.arrived) for waiting in group]
    fewest, most = (np.sum([bound[side] for bound in arrived], axis=0) for side in (0, 1))
    bounded = all(waiting.bounded for waiting in group)
    asked = Asked(windows.starts, windows.ends, np.array(quantiles) / 100, -1 if limit is None else limit)
    parts = [waiting.events for waiting in group]
    events, stays = Events(*_side_by_side(parts)), Stays(*_side_by_side([waiting.stays for waiting in group]))
    members = _group_of(group)
    arrivals, unfinished, over, mean, points = cohorts.points(members, events, stays, asked)
    if bounded:
        unseen = np.sum([waiting.unseen_in(windows) for waiting in group], axis=0)
        stay = _longest_stay(group, windows) if unseen.any() else np.zeros(len(windows))
        spare = cohorts.Spare(unseen, np.nan_to_num(stay, nan=np.inf))
        mean_bounds, bounds, over_bounds = cohorts.bounds(members, events, asked, (fewest, most), spare)
        arrivals_high = np.maximum(most, np.rint(arrivals))
    else:
        stay = _longest_stay(group, windows)
        mean_bounds = np.column_stack([np.zeros(len(stay)), stay])
        bounds = np.repeat(mean_bounds[:, None], len(quantiles), axis=1)
        over_bounds = np.column_stack([np.zeros(len(stay)), np.where(stay <= (limit or 0), 0.0, 1.0)])
        arrivals_high = np.full(len(windows), np.nan)
    nobody, jobs = most == 0, arrivals
    if not all(waiting.estimated for waiting in group):
        for values in (arrivals := arrivals.copy(), mean, points, over):
            values[...] = np.nan
    for values in (mean, points, over, mean_bounds, bounds, over_bounds):
        values[nobody] = np.nan
    counted = all(waiting.counted for waiting in group)
    method = note("conservation") if counted else METHOD
    estimated = joined(method, note("Kaplan-Meier for jobs that still wait"))
    methods = np.full(len(windows), joined(method), object)
    methods[(unfinished > 0) & ~np.isnan(mean)] = estimated
    orders = {waiting.order for waiting in group}
    return Waits(
        Estimate(arrivals, fewest, arrivals_high),
        _inside(mean, mean_bounds),
        {quantile: _inside(points[:, number], bounds[:, number]) for number, quantile in enumerate(quantiles)},
        None if limit is None else _inside(over, over_bounds),
        unfinished,
        np.sum([waiting.waiting_at(windows.ends) for waiting in group], axis=0),
        orders.pop() if len(orders) == 1 else note("mixed"),
        methods,
        np.array([_notes(*window) for window in zip(nobody, unfinished, jobs, strict=True)], object),
    )


def _notes(nobody: bool, left: float, jobs: float) -> Notes:
    """Return notes on why a window has no point estimates, or on jobs whose waits have not ended."""
    if nobody:
        return joined(NO_ARRIVALS)
    if not left:
        return NOTHING
    still = note("{left:.0f} of {jobs:.0f} jobs still waited at the end", left=float(left), jobs=float(jobs))
    return joined(still, None if left <= MOST_CENSORED * jobs else note("waits are at least their lower bounds"))


def _inside(point: Floats, bounds: Floats) -> Estimate:
    """Return estimates with points moved between the bounds: the counts may exclude the assumed service discipline."""
    low, high = bounds[:, 0], bounds[:, 1]
    inside = np.where(np.isnan(point), np.nan, np.fmin(np.fmax(point, np.fmax(low, 0.0)), high))
    return Estimate(inside, low, high)


def _side_by_side(parts: Sequence[Events] | Sequence[Stays]) -> list[NDArray[Any]]:
    """Return the arrays of all series one after the other; those of a single series are not copied."""
    return [np.concatenate(arrays) if len(arrays) > 1 else arrays[0] for arrays in zip(*parts, strict=True)]


def _group_of(group: Sequence[Waiting]) -> Group:
    before = [waiting.queue_before for waiting in group]
    return Group(
        _offsets([len(waiting.events.ends) for waiting in group]),
        _offsets([len(waiting.stays.event) for waiting in group]),
        np.concatenate(before) if len(group) > 1 else before[0],
        np.array([waiting.arrived.slots[0] for waiting in group]),
        int(np.gcd.reduce([waiting.unit for waiting in group])),
    )


def _offsets(lengths: list[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)])


def _longest_stay(group: Sequence[Waiting], windows: Windows) -> Floats:
    """Return the longest time, in seconds, that jobs of each window can have waited; NaN where it is not bounded."""
    longest = np.max([[waiting.longest_stay(*window) for window in windows] for waiting in group], axis=0)
    return np.where(np.isinf(longest), np.nan, longest)
