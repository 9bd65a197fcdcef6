"""Counts of a queue over two weeks, and changes to them that make odd or missing answers."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from analysis.record.series import COUNTS, Series
from tests.recorded import KEPT, MONDAY, observed

DAY: Final = 86_400
STEP: Final = 300
DAYS: Final = 14


def queue(retention: float = KEPT, seed: int = 1, kept: int = 0) -> Series:
    """Return the counts of a queue with four servers over two weeks, after `kept` earlier jobs that had completed."""
    draw = np.random.default_rng(seed)
    arrivals = np.sort(draw.uniform(-9 * DAY, DAYS * DAY, 100 * (DAYS + 9)))
    run_seconds = draw.exponential(0.9 * 4 * DAY / 100, len(arrivals))
    free, starts = np.zeros(4) - 9 * DAY, np.empty(len(arrivals))
    for job in range(len(arrivals)):
        server = int(free.argmin())
        starts[job] = max(arrivals[job], free[server])
        free[server] = starts[job] + run_seconds[job]
    outcomes = draw.choice(["Completed", "Failed", "Terminated"], len(arrivals), p=[0.7, 0.2, 0.1]).tolist()
    slots = MONDAY + np.arange(0, DAYS * DAY + 1, STEP)
    ends = starts + run_seconds
    series = observed(slots, arrivals + MONDAY, starts + MONDAY, ends + MONDAY, outcomes, retention)
    counts = series.counts
    return replace(series, counts={**counts, "total": counts["total"] + kept, "Completed": counts["Completed"] + kept})


def emptied(series: Series, slots: Iterable[int], statuses: Iterable[str] = COUNTS) -> Series:
    """Return a series in which some statuses have no jobs in some slots."""
    counts = {name: count.copy() for name, count in series.counts.items()}
    for slot in slots:
        for status in set(statuses) - {"total"}:
            counts[status][slot] = 0
        counts["total"][slot] = sum(count[slot] for name, count in counts.items() if name != "total")
    return replace(series, counts=counts)


def again(series: Series, slot: int, earlier: int) -> Series:
    """Return a series in which a slot has the counts of `earlier` slots before: an old answer was served again."""
    counts = {name: count.copy() for name, count in series.counts.items()}
    for count in counts.values():
        count[slot] = count[slot - earlier]
    return replace(series, counts=counts)


def without(series: Series, slots: Iterable[int]) -> Series:
    """Return a series without the samples of some slots."""
    remaining = np.setdiff1d(np.arange(len(series.slots)), list(slots))
    counts = {name: count[remaining] for name, count in series.counts.items()}
    return replace(series, slots=series.slots[remaining], intervals=series.intervals[remaining], counts=counts)
