"""How far intervals are from holding nine in ten, and by how much they are widened so that they do."""

from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.capacity.analogs import LEVEL, Outlook
from analysis.stats.quantiles import weighted_quantiles

USUAL_FACTORS: Final = {"1h": 1.0, "1d": 1.2, "1w": 1.4}
"""By how much intervals are widened to hold nine in ten periods of simulated years; tests/benchmarks/forecasts.py."""
USUAL_FOLDS: Final = 12.0
"""As many folds of a pool these count as: with fewer the intervals of short records were wider, and held no more."""
FACTORS: Final = (0.3, 4.0)
"""No interval is made narrower or wider than by these."""


def losses(expected: Outlook, truth: Floats) -> Floats:
    """Return weighted interval scores (Bracher et al., PLoS Computational Biology 17 (2021), e1008618)."""
    missed = np.maximum(expected.low - truth, 0) + np.maximum(truth - expected.high, 0)
    tail = (1 - LEVEL) / 2
    scores: Floats = (np.abs(truth - expected.point) / 2 + tail * (expected.high - expected.low) + missed) / 1.5
    return scores


def ways(expected: Outlook) -> tuple[Floats, Floats, Floats]:
    """Return the roots of points, and the ways from there down and up to the intervals' ends.

    In roots counts scatter alike whatever their mean is. The ends lie between whole numbers.
    """
    middle = np.sqrt(expected.point)
    return middle, middle - np.sqrt(np.maximum(expected.low - 0.5, 0.0)), np.sqrt(expected.high + 0.5) - middle


def distances(expected: Outlook, truth: Floats) -> Floats:
    """Return how far jobs were from the points, over the way to the end of the interval on that side."""
    middle, down, up = ways(expected)
    away = np.sqrt(truth) - middle
    over: Floats = np.where(away < 0, -away / np.maximum(down, 1e-9), away / np.maximum(up, 1e-9))
    return over


def factors(newest: Outlook, past: Outlook, away: Floats, week: int, every: str) -> Floats:
    """Return by how much the interval of each period is to be widened.

    Parameters
    ----------
    newest
        What is to be widened: a value a period.
    past
        What was expected in folds: a row a fold.
    away
        Their `distances`; NaN where one tells nothing.
    week
        Ahead: of folds that overlap so many are worth one.
    every
        ``1h``, ``1d`` or ``1w``.
    """
    if every != "1h":
        return np.full(len(newest.high), _factor(away, week, every))
    # Hours that are hardly used hold their few jobs with any factor: busy ones have their own.
    was_busy = _busy(past.high)
    busy, others = (_factor(np.where(kind, away, np.nan), week, every) for kind in (was_busy, ~was_busy))
    return np.where(_busy(newest.high), busy, others)


def _busy(high: Floats) -> Bools:
    """Return which periods of a week bring more than most, a row a week."""
    busy: Bools = high >= np.nan_to_num(high).mean(axis=-1, keepdims=True)
    return busy


def _factor(away: Floats, week: int, every: str) -> float:
    """Return by how much intervals are to be widened so that they hold nine in ten, by folds and by what is usual."""
    usual = USUAL_FACTORS[every]
    known = ~np.isnan(away)
    folds = float(known.any(axis=1).sum())
    if not folds:
        return usual
    # Each fold counts alike, however much of it was seen.
    weights = np.broadcast_to(1 / np.maximum(known.sum(axis=1, keepdims=True), 1), away.shape)
    held = float(weighted_quantiles(away.reshape(1, -1), weights.ravel(), (LEVEL,))[0, 0])
    share = folds / week / (folds / week + USUAL_FOLDS)
    return float(np.exp(share * np.log(np.clip(held, *FACTORS)) + (1 - share) * np.log(usual)))


def widened(expected: Outlook, by: Floats) -> Outlook:
    """Return an outlook of which the ends are so many times as far from the point, in whole jobs."""
    middle, down, up = ways(expected)
    low, high = np.maximum(middle - by * down, 0.0) ** 2, (middle + by * up) ** 2
    return Outlook(
        np.minimum(np.ceil(np.maximum(low - 1e-9, 0.0)), np.floor(expected.point)),
        expected.point,
        np.maximum(np.floor(high + 1e-9), np.ceil(expected.point)),
    )
