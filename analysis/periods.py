"""Windows of a series: what of its flows lies in each, and how much of each was seen."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Floats, Ints

Columns: TypeAlias = dict[str, NDArray[Any] | str | None]
"""What is said of windows: by column a value a window, or one for all."""


def ratio(part: Floats, whole: Floats) -> Floats:
    """Return part over whole, NaN where there is no whole."""
    share: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return share


def between(slots: Ints, flow: Ints, instants: Ints | Floats) -> Floats:
    """Return what flowed until each instant since the first slot, that of each interval spread evenly over it.

    Parameters
    ----------
    slots
        The n slots that bound n - 1 intervals, in seconds.
    flow
        Of each interval.
    """
    until: Floats = np.interp(instants, slots, np.concatenate([[0], np.cumsum(flow)]))
    return until


def bounds_since(slots: Ints, low: Ints, high: Ints, windows: Ints, *, level: bool) -> tuple[Ints, Ints]:
    """Return the fewest and the most that happened in each window, of what had happened since the first slot.

    Parameters
    ----------
    low, high
        Bounds of what had happened until each slot.
    windows
        A row a window: start and end, in seconds.
    level
        Whether what had happened until a window's start is itself in doubt; else what each interval added is.
    """
    starts, ends = windows.T
    last = len(slots) - 1
    before, after = (high, low) if level else (low, high)
    a, b = np.searchsorted(slots, starts), np.searchsorted(slots, ends, side="right") - 1
    fewest = np.where(b > a, low[b] - before[np.minimum(a, last)], 0)
    a = np.maximum(np.searchsorted(slots, starts, side="right") - 1, 0)
    b = np.minimum(np.searchsorted(slots, ends), last)
    most = np.where(b > a, high[b] - after[a], 0)
    return np.maximum(fewest, 0), np.maximum(most, 0)


def coverage(slots: Ints, intervals: Ints, windows: Ints) -> Floats:
    """Return the share of each window's slots that were observed.

    Parameters
    ----------
    slots, intervals
        The observed slots and the poll interval at each, in seconds.
    windows
        A row a window: start and end, in seconds.
    """
    until = np.concatenate([[0], np.cumsum(intervals)])
    before, after = until[np.searchsorted(slots, windows, side="right")].T
    starts, ends = windows.T
    share: Floats = np.minimum((after - before) / np.maximum(ends - starts, 1), 1.0)
    return share
