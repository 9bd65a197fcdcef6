"""Two weeks of a queue, and answers about it that are odd: for tests of what is made of them."""

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
    """Count a queue with four servers over two weeks; `kept` more jobs had completed before."""
    draw = np.random.default_rng(seed)
    came = np.sort(draw.uniform(-9 * DAY, DAYS * DAY, 100 * (DAYS + 9)))
    lasts = draw.exponential(0.9 * 4 * DAY / 100, len(came))
    free, started = np.zeros(4) - 9 * DAY, np.empty(len(came))
    for job in range(len(came)):
        server = int(free.argmin())
        started[job] = max(came[job], free[server])
        free[server] = started[job] + lasts[job]
    outcomes = draw.choice(["Completed", "Failed", "Terminated"], len(came), p=[0.7, 0.2, 0.1]).tolist()
    slots = MONDAY + np.arange(0, DAYS * DAY + 1, STEP)
    series = observed(slots, came + MONDAY, started + MONDAY, started + lasts + MONDAY, outcomes, retention)
    counts = series.counts
    return replace(series, counts={**counts, "total": counts["total"] + kept, "Completed": counts["Completed"] + kept})


def emptied(series: Series, slots: Iterable[int], statuses: Iterable[str] = COUNTS) -> Series:
    """Return a series in some of whose slots some statuses hold nothing."""
    counts = {name: count.copy() for name, count in series.counts.items()}
    for slot in slots:
        for status in set(statuses) - {"total"}:
            counts[status][slot] = 0
        counts["total"][slot] = sum(count[slot] for name, count in counts.items() if name != "total")
    return replace(series, counts=counts)


def again(series: Series, slot: int, earlier: int) -> Series:
    """Return a series in which an answer that is so many slots old was served again."""
    counts = {name: count.copy() for name, count in series.counts.items()}
    for count in counts.values():
        count[slot] = count[slot - earlier]
    return replace(series, counts=counts)


def without(series: Series, slots: Iterable[int]) -> Series:
    """Return a series that was not observed in some slots."""
    seen = np.setdiff1d(np.arange(len(series.slots)), list(slots))
    counts = {name: count[seen] for name, count in series.counts.items()}
    return replace(series, slots=series.slots[seen], intervals=series.intervals[seen], counts=counts)
