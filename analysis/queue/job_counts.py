"""The number of jobs that waited, or were in a status, at the slots at which all series of a group were observed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints, ratio
from analysis.queue.conservation import Flows
from analysis.windows import Windows

GAP: Final = 1.5
"""Slots further apart than this many usual distances have a gap between them: one poll is missing at least."""


@dataclass(frozen=True)
class JobCount:
    """The number of jobs in some state at each of n slots."""

    slots: Ints
    """In seconds, rising."""
    jobs: Ints
    observed_seconds: Floats
    job_seconds: Floats
    """n: the seconds since the first slot, gaps left out, and the job-seconds in them."""

    def mean(self, windows: Windows) -> Floats:
        """Return the mean number of jobs in each window, gaps left out; NaN where nothing of it was observed."""
        jobs, seconds = (
            np.diff(np.interp(windows.edges, self.slots, until))[:, 0]
            for until in (self.job_seconds, self.observed_seconds)
        )
        return ratio(jobs, seconds)

    def most(self, windows: Windows) -> Floats:
        """Return the largest number of jobs at any slot of each window; NaN where the window has no slot."""
        first, last = windows.places(self.slots)
        most = np.full(len(windows), np.nan)
        some = last > first
        # Two indices per window: the maxima between windows are computed too, and dropped.
        places = np.column_stack([first[some], last[some]]).ravel()
        most[some] = np.maximum.reduceat(np.append(self.jobs, 0), places)[::2]
        return most


def _job_count(slots: Ints, jobs: Ints) -> JobCount:
    jobs = jobs.astype(np.int64, copy=False)
    length = np.diff(slots)
    observed = length * (length <= GAP * np.median(length)) if len(length) else length
    between_slots = (jobs[1:] + jobs[:-1]) / 2
    seconds = np.concatenate([[0.0], np.cumsum(observed, dtype=float)])
    return JobCount(slots, jobs, seconds, np.concatenate([[0.0], np.cumsum(between_slots * observed)]))


def job_count_of(group: Sequence[Flows], *statuses: str) -> JobCount:
    """Return the number of jobs of a group in any of some statuses, at the slots at which all its series were observed.

    Without a status: the number of jobs that waited. A series counts from its first slot to its last; at other slots it
    has no jobs, and need not have been observed.
    """
    jobs: list[Ints] = [
        np.sum([flows.series.counts[status] for status in statuses], axis=0, dtype=np.int64)
        if statuses
        else flows.queue
        for flows in group
    ]
    if len(group) == 1:
        return _job_count(group[0].series.slots, jobs[0])
    # The slots of each series rise already: this sort is fast on them.
    slots = np.sort(np.concatenate([flows.series.slots for flows in group]), kind="stable")
    slots = slots[np.diff(slots, prepend=slots[:1] - 1) > 0]
    total, known = np.zeros(len(slots), np.int64), np.ones(len(slots), np.bool_)
    for flows, counts in zip(group, jobs, strict=True):
        own = flows.series.slots
        place = np.searchsorted(slots, own)
        total[place] += counts
        missed = (slots >= own[0]) & (slots <= own[-1])
        missed[place] = False
        known &= ~missed
    return _job_count(slots[known], total[known])
