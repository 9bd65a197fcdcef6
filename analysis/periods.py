"""Windows of a series: what of an interval between two slots lies in a window, and how much of a window was seen."""

import numpy as np

from analysis.matching import Real, Whole


def shares(slots: Whole, start: int, end: int) -> tuple[slice, Real]:
    """Return the intervals between slots that share an instant with a window, and which share of each lies in it.

    Parameters
    ----------
    slots
        The n slots that bound n - 1 intervals, in seconds.
    """
    first = max(int(np.searchsorted(slots, start, side="right")) - 1, 0)
    last = min(int(np.searchsorted(slots, end)), len(slots) - 1)
    if last <= first:
        return slice(first, first), np.empty(0)
    begins, ends = slots[first:last], slots[first + 1 : last + 1]
    return slice(first, last), (np.minimum(ends, end) - np.maximum(begins, start)) / (ends - begins)


def bounds_since(slots: Whole, low: Whole, high: Whole, start: int, end: int, *, level: bool) -> tuple[int, int]:
    """Return the fewest and the most that happened in a window, of what had happened since the first slot.

    Parameters
    ----------
    low, high
        Bounds of what had happened until each slot.
    level
        Whether what had happened until the window's start is itself in doubt; else what each interval added is.
    """
    a, b = int(np.searchsorted(slots, start)), int(np.searchsorted(slots, end, side="right")) - 1
    fewest = int(low[b] - (high if level else low)[a]) if b > a else 0
    a, b = (
        max(int(np.searchsorted(slots, start, side="right")) - 1, 0),
        min(int(np.searchsorted(slots, end)), len(slots) - 1),
    )
    return max(fewest, 0), max(int(high[b] - (low if level else high)[a]), 0) if b > a else 0


def coverage(slots: Whole, intervals: Whole, starts: Whole, ends: Whole) -> Real:
    """Return the share of each window's slots that were observed.

    Parameters
    ----------
    slots, intervals
        The observed slots and the poll interval at each, in seconds.
    starts, ends
        Of the windows, in seconds.
    """
    until = np.concatenate([[0], np.cumsum(intervals)])
    places = (np.searchsorted(slots, instants, side="right") for instants in (ends, starts))
    after, before = (until[place] for place in places)
    share: Real = np.minimum((after - before) / np.maximum(ends - starts, 1), 1.0)
    return share
