"""Quantiles of samples of which some count more than others, and what the next count may be after some counts."""

import numpy as np
from scipy.special import nbdtrik

from analysis.arrays import Floats


def weighted_quantiles(samples: Floats, weights: Floats, shares: tuple[float, ...]) -> Floats:
    """Return quantiles of each row, interpolated between the midpoints of the weights.

    Parameters
    ----------
    samples
        A row a quantity; NaN where one is unknown.
    weights
        Of each column, above zero.
    shares
        In [0, 1].

    Returns
    -------
    Floats
        A row a share, a column a quantity; NaN where no sample of it is known.
    """
    order = np.argsort(samples, axis=1)
    values = np.take_along_axis(samples, order, axis=1)
    known = ~np.isnan(values)
    by_value = np.where(known, weights[order], 0.0)
    total = by_value.sum(axis=1, keepdims=True)
    # Unknown ones come last, and no share is as large as theirs.
    middles = np.where(known, (np.cumsum(by_value, axis=1) - by_value / 2) / np.where(total > 0, total, 1.0), 2.0)
    last = np.maximum(known.sum(axis=1) - 1, 0)
    found = []
    for share in shares:
        above = np.minimum((middles < share).sum(axis=1), last)
        below = np.where(_at(middles, above) < share, above, np.maximum(above - 1, 0))
        gap = _at(middles, above) - _at(middles, below)
        part = np.clip((share - _at(middles, below)) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
        low, high = _at(values, below), _at(values, above)
        found.append(low + np.where(gap > 0, part, 0.0) * (high - low))
    return np.array(found)


def _at(table: Floats, columns: np.ndarray) -> Floats:
    picked: Floats = np.take_along_axis(table, columns[:, None], axis=1)[:, 0]
    return picked


def next_count(samples: Floats, weights: Floats, shares: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return between which whole numbers the next count lies if chance alone makes counts differ.

    The mean of a Poisson distribution has Jeffreys' prior; what comes next is then negative binomial (Gelman et al.,
    Bayesian Data Analysis, 3rd edition, section 2.6). Samples count as many as their weights are worth, by Kish's
    effective sample size.

    Parameters
    ----------
    samples, weights
        As `weighted_quantiles` takes them.
    shares
        Of the lower and the upper end.

    Returns
    -------
    tuple
        Each an array, a value a row; NaN where no sample is known.
    """
    known = ~np.isnan(samples)
    by_sample = np.where(known, weights, 0.0)
    total = by_sample.sum(axis=1)
    number = np.divide(total**2, (by_sample**2).sum(axis=1), out=np.full(len(samples), np.nan), where=total > 0)
    mean = np.divide((np.where(known, samples, 0.0) * by_sample).sum(axis=1), total, out=number.copy(), where=total > 0)
    low, high = (np.ceil(nbdtrik(share, mean * number + 0.5, number / (number + 1)) - 1e-9) for share in shares)
    return np.maximum(low, 0.0), np.maximum(high, 0.0)
