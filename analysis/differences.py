"""How much a daily figure differs between two periods, after the week's rhythm."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.batches import FEWEST, Days, Fit, explain

FEWEST_DAYS: Final = 2


def difference_of(days: Days, later: NDArray[np.bool_]) -> tuple[Fit, float]:
    """Fit a level to each of two periods.

    Parameters
    ----------
    days
        Those of both, at least `FEWEST_DAYS` each.
    later
        Which are of the second period.

    Returns
    -------
    tuple
        The fit, of which the first coefficient is the level of the first period and the second what the other adds to
        it; and the effective batches of the shorter period. Both have to have ten: the fit has twice those of the
        shorter, or too few.
    """
    fit = explain(days, np.column_stack([np.ones(len(later)), later]))
    alike = (1 + fit.correlation) / (1 - fit.correlation)
    fewest = min(int(later.sum()), int((~later).sum())) / alike
    # As Welch has it: the scarcer period decides how well the scatter is known.
    return replace(fit, batches=2 * fewest if fewest >= FEWEST else fewest), fewest
