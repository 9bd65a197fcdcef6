"""What is said of an estimate: marked for the catalogues, in English until somebody reads it."""

from typing import Final

import numpy as np


def mark(_context: str, text: str) -> str:
    """Mark a note or a word of an estimate for the catalogues; it stays English until somebody reads it."""
    return text


def amount(value: float) -> str:
    """Say a capacity: whole nodes, or jobs at once to a tenth.

    >>> [amount(value) for value in (16.0, 5.995, float("nan"))]
    ['16', '6.0', '-']
    """
    whole = np.isclose(value, np.rint(value), rtol=0, atol=1e-9)
    return "-" if np.isnan(value) else f"{value:,.0f}" if whole else f"{value:,.1f}"


TOO_SHORT: Final = mark("note", "fewer than two slots with known counts")
GOOD: Final = mark("note", "good")
WEAK: Final = mark("note", "weak")
NONE: Final = mark("note", "none")
"""How sure the figures of a row are: as their intervals say; less, for a reason; nothing is said."""
