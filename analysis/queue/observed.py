"""How much of each window was observed: its slots, known and odd, and the longest gap."""

from collections.abc import Iterable, Sequence
from functools import reduce
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
    """Return the distinct slots in each window, over all series of a group, and the longest gap in seconds.

    The time before the first slot of a series is no gap, nor is the time after the last poll of its pool.
    """
    known = _distinct(slots.known for slots in group)
    columns: Columns = {"slots": windows.slots(known)}
    for kind in ODD:
        odd = _distinct(slots.odd.get(kind, NO_SLOTS) for slots in group)
        # Odd slots before the first known slot, or after the last, are counted next to it.
        columns[f"odd_slots_{kind}"] = windows.slots(np.clip(odd, known[0] + 1, known[-1]))
    gaps = np.max([[_longest_gap(slots, start, end) for start, end in windows] for slots in group], axis=0)
    return columns | {"longest_gap_seconds": gaps, "note": NOTHING}


def _distinct(slots: Iterable[Ints]) -> Ints:
    """Return the slots of all series, each once."""
    return reduce(lambda all_, own: own if np.array_equal(all_, own) else np.union1d(all_, own), slots)


def _longest_gap(slots: Slots, start: int, end: int) -> int:
    """Return the longest time without a known slot in the part of a window that the record covers, in seconds."""
    first, last = int(slots.known[0]), max(int(slots.known[-1]), slots.asked_until)
    start, end = np.clip([start, end], first, last)
    inside = slots.known[(slots.known > start) & (slots.known <= end)]
    return int(np.diff(np.concatenate([[start], inside, [end]])).max())
