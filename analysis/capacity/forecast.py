"""A forecast: the arrivals of the next weeks, and when today's capacity falls short of a target."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analysis.arrays import Ints
from analysis.calendar import WEEK, WEEK_DAYS
from analysis.capacity.backtest import Forecast, backtest, weeks_needed
from analysis.capacity.caveats import NODES_CHANGED
from analysis.capacity.days import Days, days_of
from analysis.capacity.headroom import Demand, Growth
from analysis.capacity.quiet_days import quiet_days_of
from analysis.capacity.scenario import Scenario
from analysis.capacity.shortfall import dates, pass_probability
from analysis.estimate import Estimate
from analysis.notes import GOOD, NONE, NOTHING, WEAK, Note, Notes, joined, note
from analysis.queue.floor import enough
from analysis.queue.observation import Observation
from analysis.schemas.schema import Columns
from analysis.windows import Windows

USUAL: Final = (4, 2, 1)
"""The weeks ahead by default: the first of these for which the record is long enough."""
FEW_COVERED: Final = 0.8
"""If intervals cover a smaller share of the windows of the backtest, a note says so; 0.9 is expected. Not measured."""
FEW_FOLDS: Final = 5
"""The fewest folds from which the coverage of intervals is measured: with four, each fold is a quarter of it."""


def forecast(
    observation: Observation, demand: Demand | None, scenario: Scenario, weeks_ahead: int | None, every: str,
    zone: ZoneInfo,
) -> Columns:  # fmt: skip
    """Return forecasts of the weeks after a pool's record, from its hours; they begin on the day of the record's end.

    Parameters
    ----------
    observation
        The observation of the hours of the record.
    demand
        None where all series of the pool are too short.
    scenario
        The scenario to show where `demand` is None; else that of the demand is used.
    weeks_ahead
        The number of weeks. None: four weeks more than the lead time if there is one, else the weeks of `USUAL`; the
        first of these for which the record is long enough.
    every
        ``1h``, ``1d`` or ``1w``: the length of a row's window.
    zone
        The time zone of days and hours.

    Returns
    -------
    dict
        The columns of the schema of forecasts, and the windows.
    """
    if demand is None:
        return _nothing(observation, Demand(scenario, np.empty(0), np.nan, np.nan), NOTHING)
    if demand.too_short:
        return _nothing(observation, demand, demand.too_short)
    whole = observation.whole
    known = enough(observation.coverage[whole])
    days = days_of(observation.windows[whole], demand.arrivals[whole], known, zone) if whole.any() else None
    weeks = (0 if days is None else len(days)) / WEEK_DAYS
    lead_time = demand.scenario.lead_time
    horizons = (int(np.ceil(lead_time / WEEK)) + USUAL[0], *USUAL) if lead_time else USUAL
    ahead = weeks_ahead or next((horizon for horizon in horizons if weeks >= weeks_needed(horizon)), USUAL[-1])
    if days is None or weeks < weeks_needed(ahead):
        text = note(
            "not enough data: the record has {weeks:.1f} weeks, a forecast with this horizon needs {needed}",
            weeks=weeks, needed=weeks_needed(ahead),
        )  # fmt: skip
        return _nothing(observation, demand, joined(text))
    by_week = backtest(days, "1w", ahead)
    forecasts = by_week if every == "1w" else backtest(days, every, ahead)
    if not forecasts or not by_week:
        return _nothing(observation, demand, joined(note("nothing was observed")))
    rows = _rows(observation, days, every, forecasts)
    of_days = _notes_of_quiet_days(days)
    return {
        **_arrivals(rows, forecasts, demand.run_seconds),
        **_shortfall(rows, by_week, demand, days.start(len(days))),
        **_confidence(rows, forecasts, demand),
        "coverage": np.full(len(rows.week), float(observation.coverage.mean())),
        "retention": observation.retention,
        "method": np.array([of_week.method for of_week in forecasts], object)[rows.week],
        "note": np.full(len(rows.week), joined(_notes_of_growth(demand), of_days, observation.notes), object),
    }


def _nothing(observation: Observation, demand: Demand, why: Notes) -> Columns:
    """Return the columns of a row that says why there is no forecast."""
    end = observation.windows.ends[-1:]
    return {
        "window_start": end,
        "window_end": end + WEEK,
        "coverage": np.array([observation.coverage.mean()]),
        "retention": observation.retention,
        "target_seconds": np.array([demand.scenario.target_seconds]),
        **_growth(demand).columns("growth"),
        "confidence": NONE,
        "reason": why,
        "note": np.array([joined(why, _notes_of_growth(demand), observation.notes)], object),
    }


def _growth(demand: Demand) -> Estimate:
    return Estimate.unknown(1) if demand.growth is None else demand.growth.demand


@dataclass(frozen=True)
class _Rows:
    """The n windows of a forecast."""

    windows: Windows
    place: Ints
    """n: the index of each window among all periods of the weeks ahead."""
    week: Ints
    """n: the week ahead in which each window lies, from 0 on."""


def _rows(observation: Observation, days: Days, every: str, forecasts: Sequence[Forecast]) -> _Rows:
    windows, place = days.periods(every, len(forecasts))
    # Some windows of the day in which the record ends have passed.
    coming = windows.ends > observation.last
    return _Rows(windows[coming], place[coming], place[coming] // len(forecasts[0].expected.point))


def _arrivals(rows: _Rows, forecasts: Sequence[Forecast], run_seconds: float) -> Columns:
    """Return the columns about arrivals and load, and about the errors in the backtest."""
    low, point, high = (
        np.concatenate(bounds)[rows.place] for bounds in zip(*(of_week.expected for of_week in forecasts), strict=True)
    )
    arrivals, load_per_job = Estimate(point, low, high), run_seconds / rows.windows.seconds
    return {
        "window_start": rows.windows.starts,
        "window_end": rows.windows.ends,
        "weeks_ahead": rows.week + 1,
        **arrivals.columns("arrivals"),
        **arrivals.each(lambda bound: bound * load_per_job).columns("load"),
        "error": np.array([of_week.error for of_week in forecasts])[rows.week],
        "error_naive": np.array([of_week.error_naive for of_week in forecasts])[rows.week],
        "covered": np.array([of_week.covered for of_week in forecasts])[rows.week],
        "folds": np.array([float(of_week.folds) for of_week in forecasts])[rows.week],
    }


def _shortfall(rows: _Rows, by_week: Sequence[Forecast], demand: Demand, start: int) -> Columns:
    """Return the columns about the target, and about the weeks in which today's capacity falls short of it."""
    n, growth = len(rows.week), _growth(demand)
    probability = pass_probability(by_week, growth, demand.base_jobs)
    instants = dates(probability, start, demand.scenario.lead_time)
    return {
        "target_seconds": np.full(n, demand.scenario.target_seconds),
        **growth.each(lambda bound: np.repeat(bound, n)).columns("growth"),
        "pass_probability": probability[rows.week],
        **{name: np.full(n, instant) for name, instant in instants.items()},
    }


