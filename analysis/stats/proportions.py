"""Intervals of proportions, and of the difference of two."""

import numpy as np
from scipy.special import betaincinv

from analysis.arrays import Floats, Ints
from analysis.stats.batches import LEVEL


def jeffreys(
    failed: Floats | Ints, finished: Floats | Ints, phi: Floats | float, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Return Jeffreys' intervals of rates: lower and upper ends, in [0, 1].

    Brown, Cai and DasGupta, Interval estimation for a binomial proportion, Statistical Science 16 (2001), 4.1.3.

    Parameters
    ----------
    failed, finished
        Numbers of jobs; `failed` is at most `finished`.
    phi
        The overdispersion: phi jobs carry as much information as one independent job.

    >>> [round(float(bound), 4) for bound in jeffreys(np.array(10), np.array(100), 1.0)]
    [0.0527, 0.1701]
    """
    a, b = failed / phi + 0.5, (finished - failed) / phi + 0.5
    tail = (1 - level) / 2
    low = np.where(failed <= 0, 0.0, betaincinv(a, b, tail))
    high = np.where(failed >= finished, 1.0, betaincinv(a, b, 1 - tail))
    return low, high


def difference(
    rate: tuple[Floats, Floats, Floats], other: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return the differences of two rates with their intervals, from the rates and the interval of each rate.

    Newcombe's hybrid (method 10 with Jeffreys' intervals): Statistics in Medicine 17 (1998) 873-890.

    Parameters
    ----------
    rate, other
        Rates with the lower and upper ends of their intervals.

    Returns
    -------
    tuple
        `rate` minus `other`, with the lower and upper ends of its interval.
    """
    (p, low, high), (q, other_low, other_high) = rate, other
    return p - q, p - q - np.hypot(p - low, other_high - q), p - q + np.hypot(high - p, q - other_low)
