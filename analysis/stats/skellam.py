"""The Skellam distribution: the difference of two independent Poisson counts, such as arrivals and ends."""

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.compiled import compiled


@compiled
def cancelled(differences: Ints, rates: Floats) -> Floats:
    """Return the expected smaller one of two Poisson counts, given their difference.

    Two counts with the same mean r and the difference d share, on average, r I(d + 1, 2 r) / I(d, 2 r) events that
    cancel, where I(d, x) is the modified Bessel function of order d. The ratio follows from a continued fraction, which
    no large r or d makes overflow.

    J. G. Skellam, Journal of the Royal Statistical Society 109 (1946) 296; D. E. Amos, Mathematics of Computation 28
    (1974) 239-251, for the ratio and the bound that the fraction begins with.

    Parameters
    ----------
    differences
        n; their sign does not matter.
    rates
        n: the mean of each of the two counts, zero or more.
    """
    shared = np.zeros(len(rates))
    for place in range(len(rates)):
        order, x = abs(differences[place]), 2 * rates[place]
        if x <= 0:
            continue
        # The error of the bound shrinks by the square of the ratio at each order; it is lost within these orders.
        last = int(order + 4 + 3 * np.sqrt(x))
        ratio = x / (last + 1 + np.sqrt((last + 1.0) ** 2 + x * x))
        for lower in range(last - 1, order - 1, -1):
            ratio = 1 / (2 * (lower + 1) / x + ratio)
        shared[place] = rates[place] * ratio
    return shared
