"""Quantiles of weighted samples, and a prediction interval for the next count."""

import numpy as np
from scipy.special import nbdtrik

from analysis.arrays import Floats


def weighted_quantiles(samples: Floats, weights: Floats, shares: tuple[float, ...]) -> Floats:
    """Return weighted quantiles of several quantities, interpolated between the midpoints of the weights.

    Parameters
    ----------
    samples
        m quantities by n samples; NaN where a sample is unknown.
    weights
        n, above zero.
    shares
        k probabilities in [0, 1].

    Returns
    -------
    Floats
        k by m; NaN for a quantity without a known sample.
    """
    order = np.argsort(samples, axis=1)
    values = np.take_along_axis(samples, order, axis=1)
    known = ~np.isnan(values)
    by_value = np.where(known, weights[order], 0.0)
    total = by_value.sum(axis=1, keepdims=True)
    # Unknown samples are sorted last; their midpoint of 2 lies above every share.
    middles = np.where(known, (np.cumsum(by_value, axis=1) - by_value / 2) / np.where(total > 0, total, 1.0), 2.0)
    last = np.maximum(known.sum(axis=1) - 1, 0)
    quantiles = []
    for share in shares:
        above = np.minimum((middles < share).sum(axis=1), last)
        below = np.where(_at(middles, above) < share, above, np.maximum(above - 1, 0))
        gap = _at(middles, above) - _at(middles, below)
        part = np.clip((share - _at(middles, below)) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
        low, high = _at(values, below), _at(values, above)
        quantiles.append(low + np.where(gap > 0, part, 0.0) * (high - low))
    return np.array(quantiles)


def _at(table: Floats, columns: np.ndarray) -> Floats:
    picked: Floats = np.take_along_axis(table, columns[:, None], axis=1)[:, 0]
    return picked


def next_count(samples: Floats, weights: Floats, shares: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the prediction interval of the next count, in whole numbers, if all counts are Poisson with one mean.

    With Jeffreys' prior for the mean the next count is negative binomial (Gelman et al., Bayesian Data Analysis, 3rd
    edition, section 2.6). The number of samples is their effective sample size by Kish.

    Parameters
    ----------
    samples, weights
        As in `weighted_quantiles`.
    shares
        The probabilities below the lower and below the upper end.

    Returns
    -------
    tuple
        Lower and upper ends, of length m; NaN for a quantity without a known sample.
    """
    known = ~np.isnan(samples)
    by_sample = np.where(known, weights, 0.0)
    total = by_sample.sum(axis=1)
    number = np.divide(total**2, (by_sample**2).sum(axis=1), out=np.full(len(samples), np.nan), where=total > 0)
    mean = np.divide((np.where(known, samples, 0.0) * by_sample).sum(axis=1), total, out=number.copy(), where=total > 0)
    low, high = (np.ceil(nbdtrik(share, mean * number + 0.5, number / (number + 1)) - 1e-9) for share in shares)
    return np.maximum(low, 0.0), np.maximum(high, 0.0)
