"""What the next weeks bring, when a pool passes a target with today's capacity, and what growth it can take."""

from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy.special import gammaincinv, ndtri, stdtr, stdtrit

from analysis.arrays import Floats
from analysis.capacity.forecasters import FORECASTERS, LEVEL, Judged, filled, judge, weeks_needed, within
from analysis.capacity.scenario import Wish
from analysis.errors import RequestRefused
from analysis.notes import GOOD, NONE, WEAK, mark
from analysis.windows import WEEK, WEEK_HOURS, Columns, Windows

FORECAST: Final = (
    "weeks_ahead", "arrivals", "arrivals_low", "arrivals_high", "load", "load_low", "load_high", "error", "error_naive",
    "covered", "folds", "target_seconds", "growth", "growth_low", "growth_high", "pass_probability", "may_pass_from",
    "passes_from", "order_by", "lead_seconds", "confidence", "reason", "coverage", "history", "method", "note",
)  # fmt: skip
"""arrivals: jobs of the window, with 90 % intervals; load: these times how long jobs run, in jobs at once. error: mean
absolute error of an hour's jobs in weeks that did not choose the method; error_naive: that of last week over again;
covered: the share of those hours in the intervals; folds: forecasts that judged it. growth: the demand, over that of
the last weeks, up to which today's capacity reaches the target, with a 90 % interval; pass_probability: that of a week
with more. may_pass_from, passes_from: when the first week begins whose probability is at least one in ten, one in two;
missing where none is; order_by: lead_seconds before the former. confidence: good, weak or none, with the reason.
method: what forecasts."""
USUAL: Final = (4, 2, 1)
"""Weeks ahead."""
SEEN: Final = 0.5
"""An hour of which less was seen is taken for unseen."""
MAY: Final = 0.1
LIKELY: Final = 0.5
"""Chances of a week with more than today's capacity takes, from which on that is told."""
FEW_COVERED: Final = 0.8
"""Of the hours inside their intervals, below which that is told."""


def forecast(found: Windows, wish: Wish, ahead: int | None, every: str, zone: ZoneInfo) -> Columns:
    """Conclude the weeks ahead from the hours of a pool.

    Parameters
    ----------
    ahead
        Weeks; None takes the most of `USUAL` that the record allows, and before these an order's lead time and `USUAL`.
    every
        ``1h`` or ``1w``: a row's window.
    zone
        Whose hours of the week.
    """
    said = found.said
    if "target" in said:
        # That of the pool.
        target, lead = (float(np.asarray(said[name], float)[0]) for name in ("target", "lead"))
        wish = replace(wish, target=target, lead_time=lead)
    if "arrivals" not in said:
        return _nothing(found, wish, str(np.asarray(said["note"])))
    whole = ~found.begins_in & ~found.ends_in
    cut = found.cut[whole]
    weeks = len(cut) // WEEK_HOURS
    horizons = (int(np.ceil(wish.lead_time / WEEK)) + USUAL[0], *USUAL) if wish.lead_time else USUAL
    ahead = ahead or next((horizon for horizon in horizons if weeks >= weeks_needed(horizon)), USUAL[-1])
    if weeks < weeks_needed(ahead):
        text = mark("note", "{weeks:.1f} whole weeks: a forecast so far ahead takes {needed}, to be chosen and judged")
        return _nothing(found, wish, text.format(weeks=len(cut) / WEEK_HOURS, needed=weeks_needed(ahead)))
    last = slice(len(cut) - weeks * WEEK_HOURS, None)
    cut = cut[last]
    known = found.coverage[whole][last] >= SEEN
    arrivals = np.asarray(said["arrivals"], float)[whole][last]
    local = pd.to_datetime(cut[:, 0], unit="s", utc=True).tz_convert(zone)
    hours = filled(arrivals, known, (local.day_of_week * 24 + local.hour).to_numpy())
    table = hours.reshape(weeks, WEEK_HOURS)
    judged = judge(table, known.reshape(weeks, WEEK_HOURS), ahead)
    if judged is None or not known.any():
        return _nothing(found, wish, mark("note", "nothing was seen"))
    return _rows(found, table, judged, wish, ahead, every, int(cut[-1, 1]), said)


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
    growth = np.asarray(said.get("growth", np.full(3, np.nan)), float)
    return {
        name: np.full(n, value) for name, value in zip(("growth", "growth_low", "growth_high"), growth, strict=True)
    }


