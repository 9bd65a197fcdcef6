"""Lulls: stretches of days with little or no work, such as holidays, that say nothing about the days around them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.capacity.days import WEEK_DAYS, Days

LITTLE: Final = 0.25
"""Of the usual work of a day of the week, which a day of a lull has at most."""
SHORTEST: Final = 4
LONGEST: Final = 21
"""Days. Two days are a weekend and three a long one; what lasts longer is another level."""
USUAL_JOBS: Final = 10.0
"""Jobs that a lull's days would usually bring: nothing where that many come is no chance."""
SPAN: Final = 26 * WEEK_DAYS
"""Days before an instant in which lulls are looked for."""
RARE: Final = 13 * WEEK_DAYS
"""Days in which at most one is a lull; a pool with more of them is one whose work comes and goes."""


class Lull(NamedTuple):
    """A stretch of days, numbered as those of the record, its end exclusive."""

    start: int
    end: int
    share: float
    """Of the usual work, that was done."""


def lulls_of(days: Days, sums: Floats, until: int) -> list[Lull]:
    """Return the lulls before a day, by what is known until then.

    A day is quiet where it has at most a quarter of the median of its day of the week; four to twenty-one quiet days
    one after the other are a lull, if that is rare.

    Parameters
    ----------
    sums
        The jobs of each day.
    until
        The number of the first day that is not looked at.
    """
    start = max(0, until - SPAN)
    recent = sums[start:until]
    if np.isnan(recent).all():
        return []
    weekdays = (days.weekday(start) + np.arange(len(recent))) % WEEK_DAYS
    medians = np.array([_median(recent[weekdays == weekday]) for weekday in range(WEEK_DAYS)])
    usual = medians[weekdays]
    quiet = (recent <= LITTLE * usual) | (usual == 0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    found = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        expected, work = usual[begin:end].sum(), recent[begin:end].sum()
        # Days that never bring anything, such as weekends, make no stretch longer.
        if (usual[begin:end] > 0).sum() >= SHORTEST and expected >= USUAL_JOBS:
            found.append(Lull(start + int(begin), start + int(end), float(work / expected)))
    rare = len(found) <= np.ceil(len(recent) / RARE)
    return found if rare and all(each.end - each.start <= LONGEST for each in found) else []


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def in_lulls(lulls: Sequence[Lull], n: int) -> Bools:
    """Return which of n days are in lulls."""
    inside = np.zeros(n, bool)
    for lull in lulls:
        inside[lull.start : lull.end] = True
    return inside