def _confidence(rows: _Rows, forecasts: Sequence[Forecast], demand: Demand) -> Columns:
    doubts = NOTHING if demand.growth is None else demand.growth.doubts
    reasons = [joined(_doubt(of_week), doubts) for of_week in forecasts]
    return {
        "confidence": np.array([WEAK if reason else GOOD for reason in reasons], object)[rows.week],
        "reason": np.array(reasons, object)[rows.week],
    }


def _doubt(judged: Forecast) -> Note | None:
    """Return a note on why a forecast is unreliable; None where it is not."""
    if judged.folds < FEW_FOLDS:
        return note("the backtest has only {n} forecasts: the coverage of the intervals is not known", n=judged.folds)
    if judged.covered >= FEW_COVERED:
        return None
    return note(
        "in the backtest only {share:.0%} of the windows were inside their intervals (90% expected): "
        "the intervals are too narrow",
        share=judged.covered,
    )


def _notes_of_quiet_days(days: Days) -> Notes:
    """Return notes on the days with few jobs, and on how the forecast treats them."""
    notes = []
    for quiet in quiet_days_of(days, days.sums(), len(days)):
        first, last = str(days.day(quiet.start)), str(days.day(quiet.end - 1))
        notes.append(
            note(
                "few jobs from {first} to the end of the record: the usual number is forecast, but fewer may arrive",
                first=first,
            )
            if quiet.end == len(days)
            else note(
                "few jobs from {first} to {last}: taken for an exception, such as a holiday", first=first, last=last
            )
        )
    return joined(*notes)


def _notes_of_growth(demand: Demand) -> Notes:
    return joined(demand.lacking, *(() if demand.growth is None else _growth_notes(demand.growth)))


def _growth_notes(growth: Growth) -> Iterator[Note]:
    point, low, high = (float(bound[0]) for bound in growth.demand)
    if np.isfinite([point, low, high]).all():
        yield note(
            "the target is reached up to {growth:.2f} times the demand ({low:.2f} to {high:.2f})",
            growth=point, low=low, high=high,
        )  # fmt: skip
    elif low == 0:
        yield note(
            "the target is not reached even with a seventh of the demand: it may be shorter than the time between polls"
        )
    elif np.isfinite(low):
        yield note("the target is reached at least up to {low:.2f} times the demand", low=low)
    if growth.nodes_changed:
        yield NODES_CHANGED
