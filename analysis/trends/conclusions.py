"""Whether waits, arrivals and failures rise or fall, since when, and whether chance explains it: as rows of an answer.

All conclusions are drawn from the daily values of a group (see `daily`). Intervals are at 95%. A series is tested eight
times, for a trend and for changes of four measures: each test has an error of 5% / 8, so that in at most one of twenty
series any test claims a direction that is not there. A comparison has four tests, each with an error of 5% / 4. With
fewer than ten effective batches there is no interval, and the note says how many more days are needed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from analysis.arrays import Bools
from analysis.estimate import columns_of
from analysis.notes import Days as MoreDays
from analysis.notes import Note, Notes, joined, note, word
from analysis.queue.observation import Observation
from analysis.schemas.schema import TEXTS, Columns, Kind, Schema
from analysis.schemas.trends import CHANGES, COMPARE, TREND
from analysis.stats.batches import CLAIM, FEWEST, LEVEL, Days, more_days
from analysis.stats.changepoints import Change, changes_of, memory_of
from analysis.stats.proportions import difference, jeffreys
from analysis.stats.regression import Fit, difference_of, direction, explain, slope_of
from analysis.trends.daily import Daily, Measure, measures
from analysis.trends.memory import remembering
from analysis.windows import Windows

SHARES: Final = ("over", "failures")
CLAIM_OF_DIFFERENCE: Final = 1 - (1 - LEVEL) / 4
"""The level of the test of each difference: a comparison has one of each of four measures."""
LEAST_DAYS: Final = 14
"""The fewest days whose correlation is measured: two weeks."""
MOST_DAYS: Final = 365
"""More days than this are not named as a need: from a short record their number is not known so exactly."""
METHOD: Final = note(
    "weighted least squares after removal of the weekly pattern; White errors, corrected for lag-1 autocorrelation"
)
CUTS: Final = note("change points of logarithms, tested by a sieve bootstrap; dates by likelihood ratio")
UP, DOWN, NOT_SHOWN = (word("up"), word("down"), word("not shown"))
"""What `regression.direction` returns, marked for translation here: statistics know no texts."""
Row = dict[str, Any]


def trend(observation: Observation, daily: Daily | None) -> Columns:
    """Return the level and the slope of each measure from the days of a group: one row per measure."""
    rows: list[Row] = []
    for measure, fit in remembering(measures(observation, daily), _slope):
        row = _row(observation, measure, METHOD)
        rows.append(row)
        if fit is None:
            continue
        row |= _batches(fit) | _bounds("level", *_level(measure.name, measure.days, fit))
        row |= {"level": max(0.0, fit.values[0]), "slope": fit.values[1], "chance": fit.chance(1)}
        row |= _bounds("slope", *fit.interval(1)) | {"direction": direction(*fit.interval(1, CLAIM))}
        _complete(row, joined(_refusal(row), _without_bound(fit)))
    return _columns(rows, TREND)


def _slope(days: Days, least: float) -> Fit | None:
    return slope_of(days, least) if len(days.values) > 1 else None


def changes(observation: Observation, daily: Daily | None) -> Columns:
    """Return when each measure changed, from the days of a group: one row per change, or one that says why none."""
    rows: list[Row] = []
    for measure, cuts in remembering(measures(observation, daily), changes_of, memory_of):
        none = _row(observation, measure, CUTS)
        none |= {"batches": cuts.batches, "more_days": more_days(cuts.batches, cuts.correlation)}
        if cuts.batches < FEWEST:
            _complete(none, _refusal(none))
            rows.append(none)
            continue
        # A change that the bounds of the days may explain too is not shown.
        shown = [change for change in cuts.changes if change.direction != NOT_SHOWN]
        not_shown = [change for change in cuts.changes if change.direction == NOT_SHOWN]
        rows += [none | _change(change, observation.windows, measure.name, none["note"]) for change in shown]
        if not shown:
            _complete(none, joined(_no_change(not_shown, observation.windows)))
            rows.append(none)
    return _columns(rows, CHANGES)


def _change(change: Change, windows: Windows, name: str, notes: Notes) -> Row:
    """Return the columns of one change, in addition to the columns of its measure."""
    low, high = change.fit.interval(1)
    if name in SHARES:
        low, high = (float(np.clip(bound, -1.0, 1.0)) for bound in (low, high))
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
    } | _bounds("change", low, high)


def _no_change(not_shown: Sequence[Change], windows: Windows) -> Note:
    if not not_shown:
        return note("no change beyond chance")
    dates = (datetime.fromtimestamp(int(windows.starts[change.day]), UTC) for change in not_shown)
    return note(
        "daily values change on {dates} (UTC), but their mean may be unchanged",
        dates=", ".join(f"{date:%Y-%m-%d}" for date in dates),
    )


def compare(observation: Observation, daily: Daily | None, periods: Windows) -> Columns:
    """Return by how much each measure differs between two periods: one row per measure.

    Parameters
    ----------
    periods
        The later period and the other period. Days that do not lie wholly in one of them are left out.
    """
    rows: list[Row] = []
    windows = observation.windows
    later, other = ((windows.starts >= start) & (windows.ends <= end) for start, end in periods)
    inside = [
        measure._replace(days=measure.days.where((later | other)[measure.days.numbers]))
        for measure in measures(observation, daily)
    ]

    def difference_between(days: Days, least: float) -> Fit | None:
        of_later = later[days.numbers]
        return difference_of(days, of_later, least) if min(of_later.sum(), (~of_later).sum()) > 1 else None

    for measure, fit in remembering(inside, difference_between):
        days = measure.days
        row = _row(observation, measure, METHOD) | {
            "window_start": periods.starts[0],
            "window_end": periods.ends[0],
            "other_start": periods.starts[1],
            "other_end": periods.ends[1],
            "coverage": observation.coverage[later | other].mean() if (later | other).any() else np.nan,
        }
        rows.append(row)
        of_later = later[days.numbers]
        for period, chosen in (("value", of_later), ("other", ~of_later)):
            if chosen.any():
                mean = explain(days.where(chosen), np.ones((int(chosen.sum()), 1)))
                row |= {period: max(0.0, mean.values[0])} | _bounds(period, max(0.0, mean.low[0]), mean.high[0])
        if fit is None:
            _complete(row, joined(note("a period has fewer than two days")))
            continue
        (low, high), claimed = fit.interval(1), fit.interval(1, CLAIM_OF_DIFFERENCE)
        if measure.name in SHARES:
            low, high = _widened(days, of_later, fit, (low, high))
            claimed = min(low, claimed[0]), max(high, claimed[1])
        shown = direction(*claimed)
        # Where the widened interval holds zero, the p-value must not say otherwise.
        chance = max(fit.chance(1), 1 - LEVEL) if low <= 0 <= high else fit.chance(1)
        row |= _batches(fit) | _bounds("difference", low, high)
        row |= {"difference": fit.values[1], "chance": chance, "direction": shown}
        _complete(row, joined(_refusal(row), _without_bound(fit)))
    return _columns(rows, COMPARE)


def _row(observation: Observation, measure: Measure, method: Note) -> Row:
    """Return the columns that a measure has with or without a result, over all days that lie wholly in the record."""
    inside, days = observation.whole, len(measure.days.values)
    span = observation.windows[inside] if inside.any() else observation.windows
    nothing = note("days with a value: {days}", days=days)
    return {
        "window_start": span.starts[0],
        "window_end": span.ends[-1],
        "measure": measure.name,
        "days": days,
        "coverage": float(observation.coverage[inside].mean()) if inside.any() else np.nan,
        "retention": observation.retention,
        "method": method,
        "note": joined(None if days > 1 else nothing, measure.notes, observation.notes),
    }


def _complete(row: Row, notes: Notes) -> None:
    row["note"] = joined(row["note"], notes)


def _batches(fit: Fit) -> Row:
    return {"batches": fit.batches, "more_days": fit.more_days}


def _without_bound(fit: Fit) -> Notes:
    bounded = np.isfinite([fit.low, fit.high]).all()
    return joined(None if bounded else note("some waits have no upper bound: their jobs may still wait"))


def _refusal(row: Row) -> Notes:
    """Return a note on why a row has no interval, and how many more days it needs; no note where it has enough batches.

    Where there are too few days to measure their correlation, ``more_days`` of the row is set too.
    """
    if row["batches"] >= FEWEST:
        return joined()
    if row["days"] >= LEAST_DAYS and row["more_days"] > MOST_DAYS:
        few = note(
            "not enough data: needs more than a year of further polls ({batches:.1f} independent days, of 10 needed)",
            batches=float(row["batches"]),
        )
        return joined(few)
    if row["days"] >= LEAST_DAYS:
        few = note(
            "not enough data: needs about {more} more ({batches:.1f} independent days, of 10 needed)",
            batches=float(row["batches"]),
            more=MoreDays(int(row["more_days"])),
        )
        return joined(few)
    row["more_days"] = LEAST_DAYS - row["days"]
    few = note(
        "not enough data: needs at least {more} more ({days} days are too few to measure their correlation)",
        days=row["days"],
        more=MoreDays(row["more_days"]),
    )
    return joined(few)


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


def _widened(days: Days, later: Bools, fit: Fit, interval: tuple[float, float]) -> tuple[float, float]:
    """Return the interval of the difference of two shares, at least as wide as Newcombe's for their numbers of jobs.

    The numbers are effective numbers. The scatter of days alone gives a share of zero an interval without width.
    """
    low, high = interval
    if np.isnan(low):
        return low, high
    rates = []
    for chosen in (later, ~later):
        part = days.where(chosen)
        jobs = np.array(part.weights.sum() * fit.batches / len(days.values))
        level = explain(part, np.ones((len(part.values), 1)))
        least, most = (np.clip(bound[0], 0.0, 1.0) * jobs for bound in (level.low, level.high))
        rates.append((level.values[0], jeffreys(least, jobs, 1.0)[0], jeffreys(most, jobs, 1.0)[1]))
    _, least, most = difference(*rates)
    return max(-1.0, min(low, float(least))), min(1.0, max(high, float(most)))


def _bounds(name: str, low: float, high: float) -> Row:
    """Return the ends of an interval as columns; NaN for an end that is not finite."""
    ends = (bound if np.isfinite(bound) else np.nan for bound in (low, high))
    return dict(zip(columns_of(name)[1:], ends, strict=True))


def _columns(rows: Sequence[Row], schema: Schema) -> Columns:
    """Return rows as columns; a value that a row does not have is missing."""
    kinds: dict[str, Kind] = {"window_start": Kind.INSTANT, "window_end": Kind.INSTANT}
    kinds |= {column.name: column.kind for column in schema}
    return {
        name: np.array([row.get(name) for row in rows], object if kind in TEXTS else float)
        for name, kind in kinds.items()
    }
