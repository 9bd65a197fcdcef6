"""What the next weeks bring, when a pool passes a target with today's capacity, and what growth it can take."""

from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analysis.capacity.backtest import Forecast, backtest, weeks_needed
from analysis.capacity.days import WEEK_DAYS, Days, days_of
from analysis.capacity.lulls import lulls_of
from analysis.capacity.scenario import Wish
from analysis.capacity.shortfall import dates, growth_of, pass_probability
from analysis.errors import RequestRefused
from analysis.notes import GOOD, NONE, WEAK, mark
from analysis.windows import WEEK, Columns, Windows

FORECAST: Final = (
    "weeks_ahead", "arrivals", "arrivals_low", "arrivals_high", "load", "load_low", "load_high", "error", "error_naive",
    "covered", "folds", "target_seconds", "growth", "growth_low", "growth_high", "pass_probability", "may_pass_from",
    "passes_from", "order_by", "lead_seconds", "confidence", "reason", "coverage", "history", "method", "note",
)  # fmt: skip
"""arrivals: jobs of the window, the median, with 90 % intervals; load: these times how long jobs run, in jobs at once.
error: mean absolute error of a window's jobs in weeks that did not choose the method; error_naive: that of last week
over again; covered: the share of those windows in the intervals; folds: forecasts that judged it. growth: the demand,
over that of the last weeks, up to which today's capacity reaches the target, with a 90 % interval; pass_probability:
that of a week with more. may_pass_from, passes_from: when the first week begins whose probability is at least one in
ten, one in two; missing where none is; order_by: lead_seconds before the former. confidence: good, weak or none, with
the reason. method: what forecasts."""
USUAL: Final = (4, 2, 1)
"""Weeks ahead."""
SEEN: Final = 0.5
"""An hour of which less was seen is taken for unseen."""
FEW_COVERED: Final = 0.8
"""Of the windows inside their intervals, below which that is told."""
FEW_FOLDS: Final = 5
"""Forecasts below which it is not known how well they hold: of four, each is a quarter."""


def forecast(found: Windows, wish: Wish, ahead: int | None, every: str, zone: ZoneInfo) -> Columns:
    """Conclude the weeks ahead from the hours of a pool. They begin with the day in which the record ends.

    Parameters
    ----------
    ahead
        Weeks; None takes the most of `USUAL` that the record allows, and before these an order's lead time and `USUAL`.
    every
        ``1h``, ``1d`` or ``1w``: a row's window.
    zone
        Whose days and hours.
    """
    said = found.said
    if "target" in said:
        # That of the pool.
        target, lead = (float(np.asarray(said[name], float)[0]) for name in ("target", "lead"))
        wish = replace(wish, target=target, lead_time=lead)
    if "arrivals" not in said:
        return _nothing(found, wish, str(np.asarray(said["note"])))
    whole = ~found.begins_in & ~found.ends_in
    known = found.coverage[whole] >= SEEN
    days = days_of(found.cut[whole], np.asarray(said["arrivals"], float)[whole], known, zone) if whole.any() else None
    weeks = (0 if days is None else len(days)) / WEEK_DAYS
    horizons = (int(np.ceil(wish.lead_time / WEEK)) + USUAL[0], *USUAL) if wish.lead_time else USUAL
    ahead = ahead or next((horizon for horizon in horizons if weeks >= weeks_needed(horizon)), USUAL[-1])
    if days is None or weeks < weeks_needed(ahead):
        text = mark("note", "{weeks:.1f} whole weeks: a forecast so far ahead takes {needed}, to be chosen and judged")
        return _nothing(found, wish, text.format(weeks=weeks, needed=weeks_needed(ahead)))
    in_weeks = backtest(days, "1w", ahead)
    forecasts = in_weeks if every == "1w" else backtest(days, every, ahead)
    if not forecasts or not in_weeks:
        return _nothing(found, wish, mark("note", "nothing was seen"))
    return _rows(found, days, every, forecasts, in_weeks, wish)


def _nothing(found: Windows, wish: Wish, note: str) -> Columns:
    """Say that there is no forecast, and why."""
    end = found.cut[-1:, 1]
    return {
        "window_start": end,
        "window_end": end + WEEK,
        "coverage": np.array([found.coverage.mean()]),
        "history": found.said.get("history"),
        "method": "",
        "target_seconds": np.array([np.nan if wish.target is None else wish.target]),
        "confidence": NONE,
        "reason": note,
        "note": np.array(["; ".join(filter(None, (note, *_of_growth(wish, found.said), found.note)))], object),
    } | _growth_columns(found.said, 1)


