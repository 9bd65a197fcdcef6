"""How much of each window was observed: its slots, known and odd, and the longest gap."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.queue.told import Told
from analysis.windows import Columns
from collector.record.odd import ODD

COLUMNS: Final = ("slots", *(f"odd_slots_{kind}" for kind in ODD))
_NONE: Final[Ints] = np.empty(0, np.int64)


def estimate(group: Sequence[Told], windows: Ints) -> Columns:
    """Count the slots of each window over a group's series, and find the longest gap in one of them, in seconds.

    Parameters
    ----------
    windows
        A row a window: start and end, in seconds.
    """
    counted: Columns = {"slots": np.sum([_counted(told.slots, windows) for told in group], axis=0)}
    for kind in ODD:
        counted[f"odd_slots_{kind}"] = np.sum([_counted(_odd(told, kind), windows) for told in group], axis=0)
    gaps = [max(_longest_gap(told.slots, int(start), int(end)) for told in group) for start, end in windows]
    return counted | {"longest_gap_seconds": np.array(gaps), "note": ""}


def _odd(told: Told, kind: str) -> Ints:
    """Return the odd slots of a kind; those before the first known slot, or after the last, as if beside it."""
    return np.clip(told.odd_slots.get(kind, _NONE), told.slots[0] + 1, told.slots[-1])


def _counted(slots: Ints, windows: Ints) -> Ints:
    inside: Ints = np.diff(np.searchsorted(slots, windows, side="right"))[:, 0]
    return inside


def _longest_gap(slots: Ints, start: int, end: int) -> int:
    inside = slots[(slots > start) & (slots <= end)]
    return int(np.diff(np.concatenate([[start], inside, [end]])).max())
