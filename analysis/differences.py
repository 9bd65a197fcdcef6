"""How much a daily figure differs between two periods, after the week's rhythm."""

from dataclasses import replace

import numpy as np

from analysis.arrays import Bools
from analysis.batches import Days, Fit, explain


def difference_of(days: Days, later: Bools) -> Fit:
    """Fit a level to each of two periods.

    Parameters
    ----------
    days
        Those of both, at least two each.
    later
        Which are of the second period.

    Returns
    -------
    Fit
        Its first coefficient is the level of the first period, its second what the other adds to it. Its batches are
        those of the shorter period: both need ten. By that one too the errors are known, as Welch has it.
    """
    fit = explain(days, np.column_stack([np.ones(len(later)), later]))
    alike = (1 + fit.correlation) / (1 - fit.correlation)
    batches = min(int(later.sum()), int((~later).sum())) / alike
    return replace(fit, batches=batches, freedom=max(2 * batches - 2, 1.0))
