"""A backtest: forecasts from earlier days of a record, by which methods are chosen, intervals widened, errors measured.

Each fold is a forecast from a day of the record, its origin, by the days before the origin. Its method is chosen, and
its intervals are widened, by only those folds whose weeks had ended by its origin. The forecast that is published is
made in the same way, so that the errors and the coverage of the folds hold for it too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.calendar import DAY_HOURS, WEEK_DAYS
from analysis.capacity.analogs import METHODS, Outlook, outlook, weekly
from analysis.capacity.calibration import errors, factors, losses, widened
from analysis.capacity.days import Days
from analysis.capacity.quiet_days import is_quiet, quiet_days_of
from analysis.notes import Note

FEWEST_WEEKS: Final = 2
"""The fewest weeks of a record before the first origin."""
MOST_FOLDS: Final = 52
"""The largest number of folds: a year. Not measured: each fold costs time."""


@dataclass(frozen=True)
class Forecast:
    """A forecast of the periods of one week, with the errors of its folds."""

    method: Note
    expected: Outlook
    error: float
    """The mean absolute error of a period's arrivals, in jobs, over folds that did not choose their own method."""
    error_naive: float
    """The same error where last week's arrivals are the forecast."""
    covered: float
    """The share of the periods of these folds whose arrivals lie inside their intervals, of 1."""
    folds: int
    """The number of these folds."""


def weeks_needed(ahead: int) -> int:
    """Return how many weeks a record needs for a forecast `ahead` weeks ahead, to choose a method and test it."""
    return FEWEST_WEEKS + 2 * ahead


def backtest(days: Days, every: str, ahead: int) -> list[Forecast]:
    """Return forecasts of the weeks after a record, by the weeks in it.

    Parameters
    ----------
    every
        ``1h``, ``1d`` or ``1w``: the periods that are forecast.
    ahead
        The number of weeks to forecast.

    Returns
    -------
    list
        One forecast per week ahead; empty where the record has too few weeks, see `weeks_needed`, or too few of them
        were observed.
    """
    if len(days) // WEEK_DAYS < weeks_needed(ahead):
        return []
    record = _Record(days, days.sums(), every)
    origins = np.arange(len(days), FEWEST_WEEKS * WEEK_DAYS - 1, -WEEK_DAYS)[MOST_FOLDS::-1]
    quiet_days = [quiet_days_of(days, record.sums, origin) for origin in origins.tolist()]
    outlooks = [
        outlook(days, record.sums, origin, quiet_before, every)
        for origin, quiet_before in zip(origins.tolist(), quiet_days, strict=True)
    ]
    folds = _Folds(
        origins,
        {
            method: Outlook(*np.stack([by_method[method] for by_method in outlooks], axis=1))
            for method in METHODS[every]
        },
        [is_quiet(quiet_before, len(days)) for quiet_before in quiet_days],
    )
    weeks = [_week(record, folds, week) for week in range(1, ahead + 1)]
    known = [week for week in weeks if week is not None]
    return known if len(known) == ahead else []


@dataclass(frozen=True)
class _Record:
    """A record from which weeks of periods can be taken; a week may begin with any day."""

    days: Days
    sums: Floats
    every: str

    def week(self, start: int) -> Floats:
        """Return the arrivals of each period of the week that begins with day `start`; NaN where not observed."""
        week = slice(start, start + WEEK_DAYS)
        if self.every == "1h":
            return self.days.hours[week].ravel()
        return self.sums[week] if self.every == "1d" else weekly(self.sums[week][None])

    def with_any(self, days: Bools, start: int) -> Bools:
        """Return whether each period of the week that begins with day `start` has one of the given days in it."""
        week = days[start : start + WEEK_DAYS]
        if self.every == "1h":
            return np.repeat(week, DAY_HOURS)
        return week if self.every == "1d" else np.array([week.any()])


@dataclass(frozen=True)
class _Folds:
    """The folds of a backtest."""

    origins: Ints
    """The day of each fold from which it forecasts, rising; the last origin is the end of the record."""
    outlooks: Mapping[Note, Outlook]
    """By method: one row per origin, one column per period."""
    quiet: Sequence[Bools]
    """By origin: whether each day of the record is quiet, as far as the days before the origin show."""


def _week(record: _Record, folds: _Folds, week: int) -> Forecast | None:
    """Return the forecast of one week, `week` weeks ahead, with the errors of its folds; None if it is not possible."""
    origins, outlooks = folds.origins, folds.outlooks
    ends = origins + week * WEEK_DAYS
    starts, ended = (ends - WEEK_DAYS).tolist(), int((ends <= len(record.days)).sum())
    truth = np.array([record.week(start) for start in starts[:ended]])
    naive = np.array([record.week(origin - WEEK_DAYS) for origin in origins[:ended].tolist()])
    scores = {method: losses(_rows(expected, slice(ended)), truth) for method, expected in outlooks.items()}
    away = {method: errors(_rows(expected, slice(ended)), truth) for method, expected in outlooks.items()}
    # A period that was not observed, or for which no method has a forecast, is left out.
    known = ~np.isnan(truth) & np.any([~np.isnan(score) for score in scores.values()], axis=0)
    chosen: dict[int, tuple[Note, Outlook]] = {}
    for number, origin in enumerate(origins):
        past = slice(int((ends[:ended] <= origin).sum()))
        # Quiet days are left out where a method is chosen and intervals are widened, but not where errors are measured.
        usual = known[past].copy()
        for fold, start in enumerate(starts[past]):
            usual[fold] &= ~record.with_any(folds.quiet[number], start)
        if usual.any():
            means = {method: np.nan_to_num(_mean(scores[method][past][usual]), nan=np.inf) for method in outlooks}
            method = min(means, key=lambda name: means[name])
            newest, past_errors = _rows(outlooks[method], number), np.where(usual, away[method][past], np.nan)
            factor = factors(newest, _rows(outlooks[method], past), past_errors, week, record.every)
            chosen[number] = method, widened(newest, factor)
    judged = [number for number in chosen if number < ended and known[number].any()]
    if len(origins) - 1 not in chosen or not judged:
        return None
    arrivals, points = truth[judged], np.array([chosen[number][1].point for number in judged])
    inside = [(chosen[number][1].low <= truth[number]) & (truth[number] <= chosen[number][1].high) for number in judged]
    method, expected = chosen[len(origins) - 1]
    return Forecast(
        method,
        expected,
        _mean(np.abs(points - arrivals)),
        _mean(np.abs(naive[judged] - arrivals)),
        _mean(np.where(np.isnan(arrivals - points), np.nan, inside)),
        len(judged),
    )


def _rows(expected: Outlook, rows: slice | int) -> Outlook:
    return Outlook(*(values[rows] for values in expected))


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
