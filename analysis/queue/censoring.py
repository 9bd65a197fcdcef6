"""Censored waits, which have not ended when the record ends: the product-limit estimator of Kaplan and Meier."""

from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.compiled import compiled

MOST_CENSORED: Final = 0.1
"""The share of censored waits in a window above which there are bounds of its waits, but no point estimates."""


@compiled
def share_out(waits: Floats, ended: Bools, jobs: Floats, horizon: float) -> tuple[Floats, Floats]:
    """Return waits with their jobs, after the jobs of censored waits are moved to longer waits.

    A censored wait has not ended: only its age is known. Its jobs are shared out among all longer waits, in proportion
    to their jobs. This is Efron's redistribution to the right; it gives the product-limit estimator of Kaplan and
    Meier. A censored wait that is longer than every ended wait keeps its jobs. It counts with its age, but with no more
    than the horizon, or than the longest ended wait where that is longer (Irwin's restricted mean). The assumed
    service discipline can let a job wait for ever, and its age is then extreme.

    B. Efron, Proceedings of the 5th Berkeley Symposium 4 (1967) 831-853; E. L. Kaplan and P. Meier, Journal of the
    American Statistical Association 53 (1958) 457-481; J. O. Irwin, Journal of Hygiene 47 (1949) 188-189.

    Parameters
    ----------
    waits
        Waits in seconds, of length n; the age where a wait has not ended.
    ended
        Whether each wait has ended, of length n.
    jobs
        The number of jobs of each wait, above zero, of length n.
    horizon
        The length of the window, in seconds.

    Returns
    -------
    tuple
        Waits in seconds, the shortest first, and the jobs of each wait; the sum of jobs does not change.

    Notes
    -----
    The horizon was chosen on 821 windows of simulated queues with censored waits, by the relative error of the mean
    wait. With this horizon it was 0.131 on average (0.031 in the median), without a horizon 0.139, with the longest
    ended wait as the horizon 0.136, and where every censored wait counts with its age 0.154.
    """
    # Among equal waits the ended ones come first.
    place = np.concatenate((np.flatnonzero(ended), np.flatnonzero(~ended)))
    place = place[np.argsort(waits[place], kind="mergesort")]
    waits, ended, shared = waits[place], ended[place], jobs[place]
    some = np.flatnonzero(ended)
    if not len(some):
        return np.minimum(waits, horizon), shared
    last = some[-1]
    rest, factor = shared.sum(), 1.0
    for number in range(last):
        own = shared[number]
        rest -= own
        shared[number] = own * factor if ended[number] else 0.0
        if not ended[number]:
            factor *= 1 + own / rest
    shared[last:] *= factor
    return np.minimum(waits, max(waits[last], horizon)), shared
