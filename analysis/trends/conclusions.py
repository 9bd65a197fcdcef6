"""Whether waits, arrivals and failures rise or fall, since when, and whether chance explains it: as rows of an answer.

All conclusions are drawn from the daily values of a group (see `daily`). Intervals are at 95%. A series is tested eight
times, for a trend and for changes of four measures: each test has an error of 5% / 8, so that in at most one of twenty
series any test claims a direction that is not there. With fewer than ten effective batches there is no interval, and
the note says how many more days are needed. Levels are
means of days: rounding alone can make them less than zero.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from analysis.calendar import DAY
from analysis.notes import Days as NumberOfDays
from analysis.notes import Note, Notes, joined, note, word
from analysis.queue.observation import Observation
from analysis.schemas.schema import Columns
from analysis.schemas.trends import CHANGES, TREND
from analysis.stats.batches import CLAIM, FEWEST, Days, more_days
from analysis.stats.changepoints import Change, Changes, Draining, changes_of, correlation_without_changes
from analysis.stats.proportions import jeffreys
from analysis.stats.regression import Fit, direction, slope_of
from analysis.trends.autocorrelation import OF_QUEUE, fitted
from analysis.trends.daily import Daily, Measure, measures
from analysis.trends.rows import (
    METHOD,
    SHARES,
    Row,
    batches_of,
    bounds,
    columns,
    complete,
    possible,
    refusal,
    row_of,
    without_bound,
)
from analysis.windows import Windows

CUTS: Final = note("change points of logarithms, tested by a sieve bootstrap; dates by likelihood ratio")
LOAD: Final = 0.5
"""The load at which queues are taken to drain: the higher it is, the longer that takes."""
UP, DOWN, NOT_SHOWN = (word("up"), word("down"), word("not shown"))
"""What `regression.direction` returns, marked for translation here: statistics know no texts."""


def trend(observation: Observation, daily: Daily | None) -> Columns:
    """Return the level and the slope of each measure from the days of a group: one row per measure."""
    rows: list[Row] = []
    for measure, fit in fitted(measures(observation, daily), _slope):
        row = row_of(observation, measure, METHOD)
        rows.append(row)
        if fit is None:
            continue
        row |= batches_of(fit) | bounds("level", *_level(measure.name, measure.days, fit))
        row |= {"level": max(0.0, fit.values[0]), "slope": fit.values[1], "chance": fit.chance(1)}
        row |= bounds("slope", *fit.interval(1)) | {"direction": direction(*fit.interval(1, CLAIM))}
        complete(row, joined(refusal(row), without_bound(fit)))
    return columns(rows, TREND)


def _slope(measure: Measure, least: float) -> Fit | None:
    return slope_of(measure.days, least) if len(measure.days.values) > 1 else None


def changes(observation: Observation, daily: Daily | None) -> Columns:
    """Return when each measure changed, from the days of a group: one row per change, or one that says why none."""
    rows: list[Row] = []
    all_measures = list(measures(observation, daily))

    def drain(run: Days) -> float:
        return 0.0 if daily is None else _days_to_drain(daily, run)

    def cuts_of(measure: Measure, least: float) -> Changes:
        return changes_of(measure.days, least, drain if measure.name in OF_QUEUE else None)

    for measure, cuts in fitted(all_measures, cuts_of, correlation_without_changes):
        none = row_of(observation, measure, CUTS)
        none |= {"batches": cuts.batches, "more_days": more_days(cuts.batches, cuts.correlation)}
        if cuts.batches < FEWEST:
            complete(none, refusal(none))
            rows.append(none)
            continue
        # A change that the bounds of the days may explain too is not shown.
        shown = [change for change in cuts.changes if change.direction != NOT_SHOWN]
        not_shown = [change for change in cuts.changes if change.direction == NOT_SHOWN]
        if cuts.draining is not None:
            complete(none, joined(_single_queue(cuts.draining, observation.windows)))
        rows += [none | _change(change, observation.windows, measure.name, none["note"]) for change in shown]
        if not shown:
            if not_shown or cuts.draining is None:
                complete(none, joined(_no_change(not_shown, observation.windows)))
            rows.append(none)
    return columns(rows, CHANGES)


def _change(change: Change, windows: Windows, name: str, notes: Notes) -> Row:
    """Return the columns of one change, in addition to the columns of its measure."""
    low, high = possible(name, change.fit, *change.fit.interval(1))
    before, difference_ = change.fit.values
    few = note(
        "the size of the change is not known: {batches:.1f} independent days around it, of 10 needed",
        batches=change.fit.batches,
    )
    return {
        "changed_at": windows.starts[change.day],
        "earliest": windows.starts[change.earliest],
        "latest": windows.starts[change.latest],
        "before": max(0.0, before),
        "after": max(0.0, before + difference_),
        "change": difference_,
        "direction": change.direction,
        "note": joined(notes, few if np.isnan(low) else None),
    } | bounds("change", low, high)


def _no_change(not_shown: Sequence[Change], windows: Windows) -> Note:
    if not not_shown:
        return note("no change beyond chance")
    return note(
        "daily values change on {dates} (UTC), but their mean may be unchanged",
        dates=_dates([change.day for change in not_shown], windows),
    )


def _single_queue(draining: Draining, windows: Windows) -> Note:
    return note(
        "waits change on {dates} (UTC), but this may be a single queue, which takes about {days} to drain",
        dates=_dates(draining.days, windows),
        days=NumberOfDays(max(1, round(draining.drain))),
    )


def _dates(days: Sequence[int], windows: Windows) -> str:
    return ", ".join(f"{datetime.fromtimestamp(int(windows.starts[day]), UTC):%Y-%m-%d}" for day in days)


def _days_to_drain(daily: Daily, run: Days) -> float:
    """Return how many days the queues of a run of days take to drain; 0 where no job waits.

    Jobs that wait for w days have the work of w days before them. With new jobs that come, it is done after
    w / (1 - load) days. w is the sum of squared waits over the sum of waits: most days may have no queue. Days whose
    jobs still wait count too, although they are no days of the measure: their queue is at least so long.
    """
    waits, jobs = (np.nan_to_num(estimate.point[run.numbers]) for estimate in (daily.waits.mean, daily.waits.arrivals))
    waited = float(jobs @ waits)
    return float(jobs @ waits**2) / waited / DAY / (1 - LOAD) if waited > 0 else 0.0


def _level(name: str, days: Days, fit: Fit) -> tuple[float, float]:
    """Return the two ends of the interval of a level, in the unit of the measure; the lower one is at least zero.

    The interval of a share is at least as wide as Jeffreys' interval for the effective number of its jobs.
    """
    low, high = fit.interval(0)
    if np.isnan(low) or name not in SHARES:
        return low if np.isnan(low) else max(0.0, low), high
    jobs = days.weights.sum() * fit.batches / len(days.values)
    least, most = (np.clip(bound[0], 0.0, 1.0) * jobs for bound in (fit.low, fit.high))
    by_low, by_high = jeffreys(least, np.array(jobs), 1.0)[0], jeffreys(most, np.array(jobs), 1.0)[1]
    return max(0.0, min(low, float(by_low))), min(1.0, max(high, float(by_high)))
