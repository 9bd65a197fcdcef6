"""The types of the arrays that estimates pass on, and the ratio of two arrays."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


def ratio(part: Floats, whole: Floats) -> Floats:
    """Return part over whole, element by element; NaN where the whole is not above zero."""
    share: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return share
