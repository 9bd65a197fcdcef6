"""How long jobs waited: mean and quantiles of what arrived in each window, with bounds over every order of service.

The bounds hold for every order of service, and for every place of each event between its two slots. The point assumes
an order, see `discipline`; who still waits at the record's end counts by an estimator for censored waits, see
`censoring`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.notes import mark
from analysis.queue import cohorts, verdict
from analysis.queue.censoring import MOST_CENSORED
from analysis.queue.discipline import Waiting
from analysis.windows import Columns, bounds_since

QUANTILES: Final = (50, 90, 95, 99)
BOUNDS: Final = ("", "_low", "_high")
LIMITED: Final = (*(f"over_slo{bound}" for bound in BOUNDS), *verdict.COLUMNS)
"""Columns that there are with a limit alone."""
COLUMNS: Final = (
    *(f"arrivals{bound}" for bound in BOUNDS),
    *(f"{measure}{bound}_seconds" for measure in ("mean", *(f"p{share}" for share in QUANTILES)) for bound in BOUNDS),
    *LIMITED,
    "order",
)


def estimate(
    group: Sequence[Waiting], windows: Ints, limit: int | None, quantiles: Sequence[int] = QUANTILES
) -> Columns:
    """Estimate the waits of what arrived in each window, over the series of a group.

    Parameters
    ----------
    group
        The series, each with at least two slots.
    windows
        A row a window: start and end, in seconds.
    limit
        In seconds; the share of jobs that waited longer is wanted.
    quantiles
        Per cent, rising.

    Returns
    -------
    dict
        The columns that `History.waits` describes, NaN for what is not known; ``censored``, how many of the arrivals
        still wait at the record's end; and ``waiting``, how many wait at each window's end, whenever they came.
    """
    came = [
        bounds_since(each.slots, each.came_low, each.came_high, each.came_besides, windows, level=each.level)
        for each in group
    ]
    fewest, most = (np.sum([bound[side] for bound in came], axis=0) for side in (0, 1))
    bounded = all(each.bounded for each in group)
    shares = np.array(quantiles) / 100
    arrivals, unfinished, over, mean, points = _points(group, windows, limit, shares)
    if bounded:
        mean_bounds, bounds, over_bounds = _bounds(group, windows, fewest, most, limit, shares)
        arrivals_high = np.maximum(most, np.rint(arrivals))
    else:
        stay = _longest_stay(group, windows)
        mean_bounds = np.column_stack([np.zeros(len(stay)), stay])
        bounds = np.repeat(mean_bounds[:, None], len(quantiles), axis=1)
        over_bounds = np.column_stack([np.zeros(len(stay)), np.where(stay <= (limit or 0), 0.0, 1.0)])
        arrivals_high = np.full(len(windows), np.nan)
    nobody = most == 0
    for each in (mean, points, over, mean_bounds, bounds, over_bounds):
        each[nobody] = np.nan
    columns: Columns = {"arrivals": arrivals, "arrivals_low": fewest, "arrivals_high": arrivals_high}
    columns |= _inside("mean{}_seconds", mean, mean_bounds)
    for number, quantile in enumerate(quantiles):
        columns |= _inside(f"p{quantile}{{}}_seconds", points[:, number], bounds[:, number])
    if limit is not None:
        columns |= _inside("over_slo{}", over, over_bounds)
    orders = {each.order for each in group}
    order = orders.pop() if len(orders) == 1 else mark("note", "mixed")
    method = mark("note", "conservation") if bounded else mark("note", "smallest flows and a model")
    censored = unfinished > 0
    estimated = mark("note", "Kaplan-Meier for those that still wait")
    return columns | {
        "censored": unfinished,
        "waiting": np.sum([each.waiting_at(windows[:, 1]) for each in group], axis=0),
        "order": order,
        "method": np.where(censored & ~np.isnan(mean), f"{method}; {estimated}", method).astype(object),
        "note": np.array([_note(*each) for each in zip(nobody, unfinished, arrivals, strict=True)], object),
    }


def _note(nobody: bool, left: float, jobs: float) -> str:
    """Say why a window has no point, or what its points leave open."""
    if nobody:
        return mark("note", "no arrivals")
    if not left:
        return ""
    still = mark("note", "{left:.0f} of {of:.0f} jobs still waited at the end").format(left=left, of=jobs)
    at_least = mark("note", "waits are at least their lower bounds")
    return still if left <= MOST_CENSORED * jobs else f"{still}; {at_least}"


def _inside(name: str, point: Floats, bounds: Floats) -> Columns:
    """Put points between their bounds: an order of service that the counts exclude is not assumed."""
    low, high = bounds[:, 0], bounds[:, 1]
    inside = np.where(np.isnan(point), np.nan, np.fmin(np.fmax(point, np.fmax(low, 0.0)), high))
    return {name.format(""): inside, name.format("_low"): low, name.format("_high"): high}


def _beside(group: Sequence[Waiting], name: str) -> Ints:
    """Return the events of all series, one after the other; of one series without a copy."""
    parts = [getattr(each, name) for each in group]
    beside: Ints = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return beside


def _offsets(lengths: list[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)])


def _points(
    group: Sequence[Waiting], windows: Ints, limit: int | None, shares: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return what `cohorts.points` does of a group."""
    from_, waits, jobs = (
        np.concatenate(parts) if len(group) > 1 else parts[0]
        for parts in zip(*(each.served for each in group), strict=True)
    )
    return cohorts.points(
        _offsets([len(each.ends) for each in group]),
        _beside(group, "begins"),
        _beside(group, "ends"),
        np.array([each.unseen for each in group], float),
        _offsets([len(each.served[0]) for each in group]),
        from_,
        waits,
        jobs,
        windows,
        shares,
        0 if limit is None else limit,
    )


def _bounds(
    group: Sequence[Waiting], windows: Ints, fewest: Ints, most: Ints, limit: int | None, shares: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return what `cohorts.bounds` does of a group."""
    return cohorts.bounds(
        _offsets([len(each.ends) for each in group]),
        _beside(group, "begins"),
        _beside(group, "ends"),
        _beside(group, "arrivals_most"),
        _beside(group, "departures_most"),
        _beside(group, "queue_before"),
        np.array([each.slots[0] for each in group]),
        int(np.gcd.reduce([each.unit for each in group])),
        windows,
        fewest,
        most,
        shares,
        -1 if limit is None else limit,
    )


def _longest_stay(group: Sequence[Waiting], windows: Ints) -> Floats:
    """Return how long, at most, who came in each window can have waited; NaN where the record does not say."""
    longest = np.array([max(each.longest_stay(int(start), int(end)) for each in group) for start, end in windows])
    return np.where(np.isinf(longest), np.nan, longest)
