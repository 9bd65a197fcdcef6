"""How many jobs waited, or were in a status, at the slots at which all of a group was seen."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.queue.conservation import Flows
from analysis.windows import ratio

# Slots further apart than this, in usual distances, have a gap between them.
GAP: Final = 1.5


class Level:
    """How many jobs were in some state at each slot."""

    def __init__(self, slots: Ints, jobs: Ints) -> None:
        jobs = jobs.astype(np.int64, copy=False)
        self.slots, self.jobs = slots, jobs
        length = np.diff(slots)
        seen = length * (length <= GAP * np.median(length)) if len(length) else length
        between_slots = (jobs[1:] + jobs[:-1]) / 2
        self._seen = np.concatenate([[0.0], np.cumsum(seen, dtype=float)])
        self._spent = np.concatenate([[0.0], np.cumsum(between_slots * seen)])

    def mean(self, windows: Ints) -> Floats:
        """Return the mean in each window, gaps left out; NaN where nothing of it was seen."""
        jobs, seconds = (np.diff(np.interp(windows, self.slots, of))[:, 0] for of in (self._spent, self._seen))
        return ratio(jobs, seconds)

    def most(self, windows: Ints) -> Floats:
        """Return the most at any slot of each window; NaN where it has none."""
        first, last = np.searchsorted(self.slots, windows, side="right").T
        most = np.full(len(windows), np.nan)
        some = last > first
        # Two places a window: what lies between windows is looked at too, and left.
        places = np.column_stack([first[some], last[some]]).ravel()
        most[some] = np.maximum.reduceat(np.append(self.jobs, 0), places)[::2]
        return most


def level_of(group: Sequence[Flows], *statuses: str) -> Level:
    """Return how many jobs of a group were in any of some statuses, at the slots at which all of it was seen.

    Without a status: how many waited.

    A series is looked at from its first slot to its last: before it was none, and afterwards it is gone.
    """
    jobs: list[Ints] = [
        np.sum([each.series.counts[status] for status in statuses], axis=0, dtype=np.int64) if statuses else each.queue
        for each in group
    ]
    if len(group) == 1:
        return Level(group[0].series.slots, jobs[0])
    # They rise in each series: that sorts them fast.
    slots = np.sort(np.concatenate([each.series.slots for each in group]), kind="stable")
    slots = slots[np.diff(slots, prepend=slots[:1] - 1) > 0]
    total, known = np.zeros(len(slots), np.int64), np.ones(len(slots), np.bool_)
    for each, counts in zip(group, jobs, strict=True):
        own = each.series.slots
        place = np.searchsorted(slots, own)
        total[place] += counts
        missed = (slots >= own[0]) & (slots <= own[-1])
        missed[place] = False
        known &= ~missed
    return Level(slots[known], total[known])
