"""Whether it is getting worse, since when, and whether that is chance: trends, changes and comparisons as rows.

Each concludes from the days of a group (see `daily`). Intervals are 95 %; a direction is claimed at an error so much
smaller that the eight questions asked of a series, the trend and the changes of four measures, together claim what is
not there in one series of twenty. Below ten effective batches none is given, and the note says what it would take.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from analysis.arrays import Bools, Ints
from analysis.notes import mark
from analysis.stats.batches import CLAIM, FEWEST, LEVEL, Days, more_days
from analysis.stats.changepoints import changes_of
from analysis.stats.proportions import difference, jeffreys
from analysis.stats.regression import Fit, difference_of, direction, explain, slope_of
from analysis.trends.daily import measures
from analysis.windows import TEXTS, Columns, Windows

SHARES: Final = ("over", "failures")
# Of fewer days nobody can say how alike they are.
LEAST_DAYS: Final = 14
METHOD: Final = "weighted least squares after the week's rhythm, errors by White and lag-1 autocorrelation"
CUTS: Final = "best cut of logarithms against a sieve bootstrap, date by likelihood ratio"
Said = dict[str, Any]
TREND: Final = (
    "measure", "days", "batches", "more_days", "level", "level_low", "level_high", "slope", "slope_low", "slope_high",
    "chance", "direction", "coverage", "history", "method", "note",
)  # fmt: skip
"""measure: wait (seconds), over (the share over the limit), arrivals (jobs a day), failures (the rate). days: that
have it. batches: effective ones; more_days: until there are ten. level: the mean over the period, of jobs but for
arrivals, with an interval for the long run. slope: a day. chance: how probable so steep a slope is where there is
none, to weigh many series against each other. direction: up, down, "not shown"; missing where refused."""
CHANGES: Final = (
    "measure", "changed_at", "earliest", "latest", "before", "after", "change", "change_low", "change_high",
    "direction", "batches", "more_days", "coverage", "history", "method", "note",
)  # fmt: skip
"""changed_at: the start of the first day of the new level, earliest and latest its interval; missing where there is no
change. before, after: levels on either side, to the changes beside it. change: their difference. Else as `TREND`."""
COMPARE: Final = (
    "measure", "other_start", "other_end", "value", "value_low", "value_high", "other", "other_low", "other_high",
    "difference", "difference_low", "difference_high", "chance", "direction", "batches", "more_days", "coverage",
    "history", "method", "note",
)  # fmt: skip
"""The period is the window; other_start, other_end: the one it is compared with. value, other: the mean in each, with
what the bounds of its waits leave open. difference: the first less the second, after the week's rhythm. batches: of
the shorter period. direction: what the 95 % interval shows. Else as `TREND`."""


def trend(found: Windows) -> Columns:
    """Conclude a level and a slope of each measure from the days of a group."""
    rows: list[Said] = []
    memory = np.inf
    for name, days, note in measures(found):
        row = _row(found, name, days, note, METHOD)
        rows.append(row)
        if len(days.values) < 2:
            continue
        fit = slope_of(days)
        row |= {"level": fit.values[0], "slope": fit.values[1]}
        if name == "wait":
            memory = fit.batches
        elif name == "over":
            # As below, of one queue the waits show best how long it remembers.
            fit = replace(fit, batches=min(fit.batches, memory))
        _count(row, fit)
        row |= _bounds("level", *_level(name, days, fit)) | _bounds("slope", *fit.interval(1))
        row |= {"chance": fit.chance(1), "direction": direction(*fit.interval(1, CLAIM))}
    return _columns(rows, TREND)


def changes(found: Windows) -> Columns:
    """Conclude from the days of a group when each measure changed: a row a change, or one that says why none is."""
    rows: list[Said] = []
    remembered = np.inf
    for name, days, note in measures(found):
        none = _row(found, name, days, note, CUTS)
        cuts = changes_of(days)
        if name == "wait":
            remembered = cuts.batches
        # Of one queue the waits show best how long it remembers.
        batches = min(cuts.batches, remembered) if name == "over" else cuts.batches
        none |= {"batches": batches, "more_days": more_days(batches, cuts.correlation)}
        if batches < FEWEST:
            _refuse(none)
            rows.append(none)
            continue
        told, open_ = [], []
        for change in cuts.found:
            low, high = change.fit.interval(1)
            before, by = change.fit.values
            said = none | {
                "changed_at": found.cut[change.day, 0],
                "earliest": found.cut[change.earliest, 0],
                "latest": found.cut[change.latest, 0],
                "before": before,
                "after": before + by,
                "change": by,
                "direction": change.direction,
            }
            if np.isnan(low):
                few = mark("note", "by how much is not known: {batches:.1f} effective batches of ten around it")
                said["note"] = _joined(said["note"], few.format(batches=change.fit.batches))
            # What the bounds of the days leave open may explain it too.
            if said["direction"] != "not shown":
                told.append(said | _bounds("change", low, high))
            else:
                open_.append(f"{datetime.fromtimestamp(int(found.cut[change.day, 0]), UTC):%Y-%m-%d}")
        why = mark("note", "no change beyond what chance makes")
        if open_:
            differ = mark("note", "days differ from {dates} (UTC) on, but whether the mean moved is left open")
            why = differ.format(dates=", ".join(open_))
        none["note"] = _joined(none["note"], why)
        rows += told or [none]
    return _columns(rows, CHANGES)


def compare(found: Windows, periods: Ints) -> Columns:
    """Conclude by how much each measure differs between two periods.

    Parameters
    ----------
    periods
        Two rows, the later period and the other: start and end, in seconds. Days that lie in neither whole are left
        out.
    """
    rows: list[Said] = []
    starts, ends = found.cut.T
    later, other = ((starts >= start) & (ends <= end) for start, end in periods)
    for name, days, note in measures(found):
        days = days.where((later | other)[days.numbers])  # noqa: PLW2901 - those that are compared
        row = _row(found, name, days, note, METHOD) | {
            "window_start": periods[0, 0],
            "window_end": periods[0, 1],
            "other_start": periods[1, 0],
            "other_end": periods[1, 1],
            "coverage": found.coverage[later | other].mean() if (later | other).any() else 0.0,
        }
        rows.append(row)
        of_later = later[days.numbers]
        for period, of in (("value", of_later), ("other", ~of_later)):
            if of.any():
                whole = explain(days.where(of), np.ones((int(of.sum()), 1)))
                row |= {period: whole.values[0]} | _bounds(period, whole.low[0], whole.high[0])
        if min(of_later.sum(), (~of_later).sum()) < 2:
            row["note"] = _joined(row["note"], mark("note", "a period has fewer than two days"))
            continue
        fit = difference_of(days, of_later)
        row["difference"] = fit.values[1]
        _count(row, fit)
        low, high = fit.interval(1)
        if name in SHARES:
            low, high = _rarely(days, of_later, fit, low, high)
        shown = direction(low, high)
        # Where the wider interval shows nothing, chance does not say more.
        chance = max(fit.chance(1), 1 - LEVEL) if shown == "not shown" else fit.chance(1)
        row |= _bounds("difference", low, high) | {"chance": chance, "direction": shown}
    return _columns(rows, COMPARE)


def _row(found: Windows, name: str, days: Days, note: str, method: str) -> Said:
    """Return what is said of a measure whatever comes of it, about all days that lie in the record."""
    about = ~found.begins_in & ~found.ends_in
    span = found.cut[about] if about.any() else found.cut
    nothing = "" if len(days.values) > 1 else mark("note", "days with a value: {days}").format(days=len(days.values))
    return {
        "window_start": span[0, 0],
        "window_end": span[-1, 1],
        "measure": name,
        "days": len(days.values),
        "coverage": float(found.coverage[about].mean()) if about.any() else 0.0,
        "history": found.said["history"],
        "method": method,
        "note": _joined(nothing, note, found.note),
    }


def _count(row: Said, fit: Fit) -> None:
    row |= {"batches": fit.batches, "more_days": fit.more_days}
    _refuse(row)
    if not np.isfinite([fit.low, fit.high]).all():
        row["note"] = _joined(row["note"], mark("note", "some waits have no bound: who came may have waited on"))


def _refuse(row: Said) -> None:
    """Say why there is no interval, where there is none, and how much longer it takes."""
    if row["batches"] >= FEWEST:
        return
    why = mark("note", "{batches:.1f} effective batches of ten: about {more_days} more days")
    if row["days"] < LEAST_DAYS:
        row["more_days"] = LEAST_DAYS - row["days"]
        why = mark("note", "{days} days are too few to say how alike they are: at least {more_days} more")
    row["note"] = _joined(row["note"], why.format(**row))


def _level(name: str, days: Days, fit: Fit) -> tuple[float, float]:
    """Return the interval of a level: never below zero; that of a share is no narrower than so many jobs can tell."""
    low, high = fit.interval(0)
    if np.isnan(low) or name not in SHARES:
        return low if np.isnan(low) else max(0.0, low), high
    jobs = days.weights.sum() * fit.batches / len(days.values)
    least, most = (np.clip(bound[0], 0.0, 1.0) * jobs for bound in (fit.low, fit.high))
    by_low, by_high = jeffreys(least, np.array(jobs), 1.0)[0], jeffreys(most, np.array(jobs), 1.0)[1]
    return max(0.0, min(low, float(by_low))), min(1.0, max(high, float(by_high)))


def _rarely(days: Days, later: Bools, fit: Fit, low: float, high: float) -> tuple[float, float]:
    """Widen an interval of two shares' difference to what so many jobs can tell: what never happened still may."""
    if np.isnan(low):
        return low, high
    rates = []
    for of in (later, ~later):
        part = days.where(of)
        jobs = np.array(part.weights.sum() * fit.batches / len(days.values))
        level = explain(part, np.ones((len(part.values), 1)))
        least, most = (np.clip(bound[0], 0.0, 1.0) * jobs for bound in (level.low, level.high))
        rates.append((level.values[0], jeffreys(least, jobs, 1.0)[0], jeffreys(most, jobs, 1.0)[1]))
    _, least, most = difference(*rates)
    return max(-1.0, min(low, float(least))), min(1.0, max(high, float(most)))


def _bounds(name: str, low: float, high: float) -> Said:
    return {f"{name}_low": low if np.isfinite(low) else np.nan, f"{name}_high": high if np.isfinite(high) else np.nan}


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _columns(rows: Sequence[Said], names: Sequence[str]) -> Columns:
    """Make columns of rows; what a row does not say is missing."""
    return {
        name: np.array([row.get(name) for row in rows], object if name in TEXTS else float)
        for name in ("window_start", "window_end", *names)
    }
