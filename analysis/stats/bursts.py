"""How much more failures scatter from day to day than those of independent jobs.

Two jobs of a day have a correlation in whether they fail, and a bad day is often followed by another one. So a job
tells less than an independent one would. From ten days with ends on, the days show how much less. Fewer days do not,
and chance makes their scatter small as often as large: then a prior counts together with these days.
"""

from typing import Final

import numpy as np
from scipy.special import gammaln, ndtri, stdtrit

from analysis.arrays import Floats, Ints
from analysis.stats.batches import LEVEL, without_bias

FEWEST_DAYS: Final = 10
"""The fewest days with ends that show the correlations."""
JOB_CORRELATIONS: Final = np.array([0.00003, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.6])
"""Possible correlations of two jobs of a day, in whether they fail."""
PRIOR: Final = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0.2])
"""How probable each is before the days are seen, as a ratio: days on which nearly all jobs fail are rare."""
DAY_CORRELATION: Final = 0.6
"""The prior correlation of one day's chance to fail with that of the next day."""
DAY_CORRELATION_DAYS: Final = 10
"""The number of days that this is worth."""
PRIOR_FREEDOM: Final = 7
"""The degrees of freedom that the priors of both correlations are worth.

Chosen on simulated records of ten days to four weeks, as in tests/benchmarks/failure_intervals.py, from largest
correlations of jobs of 0.3 to 0.7, correlations of days of 0.3 to 0.6, worth 5 to 20 days, and 3 to 8 degrees of
freedom. With bursts of a day, whose correlation is up to 0.3, all of these intervals hold the rate in about 95 % of the
records or more, and these are among the narrowest. With nodes that are bad for three days, the widest hold it in 90 %,
and these in 86 %."""
YOUNG_CORRELATION: Final = 0.2
"""The correlation of two jobs of a day with fewer days: m jobs a day have an overdispersion of 1 + 0.2 (m - 1)."""
YOUNG_FREEDOM: Final = 8
"""The degrees of freedom that this is worth. Of correlations of 0.05, 0.1 and 0.2 with 2, 4 and 8, this one alone has
intervals that hold the rate in about 90 % or more of young records of every kind of the same benchmark."""
ROWS: Final = 256
"""The number of records that are computed together: more need more memory, and take as long."""


def overdispersion(failed: Floats, finished: Floats, a_day: Floats, lengths: Floats) -> tuple[Floats, Ints]:
    """Return how many jobs tell as much about a failure rate as one independent job, and the number of days with ends.

    Where m jobs end on a day, with a correlation of c, and v correlated days tell as much as one independent day, that
    is 1 + c (m v - 1). It is widened to the quantile of Student's t, because c and v are not known exactly.

    Parameters
    ----------
    failed, finished
        n records by days: the jobs that failed, and all that ended.
    a_day
        n: the jobs a day to which an interval applies. The correlation is for at least so many, also after quiet weeks.
    lengths
        n: the number of days to which it applies, at least 1.
    """
    days: Ints = (finished > 0).sum(axis=1)
    jobs = finished.sum(axis=1)
    # The jobs of the day of a job, as the mean over jobs.
    of_day = np.maximum(np.maximum((finished**2).sum(axis=1) / np.maximum(jobs, 1e-300), a_day), 1.0)
    phi, freedom = _young(failed, finished, days, of_day)
    enough = np.flatnonzero(days >= FEWEST_DAYS)
    for rows in (enough[first : first + ROWS] for first in range(0, len(enough), ROWS)):
        phi[rows], freedom[rows] = _measured(failed[rows], finished[rows], days[rows], of_day[rows], lengths[rows])
    widening = (stdtrit(freedom, (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2)) ** 2
    return phi * widening, days


def _young(failed: Floats, finished: Floats, days: Ints, of_day: Floats) -> tuple[Floats, Floats]:
    """Return the overdispersion of n records of few days, and its degrees of freedom.

    It is the mean of Pearson's chi-square and of a prior, weighted by their degrees of freedom (moderated variances:
    Smyth, Statistical Applications in Genetics and Molecular Biology 3 (2004), 3).
    """
    rate = failed.sum(axis=1) / np.maximum(finished.sum(axis=1), 1e-300)
    expected = finished * rate[:, None]
    variance = expected * (1 - rate[:, None])
    # Where no job failed, or all did, there is no variance.
    squares = np.divide((failed - expected) ** 2, variance, out=np.zeros(variance.shape), where=variance > 0)
    prior = 1 + YOUNG_CORRELATION * (of_day - 1)
    freedom = np.maximum(days - 1, 0.0) + YOUNG_FREEDOM
    return np.maximum(1.0, (YOUNG_FREEDOM * prior + squares.sum(axis=1)) / freedom), freedom


def _measured(failed: Floats, finished: Floats, days: Ints, of_day: Floats, lengths: Floats) -> tuple[Floats, Floats]:
    """Return the overdispersion of n records as their days show it, and its degrees of freedom.

    The failures of a day are taken for beta-binomial, and correlated days for fewer days (Bartlett 1946).
    """
    r = _day_correlation(failed, finished, days)
    inflation = (1 + r) / (1 - r)
    correlation = _probability(failed, finished, inflation) @ JOB_CORRELATIONS
    # An interval of one day has no inflation: the days before and after it are not in it.
    inflation_within = inflation - 2 * r * (1 - r**lengths) / (lengths * (1 - r) ** 2)
    return 1 + correlation * (of_day * inflation_within - 1), days / inflation + PRIOR_FREEDOM


def _day_correlation(failed: Floats, finished: Floats, days: Ints) -> Floats:
    """Return the correlation of the chances to fail of successive days with ends."""
    # Days with ends first, in their order.
    order = np.argsort(finished <= 0, axis=1, kind="stable")
    rate = failed.sum(axis=1) / finished.sum(axis=1)
    residuals = (failed - finished * rate[:, None]) / np.sqrt(np.maximum(finished, 1e-300))
    residuals = np.take_along_axis(np.where(finished > 0, residuals, 0.0), order, 1)
    # Equal days have residuals of zero, but for rounding.
    residuals[np.abs(residuals) < 1e-9] = 0.0
    squares, products = (residuals**2).sum(axis=1), (residuals[:, 1:] * residuals[:, :-1]).sum(axis=1)
    raw = np.divide(products, squares, out=np.zeros(len(days)), where=squares > 0)
    measured = np.where(squares > 0, without_bias(raw, days), 0.0)
    correlation: Floats = (days * measured + DAY_CORRELATION_DAYS * DAY_CORRELATION) / (days + DAY_CORRELATION_DAYS)
    return correlation


def _probability(failed: Floats, finished: Floats, inflation: Floats) -> Floats:
    """Return how probable each of `JOB_CORRELATIONS` is: n by their number. `inflation` days tell as much as one."""
    rate = ((failed.sum(axis=1) + 0.5) / (finished.sum(axis=1) + 1))[:, None]
    size = 1 / JOB_CORRELATIONS - 1
    a, b = (rate * size)[:, None], ((1 - rate) * size)[:, None]
    fails, did_not = failed[:, :, None], np.maximum(finished - failed, 0.0)[:, :, None]
    by_day = gammaln(a + fails) + gammaln(b + did_not) - gammaln(a + b + fails + did_not)
    by_day += gammaln(a + b) - gammaln(a) - gammaln(b)
    likelihood = by_day.sum(axis=1) / inflation[:, None]
    weights = PRIOR * np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    probability: Floats = weights / weights.sum(axis=1, keepdims=True)
    return probability
