"""A backtest: what forecasts from earlier days would have said, how wide that makes intervals, and how often they held.

Each fold is a forecast from a day of the record, its origin, by what was known until then. Its method is chosen and its
intervals are widened by those folds alone whose weeks had ended by its origin. The forecast that is published is made
in the very same way, so that what is told of errors and of coverage is about forecasts like it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.analogs import METHODS, Outlook, outlook, weekly
from analysis.capacity.calibration import distances, factors, losses, widened
from analysis.capacity.days import HOURS, WEEK_DAYS, Days
from analysis.capacity.lulls import in_lulls, lulls_of

FEWEST: Final = 2
"""Weeks before a forecast can be made at all."""
MOST_FOLDS: Final = 52


@dataclass(frozen=True)
class Forecast:
    """A forecast of the periods of one week, and what is known of its errors."""

    method: str
    expected: Outlook
    error: float
    """Mean absolute error of a period's jobs, in folds that did not choose the method,"""
    error_naive: float
    """and that of last week over again."""
    covered: float
    """Share of these periods inside their intervals."""
    folds: int
    """As many forecasts as that rests on."""


def weeks_needed(ahead: int) -> int:
    """Return how many weeks it takes to choose a method, and to judge it."""
    return FEWEST + 2 * ahead


def backtest(days: Days, every: str, ahead: int) -> list[Forecast]:
    """Forecast the weeks after a record, by the weeks in it.

    Parameters
    ----------
    every
        ``1h``, ``1d`` or ``1w``: the periods that are forecast.
    ahead
        Weeks.

    Returns
    -------
    list
        One a week ahead; none where there are too few weeks, see `weeks_needed`, or nothing of them was seen.
    """
    if len(days) // WEEK_DAYS < weeks_needed(ahead):
        return []
    record = _Record(days, days.sums(), every)
    origins = np.arange(len(days), FEWEST * WEEK_DAYS - 1, -WEEK_DAYS)[MOST_FOLDS::-1]
    lulls = [lulls_of(days, record.sums, origin) for origin in origins.tolist()]
    outlooks = [
        outlook(days, record.sums, origin, of_origin, every)
        for origin, of_origin in zip(origins.tolist(), lulls, strict=True)
    ]
    made = {method: Outlook(*np.stack([each[method] for each in outlooks], axis=1)) for method in METHODS[every]}
    quiet = [in_lulls(of_origin, len(days)) for of_origin in lulls]
    weeks = [_week(record, week, origins, made, quiet) for week in range(1, ahead + 1)]
    known = [week for week in weeks if week is not None]
    return known if len(known) == ahead else []


@dataclass(frozen=True)
class _Record:
    """A record as weeks of periods, that begin with any day."""

    days: Days
    sums: Floats
    every: str

    def week(self, start: int) -> Floats:
        """Return the jobs of each period of the week that begins with a day; NaN where they were not seen."""
        week = slice(start, start + WEEK_DAYS)
        if self.every == "1h":
            return self.days.hours[week].ravel()
        return self.sums[week] if self.every == "1d" else weekly(self.sums[week][None])

    def with_any(self, days: Bools, start: int) -> Bools:
        """Return which periods of that week have any of some days."""
        week = days[start : start + WEEK_DAYS]
        if self.every == "1h":
            return np.repeat(week, HOURS)
        return week if self.every == "1d" else np.array([week.any()])


def _week(
    record: _Record, week: int, origins: Ints, made: Mapping[str, Outlook], quiet: Sequence[Bools]
) -> Forecast | None:
    """Forecast one week ahead from each origin, of which the last is the record's end; None where that cannot be.

    Parameters
    ----------
    made
        What each method expects: a row an origin, a column a period.
    quiet
        By origin, which days are in lulls, as far as that could be told by then.
    """
    ends = origins + week * WEEK_DAYS
    starts, folds = (ends - WEEK_DAYS).tolist(), int((ends <= len(record.days)).sum())
    truth = np.array([record.week(start) for start in starts[:folds]])
    naive = np.array([record.week(origin - WEEK_DAYS) for origin in origins[:folds].tolist()])
    lost = {name: losses(_rows(of, slice(folds)), truth) for name, of in made.items()}
    away = {name: distances(_rows(of, slice(folds)), truth) for name, of in made.items()}
    # What was not seen, or what no method says anything of, judges nothing.
    known = ~np.isnan(truth) & np.any([~np.isnan(of) for of in lost.values()], axis=0)
    chosen: dict[int, tuple[str, Outlook]] = {}
    for number, origin in enumerate(origins):
        past = slice(int((ends[:folds] <= origin).sum()))
        # Lulls choose and widen nothing. They do judge.
        usual = known[past].copy()
        for fold, start in enumerate(starts[past]):
            usual[fold] &= ~record.with_any(quiet[number], start)
        if usual.any():
            scores = {method: _mean(lost[method][past][usual]) for method in made}
            name = min(scores, key=lambda method: np.nan_to_num(scores[method], nan=np.inf))
            newest, of_past = _rows(made[name], number), np.where(usual, away[name][past], np.nan)
            by = factors(newest, _rows(made[name], past), of_past, week, record.every)
            chosen[number] = name, widened(newest, by)
    judged = [number for number in chosen if number < folds and known[number].any()]
    if len(origins) - 1 not in chosen or not judged:
        return None
    came, points = truth[judged], np.array([chosen[number][1].point for number in judged])
    inside = [(chosen[number][1].low <= truth[number]) & (truth[number] <= chosen[number][1].high) for number in judged]
    method, expected = chosen[len(origins) - 1]
    return Forecast(
        method,
        expected,
        _mean(np.abs(points - came)),
        _mean(np.abs(naive[judged] - came)),
        _mean(np.where(np.isnan(came - points), np.nan, inside)),
        len(judged),
    )


def _rows(outlook: Outlook, rows: slice | int) -> Outlook:
    return Outlook(*(each[rows] for each in outlook))


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
