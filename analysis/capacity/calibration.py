"""The calibration of forecasts: the factors by which intervals are widened to cover nine in ten true values."""

from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.capacity.analogs import Outlook
from analysis.schemas.capacity import LEVEL
from analysis.stats.quantiles import weighted_quantiles

USUAL_FACTORS: Final = {"1h": 1.0, "1d": 1.2, "1w": 1.4}
"""The factors with which intervals cover nine in ten periods of simulated years; tests/benchmarks/forecasts.py."""
USUAL_FOLDS: Final = 12.0
"""The number of a pool's own folds that weigh as much as these factors. With a smaller number the intervals of short
records were wider, and covered no more true values (the same benchmark)."""
FACTORS: Final = (0.3, 4.0)
"""The smallest and the largest factor that is taken from folds. Not measured: a guard against a few odd folds."""


def losses(expected: Outlook, truth: Floats) -> Floats:
    """Return the weighted interval score of each period, in jobs; low is good.

    Bracher et al., PLoS Computational Biology 17 (2021), e1008618.
    """
    missed = np.maximum(expected.low - truth, 0) + np.maximum(truth - expected.high, 0)
    tail = (1 - LEVEL) / 2
    scores: Floats = (np.abs(truth - expected.point) / 2 + tail * (expected.high - expected.low) + missed) / 1.5
    return scores


def distances_in_roots(expected: Outlook) -> tuple[Floats, Floats, Floats]:
    """Return the square roots of the forecast jobs, and how far the roots of the bounds lie below and above them.

    Square roots of counts have the same variance whatever their mean is. A bound is taken half a job outside the whole
    number.
    """
    middle = np.sqrt(expected.point)
    return middle, middle - np.sqrt(np.maximum(expected.low - 0.5, 0.0)), np.sqrt(expected.high + 0.5) - middle


def errors(expected: Outlook, truth: Floats) -> Floats:
    """Return the distance of arrivals from the point, over the distance of the bound on the same side: 1 at the bound.

    Both distances are between square roots, see `distances_in_roots`.
    """
    middle, down, up = distances_in_roots(expected)
    away = np.sqrt(truth) - middle
    relative: Floats = np.where(away < 0, -away / np.maximum(down, 1e-9), away / np.maximum(up, 1e-9))
    return relative


def factors(newest: Outlook, past: Outlook, past_errors: Floats, week: int, every: str) -> Floats:
    """Return the factor by which the interval of each period is to be widened.

    Parameters
    ----------
    newest
        The outlook to be widened, one value per period.
    past
        The outlooks of folds, one row per fold.
    past_errors
        The `errors` of these folds; NaN where a period is left out.
    week
        The number of weeks ahead. The forecasts of consecutive folds overlap: `week` folds count as one.
    every
        ``1h``, ``1d`` or ``1w``.
    """
    if every != "1h":
        return np.full(len(newest.high), _factor(past_errors, week, every))
    # Intervals cover the few jobs of quiet hours with any factor: busy hours have a factor of their own.
    was_busy = _busy(past.high)
    busy, others = (_factor(np.where(kind, past_errors, np.nan), week, every) for kind in (was_busy, ~was_busy))
    return np.where(_busy(newest.high), busy, others)


def _busy(high: Floats) -> Bools:
    """Return whether the upper bound of each period is at least the mean of its week, one row per week."""
    busy: Bools = high >= np.nan_to_num(high).mean(axis=-1, keepdims=True)
    return busy


def _factor(past_errors: Floats, week: int, every: str) -> float:
    """Return the factor with which intervals cover nine in ten true values: a mean of that of the folds and the usual.

    The mean is geometric, and weighted by the number of folds.
    """
    usual = USUAL_FACTORS[every]
    known = ~np.isnan(past_errors)
    folds = float(known.any(axis=1).sum())
    if not folds:
        return usual
    # Each fold has the same weight, however much of it was observed.
    weights = np.broadcast_to(1 / np.maximum(known.sum(axis=1, keepdims=True), 1), past_errors.shape)
    of_folds = float(weighted_quantiles(past_errors.reshape(1, -1), weights.ravel(), (LEVEL,))[0, 0])
    share = folds / week / (folds / week + USUAL_FOLDS)
    return float(np.exp(share * np.log(np.clip(of_folds, *FACTORS)) + (1 - share) * np.log(usual)))


def widened(expected: Outlook, factor: Floats) -> Outlook:
    """Return an outlook with the distances of bounds from points, in square roots, multiplied; bounds in whole jobs."""
    middle, down, up = distances_in_roots(expected)
    low, high = np.maximum(middle - factor * down, 0.0) ** 2, (middle + factor * up) ** 2
    return Outlook(
        np.minimum(np.ceil(np.maximum(low - 1e-9, 0.0)), np.floor(expected.point)),
        expected.point,
        np.maximum(np.floor(high + 1e-9), np.ceil(expected.point)),
    )
