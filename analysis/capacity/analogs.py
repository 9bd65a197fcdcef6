"""What the periods of a week bring, by the like periods of the weeks before: quantiles in which newer weeks count more.

Two ways say which periods are alike; for weeks there is one.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.capacity.days import HALF, HOURS, WEEK_DAYS, Days
from analysis.capacity.lulls import Lull, in_lulls
from analysis.notes import mark
from analysis.stats.quantiles import next_count, weighted_quantiles

LEVEL: Final = 0.90
SHARES: Final = ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
MEMORY: Final = 26
"""Weeks that are looked back on,"""
HALF_LIVES: Final = {"1h": 8.0, "1d": 8.0, "1w": 4.0}
"""and those after which one counts half. Of 2, 4, 8 and more these had the best scores on simulated years."""
WEEKEND: Final = 5
"""The first day of it. Monday to Friday are alike, Saturdays and Sundays are not."""


class Outlook(NamedTuple):
    """What is expected of each period of a week: between low and high lie nine in ten if weeks go on as before."""

    low: Floats
    point: Floats
    """The median."""
    high: Floats


class Past(NamedTuple):
    """What is known of a record until a day."""

    weeks: Floats
    """Whole weeks, the newest last: by week, day and period of the day; NaN where unknown or in a lull."""
    weights: Floats
    """Of each week."""
    weekdays: Ints
    """Which day of the week the days of these weeks are."""


def outlook(days: Days, sums: Floats, until: int, lulls: Sequence[Lull], every: str) -> dict[str, Outlook]:
    """Return what each period of a week after a day brings by each of the `METHODS`, by what was known until then.

    A period is NaN where nothing is known of the periods that are like it.

    Parameters
    ----------
    sums
        The jobs of each day, see `Days.sums`.
    until
        The number of the first day that is not known.
    lulls
        Those before it.
    every
        ``1h``, ``1d`` or ``1w``.
    """
    table = days.hours if every == "1h" else sums[:, None]
    weeks = min(until // WEEK_DAYS, MEMORY)
    start = until - weeks * WEEK_DAYS
    recent = np.where(in_lulls(lulls, until)[start:, None], np.nan, table[start:until])
    past = Past(
        recent.reshape(weeks, WEEK_DAYS, -1),
        0.5 ** (np.arange(weeks)[::-1] / HALF_LIVES[every]),
        (days.weekday(start) + np.arange(WEEK_DAYS)) % WEEK_DAYS,
    )
    expected = {method: forecast(past) for method, forecast in METHODS[every].items()}
    if not lulls or lulls[-1].end < until:
        return expected
    # Nobody knows how long this one goes on.
    share = lulls[-1].share
    return {name: of._replace(low=np.minimum(of.low, np.floor(of.point * share))) for name, of in expected.items()}


def _same(past: Past) -> Outlook:
    """Return quantiles of the same hour, or day, of each week."""
    weeks, *_ = past.weeks.shape
    return _quantiles(past.weeks.reshape(weeks, -1).T, past.weights)


def _alike(past: Past) -> Outlook:
    """Return quantiles of the same hour and those beside it, of all days that are alike."""
    weeks, _, periods = past.weeks.shape
    spread = past.weeks[..., None]
    if periods == HOURS:
        line = past.weeks.ravel()
        before, after = np.append(line[:1], line[:-1]), np.append(line[1:], line[-1:])
        spread = np.stack([before, line, after], axis=1).reshape(weeks, WEEK_DAYS, periods, 3)
    found = np.empty((len(SHARES), WEEK_DAYS, periods))
    kinds = np.maximum(past.weekdays - WEEKEND + 1, 0)
    for kind in np.unique(kinds):
        of_kind = spread[:, kinds == kind]
        samples = of_kind.transpose(2, 0, 1, 3).reshape(periods, -1)
        found[:, kinds == kind] = np.array(_quantiles(samples, np.repeat(past.weights, samples.shape[1] // weeks)))[
            :, None
        ]
    return Outlook(*found.reshape(len(SHARES), -1))


def _weeks(past: Past) -> Outlook:
    """Return quantiles of the sums of weeks; days that are unknown count as usual."""
    return _quantiles(weekly(past.weeks[..., 0])[None], past.weights)


METHODS: Final[dict[str, dict[str, Callable[[Past], Outlook]]]] = {
    "1h": {mark("note", "the same hour of the week"): _same, mark("note", "hours of like days"): _alike},
    "1d": {mark("note", "the same day of the week"): _same, mark("note", "like days"): _alike},
    "1w": {mark("note", "the weeks before"): _weeks},
}
"""By a row's window: ways to forecast, the simpler ones first."""


def weekly(days: Floats) -> Floats:
    """Return the sums of weeks of seven days, a row each.

    Unknown days have their share of a usual week; a week of which less than half is known is NaN.
    """
    known = ~np.isnan(days)
    usual = np.nansum(days, axis=0) / np.maximum(known.sum(axis=0), 1)
    part, whole = (known * usual).sum(axis=1), usual.sum()
    scale = np.divide(whole, part, out=np.ones(len(days)), where=part > 0)
    sums: Floats = np.where(known.mean(axis=1) >= HALF, np.nansum(days, axis=1) * scale, np.nan)
    return sums


def _quantiles(samples: Floats, weights: Floats) -> Outlook:
    """Return the quantiles of samples, at least as far apart as chance puts counts; NaN where no sample is known."""
    low, point, high = weighted_quantiles(samples, weights, SHARES)
    least, most = next_count(samples, weights, (SHARES[0], SHARES[-1]))
    return Outlook(np.minimum(low, least), point, np.maximum(high, most))
