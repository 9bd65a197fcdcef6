"""Which of many comparisons are beyond chance together."""

import numpy as np

from analysis.arrays import Bools, Floats


def discoveries(chances: Floats, false_share: float) -> Bools:
    """Return which of some comparisons are chosen so that no more than a share of the chosen ones is chance.

    Benjamini and Hochberg, Journal of the Royal Statistical Society B 57 (1995), 289, as
    `scipy.stats.false_discovery_control` has it, which takes half a second to load.

    Parameters
    ----------
    chances
        Of each comparison, how probable it is that chance alone makes so much of a difference.

    >>> discoveries(np.array([0.001, 0.02, 0.04, 0.5]), 0.05).tolist()
    [True, True, False, False]
    """
    order = np.argsort(chances)
    adjusted = np.empty(len(chances))
    adjusted[order] = chances[order] * (len(chances) / np.arange(1, len(chances) + 1))
    adjusted[order] = np.minimum.accumulate(adjusted[order][::-1])[::-1]
    chosen: Bools = adjusted <= false_share
    return chosen
