"""How much of each window was observed: its slots, known and odd, and the longest gap."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.notes import NOTHING
from analysis.queue.facts import Slots
from analysis.schemas.schema import Columns
from analysis.windows import Windows
from collector.record.odd import ODD

NO_SLOTS: Final[Ints] = np.empty(0, np.int64)


def observed(group: Sequence[Slots], windows: Windows) -> Columns:
    """Return the observed slots in each window, over all series of a group, and the longest gap in seconds.

    The time before the first slot of a series is no gap.
    """
    columns: Columns = {"slots": np.sum([windows.slots(slots.known) for slots in group], axis=0)}
    for kind in ODD:
        columns[f"odd_slots_{kind}"] = np.sum([windows.slots(_odd(slots, kind)) for slots in group], axis=0)
    gaps = np.max(
        [
            [_longest_gap(slots.known, max(start, min(slots.known[0], end)), end) for start, end in windows]
            for slots in group
        ],
        axis=0,
    )
    return columns | {"longest_gap_seconds": gaps, "note": NOTHING}


def _odd(slots: Slots, kind: str) -> Ints:
    """Return the odd slots of a kind; slots before the first known slot, or after the last, are moved next to it."""
    return np.clip(slots.odd.get(kind, NO_SLOTS), slots.known[0] + 1, slots.known[-1])


def _longest_gap(slots: Ints, start: int, end: int) -> int:
    start = max(start, min(int(slots[0]), end))
    inside = slots[(slots > start) & (slots <= end)]
    return int(np.diff(np.concatenate([[start], inside, [end]])).max())
