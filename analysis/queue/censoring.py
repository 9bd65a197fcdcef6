"""Waits that have not ended when the record does, in statistics censored ones: the estimator of Kaplan and Meier."""

from typing import Final

import numba
import numpy as np

from analysis.arrays import Bools, Floats

MOST_CENSORED: Final = 0.1
"""Where more than this share of a window's jobs still wait nothing is said of their waits but bounds."""


@numba.njit(cache=True, nogil=True)
def share_out(waits: Floats, ended: Bools, jobs: Floats, horizon: float) -> tuple[Floats, Floats]:
    """Return waits, and how many jobs stand for each, once those that still wait are shared out among longer waits.

    Efron's redistribution to the right, which is the product-limit estimator of Kaplan and Meier: a job that waits
    waits on as those do who had waited as long. One that has waited longer than every wait that ended counts with its
    age, up to a horizon as in Irwin's restricted mean: long past, it is the assumed order that lets one wait for ever.

    B. Efron, Proceedings of the 5th Berkeley Symposium 4 (1967) 831-853; E. L. Kaplan and P. Meier, Journal of the
    American Statistical Association 53 (1958) 457-481; J. O. Irwin, Journal of Hygiene 47 (1949) 188-189.

    Parameters
    ----------
    waits
        In seconds; of a wait that has not ended the age.
    ended
        Of each wait whether it has.
    jobs
        Of each wait, above zero.
    horizon
        In seconds: the length of the window. In 821 windows of simulated queues with some that still waited the
        relative error of the mean was 0.131 on average and 0.031 in the median; 0.139 without a horizon, 0.136 up to
        the longest wait that ended, 0.154 where all count with their age.

    Returns
    -------
    tuple
        Waits, the shortest first, and jobs; together as many as came in.
    """
    # Of equal waits those that have ended come first.
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
