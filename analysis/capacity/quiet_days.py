"""Quiet days: days in a row with few or no arrivals, such as holidays, which are no basis for a forecast."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.calendar import WEEK_DAYS
from analysis.capacity.days import Days

LITTLE: Final = 0.25
"""A quiet day has at most this share of the usual arrivals of its day of the week. This and the next constants were
chosen on the simulated years below 1000 of tests/benchmarks/forecasts.py."""
SHORTEST: Final = 4
LONGEST: Final = 21
"""The smallest and largest number of quiet days in a row. Two days are a weekend and three a long weekend; a pool that
is quiet for longer than `LONGEST` has changed."""
USUAL_JOBS: Final = 10.0
"""The fewest arrivals that a row of quiet days would usually bring: with fewer, none may be chance."""
SPAN: Final = 26 * WEEK_DAYS
"""Quiet days are searched in this many days before a day."""
RARE: Final = 13 * WEEK_DAYS
"""There is at most one row of quiet days in this many days; a pool with more rows has work that comes and goes."""


class QuietDays(NamedTuple):
    """A row of quiet days, from day `start` of the record to day `end`, which is excluded."""

    start: int
    end: int
    share: float
    """Their arrivals over the usual arrivals of these days."""


def quiet_days_of(days: Days, sums: Floats, until: int) -> list[QuietDays]:
    """Return the rows of quiet days before a day, by only the days before it.

    A day is quiet where it has at most a quarter of the median of its day of the week; four to twenty-one such days in
    a row are taken for an exception, if they are rare.

    Parameters
    ----------
    sums
        The arrivals of each day.
    until
        The number of the day before which quiet days are searched.
    """
    start = max(0, until - SPAN)
    recent = sums[start:until]
    if np.isnan(recent).all():
        return []
    weekdays = days.weekdays(start, len(recent))
    medians = np.array([_median(recent[weekdays == weekday]) for weekday in range(WEEK_DAYS)])
    usual = medians[weekdays]
    quiet = (recent <= LITTLE * usual) | (usual == 0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    rows = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        expected, arrivals = usual[begin:end].sum(), recent[begin:end].sum()
        # Days without usual arrivals, such as weekends, do not count for the length of a row.
        if (usual[begin:end] > 0).sum() >= SHORTEST and expected >= USUAL_JOBS:
            rows.append(QuietDays(start + int(begin), start + int(end), float(arrivals / expected)))
    rare = len(rows) <= np.ceil(len(recent) / RARE)
    return rows if rare and all(row.end - row.start <= LONGEST for row in rows) else []


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def is_quiet(rows: Sequence[QuietDays], n: int) -> Bools:
    """Return for each of the first n days of a record whether it lies in one of the stretches of quiet days."""
    quiet = np.zeros(n, bool)
    for row in rows:
        quiet[row.start : row.end] = True
    return quiet
