"""Forecasts of the arrivals in the periods (hours, days) of a week, by similar periods of earlier weeks.

Newer weeks weigh more. Two methods choose the similar periods; for periods of a week there is one method.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.calendar import DAY_HOURS, SATURDAY, WEEK_DAYS
from analysis.capacity.days import Days
from analysis.capacity.quiet_days import QuietDays, is_quiet
from analysis.notes import Note, note
from analysis.queue.floor import enough
from analysis.schemas.capacity import LEVEL
from analysis.stats.quantiles import next_count, weighted_quantiles

SHARES: Final = ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
MEMORY: Final = 26
"""The largest number of earlier weeks that a forecast uses."""
HALF_LIVES: Final = {"1h": 8.0, "1d": 8.0, "1w": 4.0}
"""The number of weeks after which a weight halves, by the length of a period. Of 2, 4, 8 and more these had the best
scores on simulated years, see tests/benchmarks/forecasts.py."""


class Outlook(NamedTuple):
    """The forecast arrivals in each period of a week; low and high are the ends of an interval with level `LEVEL`."""

    low: Floats
    point: Floats
    """The median."""
    high: Floats


class Past(NamedTuple):
    """The arrivals in a record before a day."""

    weeks: Floats
    """Weeks x 7 days x periods of a day: arrivals, the newest week last; NaN where unknown, or on quiet days."""
    weights: Floats
    """The weight of each week."""
    weekdays: Ints
    """7: the day of the week of each of the seven days, counted from Monday."""


def outlook(days: Days, sums: Floats, until: int, quiet_days: Sequence[QuietDays], every: str) -> dict[Note, Outlook]:
    """Return the forecast of the week that begins with a day, by each of `METHODS`, from the days before it.

    A period is NaN where no similar period is known.

    Parameters
    ----------
    sums
        The arrivals of each day, see `Days.sums`.
    until
        The number of the day on which the forecast week begins: only days before it are used.
    quiet_days
        The quiet days before it.
    every
        ``1h``, ``1d`` or ``1w``.
    """
    table = days.hours if every == "1h" else sums[:, None]
    weeks = min(until // WEEK_DAYS, MEMORY)
    start = until - weeks * WEEK_DAYS
    recent = np.where(is_quiet(quiet_days, until)[start:, None], np.nan, table[start:until])
    past = Past(
        recent.reshape(weeks, WEEK_DAYS, -1),
        0.5 ** (np.arange(weeks)[::-1] / HALF_LIVES[every]),
        days.weekdays(start, WEEK_DAYS),
    )
    outlooks = {method: forecast(past) for method, forecast in METHODS[every].items()}
    if not quiet_days or quiet_days[-1].end < until:
        return outlooks
    # The quiet days last until the forecast begins: they may go on.
    share = quiet_days[-1].share
    return {
        method: usual._replace(low=np.minimum(usual.low, np.floor(usual.point * share)))
        for method, usual in outlooks.items()
    }


def _same(past: Past) -> Outlook:
    """Return weighted quantiles of the same hour, or day, of earlier weeks."""
    weeks, *_ = past.weeks.shape
    return _quantiles(past.weeks.reshape(weeks, -1).T, past.weights)


def _alike(past: Past) -> Outlook:
    """Return weighted quantiles of all similar days; of hours: of the same hour, the one before and the one after it.

    Days from Monday to Friday are similar to each other, Saturdays to Saturdays, and Sundays to Sundays.
    """
    weeks, _, periods = past.weeks.shape
    samples = past.weeks[..., None]
    if periods == DAY_HOURS:
        line = past.weeks.ravel()
        before, after = np.append(line[:1], line[:-1]), np.append(line[1:], line[-1:])
        samples = np.stack([before, line, after], axis=1).reshape(weeks, WEEK_DAYS, periods, 3)
    expected = np.empty((len(SHARES), WEEK_DAYS, periods))
    kinds = np.maximum(past.weekdays - SATURDAY + 1, 0)
    for kind in np.unique(kinds):
        of_kind = samples[:, kinds == kind].transpose(2, 0, 1, 3).reshape(periods, -1)
        quantiles = _quantiles(of_kind, np.repeat(past.weights, of_kind.shape[1] // weeks))
        expected[:, kinds == kind] = np.array(quantiles)[:, None]
    return Outlook(*expected.reshape(len(SHARES), -1))


def _weeks(past: Past) -> Outlook:
    """Return weighted quantiles of the arrivals of earlier weeks, in jobs; `weekly` sums these up."""
    return _quantiles(weekly(past.weeks[..., 0])[None], past.weights)


METHODS: Final[Mapping[str, Mapping[Note, Callable[[Past], Outlook]]]] = {
    "1h": {
        note("median of the same hour in earlier weeks"): _same,
        note("median of the same and neighbouring hours on similar days"): _alike,
    },
    "1d": {note("median of the same weekday in earlier weeks"): _same, note("median of similar days"): _alike},
    "1w": {note("median of earlier weeks"): _weeks},
}
"""The methods of a forecast by the length of a row's window, the simpler method first."""


def weekly(days: Floats) -> Floats:
    """Return the sum of each row of seven days, in jobs.

    An unknown day counts as the mean of this day of the week, scaled to the known days of its week. A week of which
    less than half is known is NaN.
    """
    known = ~np.isnan(days)
    usual = np.nansum(days, axis=0) / np.maximum(known.sum(axis=0), 1)
    part, whole = (known * usual).sum(axis=1), usual.sum()
    scale = np.divide(whole, part, out=np.ones(len(days)), where=part > 0)
    sums: Floats = np.where(enough(known.mean(axis=1)), np.nansum(days, axis=1) * scale, np.nan)
    return sums


def _quantiles(samples: Floats, weights: Floats) -> Outlook:
    """Return quantiles of samples: the interval is at least as wide as that of Poisson counts. NaN without samples."""
    low, point, high = weighted_quantiles(samples, weights, SHARES)
    least, most = next_count(samples, weights, (SHARES[0], SHARES[-1]))
    return Outlook(np.minimum(low, least), point, np.maximum(high, most))
