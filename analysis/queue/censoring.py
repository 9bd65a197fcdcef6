"""Waits that have not ended when the record does, in statistics censored ones: the estimator of Kaplan and Meier."""

from typing import Final

import numba
import numpy as np

from analysis.arrays import Bools, Floats

MOST_CENSORED: Final = 0.1
"""Where more than this share of a window's jobs still wait nothing is said of their waits but bounds."""


@numba.njit(cache=True, nogil=True)
def masses(ended: Bools, jobs: Floats) -> Floats:
    """Return how many jobs stand for each wait, with those whose wait has not ended shared out among longer waits.

    Efron's redistribution to the right, which is the product-limit estimator of Kaplan and Meier: a job that waits
    waits on as those do who had waited as long. One that has waited longer than every wait that ended keeps its age.

    B. Efron, Proceedings of the 5th Berkeley Symposium 4 (1967) 831-853; E. L. Kaplan and P. Meier, Journal of the
    American Statistical Association 53 (1958) 457-481.

    Parameters
    ----------
    ended
        Of each wait whether it has ended, the shortest first; of equal ones those that have ended first.
    jobs
        Of each wait, above zero.

    Returns
    -------
    numpy.ndarray
        Of each wait; together as many as `jobs`.
    """
    shared = jobs.copy()
    longest = np.flatnonzero(ended)
    if not len(longest):
        return shared
    rest = jobs.sum()
    share = 1.0
    for place in range(len(jobs)):
        rest -= jobs[place]
        shared[place] *= share
        if not ended[place] and place < longest[-1]:
            share *= 1 + jobs[place] / rest
            shared[place] = 0.0
    return shared