def _growth_columns(said: Columns, n: int) -> Columns:
    return {
        name: np.full(n, value)
        for name, value in zip(("growth", "growth_low", "growth_high"), growth_of(said), strict=True)
    }


def _rows(
    found: Windows, days: Days, every: str, forecasts: list[Forecast], in_weeks: list[Forecast], wish: Wish
) -> Columns:
    said = found.said
    cut, number = days.periods(every, len(forecasts))
    # Of the day in which the record ends some hours have passed.
    cut, number = (each[cut[:, 1] > found.last] for each in (cut, number))
    week = number // len(forecasts[0].expected.point)
    low, point, high = (
        np.concatenate(ends)[number] for ends in zip(*(each.expected for each in forecasts), strict=True)
    )
    at_once = float(np.asarray(said["run_seconds"], float)[0]) / (cut[:, 1] - cut[:, 0])
    passes = pass_probability(in_weeks, said)
    n = len(cut)
    reasons = ["; ".join(filter(None, (_distrust(each), str(said.get("doubts", ""))))) for each in forecasts]
    notes = (*_of_growth(wish, said), *_lulls(days), found.note)
    rows: Columns = {
        "window_start": cut[:, 0],
        "window_end": cut[:, 1],
        "weeks_ahead": week + 1,
        "arrivals": point,
        "arrivals_low": low,
        "arrivals_high": high,
        "load": point * at_once,
        "load_low": low * at_once,
        "load_high": high * at_once,
        "error": np.array([each.error for each in forecasts])[week],
        "error_naive": np.array([each.error_naive for each in forecasts])[week],
        "covered": np.array([each.covered for each in forecasts])[week],
        "folds": np.array([float(each.folds) for each in forecasts])[week],
        "target_seconds": np.full(n, np.nan if wish.target is None else wish.target),
        **_growth_columns(said, n),
        "pass_probability": passes[week],
        **{name: np.full(n, value) for name, value in dates(passes, days.start(len(days)), wish.lead_time).items()},
        "confidence": np.array([WEAK if reason else GOOD for reason in reasons], object)[week],
        "reason": np.array(reasons, object)[week],
        "coverage": np.full(n, float(found.coverage.mean())),
        "history": said["history"],
        "method": np.array([each.method for each in forecasts], object)[week],
        "note": np.array(["; ".join(filter(None, notes))] * n, object),
    }
    return rows


def _distrust(judged: Forecast) -> str:
    if judged.folds < FEW_FOLDS:
        text = mark("note", "only {n} forecasts could be judged: how well their intervals hold is not known")
        return text.format(n=judged.folds)
    if judged.covered >= FEW_COVERED:
        return ""
    text = mark("note", "of the windows that judged it only {share:.0%} were in their intervals: distrust them")
    return text.format(share=judged.covered)


def _lulls(days: Days) -> list[str]:
    """Say which days brought little work, and what was made of that."""
    notes = []
    for lull in lulls_of(days, days.sums(), len(days)):
        first, last = days.day(lull.start), days.day(lull.end - 1)
        if lull.end == len(days):
            text = mark("note", "little work from {first} to the end: it may go on, else the usual is expected")
        else:
            text = mark("note", "little work from {first} to {last}: taken for an exception, such as a holiday")
        notes.append(text.format(first=first, last=last))
    return notes


def _of_growth(wish: Wish, said: Columns) -> list[str]:
    if "lacking" in said:
        return [str(said["lacking"])]
    notes = []
    growth = growth_of(said)
    if wish.target is not None and np.isfinite(growth).all():
        text = mark("note", "the target is reached up to {growth:.2f} times the demand ({low:.2f} to {high:.2f})")
        notes.append(text.format(growth=growth[0], low=growth[1], high=growth[2]))
    elif wish.target is not None and growth[1] == 0:
        notes.append(
            mark("note", "with no demand that was looked at the target is reached: it may be below what polls show")
        )
    elif wish.target is not None and np.isfinite(growth[1]):
        text = mark("note", "the target is reached at least up to {low:.2f} times the demand")
        notes.append(text.format(low=growth[1]))
    if "changed" in said and np.asarray(said["changed"]).any():
        notes.append(mark("note", "nodes changed in between: today's number is taken for all of the time"))
    return notes


def weeks_of(horizon: str) -> int:
    """Return the weeks of a horizon such as 4w.

    Raises
    ------
    RequestRefused
    """
    text = horizon.strip().lower().removesuffix("w")
    if not text.isdigit() or not 1 <= int(text) <= 26:
        raise RequestRefused(f"horizon cannot be {horizon!r}: take whole weeks, from 1w to 26w")
    return int(text)