def _rows(
    found: Windows, table: Floats, judged: Judged, wish: Wish, ahead: int, every: str, end: int, said: Columns
) -> Columns:
    expected = FORECASTERS[judged.name](table, ahead)
    far = float(stdtrit(judged.freedom, (1 + LEVEL) / 2)) * judged.weekly
    if every == "1w":
        start = end + np.arange(ahead) * WEEK
        length, lead = WEEK, np.arange(1, ahead + 1)
        points = expected.sum(axis=1)
        low, high = ((points + 1) * np.exp(side * far) - 1 for side in (-1, 1))
        # However well the level is known, what comes is a number of jobs: Jeffreys' interval of a Poisson mean.
        tail = (1 - LEVEL) / 2
        low, high = (
            np.clip(low, 0.0, gammaincinv(points + 0.5, tail)),
            np.maximum(high, gammaincinv(points + 0.5, 1 - tail)),
        )
    else:
        length = WEEK // WEEK_HOURS
        start = end + np.arange(ahead * WEEK_HOURS) * length
        lead = np.repeat(np.arange(1, ahead + 1), WEEK_HOURS)
        points, (low, high) = expected.ravel(), (each.ravel() for each in within(expected, judged.hourly))
    reason = "; ".join(filter(None, (_distrust(judged), str(said.get("doubts", "")))))
    n, passes = len(start), _passes(expected.sum(axis=1), judged, said)
    at_once = float(np.asarray(said["run_seconds"], float)[0]) / length
    growth = _growth_columns(said, n)
    rows: Columns = {
        "window_start": start,
        "window_end": start + length,
        "weeks_ahead": lead,
        "arrivals": points,
        "arrivals_low": low,
        "arrivals_high": high,
        "load": points * at_once,
        "load_low": low * at_once,
        "load_high": high * at_once,
        "error": np.full(n, judged.error),
        "error_naive": np.full(n, judged.error_naive),
        "covered": np.full(n, judged.covered),
        "folds": np.full(n, float(judged.folds)),
        "target_seconds": np.full(n, np.nan if wish.target is None else wish.target),
        **growth,
        "pass_probability": passes[lead - 1],
        **_dates(passes, end, wish, n),
        "confidence": WEAK if reason else GOOD,
        "reason": reason,
        "coverage": np.full(n, float(found.coverage.mean())),
        "history": said["history"],
        "method": judged.name,
        "note": np.array(["; ".join(filter(None, (*_of_growth(wish, said), found.note)))] * n, object),
    }
    return rows


def _distrust(judged: Judged) -> str:
    if judged.covered >= FEW_COVERED:
        return ""
    text = mark("note", "of the hours that judged it only {share:.0%} were in their intervals: distrust them")
    return text.format(share=judged.covered)


def _of_growth(wish: Wish, said: Columns) -> list[str]:
    if "lacking" in said:
        return [str(said["lacking"])]
    notes = []
    growth = np.asarray(said.get("growth", np.full(3, np.nan)), float)
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


def _dates(passes: Floats, end: int, wish: Wish, n: int) -> Columns:
    """Return from when on today's capacity may fall short, by when to order, and how long that takes, in seconds."""
    columns: dict[str, float] = {"lead_seconds": wish.lead_time or np.nan}
    for name, share in (("may_pass_from", MAY), ("passes_from", LIKELY)):
        first = np.flatnonzero(passes >= share)
        columns[name] = float(end + first[0] * WEEK) if len(first) else np.nan
    columns["order_by"] = columns["may_pass_from"] - columns["lead_seconds"]
    return {name: np.full(n, seconds) for name, seconds in columns.items()}


def _passes(sums: Floats, judged: Judged, said: Columns) -> Floats:
    """Return how probable a week is whose demand is more than today's capacity takes; NaN where that is unknown.

    Both what comes and what is taken are uncertain, in logarithms: by the errors of weeks that were forecast, and by
    the interval of the growth. The degrees of freedom are Welch's (Biometrika 34 (1947), 28).
    """
    growth = np.asarray(said.get("growth", np.full(3, np.nan)), float)
    base = float(np.asarray(said["base"], float)[0])
    if not np.isfinite(growth).all() or base <= 0:
        return np.full(len(sums), np.nan)
    away = np.log(np.maximum(sums, 1e-9) / base) - np.log(growth[0])
    # Where the lower end is at no demand at all the upper one alone says how unsure it is.
    taken = (np.log(growth[2] / growth[1]) / 2 if growth[1] > 0 else np.log(growth[2] / growth[0])) / ndtri(
        (1 + LEVEL) / 2
    )
    error = np.maximum(np.hypot(judged.weekly, taken), 1e-9)
    freedom = judged.freedom * (error / np.maximum(judged.weekly, 1e-9)) ** 4
    passes: Floats = stdtr(freedom, away / error)
    return passes


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
